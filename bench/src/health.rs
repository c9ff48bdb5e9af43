//! The health suite: what `probe health` adds to a packet, and whether real clients are told apart in
//! a flood of SYNs at the rig's full rate.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{
    CLIENT_LINK, Frame, FrameSender, HttpServer, Pair, Running, SERVER_LINK, SERVER_MAC, SERVER_V4,
    SERVER_V6, http_get, pin_to_cpu, stranger,
};
use xtask::shell::say;

use crate::Bench;
use crate::compare::{Entry, compare};
use crate::observer::{LIMIT, Observer, SYN};
use crate::report::Report;
use crate::rig::{FULL, Flood, STRANGER, ack};
use crate::stats::seconds;

/// SYNs that differ, in the floods that are timed.
const SOURCES: u32 = 1 << 16;
/// SYNs of a flood beside real clients, each of another connection.
const SYNS: u32 = 1 << 20;
/// Real connections beside a flood, a request each, half of them over IPv6.
const REAL: u64 = 100;
/// Between ten of them and the next ones.
const PAUSE: Duration = Duration::from_millis(200);
/// What a capture of control segments would be asked for.
const CONTROL: &str = "tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0";

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(5, 1);
    let mut text = bench.heading("health", rounds, &["tcpdump"]);
    let (outcomes, _) = compare("health", &entries(bench), rounds)?;
    text += "Added to a packet, and CPU seconds of the process a million packets. *SYNs*: of 65,536 \
             connections, to another host. *Segments*: 1,514 bytes of an established connection.\n\n\
             | observer | flood | added ns | process s | lost |\n| --- | --- | ---: | ---: | ---: |\n";
    for one in &outcomes {
        // A bar would end the cell.
        let name = one.observer.name.replace('|', "\\|");
        let flood = one.samples.first().map_or(0, |one| one.matching);
        let flood = if flood == 0 { "segments" } else { "SYNs" };
        match &one.failed {
            Some(reason) => writeln!(text, "| `{name}` | {flood} | {reason} | | |")?,
            None => writeln!(
                text,
                "| `{name}` | {flood} | {} | {} | {:.1} % |",
                one.spread().cells(0).replace(" | ", ", "),
                seconds(one.process_seconds()),
                100.0 * one.lost()
            )?,
        }
    }
    text += &format!(
        "\n{REAL} real connections, a request each, beside {} SYNs, each of another connection, as fast \
         as one CPU sends them. *Answered*: to the server, which answers with SYN cookies. *Passing*: to another \
         host. Real told: an estimate, where one in several is followed. Estimate: what is said of the number of \
         connections, to the SYNs sent. CPU: of the process, to one core. Memory: the largest resident set.\n\n\
         | flood | budget | SYN/s | followed | real told | estimate | lost | CPU | memory |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        syns(bench)
    );
    for build in &bench.builds {
        for (name, destination) in [("answered", SERVER_MAC), ("passing", STRANGER)] {
            for budget in [100_000, 10_000_000] {
                say(format!("health: {name}, {budget} records a second"));
                let program = build.program.to_string_lossy();
                text += &beside_real_clients(&program, name, destination, budget, syns(bench))?;
            }
        }
    }
    report.section("health suite", text);
    Ok(())
}

fn syns(bench: &Bench) -> u32 {
    if bench.quick { SYNS / 16 } else { SYNS }
}

fn entries(bench: &Bench) -> Vec<Entry> {
    let packets = bench.packets(200_000, 20_000);
    let syns = Flood {
        name: "SYNs of many sources".into(),
        frames: Arc::new(
            (0..SOURCES).map(|n| Frame { destination: STRANGER, ..stranger(n) }.build()).collect(),
        ),
        packets,
        share: (1, 1),
    };
    let segments = Flood { share: (0, 1), ..Flood::of("segments", ack(FULL), packets) };
    let mut entries = Vec::new();
    let mut add = |observer: Observer, flood: &Flood| {
        entries.push(Entry { observer, flood: flood.clone() });
    };
    for flood in [&syns, &segments] {
        add(Observer::empty(&bench.yardstick), flood);
        for build in &bench.builds {
            add(build.probe(&["count", "--hook", "tcx", "@syn"]), flood);
            add(build.probe(&["health", "--port", "80"]), flood);
            let all = ["health", "--port", "80", "--max-records", "10000000"];
            add(build.probe(&all), flood);
            add(build.probe(&["capture", "-s", "96", "-w", "/dev/null", "@syn"]), flood);
        }
        add(Observer::tcpdump(&["-s", "96", "-w", "/dev/null", SYN]), flood);
        add(Observer::tcpdump(&["-s", "96", "-w", "/dev/null", CONTROL]), flood);
    }
    entries
}

/// One run, as a line of the table.
fn beside_real_clients(
    program: &str,
    name: &str,
    destination: [u8; 6],
    budget: u64,
    syns: u32,
) -> Result<String> {
    let pair = Pair::new()?;
    pair.server.ip(&[format!("route add 10.0.0.0/8 dev {SERVER_LINK}")])?;
    let _server = HttpServer::start(&pair.server, 80)?;
    let frames: Vec<Vec<u8>> =
        (0..syns).map(|n| Frame { destination, ..stranger(n) }.build()).collect();
    let mut command = pair.server.command(program);
    let most = budget.to_string();
    command.args(["health", "-i", SERVER_LINK, "--port", "80", "--format", "json"]);
    command.args(["--max-records", &most]);
    let running = Running::spawn(command)?;
    running.wait_for_line("probe: attached to", LIMIT)?;
    let cpu = running.cpu_time()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?;
    let send = || -> Result<(u64, Duration)> {
        pin_to_cpu(0)?;
        let sent = sender.send(&frames)?;
        Ok((sent.frames, sent.elapsed))
    };
    let (sent, elapsed) = thread::scope(|scope| -> Result<_> {
        let flood = scope.spawn(send);
        for _ in 0..REAL / 20 {
            for address in [IpAddr::V4(SERVER_V4), IpAddr::V6(SERVER_V6)] {
                http_get(&pair.client, address, 80, 10, LIMIT)?;
            }
            thread::sleep(PAUSE);
        }
        flood.join().expect("no panic in a flood")
    })?;
    let cpu = running.cpu_time()? - cpu;
    let resident = running.most_resident()?;
    let finished = running.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
    let text = finished.text();
    let last: Value = serde_json::from_str(text.lines().last().context("no report")?)?;
    let port = &last["ports"][0];
    let number = |value: &Value| value.as_u64().context("a number in the report");
    let counted = number(&port["packets"]["syn"])?;
    ensure!(counted >= sent + REAL, "{counted} SYNs counted, {} sent", sent + REAL);
    Ok(format!(
        "| {name} | {budget} | {:.0} | 1 in {} | {} of {REAL} | {:.3} | {} | {:.0} % | {:.0} MiB |\n",
        sent as f64 / elapsed.as_secs_f64(),
        last["followed"]["one_in"],
        number(&port["completed"])?,
        number(&port["connections"])? as f64 / (sent + REAL) as f64,
        last["followed"]["lost"],
        100.0 * cpu.as_secs_f64() / elapsed.as_secs_f64(),
        resident as f64 / 1_048_576.0,
    ))
}
