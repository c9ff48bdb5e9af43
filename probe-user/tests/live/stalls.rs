//! A disk that stands still while a capture ends: it is waited for, and nothing is lost by it.

use std::{
    io::{self, Read as _},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK, SERVER_V4,
    Tcp,
    requirements::{Requirement, met},
    run, tcp_flags,
};

use crate::rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, alone, attached, ledger, probe, quiet_pair};

/// Where the disk is mounted, in the namespace of the server alone.
const MOUNT: &str = "/dev/shm/disk";
const FILE: &str = "/dev/shm/disk/stalled.pcap";

/// More than the batches between the rings and the writer hold.
const FRAMES: u64 = 40_000;

fn syn() -> Vec<u8> {
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).payload(&[0; 1_000]).build()
}

fn command(namespace: &Namespace, words: &[&str]) -> String {
    let mut command = namespace.command(words[0]);
    command.args(&words[1..]);
    run(command, LIMIT).unwrap_or_else(|error| panic!("{words:?}: {error:#}")).text()
}

/// A file system of its own that can be frozen, as a disk that does not answer. It is thawed,
/// unmounted and given back, however the test ends.
struct Disk<'a> {
    namespace: &'a Namespace,
    device: String,
    frozen: bool,
}

impl<'a> Disk<'a> {
    fn new(namespace: &'a Namespace) -> Self {
        let image = "/dev/shm/disk.image";
        command(namespace, &["mkdir", "-p", MOUNT]);
        command(namespace, &["truncate", "-s", "256M", image]);
        command(namespace, &["mkfs.ext4", "-q", "-E", "lazy_itable_init=1", image]);
        let device = command(namespace, &["losetup", "-f", "--show", image]).trim().to_owned();
        let disk = Self { namespace, device, frozen: false };
        command(namespace, &["mount", &disk.device, MOUNT]);
        disk
    }

    fn freeze(&mut self) {
        command(self.namespace, &["fsfreeze", "-f", MOUNT]);
        self.frozen = true;
    }

    fn thaw(&mut self) {
        self.frozen = false;
        command(self.namespace, &["fsfreeze", "-u", MOUNT]);
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let quiet = |words: &[&str]| {
            let mut command: Command = self.namespace.command(words[0]);
            command.args(&words[1..]);
            let _ = run(command, LIMIT);
        };
        if self.frozen {
            quiet(&["fsfreeze", "-u", MOUNT]);
        }
        quiet(&["umount", MOUNT]);
        quiet(&["losetup", "-d", &self.device]);
    }
}

fn needs() -> Vec<Requirement> {
    let tools = ["mkfs.ext4", "losetup", "fsfreeze"].map(Requirement::Tool);
    [NEEDS, &tools[..]].concat()
}

/// A capture into the file, all frames sent while its disk is frozen.
fn stalled(pair: &Pair, disk: &mut Disk<'_>) -> Running {
    let capture = attached(
        &pair.server,
        &[
            "capture",
            "-i",
            SERVER_LINK,
            "--hook",
            "tcx",
            "-Q",
            "in",
            "-B",
            "65536",
            "-w",
            FILE,
            "tcp",
        ],
    );
    disk.freeze();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send_paced(&[syn()], FRAMES, Some(20_000.0)).unwrap();
    capture
}

