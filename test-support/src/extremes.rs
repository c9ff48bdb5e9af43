//! Filters with constants at the edges of what 32 bits, the kernel's verifier and the frame
//! can hold, and frames whose bytes make sums with such constants wrap to small offsets.

use probe_filter::testing::frames::Rng;

/// A constant near a power of two or its negative, near the largest offset that 16 bits hold,
/// or among the offsets that the kernel gives meanings of their own in classic BPF (SKF_AD_OFF,
/// SKF_NET_OFF, SKF_LL_OFF in include/uapi/linux/filter.h).
pub fn constant(rng: &mut Rng) -> u32 {
    const NAMED: [u32; 8] = [
        0xffff,
        0x1_0000,
        0x7fff,
        0x7fff_ffff,
        (-0x1000_i32) as u32,
        (-0x10_0000_i32) as u32,
        (-0x20_0000_i32) as u32,
        u32::MAX,
    ];
    let near = match rng.below(4) {
        0 => rng.pick(&NAMED),
        1 => (1_u32 << rng.below(32)).wrapping_neg(),
        _ => 1 << rng.below(32),
    };
    near.wrapping_add(rng.below(9) as u32).wrapping_sub(4)
}

/// A filter around such constants, by the grammar of libpcap; some are refused for them.
pub fn filter(rng: &mut Rng) -> String {
    let one = primitive(rng);
    match rng.below(6) {
        0 => format!("not ({one})"),
        1 => format!("{one} and {}", primitive(rng)),
        2 => format!("{one} or {}", primitive(rng)),
        3 => format!("{} and {one}", rng.pick(&["ip", "tcp", "ip6", "vlan", "len >= 0"])),
        _ => one,
    }
}

/// The same with `payload`, which is not libpcap's.
pub fn filter_beyond_libpcap(rng: &mut Rng) -> String {
    let (index, relation) = (index(rng), relation(rng));
    let one = format!("payload[{index}{}] {relation} {}", size(rng), number(rng));
    match rng.below(4) {
        0 => format!("not ({one})"),
        1 => format!("{one} or {}", filter(rng)),
        2 => format!("@syn or {one}"),
        _ => one,
    }
}

/// Writes such constants over parts of a frame.
pub fn spread(rng: &mut Rng, frame: &mut [u8]) {
    for _ in 0..=rng.below(6) {
        let bytes = constant(rng).to_be_bytes();
        // Most of them where filters look: the first bytes of a header.
        let at = match rng.below(3) {
            0 => rng.pick(&[0, 4, 14, 18, 20, 34, 38, 54]),
            _ => rng.below(frame.len().max(1)),
        };
        frame.iter_mut().skip(at).zip(bytes).for_each(|(byte, new)| *byte = new);
    }
}

fn number(rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => constant(rng).to_string(),
        1 => rng.below(300).to_string(),
        _ => format!("{:#x}", constant(rng)),
    }
}

fn relation(rng: &mut Rng) -> &'static str {
    rng.pick(&["=", "!=", "<", ">", "<=", ">="])
}

fn size(rng: &mut Rng) -> &'static str {
    rng.pick(&["", ":1", ":2", ":4"])
}

/// A load whose own index is small: what the frame says.
fn field(rng: &mut Rng) -> String {
    let protocol = rng.pick(&["ether", "ether", "ip", "ip6", "tcp", "udp", "arp"]);
    let at = rng.pick(&["0", "1", "2", "4", "12", "14", "16", "20"]);
    format!("{protocol}[{at}{}]", size(rng))
}

fn index(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 | 1 => number(rng),
        2..=4 => format!("{}{}{}", field(rng), rng.pick(&["+", "+", "-", "*"]), number(rng)),
        5 => format!("{}-{}", number(rng), field(rng)),
        6 => {
            format!("({}{}{})&{}", field(rng), rng.pick(&["+", "^", "|"]), number(rng), number(rng))
        }
        _ => arithmetic(rng),
    }
}

fn arithmetic(rng: &mut Rng) -> String {
    let left = match rng.below(4) {
        0 => "len".to_owned(),
        1 => format!("-{}", field(rng)),
        _ => field(rng),
    };
    let operator =
        rng.pick(&["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "<<", ">>", "+", "-"]);
    let right = match rng.below(3) {
        0 => field(rng),
        1 => rng.pick(&["0", "1", "30", "31", "32", "33", "63", "64"]).to_owned(),
        _ => number(rng),
    };
    format!("{left}{operator}{right}")
}

fn primitive(rng: &mut Rng) -> String {
    let (one, other) = (number(rng), number(rng));
    let relation = relation(rng);
    match rng.below(24) {
        0..=7 => {
            let protocol = rng.pick(&["ether", "ether", "ip", "ip6", "tcp", "udp", "icmp6", "arp"]);
            format!("{protocol}[{}{}] {relation} {one}", index(rng), size(rng))
        }
        8..=12 => format!("{} {relation} {one}", arithmetic(rng)),
        13 => format!("{} {one}", rng.pick(&["less", "greater"])),
        14 => format!("{}port {one}", rng.pick(&["", "tcp ", "udp src ", "dst "])),
        15 => format!("portrange {one}-{other}"),
        16 => format!("{} {one}", rng.pick(&["vlan", "mpls", "pppoes", "geneve"])),
        17 => format!("{} {one} and ether[{other}] >= 0", rng.pick(&["vlan", "mpls", "pppoes"])),
        18 => {
            // From here on libpcap's `byte` asks for the kernel's metadata (deliberate.rs).
            let index = constant(rng).min(0xffff_efff);
            format!("byte {index} {} {other}", rng.pick(&["=", "<", ">"]))
        }
        19 => format!("{} {one}", rng.pick(&["ip proto", "ip6 proto", "ip protochain"])),
        20 => format!("ether proto {one}"),
        21 => format!("ifindex {one}"),
        22 => format!("ether[0:{one}] = {other}"),
        _ => format!("net {} mask {}", dotted(constant(rng)), dotted(constant(rng))),
    }
}

fn dotted(address: u32) -> String {
    std::net::Ipv4Addr::from(address).to_string()
}
