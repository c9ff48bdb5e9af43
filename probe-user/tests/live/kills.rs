//! What may befall a capture from outside: its interface goes, its folder goes, the
//! reader of its output goes or never comes, a signal. It ends, or goes on, as a person
//! would want it to, says so, and leaves only whole frames.

use std::{fs, thread, time::Duration};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Finished, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK,
    SERVER_V4, Tcp,
    requirements::{Requirement, met},
    run, tcp_flags,
};

use crate::rig::{
    CHOSEN, DELIVERED, LIMIT, NEEDS, attached, beside_others, ledger, probe, quiet_pair,
};

const TOOLS: &[Requirement] = &[Requirement::Tool("mkfifo"), Requirement::Tool("nohup")];

fn ready() -> bool {
    let all = met(NEEDS);
    met(TOOLS) && all
}

/// The server answers with resets, which are no SYNs.
fn frames(count: u32) -> Vec<Vec<u8>> {
    let tcp = |sequence| Tcp { destination: 80, flags: tcp_flags::SYN, sequence, ..Tcp::default() };
    let frame = |number| Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(number)).build();
    (0..count).map(frame).collect()
}

fn send(pair: &Pair, count: u32) {
    let before = pair.server.counters(SERVER_LINK).unwrap();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames(count)).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, count.into(), LIMIT).unwrap();
}

/// Frames of a file, all of them whole.
fn whole(namespace: &Namespace, file: &str) -> u64 {
    let mut command = namespace.command("tcpdump");
    command.args(["-nn", "-r", file, "tcp[tcpflags] = tcp-syn"]);
    let read = run(command, LIMIT).unwrap();
    assert!(!read.stderr.contains("truncated"), "{file}: {}", read.stderr);
    read.text().lines().count() as u64
}

fn capture(pair: &Pair, arguments: &[&str]) -> Running {
    attached(&pair.server, &[&["capture", "-i", SERVER_LINK], arguments, &["@syn"]].concat())
}

fn ended(finished: &Finished, code: i32, said: &[&str]) {
    assert_eq!(finished.status.code(), Some(code), "{}", finished.stderr);
    for part in said {
        assert!(finished.stderr.contains(part), "{part:?}: {}", finished.stderr);
    }
}

/// Waits until a file in the namespace has grown to so many bytes.
fn wait_for_length(namespace: &Namespace, file: &str, bytes: u64) {
    for _ in 0..1000 {
        if namespace.enter(|| Ok(fs::metadata(file)?.len())).unwrap() >= bytes {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{file} does not grow to {bytes} bytes");
}

#[test]
fn an_interface_that_is_deleted_ends_the_capture() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        let capture = capture(&pair, &["--hook", hook, "-w", "/dev/shm/gone.pcap"]);
        send(&pair, 500);
        pair.server.ip(&[format!("link delete {SERVER_LINK}")]).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        ended(&finished, 1, &["probe: srv0 is gone\n", "srv0 is gone: no interface left to watch"]);
        let ledger = ledger(&finished.stderr);
        assert_eq!((ledger[CHOSEN], ledger[DELIVERED]), (500, 500), "{hook}");
        assert_eq!(whole(&pair.server, "/dev/shm/gone.pcap"), 500, "{hook}");
    }
}

#[test]
fn one_of_two_interfaces_is_deleted_and_the_other_goes_on() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let (ours, theirs) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]);
    pair.client.veth(("cli1", ours), &pair.server, ("srv1", theirs)).unwrap();
    let capture = capture(&pair, &["-i", "srv1", "--hook", "tcx", "-w", "/dev/shm/two.pcapng"]);
    FrameSender::open(&pair.client, "cli1").unwrap().send(&frames(5)).unwrap();
    thread::sleep(Duration::from_millis(200));
    pair.server.ip(&["link delete srv1"]).unwrap();
    capture.wait_for_line("probe: srv1 is gone", LIMIT).unwrap();
    send(&pair, 7);
    thread::sleep(Duration::from_millis(200));
    let finished = capture.interrupt(LIMIT).unwrap();
    ended(&finished, 0, &[]);
    assert_eq!(ledger(&finished.stderr)[DELIVERED], 12);
    assert_eq!(whole(&pair.server, "/dev/shm/two.pcapng"), 12);
}

