//! Who watches the link: probe, and what people use today.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Finished, Namespace, Running, SCRATCH_DIR, SERVER_LINK, run};

/// Ample for a start or an end.
const LIMIT: Duration = Duration::from_secs(30);

/// The rules of the nftables observer: the same question, in its words.
const NFTABLES: &str = "table netdev watch {
    counter syn { }
    chain ingress {
        type filter hook ingress device \"srv0\" priority 0; policy accept;
        tcp flags == syn counter name syn
    }
}
";

/// All of them, in the order in which they are measured; the first is the baseline.
pub const OBSERVERS: [Observer; 5] =
    [Observer::Nothing, Observer::Count, Observer::Capture, Observer::Nftables, Observer::Tcpdump];

/// One way to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observer {
    /// Nobody.
    Nothing,
    /// `probe count` on tcx.
    Count,
    /// `probe capture` on tcx.
    Capture,
    /// An ingress counter of nftables.
    Nftables,
    /// tcpdump, writing what it matches to nowhere.
    Tcpdump,
}

/// What an observer said at its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// Frames it claims to have seen match.
    pub counted: u64,
    /// Of them, those it lost.
    pub lost: u64,
    /// CPU time of its process, from start to end; none for what lives in the kernel.
    pub cpu: Option<Duration>,
}

/// An observer at work.
pub struct Watching {
    observer: Observer,
    process: Option<Running>,
}

impl Observer {
    /// The command, as a user would type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing attached",
            Self::Count => "probe count --hook tcx @syn",
            Self::Capture => "probe capture --hook tcx -s 96 -w /dev/null @syn",
            Self::Nftables => "nftables: tcp flags == syn counter",
            Self::Tcpdump => "tcpdump -nn -w /dev/null 'tcp[tcpflags] = tcp-syn'",
        }
    }

    /// Whether it must have counted every frame, whatever the load.
    pub fn must_be_exact(self) -> bool {
        matches!(self, Self::Count | Self::Capture | Self::Nftables)
    }

    /// Starts watching the server's link and waits until it does.
    pub fn start(self, probe: &Path, namespace: &Namespace) -> Result<Watching> {
        let process = match self {
            Self::Nothing => None,
            Self::Nftables => {
                let file = format!("{SCRATCH_DIR}/watch.nft");
                namespace.enter(|| Ok(fs::write(&file, NFTABLES)?))?;
                let mut nft = namespace.command("nft");
                nft.args(["-f", &file]);
                run(nft, LIMIT)?;
                None
            }
            Self::Count => {
                let format = ["--format", "json", "@syn"];
                Some(start_probe(probe, namespace, "count", &format)?)
            }
            Self::Capture => {
                let file = ["-s", "96", "-w", "/dev/null", "@syn"];
                Some(start_probe(probe, namespace, "capture", &file)?)
            }
            Self::Tcpdump => {
                let mut tcpdump = namespace.command("tcpdump");
                tcpdump.args(["-i", SERVER_LINK, "-nn", "-w", "/dev/null"]);
                tcpdump.arg("tcp[tcpflags] = tcp-syn");
                let running = Running::spawn(tcpdump)?;
                running.wait_for_line("listening on", LIMIT)?;
                Some(running)
            }
        };
        Ok(Watching { observer: self, process })
    }
}

fn start_probe(
    probe: &Path,
    namespace: &Namespace,
    subcommand: &str,
    arguments: &[&str],
) -> Result<Running> {
    let mut command = namespace.command(probe);
    command.args([subcommand, "-i", SERVER_LINK, "--hook", "tcx"]).args(arguments);
    let running = Running::spawn(command)?;
    running.wait_for_line("probe: attached to", LIMIT)?;
    Ok(running)
}

impl Watching {
    /// Ends it and reads what it says.
    pub fn end(self, namespace: &Namespace) -> Result<Verdict> {
        let finished = match self.process {
            Some(process) => Some(process.interrupt(LIMIT)?),
            None => None,
        };
        if let Some(finished) = &finished {
            ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
        }
        let cpu = finished.as_ref().map(|one| one.user_time + one.system_time);
        let (counted, lost) = match (self.observer, finished) {
            (Observer::Nftables, _) => (nftables_counter(namespace)?, 0),
            (Observer::Count, Some(finished)) => (last_count(&finished)?, 0),
            (Observer::Capture | Observer::Tcpdump, Some(finished)) => summary(&finished)?,
            (_, _) => (0, 0),
        };
        Ok(Verdict { counted, lost, cpu })
    }
}

fn nftables_counter(namespace: &Namespace) -> Result<u64> {
    let mut nft = namespace.command("nft");
    nft.args(["list", "counter", "netdev", "watch", "syn"]);
    let text = run(nft, LIMIT)?.text();
    let mut words = text.split_whitespace().skip_while(|word| *word != "packets");
    let number = words.nth(1).with_context(|| format!("no counter in: {text}"))?;
    Ok(number.parse()?)
}

/// The matches in the last JSON line of `probe count`.
fn last_count(finished: &Finished) -> Result<u64> {
    let text = finished.text();
    let line = text.lines().last().context("probe count printed nothing")?;
    let object: serde_json::Value = serde_json::from_str(line)?;
    object["rules"][0]["packets"].as_u64().with_context(|| format!("no count in: {line}"))
}

/// tcpdump's summary lines, which probe capture prints, too: what passed the filter, and
/// what of it was lost.
fn summary(finished: &Finished) -> Result<(u64, u64)> {
    let number = |what: &str| -> Result<u64> {
        let line = finished.stderr.lines().find(|line| line.contains(what));
        let word = line.and_then(|line| line.split_whitespace().next());
        let word = word.with_context(|| format!("no '{what}' in: {}", finished.stderr))?;
        word.parse().with_context(|| format!("'{what}' in: {}", finished.stderr))
    };
    Ok((number("received by filter")?, number("dropped by kernel")?))
}
