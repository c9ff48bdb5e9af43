//! Lines of tcpdump tutorials, typed as they stand there: `probe capture` in the place of `tcpdump`
//! prints tcpdump's lines.
//!
//! Both look at the same traffic at the same time. Times of day differ by microseconds, since each
//! has a clock of its own, and are left out.

use std::{thread, time::Duration};

use testbed::{
    Finished, Namespace, Running,
    requirements::{Requirement::Tool, met},
    run,
};

use super::server::{A, B, C, NAME, Server};
use crate::rig::{LIMIT, NEEDS, beside_others};

/// Words that stand for the server's and the client's own. H is A.
const WORDS: [&str; 5] = ["A", "B", "C", "H", "NAME"];

/// They go on until Ctrl-C, or have seen enough. With `-l | grep` the shell's part is done here; the
/// one with `time` and `> /dev/null` is run without these, so that its lines can be compared.
const LIVE: [&str; 64] = [
    "tcpdump",
    "tcpdump -i eth0",
    "tcpdump -XvvennSs 0 -i eth0 'tcp[20:2]=0x4745 or tcp[20:2]=0x4854'",
    "tcpdump tcp port 80 -n -X -s 0",
    "tcpdump tcp port 80 -n -s 0 -w FILE",
    "tcpdump tcp port 80 -n -s 0 -X -l",
    "tcpdump tcp port 80 -n -s 0 -X -i eth0",
    "tcpdump tcp port 7001 -n -s 0 -X -i lo",
    "tcpdump host H -i eth0 -c 10 -l -n",
    "tcpdump -i eth0 host H",
    "tcpdump host A and B",
    "tcpdump host A and '(B or C)'",
    "tcpdump -n host A and ! B",
    "tcpdump ip -n host A and ! B",
    "tcpdump -i eth0 src host A",
    "tcpdump -i eth0 dst host A",
    "tcpdump -i eth0 host A and tcp port 80",
    "tcpdump -i eth0 host A and dst port 80",
    "tcpdump -i eth0 port 25",
    "tcpdump -i eth0 src port 25",
    "tcpdump -i eth0 dst port 25",
    "tcpdump -i eth0 net 192.168",
    "tcpdump -i eth0 src net 192.168",
    "tcpdump -i eth0 dst net 192.168",
    "tcpdump -i eth0 net 192.168.152",
    "tcpdump -i eth0 net 192.168.152.0/24",
    "tcpdump -i eth0 arp",
    "tcpdump -i eth0 ip",
    "tcpdump -i eth0 tcp",
    "tcpdump -i eth0 udp",
    "tcpdump -i eth0 icmp",
    "tcpdump -i eth0 '((tcp) and (port 80) and ((dst host A) or (dst host B)))'",
    "tcpdump -i eth0 '((icmp) and ((ether dst host 00:01:02:03:04:05)))'",
    "tcpdump -i eth0 '((tcp) and ((dst net 192.168) and (not dst host A)))'",
    "tcpdump -i eth0 'tcp[tcpflags] = tcp-syn'",
    "tcpdump -i eth0 'tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack != 0'",
    "tcpdump -i eth0 '((port 25) and (tcp[(tcp[12]>>2):4] = 0x4d41494c))'",
    "tcpdump -i eth0 'tcp[(tcp[12]>>2):4] = 0x47455420'",
    "tcpdump -i eth0 'tcp[(tcp[12]>>2):4] = 0x5353482D'",
    "tcpdump -i eth0 '(tcp[(tcp[12]>>2):4] = 0x5353482D) and (tcp[((tcp[12]>>2)+4):2] = 0x312E)'",
    "tcpdump -i eth0 'tcp[0:2] > 1024'",
    "tcpdump -i eth0 udp dst port 53",
    "tcpdump -nn -i eth0 'tcp[tcpflags] = tcp-syn' -c 10000",
    "tcpdump -i eth0 '((port 8000) and (tcp[(tcp[12]>>2):4]=0x47455420))' -nnAl -w FILE",
    "tcpdump -i eth0 host NAME",
    "tcpdump -S -i eth0 host NAME",
    "tcpdump -A -i eth0 host NAME",
    "tcpdump -A -i eth0 -w FILE host NAME",
    "tcpdump -i eth0 'src host NAME'",
    "tcpdump host H -i lo and tcp port 8080",
    "tcpdump host H -i lo and port 8080 -n -w FILE",
    "tcpdump -i eth0 -w FILE",
    "tcpdump -i eth0 -c 10",
    "tcpdump -w FILE -s 1500 tcp port 21 and host NAME",
    "tcpdump host NAME",
    "tcpdump -nn host NAME and port 21",
    "tcpdump -nne host NAME and port 21",
    "tcpdump -n host A and port 23 -w FILE",
    "tcpdump -n host A and port 69 -w FILE",
    "tcpdump -i eth0 less 100",
    "tcpdump -i eth0 greater 100",
    "tcpdump -i eth0 broadcast",
    "tcpdump -i eth0 rarp",
    "tcpdump -i eth0 pppoes and host NAME",
];
/// They read what one of the lines before wrote.
const FILES: [&str; 6] = [
    "tcpdump -r FILE",
    "tcpdump -A -r FILE",
    "tcpdump -AS -r FILE",
    "tcpdump -r FILE | head -4",
    "tcpdump -r FILE | tail -5",
    "tcpdump -X -r FILE > TEXT; cat TEXT",
];
/// Lines at once. A hook takes 64 programs, and memory the rings of fewer.
const AT_ONCE: usize = 16;
/// tcpdump without --immediate-mode hands frames on in blocks, a second late (to_ms in tcpdump.c), and
/// throws away what it has not read when it is interrupted.
const BLOCK: Duration = Duration::from_millis(2500);

