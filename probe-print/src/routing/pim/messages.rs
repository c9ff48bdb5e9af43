//! The messages of PIM version 2 (RFC 7761, RFC 5015), which `-v` shows.

use crate::{
    bytes::{Bytes, Fields, Stop},
    checksum,
    network::{ip, ip6, outer::Outer},
    text::{Text, name_of, name_of_two_bits, put},
};

const PROTOCOL: u8 = 103;
const HEADER: usize = 4;
const REGISTER: u8 = 1;
/// A register's checksum covers this much; some routers cover all of it.
const REGISTER_HEAD: usize = 8;

const OPTIONS: &[(u16, &str)] = &[
    (1, "Hold Time"),
    (2, "LAN Prune Delay"),
    (18, "DR Priority (Old)"),
    (19, "DR Priority"),
    (20, "Generation ID"),
    (21, "State Refresh Capability"),
    (22, "Bi-Directional Capability"),
    (24, "Address List"),
    (65_001, "Address List (Old)"),
];

const REGISTER_FLAGS: &[(u32, &str)] = &[(0x8000_0000, "Border"), (0x4000_0000, "Null")];
const ELECTIONS: &[(u8, &str)] = &[(1, "Offer"), (2, "Winner"), (3, "Backoff"), (4, "Pass")];
const BACKOFF: u8 = 3;
const PASS: u8 = 4;

/// What an encoded address stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Unicast,
    Group,
    Source,
}

/// Prints the checksum and the message.
pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "pimv2";
    if length < 2 {
        put!(t, "[length {length} < 2]");
        return Err(Stop::Invalid);
    }
    let (kind, reserved) = (p.u8(0)? & 0xf, p.u8(1)?);
    let address_len = usize::from(reserved & 0xf);
    if address_len != 0 {
        put!(t, ", RFC2117-encoding");
    }
    if length < HEADER {
        put!(t, "[length {length} < 4]");
        return Err(Stop::Invalid);
    }
    let found = p.u16(2)?;
    let whole = verified(p, length, outer)?;
    let verdict = match (kind, found) {
        (_, 0) => None,
        (REGISTER, _) => match verified(p, REGISTER_HEAD, outer)? {
            Some(false) => whole,
            verdict => verdict,
        },
        _ => whole,
    };
    let verdict = verdict.map_or("unverified", |good| if good { "correct" } else { "incorrect" });
    put!(t, ", cksum 0x{found:04x} ({verdict})");
    let mut message = Message { fields: Fields::new(p.from(HEADER), length - HEADER), address_len };
    message.print(t, kind, reserved >> 4)
}

/// Whether the checksum over so many bytes is right, where they were captured.
fn verified(p: Bytes<'_>, length: usize, outer: Outer<'_>) -> Result<Option<bool>, Stop> {
    let Ok(bytes) = p.slice(0, length) else { return Ok(None) };
    let residue = match outer {
        Outer::V4(_) => checksum::residue(&[bytes]),
        Outer::V6(_) => outer.checksum(PROTOCOL, bytes)?,
    };
    Ok(Some(residue == 0))
}

/// The message behind the header, and how long its addresses are: 0 where each says.
struct Message<'a> {
    fields: Fields<'a>,
    address_len: usize,
}

