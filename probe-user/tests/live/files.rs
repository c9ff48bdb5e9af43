//! Files of a live capture: rotation under flood, what pcapng tells, and who it is that
//! writes them.

use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK,
    SERVER_V4, SERVER_V6, Tcp,
    requirements::{Requirement, met},
    run, tcp_flags, trafgen,
};

use crate::rig::{
    CHOSEN, DELIVERED, LIMIT, LOST, NEEDS, alone, ledger, probe, quiet_pair, tcpdump_count,
};

const TOOLS: &[Requirement] =
    &[Requirement::Tool("tshark"), Requirement::Tool("tc"), Requirement::Tool("gzip")];

fn ready() -> bool {
    let all = met(NEEDS);
    met(TOOLS) && all
}

/// An account that has no name and no rights.
const NOBODY: u32 = 4_000_000;

/// Two frames, so that files have records of more than one length.
fn mix() -> Vec<Vec<u8>> {
    let tcp = |flags| Tcp { source: 1024, destination: 80, flags, ..Tcp::default() };
    vec![
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(tcp_flags::SYN)).build(),
        Frame::ipv6(CLIENT_V6, SERVER_V6).tcp(tcp(tcp_flags::ACK)).payload(&[7; 101]).build(),
    ]
}

/// `probe capture`, attached; as if sudo had not been there, but for what `environment` says.
fn capture(pair: &Pair, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
    let mut command = probe(&pair.server, &[&["capture"], arguments].concat());
    command.env_remove("SUDO_UID").env_remove("SUDO_GID").envs(environment.iter().copied());
    let running = Running::spawn(command).unwrap();
    running.wait_for_line("probe: attached to", LIMIT).unwrap();
    running
}

fn flood(pair: &Pair, frames: u64) {
    let before = pair.server.counters(SERVER_LINK).unwrap();
    trafgen(&pair.client, CLIENT_LINK, &mix(), frames, LIMIT).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, frames, LIMIT).unwrap();
}

/// Makes a folder in the namespace's own tmpfs, in which anybody may write.
fn folder(namespace: &Namespace, name: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = format!("/dev/shm/{name}");
    let make = || {
        fs::create_dir(&path)?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?)
    };
    namespace.enter(make).unwrap();
    path
}

/// The files of a folder in the namespace, by name, with their lengths.
fn files(namespace: &Namespace, folder: &str) -> BTreeMap<String, u64> {
    let list = || {
        let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        let named = entries.into_iter().map(|entry| {
            Ok((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()))
        });
        named.collect::<anyhow::Result<_>>()
    };
    namespace.enter(list).unwrap()
}

fn read_bytes(namespace: &Namespace, path: &str) -> Vec<u8> {
    namespace.enter(|| Ok(fs::read(path)?)).unwrap()
}

/// Runs a tool in the namespace; its standard output.
fn tool(namespace: &Namespace, program: &str, arguments: &[&str]) -> String {
    let mut command = namespace.command(program);
    command.args(arguments);
    run(command, LIMIT).unwrap().text()
}

/// Frames of a file as capinfos counts them, packed or not.
fn frames(namespace: &Namespace, path: &str) -> u64 {
    let table = tool(namespace, "capinfos", &["-T", "-r", "-M", "-c", path]);
    let count = table.trim_end().rsplit('\t').next().and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("{table}"))
}

/// Sizes and seconds together, pcap and pcapng: the files hold what the ledger says.
#[test]
fn rotation_under_flood() {
    if !ready() {
        return;
    }
    let _alone = alone();
    const FRAMES: u64 = 400_000;
    for (name, flags) in [
        ("f.pcap", "-C 2"),
        ("f-%s.pcap", "-C 2 -G 1"),
        ("f-%s.pcapng", "-G 1"),
        ("f.pcapng", "-C 4 -W 1000 -z gzip"),
    ] {
        let pair = quiet_pair();
        let folder = folder(&pair.server, "rotated");
        let base = format!("{folder}/{name}");
        let arguments = ["-i", SERVER_LINK, "--hook", "tcx", "-Q", "in", "-w", &base];
        let arguments = [&arguments[..], &flags.split(' ').collect::<Vec<_>>()].concat();
        let capture = capture(&pair, &arguments, &[]);
        for _ in 0..2 {
            flood(&pair, FRAMES / 2);
            thread::sleep(Duration::from_millis(1_100));
        }
        let finished = capture.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let ledger = ledger(&finished.stderr);
        assert_eq!(ledger[CHOSEN], FRAMES, "{flags}");
        // gzip is at work on the last of them for a while.
        let unpacked = |files: &BTreeMap<String, u64>| {
            files.keys().filter(|name| !name.ends_with(".gz")).count()
        };
        let mut names = files(&pair.server, &folder);
        for _ in 0..1_000 {
            if !flags.contains("-z") || unpacked(&names) == 1 {
                break;
            }
            thread::sleep(Duration::from_millis(20));
            names = files(&pair.server, &folder);
        }
        assert!(names.len() > 3, "{flags}: {names:?}");
        if flags.contains("-C 2") {
            // A file is closed by the frame after the one that fills it.
            assert!(names.values().all(|&length| length < 2_000_000 + 2 * 300), "{names:?}");
        }
        let in_files = names.keys().map(|name| frames(&pair.server, &format!("{folder}/{name}")));
        assert_eq!(in_files.sum::<u64>(), ledger[DELIVERED], "{flags}: {}", finished.stderr);
        println!("{name} {flags}: {} files, {} frames", names.len(), ledger[DELIVERED]);
    }
}

