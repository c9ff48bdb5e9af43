//! Names where they cannot be had: name servers that do not answer, and files of names that have
//! no end. Nothing waits for ever, and the words say what happened.

use std::{fs, os::unix::process::ExitStatusExt as _};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Finished, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK,
    requirements::{Requirement, met},
    run,
};

use crate::{
    rig::{DELIVERED, LIMIT, NEEDS, attached, beside_others, ledger, probe, quiet_pair},
    scattered::NOBODY_V4,
};

const FILES: &[Requirement] =
    &[Requirement::File("/etc/resolv.conf"), Requirement::File("/etc/services")];

/// Puts a file in the place of another one, for all that runs in the namespace from now on.
pub fn bind(namespace: &Namespace, file: &str, place: &str) {
    let mut mount = namespace.command("mount");
    mount.args(["--bind", file, place]);
    run(mount, LIMIT).unwrap();
}

/// Makes a name server of an address that nobody has.
fn silence(namespace: &Namespace, options: &str) {
    let text = format!("nameserver {NOBODY_V4}\noptions {options}\n");
    let file = "/dev/shm/resolv.conf";
    namespace.enter(|| Ok(fs::write(file, text)?)).unwrap();
    bind(namespace, file, "/etc/resolv.conf");
}

/// Longer than `probe` waits.
const ENDLESS: &str = "timeout:30 attempts:5";

fn end(namespace: &Namespace, arguments: &[&str]) -> Finished {
    Running::spawn(probe(namespace, arguments)).unwrap().wait(LIMIT).unwrap()
}

/// Three frames from three hosts, in a file and on their way.
fn frames() -> Vec<Vec<u8>> {
    let from = |port| Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(port, 7).payload(b"a").build();
    [1, 2, 3].map(from).to_vec()
}

fn file_of_frames(pair: &Pair) -> &'static str {
    let file = "/dev/shm/frames.pcap";
    let capture = attached(&pair.server, &["capture", "-i", SERVER_LINK, "-w", file, "-c", "3"]);
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames()).unwrap();
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!(ledger(&finished.stderr)[DELIVERED], 3, "{}", finished.stderr);
    file
}

/// A filter that cannot be understood now is no mistake of the user.
#[test]
fn a_filter_does_not_wait_for_ever() {
    if !met(&[NEEDS, FILES].concat()) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = file_of_frames(&pair);
    for (options, words) in [
        // The C library gives up first.
        ("timeout:1 attempts:1", "no name server answered, or none could resolve it"),
        (ENDLESS, "no name server answered within 10 seconds"),
    ] {
        silence(&pair.server, options);
        for source in [["-i", SERVER_LINK], ["-r", file]] {
            let arguments = ["count", source[0], source[1], "host no.such.example"];
            let Finished { status, stderr, .. } = end(&pair.server, &arguments);
            assert_eq!(status.code(), Some(1), "{source:?}: {stderr}");
            for part in ["host 'no.such.example': ", words, "use an address instead"] {
                assert!(stderr.contains(part), "{source:?}, {part}: {stderr}");
            }
            let waits = "waiting for the name servers to resolve no.such.example";
            assert_eq!(stderr.contains(waits), options == ENDLESS, "{source:?}: {stderr}");
        }
    }
}

/// One that is not known is, and who was asked may tell why.
#[test]
fn a_host_that_is_not_known_is_told_with_who_was_asked() {
    if !met(&[NEEDS, FILES, &[Requirement::File("/etc/nsswitch.conf")]].concat()) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = "/dev/shm/nsswitch.conf";
    let text = "passwd: files\nhosts: files\n";
    pair.server.enter(|| Ok(fs::write(file, text)?)).unwrap();
    bind(&pair.server, file, "/etc/nsswitch.conf");
    let Finished { status, stderr, .. } =
        end(&pair.server, &["count", "-i", SERVER_LINK, "host does.not.exist"]);
    assert_eq!(status.code(), Some(2), "{stderr}");
    let said = "host 'does.not.exist' is not known: asked files of nsswitch.conf in 0.";
    assert!(stderr.contains(said), "{stderr}");
}

