//! The container's image: built as docs/fleet.md says, looked into, and started as it says there.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{Running, run};
use xtask::shell::root;

use super::System;
use super::system::with_control_groups;
use crate::dist::{Release, Target};

/// Enough to build and to start a container.
const LIMIT: Duration = Duration::from_secs(60);

const CONFIGURATION: &str =
    "interfaces = [\"lo\"]\nlisten = []\n[[rule]]\nname = \"all\"\nfilter = \"\"\n";

/// Makes the image from the release's program, and lets it count on the loopback of a container that has no
/// other interface.
pub fn check(release: &Release) -> Result<String> {
    let store = Store(System::empty()?);
    let program = release.program(Target::X86_64);
    let context = program.parent().unwrap_or(Path::new("."));
    let recipe = root().join("deploy/oci/Containerfile");
    let mut build =
        store.command("buildah", &["build", "--isolation", "chroot", "-t", "probe", "-f"]);
    build.arg(recipe).arg(context);
    run(build, LIMIT)?;

    let ask = |words: &[&str]| -> Result<String> {
        Ok(run(store.command("buildah", words), LIMIT)?.text().trim().to_owned())
    };
    let container = ask(&["from", "probe"])?;
    let mounted = ask(&["mount", &container])?;
    let files: Vec<_> =
        fs::read_dir(&mounted)?.map(|file| Ok(file?.file_name())).collect::<Result<_>>()?;
    ensure!(files == ["probe"], "the image has {files:?}");
    ensure!(fs::read(Path::new(&mounted).join("probe"))? == fs::read(&program)?, "another program");
    ask(&["rm", &container])?;

    let settings = System::empty()?;
    fs::write(settings.path("probe.toml"), CONFIGURATION)?;
    let volume = format!("{}:/etc/probe:ro", settings.root().display());
    let container = |words: &[&str]| {
        let fixed = [
            "--cgroup-manager=cgroupfs",
            "run",
            "--rm",
            "--cgroups=disabled",
            // Where root has not all of its rights: no more than it has.
            "--ulimit=nofile=20000:20000",
            "--ulimit=nproc=9000:9000",
            "--network=none",
            "--read-only",
            "--cap-drop=ALL",
            "--cap-add=BPF,NET_ADMIN,PERFMON",
            "--security-opt=seccomp=unconfined",
            &format!("--volume={volume}"),
            "probe",
        ];
        store.command("podman", &[&fixed[..], words].concat())
    };
    let version = run(container(&["--version"]), LIMIT)?.text();
    ensure!(version.trim() == format!("probe {}", release.version), "version: {version}");
    // Without words it is `probe serve`.
    let serving = Running::spawn(container(&[]))?;
    serving.wait_for_line("probe: attached to lo", LIMIT)?;
    let finished = serving.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
    Ok("the program and nothing else, which counts on the container's loopback".into())
}

/// Where images and containers are while this lasts.
struct Store(System);

impl Store {
    /// `buildah` or `podman` at work there, which leaves nothing on this system.
    fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = with_control_groups("exec \"$0\" \"$@\"");
        command.arg(program).arg("--storage-driver=vfs");
        command.arg("--root").arg(self.0.path("images")).arg("--runroot").arg(self.0.path("run"));
        command.args(words);
        command
    }
}
