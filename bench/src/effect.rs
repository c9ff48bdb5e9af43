//! The effect suite: what an observer does to the traffic that it looks at. One TCP connection
//! that sends as fast as it can, and one on which each byte waits for the answer to the last:
//! real connections through both stacks, with all offloads of the link as they are by default.
//! Once client, network stack and server share the first CPU, so that what comes out is the work
//! that a byte and a request take, and not where the scheduler put it; the scheduler puts
//! the observer's process on another. And once client and network stack have the first CPU and the
//! server the last, which the observer's process shares where there are no more than two.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use testbed::{Pair, SERVER_V4, pin_to_cpu};
use xtask::shell::say;

use crate::Bench;
use crate::goals::Goal;
use crate::observer::Observer;
use crate::report::Report;
use crate::stats::{Spread, median};

/// The bulk connection is timed in pieces, and the median piece stands for it.
const PIECE: Duration = Duration::from_millis(50);
/// Pieces before the measured ones: the congestion window opens.
const WARM_UP: u32 = 4;
/// Bytes of a write and of a read.
const CHUNK: usize = 128 << 10;

/// Nothing attached is measured before every so many observers, and of each round the middle
/// taken, so that a machine that drifts, drifts for all.
const EVERY: usize = 4;

/// Requests before the measured ones.
const FIRST_REQUESTS: usize = 500;

/// Where client and server run.
#[derive(Clone, Copy)]
enum Placement {
    Together,
    Apart,
}

/// What there is to see of one observer in one round.
struct Run {
    /// Of the bulk connection.
    gigabits: f64,
    /// Of a request and its answer, in microseconds: the median.
    request: f64,
    /// The same: one in a hundred takes longer.
    slow_request: f64,
}

/// An observer beside nothing attached.
struct Row {
    observer: Observer,
    /// One a round.
    runs: Vec<Run>,
}

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(7, 1);
    let mut text = bench.heading("effect", rounds, &["tcpdump"]);
    for placement in [Placement::Together, Placement::Apart] {
        let (rows, bare) = series(bench, placement, rounds)?;
        text += &format!("\n### {}\n\n{}", placement.name(), table(&rows, &bare)?);
        report_rounds(placement, &rows, &bare, report);
    }
    report.section("effect suite", text);
    Ok(())
}

/// All rounds of one placement: the observers, and nothing attached.
fn series(bench: &Bench, placement: Placement, rounds: u32) -> Result<(Vec<Row>, Vec<Run>)> {
    let server_cpu = placement.server_cpu(bench);
    let (pieces, requests) = if bench.quick { (4, 1_000) } else { (16, 5_000) };
    let mut rows: Vec<Row> =
        observers(bench).into_iter().map(|observer| Row { observer, runs: Vec::new() }).collect();
    let mut bare: Vec<Run> = Vec::new();
    for round in 1..=rounds {
        say(format!("effect: {}: round {round} of {rounds}", placement.name()));
        let mut around: Vec<Run> = Vec::new();
        for (number, row) in rows.iter_mut().enumerate() {
            if number % EVERY == 0 {
                around.push(measure(&Observer::nothing(), server_cpu, pieces, requests)?);
            }
            if row.observer.missing().is_none() {
                let run = measure(&row.observer, server_cpu, pieces, requests);
                row.runs.push(run.with_context(|| format!("beside {}", row.observer.name))?);
            }
        }
        bare.push(Run::middle(&around));
    }
    Ok((rows, bare))
}

/// The rounds behind the table; the goals are of the work that a byte takes.
fn report_rounds(placement: Placement, rows: &[Row], bare: &[Run], report: &mut Report) {
    for row in rows {
        let name = format!("{}, bulk TCP, {}", row.observer.name, placement.name());
        report.rounds(&name, &row.ratios(bare, |run| run.gigabits));
    }
    if let Placement::Apart = placement {
        return;
    }
    let slower = |start: &str| {
        let row = rows.iter().find(|row| row.observer.name.starts_with(start));
        row.map_or(f64::NAN, |row| 1.0 / row.spread(bare, |run| run.gigabits).middle)
    };
    report.reached(Goal::BulkCount, slower("probe count --hook tcx"));
    report.reached(Goal::BulkCapture, slower("probe capture --hook tcx"));
}

/// Every hook, counting and capturing each frame, and tcpdump.
fn observers(bench: &Bench) -> Vec<Observer> {
    const HOOKS: [&str; 3] = ["tcx", "xdp-native", "xdp-generic"];
    let mut all = vec![Observer::empty(&bench.yardstick)];
    for build in &bench.builds {
        all.extend(HOOKS.map(|hook| build.probe(&["count", "--hook", hook, "tcp"])));
        all.push(build.probe(&["count", "--hook", "clsact", "tcp"]));
        let capture =
            |hook| ["capture", "--hook", hook, "-Q", "in", "-s", "96", "-w", "/dev/null", "tcp"];
        all.extend(HOOKS.map(|hook| build.probe(&capture(hook))));
        all.push(build.probe(&["capture", "--hook", "tcx", "-Q", "in", "-w", "/dev/null", "tcp"]));
    }
    all.push(Observer::tcpdump(&["-Q", "in", "-s", "96", "-w", "/dev/null", "tcp"]));
    all.push(Observer::tcpdump(&["-Q", "in", "-w", "/dev/null", "tcp"]));
    all
}

impl Placement {
    fn name(self) -> &'static str {
        match self {
            Self::Together => "Client and server on one CPU",
            Self::Apart => "Client and server on a CPU each",
        }
    }

    /// The CPU of the server; the client has the first.
    fn server_cpu(self, bench: &Bench) -> usize {
        match self {
            Self::Together => 0,
            Self::Apart => bench.cpus - 1,
        }
    }
}