/// A ring of files holds the last frames, and as many files as were asked for.
#[test]
fn a_ring_of_files() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let folder = folder(&pair.server, "ring");
    let base = format!("{folder}/r");
    let arguments = ["-i", SERVER_LINK, "--hook", "tcx", "-C", "1", "-W", "3", "-w", &base];
    let capture = capture(&pair, &arguments, &[]);
    flood(&pair, 100_000);
    let finished = capture.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let names = files(&pair.server, &folder);
    assert!(names.keys().eq(["r0", "r1", "r2"]), "{names:?}");
    for name in names.keys() {
        tcpdump_count(&pair.server, Path::new(&format!("{folder}/{name}")), "");
    }
}

/// Files follow each other on an idle link, too, and after the last one it is over.
#[test]
fn seconds_pass_without_frames() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let folder = folder(&pair.server, "idle");
    let base = format!("{folder}/%s.pcap");
    let arguments = ["-i", SERVER_LINK, "--hook", "tcx", "-G", "1", "-W", "3", "-w", &base];
    let capture = capture(&pair, &arguments, &[]);
    let finished = capture.wait(Duration::from_secs(10)).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("Maximum file limit reached: 3"), "{}", finished.stderr);
    let names = files(&pair.server, &folder);
    // Empty files, each a head of 24 bytes, one a second.
    assert!(names.values().eq(&[24; 3]), "{names:?}");
    let seconds = names.keys().map(|name| name.trim_end_matches(".pcap").parse().unwrap());
    let seconds: Vec<u64> = seconds.collect();
    assert_eq!(seconds[2] - seconds[0], 2, "{names:?}");
}

/// The frames of a second are in the file of that second.
#[test]
fn a_file_has_the_frames_of_its_second() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let folder = folder(&pair.server, "seconds");
    let base = format!("{folder}/%s.pcap");
    let arguments = ["-i", SERVER_LINK, "--hook", "tcx", "-G", "1", "-w", &base];
    let capture = capture(&pair, &arguments, &[]);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send_paced(&mix(), 1_500, Some(500.0)).unwrap();
    let finished = capture.interrupt(LIMIT).unwrap();
    assert_eq!(ledger(&finished.stderr)[DELIVERED], 3_000.min(ledger(&finished.stderr)[CHOSEN]));
    let mut count = 0;
    for name in files(&pair.server, &folder).keys() {
        let path = format!("{folder}/{name}");
        let times = tool(&pair.server, "tcpdump", &["-nn", "-tt", "-r", &path]);
        let second = name.trim_end_matches(".pcap");
        for line in times.lines() {
            assert!(line.starts_with(second), "{name}: {line}");
            count += 1;
        }
    }
    assert_eq!(count, ledger(&finished.stderr)[DELIVERED]);
}

/// The value of an option of the first interface statistics block.
fn statistic(file: &[u8], code: u16) -> Option<u64> {
    let word = |at: usize| Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?));
    let mut at = 0;
    while word(at)? != 5 {
        at += word(at + 4)? as usize;
    }
    let end = at + word(at + 4)? as usize;
    at += 20;
    while at < end {
        let (found, length) = (word(at)? & 0xffff, (word(at)? >> 16) as usize);
        if found == u32::from(code) {
            return Some(u64::from_le_bytes(*file.get(at + 4..)?.first_chunk()?));
        }
        at += 4 + length.next_multiple_of(4);
    }
    None
}

