//! The counts that observers print at their end, each in a format of its own.

use std::str::FromStr;

use anyhow::{Context, Result};
use testbed::Finished;

/// Whose format it is.
#[derive(Clone, Copy, Debug)]
pub enum SummaryFormat {
    /// The last JSON line of `probe count`.
    Count,
    /// That of `probe health`: SYNs to the port.
    Health,
    /// tcpdump's summary lines, which `probe capture` prints, too.
    Tcpdump,
    /// The last line of `probe record`, where nothing triggered it.
    Record,
    /// dumpcap's.
    Dumpcap,
    /// netsniff-ng's, on standard output.
    Netsniff,
    /// xdpdump's.
    Xdpdump,
    /// A map of bpftrace.
    Bpftrace,
}

/// Frames by an observer's own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Matched.
    pub counted: u64,
    /// Of them, lost.
    pub lost: u64,
    /// Written, printed or counted. Less than the difference where the observer ends without
    /// reading what is left.
    pub captured: u64,
}

impl FrameCounts {
    /// Those of a counter, which loses nothing.
    pub fn exactly(counted: u64) -> Self {
        Self { counted, lost: 0, captured: counted }
    }

    fn captured_and_lost(captured: u64, lost: u64) -> Self {
        Self { counted: captured + lost, lost, captured }
    }
}

impl SummaryFormat {
    /// Reads the counts in what an observer printed.
    pub fn read(self, finished: &Finished) -> Result<FrameCounts> {
        let (out, err) = (finished.text(), &finished.stderr);
        match self {
            Self::Count => Ok(FrameCounts::exactly(last_count(&out)?)),
            Self::Record => {
                // probe: nothing happened in 1.2 s: 20,000 frames were not recorded
                let line = line_with(err, "frames were not recorded")?;
                let count = line.rsplit(": ").next().and_then(|rest| rest.split(' ').next());
                let count = count.unwrap_or_default().replace(',', "");
                Ok(FrameCounts::exactly(number(&count)?))
            }
            Self::Health => Ok(FrameCounts::exactly(last_syns(&out)?)),
            Self::Tcpdump => Ok(FrameCounts {
                counted: first_word(err, "received by filter")?,
                lost: first_word(err, "dropped by kernel")?,
                captured: captured(err)?,
            }),
            Self::Dumpcap => {
                // Packets received/dropped on interface 'srv0': 20000/0 (pcap:0/...
                let line = line_with(err, "received/dropped on interface")?;
                let pair = line.split("': ").nth(1).and_then(|rest| rest.split_once('/'));
                let (received, rest) = pair.with_context(|| format!("no counts in: {line}"))?;
                let lost = rest.split_whitespace().next().unwrap_or_default();
                let (received, lost) = (number(received)?, number(lost)?);
                Ok(FrameCounts::captured_and_lost(received, lost))
            }
            Self::Netsniff => {
                let lost = first_word(&out, "packets failed filter")?;
                let passed = first_word(&out, "packets passed filter")?;
                Ok(FrameCounts::captured_and_lost(passed, lost))
            }
            Self::Xdpdump => {
                let lost = first_word(err, "packets dropped")?;
                Ok(FrameCounts::captured_and_lost(first_word(err, "packets captured")?, lost))
            }
            Self::Bpftrace => {
                let line = line_with(&out, "@: ")?;
                Ok(FrameCounts::exactly(number(line.trim().trim_start_matches("@: "))?))
            }
        }
    }
}

/// The matches in the last JSON line of `probe count`.
fn last_count(text: &str) -> Result<u64> {
    let line = text.lines().last().context("probe count printed nothing")?;
    let object: serde_json::Value = serde_json::from_str(line)?;
    object["rules"][0]["packets"].as_u64().with_context(|| format!("no count in: {line}"))
}

/// The SYNs in the last JSON line of `probe health`.
fn last_syns(text: &str) -> Result<u64> {
    let line = text.lines().last().context("probe health printed nothing")?;
    let object: serde_json::Value = serde_json::from_str(line)?;
    object["ports"][0]["packets"]["syn"].as_u64().with_context(|| format!("no count in: {line}"))
}

/// The packets in `nft list counter`.
pub fn nftables(text: &str) -> Result<u64> {
    let mut words = text.split_whitespace().skip_while(|word| *word != "packets");
    number(words.nth(1).with_context(|| format!("no counter in: {text}"))?)
}

/// The packets of the first rule in `iptables -nvxL CHAIN`.
pub fn iptables(text: &str) -> Result<u64> {
    // Two lines of heading, then the rule with its packets first.
    let line = text.lines().nth(2).with_context(|| format!("no rule in: {text}"))?;
    number(line.split_whitespace().next().unwrap_or_default())
}

/// The first summary line: tcpdump says 'packet' of one.
fn captured(text: &str) -> Result<u64> {
    let ends = [" packets captured", " packet captured"];
    let number_of = |line: &str| ends.iter().find_map(|end| line.strip_suffix(end)?.parse().ok());
    text.lines().find_map(number_of).with_context(|| format!("no 'packets captured' in: {text}"))
}

fn line_with<'a>(text: &'a str, part: &str) -> Result<&'a str> {
    let line = text.lines().find(|line| line.contains(part));
    line.with_context(|| format!("no '{part}' in: {text}"))
}

fn first_word(text: &str, part: &str) -> Result<u64> {
    number(line_with(text, part)?.split_whitespace().next().unwrap_or_default())
}

fn number(word: &str) -> Result<u64> {
    u64::from_str(word).with_context(|| format!("not a number: {word}"))
}
