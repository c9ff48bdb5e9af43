//! The observers of a link: probe, and what people use today.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::requirements::find_tool;
use testbed::{Namespace, Running, SCRATCH_DIR, SERVER_LINK, run};

use crate::summaries::{self, FrameCounts, SummaryFormat};
use crate::yardstick::{self, Yardstick};

/// Ample for a start or an end.
pub const LIMIT: Duration = Duration::from_secs(30);

/// tcpdump's question about SYNs, which most of the others understand, too.
pub const SYN: &str = "tcp[tcpflags] = tcp-syn";

/// The rules of the nftables observer: the same question, in its words.
const NFTABLES: &str = "table netdev watch {
    counter syn { }
    chain ingress {
        type filter hook ingress device \"srv0\" priority 0; policy accept;
        tcp flags == syn counter name syn
    }
}
";

/// Those of the set.
const NFTABLES_SET: &str = "table netdev watch {
    set sources { type ipv4_addr; flags dynamic; size 65536; }
    chain ingress {
        type filter hook ingress device \"srv0\" priority 0; policy accept;
        update @sources { ip saddr counter }
    }
}
";

/// One way to watch.
#[derive(Clone, Debug)]
pub struct Observer {
    /// The command, as a user would type it.
    pub name: String,
    /// Whether it must have counted every match, whatever the load.
    pub exact: bool,
    /// Whether it is probe: then its failure is the benchmark's.
    pub ours: bool,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    Nothing,
    /// A tcx program, out of this object.
    Tcx(PathBuf, &'static str),
    /// An ingress counter of nftables.
    Nftables,
    /// A set of nftables to which each source is added, with a counter.
    NftablesSet,
    /// A counting rule of iptables.
    Iptables,
    /// A program that runs while it watches.
    Process(Process),
}

#[derive(Clone, Debug)]
struct Process {
    program: PathBuf,
    arguments: Vec<String>,
    ready: Ready,
    summary: SummaryFormat,
    /// Its standard output is /dev/null.
    mute: bool,
    /// It needs the kernel's trace points, in the namespace's own mounts.
    traces: bool,
}

/// The line by which a program shows that it watches.
#[derive(Clone, Copy, Debug)]
enum Ready {
    Stderr(&'static str),
    Stdout(&'static str),
}

/// What an observer reports at its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Its own counts.
    pub counts: FrameCounts,
    /// CPU time of its process behind its start; none for what lives in the kernel.
    pub cpu: Option<Duration>,
}

/// An observer that runs.
pub struct Watching<'a> {
    observer: &'a Observer,
    process: Option<(Running, Duration)>,
    /// Comes off its link where this ends.
    _tcx: Option<Yardstick>,
}

impl Observer {
    pub fn nothing() -> Self {
        Self { name: "nothing attached".into(), exact: false, ours: true, how: How::Nothing }
    }

    /// A tcx program that does nothing: what no program at this hook can cost less than.
    pub fn empty(yardstick: &Path) -> Self {
        let name = "an empty tcx program".into();
        Self { name, exact: false, ours: true, how: How::Tcx(yardstick.into(), "empty_tcx") }
    }

    /// A program of the sources suite, which counts by source in a map of the kernel.
    pub fn map_of_sources(program: &'static str, called: &str) -> Self {
        let how = How::Tcx(yardstick::example("sources"), program);
        Self { name: called.into(), exact: false, ours: true, how }
    }

    /// probe; `words` begin with its command. `label` tells two builds apart.
    pub fn probe(program: PathBuf, label: &str, words: &[&str]) -> Self {
        let (command, rest) = words.split_first().expect("probe has commands");
        let summary = match *command {
            "capture" => SummaryFormat::Tcpdump,
            "record" => SummaryFormat::Record,
            "health" => SummaryFormat::Health,
            _ => SummaryFormat::Count,
        };
        let mut arguments = vec![(*command).to_owned(), "-i".into(), SERVER_LINK.into()];
        arguments.extend(rest.iter().map(|word| (*word).to_owned()));
        if ["count", "health"].contains(command) {
            arguments.extend(["--format".into(), "json".into()]);
        }
        let to_file = words.contains(&"-w");
        let process = Process {
            program,
            arguments,
            ready: Ready::Stderr("probe: attached to"),
            summary,
            mute: *command == "capture" && !to_file,
            traces: false,
        };
        let label = if label.is_empty() { String::new() } else { format!(" [{label}]") };
        let name = format!("probe {}{}{label}", shown(words), shown_sink(process.mute));
        Self { name, exact: true, ours: true, how: How::Process(process) }
    }

