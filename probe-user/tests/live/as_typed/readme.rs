//! Every command line in the code blocks of README.md, docs/examples.md and docs/jobs, run as it
//! stands there.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use serde_json::Value;
use testbed::{
    CLIENT_LINK, Frame, FrameSender, Namespace, Running, Tcp,
    requirements::{Requirement::Tool, met},
    run, tcp_flags,
};

use super::server::{A, B, DROPPED, LINK, MAC, REFUSED, REJECTED, Server};
use crate::rig::{LIMIT, NEEDS, attached, beside_others};

/// The pages. Blocks marked as text are of results.
const PAGES: [&str; 6] = [
    include_str!("../../../../README.md"),
    include_str!("../../../../docs/examples.md"),
    include_str!("../../../../docs/jobs/flood.md"),
    include_str!("../../../../docs/jobs/who.md"),
    include_str!("../../../../docs/jobs/port.md"),
    include_str!("../../../../docs/jobs/incident.md"),
];

/// Lines that are not run here, by how they begin, and why.
const EXEMPT: [(&str, &str); 4] = [
    ("cargo xtask ", "builds the project; xtask/tests/demo.rs runs the demonstration"),
    (
        "probe diagnose www.",
        "needs name servers and the Internet; tests/live/diagnose.rs has ports of its own",
    ),
    ("probe top ", "wants a terminal; tests/live/top.rs has one"),
    ("tshark -i probe-eth0", "wants a link in Wireshark's folder; tests/live/extcap.rs makes one"),
];
/// What is left out of a line, and why: another machine, and a window.
const REPLACED: [(&str, &str); 2] = [("ssh server ", ""), ("wireshark -k -i -", "tshark -n -r -")];

/// Lines in code blocks, the continued ones as one, without prompts and comments.
fn lines() -> Vec<String> {
    let blocks = PAGES.iter().flat_map(|page| page.split("```").skip(1).step_by(2));
    let text: Vec<&str> = (blocks.filter_map(|block| block.split_once('\n')))
        .filter_map(|(kind, text)| (kind != "text").then_some(text))
        .collect();
    let text = text.concat().replace("\\\n", " ");
    let lines = text.lines().map(|line| line.strip_prefix("$ ").unwrap_or(line).trim());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Starts a line in a folder of its own, and waits until it looks, if it looks at anything live.
fn start(namespace: &Namespace, line: &str) -> Running {
    let line = REPLACED.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to));
    let program = env!("CARGO_BIN_EXE_probe");
    let folder = std::path::Path::new(program).parent().expect("a folder").display();
    let mut shell = namespace.command("sh");
    shell.args(["-c", &format!("cd /dev/shm; PATH={folder}:$PATH; {line}")]);
    let running = Running::spawn(shell).unwrap();
    if line.contains("-i ") {
        let ready = running.wait_for_line("probe: attached to", LIMIT);
        ready.unwrap_or_else(|error| panic!("{line}: {error:#}"));
    }
    running
}

/// Ends what a shell runs, as Ctrl-C does to a program that a terminal gave it to.
fn interrupt(shell: &Running) {
    let children = format!("/proc/{0}/task/{0}/children", shell.id());
    let children = fs::read_to_string(children).unwrap_or_default();
    let ids = children.split_whitespace().map(str::to_owned).chain([shell.id().to_string()]);
    for id in ids {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        if name.trim() == "probe" {
            let id = nix::unistd::Pid::from_raw(id.parse().expect("a number"));
            nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
        }
    }
}

