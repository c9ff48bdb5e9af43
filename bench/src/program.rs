//! The program suite: what one run of the kernel program costs, by rules, hooks and
//! sampling, beside a program that does nothing and one written by hand.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::thread;

use anyhow::{Context, Result};
use aya::maps::{MapData, RingBuf};
use testbed::{
    CLIENT_V4, CLIENT_V6, Frame, Pair, Running, SCRATCH_DIR, SERVER_LINK, SERVER_V4, SERVER_V6,
    Tcp, pin_to_cpu, tcp_flags,
};
use xtask::shell::say;

use crate::goals::Goal;
use crate::kernel::Program;
use crate::observer::{LIMIT, SYN};
use crate::plot::{Curve, Plot};
use crate::report::Report;
use crate::rig::{SMALLEST, ack, syn, syn6};
use crate::rules::Kind;
use crate::stats::{Spread, median};
use crate::yardstick::Yardstick;
use crate::{Bench, Build};

/// Numbers of rules.
const COUNTS: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// Runs on each frame of the mix, in each round.
const REPEAT: u32 = 20_000;
/// Memory that is read to drive the program and its data out of the caches.
const CACHES: usize = 32 << 20;

/// A program to be measured.
struct Subject {
    name: String,
    xdp: bool,
    /// Set where it is one of the rows of rules.
    rules: Option<(Kind, usize)>,
    program: Program,
    /// Nanoseconds a run, over the mix; one for each round.
    warm: Vec<f64>,
    /// The same on the first frame of the mix alone, a SYN, which all filters match.
    syn: Vec<f64>,
    /// As `warm`, with cold caches; as the kernel measures it, with its clock's own cost.
    cold: Vec<f64>,
    /// What it writes to where that is nobody else's to read.
    records: Option<RingBuf<MapData>>,
    /// What keeps it loaded, and drains its rings where it has some.
    _alive: Option<(Running, Pair)>,
}

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(9, 2);
    say("program: loading");
    let (mut subjects, unloaded) = subjects(bench)?;
    let mix = mix();
    let repeat = if bench.quick { REPEAT / 10 } else { REPEAT };
    let cold_runs = if bench.quick { 2 } else { 5 };
    let measure = || -> Result<()> {
        pin_to_cpu(0)?;
        let mut caches = vec![1_u8; CACHES];
        for round in 1..=rounds {
            say(format!("program: round {round} of {rounds}"));
            for subject in &mut subjects {
                let sorrow = || format!("running {}", subject.name);
                let mut runs = Vec::new();
                for frame in &mix {
                    runs.push(subject.program.time(frame, repeat).with_context(sorrow)?);
                    // Room for the records of the next frame.
                    while subject.records.as_mut().is_some_and(|records| records.next().is_some()) {
                    }
                }
                subject.syn.extend(runs.first());
                subject.warm.push(runs.iter().sum::<f64>() / runs.len() as f64);
                let mut colds = Vec::new();
                for frame in mix.iter().take(cold_runs) {
                    spoil(&mut caches);
                    let once = subject.program.time_once(frame).with_context(sorrow)?;
                    colds.push(once.as_nanos() as f64);
                }
                subject.cold.push(median(colds.into_iter()));
            }
        }
        Ok(())
    };
    thread::scope(|scope| scope.spawn(measure).join().expect("no panic in a measurement"))?;
    let mut text = bench.heading("program", rounds, &[]);
    text += &single(&subjects)?;
    text += &by_rules(&subjects, &unloaded, report)?;
    for one in &subjects {
        report.rounds(&format!("{}, warm ns: {}", one.hook(), one.name), &one.warm);
    }
    report.section("program suite", text);
    Ok(())
}

/// Frames as a server sees them: connections over both families, requests, bulk, names,
/// and what is not TCP at all.
fn mix() -> Vec<Vec<u8>> {
    let get = Tcp {
        source: 40_001,
        destination: 80,
        flags: tcp_flags::PSH | tcp_flags::ACK,
        ..Tcp::default()
    };
    let tagged = Frame::ipv4(CLIENT_V4, SERVER_V4).tagged(0x8100, 5).tcp(Tcp {
        source: 40_002,
        destination: 80,
        flags: tcp_flags::SYN,
        ..Tcp::default()
    });
    let mut request = b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\n".to_vec();
    request.resize(180, b'x');
    vec![
        syn(SMALLEST),
        syn6(74),
        ack(1514),
        ack(SMALLEST),
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(get).payload(&request).build(),
        Frame::ipv6(CLIENT_V6, SERVER_V6).udp(40_003, 53).payload(&[0; 40]).build(),
        tagged.build(),
        Frame::ipv4(CLIENT_V4, SERVER_V4).icmp(8, 0, [0, 1, 0, 1]).payload(&[0; 56]).build(),
    ]
}

