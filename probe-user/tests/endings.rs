//! How runs end, of all commands that need no rights: with words that cannot be written, with
//! outputs that do not block, and by a signal while a stream is being read.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, PipeWriter, Read as _, Write as _},
    process::{Child, ChildStdin, Command, Output, Stdio},
    thread,
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

/// Frames of a stream that a signal ends.
const FRAMES: usize = 100;

/// The head of a pcap file (draft-ietf-opsawg-pcap, 4), little-endian, Ethernet.
fn head() -> Vec<u8> {
    let words = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A record (5) of a frame of so many bytes, to UDP port 9 of 192.0.2.1.
fn record(length: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(u16::try_from(length - 14).unwrap().to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1, 0, 9, 0, 9]);
    frame.extend(u16::try_from(length - 34).unwrap().to_be_bytes());
    frame.resize(length, 0);
    let length = u32::try_from(length).unwrap();
    let words = [1_700_000_000, 0, length, length];
    words.iter().flat_map(|word| word.to_le_bytes()).chain(frame).collect()
}

fn capture(frames: usize, length: usize) -> Vec<u8> {
    [head(), record(length).repeat(frames)].concat()
}

/// Whole frames of a pcap file, of which the last record may be cut.
fn whole_frames(bytes: &[u8]) -> usize {
    let mut rest = bytes.strip_prefix(head().as_slice()).expect("the head");
    let mut frames = 0;
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let Some(next) = rest.get(16 + length..) else { break };
        (rest, frames) = (next, frames + 1);
    }
    frames
}

/// A child that is killed if the test fails, lest it wait for ever.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn output(arguments: &[&str], stderr: Stdio) -> Output {
    let mut command = Command::new("timeout");
    command.args(["20", PROBE]).args(arguments).stderr(stderr);
    command.output().expect("the program runs")
}

/// What makes no difference to anything but the words.
fn deaf() -> [(&'static str, Stdio); 3] {
    let (reader, gone) = io::pipe().unwrap();
    drop(reader);
    [
        ("a full disk", File::options().write(true).open("/dev/full").unwrap().into()),
        ("a reader that has gone", gone.into()),
        ("nothing that can be written", File::open("/dev/null").unwrap().into()),
    ]
}

#[test]
fn words_that_cannot_be_written_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, copy, two) = (path("in.pcap"), path("out.pcap"), path("two"));
    fs::write(&file, capture(FRAMES, 60)).unwrap();
    fs::write(&two, format!("{file}\n{file}\n")).unwrap();
    let commands: &[&[&str]] = &[
        &["capture", "-r", &file, "-nn"],
        &["capture", "-V", &two, "-w", &copy],
        &["capture", "-r", &file, "-w", &copy, "-W", "3"],
        &["capture", "-r", &file, "-nn", "-u", "--sample", "2"],
        &["capture", "-r", &file, "--count"],
        &["count", "-r", &file, "--format", "json", "--rule", "x=ip[0]=0x45", "--rule", "y=tcp"],
        &["filter", "port nowhere"],
        &["capture", "-r", "/nothing/there"],
        &["count", "-i", "nothing\x1b-there"],
        &["capture", "--no-such-flag"],
        &["no-such-command"],
        &[],
    ];
    for arguments in commands {
        let heard = output(arguments, Stdio::piped());
        assert!(!heard.stderr.is_empty() || arguments.contains(&"count"), "{arguments:?}");
        let copied = fs::read(&copy).ok();
        for (what, stderr) in deaf() {
            let unheard = output(arguments, stderr);
            assert_eq!(unheard.status.code(), heard.status.code(), "{arguments:?}, {what}");
            assert_eq!(unheard.stdout, heard.stdout, "{arguments:?}, {what}");
            assert_eq!(fs::read(&copy).ok(), copied, "{arguments:?}, {what}");
        }
    }
}

#[test]
fn data_that_cannot_be_written_are_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.pcap");
    fs::write(&file, capture(FRAMES, 60)).unwrap();
    let file = file.to_str().unwrap();
    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["count", "--help"],
        &["filter", "tcp"],
        &["interfaces", "lo"],
        &["capture", "-D"],
        &["capture", "-r", file, "-nn"],
        &["capture", "-r", file, "-w", "-"],
        &["capture", "-r", file, "--count"],
        &["count", "-r", file],
        &["extcap", "--extcap-interfaces"],
    ];
    for arguments in commands {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new("timeout");
        command.args(["20", PROBE]).args(*arguments).stdout(full);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("No space left on device"), "{arguments:?}: {said}");
        assert!(said.starts_with("probe: ") || said.starts_with("reading"), "{said}");
    }
}

