//! probe as Wireshark's plug-in (extcap(4)), called by tshark as by anybody: an ordinary
//! user, whose probe has its rights from its file.

mod by_hand;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::Command,
    thread,
    time::Duration,
};

use probe_pcap::Reader;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Pair, Running, SCRATCH_DIR, SERVER_LINK,
    Tcp, Tun,
    requirements::{Requirement, met},
    run, tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, beside_others, quiet_pair};

/// Somebody who has no name and no groups on any machine.
const USER: &str = "3999999";

/// A host that is not there: nobody answers, and nothing but what is sent is on the wire.
const NOWHERE: std::net::Ipv4Addr = std::net::Ipv4Addr::new(198, 51, 100, 1);

fn ready() -> bool {
    let tools = ["tshark", "setpriv", "setcap", "mkfifo", "cat"].map(Requirement::Tool);
    let all = met(NEEDS);
    met(&tools) && all
}

/// Wireshark's user, with a folder for everything in the namespace's own tmpfs.
struct Desk<'a> {
    namespace: &'a Namespace,
}

impl<'a> Desk<'a> {
    /// Installs probe as its help says: rights for its file, and a link in the folder of
    /// plug-ins.
    fn new(namespace: &'a Namespace) -> Self {
        let probe = format!("{SCRATCH_DIR}/probe");
        let made = namespace.enter(|| {
            for folder in ["extcap", "home", "tmp"] {
                let folder = format!("{SCRATCH_DIR}/{folder}");
                fs::create_dir(&folder)?;
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
            }
            fs::copy(env!("CARGO_BIN_EXE_probe"), &probe)?;
            Ok(symlink(&probe, format!("{SCRATCH_DIR}/extcap/probe"))?)
        });
        made.unwrap();
        let mut setcap = namespace.command("setcap");
        setcap.arg("cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon+ep").arg(&probe);
        run(setcap, LIMIT).unwrap();
        Self { namespace }
    }

    /// A program that the user calls.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.namespace.command("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--inh-caps", "-all"]);
        command.arg(program).args(arguments);
        command.env("HOME", format!("{SCRATCH_DIR}/home"));
        command.env("TMPDIR", format!("{SCRATCH_DIR}/tmp"));
        command.env("WIRESHARK_EXTCAP_DIR", format!("{SCRATCH_DIR}/extcap"));
        command.env_remove("XDG_CONFIG_HOME").env_remove("SUDO_UID").env_remove("SUDO_GID");
        command
    }

    /// tshark's standard output.
    fn tshark(&self, arguments: &[&str]) -> String {
        run(self.command("tshark", arguments), LIMIT).unwrap().text()
    }

    /// tshark capturing by probe, which is attached.
    fn capturing(&self, interface: &str, arguments: &[&str]) -> Running {
        let log = format!("{SCRATCH_DIR}/tmp/log");
        let preference = interface.replace('-', "_");
        let preference = format!("extcap.{preference}.logfile:{log}");
        let all = [&["-n", "-i", interface, "-o", &preference], arguments].concat();
        let tshark = Running::spawn(self.command("tshark", &all)).unwrap();
        self.wait_for_log("probe: attached to");
        tshark
    }

    /// What probe has put into its log file so far.
    fn log(&self) -> String {
        let read = || Ok(fs::read_to_string(format!("{SCRATCH_DIR}/tmp/log")).unwrap_or_default());
        self.namespace.enter(read).unwrap()
    }

    fn wait_for_log(&self, part: &str) {
        for _ in 0..LIMIT.as_millis() / 10 {
            if self.log().contains(part) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no {part:?} in the log: {}", self.log());
    }

    /// Waits until probe has ended by itself, and told its account.
    fn account(&self) -> BTreeMap<String, u64> {
        self.wait_for_log("probe: seen ");
        crate::rig::ledger(&self.log())
    }
}

/// Frames that differ, to a host that is not there; every second one is TCP to port 80.
fn frames(count: u32) -> Vec<Vec<u8>> {
    let frame = |number: u32| {
        let payload = number.to_be_bytes();
        match number % 2 {
            0 => {
                let tcp = Tcp { destination: 80, flags: tcp_flags::ACK, ..Tcp::default() };
                Frame::ipv4(CLIENT_V4, NOWHERE).tcp(Tcp { sequence: number, ..tcp })
            }
            _ => Frame::ipv4(CLIENT_V4, NOWHERE).udp(1024, 53).payload(&payload),
        }
        .build()
    };
    (0..count).map(frame).collect()
}

fn send(pair: &Pair, frames: &[Vec<u8>]) {
    let before = pair.server.counters(SERVER_LINK).unwrap();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(frames).unwrap();
    let count = frames.len() as u64;
    pair.server.wait_for_received(SERVER_LINK, before, count, LIMIT).unwrap();
}

