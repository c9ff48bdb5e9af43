//! `probe capture`: tcpdump's letters, with tcpdump's meaning.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{ArgAction, Args, ColorChoice};
use probe_filter::FlowSeed;
use probe_frame::{MAX_FRAME, Precision};
use probe_print::{Dump, Style, TimeStyle};

use super::{Compat, Expression, Forms, Lists, Live, Offline, filter, shared, values};
use crate::{
    Command, bounded,
    capture::{CodeOf, FileOutput, Limits, Lines, List, Outputs, Pipe, Plan, Rotate, Rows},
    failure::Usage,
    names::NameStyle,
    reporter,
    rules::{self, FlowSampling},
    source::{DirectionChoice, Promiscuity},
};

/// Flags of `probe capture`.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:\n  \
    probe capture -i eth0 @syn\n  \
    probe capture -i eth0 -w get.pcap --sample 100 @get\n  \
    probe capture -i eth0 -w some.pcap --sample-flows 1000 'tcp port 443'\n  \
    probe capture -r trace.pcap -v 'udp port 53'\n  \
    probe capture -i eth0 -n --format json @dns | jq .info\n  \
    probe capture -r trace.pcap -n --format csv --columns time,src,dst,length"
)]
pub struct CaptureArgs {
    #[command(flatten)]
    pub live: Live,

    #[command(flatten)]
    pub offline: Offline,

    /// Read frames from the files that FILE lists, one name per line (- is standard input)
    #[arg(short = 'V', value_name = "FILE", conflicts_with_all = ["interfaces", "file"])]
    pub file_list: Option<PathBuf>,

    /// Write frames to a file instead of printing them (- is standard output)
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub write: Option<PathBuf>,

    #[command(flatten)]
    pub forms: Forms,

    /// Start a new file when the current one exceeds SIZE million bytes (suffixes k, m and g:
    /// KiB, MiB and GiB)
    #[arg(short = 'C', value_name = "SIZE", value_parser = values::file_size)]
    pub file_size: Option<u64>,