/// What others chose, a name or a text, is shown, but does nothing to a terminal.
#[test]
fn no_control_character_reaches_the_terminal() {
    const EVIL: &str = "\x1b]0;x\x07\u{9b}2J\r\x7f";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = path(&format!("in{EVIL}.pcap"));
    let (rules, keys) = (path("rules"), path(&format!("keys{EVIL}")));
    fs::write(&file, capture(1, 60)).unwrap();
    let escaped = EVIL.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<String>();
    let text = format!("[[rule]]\nname = \"r\"\nfilter = \"payload \\\"{escaped}\\\"\"\n");
    fs::write(&rules, text).unwrap();
    fs::write(&keys, format!("[[rule]]\n\"{escaped}\" = 1\n")).unwrap();
    let missing = path(&format!("missing{EVIL}"));
    let commands: &[&[&str]] = &[
        &["capture", "-r", &file, "-nn"],
        &["capture", "-r", &file, "-w", &format!("{missing}/x")],
        &["capture", "-r", &missing],
        &["capture", "-V", &missing],
        &["capture", "-r", &file, "-F", &missing],
        &["count", "-r", &file, "--rules", &rules],
        &["count", "-r", &file, "--rules", &rules, "--format", "csv"],
        &["count", "-r", &file, "--rules", &rules, "--format", "json"],
        &["count", "-r", &file, "--rules", &keys],
        &["count", "-r", &file, "--rules", &missing],
        &["count", "-r", &file, "--rule", EVIL],
        &["count", "-r", &file, "--rule", &format!("x=host {EVIL}")],
        &["count", "-r", &file, EVIL],
        &["count", "-i", EVIL],
        &["count", EVIL, "--hook", EVIL],
        &["interfaces", EVIL],
        &["filter", &format!("payload \"{EVIL}\"")],
        &["filter", "--explain", &format!("payload \"{EVIL}\"")],
        &["filter", &format!("port {EVIL}")],
        &["extcap", "--extcap-interface", EVIL, "--extcap-dlts"],
        &["extcap", "--extcap-interface", "probe-lo", "--extcap-capture-filter", EVIL],
        &["capture", EVIL, &format!("--{EVIL}")],
        &[EVIL],
    ];
    for arguments in commands {
        let output = output(arguments, Stdio::piped());
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8(all).unwrap();
        assert!(!all.is_empty(), "{arguments:?} says nothing");
        let bad = all.chars().find(|&c| c.is_control() && c != '\n');
        assert_eq!(bad, None, "{arguments:?} shows {all:?}");
    }
}

/// A command that reads a stream on its standard input.
fn reading(arguments: &[&str]) -> (Running, ChildStdin) {
    let mut child = Command::new(PROBE)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    (Running(child), stdin)
}

/// Waits until a pipe is empty: all of it was read.
fn read_by_the_other_end(stdin: &ChildStdin) {
    loop {
        let mut left: libc::c_int = 0;
        // SAFETY: FIONREAD writes one number, which lives through the call.
        let result = unsafe {
            libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(stdin), libc::FIONREAD, &raw mut left)
        };
        assert_eq!(result, 0);
        if left == 0 {
            return;
        }
        thread::yield_now();
    }
}

/// Ends it, with its standard input still open.
fn end(mut running: Running, signal: Signal) -> (Option<i32>, Vec<u8>, String) {
    kill(Pid::from_raw(running.0.id() as i32), signal).unwrap();
    let (mut out, mut err) = (Vec::new(), String::new());
    running.0.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    running.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (running.0.wait().unwrap().code(), out, err)
}

#[test]
fn a_signal_ends_a_stream_with_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.pcap");
    let copy = copy.to_str().unwrap();
    let text: &[&str] = &["capture", "-r", "-", "-nn"];
    let file: &[&str] = &["capture", "-r", "-", "-w", copy];
    let stream: &[&str] = &["capture", "-r", "-", "-w", "-"];
    let only: &[&str] = &["capture", "-r", "-", "--count"];
    let table: &[&str] = &["count", "-r", "-", "udp"];
    let json: &[&str] = &["count", "-r", "-", "--format", "json", "udp"];
    let csv: &[&str] = &["count", "-r", "-", "--format", "csv", "udp"];
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        for arguments in [text, file, stream, only, table, json, csv] {
            let (running, mut stdin) = reading(arguments);
            stdin.write_all(&capture(FRAMES, 60)).unwrap();
            // The end comes in the middle of a record, which is nobody's fault.
            stdin.write_all(&record(60)[..30]).unwrap();
            read_by_the_other_end(&stdin);
            let (code, out, err) = end(running, signal);
            assert_eq!(code, Some(0), "{arguments:?} {signal}: {err}");
            let out_text = || String::from_utf8(out.clone()).unwrap();
            let last = || out_text().lines().last().unwrap_or_default().to_owned();
            let frames = match arguments {
                _ if arguments == text => out_text().lines().count(),
                _ if arguments == file => whole_frames(&fs::read(copy).unwrap()),
                _ if arguments == stream => whole_frames(&out),
                _ if arguments == only => last().split(' ').next().unwrap().parse().unwrap(),
                _ if arguments == table => {
                    let text = out_text();
                    let line = text.lines().find(|line| line.starts_with("match ")).unwrap();
                    line.split_whitespace().nth(1).unwrap().parse().unwrap()
                }
                _ if arguments == json => {
                    let line: serde_json::Value = serde_json::from_str(&last()).unwrap();
                    assert_eq!(line["final"], true);
                    line["rules"][0]["packets"].as_u64().unwrap() as usize
                }
                _ => last().split(',').nth(9).unwrap().parse().unwrap(),
            };
            assert_eq!(frames, FRAMES, "{arguments:?} {signal}: {}{err}", out_text());
        }
    }
}

