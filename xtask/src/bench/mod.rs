//! `cargo xtask bench --quick`: what it costs a server to be watched.
//!
//! A flood of SYNs goes over a veth pair, sender and receive path on one CPU, observers
//! on another. All observers alternate within each round, so that a machine that
//! drifts drifts for all; what an observer adds is its round's time less the same
//! round's time with nothing attached.

mod observer;
mod report;

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Pair, SERVER_LINK, SERVER_V4, Tcp, pin_to_cpu,
    requirements::is_root, tcp_flags,
};

use crate::build;
use crate::setup::{self, Use};
use crate::shell::{as_root, run, say, target_dir};
use observer::{OBSERVERS, Observer, Verdict};

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// The quick suite, the only one so far
    #[arg(long, required = true)]
    quick: bool,
    /// Frames sent past each observer in each round
    #[arg(long, default_value_t = 400_000, value_parser = clap::value_parser!(u64).range(1000..))]
    packets: u64,
    /// Rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Put the result into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Everything is built already
    #[arg(long, hide = true)]
    built: bool,
}

/// One observer in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Nanoseconds a packet, sender and receive path together.
    ns: f64,
    /// What the observer counted and what it cost itself.
    verdict: Verdict,
}

/// Frames sent before the measured ones, so that caches, branch predictors and the
/// observer's buffers are in their stride.
const WARM_UP: u64 = 20_000;

/// A flood is timed in pieces of so many frames, about a millisecond, and the median piece
/// stands for it: a piece in which another process took the CPU then says nothing.
const PIECE: u64 = 1000;

/// Builds, measures, prints, and writes where asked to.
pub fn live(options: &Options) -> Result<()> {
    ensure!(options.quick, "only the quick suite exists so far: add --quick");
    if !options.built {
        setup::packages(&[Use::Bench])?;
        build::release()?;
    }
    if !is_root() {
        say("the benchmark makes network namespaces: going on through sudo");
        let mut again = as_root(std::env::current_exe()?, &["CARGO_TARGET_DIR", "PATH"]);
        again.args(std::env::args_os().skip(1)).arg("--built");
        return run(again);
    }
    let probe = target_dir().join("release/probe");
    let cpus = thread::available_parallelism()?.get();
    // Children inherit the CPU; the sender's thread chooses the first for itself.
    pin_to_cpu(cpus - 1)?;
    let frame = syn();
    let mut rounds: Vec<Vec<Sample>> = Vec::new();
    for round in 1..=options.rounds {
        say(format!("round {round} of {}", options.rounds));
        let mut samples = Vec::new();
        for observer in OBSERVERS {
            let sample = measure(&probe, observer, &frame, options.packets)
                .with_context(|| format!("measuring: {}", observer.name()))?;
            samples.push(sample);
        }
        rounds.push(samples);
    }
    let text = report::text(&rounds, options, frame.len(), &report::machine(&probe, cpus))?;
    println!("{text}");
    if options.write { report::write(&text) } else { Ok(()) }
}

/// A SYN of the smallest Ethernet frame, 60 bytes without FCS.
fn syn() -> Vec<u8> {
    let tcp = Tcp {
        source: 40_000,
        destination: 80,
        flags: tcp_flags::SYN,
        window: 64_240,
        ..Tcp::default()
    };
    let mut frame = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp);
    // Another machine's address: the stack lets go of the frame right behind the hooks,
    // and no answer comes back to disturb the measurement.
    frame.destination = [0x02, 0, 0, 0, 0, 0x77];
    let mut bytes = frame.build();
    bytes.resize(60, 0);
    bytes
}

/// Floods one observer, on a rig of its own.
fn measure(
    probe: &std::path::Path,
    observer: Observer,
    frame: &[u8],
    packets: u64,
) -> Result<Sample> {
    let pair = Pair::new()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let watching = observer.start(probe, &pair.server)?;
    let before = pair.server.counters(SERVER_LINK)?;
    let flood = || -> Result<Vec<f64>> {
        pin_to_cpu(0)?;
        sender.send_paced(&[frame], WARM_UP, None)?;
        let mut pieces = Vec::new();
        for start in (0..packets).step_by(PIECE as usize) {
            let count = PIECE.min(packets - start);
            let sent = sender.send_paced(&[frame], count, None)?;
            ensure!(sent.frames == count, "{} of {count} frames were sent", sent.frames);
            pieces.push(sent.elapsed.as_nanos() as f64 / count as f64);
        }
        Ok(pieces)
    };
    let pieces = thread::scope(|scope| scope.spawn(flood).join().expect("no panic in a flood"))?;
    let all = WARM_UP + packets;
    pair.server.wait_for_received(SERVER_LINK, before, all, Duration::from_secs(10))?;
    let verdict = watching.end(&pair.server)?;
    ensure!(
        !observer.must_be_exact() || verdict.counted == all,
        "counted {} of {all} frames",
        verdict.counted
    );
    Ok(Sample { ns: report::median(pieces.into_iter()), verdict })
}