#[test]
fn an_interface_that_goes_down_and_up_is_seen_again() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        let capture = capture(&pair, &["--hook", hook, "-w", "/dev/shm/down.pcap"]);
        send(&pair, 3);
        pair.server.ip(&[format!("link set {SERVER_LINK} down")]).unwrap();
        capture.wait_for_line("probe: srv0 is down: no frames", LIMIT).unwrap();
        pair.server.ip(&[format!("link set {SERVER_LINK} up")]).unwrap();
        capture.wait_for_line("probe: srv0 is up again", LIMIT).unwrap();
        // The other end notices the carrier a little later.
        thread::sleep(Duration::from_millis(200));
        send(&pair, 4);
        let finished = capture.interrupt(LIMIT).unwrap();
        ended(&finished, 0, &[]);
        assert_eq!(ledger(&finished.stderr)[DELIVERED], 7, "{hook}");
        assert_eq!(whole(&pair.server, "/dev/shm/down.pcap"), 7, "{hook}");
    }
}

#[test]
fn a_hang_up_ends_it_unless_it_was_started_by_nohup() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = "/dev/shm/hup.pcap";
    // Whoever started the tests may have used nohup.
    let mut ending = pair.server.command("env");
    ending.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_probe")]);
    ending.args(["capture", "-i", SERVER_LINK, "-w", file, "@syn"]);
    let ending = Running::spawn(ending).unwrap();
    ending.wait_for_line("probe: attached to", LIMIT).unwrap();
    send(&pair, 10);
    ending.signal(libc::SIGHUP).unwrap();
    let finished = ending.wait(LIMIT).unwrap();
    ended(&finished, 0, &["10 packets captured"]);
    assert_eq!(whole(&pair.server, file), 10);

    let mut nohup = pair.server.command("nohup");
    nohup.arg(env!("CARGO_BIN_EXE_probe"));
    nohup.args(["capture", "-i", SERVER_LINK, "-w", file, "@syn"]);
    let nohup = Running::spawn(nohup).unwrap();
    nohup.wait_for_line("probe: attached to", LIMIT).unwrap();
    nohup.signal(libc::SIGHUP).unwrap();
    thread::sleep(Duration::from_millis(200));
    send(&pair, 11);
    ended(&nohup.interrupt(LIMIT).unwrap(), 0, &["11 packets captured"]);
    assert_eq!(whole(&pair.server, file), 11);
}

#[test]
fn a_folder_that_vanishes_ends_a_rotation() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for rotation in [["-C", "10k"], ["-G", "1"]] {
        for remove in [false, true] {
            let pair = quiet_pair();
            pair.server.enter(|| Ok(fs::create_dir("/dev/shm/out")?)).unwrap();
            let base = ["-w", "/dev/shm/out/f%s.pcap"];
            let capture = capture(&pair, &[&rotation[..], &base].concat());
            send(&pair, 40);
            let vanish = || {
                if remove {
                    return Ok(fs::remove_dir_all("/dev/shm/out")?);
                }
                Ok(fs::rename("/dev/shm/out", "/dev/shm/away")?)
            };
            thread::sleep(Duration::from_millis(200));
            pair.server.enter(vanish).unwrap();
            // -G notices by itself; -C does when the next file is due.
            if rotation[0] == "-C" {
                send(&pair, 1000);
            }
            let finished = capture.wait(LIMIT).unwrap();
            ended(&finished, 1, &["creating /dev/shm/out/f", "No such file or directory"]);
            let ledger = ledger(&finished.stderr);
            if !remove {
                let list = || {
                    let entries = fs::read_dir("/dev/shm/away")?;
                    Ok(entries
                        .map(|entry| entry.map(|e| e.path()))
                        .collect::<Result<Vec<_>, _>>()?)
                };
                let files = pair.server.enter(list).unwrap();
                let frames = files.iter().map(|file| whole(&pair.server, file.to_str().unwrap()));
                assert_eq!(frames.sum::<u64>(), ledger[DELIVERED], "{}", finished.stderr);
                assert!(ledger[DELIVERED] >= 40, "{}", finished.stderr);
            }
        }
    }
}

fn make_fifo(namespace: &Namespace) -> &'static str {
    let path = "/dev/shm/fifo";
    let mut mkfifo = namespace.command("mkfifo");
    mkfifo.arg(path);
    run(mkfifo, LIMIT).unwrap();
    path
}

#[test]
fn a_named_pipe_that_nobody_reads_stops_nothing() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let pair = quiet_pair();
        let capture = capture(&pair, &["-w", make_fifo(&pair.server)]);
        capture.wait_for_line("waiting for a reader on /dev/shm/fifo", LIMIT).unwrap();
        send(&pair, 6);
        capture.signal(signal).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        ended(&finished, 0, &["0 packets captured", "6 packets received by filter"]);
        assert_eq!(ledger(&finished.stderr)[CHOSEN], 6);
    }
    // The clock ends it, too.
    let pair = quiet_pair();
    let capture = capture(&pair, &["--duration", "300ms", "-w", make_fifo(&pair.server)]);
    ended(&capture.wait(LIMIT).unwrap(), 0, &["0 packets captured"]);
    // It cannot be the first of many files.
    let arguments = ["capture", "-i", SERVER_LINK, "-C", "1", "-w", "/dev/shm/fifo"];
    let refused = Running::spawn(probe(&pair.server, &arguments)).unwrap().wait(LIMIT).unwrap();
    ended(&refused, 2, &["a named pipe cannot be rotated"]);
}

