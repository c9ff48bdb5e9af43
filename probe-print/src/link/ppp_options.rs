//! What two ends of PPP negotiate: the options of LCP (RFC 1661, RFC 1990), IPCP (RFC 1332,
//! RFC 1877), IPV6CP (RFC 5072), CCP (RFC 1962) and BACP (RFC 2125).

use crate::{
    bytes::{Bytes, Fields, Stop},
    ouis::OUIS,
    text::{Text, name_of, put, put_name},
};

const LCP: &[&str] = &[
    "Vend-Ext",
    "MRU",
    "ACCM",
    "Auth-Prot",
    "Qual-Prot",
    "Magic-Num",
    "deprecated(6)",
    "PFC",
    "ACFC",
    "FCS-Alt",
    "SDP",
    "Num-Mode",
    "deprecated(12)",
    "Call-Back",
    "deprecated(14)",
    "deprecated(15)",
    "deprecated(16)",
    "MRRU",
    "12-Bit seq #",
    "End-Disc",
    "Proprietary",
    "DCE-Id",
    "MP+",
    "Link-Disc",
    "LCP-Auth-Opt",
    "COBS",
    "Prefix-elision",
    "Multilink-header-Form",
    "I18N",
    "SDL-over-SONET/SDH",
    "PPP-Muxing",
];
const CHAP: u16 = 0xc223;
/// Ways to authenticate that have no algorithm to name: PAP, EAP, and two of Shiva.
const PLAIN: [u16; 4] = [0xc023, 0xc227, 0xc027, 0xc123];
const ALGORITHMS: &[(u8, &str)] = &[(5, "MD5"), (128, "MS-CHAPv1"), (129, "MS-CHAPv2")];
const QUALITY: u16 = 0xc025;
const CALLBACKS: &[(u8, &str)] =
    &[(0, "UserAuth"), (1, "DialString"), (2, "LocalID"), (3, "E.164"), (4, "X.500"), (6, "CBCP")];

const IPCP_NUMBER: u16 = 0x8021;
const IPCP: &[(u8, &str)] = &[
    (1, "IP-Addrs"),
    (2, "IP-Comp"),
    (3, "IP-Addr"),
    (4, "Home-Addr"),
    (129, "Pri-DNS"),
    (130, "Pri-NBNS"),
    (131, "Sec-DNS"),
    (132, "Sec-NBNS"),
];
const IP6CP_NUMBER: u16 = 0x8057;
const IP6CP: &[(u8, &str)] = &[(1, "Interface-ID")];
const CCP: &[(u8, &str)] = &[
    (0, "OUI"),
    (1, "Pred-1"),
    (2, "Pred-2"),
    (3, "Puddle"),
    (16, "HP-PPC"),
    (17, "Stac-LZS"),
    (18, "MPPC"),
    (19, "Gand-FZA"),
    (20, "V.42bis"),
    (21, "BSD-Comp"),
    (23, "LZS-DCP"),
    (24, "MVRCA"),
    (25, "DEC"),
    (26, "Deflate"),
    (255, "Reserved"),
];
const BACP: &[(u8, &str)] = &[(1, "Favored-Peer")];

/// How a value is shown, if its length is right.
enum Shown {
    Whole,
    /// It is shown as bytes.
    Unknown,
    /// So many of its bytes are; as in tcpdump, its dump begins behind them.
    Past(usize),
    /// Nothing of it is shown, but what follows is.
    Skipped,
    /// Its length is so wrong that nothing behind it is looked at.
    Last,
}

