//! Where this crate differs from libpcap on purpose. docs/filters.md gives the reasons;
//! each difference has its test here.

use probe_filter::{LinkType, Options, compile};

use crate::oracle::{IFINDEX, Verdict};
use crate::setting::{Sample, Setting};

fn sample(bytes: &[u8]) -> Sample {
    Sample { bytes: bytes.to_vec(), wire_len: bytes.len() as u32, vlan: None, outbound: Some(true) }
}

const MACS: [u8; 12] = [0; 12];

/// An IPv6 packet: hop-by-hop options, authentication, destination options, then UDP.
fn authenticated() -> Sample {
    let mut frame = MACS.to_vec();
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0x30, 0, 64]);
    frame.extend([59; 32]);
    frame.extend([51, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend([60, 4]);
    frame.extend([0; 22]);
    frame.extend([17, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend([0, 53, 0, 53, 0, 8, 0, 0]);
    sample(&frame)
}

#[test]
fn protochain_steps_over_authentication_from_where_it_is() {
    let setting = Setting::dead(LinkType::Ethernet);
    let text = "ip6 protochain 17";
    let ours = setting.ours(text).unwrap();
    let mut theirs = setting.theirs(text).unwrap();
    let frame = authenticated();
    assert!(ours.matches(&frame.frame()));
    assert_eq!(theirs.run(&frame.frame()), Verdict::Match, "with the step repaired");
    theirs.repaired = false;
    // From the start of the packet, the step leads into the addresses, which say here
    // that nothing follows.
    assert_eq!(theirs.run(&frame.frame()), Verdict::NoMatch);
}

#[test]
fn protochain_always_ends() {
    let setting = Setting::dead(LinkType::Ethernet);
    let text = "ip protochain 6";
    let mut theirs = setting.theirs(text).unwrap();
    theirs.repaired = false;
    // The authentication header at 20 has 3 + 2 words: libpcap goes to 20 again.
    let mut frame = MACS.to_vec();
    frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 51, 0, 0]);
    frame.extend([0; 8]);
    frame.extend([51, 3]);
    frame.extend([0; 40]);
    let frame = sample(&frame);
    assert_eq!(theirs.run(&frame.frame()), Verdict::Endless);
    assert!(!setting.ours(text).unwrap().matches(&frame.frame()));
}

#[test]
fn byte_and_or_look_at_the_byte() {
    let setting = Setting::dead(LinkType::Ethernet);
    let frame = sample(&[0x11; 14]);
    for (text, ours, theirs) in [
        ("byte 0 & 1", true, Verdict::NoMatch),
        ("byte 0 & 2", false, Verdict::NoMatch),
        ("byte 0 | 0", true, Verdict::NoMatch),
        // libpcap leaves the load out and works on what the test before it left: here
        // the difference of its two sides, which is 2.
        ("ether[0] = 15 or byte 0 & 2", false, Verdict::Match),
    ] {
        assert_eq!(setting.ours(text).unwrap().matches(&frame.frame()), ours, "{text}");
        assert_eq!(setting.theirs(text).unwrap().run(&frame.frame()), theirs, "{text}");
    }
}

#[test]
fn byte_beyond_every_frame_is_no_metadata() {
    let setting = Setting::dead(LinkType::Ethernet);
    let frame = sample(&[0x11; 14]);
    // SKF_AD_PKTTYPE; PACKET_OUTGOING is 4.
    let text = "byte 0xfffff004 = 4";
    assert_eq!(setting.theirs(text).unwrap().run(&frame.frame()), Verdict::Match);
    assert!(!setting.ours(text).unwrap().matches(&frame.frame()));
}

#[test]
fn offsets_that_a_tunnel_has_not_set_are_zero() {
    let setting = Setting::dead(LinkType::Ethernet);
    // An IPv6 header where the frame starts, which no Geneve header says.
    let mut bytes = vec![0x86, 0xdd, 0x86, 0xdd];
    bytes.extend([0; 60]);
    let frame = sample(&bytes);
    let text = "geneve or ip6";
    assert_eq!(setting.theirs(text).unwrap().run(&frame.frame()), Verdict::Undefined);
    assert!(setting.ours(text).unwrap().matches(&frame.frame()));
}

#[test]
fn direction_and_interface_are_known_inside_tunnels_too() {
    let setting = Setting::dead(LinkType::Ethernet);
    let mut bytes = MACS.to_vec();
    bytes.extend([0x88, 0x64, 0x11, 0, 0, 1, 0, 40, 0, 0x21, 0x45]);
    bytes.extend([0; 40]);
    let frame = sample(&bytes);
    for text in ["pppoes and outbound", &format!("pppoes and ifindex {IFINDEX}")] {
        assert_eq!(setting.theirs(text).unwrap().run(&frame.frame()), Verdict::Undefined, "{text}");
        assert!(setting.ours(text).unwrap().matches(&frame.frame()), "{text}");
    }
}

#[test]
fn libpcap_refuses_the_language_beyond_its_own() {
    let setting = Setting::dead(LinkType::Ethernet);
    for text in ["@syn", "tcp and @get", "payload \"GET \"", "payload[0:4] = 0x47455420"] {
        assert!(setting.ours(text).is_ok(), "{text}");
        assert!(setting.theirs(text).is_err(), "{text}");
    }
    // As a name, `payload` is still one.
    for text in ["host payload", "host \\payload", "port payload", "payload", "tcp and payload"] {
        assert_eq!(setting.ours(text).is_ok(), setting.theirs(text).is_ok(), "{text}");
    }
}

#[test]
fn nesting_ends_at_ten_thousand_levels() {
    let nested = |levels: usize| format!("{}tcp{}", "(".repeat(levels), ")".repeat(levels));
    let setting = Setting::dead(LinkType::Ethernet);
    for levels in [1, 100, 9_000] {
        assert!(setting.ours(&nested(levels)).is_ok());
        assert!(setting.theirs(&nested(levels)).is_ok());
    }
    // libpcap counts five symbols more.
    assert!(setting.ours(&nested(9_999)).is_ok());
    assert!(setting.theirs(&nested(9_999)).is_err());
    assert!(setting.ours(&nested(10_001)).is_err());
    assert!(setting.theirs(&nested(10_001)).is_err());
}

#[test]
fn what_a_file_does_not_say_is_refused_as_libpcap_refuses_it() {
    let path = std::env::temp_dir().join(format!("probe-filter-{}.pcap", std::process::id()));
    let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1];
    let bytes: Vec<u8> = header.iter().flat_map(|field| field.to_ne_bytes()).collect();
    std::fs::write(&path, bytes).unwrap();
    let file = pcap::Capture::from_file(&path);
    std::fs::remove_file(&path).unwrap();
    let file = file.unwrap();
    let options = Options::default().netmask(0);
    for text in ["inbound", "outbound", "tcp and inbound", "ifindex 2"] {
        assert!(file.compile(text, false).is_err(), "{text}");
        assert!(compile(text, &options).is_err(), "{text}");
    }
    for text in ["tcp", "ip broadcast", "vlan and tcp"] {
        assert!(file.compile(text, false).is_ok(), "{text}");
        assert!(compile(text, &options).is_ok(), "{text}");
    }
    assert!(compile("ip broadcast", &Options::default()).is_err());
}
