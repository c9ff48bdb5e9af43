//! Names, with a resolver of the test's own: a filter with names is the filter with what
//! they stand for.

use std::io;
use std::net::IpAddr;

use probe_filter::testing::frames::pool;
use probe_filter::{Filter, Frame, LinkType, Options, Port, Resolver, SystemResolver, compile};

/// The people of pcap-filter(7).
struct Manual;

impl Resolver for Manual {
    fn host(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let addresses: &[&str] = match name {
            "helios" => &["192.0.2.1"],
            "hot" => &["192.0.2.2", "2001:db8::1"],
            "ace" => &["fe80::1"],
            "tcp" => &["10.0.0.1"],
            _ => &[],
        };
        Ok(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    fn port(&self, name: &str) -> io::Result<Port> {
        Ok(match name {
            "web" => Port { tcp: Some(80), udp: Some(80) },
            "mail" => Port { tcp: Some(25), udp: None },
            "time" => Port { tcp: None, udp: Some(123) },
            "odd" => Port { tcp: Some(80), udp: Some(90) },
            _ => Port::default(),
        })
    }

    fn protocol(&self, name: &str) -> io::Result<Option<u32>> {
        Ok((name == "tcp").then_some(6))
    }

    fn network(&self, name: &str) -> io::Result<Option<u32>> {
        Ok(match name {
            "home" => Some(10),
            "work" => Some(0x0a00_0000),
            "default" => Some(0),
            _ => None,
        })
    }

    fn ether(&self, name: &str) -> io::Result<Option<[u8; 6]>> {
        Ok((name == "snup").then_some([0, 0x11, 0x22, 0x33, 0x44, 0x55]))
    }
}

/// Nobody answers.
struct Silence;

impl Resolver for Silence {
    fn host(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("no answer"))
    }

    fn port(&self, _: &str) -> io::Result<Port> {
        Err(io::Error::other("no answer"))
    }

    fn protocol(&self, _: &str) -> io::Result<Option<u32>> {
        Err(io::Error::other("no answer"))
    }

    fn network(&self, _: &str) -> io::Result<Option<u32>> {
        Err(io::Error::other("no answer"))
    }

    fn ether(&self, _: &str) -> io::Result<Option<[u8; 6]>> {
        Err(io::Error::other("no answer"))
    }
}

fn options(link: LinkType) -> Options<'static> {
    Options::default().link(link).resolver(&Manual)
}

#[test]
fn names_are_what_they_stand_for() {
    for link in [LinkType::Ethernet, LinkType::Raw] {
        let frames = pool(link, 31, 20_000);
        let run = |filter: &Filter| -> Vec<bool> {
            frames
                .iter()
                .map(|bytes| {
                    let wire_len = bytes.len() as u32;
                    filter.matches(&Frame { bytes, wire_len, vlan: None, outbound: None })
                })
                .collect()
        };
        for (named, plain) in [
            ("host helios", "host 192.0.2.1"),
            ("ip host hot", "ip host 192.0.2.2"),
            ("ip6 host hot", "host 2001:db8::1"),
            ("host hot", "host 192.0.2.2 or host 2001:db8::1"),
            (
                "host helios and (hot or ace)",
                "host 192.0.2.1 and (192.0.2.2 or 2001:db8::1 or fe80::1)",
            ),
            (
                "src helios and not dst hot",
                "src 192.0.2.1 and not (dst 192.0.2.2 or dst host 2001:db8::1)",
            ),
            ("host \\tcp", "host 10.0.0.1"),
            ("net home", "net 10"),
            ("net work", "net 10.0.0.0/32"),
            ("port web", "port 80 and not sctp or port 80"),
            ("port mail", "tcp port 25"),
            ("tcp port mail", "tcp port 25"),
            ("port time", "udp port 123"),
            ("port odd", "tcp port 80"),
            ("portrange mail-web", "portrange 25-80"),
            ("portrange 20-mail", "portrange 20-25"),
            ("ip proto \\tcp", "ip proto 6"),
        ] {
            let compiled = |text| compile(text, &options(link)).unwrap_or_else(|e| panic!("{e}"));
            let (named_verdicts, verdicts) = (run(&compiled(named)), run(&compiled(plain)));
            assert!(named_verdicts == verdicts, "{named}");
            assert!(verdicts.contains(&true), "{named} matches nothing");
        }
    }
    let ethernet = options(LinkType::Ethernet);
    let frames = pool(LinkType::Ethernet, 32, 5_000);
    let named = compile("ether host snup", &ethernet).unwrap();
    let plain = compile("ether host 00:11:22:33:44:55", &ethernet).unwrap();
    for bytes in &frames {
        let frame = Frame { bytes, wire_len: bytes.len() as u32, vlan: None, outbound: None };
        assert_eq!(named.matches(&frame), plain.matches(&frame));
    }
}

#[test]
fn names_that_do_not_fit_are_refused() {
    for (text, message) in [
        ("host nobody", "host 'nobody' is not known"),
        ("ip host ace", "host 'ace' is not known"),
        ("udp port mail", "'mail' is a port of TCP only"),
        ("tcp port time", "'time' is a port of UDP only"),
        ("net default", "network 'default' is not known"),
        ("ether host nobody", "Ethernet host 'nobody' is not known"),
        ("proto \\udp", "protocol 'udp' is not known"),
    ] {
        let error = compile(text, &options(LinkType::Ethernet)).unwrap_err();
        assert_eq!(error.message(), message);
    }
}

/// A resolver that fails is not a name that nobody knows: the filter may be right.
#[test]
fn a_resolver_that_fails_is_told_from_a_mistake() {
    let silent = Options::default().resolver(&Silence);
    for (text, message) in [
        ("tcp and host helios", "host 'helios': no answer"),
        ("udp port time", "port 'time': no answer"),
        ("portrange 1-web", "port 'web': no answer"),
        ("portrange mail-web", "port 'mail': no answer"),
        ("net home", "network 'home': no answer"),
        ("ether host snup", "Ethernet host 'snup': no answer"),
        ("ip proto \\tcp", "protocol 'tcp': no answer"),
    ] {
        let error = compile(text, &silent).unwrap_err();
        assert_eq!(error.message(), message);
        assert_eq!(error.is_resolvers(), message.ends_with("no answer"), "{message}");
    }
    assert!(!compile("host nobody", &options(LinkType::Ethernet)).unwrap_err().is_resolvers());
}

#[test]
fn nobody_is_asked_who_was_not_named() {
    // In /etc/hosts and /etc/services of every machine.
    for text in ["host localhost", "tcp port ssh"] {
        let error = compile(text, &Options::default()).expect_err(text);
        assert!(error.message().ends_with("is not known"), "{error}");
        compile(text, &Options::default().resolver(&SystemResolver)).expect(text);
    }
}