/// A line for one of the two programs.
fn line_for(program: &str, line: &str, file: &str) -> String {
    let mut out = String::new();
    let mut rest = line.strip_prefix("tcpdump").expect("each line begins so");
    let on_loopback = line.contains("-i lo");
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end.max(1));
        let is_flag = out.ends_with('-');
        match WORDS.iter().position(|known| *known == word && !is_flag) {
            // On the loopback the host is this one.
            Some(_) if on_loopback => out.push_str("127.0.0.1"),
            Some(0 | 3) => out.push_str(&A.to_string()),
            Some(1) => out.push_str(&B.to_string()),
            Some(2) => out.push_str(&C.to_string()),
            Some(_) => out.push_str(NAME),
            None => match word {
                "FILE" => out.push_str(file),
                "TEXT" => out.push_str(&format!("{file}.txt")),
                _ => out.push_str(word),
            },
        }
        rest = after;
    }
    format!("{program}{out}")
}

fn ours() -> String {
    format!("{} capture", env!("CARGO_BIN_EXE_probe"))
}

/// Starts a line in the namespace, and waits until it looks.
fn start(namespace: &Namespace, line: &str, ready: &str) -> Running {
    let mut shell = namespace.command("sh");
    shell.args(["-c", &format!("exec {line}")]).env("TZ", "UTC");
    let running = Running::spawn(shell).unwrap();
    running.wait_for_line(ready, LIMIT).unwrap_or_else(|error| panic!("{line}: {error:#}"));
    running
}

/// Output without times of day, and with numbers for names: tcpdump waits for the name of a host
/// before it prints a line, `probe capture` does not, and shows names from when they are known on.
fn comparable(text: &str) -> Vec<String> {
    let time = |line: &str| {
        let bytes = line.as_bytes();
        bytes.len() > 15 && bytes[2] == b':' && bytes[5] == b':' && bytes[8] == b'.'
    };
    let text = text.replace(NAME, &A.to_string()).replace("localhost", "127.0.0.1");
    // Interrupted, tcpdump ends the terminal's line that begins with ^C.
    text.trim_end_matches('\n')
        .lines()
        .map(|line| if time(line) { line[15..].into() } else { line.into() })
        .collect()
}