impl Run {
    fn middle(runs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(runs.iter().map(figure));
        Self {
            gigabits: of(|run| run.gigabits),
            request: of(|run| run.request),
            slow_request: of(|run| run.slow_request),
        }
    }
}

impl Row {
    /// With it to without it, a round.
    fn ratios(&self, bare: &[Run], figure: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().zip(bare).map(|(with, bare)| figure(with) / figure(bare)).collect()
    }

    fn spread(&self, bare: &[Run], figure: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.ratios(bare, figure))
    }
}

fn table(rows: &[Row], bare: &[Run]) -> Result<String> {
    let Run { gigabits, request, slow_request } = Run::middle(bare);
    let mut text = format!(
        "With nothing attached: {gigabits:.1} Gbit/s, {request:.1} us a request, of a hundred the \
         slowest {slow_request:.1} us. Ratios are to nothing attached in the same round; median of the \
         rounds, least and most. The observer looks at the frames that the server receives, and \
         each of them matches.\n\n\
         | observer | bulk TCP, ratio | least to most | Gbit/s | request, ratio | least to most \
         | slowest of 100, ratio |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for row in rows {
        let name = &row.observer.name;
        if let Some(tool) = row.observer.missing() {
            writeln!(text, "| `{name}` | {tool} is not installed | | | | | |")?;
            continue;
        }
        writeln!(
            text,
            "| `{name}` | {} | {:.1} | {} | {:.2} |",
            row.spread(bare, |run| run.gigabits).cells(2),
            Run::middle(&row.runs).gigabits,
            row.spread(bare, |run| run.request).cells(2),
            row.spread(bare, |run| run.slow_request).middle,
        )?;
    }
    Ok(text)
}

/// One round of one observer, on a link of its own.
fn measure(observer: &Observer, server_cpu: usize, pieces: u32, requests: usize) -> Result<Run> {
    let pair = Pair::new()?;
    let watching = observer.start(&pair.server)?;
    let gigabits = bulk(&pair, server_cpu, pieces)?;
    let mut times = ask(&pair, server_cpu, requests)?;
    watching.end(&pair.server)?;
    times.sort_by(f64::total_cmp);
    let slow = times.get(times.len() * 99 / 100).copied().context("no request was made")?;
    Ok(Run { gigabits, request: median(times.into_iter()), slow_request: slow })
}

/// A connection from the client to the server.
fn connect(pair: &Pair) -> Result<(TcpStream, TcpStream)> {
    let listener = pair.server.enter(|| Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?))?;
    let port = listener.local_addr()?.port();
    let client = pair.client.enter(|| Ok(TcpStream::connect((SERVER_V4, port))?))?;
    let (server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_nodelay(true)?;
        // A connection that hangs fails the benchmark.
        end.set_read_timeout(Some(Duration::from_secs(5)))?;
        end.set_write_timeout(Some(Duration::from_secs(5)))?;
    }
    Ok((client, server))
}

/// The client sends as fast as it can, and the server throws away what it reads. Gigabits a
/// second that it read.
fn bulk(pair: &Pair, server_cpu: usize, pieces: u32) -> Result<f64> {
    let (mut client, mut server) = connect(pair)?;
    let send = move || -> Result<()> {
        pin_to_cpu(0)?;
        let chunk = vec![0; CHUNK];
        // Until the server has read enough, and closes.
        while client.write_all(&chunk).is_ok() {}
        Ok(())
    };
    let receive = move || -> Result<f64> {
        pin_to_cpu(server_cpu)?;
        let mut buffer = vec![0; CHUNK];
        let mut rates = Vec::new();
        for piece in 0..WARM_UP + pieces {
            let (start, mut bytes) = (Instant::now(), 0);
            while start.elapsed() < PIECE {
                bytes += server.read(&mut buffer).context("reading the bulk connection")?;
            }
            if piece >= WARM_UP {
                rates.push(bytes as f64 * 8e-9 / start.elapsed().as_secs_f64());
            }
        }
        Ok(median(rates.into_iter()))
    };
    thread::scope(|scope| {
        let sender = scope.spawn(send);
        let rate = scope.spawn(receive).join().expect("no panic in a receiver");
        sender.join().expect("no panic in a sender")?;
        rate
    })
}

/// The client sends a byte and waits for one. Microseconds of each request.
fn ask(pair: &Pair, server_cpu: usize, requests: usize) -> Result<Vec<f64>> {
    let (mut client, mut server) = connect(pair)?;
    let total = FIRST_REQUESTS + requests;
    let ask = move || -> Result<Vec<f64>> {
        pin_to_cpu(0)?;
        let mut byte = [0];
        let mut one = || -> Result<f64> {
            let start = Instant::now();
            client.write_all(&byte).context("asking")?;
            client.read_exact(&mut byte).context("waiting for an answer")?;
            Ok(start.elapsed().as_secs_f64() * 1e6)
        };
        (0..total).map(|_| one()).collect()
    };
    let answer = move || -> Result<()> {
        pin_to_cpu(server_cpu)?;
        let mut byte = [0];
        for _ in 0..total {
            server.read_exact(&mut byte).context("reading a request")?;
            server.write_all(&byte).context("answering")?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let server = scope.spawn(answer);
        let times = scope.spawn(ask).join().expect("no panic in a client")?;
        server.join().expect("no panic in a server")?;
        Ok(times.into_iter().skip(FIRST_REQUESTS).collect())
    })
}
