//! Traffic engineering: what links can carry, as IS-IS (RFC 5305), OSPF (RFC 3630) and others say
//! it in the same numbers.

use crate::bytes::{Bytes, Stop};

/// How a link is protected (RFC 3471, section 7.1).
pub(crate) const PROTECTIONS: &[(u32, &str)] = &[
    (0x01, "Extra Traffic"),
    (0x02, "Unprotected"),
    (0x04, "Shared"),
    (0x08, "Dedicated 1:1"),
    (0x10, "Dedicated 1+1"),
    (0x20, "Enhanced"),
    (0x40, "Reserved"),
    (0x80, "Reserved"),
];

/// What an interface switches (RFC 3471, section 3.1.1).
pub(crate) const SWITCHINGS: &[(u8, &str)] = &[
    (1, "Packet-Switch Capable-1"),
    (2, "Packet-Switch Capable-2"),
    (3, "Packet-Switch Capable-3"),
    (4, "Packet-Switch Capable-4"),
    (51, "Layer-2 Switch Capable"),
    (TIME_DIVISION, "Time-Division-Multiplex"),
    (150, "Lambda-Switch Capable"),
    (200, "Fiber-Switch Capable"),
];
pub(crate) const TIME_DIVISION: u8 = 100;

/// How a path is encoded (RFC 3471, section 3.1.1).
pub(crate) const ENCODINGS: &[(u8, &str)] = &[
    (1, "Packet"),
    (2, "Ethernet V2/DIX"),
    (3, "ANSI/ETSI PDH"),
    (4, "Reserved"),
    (5, "SDH ITU-T G.707/SONET ANSI T1.105"),
    (6, "Reserved"),
    (7, "Digital Wrapper"),
    (8, "Lambda (photonic)"),
    (9, "Fiber"),
    (10, "Reserved"),
    (11, "FiberChannel"),
];

/// How classes share a link's bandwidth (RFC 4124, section 5.1).
pub(crate) const BANDWIDTH_MODELS: &[(u8, &str)] = &[
    (0, "Russian dolls"),
    (1, "Maximum allocation"),
    (254, "Maximum allocation with E-LSP support"),
];

/// Bytes a second, as a number with a fraction.
pub(crate) fn megabits(p: Bytes<'_>, at: usize) -> Result<String, Stop> {
    let bytes = f32::from_bits(p.u32(at)?);
    Ok(format!("{:.3} Mbps", bytes * 8.0 / 1_000_000.0))
}