    /// Start a new file every SECONDS; strftime(3) conversions in the name of -w keep the files
    /// apart
    #[arg(short = 'G', value_name = "SECONDS",
          value_parser = values::number::<u64, 0, { i32::MAX as u64 }>)]
    pub rotate_seconds: Option<u64>,

    /// With -C: keep FILES files, overwriting the oldest. With -G: stop after FILES files
    #[arg(short = 'W', value_name = "FILES",
          value_parser = values::number::<u32, 1, { i32::MAX as u64 }>)]
    pub files: Option<u32>,

    /// Run COMMAND on each file of -C and -G after it is closed
    #[arg(short = 'z', value_name = "COMMAND")]
    pub post_rotate: Option<OsString>,

    /// Do not put the interface into promiscuous mode: frames to other hosts are not captured
    #[arg(short = 'p', long = "no-promiscuous-mode")]
    pub no_promiscuous: bool,

    /// Stop after N frames
    #[arg(short = 'c', value_name = "N", value_parser = values::number::<u64, 1, { u64::MAX }>)]
    pub count: Option<u64>,

    /// Print no frames; with -r print their number
    #[arg(long = "count")]
    pub only_count: bool,

    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Duration>,

    /// Bytes of a frame to capture (0: as many as possible)
    #[arg(short = 's', long = "snapshot-length", value_name = "BYTES", default_value_t = 0,
          hide_default_value = true, value_parser = values::number::<u32, 0, { MAX_FRAME as u64 }>)]
    pub snaplen: u32,

    /// Capture one match in N (on each CPU); all are counted
    #[arg(long, value_name = "N", value_parser = values::number::<u64, 1, { u64::MAX }>)]
    pub sample: Option<u64>,

    /// Capture whole connections, one in N: all matches of a connection, both directions, or none; all are counted
    #[arg(long, value_name = "N", value_parser = values::number::<u32, 1, { u32::MAX as u64 }>)]
    pub sample_flows: Option<u32>,

    /// Let SEED say which connections --sample-flows chooses, to get the same ones again [default: drawn at each start]
    #[arg(long, value_name = "SEED", requires = "sample_flows",
          value_parser = values::number::<u64, 0, { u64::MAX }>)]
    pub flow_seed: Option<u64>,

    /// Capture at most RATE matches per second (on each CPU); all are counted
    #[arg(long, value_name = "RATE", value_parser = values::number::<u64, 1, { u64::MAX }>)]
    pub max_rate: Option<u64>,

    /// Buffer size per CPU, in KiB or with a suffix [default: 18M, less with many CPUs]
    #[arg(short = 'B', long = "buffer-size", value_name = "SIZE",
          value_parser = values::buffer_size)]
    pub buffer_size: Option<usize>,

    /// Print addresses and ports as numbers, not names
    #[arg(short = 'n', action = ArgAction::Count)]
    pub numeric: u8,

    /// Print host names without their domains
    #[arg(short = 'N')]
    pub short_names: bool,

    /// Print the link-layer header
    #[arg(short = 'e')]
    pub link_header: bool,

    /// Print less
    #[arg(short = 'q', long = "quiet")]
    pub quiet: bool,

    /// Print more (-vv and -vvv: still more)
    #[arg(short = 'v', long = "verbose", action = ArgAction::Count)]
    pub verbose: u8,

    /// Print no time (-tt: seconds since 1970; -ttt: since the frame before; -tttt: with the date;
    /// -ttttt: since the first frame)
    #[arg(short = 't', action = ArgAction::Count)]
    pub time: u8,

    /// Precision of times in lines and files: micro or nano
    #[arg(long = "time-stamp-precision", value_name = "UNIT", default_value = "micro",
          hide_default_value = true, value_parser = ["micro", "nano"])]
    pub precision: String,

    /// Short for --time-stamp-precision micro
    #[arg(long, conflicts_with_all = ["precision", "nano"])]
    pub micro: bool,

    /// Short for --time-stamp-precision nano
    #[arg(long, conflicts_with = "precision")]
    pub nano: bool,

    /// Print absolute TCP sequence numbers
    #[arg(short = 'S', long = "absolute-tcp-sequence-numbers")]
    pub absolute_sequence: bool,

    /// Print BGP AS numbers in asdot notation (RFC 5396)
    #[arg(short = 'b')]
    pub as_dot: bool,

    /// Do not verify checksums
    #[arg(short = 'K', long = "dont-verify-checksums")]
    pub no_checksums: bool,

    /// Number the lines
    #[arg(short = '#', long = "number")]
    pub number: bool,

    /// Begin lines with the captured length and the length on the wire
    #[arg(long)]
    pub lengths: bool,

    /// Dump each frame in hexadecimal (-xx: with its link-layer header)
    #[arg(short = 'x', action = ArgAction::Count)]
    pub hex: u8,

    /// Dump each frame in hexadecimal and as text (-XX: with its link-layer header)
    #[arg(short = 'X', action = ArgAction::Count)]
    pub hex_and_text: u8,

    /// Dump each frame as text (-AA: with its link-layer header)
    #[arg(short = 'A', action = ArgAction::Count)]
    pub text: u8,

    /// Colour lines: auto (where standard output is a terminal and NO_COLOR is not set), always,
    /// never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: ColorChoice,

    /// Flush after each line (without it: after 50 ms at most)
    #[arg(short = 'l')]
    pub line_buffered: bool,

    /// Flush after each frame written with -w
    #[arg(short = 'U', long = "packet-buffered")]
    pub packet_buffered: bool,

    /// Print while writing with -w, too
    #[arg(long = "print")]
    pub print: bool,

    /// Read the filter from a file
    #[arg(short = 'F', value_name = "FILE", conflicts_with = "words")]
    pub filter_file: Option<PathBuf>,

    #[command(flatten)]
    pub lists: Lists,

    #[command(flatten)]
    pub compat: Compat,

    /// Print version
    #[arg(long, action = ArgAction::Version)]
    pub version: Option<bool>,

    #[command(flatten)]
    pub expression: Expression,
}

