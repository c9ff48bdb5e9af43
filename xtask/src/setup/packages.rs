//! System packages, by apt-get. Each is looked for by what it brings, so that another
//! distribution's packages do as well.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use testbed::requirements::find_tool;

use crate::shell::{as_root, finish, say};

/// What a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The demonstration.
    Demo,
    /// The tests.
    Test,
    /// The benchmarks.
    Bench,
    /// The fuzz targets.
    Fuzz,
    /// The tests in virtual machines.
    Kernel,
    /// Those of them on arm64.
    Arm64,
    /// A release.
    Dist,
    /// What is tried of one before it is given away.
    DistCheck,
}

impl Use {
    /// All of them but arm64, which takes hundreds of megabytes and is asked for by name, and
    /// releases, which few people make.
    pub const ALL: &[Self] = &[Self::Demo, Self::Test, Self::Bench, Self::Fuzz, Self::Kernel];
}

/// A package, what shows that it is there, and who wants it.
struct Package {
    name: &'static str,
    brings: Brings,
    uses: &'static [Use],
}

enum Brings {
    Tool(&'static str),
    File(&'static str),
}

/// The keys with which Debian signs its archives.
pub const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What the browser writes with.
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

/// All that make networks.
const NETWORKS: &[Use] = &[Use::Demo, Use::Test, Use::Bench, Use::Kernel];

const PACKAGES: &[Package] = &[
    package("iproute2", Brings::Tool("ip"), NETWORKS),
    package("ethtool", Brings::Tool("ethtool"), NETWORKS),
    package("tcpdump", Brings::Tool("tcpdump"), NETWORKS),
    package("curl", Brings::Tool("curl"), &[Use::Demo, Use::Test]),
    package("nginx-light", Brings::Tool("nginx"), &[Use::Demo, Use::Test]),
    package("netsniff-ng", Brings::Tool("trafgen"), &[Use::Test, Use::Bench]),
    package("tshark", Brings::Tool("capinfos"), &[Use::Test, Use::Bench]),
    package("iptables", Brings::Tool("iptables"), &[Use::Test, Use::Bench]),
    package("libpcap-dev", Brings::File("/usr/include/pcap/pcap.h"), &[Use::Test]),
    package("libcap2-bin", Brings::Tool("setcap"), &[Use::Test]),
    package("nftables", Brings::Tool("nft"), &[Use::Test, Use::Bench]),
    package("bpftool", Brings::Tool("bpftool"), &[Use::Test]),
    package("iputils-ping", Brings::Tool("ping"), &[Use::Test]),
    package("dnsmasq-base", Brings::Tool("dnsmasq"), &[Use::Test]),
    package("bind9-dnsutils", Brings::Tool("dig"), &[Use::Test]),
    package("openssh-server", Brings::Tool("sshd"), &[Use::Test]),
    package("udhcpc", Brings::Tool("udhcpc"), &[Use::Test]),
    package("prometheus", Brings::Tool("promtool"), &[Use::Test]),
    package("jq", Brings::Tool("jq"), &[Use::Test]),
    package("tmux", Brings::Tool("tmux"), &[Use::Test]),
    package("man-db", Brings::Tool("man"), &[Use::Test]),
    package("fish", Brings::Tool("fish"), &[Use::Test]),
    package("elvish", Brings::Tool("elvish"), &[Use::Test]),
    package("zsh", Brings::Tool("zsh"), &[Use::Test]),
    package("mandoc", Brings::Tool("mandoc"), &[Use::Test]),
    package("openssl", Brings::Tool("openssl"), &[Use::Test]),
    package("systemd", Brings::Tool("systemd-socket-activate"), &[Use::Test]),
    package("chromium", Brings::Tool("chromium"), &[Use::Test]),
    package("chromium-driver", Brings::Tool("chromedriver"), &[Use::Test]),
    package("fonts-dejavu-core", Brings::File(FONT), &[Use::Test]),
    // libFuzzer is C++.
    package("g++", Brings::Tool("c++"), &[Use::Fuzz]),
    package("qemu-system-x86", Brings::Tool("qemu-system-x86_64"), &[Use::Kernel]),
    package("qemu-system-arm", Brings::Tool("qemu-system-aarch64"), &[Use::Arm64]),
    package("busybox-static", Brings::Tool("busybox"), &[Use::Kernel]),
    package("cpio", Brings::Tool("cpio"), &[Use::Kernel]),
    package("xz-utils", Brings::Tool("xz"), &[Use::Kernel]),
    package("debian-archive-keyring", Brings::File(KEYRING), &[Use::Kernel, Use::DistCheck]),
    package("systemd", Brings::Tool("systemd-analyze"), &[Use::Test]),
    package("kubernetes-client", Brings::Tool("kubectl"), &[Use::Test]),
    // For the C in crates, on another kind of machine.
    package("clang", Brings::Tool("clang"), &[Use::Arm64, Use::Dist]),
    // Runs the program that was made for another kind of machine.
    package("qemu-user-static", Brings::Tool("qemu-aarch64-static"), &[Use::Dist]),
    package("git", Brings::Tool("git"), &[Use::Dist]),
    package("lintian", Brings::Tool("lintian"), &[Use::DistCheck]),
    package("mmdebstrap", Brings::Tool("mmdebstrap"), &[Use::DistCheck]),
    package("systemd-container", Brings::Tool("systemd-nspawn"), &[Use::DistCheck]),
    package("buildah", Brings::Tool("buildah"), &[Use::DistCheck]),
    package("podman", Brings::Tool("podman"), &[Use::DistCheck]),
    package("crun", Brings::Tool("crun"), &[Use::DistCheck]),
    package("python3-venv", Brings::Tool("python3"), &[Use::DistCheck]),
];

const fn package(name: &'static str, brings: Brings, uses: &'static [Use]) -> Package {
    Package { name, brings, uses }
}

impl Package {
    fn is_there(&self) -> bool {
        match self.brings {
            Brings::Tool(name) => find_tool(name).is_some(),
            Brings::File(path) => Path::new(path).is_file(),
        }
    }
}

/// Installs what is missing for these uses.
pub fn packages(uses: &[Use]) -> Result<()> {
    let missing: Vec<&str> = (PACKAGES.iter())
        .filter(|package| package.uses.iter().any(|one| uses.contains(one)))
        .filter(|package| !package.is_there())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() { Ok(()) } else { apt_get("demonstration and tests", &missing) }
}

/// Installs packages; services among them are not started: nginx is wanted inside
/// namespaces only, not on the machine's port 80.
pub fn apt_get(purpose: &str, names: &[&str]) -> Result<()> {
    if find_tool("apt-get").is_none() {
        bail!("missing for {purpose}: {}; there is no apt-get, install them", names.join(", "));
    }
    say(format!("{purpose}: installing {}", names.join(", ")));
    // policy-rc.d is how Debian is told not to start services (invoke-rc.d(8)); one that is
    // there already stays.
    let script = "set -e
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap 'rm -f $policy' EXIT
            printf '#!/bin/sh\\nexit 101\\n' > $policy
            chmod 755 $policy
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        apt-get -qq install --yes --no-install-recommends \"$@\"";
    let mut shell = as_root("sh", &[]);
    shell.args(["-c", script, "apt-get-install"]).args(names);
    finish(shell)
}

/// The version of a package that apt-get would install.
pub fn candidate_of(name: &str) -> Option<String> {
    let output = Command::new("apt-cache").args(["policy", name]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}