/// Prints the options of a protocol; none of those of a protocol that is not known here.
/// `protocols` has the names of all.
pub(super) fn print(
    t: &mut Text<'_>,
    protocol: u16,
    protocols: &[(u16, &'static str)],
    mut fields: Fields<'_>,
    whole: usize,
) -> Result<(), Stop> {
    let names = match protocol {
        0xc021 => &[][..],
        IPCP_NUMBER => IPCP,
        IP6CP_NUMBER => IP6CP,
        0x80fd => CCP,
        0xc02b => BACP,
        _ => return Ok(()),
    };
    while fields.left() > 0 {
        let p = fields.rest();
        let (Ok(kind), Ok(size)) = (p.u8(0), p.u8(1).map(usize::from)) else {
            cut(t, protocol);
            return Ok(());
        };
        // As in tcpdump, an option may be as long as the message.
        if whole < size {
            return Ok(());
        }
        let name = match protocol {
            0xc021 => LCP.get(usize::from(kind)).copied(),
            IPCP_NUMBER | IP6CP_NUMBER => Some(name_of(names, kind).unwrap_or("unknown")),
            _ => Some(name_of(names, kind).unwrap_or("Unknown")),
        };
        match name {
            Some(name) => put!(t, "\n\t  {name} Option (0x{kind:02x}), length {size}"),
            None => put!(t, "\n\tunknown LCP option 0x{kind:02x}"),
        }
        let Some(length) = size.checked_sub(2) else {
            if name.is_some() {
                put!(t, " (length bogus, should be >= 2)");
            }
            return Ok(());
        };
        if name.is_some() {
            let value = p.from(2);
            let shown = match protocol {
                0xc021 => lcp(t, kind, p, size, protocols)?,
                IPCP_NUMBER => ipcp(t, kind, value, size)?,
                IP6CP_NUMBER => ip6cp(t, kind, value, size)?,
                0x80fd => ccp(t, kind, value, size)?,
                _ => bacp(t, kind, value, size)?,
            };
            match shown {
                Shown::Last => return Ok(()),
                Shown::Skipped => {}
                Shown::Whole | Shown::Unknown | Shown::Past(_) => {
                    let unknown = matches!(shown, Shown::Unknown);
                    let past = if let Shown::Past(bytes) = shown { bytes } else { 0 };
                    if t.style.verbose > 1 || unknown {
                        t.unknown(value.from(past), length, "\n\t    ");
                    }
                }
            }
        }
        if fields.left() < size {
            put!(t, " [remaining options length {} < {size}]", fields.left());
            return Err(Stop::Invalid);
        }
        fields.skip(size);
    }
    Ok(())
}

/// Says that an option is cut, in the words of tcpdump, which with some fields ends only the options.
fn cut(t: &mut Text<'_>, protocol: u16) {
    let name = match protocol {
        0xc021 => "lcp",
        IPCP_NUMBER => "ipcp",
        IP6CP_NUMBER => "ip6cp",
        0x80fd => "ccp",
        _ => "bacp",
    };
    put!(t, "[|{name}]");
}

/// Whether a length is the right one; it says so where not. No `Stop`: some options with a
/// wrong length end the list, others only themselves.
fn exactly(t: &mut Text<'_>, size: usize, right: usize) -> bool {
    if size != right {
        put!(t, " (length bogus, should be = {right})");
    }
    size == right
}

fn at_least(t: &mut Text<'_>, size: usize, least: usize) -> bool {
    if size < least {
        put!(t, " (length bogus, should be >= {least})");
    }
    size >= least
}

fn lcp(
    t: &mut Text<'_>,
    kind: u8,
    option: Bytes<'_>,
    size: usize,
    protocols: &[(u16, &'static str)],
) -> Result<Shown, Stop> {
    let p = option.from(2);
    match kind {
        0 if !at_least(t, size, 6) => return Ok(Shown::Skipped),
        0 => {
            let vendor = p.u24(0)?;
            put!(t, ": Vendor: {} ({vendor})", name_of(OUIS, vendor).unwrap_or("Unknown"));
        }
        1 if !exactly(t, size, 4) => return Ok(Shown::Skipped),
        1 => put!(t, ": {}", p.u16(0)?),
        2 if !exactly(t, size, 6) => return Ok(Shown::Skipped),
        2 => put!(t, ": 0x{:08x}", p.u32(0)?),
        3 if !at_least(t, size, 4) => return Ok(Shown::Skipped),
        3 => {
            let protocol = p.u16(0)?;
            // That this is all, without the number, is tcpdump's own text.
            let name = name_of(protocols, protocol).unwrap_or("Unknown Auth Proto (0x04x)");
            put!(t, ": {name}");
            if protocol == CHAP {
                let algorithm = p.u8(2)?;
                put!(t, ", ");
                put_name!(t, ALGORITHMS, algorithm, "Unknown Auth Alg {algorithm}");
            } else if !PLAIN.contains(&protocol) {
                t.unknown(option, size, "\n\t");
            }
        }
        4 if !at_least(t, size, 4) => return Ok(Shown::Last),
        4 => put!(t, ": {}", if p.u16(0)? == QUALITY { "LQR" } else { "unknown" }),
        5 if !exactly(t, size, 6) => return Ok(Shown::Last),
        5 => put!(t, ": 0x{:08x}", p.u32(0)?),
        7 | 8 => {}
        13 if !at_least(t, size, 3) => return Ok(Shown::Last),
        13 => {
            let operation = p.u8(0)?;
            let name = name_of(CALLBACKS, operation).unwrap_or("Unknown");
            put!(t, ": : Callback Operation {name} ({operation})");
        }
        17 | 23 if !exactly(t, size, 4) => return Ok(Shown::Last),
        17 => put!(t, ": {}", p.u16(0)?),
        23 => put!(t, ": 0x{:04x}", p.u16(0)?),
        19 if !at_least(t, size, 3) => return Ok(Shown::Last),
        19 => match p.u8(0)? {
            0 => put!(t, ": Null"),
            1 => put!(t, ": Local"),
            2 if !exactly(t, size, 7) => return Ok(Shown::Last),
            2 => put!(t, ": IPv4 {}", t.v4(p, 1)?),
            3 if !exactly(t, size, 9) => return Ok(Shown::Last),
            3 => put!(t, ": MAC {}", t.link(p.slice(1, 6)?)),
            4 => put!(t, ": Magic-Num-Block"),
            5 => put!(t, ": PSNDN"),
            class => put!(t, ": Unknown class {class}"),
        },
        _ => return Ok(Shown::Unknown),
    }
    Ok(Shown::Whole)
}

fn ipcp(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, size: usize) -> Result<Shown, Stop> {
    match kind {
        1 if !exactly(t, size, 10) => return Ok(Shown::Skipped),
        1 => put!(t, ": src {}, dst {}", t.v4(p, 0)?, t.v4(p, 4)?),
        2 if !at_least(t, size, 4) => return Ok(Shown::Last),
        2 => return compression(t, p, size),
        3 | 4 | 129..=132 if !exactly(t, size, 6) => return Ok(Shown::Last),
        3 | 4 | 129..=132 => put!(t, ": {}", t.v4(p, 0)?),
        _ => return Ok(Shown::Unknown),
    }
    Ok(Shown::Whole)
}

/// How headers of IP are compressed (RFC 1332, RFC 3544).
fn compression(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<Shown, Stop> {
    const VAN_JACOBSON: u16 = 0x002d;
    const HEADERS: u16 = 0x0061;
    const HEADERS_SIZE: usize = 14;
    let protocol = p.u16(0)?;
    let name = match protocol {
        VAN_JACOBSON => "VJ-Comp",
        HEADERS => "IP Header Compression",
        _ => "Unknown",
    };
    put!(t, ": {name} (0x{protocol:02x}):");
    if protocol != HEADERS {
        return Ok(Shown::Whole);
    }
    if size < HEADERS_SIZE {
        put!(t, " (length bogus, should be >= {HEADERS_SIZE})");
        return Ok(Shown::Last);
    }
    // As in tcpdump, two bytes more than are read.
    if !p.has(0, HEADERS_SIZE) {
        cut(t, IPCP_NUMBER);
        return Ok(Shown::Last);
    }
    put!(t, "\n\t    TCP Space {}, non-TCP Space {}", p.u16(2)?, p.u16(4)?);
    put!(t, ", maxPeriod {}, maxTime {}, maxHdr {}", p.u16(6)?, p.u16(8)?, p.u16(10)?);
    let all = size - HEADERS_SIZE;
    let mut more = Fields::new(p.from(HEADERS_SIZE - 2), all);
    if all > 0 {
        put!(t, "\n\t      Suboptions, length {}", more.left());
        while more.left() >= 2 {
            let (Ok(kind), Ok(size)) = (more.rest().u8(0), more.rest().u8(1).map(usize::from))
            else {
                cut(t, IPCP_NUMBER);
                return Ok(Shown::Last);
            };
            if kind == 0 || size == 0 {
                break;
            }
            let name = match kind {
                1 => "RTP-Compression",
                2 => "Enhanced RTP-Compression",
                _ => "Unknown",
            };
            put!(t, "\n\t\t{name} Suboption #{kind}, length {size}");
            if more.left() < size {
                put!(t, " [remaining suboptions length {} < {size}]", more.left());
                t.invalid();
                break;
            }
            more.skip(size);
        }
        return Ok(Shown::Past(HEADERS_SIZE + all - more.left()));
    }
    Ok(Shown::Whole)
}

fn ip6cp(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, size: usize) -> Result<Shown, Stop> {
    if kind != 1 {
        return Ok(Shown::Unknown);
    }
    if !exactly(t, size, 10) {
        return Ok(Shown::Skipped);
    }
    if !p.has(0, 8) {
        cut(t, IP6CP_NUMBER);
        return Ok(Shown::Last);
    }
    put!(t, ": {:04x}:{:04x}:{:04x}:{:04x}", p.u16(0)?, p.u16(2)?, p.u16(4)?, p.u16(6)?);
    Ok(Shown::Whole)
}

fn ccp(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, size: usize) -> Result<Shown, Stop> {
    match kind {
        21 if !at_least(t, size, 3) => return Ok(Shown::Skipped),
        21 => {
            let byte = p.u8(0)?;
            put!(t, ": Version: {}, Dictionary Bits: {}", byte >> 5, byte & 0x1f);
        }
        24 | 26 if !at_least(t, size, 4) => return Ok(Shown::Skipped),
        24 => {
            let (features, contexts) = (p.u8(0)?, p.u8(1)?);
            let process = if features & 0x20 == 0 { "Disabled" } else { "Enabled" };
            put!(t, ": Features: {}, PxP: {process}", features >> 6);
            put!(t, ", History: {}, #CTX-ID: {contexts}", features & 0x1f);
        }
        26 => {
            let (window, check) = (p.u8(0)?, p.u8(1)?);
            let method = if window & 0xf == 8 { "zlib" } else { "unknown" };
            put!(t, ": Window: {}K, Method: {method} (0x{:x})", window >> 4, window & 0xf);
            put!(t, ", MBZ: {}, CHK: {}", check >> 2, check & 3);
        }
        _ => return Ok(Shown::Unknown),
    }
    Ok(Shown::Whole)
}

fn bacp(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, size: usize) -> Result<Shown, Stop> {
    if kind != 1 {
        return Ok(Shown::Unknown);
    }
    if !exactly(t, size, 6) {
        return Ok(Shown::Skipped);
    }
    put!(t, ": Magic-Num 0x{:08x}", p.u32(0)?);
    Ok(Shown::Whole)
}
