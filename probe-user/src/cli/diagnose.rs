//! `probe diagnose`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::values;
use crate::{
    diagnose::{Output, Place, Plan, Source, Target},
    kernel::Hook,
    source::Choice,
};

/// Format of the diagnosis.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// A sentence
    Text,
    /// An object
    Json,
}

/// Flags of `probe diagnose`.
#[derive(Debug, Args)]
#[command(after_help = "The result line begins with the port and one of these words:\n  \
    OPEN      somebody answers there (exit code 0; 1 with all others)\n  \
    REFUSED   TCP: the server resets, nobody listens\n  \
    CLOSED    UDP: the server says port unreachable, nobody listens\n  \
    REJECTED  an ICMP error came back, from the server or on the way\n  \
    DROPPED   nothing came back, or nothing was let out of this host\n  \
    UNCLEAR   what was seen says nothing about the port\n\n\
    Examples:\n  \
    probe diagnose www.example.com:443\n  \
    probe diagnose --explain --send 'HEAD / HTTP/1.0\\r\\n\\r\\n' 192.0.2.1:80\n  \
    probe diagnose [2001:db8::1]:53/udp\n  \
    probe diagnose -r trace.pcap 192.0.2.1:22")]
pub struct DiagnoseArgs {
    /// The port: HOST:PORT, an IPv6 address in brackets, /udp behind it for UDP; names are looked up
    #[arg(value_name = "HOST:PORT")]
    pub target: Target,

    /// Interface to look at [default: the one that the route to the host has]
    #[arg(short = 'i', long = "interface", value_name = "IF")]
    pub interface: Option<String>,

    /// Make no connection: look at the next one that others make, until it ends or --timeout is over
    #[arg(long)]
    pub listen_only: bool,

    /// Look at the first connection to the port in a pcap or pcapng file (- is standard input)
    #[arg(short = 'r', long = "read", value_name = "FILE",
          conflicts_with_all = ["interface", "listen_only", "hook", "send"])]
    pub file: Option<PathBuf>,

    /// How long an answer may take
    #[arg(long, value_name = "TIME", default_value = "3.5s", value_parser = values::duration)]
    pub timeout: Duration,

    /// Say this to the server; \\r \\n \\t \\0 \\xHH and \\\\ are escapes [default: nothing by TCP, by UDP what the
    /// service of port 53 or 123 answers, else an empty datagram]
    #[arg(long, value_name = "TEXT", conflicts_with = "listen_only", value_parser = values::escaped)]
    pub send: Option<values::Escaped>,

    /// Lay the frames out: the steps of the handshake and the teardown, data, numbers and states
    #[arg(long, conflicts_with = "format")]
    pub explain: bool,

    /// text or json
    #[arg(long, value_enum, value_name = "FORM", hide_possible_values = true)]
    pub format: Option<Format>,

    /// Where to attach: auto (tcx; before Linux 6.6 clsact), tcx, clsact
    #[arg(long, value_name = "HOOK", default_value = "auto", value_parser = values::hook)]
    pub hook: Choice<Hook>,

    /// Drop privileges to this user after attaching [default: the user who called sudo; else stay root, without
    /// capabilities]
    #[arg(short = 'Z', long = "relinquish-privileges", value_name = "USER")]
    pub user: Option<String>,
}

impl DiagnoseArgs {
    /// What the flags ask for.
    pub fn plan(self) -> Plan {
        let Self {
            target,
            interface,
            listen_only,
            file,
            timeout,
            send,
            explain,
            format,
            hook,
            user,
        } = self;
        let source = match file {
            Some(file) => Source::File(file, user),
            None => {
                let place = Place { interface, hook, user };
                if listen_only {
                    Source::Others(place)
                } else {
                    Source::Attempt(place, send.map(|send| send.0))
                }
            }
        };
        let output = match format {
            Some(Format::Json) => Output::Json,
            _ if explain => Output::Explained,
            Some(Format::Text) | None => Output::Sentence,
        };
        Plan { target, source, timeout, output }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, cli};

    fn plan(words: &[&str]) -> Plan {
        match cli::from_words([&["probe", "diagnose"], words].concat()) {
            Ok(Command::Diagnose(plan)) => plan,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn flags_become_a_plan() {
        let target: Target = "192.0.2.1:80".parse().unwrap();
        let plain = plan(&["192.0.2.1:80"]);
        let source = Source::Attempt(Place::default(), None);
        let timeout = Duration::from_millis(3500);
        assert_eq!(
            plain,
            Plan { target: target.clone(), source, timeout, output: Output::Sentence }
        );
        let said = plan(&["-i", "eth0", "--send", "a\\r\\n", "--explain", "192.0.2.1:80"]);
        let place = Place { interface: Some("eth0".into()), ..Place::default() };
        assert_eq!(said.source, Source::Attempt(place.clone(), Some(b"a\r\n".to_vec())));
        assert_eq!(said.output, Output::Explained);
        let heard = plan(&["-i", "eth0", "--listen-only", "--timeout", "9", "192.0.2.1:80"]);
        assert_eq!((heard.source, heard.timeout), (Source::Others(place), Duration::from_secs(9)));
        let read = plan(&["-r", "a.pcap", "--format", "json", "192.0.2.1:80"]);
        assert_eq!((read.source, read.output), (Source::File("a.pcap".into(), None), Output::Json));
    }
}