    /// tcpdump.
    pub fn tcpdump(words: &[&str]) -> Self {
        let mute = !words.contains(&"-w");
        // Without -Z it would give /dev/null, where that is its file, to its own user.
        let fixed = ["-i", SERVER_LINK, "-nn", "-Z", "root"];
        let mut it = Self::tool(
            "tcpdump",
            &fixed,
            words,
            Ready::Stderr("listening on"),
            SummaryFormat::Tcpdump,
        );
        it.set_mute(mute);
        it.name = format!("tcpdump -nn {}{}", shown(words), shown_sink(mute));
        it
    }

    /// Wireshark's dumpcap.
    pub fn dumpcap(words: &[&str]) -> Self {
        let fixed = ["-q", "-P", "-i", SERVER_LINK];
        // The line comes when the file is open, right behind the socket.
        Self::tool("dumpcap", &fixed, words, Ready::Stderr("File: "), SummaryFormat::Dumpcap)
    }

    /// netsniff-ng. It knows no snaplen.
    pub fn netsniff(words: &[&str]) -> Self {
        // It would tune the machine's socket memory and interrupts.
        let fixed = ["--in", SERVER_LINK, "--silent", "--no-sock-mem", "--notouch-irq"];
        Self::tool("netsniff-ng", &fixed, words, Ready::Stdout("Running!"), SummaryFormat::Netsniff)
    }

    /// xdpdump with an XDP program of its own.
    pub fn xdpdump(words: &[&str]) -> Self {
        let fixed = ["-i", SERVER_LINK, "--load-xdp-program"];
        Self::tool("xdpdump", &fixed, words, Ready::Stderr("listening on"), SummaryFormat::Xdpdump)
    }

    /// A bpftrace one-liner on the receive path's trace point.
    pub fn bpftrace() -> Self {
        let script = format!(
            "BEGIN {{ printf(\"ready\\n\"); }} \
             tracepoint:net:netif_receive_skb /str(args->name) == \"{SERVER_LINK}\"/ \
             {{ @ = count(); }}"
        );
        let words = ["-e", script.as_str()];
        let mut it =
            Self::tool("bpftrace", &[], &words, Ready::Stdout("ready"), SummaryFormat::Bpftrace);
        it.name = "bpftrace: tracepoint:net:netif_receive_skb { @ = count(); }".into();
        if let How::Process(process) = &mut it.how {
            process.traces = true;
        }
        it
    }

    /// The same trace point, counted by IPv4 source address.
    pub fn bpftrace_by_source() -> Self {
        let script = format!(
            "BEGIN {{ printf(\"ready\\n\"); }} \
             tracepoint:net:netif_receive_skb /str(args->name) == \"{SERVER_LINK}\"/ {{ \
             $skb = (struct sk_buff *)args->skbaddr; \
             $ip = (struct iphdr *)($skb->head + $skb->network_header); \
             @by[$ip->saddr] = count(); @ = count(); }} END {{ clear(@by); }}"
        );
        let words = ["-e", script.as_str()];
        let mut it =
            Self::tool("bpftrace", &[], &words, Ready::Stdout("ready"), SummaryFormat::Bpftrace);
        it.name = "bpftrace: ... { @by[$ip->saddr] = count(); }".into();
        if let How::Process(process) = &mut it.how {
            process.traces = true;
        }
        it
    }

    /// A dynamic set of nftables with a counter for each source.
    pub fn nftables_set() -> Self {
        let name = "nftables: update @sources { ip saddr counter }, 65,536".into();
        Self { name, exact: false, ours: false, how: How::NftablesSet }
    }

    /// An ingress counter of nftables.
    pub fn nftables() -> Self {
        let name = "nftables: tcp flags == syn counter".into();
        Self { name, exact: true, ours: false, how: How::Nftables }
    }

    /// A counting rule of iptables, in the first of its tables.
    pub fn iptables() -> Self {
        let name = "iptables -t raw -A PREROUTING -p tcp --syn".into();
        Self { name, exact: true, ours: false, how: How::Iptables }
    }

    fn tool(
        name: &str,
        fixed: &[&str],
        words: &[&str],
        ready: Ready,
        summary: SummaryFormat,
    ) -> Self {
        let arguments = fixed.iter().chain(words).map(|word| (*word).to_owned()).collect();
        let process =
            Process { program: name.into(), arguments, ready, summary, mute: false, traces: false };
        Self {
            name: format!("{name} {}", shown(words)),
            exact: false,
            ours: false,
            how: How::Process(process),
        }
    }