/// Reads and writes a line of each cache line's size, all over.
fn spoil(caches: &mut [u8]) {
    for byte in caches.iter_mut().step_by(64) {
        *byte = byte.wrapping_add(1);
    }
    black_box(caches);
}

/// A set of rules that does not load, and why.
type Unloaded = (Kind, usize, String);

/// All programs, loaded, and the sets of rules for which probe has none.
fn subjects(bench: &Bench) -> Result<(Vec<Subject>, Vec<Unloaded>)> {
    let (mut all, mut unloaded) = (Vec::new(), Vec::new());
    let mut yardstick = Yardstick::load(&bench.yardstick, 0)?;
    for (name, called) in [("empty_xdp", "empty program"), ("hand_xdp", "by hand: tcp-syn")] {
        let program = Program::of(yardstick.xdp(name)?.info()?)?;
        all.push(Subject::new(called, true, program, None));
    }
    for (name, called) in [("empty_tcx", "empty program"), ("hand_tcx", "by hand: tcp-syn")] {
        let program = Program::of(yardstick.classifier(name)?.info()?)?;
        all.push(Subject::new(called, false, program, None));
    }
    let program = Program::of(yardstick.classifier("ring_buffer_tcx")?.info()?)?;
    let mut ring_buffer = Subject::new(
        "by hand: tcp-syn, 96 bytes through the BPF ring buffer",
        false,
        program,
        None,
    );
    ring_buffer.records = Some(yardstick.records()?);
    all.push(ring_buffer);
    for build in &bench.builds {
        for (hook, xdp) in [("xdp-generic", true), ("tcx", false)] {
            for filter in [SYN, "@syn"] {
                all.push(Subject::probe(build, xdp, &["count", "--hook", hook, filter])?);
            }
            let capture = ["capture", "--hook", hook, "-w", "/dev/null"];
            for rest in [&["--sample", "1000"][..], &["--max-rate", "1000"], &["-s", "96"]] {
                all.push(Subject::probe(build, xdp, &[&capture[..], rest, &["@syn"]].concat())?);
            }
        }
        for kind in Kind::ALL {
            for count in COUNTS {
                match Subject::with_rules(build, kind, count, true) {
                    Ok(subject) => all.push(subject),
                    // Few rules must load; that many are a goal, and the table says it.
                    Err(error) if count > 64 => {
                        say(format!("goes on without it: {error:#}"));
                        unloaded.push((kind, count, format!("{error:#}")));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        all.push(Subject::with_rules(build, Kind::Mixed, 64, false)?);
    }
    Ok((all, unloaded))
}

impl Subject {
    fn new(name: &str, xdp: bool, program: Program, alive: Option<(Running, Pair)>) -> Self {
        let (warm, syn, cold) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            name: name.to_owned(),
            xdp,
            rules: None,
            program,
            warm,
            syn,
            cold,
            records: None,
            _alive: alive,
        }
    }

    fn probe(build: &Build, xdp: bool, words: &[&str]) -> Result<Self> {
        let pair = Pair::new()?;
        Self::on(build, xdp, words, pair)
    }

    fn with_rules(build: &Build, kind: Kind, count: usize, xdp: bool) -> Result<Self> {
        let pair = Pair::new()?;
        let file = format!("{SCRATCH_DIR}/rules.toml");
        pair.server.enter(|| Ok(fs::write(&file, kind.file(count))?))?;
        let hook = if xdp { "xdp-generic" } else { "tcx" };
        let mut it = Self::on(build, xdp, &["count", "--hook", hook, "--rules", &file], pair)?;
        it.name = format!("probe count: {count} {} rules{}", kind.name(), build.mark());
        it.rules = xdp.then_some((kind, count));
        Ok(it)
    }

    fn on(build: &Build, xdp: bool, words: &[&str], pair: Pair) -> Result<Self> {
        let name = format!("probe {}{}", words.join(" "), build.mark());
        let load = || -> Result<(Program, Running)> {
            let mut command = pair.server.command(&build.program);
            command.args(words).args(["-i", SERVER_LINK]);
            let running = Running::spawn(command)?;
            running.wait_for_line("probe: attached to", LIMIT)?;
            Ok((Program::of_process(running.id())?, running))
        };
        let (program, running) = load().with_context(|| format!("loading {name}"))?;
        Ok(Self::new(&name, xdp, program, Some((running, pair))))
    }

    fn hook(&self) -> &'static str {
        if self.xdp { "xdp" } else { "tcx" }
    }
}

fn single(subjects: &[Subject]) -> Result<String> {
    let mut text = String::from(
        "One run of the program on a frame (BPF_PROG_TEST_RUN), mean of a mix of eight frames: \
         SYNs over IPv4, IPv6 and in a VLAN, short and long segments, a request, a DNS query \
         over IPv6, a ping. Warm: the program runs in a loop, timed by the kernel in whole ns a frame. Over empty: less the program that \
         does nothing, on the same hook. A SYN: the first of the eight alone, which every filter \
         here matches, so that a capture makes a record of each. Cold: the caches were spoiled before each run, kernel's \
         own clock. By hand: Rust for tcpdump's question, counting matches only, with no look \
         at frames' fragments. XDP where it knows fragments; the program for older kernels \
         cannot be had here.\n\n\
         | program | hook | warm ns | least to most | over empty | a SYN, warm | cold ns |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for one in subjects.iter().filter(|one| one.rules.is_none()) {
        writeln!(
            text,
            "| `{}` | {} | {} | {:.1} | {:.0} | {:.0} |",
            one.name,
            one.hook(),
            Spread::of(one.warm.iter().copied()).cells(1),
            over_empty(subjects, one),
            median(one.syn.iter().copied()),
            median(one.cold.iter().copied())
        )?;
    }
    Ok(text)
}

/// The median of the rounds' differences to the empty program of the same hook.
fn over_empty(subjects: &[Subject], one: &Subject) -> f64 {
    let empty = subjects.iter().find(|other| other.xdp == one.xdp);
    let pairs = empty.into_iter().flat_map(|empty| one.warm.iter().zip(&empty.warm));
    median(pairs.map(|(with, without)| with - without))
}

fn by_rules(subjects: &[Subject], unloaded: &[Unloaded], report: &mut Report) -> Result<String> {
    let mut text = String::from(
        "\nBy number of rules, XDP, ns over the empty program; in brackets to one rule. Ports: \
         `dst port N`; SYN: `@syn and dst port N`; mixed: ports, hosts, networks, SYNs, IPv6, \
         UDP in turn.\n\n",
    );
    let heads: Vec<String> = COUNTS.iter().map(|count| count.to_string()).collect();
    writeln!(text, "| rules | {} |", heads.join(" | "))?;
    writeln!(text, "| --- |{}", " ---: |".repeat(COUNTS.len()))?;
    let (mut worst_64, mut worst_512) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let of = |count: usize| {
            let found = subjects.iter().find(|one| one.rules == Some((kind, count)));
            found.map_or(f64::NAN, |one| over_empty(subjects, one))
        };
        // What does not load costs more than any limit; a rule within the clock's resolution
        // of nothing gives no ratio, and so no goal held.
        let ratio = |count: usize| match of(count) / of(1) {
            _ if unloaded.iter().any(|(of, many, _)| *of == kind && *many == count) => {
                f64::INFINITY
            }
            ratio if of(1) > 0.0 => ratio,
            _ => f64::NAN,
        };
        let cells: Vec<String> = (COUNTS.iter())
            .map(|&count| format!("{:.1} ({:.1})", of(count), ratio(count)))
            .collect();
        writeln!(text, "| {} | {} |", kind.name(), cells.join(" | "))?;
        worst_64.push(ratio(64));
        worst_512.push(ratio(512));
    }
    for (kind, count, reason) in unloaded {
        let reason = reason.lines().next().unwrap_or_default();
        writeln!(text, "\nNot loaded (NaN, inf): {count} {} rules: {reason}", kind.name())?;
    }
    writeln!(text, "\nThe goals are taken from the worst of the three.")?;
    let curve = |kind: Kind| Curve {
        name: format!("{} rules", kind.name()),
        points: (COUNTS.iter())
            .filter_map(|&count| {
                let found = subjects.iter().find(|one| one.rules == Some((kind, count)));
                found.map(|one| (count as f64, over_empty(subjects, one)))
            })
            .collect(),
    };
    let plot = Plot {
        title: "One run of the program, by number of rules".into(),
        x: "rules".into(),
        y: "ns over an empty program".into(),
        doubling: true,
        curves: Kind::ALL.into_iter().map(curve).collect(),
    };
    text += &report.plot("rules", &plot)?;
    report.reached(Goal::Rules64, worst(&worst_64));
    report.reached(Goal::Rules512, worst(&worst_512));
    Ok(text)
}

/// The largest; not a number where one of them is none.
fn worst(ratios: &[f64]) -> f64 {
    if ratios.iter().any(|ratio| ratio.is_nan()) {
        return f64::NAN;
    }
    ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