#[test]
fn a_late_reader_of_a_named_pipe_gets_what_came_before() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let fifo = make_fifo(&pair.server);
    let capture = capture(&pair, &["-w", fifo]);
    capture.wait_for_line("waiting for a reader on", LIMIT).unwrap();
    send(&pair, 20);
    let mut reader = pair.server.command("tcpdump");
    reader.args(["-nn", "-l", "-r", fifo, "-c", "25"]);
    let reader = Running::spawn(reader).unwrap();
    reader.wait_for_line("reading from file", LIMIT).unwrap();
    send(&pair, 5);
    let read = reader.wait(LIMIT).unwrap();
    assert_eq!(read.text().lines().count(), 25, "{}", read.stderr);
    // The reader has had enough and is gone; that ends the capture without another frame.
    let finished = capture.wait(LIMIT).unwrap();
    ended(&finished, 0, &["25 packets captured"]);
    assert!(!finished.stderr.contains("Broken pipe"), "{}", finished.stderr);
}

/// As `probe capture | head -n 3`, but no further frame comes.
#[test]
fn a_reader_that_goes_away_ends_an_idle_capture() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for arguments in [&[][..], &["-w", "-"]] {
        let pair = quiet_pair();
        let (reader, writer) = std::io::pipe().unwrap();
        let arguments = [&["capture", "-i", SERVER_LINK], arguments, &["@syn"]].concat();
        let capture = Running::spawn_to(probe(&pair.server, &arguments), writer.into()).unwrap();
        capture.wait_for_line("probe: attached to", LIMIT).unwrap();
        send(&pair, 3);
        thread::sleep(Duration::from_millis(200));
        drop(reader);
        ended(&capture.wait(LIMIT).unwrap(), 0, &["3 packets captured"]);
    }
}

#[test]
fn signals_that_ask_do_not_end_it() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = "/dev/shm/asked.pcap";
    let capture = capture(&pair, &["-v", "-w", file]);
    send(&pair, 9);
    // A head of 24 bytes, and for each frame one of 16.
    wait_for_length(&pair.server, file, 24 + 9 * (16 + 54));
    capture.signal(libc::SIGUSR2).unwrap();
    capture.signal(libc::SIGUSR1).unwrap();
    let line = capture.wait_for_line("packets received by filter", LIMIT).unwrap();
    let expected = "probe: 9 packets captured, 9 packets received by filter, 0 packets dropped by \
                    kernel";
    assert!(line.ends_with(expected), "{line}");
    thread::sleep(Duration::from_millis(1100));
    let finished = capture.interrupt(LIMIT).unwrap();
    ended(&finished, 0, &["Got 9\r", "9 packets captured\n"]);
    assert_eq!(whole(&pair.server, file), 9);
}

#[test]
fn a_live_count_prints_no_frame() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let capture = capture(&pair, &["--count", "-c", "4"]);
    send(&pair, 4);
    let finished = capture.wait(LIMIT).unwrap();
    ended(&finished, 0, &["4 packets captured"]);
    assert_eq!(finished.text(), "");
}

/// Root may write to a pipe of another user, in a folder of that user's, as it may to a file there:
/// the rights that are kept for files are those for the pipe, too.
#[test]
fn another_users_pipe_is_opened_by_root() {
    if !ready() || !met(&[Requirement::Tool("setpriv")]) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let as_nobody = |words: &[&str]| {
        let mut command = pair.server.command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.args(words);
        command
    };
    let folder = "/dev/shm/theirs";
    pair.server.enter(|| Ok(fs::create_dir(folder)?)).unwrap();
    pair.server
        .enter(|| {
            use std::os::unix::fs::{PermissionsExt as _, chown};
            chown(folder, Some(65_534), Some(65_534))?;
            Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?)
        })
        .unwrap();
    let fifo = "/dev/shm/theirs/fifo";
    run(as_nobody(&["mkfifo", "-m", "600", fifo]), LIMIT).unwrap();
    let reader = Running::spawn(as_nobody(&["tcpdump", "-nn", "-r", fifo])).unwrap();
    let capture = capture(&pair, &["-w", fifo, "-c", "3"]);
    // The line comes before the pipe has its reader.
    send(&pair, 3);
    ended(&capture.wait(LIMIT).unwrap(), 0, &["3 packets captured"]);
    let read = reader.wait(LIMIT).unwrap();
    assert_eq!(read.text().lines().count(), 3, "{}", read.stderr);
}
