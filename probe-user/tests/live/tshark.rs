//! `probe capture -w - | tshark`: what goes through the pipe is what was on the wire, and
//! what pcapng says beside it arrives, too.

use std::fs;

use probe_pcap::Reader;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK, Tcp,
    requirements::{Requirement, met},
    run, tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, beside_others, ledger, quiet_pair};

/// A host that is not there: nobody answers.
const NOWHERE: std::net::Ipv4Addr = std::net::Ipv4Addr::new(198, 51, 100, 1);
const OUT: &str = "/dev/shm/out.pcapng";

fn ready() -> bool {
    let all = met(NEEDS);
    met(&[Requirement::Tool("tshark"), Requirement::Tool("capinfos")]) && all
}

/// Frames of all lengths, no two alike.
fn frames(count: u32) -> Vec<Vec<u8>> {
    let frame = |number: u32| {
        let payload = vec![number as u8; (number * 37 % 1400) as usize];
        let tcp = Tcp { destination: 80, flags: tcp_flags::ACK, ..Tcp::default() };
        let tcp = Tcp { sequence: number, ..tcp };
        Frame::ipv4(CLIENT_V4, NOWHERE).tcp(tcp).payload(&payload).build()
    };
    (0..count).map(frame).collect()
}

/// `probe capture FLAGS | tshark FLAGS`, with probe attached.
fn pipeline(pair: &Pair, probe: &str, tshark: &str) -> Running {
    let mut shell = pair.server.command("sh");
    let line = format!("\"$0\" capture -i {SERVER_LINK} {probe} -w - | tshark -n {tshark}");
    shell.args(["-c", &line, env!("CARGO_BIN_EXE_probe")]);
    let running = Running::spawn(shell).unwrap();
    running.wait_for_line("probe: attached to", LIMIT).unwrap();
    running
}

fn send(pair: &Pair, frames: &[Vec<u8>]) {
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(frames).unwrap();
}

fn read(namespace: &Namespace) -> Vec<Vec<u8>> {
    let bytes = namespace.enter(|| Ok(fs::read(OUT)?)).unwrap();
    let mut reader = Reader::new(OUT.into(), Box::new(std::io::Cursor::new(bytes))).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        frames.push(frame.bytes.to_vec());
    }
    frames
}

/// Standard output of a tool that reads the file.
fn told(namespace: &Namespace, program: &str, arguments: &[&str]) -> String {
    let mut command = namespace.command(program);
    command.args(arguments);
    run(command, LIMIT).unwrap().text()
}

/// The pipe as a file that grows, and as an interface; whoever counts ends both.
#[test]
fn the_frames_of_the_wire_come_through_the_pipe() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let sent = frames(1000);
    for format in ["pcap", "pcapng"] {
        for (probe, tshark) in [("-c 1000", "-r -"), ("", "-i - -c 1000")] {
            let pair = quiet_pair();
            let probe = format!("{probe} --format {format}");
            let pipeline = pipeline(&pair, &probe, &format!("{tshark} -w {OUT}"));
            send(&pair, &sent);
            let finished = pipeline.wait(LIMIT).unwrap();
            assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
            assert!(read(&pair.server) == sent, "{format} {tshark}: {}", finished.stderr);
            assert_eq!(ledger(&finished.stderr)["captured"], 1000, "{format} {tshark}");
        }
    }
}

/// tshark takes the pipe apart while frames come, or after a copy of it has been saved.
#[test]
fn pcapng_tells_through_the_pipe_where_frames_come_from() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let fields = "-T fields -e frame.interface_name -e frame.packet_flags_direction \
                  -e frame.interface_description -e frame.comment -e tcp.seq_raw";
    let flags = "--format pcapng --hook tcx -Q in --sample 2 --max-rate 1000000";
    let description = "tcx, frames received, all passed on";
    let comment = "rule match: 1 in 2, at most 1000000 a second on each CPU";
    let expected: String = (0..20)
        .map(|number| {
            // Each second one; the sender keeps to one CPU.
            let number = number * 2 + 1;
            format!("{SERVER_LINK}\t0x00000001\t{description}\t{comment}\t{number}\n")
        })
        .collect();
    let sent = frames(40);
    let on_one_cpu = |pair: &Pair| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                testbed::pin_to_cpu(0).unwrap();
                send(pair, &sent);
            });
        });
    };
    for (probe, tshark) in [("-c 20", "-r -"), ("", "-i - -l -c 20")] {
        let pair = quiet_pair();
        let probe = format!("{probe} {flags}");
        let tshark = format!("{tshark} {fields}");
        let pipeline = pipeline(&pair, &format!("{probe} 'tcp port 80'"), &tshark);
        on_one_cpu(&pair);
        let finished = pipeline.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        assert_eq!(finished.text(), expected, "{tshark}: {}", finished.stderr);
    }
    for (probe, tshark) in [("-c 20", "-r -"), ("", "-i - -c 20")] {
        let pair = quiet_pair();
        let probe = format!("{probe} {flags} 'tcp port 80'");
        let pipeline = pipeline(&pair, &probe, &format!("{tshark} -w {OUT}"));
        on_one_cpu(&pair);
        let finished = pipeline.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let lines = told(&pair.server, "tshark", &[&["-r", OUT], &fields[..]].concat());
        assert_eq!(lines, expected, "{tshark}");
        let information = told(&pair.server, "capinfos", &[OUT]);
        for part in [
            "Number of packets:   20\n",
            "Name = srv0\n",
            "Description = tcx, frames received, all passed on\n",
            "Filter string = tcp port 80\n",
            "Time precision = nanoseconds (9)\n",
        ] {
            assert!(information.contains(part), "{part:?}: {information}");
        }
    }
}