impl Message<'_> {
    fn print(&mut self, t: &mut Text<'_>, kind: u8, subtype: u8) -> Result<(), Stop> {
        match kind {
            0 => self.hello(t),
            REGISTER => self.register(t),
            2 => {
                self.address(t, " group=", Role::Group)?;
                self.address(t, " source=", Role::Unicast)
            }
            3 | 6 | 7 => self.join_prune(t, kind == 7),
            4 => self.bootstrap(t),
            5 => {
                self.address(t, " group=", Role::Group)?;
                self.address(t, " src=", Role::Unicast)?;
                self.fields.claimed(8)?;
                self.fields.rest().need(0, 8)?;
                let (preference, metric) = (self.fields.u32()?, self.fields.u32()?);
                let tree = if preference >> 31 == 1 { " RPT" } else { "" };
                put!(t, "{tree} pref={} metric={metric}", preference & 0x7fff_ffff);
                Ok(())
            }
            8 => self.candidate(t),
            9 => {
                self.address(t, " src=", Role::Unicast)?;
                self.address(t, " grp=", Role::Group)?;
                self.address(t, " forwarder=", Role::Unicast)?;
                self.fields.claimed(2)?;
                put!(t, " TUNR ");
                t.relative_time(self.fields.u16()?.into());
                Ok(())
            }
            10 => self.election(t, subtype),
            _ => {
                put!(t, " [type {kind}]");
                Ok(())
            }
        }
    }

    fn hello(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        let wrong = |t: &mut Text<'_>, length, right| {
            put!(t, "[option length {length} != {right}]");
            Err(Stop::Invalid)
        };
        while self.fields.left() > 0 {
            self.fields.claimed(4)?;
            let (option, length) = (self.fields.u16()?, usize::from(self.fields.u16()?));
            let name = name_of(OPTIONS, option).unwrap_or("Unknown");
            put!(t, "\n\t  {name} Option ({option}), length {length}, Value: ");
            self.fields.claimed(length)?;
            self.fields.rest().need(0, length)?;
            let mut value = self.fields.part(length);
            let bytes = value.rest();
            match (option, length) {
                (1, 2) => t.relative_time(value.u16()?.into()),
                (1, _) => return wrong(t, length, 2),
                (2, 4) => {
                    let (delay, interval) = (value.u16()?, value.u16()?);
                    put!(t, "\n\t    T-bit={}, LAN delay {}ms", delay >> 15, delay & 0x7fff);
                    put!(t, ", Override interval {interval}ms");
                }
                (18 | 19, 0) => put!(t, "Bi-Directional Capability (Old)"),
                (18 | 19, 4) => put!(t, "{}", value.u32()?),
                (20, 4) => put!(t, "0x{:08x}", value.u32()?),
                (21, 4) => {
                    put!(t, "v{}", value.u8()?);
                    let interval = value.u8()?;
                    if interval != 0 {
                        put!(t, ", interval ");
                        t.relative_time(interval.into());
                    }
                    let reserved = value.u16()?;
                    if reserved != 0 {
                        put!(t, " ?0x{reserved:04x}?");
                    }
                }
                (2 | 18..=21, _) => return wrong(t, length, 4),
                (22, _) => {}
                (24 | 65_001, _) => {
                    let address_len = self.address_len;
                    // As in tcpdump, an address may go on behind the option.
                    let fields = Fields::new(bytes, length + self.fields.left());
                    let mut list = Message { fields, address_len };
                    while t.style.verbose > 1 && list.fields.left() > self.fields.left() {
                        list.address(t, "\n\t    ", Role::Unicast)?;
                    }
                }
                _ if t.style.verbose <= 1 => t.unknown(bytes, length, "\n\t    "),
                _ => {}
            }
            if t.style.verbose > 1 {
                t.unknown(bytes, length, "\n\t    ");
            }
        }
        Ok(())
    }

    /// A multicast packet on its way to the rendezvous point.
    fn register(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        self.fields.claimed(4)?;
        let flags = self.fields.u32().or(Err(Stop::Short))?;
        put!(t, ", Flags [ {} ]\n\t", name_of(REGISTER_FLAGS, flags).unwrap_or("none"));
        self.fields.claimed(1)?;
        let (packet, length) = (self.fields.rest(), self.fields.left());
        match packet.u8(0)? >> 4 {
            0 => put!(t, "IP-Null-header {} > {}", t.v4(packet, 12)?, t.v4(packet, 16)?),
            4 => t.nested(|t| ip::print(t, packet, length))?,
            6 => t.nested(|t| ip6::print(t, packet, length))?,
            version => put!(t, "IP ver {version}"),
        }
        Ok(())
    }

    fn join_prune(&mut self, t: &mut Text<'_>, acknowledgement: bool) -> Result<(), Stop> {
        if !acknowledgement {
            self.address(t, ", upstream-neighbor: ", Role::Unicast)?;
        }
        self.fields.claimed(4)?;
        self.fields.rest().need(0, 4)?;
        self.fields.skip(1);
        let (groups, hold) = (self.fields.u8()?, self.fields.u16()?);
        put!(t, "\n\t  {groups} group(s)");
        if !acknowledgement {
            put!(t, ", holdtime: ");
            match hold {
                u16::MAX => put!(t, "infinite"),
                _ => t.relative_time(hold.into()),
            }
        }
        for group in 1..=groups {
            self.address(t, &format!("\n\t    group #{group}: "), Role::Group)?;
            self.fields.claimed(4)?;
            let counts = self.fields.u32().or(Err(Stop::Short))?;
            let (joined, pruned) = (counts >> 16, counts & 0xffff);
            put!(t, ", joined sources: {joined}, pruned sources: {pruned}");
            for (name, count) in [("joined", joined), ("pruned", pruned)] {
                for source in 1..=count {
                    let lead = format!("\n\t      {name} source #{source}: ");
                    self.address(t, &lead, Role::Source)?;
                }
            }
        }
        Ok(())
    }

    fn bootstrap(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        self.fields.claimed(2)?;
        put!(t, " tag={:x}", self.fields.u16()?);
        self.fields.claimed(1)?;
        put!(t, " hashmlen={}", self.fields.rest().u8(0)?);
        self.fields.claimed(2)?;
        self.fields.skip(1);
        self.fields.rest().need(0, 2)?;
        put!(t, " BSRprio={}", self.fields.u8()?);
        self.address(t, " BSR=", Role::Unicast)?;
        for group in 0.. {
            if self.fields.left() == 0 {
                break;
            }
            self.address(t, &format!(" (group{group}: "), Role::Group)?;
            self.fields.claimed(1)?;
            put!(t, " RPcnt={}", self.fields.rest().u8(0)?);
            self.fields.claimed(2)?;
            let points = self.fields.rest().u8(1)?;
            put!(t, " FRPcnt={points}");
            self.fields.claimed(4)?;
            self.fields.skip(4);
            for point in 0..points {
                if self.fields.left() == 0 {
                    break;
                }
                self.address(t, &format!(" RP{point}="), Role::Unicast)?;
                self.fields.claimed(2)?;
                put!(t, ",holdtime=");
                t.relative_time(self.fields.rest().u16(0)?.into());
                self.fields.claimed(3)?;
                put!(t, ",prio={}", self.fields.rest().u8(2)?);
                self.fields.claimed(4)?;
                self.fields.skip(4);
            }
            put!(t, ")");
        }
        Ok(())
    }

    fn candidate(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        self.fields.claimed(1)?;
        let prefixes = self.fields.rest().u8(0)?;
        put!(t, " prefix-cnt={prefixes}");
        self.fields.claimed(2)?;
        put!(t, " prio={}", self.fields.rest().u8(1)?);
        self.fields.claimed(4)?;
        put!(t, " holdtime=");
        t.relative_time(self.fields.rest().u16(2)?.into());
        self.fields.skip(4);
        self.address(t, " RP=", Role::Unicast)?;
        for prefix in 0..prefixes {
            if self.fields.left() == 0 {
                break;
            }
            self.address(t, &format!(" Group{prefix}="), Role::Group)?;
        }
        Ok(())
    }

    fn election(&mut self, t: &mut Text<'_>, subtype: u8) -> Result<(), Stop> {
        put!(t, "\n\t  {},", name_of(ELECTIONS, subtype).unwrap_or("Unknown"));
        self.address(t, " rpa=", Role::Unicast)?;
        put!(t, " sender pref={}", self.fields.u32()?);
        put!(t, " sender metric={}", self.fields.u32()?);
        let who = match subtype {
            BACKOFF => "offer",
            PASS => "new winner",
            _ => return Ok(()),
        };
        self.address(t, &format!("\n\t  {who} addr="), Role::Unicast)?;
        put!(t, " {who} pref={}", self.fields.u32()?);
        put!(t, " {who} metric={}", self.fields.u32()?);
        if subtype == BACKOFF {
            put!(t, " interval {}ms", self.fields.u16()?);
        }
        Ok(())
    }

    /// Prints an address behind `lead`; [`Stop::Short`] where it is none.
    fn address(&mut self, t: &mut Text<'_>, lead: &str, role: Role) -> Result<(), Stop> {
        put!(t, "{lead}");
        let size = match self.address_len {
            0 => {
                self.fields.claimed(2)?;
                let size = match self.fields.u8()? {
                    1 => 4,
                    2 => 16,
                    _ => return Err(Stop::Short),
                };
                // The native encoding is the only one.
                if self.fields.u8()? != 0 {
                    return Err(Stop::Short);
                }
                size
            }
            size => size,
        };
        if size != 4 && size != 16 {
            return Err(Stop::Short);
        }
        let head = if role == Role::Unicast { 0 } else { 2 };
        let all = head + size;
        self.fields.claimed(all)?;
        self.fields.rest().need(0, all)?;
        let p = self.fields.rest();
        match size {
            4 => put!(t, "{}", t.v4(p, head)?),
            _ => put!(t, "{}", t.v6(p, head)?),
        }
        self.fields.skip(all);
        if role == Role::Unicast {
            return Ok(());
        }
        let (flags, prefix) = (p.u8(0)?, usize::from(p.u8(1)?));
        if prefix != 8 * size {
            put!(t, "/{prefix}");
        }
        if flags != 0 && role == Role::Group {
            put!(t, "(0x{flags:02x})");
        } else if flags != 0 {
            put!(t, "(");
            for (bit, letter) in [(4, 'S'), (2, 'W'), (1, 'R')] {
                if flags & bit != 0 {
                    put!(t, "{letter}");
                }
            }
            if flags & 0xf8 != 0 {
                put!(t, "+0x{:02x}", flags & 0xf8);
            }
            put!(t, ")");
        }
        Ok(())
    }
}