/// The frames of a file in the namespace.
fn read(namespace: &Namespace, path: &str) -> Vec<Vec<u8>> {
    let bytes = namespace.enter(|| Ok(fs::read(path)?)).unwrap();
    let mut reader = Reader::new(path.into(), Box::new(std::io::Cursor::new(bytes))).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        frames.push(frame.bytes.to_vec());
    }
    frames
}

#[test]
fn tshark_lists_interfaces_without_rights() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let desk = Desk::new(&pair.server);
    // Without its rights, too.
    let mut setcap = pair.server.command("setcap");
    setcap.args(["-r", "/dev/shm/probe"]);
    run(setcap, LIMIT).unwrap();
    let _tun = Tun::new(&pair.server, "tun0").unwrap();
    pair.server.ip(&["link add down0 type veth peer name down1"]).unwrap();
    let list = desk.tshark(&["-D"]);
    let mut listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_once(". ").map(|(_, name)| name))
        .filter(|name| name.starts_with("probe-"))
        .collect();
    listed.sort_unstable();
    let expected = [
        "probe-any (all interfaces, by probe)",
        "probe-lo (lo, by probe)",
        "probe-srv0 (srv0, by probe)",
        "probe-tun0 (tun0, by probe)",
    ];
    assert_eq!(listed, expected, "{list}");
    for (interface, link) in [
        ("probe-any", "EN10MB (Ethernet)"),
        ("probe-srv0", "EN10MB (Ethernet)"),
        ("probe-tun0", "RAW (Raw IP)"),
    ] {
        let links = desk.tshark(&["-i", interface, "-L"]);
        assert_eq!(links.lines().last().map(str::trim), Some(link), "{links}");
    }
    let preferences = desk.tshark(&["-G", "currentprefs"]);
    let ours = |line: &&str| line.starts_with("#extcap.probe_srv0.");
    let ours: Vec<&str> = preferences.lines().filter(ours).map(str::trim_end).collect();
    let expected = [
        "hook:",
        "direction:",
        "snapshotlength: 0",
        "sample: 1",
        "maxrate: 0",
        "buffersize:",
        "vlan:",
        "logfile:",
    ];
    assert_eq!(ours, expected.map(|line| format!("#extcap.probe_srv0.{line}")));
    // A capture says what is missing.
    let refused = desk.command("tshark", &["-n", "-i", "probe-srv0", "-c", "1"]);
    let refused = Running::spawn(refused).unwrap().wait(LIMIT).unwrap();
    assert_ne!(refused.status.code(), Some(0));
    for part in ["Error by extcap pipe: probe: ", "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
}

#[test]
fn tshark_captures_the_frames_that_a_filter_lets_through() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let sent = frames(400);
    let of_port_80: Vec<Vec<u8>> = sent.iter().step_by(2).cloned().collect();
    let of_port_53: Vec<Vec<u8>> = sent.iter().skip(1).step_by(2).cloned().collect();
    for (filter, expected) in [("tcp port 80", &of_port_80), ("@dns", &of_port_53), ("", &sent)] {
        let pair = quiet_pair();
        let desk = Desk::new(&pair.server);
        let file = format!("{SCRATCH_DIR}/tmp/out.pcapng");
        let count = expected.len().to_string();
        let arguments = ["-f", filter, "-w", &file, "-c", &count];
        let tshark = desk.capturing("probe-srv0", &arguments);
        send(&pair, &sent);
        let finished = tshark.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        // What probe says when all goes well is no error.
        assert!(!finished.stderr.contains("Error"), "{}", finished.stderr);
        assert!(read(&pair.server, &file) == *expected, "{filter}: {}", finished.stderr);
        // It has ended by itself, with nothing lost.
        let account = desk.account();
        assert_eq!(account["seen"], 400, "{}", desk.log());
        assert_eq!(account["captured"], expected.len() as u64, "{}", desk.log());
    }
}