/// SYNs of which `-c 10000` wants as many, requests of which `-c 20` does, and datagrams of which
/// `--sample 1000` takes one. Nobody listens.
fn flood(server: &Server) {
    let segment = |flags, payload: &[u8]| {
        let tcp = Tcp { source: 40_000, destination: 80, flags, ..Tcp::default() };
        let mut frame = Frame::ipv4(A, B).tcp(tcp).payload(payload).build();
        frame[..6].copy_from_slice(&MAC);
        frame
    };
    let mut frames = vec![segment(tcp_flags::SYN, b""); 10_000];
    frames.extend(vec![segment(tcp_flags::ACK, b"GET /retry HTTP/1.1\r\n\r\n"); 20]);
    let mut datagram = Frame::ipv4(A, B).udp(5000, 69).payload(b"xxxx").build();
    datagram[..6].copy_from_slice(&MAC);
    frames.extend(vec![datagram; 4_000]);
    FrameSender::open(&server.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
}

#[test]
fn every_example_of_the_readme_runs() {
    if !met(NEEDS) || !met(&[Tool("nft"), Tool("tshark"), Tool("jq")]) {
        return;
    }
    let _turn = beside_others();
    let server = Server::start().unwrap();
    let namespace = &server.server;
    // What the ninth example reads.
    let words = ["capture", "-i", LINK, "-w", "/dev/shm/trace.pcap"];
    let trace = attached(namespace, &words);
    server.traffic().unwrap();
    assert!(trace.interrupt(LIMIT).unwrap().status.success());
    let exempt = |line: &String| EXEMPT.iter().any(|(start, _)| line.starts_with(start));
    let (left_out, lines): (Vec<String>, Vec<String>) = lines().into_iter().partition(exempt);
    for (start, _) in EXEMPT {
        assert!(
            left_out.iter().any(|line| line.starts_with(start)),
            "nothing to leave out: {start}"
        );
    }
    assert!(lines.len() >= 12, "{lines:#?}");
    let running: Vec<(&String, Running)> =
        lines.iter().map(|line| (line, start(namespace, line))).collect();
    server.traffic().unwrap();
    flood(&server);
    thread::sleep(Duration::from_millis(1500));
    for (line, running) in running {
        // The others end by themselves.
        if !["-c ", "--duration", "-r trace", "interfaces"].iter().any(|end| line.contains(end)) {
            interrupt(&running);
        }
        let finished = running.wait(LIMIT).unwrap();
        let (out, err) = (finished.text(), &finished.stderr);
        assert_eq!(finished.status.code(), Some(0), "{line}: {err}");
        assert!(!err.contains("error"), "{line}: {err}");
        match line.split_once(" -w ").and_then(|(_, rest)| rest.split(' ').next()) {
            // A recorder that had no reason to write.
            Some(_) if line.starts_with("probe record ") => {
                assert!(err.contains("nothing happened in "), "{line}: {err}");
            }
            Some(file) if file != "-" => {
                assert_eq!(out, "", "{line}");
                let mut read = namespace.command("tcpdump");
                read.args(["-nn", "--count", "-r", &format!("/dev/shm/{file}")]);
                let count = run(read, LIMIT).unwrap().text();
                // Of one connection in a thousand there may be none among so few.
                let may_be_empty = line.contains("--sample-flows");
                assert!(count.contains(" packet"), "{line}: {count}");
                assert!(may_be_empty || !count.starts_with("0 "), "{line}: {count}");
            }
            _ => assert!(!out.trim().is_empty(), "{line}: nothing on standard output; {err}"),
        }
        if line.contains("-c 20 ") {
            assert_eq!(out.lines().filter(|line| line.contains("HTTP")).count(), 20, "{out}");
        }
        if line.contains("-c 10000") {
            assert!(out.contains("\n10000 packets, "), "{out}");
        }
    }
}

/// The third example tells what becomes of connections to a port.
#[test]
fn four_counts_tell_open_refused_rejected_and_dropped() {
    if !met(NEEDS) || !met(&[Tool("nft")]) {
        return;
    }
    let _turn = beside_others();
    let example =
        lines().into_iter().find(|line| line.contains("@unreachable")).expect("it is there");
    let server = Server::start().unwrap();
    let connect = |host: &str, port: u16| {
        server.client.enter(|| {
            let address = format!("{host}:{port}").parse()?;
            // Longer than a SYN takes, and shorter than until it is sent again.
            let limit = Duration::from_millis(300);
            let Ok(mut stream) = TcpStream::connect_timeout(&address, limit) else {
                return Ok(false);
            };
            // Closed with words unread, it would be reset.
            let greeting = stream.read(&mut [0; 512])?;
            anyhow::ensure!(greeting > 0, "port {port} closes without a word");
            stream.write_all(b"QUIT\r\n")?;
            stream.read_to_end(&mut Vec::new())?;
            Ok(true)
        })
    };
    for host in [B.to_string(), "[2001:db8::2]".into()] {
        for (port, expected) in [
            (25, [1, 1, 0, 0]),
            (REFUSED, [1, 0, 1, 0]),
            (REJECTED, [1, 0, 0, 1]),
            (DROPPED, [1, 0, 0, 0]),
        ] {
            let line = example.replace("port 25", &format!("port {port}")) + " --format json";
            let count = start(&server.server, &format!("exec {line}"));
            let open = connect(&host, port).unwrap();
            assert_eq!(open, port == 25, "{host} {port}");
            let finished = count.interrupt(LIMIT).unwrap();
            let text = finished.text();
            let last: Value = serde_json::from_str(text.lines().last().expect("a line")).unwrap();
            let rules = last["rules"].as_array().expect("rules");
            let names: Vec<_> = rules.iter().map(|rule| rule["name"].as_str().unwrap()).collect();
            assert_eq!(names, ["asked", "open", "refused", "rejected"]);
            let counts: Vec<_> =
                rules.iter().map(|rule| rule["packets"].as_u64().unwrap()).collect();
            assert_eq!(counts, expected, "{host} {port}: {example}");
        }
    }
}