const ADVERT: u8 = 0x11;
const MAPPING: u8 = 0x12;

/// Prints a message of Cisco's auto-RP, which tells routers of rendezvous points.
pub(crate) fn auto_rp(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "cisco_autorp";
    if length < 8 {
        return Err(Stop::Short);
    }
    put!(t, " auto-rp ");
    match p.u8(0)? {
        ADVERT => put!(t, "candidate-advert"),
        MAPPING => put!(t, "mapping"),
        kind => put!(t, "type-0x{kind:02x}"),
    }
    let points = p.u8(1)?;
    put!(t, " Hold ");
    match p.u16(2)? {
        0 => put!(t, "FOREVER"),
        hold => t.relative_time(hold.into()),
    }
    let mut fields = Fields::new(p.from(8), length - 8);
    for _ in 0..points {
        fields.claimed(4)?;
        put!(t, " RP {}", t.v4(fields.rest(), 0)?);
        fields.skip(4);
        fields.claimed(1)?;
        let versions = fields.u8()?;
        put!(t, " PIMv{}", name_of_two_bits(["?", "1", "2", "1+2"], versions));
        if versions & 0xfc != 0 {
            put!(t, " [rsvd=0x{:02x}]", versions & 0xfc);
        }
        fields.claimed(1)?;
        for entry in 0..fields.u8()? {
            fields.claimed(6)?;
            let (flags, mask) = (fields.rest().u8(0)?, fields.rest().u8(1)?);
            put!(t, "{}", if entry == 0 { ' ' } else { ',' });
            put!(t, "{}", if flags & 1 == 0 { "" } else { "!" });
            put!(t, "{}/{mask}", t.v4(fields.rest(), 2)?);
            if flags & 2 != 0 {
                put!(t, " bidir");
            }
            if flags & 0xfc != 0 {
                put!(t, "[rsvd=0x{:02x}]", flags & 0xfc);
            }
            fields.skip(6);
        }
    }
    Ok(())
}
