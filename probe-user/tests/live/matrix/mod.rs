//! What every kernel must do alike. These tests run here as all others do, and in a virtual
//! machine on each of Debian's kernels (`cargo xtask test --kernel`). There is little in
//! such a machine: the tests need `ip` and `ethtool`, and no other program.
//!
//! Some wait for a machine that lacks something: `bare` for one without its modules, and
//! `refused` for a kernel that is too old. Those of `machine` wait for one that is there for them
//! alone. `cargo xtask test --kernel` runs all of them where they belong.

mod bare;
pub(crate) mod capture;
mod count;
mod instructions;
mod lists;
mod machine;
mod offline;
mod rate;
pub(crate) mod record;
mod refused;
mod rules;

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK,
    Tcp, pin_to_cpu,
    requirements::{Requirement, kernel_version},
    tcp_flags,
};

use crate::{
    rig::{LIMIT, attached},
    scattered::{NOBODY_V4, NOBODY_V6},
};

/// All that these tests need.
const NEEDS: &[Requirement] =
    &[Requirement::Root, Requirement::Tool("ip"), Requirement::Tool("ethtool")];

/// Every hook that can be asked for.
const HOOKS: [&str; 5] = ["xdp", "xdp-native", "xdp-generic", "tcx", "clsact"];

/// The hook that the ready line names: veth has XDP in its driver, and before Linux 6.6 there
/// is no tcx.
fn becomes(hook: &str) -> &str {
    match hook {
        "xdp" => "xdp-native",
        "tcx" if before(6, 6) => "clsact",
        "auto" if before(6, 6) => "xdp-generic",
        "auto" => "tcx",
        hook => hook,
    }
}

/// Whether this kernel is older than a release.
fn before(major: u32, minor: u32) -> bool {
    kernel_version().unwrap() < (major, minor)
}

/// `probe` on the server's link at a hook, attached to that very hook.
fn watching(pair: &Pair, hook: &str, arguments: &[&str]) -> Running {
    let (command, rest) = arguments.split_first().unwrap();
    let all = [&[*command, "-i", SERVER_LINK, "--hook", hook], rest].concat();
    let running = attached(&pair.server, &all);
    let ready = format!("attached to {SERVER_LINK} ({})", becomes(hook));
    running.wait_for_line(&ready, LIMIT).unwrap();
    running
}

/// One frame of each kind, told apart by the rules of [`KINDS`]; to nobody, so that nobody
/// answers.
fn kinds() -> Vec<Vec<u8>> {
    let tcp = |flags| Tcp { source: 40_000, destination: 80, flags, ..Tcp::default() };
    let (v4, v6) = (Frame::ipv4(CLIENT_V4, NOBODY_V4), Frame::ipv6(CLIENT_V6, NOBODY_V6));
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let frames = [
        v4.clone().tcp(tcp(tcp_flags::SYN)),
        v6.clone().tcp(tcp(tcp_flags::SYN)),
        v6.clone().extension(0, &[1, 4, 0, 0, 0, 0]).tcp(tcp(tcp_flags::SYN)),
        v4.clone().tcp(tcp(tcp_flags::PSH | tcp_flags::ACK)).payload(get),
        v6.clone().tagged(0x8100, 42).tcp(tcp(tcp_flags::PSH | tcp_flags::ACK)).payload(get),
        v4.clone().tagged(0x88a8, 7).tagged(0x8100, 42).udp(53, 4_000).payload(&[7; 300]),
        v4.udp(4_000, 53).payload(&[1; 1_400]),
        v6.icmp(128, 0, [0, 1, 0, 2]).payload(&[9; 40]),
    ];
    frames.iter().map(Frame::build).collect()
}

/// A rule, its filter, and which frames of [`kinds`] match it.
const KINDS: [(&str, &str, &[usize]); 9] = [
    ("all", "", &[0, 1, 2, 3, 4, 5, 6, 7]),
    ("syn", "@syn", &[0, 1, 2]),
    ("get", "@get", &[3, 4]),
    ("v4", "ip", &[0, 3, 6]),
    ("query", "udp dst port 53", &[6]),
    ("deep", "udp[1400] = 1", &[6]),
    ("payload", "payload \"GET /\"", &[3, 4]),
    ("long", "greater 300", &[5, 6]),
    ("none", "tcp dst port 81", &[]),
];

/// Sends from the client's end and waits until the server's end has all of it. From one CPU:
/// a veth hands frames over on the CPU of their sender, and each CPU samples by itself.
fn send<F: AsRef<[u8]> + Sync>(pair: &Pair, frames: &[F]) {
    transfer((&pair.client, CLIENT_LINK), (&pair.server, SERVER_LINK), frames);
}

fn transfer<F: AsRef<[u8]> + Sync>(from: (&Namespace, &str), to: (&Namespace, &str), frames: &[F]) {
    transfer_on(0, from, to, frames);
}

/// Sends from a CPU, on which the frames are received, too.
fn transfer_on<F: AsRef<[u8]> + Sync>(
    cpu: usize,
    (from, from_link): (&Namespace, &str),
    (to, to_link): (&Namespace, &str),
    frames: &[F],
) {
    let before = to.counters(to_link).unwrap();
    let sender = FrameSender::open(from, from_link).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin_to_cpu(cpu).unwrap();
            sender.send(frames).unwrap();
        });
    });
    to.wait_for_received(to_link, before, frames.len() as u64, LIMIT).unwrap();
}