fn whole_frames(namespace: &Namespace, file: &str) -> u64 {
    let text = command(namespace, &["capinfos", "-T", "-r", "-c", file]);
    text.split_whitespace().last().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[test]
fn a_disk_that_stalls_at_the_end_costs_nothing() {
    if !met(&needs()) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let mut disk = Disk::new(&pair.server);
    let capture = stalled(&pair, &mut disk);
    capture.signal(libc::SIGINT).unwrap();
    capture.wait_for_line("waiting for the file to be written", LIMIT).unwrap();
    disk.thaw();
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let ledger = ledger(&finished.stderr);
    assert_eq!((ledger[CHOSEN], ledger[DELIVERED]), (FRAMES, FRAMES), "{}", finished.stderr);
    assert_eq!(whole_frames(&pair.server, FILE), FRAMES);
}

#[test]
fn a_second_signal_gives_up_with_the_number() {
    if !met(&needs()) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let mut disk = Disk::new(&pair.server);
    let capture = stalled(&pair, &mut disk);
    capture.signal(libc::SIGINT).unwrap();
    capture.wait_for_line("waiting for the file to be written", LIMIT).unwrap();
    capture.signal(libc::SIGINT).unwrap();
    // The account is there while the disk still stands; the process ends with its write.
    capture.wait_for_line("a second signal ended the writing of the file", LIMIT).unwrap();
    disk.thaw();
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(!finished.stderr.contains("reader"), "{}", finished.stderr);
    let ledger = ledger(&finished.stderr);
    assert_eq!(ledger[CHOSEN], FRAMES, "{}", finished.stderr);
    let in_hand: u64 = finished
        .stderr
        .split_once("the writing of the file; up to ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{}", finished.stderr));
    let most = ledger[DELIVERED] + in_hand;
    let whole = whole_frames(&pair.server, FILE);
    assert!((ledger[DELIVERED]..=most).contains(&whole), "{whole}: {}", finished.stderr);
}

/// Standard output does not block, because somebody who shares it has made it so, and whoever reads
/// is slow: all frames arrive.
#[test]
fn an_output_that_does_not_block_gets_all_frames() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    for (format, bytes) in [(&["-w", "-"][..], true), (&["-nn"], false)] {
        let (mut reader, writer) = io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let arguments =
            ["capture", "-i", SERVER_LINK, "--hook", "tcx", "-Q", "in", "-B", "65536", "tcp"];
        let arguments = [&arguments[..], format].concat();
        let capture = Running::spawn_to(probe(&pair.server, &arguments), writer.into()).unwrap();
        capture.wait_for_line("probe: attached to", LIMIT).unwrap();
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        sender.send_paced(&[syn()], 10_000, Some(40_000.0)).unwrap();
        let reading = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        let finished = capture.interrupt(LIMIT).unwrap();
        let all = reading.join().unwrap().unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let lines = || all.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let whole = if bytes { records(&all) } else { lines() };
        assert_eq!(ledger(&finished.stderr)[DELIVERED], 10_000, "{}", finished.stderr);
        assert_eq!(whole, 10_000);
    }
}

/// Small files and a command for each: a batch of frames takes long, and all are in the account.
#[test]
fn files_that_take_their_time_are_all_in_the_account() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for signals in [1, 2] {
        let pair = quiet_pair();
        command(&pair.server, &["mkdir", "-p", MOUNT]);
        let arguments =
            ["capture", "-i", SERVER_LINK, "--hook", "tcx", "-Q", "in", "-B", "65536", "tcp"];
        let files = ["-C", "1k", "-z", "true", "-w", FILE];
        let capture = attached(&pair.server, &[&arguments[..], &files].concat());
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        sender.send_paced(&[syn()], 4_000, Some(40_000.0)).unwrap();
        for _ in 0..signals {
            capture.signal(libc::SIGINT).unwrap();
            thread::sleep(Duration::from_millis(300));
        }
        let finished = capture.wait(LIMIT).unwrap();
        let ledger = ledger(&finished.stderr);
        assert_eq!(ledger[CHOSEN], 4_000, "{}", finished.stderr);
        let folder = Path::new(MOUNT);
        let count = || {
            let mut frames = 0;
            for file in std::fs::read_dir(folder)? {
                let bytes = std::fs::read(file?.path())?;
                frames += records(&bytes);
            }
            Ok(frames)
        };
        let kept = pair.server.enter(count).unwrap();
        assert_eq!(kept, ledger[DELIVERED], "{signals}: {}", finished.stderr);
        if signals == 1 {
            assert_eq!(kept, 4_000, "{}", finished.stderr);
        }
    }
}

/// Records of a pcap file (draft-ietf-opsawg-pcap), in this machine's byte order.
pub fn records(bytes: &[u8]) -> u64 {
    let (mut at, mut records) = (24, 0);
    while let Some(length) = bytes.get(at + 8..at + 12) {
        at += 16 + u32::from_ne_bytes(length.try_into().unwrap()) as usize;
        records += u64::from(at <= bytes.len());
    }
    records
}
