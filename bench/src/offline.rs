//! The offline suite: counting the frames of a file, beside tcpdump and tshark.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::statvfs::fstatvfs;
use nix::sys::time::TimeVal;
use testbed::requirements::find_tool;
use testbed::{CLIENT_V4, CLIENT_V6, Frame, SERVER_V4, SERVER_V6, Tcp, tcp_flags};
use xtask::shell::say;

use crate::goals::Goal;
use crate::observer::SYN;
use crate::report::Report;
use crate::rig::{ack, syn, syn6};
use crate::rules::Kind;
use crate::stats::{Spread, median};
use crate::{Bench, Build};

const LENGTH: usize = 100;
/// What a pcap file has before each frame.
const RECORD: usize = 16;
/// tshark takes microseconds a frame: it is given fewer of them.
const TSHARK_FRAMES: u64 = 20_000;

/// Who counts, and how.
struct Row {
    name: String,
    command: fn(&Row, &Path) -> Command,
    program: PathBuf,
    /// The words behind the file.
    words: Vec<String>,
    /// Frames it is given, and the matches among them, found by `matches`.
    frames: u64,
    expected: u64,
    said: fn(&str) -> Option<u64>,
    /// Of each round.
    runs: Vec<Run>,
}

/// One command from its start to its end.
#[derive(Clone, Copy)]
struct Run {
    wall: Duration,
    cpu: Duration,
}

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(5, 3);
    let frames = bench.packets(10_000_000, 200_000).next_multiple_of(mix().len() as u64);
    say(format!("offline: writing {frames} frames"));
    let capture = Capture::write(frames)?;
    let rules = Capture::holding(Kind::Mixed.file(64).as_bytes())?;
    let mut rows = rows(bench, frames, &rules.path);
    for round in 1..=rounds {
        say(format!("offline: round {round} of {rounds}"));
        for row in &mut rows {
            let run = row.run(&capture.path);
            let run = run.with_context(|| format!("counting with {}", row.name))?;
            row.runs.push(run);
        }
    }
    let mut text = bench.heading("offline", rounds, &["tcpdump", "tshark"]);
    text += &table(&rows, frames)?;
    let tcpdump = rows.iter().find(|row| row.name.starts_with("tcpdump"));
    if let (Some(ours), Some(tcpdump)) = (rows.first(), tcpdump) {
        report.reached(Goal::Offline, ours.to(tcpdump, |run| run.wall));
    }
    for row in &rows {
        let walls = row.runs.iter().map(|run| run.wall.as_secs_f64() * 1e3);
        report.rounds(&format!("wall ms: {}", row.name), &walls.collect::<Vec<_>>());
    }
    report.section("offline suite", text);
    Ok(())
}

fn table(rows: &[Row], frames: u64) -> Result<String> {
    let mut text = format!(
        "A pcap file of {frames} frames of {LENGTH} bytes, in the page cache: SYNs and segments \
         over both families, requests, UDP, pings. From the start of the command to its end, on \
         one CPU; tshark is given fewer frames. All counts were right.\n\n\
         | command | wall ns a frame | least to most | CPU ns a frame | wall to tcpdump's \
         | CPU to tcpdump's |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
    );
    let tcpdump = rows.iter().find(|row| row.name.starts_with("tcpdump"));
    for row in rows {
        let ns = |time: Duration| time.as_secs_f64() * 1e9 / row.frames as f64;
        let wall = Spread::of(row.runs.iter().map(|run| ns(run.wall)));
        let cpu = median(row.runs.iter().map(|run| ns(run.cpu)));
        let ratio =
            |pick: fn(&Run) -> Duration| tcpdump.map_or(f64::NAN, |other| row.to(other, pick));
        writeln!(
            text,
            "| `{}` | {} | {cpu:.1} | {:.2} | {:.2} |",
            row.name,
            wall.cells(1),
            ratio(|run| run.wall),
            ratio(|run| run.cpu)
        )?;
    }
    for tool in ["tcpdump", "tshark"].into_iter().filter(|tool| find_tool(tool).is_none()) {
        writeln!(text, "\nNot measured: {tool} is not installed.")?;
    }
    Ok(text)
}

/// Everybody who is here; the first is the one that the goal is about.
fn rows(bench: &Bench, frames: u64, rules: &Path) -> Vec<Row> {
    let share = mix().len() as u64;
    let mut rows = Vec::new();
    for build in &bench.builds {
        rows.push(Row::probe(build, &[SYN], frames, frames / share));
        rows.push(Row::probe(build, &["@syn"], frames, 2 * frames / share));
        let words = ["--rules", &rules.display().to_string()];
        // The first of them asks for SYNs, whatever the family.
        let mut many = Row::probe(build, &words, frames, 2 * frames / share);
        many.name = format!("probe count -r FILE, 64 mixed rules{}", build.mark());
        rows.push(many);
    }
    if find_tool("tcpdump").is_some() {
        rows.push(Row {
            name: format!("tcpdump -r FILE --count '{SYN}'"),
            command: |row, file| {
                let mut command = Command::new(&row.program);
                command.args(["-Z", "root", "--count", "-r"]).arg(file).args(&row.words);
                command
            },
            program: "tcpdump".into(),
            words: vec![SYN.into()],
            frames,
            expected: frames / share,
            said: |text| text.split_whitespace().next()?.parse().ok(),
            runs: Vec::new(),
        });
    }
    if find_tool("tshark").is_some() {
        let frames = frames.min(TSHARK_FRAMES).next_multiple_of(share);
        let filter = "ip.version == 4 && tcp.flags == 2";
        rows.push(Row {
            name: format!("tshark -r FILE -c {frames} -Y '{filter}' -T fields -e frame.number"),
            command: |row, file| {
                let mut command = Command::new(&row.program);
                command.args(["-n", "-c", &row.frames.to_string(), "-r"]).arg(file);
                command.args(&row.words);
                command
            },
            program: "tshark".into(),
            words: ["-Y", filter, "-T", "fields", "-e", "frame.number"].map(Into::into).to_vec(),
            frames,
            expected: frames / share,
            said: |text| Some(text.lines().count() as u64),
            runs: Vec::new(),
        });
    }
    rows
}