/// What a line came to: what it printed, or what is in the file that it wrote.
fn result(namespace: &Namespace, line: &str, finished: &Finished, file: &str) -> Vec<String> {
    assert_eq!(finished.status.code(), Some(0), "{line}: {}", finished.stderr);
    if !line.contains("-w FILE") {
        return comparable(&finished.text());
    }
    assert!(finished.stdout.is_empty(), "{line}");
    let mut read = namespace.command("tcpdump");
    read.args(["-nnvvXX", "-r", file]).env("TZ", "UTC");
    comparable(&run(read, LIMIT).unwrap().text())
}

fn compare(line: &str, theirs: &[String], ours: &[String]) {
    if theirs == ours {
        return;
    }
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).take(5).cloned().collect()
    };
    panic!(
        "{line}: {} lines of tcpdump, {} of probe\nonly tcpdump: {:#?}\nonly probe: {:#?}",
        theirs.len(),
        ours.len(),
        only(theirs, ours),
        only(ours, theirs),
    );
}

/// A line by both programs.
struct Pair {
    line: &'static str,
    files: [String; 2],
    running: [Running; 2],
}

impl Pair {
    fn start(namespace: &Namespace, number: usize, line: &'static str) -> Self {
        let files = ["theirs", "ours"].map(|whose| format!("/dev/shm/{whose}{number}.pcap"));
        let theirs = start(namespace, &line_for("tcpdump", line, &files[0]), "listening on");
        let ours = start(namespace, &line_for(&ours(), line, &files[1]), "probe: attached to");
        Self { line, files, running: [theirs, ours] }
    }

    /// Ends both as Ctrl-C does, holds their output against each other, and says how many lines it
    /// has.
    fn end(self, namespace: &Namespace) -> usize {
        let Self { line, files, running } = self;
        let [theirs, ours] = running.map(|running| running.interrupt(LIMIT).unwrap());
        let theirs = result(namespace, line, &theirs, &files[0]);
        let ours = result(namespace, line, &ours, &files[1]);
        compare(line, &theirs, &ours);
        theirs.len()
    }
}

#[test]
fn lines_of_tutorials_print_what_tcpdump_prints() {
    if !met(NEEDS) || !met(&[Tool("nft")]) {
        return;
    }
    let _turn = beside_others();
    let server = Server::start().unwrap();
    let namespace = &server.server;
    let mut lines = 0;
    for (batch, group) in LIVE.chunks(AT_ONCE).enumerate() {
        let start = |(at, line)| Pair::start(namespace, batch * AT_ONCE + at, line);
        let pairs: Vec<Pair> = group.iter().copied().enumerate().map(start).collect();
        server.traffic().unwrap();
        thread::sleep(BLOCK);
        for pair in pairs {
            let line = pair.line;
            let printed = pair.end(namespace);
            assert!(printed > 0, "{line}: the traffic has nothing for it");
            lines += printed;
        }
    }
    let written = LIVE.iter().position(|line| *line == "tcpdump -i eth0 -w FILE").unwrap();
    let written = format!("/dev/shm/theirs{written}.pcap");
    for line in FILES {
        let outputs = ["tcpdump", &ours()].map(|program| {
            let mut shell = namespace.command("sh");
            shell.args(["-c", &line_for(program, line, &written)]).env("TZ", "UTC");
            comparable(&run(shell, LIMIT).unwrap().text())
        });
        compare(line, &outputs[0], &outputs[1]);
        assert!(!outputs[0].is_empty(), "{line}");
        lines += outputs[0].len();
    }
    // tcpdump lists what else libpcap was built for, Bluetooth and the like.
    let [theirs, ours] = ["tcpdump", &ours()].map(|program| {
        let mut shell = namespace.command("sh");
        shell.args(["-c", &line_for(program, "tcpdump -D", "")]);
        run(shell, LIMIT).unwrap().text()
    });
    assert!(ours.lines().count() >= 3 && theirs.starts_with(&ours), "{theirs}{ours}");
    assert_eq!(LIVE.len() + FILES.len() + 1, 71);
    println!("71 of 71 command lines, {lines} lines of output");
}