/// What was lost is in the file, in a block that Wireshark's own reader takes for what it
/// is (its command-line tools show no more of it than that it is there).
#[test]
fn pcapng_tells_of_losses_filter_and_direction() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let folder = folder(&pair.server, "told");
    let path = format!("{folder}/told.pcapng");
    let arguments = ["-i", SERVER_LINK, "-Q", "in", "-B", "4", "--sample", "2", "-w", &path, "tcp"];
    let capture = capture(&pair, &arguments, &[]);
    // Its reader is held, so that the ring runs full.
    capture.signal(libc::SIGSTOP).unwrap();
    flood(&pair, 300_000);
    capture.signal(libc::SIGCONT).unwrap();
    let finished = capture.interrupt(LIMIT).unwrap();
    let ledger = ledger(&finished.stderr);
    assert!(ledger[LOST] > 0, "{}", finished.stderr);
    let bytes = read_bytes(&pair.server, &path);
    assert_eq!(frames(&pair.server, &path), ledger[DELIVERED]);
    assert_eq!(statistic(&bytes, 4), Some(300_000), "received");
    assert_eq!(statistic(&bytes, 5), Some(ledger[CHOSEN] - ledger[DELIVERED]), "dropped");
    assert_eq!(statistic(&bytes, 6), Some(300_000), "accepted by the filter");
    assert_eq!(statistic(&bytes, 7), Some(ledger[LOST]), "lost in the kernel");
    assert_eq!(statistic(&bytes, 8), Some(ledger[DELIVERED]), "delivered");
    let information = tool(&pair.server, "capinfos", &[&path]);
    let name = format!("Name = {SERVER_LINK}");
    for part in [name.as_str(), "Filter string = tcp", "Number of stat entries = 1"] {
        assert!(information.contains(part), "{part}: {information}");
    }
    let fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.comment"];
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let arguments: Vec<&str> = ["-r", &path, "-T", "fields"].into_iter().chain(fields).collect();
    let lines = tool(&pair.server, "tshark", &arguments);
    assert_eq!(lines.lines().count() as u64, ledger[DELIVERED]);
    let expected = format!("{SERVER_LINK}\t0x00000001\trule match: 1 in 2 on each CPU");
    for line in lines.lines() {
        assert_eq!(line, expected);
    }
}

/// Frames of two interfaces in one file, each with its name and direction.
#[test]
fn several_interfaces_in_one_file() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let folder = folder(&pair.server, "several");
    let path = format!("{folder}/several.pcapng");
    let arguments = ["-i", "lo", "-i", SERVER_LINK, "--hook", "tcx", "-Q", "inout", "-w", &path];
    let capture = capture(&pair, &arguments, &[]);
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&mix()).unwrap();
    FrameSender::open(&pair.server, "lo").unwrap().send(&mix()).unwrap();
    thread::sleep(Duration::from_millis(200));
    let finished = capture.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let arguments = ["-T", "fields", "-e", "frame.interface_name", "-e"];
    let arguments = [&["-r", &path], &arguments[..], &["frame.packet_flags_direction"]].concat();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for line in tool(&pair.server, "tshark", &arguments).lines() {
        *lines.entry(line.to_owned()).or_default() += 1;
    }
    let (inbound, outbound) = ("0x00000001", "0x00000002");
    // The server answers both frames with a reset; on lo each frame is seen once.
    let expected = [(SERVER_LINK, inbound), (SERVER_LINK, outbound), ("lo", inbound)];
    let expected = expected.map(|(name, direction)| (format!("{name}\t{direction}"), 2));
    assert_eq!(lines, BTreeMap::from(expected), "{}", finished.stderr);
}

/// A disk that fills up in the third file: all that is there reads, and adds up.
#[test]
fn a_disk_that_fills_up_while_files_rotate() {
    if !ready() {
        return;
    }
    let _alone = alone();
    for name in ["f.pcap", "f.pcapng"] {
        let pair = quiet_pair();
        let folder = folder(&pair.server, "small");
        let mut mount = pair.server.command("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2500k", "none", &folder]);
        run(mount, LIMIT).unwrap();
        let base = format!("{folder}/{name}");
        let arguments = ["-i", SERVER_LINK, "--hook", "tcx", "-C", "1", "-w", &base];
        let capture = capture(&pair, &arguments, &[]);
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        sender.send_paced(&mix(), 40_000, None).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains("No space left on device"), "{}", finished.stderr);
        let names = files(&pair.server, &folder);
        assert_eq!(names.len(), 3, "{names:?}");
        let mut count = 0;
        for name in names.keys() {
            let mut read = pair.server.command("tcpdump");
            read.args(["-nn", "-r", &format!("{folder}/{name}")]);
            let read = run(read, LIMIT).unwrap();
            assert!(!read.stderr.contains("truncated"), "{}", read.stderr);
            count += read.text().lines().count() as u64;
        }
        assert_eq!(count, ledger(&finished.stderr)[DELIVERED], "{}", finished.stderr);
    }
}

/// User, group and capabilities of all threads of a process.
fn status(process: &Running) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{}/task", process.id())).unwrap() {
        let text = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        for line in text.lines() {
            let (key, value) = line.split_once(':').unwrap();
            let values = found.entry(key.into()).or_default();
            values.extend(value.split_whitespace().map(str::to_owned));
        }
    }
    found
}