/// Nothing is attached yet: the signal ends the process, or the wait.
#[test]
fn a_signal_ends_the_wait_for_a_name() {
    if !met(&[NEEDS, FILES].concat()) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = file_of_frames(&pair);
    silence(&pair.server, ENDLESS);
    for source in [["-i", SERVER_LINK], ["-r", file]] {
        let arguments = ["count", source[0], source[1], "host no.such.example"];
        let running = Running::spawn(probe(&pair.server, &arguments)).unwrap();
        running.wait_for_line("waiting for the name servers", LIMIT).unwrap();
        let Finished { status, stderr, .. } = running.interrupt(LIMIT).unwrap();
        assert!(!stderr.contains("within 10 seconds"), "{source:?}: {stderr}");
        match source[0] {
            "-i" => assert_eq!(status.signal(), Some(libc::SIGINT), "{stderr}"),
            _ => assert_eq!(status.code(), Some(1), "{stderr}"),
        }
    }
}

/// Lines show numbers: at once where they are live, after one wait where they come from a file.
#[test]
fn lines_do_not_wait_for_ever() {
    if !met(&[NEEDS, FILES].concat()) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = file_of_frames(&pair);
    silence(&pair.server, ENDLESS);
    let end_of_wait = "no name server answered about 192.0.2.1 within 10 seconds";

    let finished = end(&pair.server, &["capture", "-r", file, "-t"]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(finished.stderr.matches("no name server").count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains(end_of_wait), "{}", finished.stderr);
    let lines = finished.text();

    let capture = attached(&pair.server, &["capture", "-i", SERVER_LINK, "-t", "-c", "3"]);
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames()).unwrap();
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(!finished.stderr.contains("no name server"), "{}", finished.stderr);
    for text in [lines, finished.text()] {
        assert_eq!(text.matches("IP 192.0.2.1.").count(), 3, "{text}");
        assert_eq!(text.matches(" > 192.0.2.77.").count(), 3, "{text}");
    }
}

/// Files of names are read to a limit, and only where they are files.
#[test]
fn files_of_names_without_an_end() {
    if !met(&[NEEDS, FILES].concat()) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = file_of_frames(&pair);
    // As long as a file may be, and nothing on the disk.
    let long = "/dev/shm/long";
    let length = 1 << 40;
    pair.server.enter(|| Ok(fs::File::create(long)?.set_len(length)?)).unwrap();
    for (endless, words) in
        [("/dev/zero", "not a regular file"), (long, "larger than 16 MiB, the limit")]
    {
        let mut tried = 0;
        for (name, filter, what) in [
            ("services", "port http", "port 'http'"),
            ("protocols", "ip proto \\xtp", "protocol 'xtp'"),
            ("networks", "net loopback", "network 'loopback'"),
            ("ethers", "ether host mine", "Ethernet host 'mine'"),
        ] {
            let path = format!("/etc/{name}");
            // There is something to bind over.
            if !fs::exists(&path).unwrap() {
                continue;
            }
            tried += 1;
            bind(&pair.server, endless, &path);
            let Finished { status, stderr, .. } = end(&pair.server, &["count", "-r", file, filter]);
            assert_eq!(status.code(), Some(1), "{path}: {stderr}");
            let error = format!("{what}: {path}: {words}");
            assert!(stderr.contains(&error), "{path}: {stderr}");
        }
        assert!(tried > 0);
        // Lines go on, with numbers. Addresses are asked for, too, and these are of nobody.
        silence(&pair.server, "timeout:1 attempts:1");
        let finished = end(&pair.server, &["capture", "-r", file, "-t"]);
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let note = format!("/etc/services: {words}; ports are shown as numbers");
        assert!(finished.stderr.contains(&note), "{}", finished.stderr);
        assert_eq!(finished.text().matches(".7: UDP, length 1").count(), 3, "{}", finished.text());
    }
}