impl CaptureArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// Flags that cannot be had, or contradict each other, and files of words that cannot be read.
    pub fn plan(self) -> Result<Command> {
        self.compat.check()?;
        let promiscuity =
            if self.no_promiscuous { Promiscuity::Off } else { Promiscuity::IfPermitted };
        if let Some(list) = self.lists.of_interfaces(&self.live.interfaces) {
            return Ok(Command::List(list));
        }
        if let Some(code) = filter::code(self.lists.code) {
            return Ok(Command::List(List::Code(Box::new(CodeOf {
                code,
                filter: self.filter()?,
                link: self.lists.link_type,
                file: self.offline.file,
                live: self.live.plan(DirectionChoice::Both, promiscuity),
            }))));
        }
        let output = self.file_output()?;
        let lines = self.lines()?;
        let files = self.stored()?;
        if files.is_some() && (self.max_rate.is_some() || self.duration.is_some()) {
            let message = "--max-rate and --duration need live frames: a file (-r) has no clock";
            return Err(Usage::new(message).into());
        }
        Ok(Command::Capture(Box::new(Plan {
            filter: self.filter()?,
            link: self.lists.link_type,
            limits: self.limits(),
            account: self.verbose > 0,
            outputs: Outputs { file: output, lines, number: self.only_count, consumer: None },
            source: self.offline.source(files, self.live.plan(DirectionChoice::Both, promiscuity)),
        })))
    }

    /// The filter: words, or the contents of a file, where `#` begins a comment.
    fn filter(&self) -> Result<String> {
        let Some(path) = &self.filter_file else { return Ok(self.expression.text()) };
        let text =
            bounded::read(path).with_context(|| format!("-F: reading {}", path.display()))?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// The files to read, if any.
    fn stored(&self) -> Result<Option<Vec<PathBuf>>> {
        match (&self.offline.file, &self.file_list) {
            (Some(path), _) => Ok(Some(vec![path.clone()])),
            (None, Some(list)) => read_list(list).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            snaplen: values::snaplen(self.snaplen),
            sample: self.sample.unwrap_or(1),
            flows: self.sample_flows.map(|one_in| FlowSampling {
                one_in,
                seed: self.flow_seed.map_or_else(rules::drawn_seed, FlowSeed::new),
            }),
            budget: None,
            max_rate: self.max_rate,
            count: self.count,
            duration: self.duration,
            ring_bytes: self.buffer_size,
        }
    }

    /// The file of -w, and how it is written. Refuses what makes no sense, and says what does
    /// nothing.
    fn file_output(&self) -> Result<Option<FileOutput>, Usage> {
        let rotate = Rotate {
            bytes: self.file_size,
            // As in tcpdump, 0 is no rotation.
            seconds: self.rotate_seconds.filter(|&seconds| seconds > 0),
            files: self.files,
        };
        let mistake = match &self.write {
            None if rotate.rotates() => Some("-C and -G rotate the file of -w: give one with -w"),
            Some(path) if path.as_os_str() == "-" && rotate.rotates() => {
                Some("-w -: standard output cannot be rotated by -C or -G")
            }
            Some(path) if rotate.rotates() && Pipe::at(path).is_some() => {
                Some("-w: a named pipe cannot be rotated by -C or -G")
            }
            _ => None,
        };
        if let Some(mistake) = mistake {
            return Err(Usage::new(mistake));
        }
        let form = self.forms.of_file(self.write.is_some())?;
        if !rotate.rotates() {
            let flags = [(self.files.is_some(), "-W"), (self.post_rotate.is_some(), "-z")];
            for (_, flag) in flags.iter().filter(|(given, _)| *given) {
                reporter::note(format_args!("{flag} does nothing without -C or -G"));
            }
        }
        Ok(self.write.as_ref().map(|path| FileOutput {
            rotate,
            form,
            precision: self.precision(),
            each: self.packet_buffered,
            post_rotate: self.post_rotate.clone(),
            progress: self.verbose > 0 && !self.print,
            ..FileOutput::to(path.clone())
        }))
    }

    /// Rows in place of lines.
    fn rows(&self, shown: bool) -> Result<Option<Rows>> {
        let why = if self.only_count { "--count prints none" } else { "with -w give --print, too" };
        let bytes = "frame and payload";
        let of_text = [
            (self.hex > 0, "-x", bytes),
            (self.hex_and_text > 0, "-X", bytes),
            (self.text > 0, "-A", bytes),
            (self.time > 0, "-t", "time and relative"),
            (self.number, "--number", "number"),
            (self.lengths, "--lengths", "length and captured"),
        ];
        self.forms.rows((!shown).then_some(why), &of_text)
    }

    /// Lines on standard output, if any.
    fn lines(&self) -> Result<Option<Lines>> {
        let shown = (self.write.is_none() || self.print) && !self.only_count;
        let rows = self.rows(shown)?;
        Ok(shown.then(|| Lines {
            rows,
            style: self.style(),
            // A file can wait for a name server, a capture cannot.
            names: match (self.numeric, self.offline.file.is_some() || self.file_list.is_some()) {
                (0, true) => NameStyle::Wait,
                (0, false) => NameStyle::Background,
                _ => NameStyle::Numbers,
            },
            short_names: self.short_names,
            each: self.line_buffered || self.packet_buffered,
        }))
    }

    /// How frames are shown.
    fn style(&self) -> Style {
        Style {
            link_header: self.link_header,
            quiet: self.quiet,
            verbose: self.verbose,
            absolute_sequence: self.absolute_sequence,
            as_dot: self.as_dot,
            no_checksums: self.no_checksums,
            time: match self.time {
                0 => TimeStyle::Clock,
                1 => TimeStyle::None,
                2 => TimeStyle::Unix,
                3 => TimeStyle::SincePrevious,
                4 => TimeStyle::Date,
                _ => TimeStyle::SinceFirst,
            },
            precision: self.precision(),
            // tcpdump's order of precedence.
            dump: match (self.hex_and_text, self.hex, self.text) {
                (0, 0, 0) => Dump::None,
                (0, 0, text) => Dump::Text { link: text > 1 },
                (0, hex, _) => Dump::Hex { link: hex > 1 },
                (both, _, _) => Dump::HexAndText { link: both > 1 },
            },
            number: self.number,
            lengths: self.lengths,
            color: shared::colors(self.color),
        }
    }

    /// Fraction of a second in time stamps.
    fn precision(&self) -> Precision {
        match self.precision.as_str() {
            _ if self.nano => Precision::Nano,
            "nano" => Precision::Nano,
            _ => Precision::Micro,
        }
    }
}