/// After attaching, nobody is root any more: not who counts, not who captures.
#[test]
fn privileges_are_dropped() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let id = NOBODY.to_string();
    let sudo = [("SUDO_UID", id.as_str()), ("SUDO_GID", id.as_str())];
    const NONE: &str = "0000000000000000";
    for (command, flags, environment, user, permitted) in [
        ("count", "--format json", &sudo[..], NOBODY, NONE),
        ("rate", "-t 10m", &sudo, NOBODY, NONE),
        ("capture", "-w /dev/shm/sudo.pcap -C 1", &sudo, NOBODY, NONE),
        ("capture", "-w /dev/shm/z.pcapng -Z nobody", &sudo, 65_534, NONE),
        ("capture", "-w /dev/shm/root.pcap", &[], 0, NONE),
        // For the files to come; in force only while one is created. CAP_DAC_OVERRIDE
        ("capture", "-w /dev/shm/root2.pcap -C 1", &[], 0, "0000000000000002"),
        ("capture", "-w /dev/shm/root3.pcap -Z root", &sudo, 0, NONE),
    ] {
        let pair = quiet_pair();
        let flags: Vec<&str> = flags.split(' ').collect();
        let arguments = [&[command, "-i", SERVER_LINK, "-Q", "in"], &flags[..]].concat();
        let mut started = probe(&pair.server, &arguments);
        started.env_remove("SUDO_UID").env_remove("SUDO_GID").envs(environment.iter().copied());
        let process = Running::spawn(started).unwrap();
        process.wait_for_line("probe: attached to", LIMIT).unwrap();
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&mix()).unwrap();
        let status = status(&process);
        for key in ["Uid", "Gid"] {
            assert!(status[key].iter().all(|id| *id == user.to_string()), "{flags:?} {status:?}");
        }
        for key in ["CapEff", "CapInh", "CapAmb", "CapBnd"] {
            assert!(status[key].iter().all(|set| set == NONE), "{flags:?} {key} {status:?}");
        }
        assert!(status["CapPrm"].iter().all(|set| set == permitted), "{flags:?} {status:?}");
        // What is left to do can still be done.
        let finished = process.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        match command {
            "capture" => {
                use std::os::unix::fs::MetadataExt as _;
                assert_eq!(ledger(&finished.stderr)[DELIVERED], 2, "{}", finished.stderr);
                let owner = || Ok(fs::metadata(flags[1])?.uid());
                assert_eq!(pair.server.enter(owner).unwrap(), user, "{flags:?}");
            }
            "count" => assert!(finished.text().contains(r#""seen":{"packets":2"#)),
            _ => assert!(finished.text().starts_with("all packets"), "{}", finished.text()),
        }
    }
}

/// A clsact filter does not go with its process: what takes it off again is kept.
#[test]
fn a_clsact_filter_comes_off_without_root() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let arguments = ["-i", SERVER_LINK, "--hook", "clsact", "-w", "/dev/shm/c.pcap"];
    let capture = capture(&pair, &[&arguments[..], &["-Z", "nobody"]].concat(), &[]);
    // CAP_NET_ADMIN, and nothing else.
    for set in &status(&capture)["CapEff"] {
        assert_eq!(set, "0000000000001000");
    }
    let shown = || tool(&pair.server, "tc", &["filter", "show", "dev", SERVER_LINK, "ingress"]);
    assert!(shown().contains("probe_ingress"), "{}", shown());
    let finished = capture.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(shown(), "");
}

/// Root may write anywhere; the user it becomes may not, and that is said.
#[test]
fn files_are_created_with_the_rights_that_are_left() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let id = NOBODY.to_string();
    let prepare = || {
        use std::os::unix::fs::{PermissionsExt as _, chown};
        fs::create_dir("/dev/shm/theirs")?;
        chown("/dev/shm/theirs", Some(1), Some(1))?;
        Ok(fs::set_permissions("/dev/shm/theirs", fs::Permissions::from_mode(0o700))?)
    };
    pair.server.enter(prepare).unwrap();
    let arguments = ["-i", SERVER_LINK, "--hook", "tcx", "-w", "/dev/shm/theirs/f", "-C", "1"];
    let root = capture(&pair, &arguments, &[]);
    flood(&pair, 30_000);
    let finished = root.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(files(&pair.server, "/dev/shm/theirs").len() > 2);

    let mut user = probe(&pair.server, &[&["capture"], &arguments[..]].concat());
    user.env("SUDO_UID", &id).env("SUDO_GID", &id);
    let finished = Running::spawn(user).unwrap().wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    for part in ["creating /dev/shm/theirs/f: Permission denied", "user 4000000", "-Z"] {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
}