#[test]
fn a_signal_before_a_capture_begins_is_an_end_too() {
    for arguments in [&["capture", "-r", "-", "-nn"], &["count", "-r", "-", "udp"]] {
        let (running, mut stdin) = reading(arguments);
        stdin.write_all(&head()[..10]).unwrap();
        read_by_the_other_end(&stdin);
        let (code, out, err) = end(running, Signal::SIGINT);
        assert_eq!((code, out.len()), (Some(0), 0), "{err}");
        assert!(err.contains("stopped before the header of the file was complete"), "{err}");
    }
}

/// What gathered goes out while nothing comes: the writer still has the pipe open.
#[test]
fn an_idle_pipe_holds_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.pcap");
    let (mut running, mut stdin) = reading(&["capture", "-r", "-", "-nn"]);
    let mut lines = BufReader::new(running.0.stdout.take().unwrap());
    stdin.write_all(&head()).unwrap();
    for _ in 0..3 {
        stdin.write_all(&record(60)).unwrap();
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0);
        assert!(line.contains("192.0.2.1.9: UDP"), "{line}");
    }
    drop((running, stdin));
    let (running, mut stdin) = reading(&["capture", "-r", "-", "-w", copy.to_str().unwrap()]);
    stdin.write_all(&capture(3, 60)).unwrap();
    let length = capture(3, 60).len() as u64;
    while fs::metadata(&copy).map_or(0, |file| file.len()) < length {
        thread::yield_now();
    }
    drop((running, stdin));
}

/// A pipe whose writing end does not block, as somebody who shares it may have made it.
fn without_blocking() -> (io::PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK | OFlag::O_WRONLY)).unwrap();
    (reader, writer)
}

#[test]
fn an_output_that_does_not_block_is_waited_for() {
    const MANY: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.pcap");
    fs::write(&file, capture(MANY, 1_000)).unwrap();
    let rules: String =
        (0..500).map(|n| format!("[[rule]]\nname='r{n}'\nfilter='udp'\n")).collect();
    let many = folder.path().join("rules");
    fs::write(&many, rules).unwrap();
    let (file, many) = (file.to_str().unwrap(), many.to_str().unwrap());
    let text: &[&str] = &["capture", "-r", file, "-nn"];
    let stream: &[&str] = &["capture", "-r", file, "-w", "-"];
    let json: &[&str] = &["count", "-r", file, "--rules", many, "--format", "csv"];
    for arguments in [text, stream, json] {
        let (mut reader, writer) = without_blocking();
        let child = Command::new(PROBE)
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        // Slower than the program, and with a pipe that is full all the time.
        let mut out = Vec::new();
        let mut piece = [0; 1 << 14];
        loop {
            let read = reader.read(&mut piece).unwrap();
            if read == 0 {
                break;
            }
            out.extend_from_slice(&piece[..read]);
            thread::yield_now();
        }
        let mut err = String::new();
        running.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(running.0.wait().unwrap().code(), Some(0), "{arguments:?}: {err}");
        let lines = || out.iter().filter(|&&byte| byte == b'\n').count();
        match arguments {
            _ if arguments == text => assert_eq!(lines(), MANY),
            _ if arguments == stream => assert!(out == fs::read(file).unwrap()),
            _ => assert_eq!(lines(), 1 + 500),
        }
    }
}

/// Whoever reads the output does not, and Ctrl-C ends it all the same.
#[test]
fn a_reader_that_does_not_read_ends_with_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.pcap");
    fs::write(&file, capture(5_000, 1_000)).unwrap();
    let file = file.to_str().unwrap();
    for arguments in [&["capture", "-r", file, "-nn"][..], &["capture", "-r", file, "-w", "-"]] {
        let (reader, writer) = io::pipe().unwrap();
        let full = writer.try_clone().unwrap();
        let mut command = Command::new(PROBE);
        command.args(arguments).stdout(writer).stderr(Stdio::piped());
        let mut running = Running(command.spawn().unwrap());
        // It holds the writing end, too, and the pipe would not end.
        drop(command);
        while !is_full(&full) {
            thread::yield_now();
        }
        kill(Pid::from_raw(running.0.id() as i32), Signal::SIGINT).unwrap();
        let mut err = String::new();
        running.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(running.0.wait().unwrap().code(), Some(1), "{arguments:?}: {err}");
        assert!(err.contains("has stopped reading"), "{arguments:?}: {err}");
        drop(reader);
    }
}

fn is_full(pipe: &PipeWriter) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let fd = std::os::fd::AsFd::as_fd(pipe);
    poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::ZERO).unwrap() == 0
}