/// The names in a list of files (-V), one a line.
fn read_list(path: &Path) -> Result<Vec<PathBuf>> {
    let text =
        bounded::read(path).with_context(|| format!("-V: reading the list {}", path.display()))?;
    let names: Vec<PathBuf> =
        text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect();
    if names.is_empty() {
        Err(Usage::new(format!("-V: {} names no file", path.display())).into())
    } else {
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capture::{Columns, FileForm, Syntax},
        cli,
        source::Source,
    };

    fn plan(words: &[&str]) -> Plan {
        match cli::from_words([&["probe", "capture"], words].concat()) {
            Ok(Command::Capture(plan)) => *plan,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn without_flags_there_is_no_limit_and_there_are_lines() {
        let Plan { source, filter, link, limits, outputs, account } =
            plan(&["-i", "lo", "tcp", "or", "udp"]);
        assert!(!account);
        assert!(matches!(source, Source::Live(live) if live.interfaces == ["lo"]));
        assert_eq!((filter.as_str(), link, limits), ("tcp or udp", None, Limits::default()));
        let Outputs { file: None, lines: Some(lines), number: false, consumer: None } = outputs
        else {
            panic!("{outputs:?}");
        };
        assert_eq!((lines.names, lines.each), (NameStyle::Background, false));
    }

    #[test]
    fn each_flag_is_in_the_plan() {
        let words = ["-r", "a", "-w", "b", "-C", "1", "-W", "3", "-z", "gzip", "-U", "-v", "-nn"];
        let more = ["-s", "96", "-c", "5", "--sample", "7", "-B", "64", "--nano", "-y", "raw"];
        let Plan { source, link, limits, outputs, .. } = plan(&[&words[..], &more].concat());
        assert!(matches!(source, Source::Stored { files, .. } if files == [PathBuf::from("a")]));
        assert_eq!(link, Some(probe_frame::LinkType::Raw));
        let (count, ring_bytes) = (Some(5), Some(64 << 10));
        let expected = Limits { snaplen: 96, sample: 7, count, ring_bytes, ..Limits::default() };
        assert_eq!(limits, expected);
        let file = FileOutput {
            precision: Precision::Nano,
            rotate: Rotate { bytes: Some(1_000_000), seconds: None, files: Some(3) },
            post_rotate: Some("gzip".into()),
            each: true,
            progress: true,
            ..FileOutput::to("b".into())
        };
        assert_eq!(outputs.file, Some(file));
        assert!(outputs.lines.is_none() && !outputs.number);
    }

    #[test]
    fn whole_connections_are_chosen_by_a_seed() {
        let flows = |words: &[&str]| plan(words).limits.flows;
        let (one_in, seed) = (16, FlowSeed::new(7));
        let given = flows(&["-i", "lo", "--sample-flows", "16", "--flow-seed", "7"]);
        assert_eq!(given, Some(FlowSampling { one_in, seed }));
        let [one, other] = [(); 2].map(|()| flows(&["-i", "lo", "--sample-flows", "16"]).unwrap());
        assert_ne!(one.seed, other.seed);
        assert_eq!(flows(&["-i", "lo"]), None);
    }

    #[test]
    fn rows_in_place_of_lines() {
        let rows = |words: &[&str]| plan(words).outputs.lines.unwrap().rows;
        let columns = Columns::of_json(false);
        let json = Some(Rows { syntax: Syntax::Json, columns, rules: Vec::new() });
        assert_eq!(rows(&["-i", "lo", "--format", "json"]), json);
        assert_eq!(rows(&["-i", "lo", "--format", "text"]), None);
        let both = ["-r", "a", "-w", "b", "--print", "--format", "csv", "--format", "pcapng"];
        let outputs = plan(&[&both[..], &["--columns", "src,tshark"]].concat()).outputs;
        assert_eq!(outputs.file.unwrap().form, Some(FileForm::PcapNg));
        let columns = "src,tshark".parse().unwrap();
        let csv = Rows { syntax: Syntax::Csv, columns, rules: Vec::new() };
        assert_eq!(outputs.lines.unwrap().rows, Some(csv));
        let named = rows(&["-i", "lo", "--format", "csv", "--rule", "a=tcp"]).unwrap();
        assert!(named.columns.have_rules() && named.rules[0].name == "a");
    }

    #[test]
    fn rules_without_their_column_are_refused() {
        for (words, expected) in [
            (&["--rule", "a=tcp"][..], "--rule, --rules: they fill the column rules"),
            (&["--format", "csv", "--columns", "rules"], "--columns rules: which rules?"),
            (
                &["--format", "csv", "--columns", "time", "--rule", "a=tcp"],
                "is not among --columns",
            ),
        ] {
            let words = [&["probe", "capture", "-i", "lo"], words].concat();
            let Err(cli::Refused::Plan(error)) = cli::from_words(words) else {
                panic!("{expected}")
            };
            let error = error.to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_and_lines_with_print() {
        let outputs = plan(&["-r", "a", "-w", "b", "--print", "-v"]).outputs;
        assert_eq!(outputs.lines.map(|lines| lines.names), Some(NameStyle::Wait));
        assert!(!outputs.file.unwrap().progress);
        let counted = plan(&["-r", "a", "--count"]).outputs;
        assert!(counted.number && counted.lines.is_none() && counted.file.is_none());
    }
}
