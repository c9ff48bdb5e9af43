//! The units in a system that systemd has booted: start, reload, a bad reload, stop, and a start by
//! a socket.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testbed::run;

use super::System;
use super::system::with_control_groups;
use crate::dist::{Release, Target};

/// Enough to boot, to run the script below, and to shut down.
const LIMIT: Duration = Duration::from_secs(180);
/// Enough for dpkg.
const INSTALL: Duration = Duration::from_secs(60);

/// Runs once the system is up, writes what it finds into /result, and shuts down. XDP on a loopback:
/// `probe interfaces` tells of programs at that hook.
const SCRIPT: &str = r#"#!/bin/bash
exec > /result 2> /messages
get() {
    exec 3<> /dev/tcp/127.0.0.1/9977
    printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
    cat <&3
}
attached() { probe interfaces lo | grep -c 'XDP is in use'; }
rule() { printf '[[rule]]\nname = "%s"\nfilter = "%s"\n' "$1" "$2" >> /etc/probe/probe.toml; }

echo "enabled: $(systemctl is-enabled probe)"
systemctl start probe
echo "default configuration: $(systemctl is-active probe)"
systemctl reset-failed probe

printf 'interfaces = ["lo"]\nhook = "xdp-generic"\n' > /etc/probe/probe.toml
rule all ''
systemctl start probe
echo "start: $?, $(systemctl is-active probe), attached $(attached)"
[ "$(stat -c %u "/proc/$(systemctl show -P MainPID probe)")" = 0 ] && echo "it runs as root"
# Landlock the kernel may not have.
journalctl --no-pager -u probe | grep 'goes without seccomp'
echo "rules: $(get /metrics | grep -c '^probe_rule_packets_total')"
rule syn @syn
systemctl reload probe
echo "reload: $?"
for _ in $(seq 100); do
    rules=$(get /metrics | grep -c '^probe_rule_packets_total')
    [ "$rules" = 2 ] && break
    sleep 0.1
done
echo "rules: $rules"
rule wrong 'no such filter'
systemctl reload probe
echo "bad reload: $?, $(systemctl is-active probe), attached $(attached)"
systemctl stop probe
echo "stop: $?, $(systemctl is-active probe), attached $(attached)"

printf 'listen = "systemd"\ninterfaces = ["lo"]\nhook = "xdp-generic"\n' > /etc/probe/probe.toml
rule all ''
systemctl start probe.socket
echo "sockets: $?, $(systemctl is-active probe), attached $(attached)"
echo "rules: $(get /metrics | grep -c '^probe_rule_packets_total')"
echo "who connects starts it: $(systemctl is-active probe), attached $(attached)"
systemctl stop probe.socket probe
echo "stop: $?, $(systemctl is-active probe), attached $(attached)"
journalctl --no-pager -u probe >&2
systemctl poweroff
"#;

/// What it has to find.
const EXPECTED: &str = "\
enabled: disabled
default configuration: failed
start: 0, active, attached 1
rules: 1
reload: 0
rules: 2
bad reload: 1, active, attached 1
stop: 0, inactive, attached 0
sockets: 0, inactive, attached 0
rules: 1
who connects starts it: active, attached 1
stop: 0, inactive, attached 0
";

const UNIT: &str = "[Unit]\nAfter=multi-user.target\n[Service]\nType=idle\nExecStart=/check.sh\n\
                    [Install]\nWantedBy=multi-user.target\n";

/// Boots Debian 12 with the package, and compares.
pub fn check(release: &Release) -> Result<String> {
    let package = release.package(Target::X86_64);
    let system = System::debian("bookworm", &["systemd-sysv"])?;
    system.put(&package)?;
    let name = package.file_name().context("a name")?.to_string_lossy().into_owned();
    run(system.command(&["dpkg", "--install", &format!("/{name}")]), INSTALL)?;
    fs::write(system.path("/check.sh"), SCRIPT)?;
    run(system.command(&["chmod", "755", "/check.sh"]), INSTALL)?;
    fs::write(system.path("/etc/systemd/system/check.service"), UNIT)?;
    run(system.command(&["systemctl", "enable", "check.service"]), INSTALL)?;

    let booted = run(boot(system.root()), LIMIT);
    let read = |name: &str| fs::read_to_string(system.path(name)).unwrap_or_default();
    let result = read("/result");
    if let Err(error) = booted {
        return Err(error.context(format!("booting; so far:\n{result}{}", read("/messages"))));
    }
    ensure!(result == EXPECTED, "found\n{result}for\n{EXPECTED}\n{}", read("/messages"));
    Ok("start, reload, a bad reload, stop, and a start by a socket as they should be; nothing stays attached".into())
}

/// systemd as process 1, in a network of its own.
fn boot(root: &Path) -> Command {
    let script = "exec systemd-nspawn --quiet --boot --register=no --keep-unit --private-network \
                  --capability=CAP_BPF,CAP_NET_ADMIN,CAP_PERFMON --system-call-filter=bpf \
                  --console=pipe --directory=\"$0\"";
    let mut command = with_control_groups(script);
    command.arg(root);
    command
}