impl Row {
    fn probe(build: &Build, words: &[&str], frames: u64, expected: u64) -> Self {
        let shown =
            if words[0].contains(' ') { format!("'{}'", words[0]) } else { words[0].into() };
        Self {
            name: format!("probe count -r FILE {shown}{}", build.mark()),
            command: |row, file| {
                let mut command = Command::new(&row.program);
                command.args(["count", "--format", "json", "-r"]).arg(file).args(&row.words);
                command
            },
            program: build.program.clone(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            frames,
            expected,
            said: |text| {
                let object: serde_json::Value = serde_json::from_str(text.lines().last()?).ok()?;
                object["rules"][0]["packets"].as_u64()
            },
            runs: Vec::new(),
        }
    }

    fn run(&self, file: &Path) -> Result<Run> {
        let mut command = (self.command)(self, file);
        command.stdin(Stdio::null());
        let (start, before) = (Instant::now(), children_cpu()?);
        let output = command.output()?;
        let (wall, cpu) = (start.elapsed(), children_cpu()? - before);
        let (said, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{}: {error}", output.status);
        let counted = (self.said)(&said).with_context(|| format!("no count in: {said}"))?;
        ensure!(counted == self.expected, "counted {counted}, not {}", self.expected);
        Ok(Run { wall, cpu })
    }

    /// The median of the rounds' ratios to another's, a frame.
    fn to(&self, other: &Self, pick: fn(&Run) -> Duration) -> f64 {
        let a_frame = |row: &Self, run| pick(run).as_secs_f64() / row.frames as f64;
        let pairs = self.runs.iter().zip(&other.runs);
        median(pairs.map(|(one, two)| a_frame(self, one) / a_frame(other, two)))
    }
}

/// What goes into the file, in turn.
fn mix() -> [Vec<u8>; 8] {
    let get = Tcp {
        source: 40_001,
        destination: 80,
        flags: tcp_flags::PSH | tcp_flags::ACK,
        ..Tcp::default()
    };
    let filled = |frame: Frame| {
        let bare = frame.build().len();
        frame.payload(&vec![b'x'; LENGTH - bare]).build()
    };
    [
        syn(LENGTH),
        ack(LENGTH),
        syn6(LENGTH),
        filled(Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(get.clone())),
        filled(Frame::ipv4(CLIENT_V4, SERVER_V4).udp(40_003, 53)),
        filled(Frame::ipv6(CLIENT_V6, SERVER_V6).udp(40_003, 53)),
        filled(Frame::ipv6(CLIENT_V6, SERVER_V6).tcp(get)),
        filled(Frame::ipv4(CLIENT_V4, SERVER_V4).icmp(8, 0, [0, 1, 0, 1])),
    ]
}

/// A file that has lost its name: it goes with this process, however that ends.
struct Capture {
    _file: File,
    /// Where other programs find it.
    path: PathBuf,
}

impl Capture {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("probe-bench-{}", std::process::id()));
        let sorrow = || format!("making {}", path.display());
        let file = File::create_new(&path).with_context(sorrow)?;
        fs::remove_file(&path).with_context(sorrow)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok(Self { _file: file, path: path.into() })
    }

    fn holding(bytes: &[u8]) -> Result<Self> {
        let mut it = Self::new()?;
        it._file.write_all(bytes)?;
        Ok(it)
    }

    /// A pcap file (draft-ietf-opsawg-pcap).
    fn write(frames: u64) -> Result<Self> {
        let it = Self::new()?;
        let needs = frames * (RECORD + LENGTH) as u64;
        let free = free_bytes(&it._file)?;
        ensure!(
            needs < free,
            "{} has {free} bytes left, not {needs}",
            std::env::temp_dir().display()
        );
        let mut out = BufWriter::with_capacity(1 << 20, &it._file);
        let head: [u32; 6] = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 262_144, 1];
        out.write_all(&head.map(u32::to_ne_bytes).concat())?;
        let mix = mix();
        for number in 0..frames {
            let frame = &mix[(number % mix.len() as u64) as usize];
            // 100,000 frames a second.
            let (seconds, fraction) = ((number / 100_000) as u32, (number % 100_000 * 10) as u32);
            let length = frame.len() as u32;
            out.write_all(&[seconds, fraction, length, length].map(u32::to_ne_bytes).concat())?;
            out.write_all(frame)?;
        }
        out.flush()?;
        drop(out);
        Ok(it)
    }
}

/// What the file system of a file has left.
fn free_bytes(file: &File) -> Result<u64> {
    let found = fstatvfs(file).context("fstatvfs")?;
    Ok(found.blocks_available() * found.fragment_size())
}

/// CPU time of all children that have ended.
fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    let time = |time: TimeVal| {
        Duration::from_secs(time.tv_sec() as u64) + Duration::from_micros(time.tv_usec() as u64)
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}