    fn set_mute(&mut self, mute: bool) {
        if let How::Process(process) = &mut self.how {
            process.mute = mute;
        }
    }

    /// The program that it is, where that is not on this machine.
    pub fn missing(&self) -> Option<&str> {
        let name = match &self.how {
            How::Nothing | How::Tcx(..) => return None,
            How::Nftables | How::NftablesSet => "nft",
            How::Iptables => "iptables",
            How::Process(process) => process.program.to_str()?,
        };
        (!name.contains('/') && find_tool(name).is_none()).then_some(name)
    }

    /// Whether it counts, well or badly.
    pub fn counts(&self) -> bool {
        !matches!(self.how, How::Nothing | How::Tcx(..))
    }

    /// Starts watching the server's link and waits until it does.
    pub fn start(&self, namespace: &Namespace) -> Result<Watching<'_>> {
        let mut tcx = None;
        let process = match &self.how {
            How::Nothing => None,
            How::Tcx(object, program) => {
                tcx = Some(namespace.enter(|| Yardstick::at_ingress(object, program))?);
                None
            }
            How::Nftables | How::NftablesSet => {
                let file = format!("{SCRATCH_DIR}/watch.nft");
                let is_set = matches!(self.how, How::NftablesSet);
                let rules = if is_set { NFTABLES_SET } else { NFTABLES };
                namespace.enter(|| Ok(fs::write(&file, rules)?))?;
                let mut nft = namespace.command("nft");
                nft.args(["-f", &file]);
                run(nft, LIMIT)?;
                None
            }
            How::Iptables => {
                let mut iptables = namespace.command("iptables");
                iptables.args(["-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--tcp-flags"]);
                iptables.args(["FIN,SYN,RST,PSH,ACK,URG", "SYN"]);
                run(iptables, LIMIT)?;
                None
            }
            How::Process(process) => {
                let running = process.start(namespace)?;
                let cpu = running.cpu_time()?;
                Some((running, cpu))
            }
        };
        Ok(Watching { observer: self, process, _tcx: tcx })
    }
}

impl Process {
    fn start(&self, namespace: &Namespace) -> Result<Running> {
        if self.traces {
            let mut mount = namespace.command("mount");
            mount.args(["-t", "tracefs", "none", "/sys/kernel/tracing"]);
            run(mount, LIMIT)?;
        }
        let mut command = namespace.command(&self.program);
        command.args(&self.arguments);
        let stdout = if self.mute { Stdio::null() } else { Stdio::piped() };
        let running = Running::spawn_to(command, stdout)?;
        match self.ready {
            Ready::Stderr(line) => running.wait_for_line(line, LIMIT)?,
            Ready::Stdout(line) => running.wait_for_output(line, LIMIT)?,
        };
        Ok(running)
    }
}

impl Watching<'_> {
    /// Ends it, and reads its counts.
    pub fn end(self, namespace: &Namespace) -> Result<Summary> {
        let Some((running, at_start)) = self.process else {
            let counted = match self.observer.how {
                How::Nftables => {
                    let mut nft = namespace.command("nft");
                    nft.args(["list", "counter", "netdev", "watch", "syn"]);
                    summaries::nftables(&run(nft, LIMIT)?.text())?
                }
                How::Iptables => {
                    let mut iptables = namespace.command("iptables");
                    iptables.args(["-t", "raw", "-nvxL", "PREROUTING"]);
                    summaries::iptables(&run(iptables, LIMIT)?.text())?
                }
                // A set that is full no longer counts.
                How::Nothing | How::Tcx(..) | How::NftablesSet | How::Process(_) => 0,
            };
            return Ok(Summary { counts: FrameCounts::exactly(counted), ..Summary::default() });
        };
        let finished = running.interrupt(LIMIT)?;
        ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
        let How::Process(process) = &self.observer.how else { return Ok(Summary::default()) };
        let counts = process
            .summary
            .read(&finished)
            .with_context(|| format!("reading the counts of {}", self.observer.name))?;
        let cpu = finished.user_time + finished.system_time;
        Ok(Summary { counts, cpu: Some(cpu.saturating_sub(at_start)) })
    }
}

/// Words as a shell would want them.
fn shown(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| {
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            word.replace(&format!("{SCRATCH_DIR}/"), "")
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn shown_sink(mute: bool) -> &'static str {
    if mute { " > /dev/null" } else { "" }
}