#[test]
fn both_directions_and_what_wireshark_shows_of_them() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    const IN: &str = "0x00000001";
    const OUT: &str = "0x00000002";
    const BOTH: &[(&str, u64)] = &[(IN, 6), (OUT, 4)];
    type Choice = (&'static [&'static str], &'static [(&'static str, u64)]);
    let choices: [Choice; 6] = [
        (&[], BOTH),
        (&["direction:inout"], BOTH),
        (&["direction:out"], &[(OUT, 4)]),
        (&["direction:in", "hook:tcx"], &[(IN, 6)]),
        // XDP sees frames received; its frames have no more to tell than that.
        (&["hook:xdp"], &[(IN, 6)]),
        (&["direction:in", "sample:3"], &[(IN, 2)]),
    ];
    for (choice, expected) in choices {
        let pair = quiet_pair();
        let desk = Desk::new(&pair.server);
        let file = format!("{SCRATCH_DIR}/tmp/out.pcapng");
        let count: u64 = expected.iter().map(|(_, count)| count).sum();
        let count = count.to_string();
        let preferences: Vec<String> =
            choice.iter().map(|choice| format!("extcap.probe_srv0.{choice}")).collect();
        let mut arguments = vec!["-w", &file, "-c", &count];
        for preference in &preferences {
            arguments.extend(["-o", preference]);
        }
        let tshark = desk.capturing("probe-srv0", &arguments);
        // Sampling is each CPU's own: one sender, on one CPU.
        on_one_cpu(|| send(&pair, &frames(6)));
        let back = Frame::ipv4(NOWHERE, CLIENT_V4).udp(53, 1024).payload(&[1; 40]).build();
        FrameSender::open(&pair.server, SERVER_LINK).unwrap().send(&vec![back; 4]).unwrap();
        let finished = tshark.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{choice:?}: {}", finished.stderr);
        let fields = ["-e", "frame.packet_flags_direction", "-e", "frame.comment"];
        let lines = desk.tshark(&[&["-r", &file, "-T", "fields"][..], &fields].concat());
        let mut directions: BTreeMap<&str, u64> = BTreeMap::new();
        let sampled = choice.contains(&"sample:3");
        for line in lines.lines() {
            let (direction, comment) = line.split_once('\t').unwrap();
            let expected = if sampled { "rule match: 1 in 3 on each CPU" } else { "" };
            assert_eq!(comment, expected, "{choice:?}");
            *directions.entry(direction).or_default() += 1;
        }
        let expected: BTreeMap<&str, u64> = expected.iter().copied().collect();
        assert_eq!(directions, expected, "{choice:?}: {}", desk.log());
    }
}

fn on_one_cpu(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(|| {
            testbed::pin_to_cpu(0).unwrap();
            work();
        });
    });
}

#[test]
fn a_bad_filter_is_refused() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let desk = Desk::new(&pair.server);
    let capture = desk.command("tshark", &["-n", "-i", "probe-srv0", "-f", "tcp prot 80"]);
    let refused = Running::spawn(capture).unwrap().wait(LIMIT).unwrap();
    assert_ne!(refused.status.code(), Some(0));
    let expected = "Error by extcap pipe: probe: this cannot follow an expression\n  tcp prot 80\n";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    // As Wireshark asks while it is typed; a filter that only earns a note is right.
    for (filter, expected) in [
        ("tcp port 80", ""),
        ("@get and not port 22", ""),
        ("tcp[tcpflags] = tcp-syn", ""),
        ("tcp prot 80", "prot: this cannot follow an expression (expected and, or, or the end)\n"),
    ] {
        let arguments = ["--extcap-capture-filter", filter, "--extcap-interface", "probe-srv0"];
        let program = format!("{SCRATCH_DIR}/extcap/probe");
        let answer = run(desk.command(&program, &arguments), LIMIT).unwrap();
        assert_eq!((answer.text().as_str(), answer.stderr.as_str()), (expected, ""), "{filter}");
    }
}

#[test]
fn all_interfaces_and_a_tun_device() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let desk = Desk::new(&pair.server);
    let tun = Tun::new(&pair.server, "tun0").unwrap();
    let file = format!("{SCRATCH_DIR}/tmp/out.pcapng");
    let names =
        |desk: &Desk<'_>| desk.tshark(&["-r", &file, "-T", "fields", "-e", "frame.interface_name"]);
    let packets = |count| -> Vec<Vec<u8>> {
        frames(count).into_iter().map(|frame| frame[14..].to_vec()).collect()
    };
    let tshark = desk.capturing("probe-any", &["-f", "udp", "-w", &file, "-c", "6"]);
    send(&pair, &frames(4));
    FrameSender::open(&pair.server, "lo").unwrap().send(&frames(4)).unwrap();
    tun.send(&packets(4)).unwrap();
    let finished = tshark.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(!finished.stderr.contains("Error"), "{}", finished.stderr);
    let mut seen: Vec<String> = names(&desk).lines().map(str::to_owned).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["lo", "lo", SERVER_LINK, SERVER_LINK, "tun0", "tun0"]);

    pair.server.enter(|| Ok(fs::remove_file(format!("{SCRATCH_DIR}/tmp/log"))?)).unwrap();
    let packets = packets(8);
    let tshark = desk.capturing("probe-tun0", &["-w", &file, "-c", "8"]);
    tun.send(&packets).unwrap();
    let finished = tshark.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(names(&desk).lines().collect::<Vec<_>>(), ["tun0"; 8]);
    assert!(read(&pair.server, &file) == packets);
}

#[test]
fn an_interface_that_goes_ends_tshark_with_the_reason() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let desk = Desk::new(&pair.server);
    let file = format!("{SCRATCH_DIR}/tmp/out.pcapng");
    let tshark = desk.capturing("probe-srv0", &["-w", &file]);
    send(&pair, &frames(30));
    pair.server.ip(&["link delete srv0"]).unwrap();
    let finished = tshark.wait(LIMIT).unwrap();
    assert!(read(&pair.server, &file) == frames(30), "{}", finished.stderr);
    let expected = "Error by extcap pipe: probe: srv0 is gone: no interface left to watch";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
}
