//! The rules of the kernel side: what is counted in full, and of which segments the stories are made.

use probe_common::Counter;
use probe_filter::FlowSeed;

use super::{
    report::Counts,
    service::{Protocol, Service},
};
use crate::{
    connections::filter::TCP as TCP_STORIES,
    rules::{self, Rule, sampler},
};

/// Bytes of a frame that stories need: the head of an HTTP response, whose status and length are in it.
pub const SNAPLEN: u32 = 512;

/// What is counted of a TCP port: the macro, and what tells the port.
const TCP: [(&str, &str); 5] = [
    ("syn", "@syn and dst port"),
    ("synack", "@synack and src port"),
    ("rst", "@rst and port"),
    ("fin", "@fin and port"),
    ("icmp", "@unreachable and tcp dst port"),
];

/// What is counted of a UDP port, in the same order.
const UDP: [(&str, &str); 5] = [
    ("asked", "udp dst port"),
    ("answered", "udp src port"),
    ("rst", "@rst and udp port"),
    ("fin", "@fin and udp port"),
    ("icmp", "@unreachable and udp dst port"),
];

/// The server's hello of TLS: the first that it sends, in a segment that others may follow at once.
const SERVER_HELLO: &str = "(tcp and payload[0] = 22 and payload[1] = 3)";

/// The rules for some ports, or for all.
pub struct Rules {
    services: Vec<Service>,
    rules: Vec<Rule>,
    seed: FlowSeed,
}

/// The rule whose frames are read.
const STORIES: &str = "stories";

impl Rules {
    /// Rules for ports; none: for all TCP ports. `filter`: an expression that holds for all frames. The
    /// stories are those of all connections, and may become those of some. `quotable`: the expression can be
    /// asked of a packet that an ICMP error quotes, too; else all errors count.
    pub fn new(services: &[Service], filter: &str, quotable: bool) -> Self {
        let narrowed = |rule: String| match (filter, rule.split_once("@unreachable and ")) {
            ("", _) => rule,
            // Behind it the words are about the packet that was rejected.
            (_, Some(("", quoted))) if quotable => {
                format!("@unreachable and ({filter}) and {quoted}")
            }
            (_, Some(("", _))) => rule,
            _ => format!("({filter}) and {rule}"),
        };
        let mut rules = Vec::new();
        for service in services {
            let counted = match service.protocol {
                Protocol::Tcp => TCP,
                Protocol::Udp => UDP,
            };
            for (name, what) in counted {
                let rule = narrowed(format!("{what} {}", service.port));
                rules.push(Rule::new(
                    format!("{name}-{}-{}", service.protocol.word(), service.port),
                    rule,
                ));
            }
        }
        let mut stories = Rule::new(STORIES, stories(services, narrowed));
        stories.sampler = Some(sampler(1, None));
        let seed = rules::drawn_seed();
        stories.prepare_flows(seed);
        rules.push(stories);
        Self { services: services.to_vec(), rules, seed }
    }

    /// All of them.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What chooses the connections of the stories, where not all are followed.
    pub fn seed(&self) -> FlowSeed {
        self.seed
    }

    /// The place of the rule whose frames are read.
    pub fn stories(&self) -> usize {
        self.rules.len() - 1
    }

    /// What they counted of a port; `None` where it has none.
    pub fn counts(&self, service: Service, counters: &[Counter]) -> Option<Counts> {
        let place = self.services.iter().position(|other| *other == service)?;
        let counter = |rule: usize| Some(counters.get(place * TCP.len() + rule)?.packets);
        Some(Counts {
            syn: counter(0)?,
            synack: counter(1)?,
            rst: counter(2)?,
            fin: counter(3)?,
            icmp_errors: counter(4)?,
            exact: true,
            ..Counts::default()
        })
    }
}

/// The filter of the stories: of segments and datagrams, or of ICMP errors about them.
fn stories(services: &[Service], narrowed: impl Fn(String) -> String) -> String {
    if services.is_empty() {
        return format!(
            "{} or ({})",
            narrowed(format!("({TCP_STORIES} or {SERVER_HELLO})")),
            narrowed("@unreachable and tcp".into())
        );
    }
    let mut parts = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let ports = |word: &str| {
            let of_protocol = services.iter().filter(|service| service.protocol == protocol);
            let words: Vec<String> =
                of_protocol.map(|service| format!("{word} {}", service.port)).collect();
            words.join(" or ")
        };
        let asked = ports("port");
        if asked.is_empty() {
            continue;
        }
        let word = protocol.word();
        let segments = match protocol {
            Protocol::Tcp => format!("{TCP_STORIES} or {SERVER_HELLO}"),
            Protocol::Udp => "udp".into(),
        };
        parts.push(narrowed(format!("({segments}) and ({asked})")));
        parts.push(narrowed(format!("@unreachable and {word} and ({})", ports("dst port"))));
    }
    parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use probe_filter::Options;

    use super::*;
    use crate::rules::RuleSet;

    fn service(text: &str) -> Service {
        text.parse().unwrap()
    }

    #[test]
    fn all_rules_compile() {
        for (services, filter) in [
            (vec![], ""),
            (vec![], "host 192.0.2.1"),
            (vec![service("80")], ""),
            (vec![service("80"), service("53/udp"), service("53")], "net 192.0.2.0/24 or ip6"),
        ] {
            let rules = Rules::new(&services, filter, true);
            assert_eq!(rules.rules().len(), services.len() * 5 + 1);
            assert_eq!(rules.rules()[rules.stories()].name, "stories");
            RuleSet::compile(rules.rules().to_vec(), &Options::default()).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_asked_of_a_quoted_packet_is_not() {
        let of_errors = |quotable| {
            let rules = Rules::new(&[service("80")], "ether host 2:0:0:0:0:1", quotable);
            rules.rules()[4].filter.clone()
        };
        assert_eq!(of_errors(false), "@unreachable and tcp dst port 80");
        assert!(probe_filter::compile(&of_errors(true), &Options::default()).is_err());
    }

    #[test]
    fn counters_are_found_by_their_port() {
        let rules = Rules::new(&[service("80"), service("53/udp")], "", true);
        let counter = |packets| Counter { packets, bytes: 0 };
        let counters: Vec<Counter> = (1..=11).map(counter).collect();
        let counts = rules.counts(service("53/udp"), &counters).unwrap();
        assert_eq!((counts.syn, counts.synack, counts.icmp_errors), (6, 7, 10));
        assert_eq!(rules.counts(service("53"), &counters), None);
        assert_eq!(rules.counts(service("53/udp"), &counters[..9]), None);
    }
}
