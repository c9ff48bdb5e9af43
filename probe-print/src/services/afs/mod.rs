//! Rx, the remote procedure calls of AFS, and the calls themselves.

mod fields;
mod operations;

use crate::{
    bytes::{Bytes, Stop},
    network::outer::Outer,
    text::{Text, put, put_name},
};
use fields::Walk;
use operations::Operation;

const HEADER: usize = 28;
const DATA: u8 = 1;
const ACK: u8 = 2;
const ABORT: u8 = 4;
const CLIENT_INITIATED: u8 = 1;

const KINDS: &[(u8, &str)] = &[
    (DATA, "data"),
    (ACK, "ack"),
    (3, "busy"),
    (ABORT, "abort"),
    (5, "ackall"),
    (6, "challenge"),
    (7, "response"),
    (8, "debug"),
    (9, "params"),
    (13, "version"),
];

/// A flag, the kind of packet that it belongs to if not to all, and its name.
const FLAGS: &[(u8, Option<u8>, &str)] = &[
    (CLIENT_INITIATED, None, "client-init"),
    (2, None, "req-ack"),
    (4, None, "last-pckt"),
    (8, None, "more-pckts"),
    (16, None, "free-pckt"),
    (32, Some(ACK), "slow-start"),
    (32, Some(DATA), "jumbogram"),
];

const REASONS: &[(u8, &str)] = &[
    (1, "ack requested"),
    (2, "duplicate packet"),
    (3, "out of sequence"),
    (4, "exceeds window"),
    (5, "no buffer space"),
    (6, "ping"),
    (7, "ping response"),
    (8, "delay"),
    (9, "idle"),
];

const ERRORS: &[(i32, &str)] = &[
    (101, "salvage volume"),
    (102, "no such vnode"),
    (103, "no such volume"),
    (104, "volume exist"),
    (105, "no service"),
    (106, "volume offline"),
    (107, "voline online"),
    (108, "diskfull"),
    (109, "diskquota exceeded"),
    (110, "volume busy"),
    (111, "volume moved"),
    (112, "AFS IO error"),
    (-100, "restarting fileserver"),
];

/// A service: its port, its name, its operations, how long its texts may be, and whether
/// it is a database that Ubik keeps copies of.
struct Service {
    port: u16,
    name: &'static str,
    operations: &'static [Operation],
    longest: usize,
    ubik: bool,
}

const SERVICES: &[Service] = &[
    Service { port: 7000, name: "fs", operations: operations::FILES, longest: 256, ubik: false },
    Service { port: 7001, name: "cb", operations: operations::CALLBACKS, longest: 0, ubik: false },
    Service { port: 7002, name: "pt", operations: operations::PROTECTION, longest: 64, ubik: true },
    Service {
        port: 7003,
        name: "vldb",
        operations: operations::LOCATIONS,
        longest: 65,
        ubik: true,
    },
    Service {
        port: 7004,
        name: "kauth",
        operations: operations::AUTHENTICATION,
        longest: 64,
        ubik: true,
    },
    Service { port: 7005, name: "vol", operations: operations::VOLUMES, longest: 256, ubik: false },
    Service {
        port: 7007,
        name: "bos",
        operations: operations::OVERSEER,
        longest: 256,
        ubik: false,
    },
];

const UBIK: Service =
    Service { port: 0, name: "ubik", operations: operations::UBIK, longest: 0, ubik: true };

/// Calls seen, the latest of them: an answer does not say what it answers. As in tcpdump,
/// the search goes round from where the last one ended, so that of two calls that look
/// the same the older may be found.
#[derive(Default)]
pub struct Calls {
    ring: Vec<(Call, u32)>,
    next: usize,
    hint: usize,
}

/// How many calls are remembered.
const REMEMBERED: usize = 64;

impl Calls {
    fn insert(&mut self, call: Call, operation: u32) {
        match self.ring.get_mut(self.next) {
            Some(slot) => *slot = (call, operation),
            None => self.ring.push((call, operation)),
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    fn find(&mut self, call: &Call) -> Option<u32> {
        let (before, after) = self.ring.split_at_checked(self.hint)?;
        let from_hint = after.iter().chain(before);
        let found = from_hint.enumerate().find(|(_, (known, _))| known == call);
        let (distance, &(_, operation)) = found?;
        self.hint = (self.hint + distance) % self.ring.len();
        Some(operation)
    }
}

/// What call and answer have in common.
#[derive(PartialEq, Eq)]
struct Call {
    number: u32,
    client: [u8; 4],
    server: [u8; 4],
    port: u16,
    service: u16,
}

impl Call {
    /// Of a packet from the first of `ends` to the second, which is the server's.
    fn of(p: Bytes<'_>, (client, server): ([u8; 4], [u8; 4]), port: u16) -> Result<Self, Stop> {
        Ok(Self { number: p.u32(8)?, client, server, port, service: p.u16(26)? })
    }
}

/// Prints a packet between two ports.
pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    (from, to): (u16, u16),
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "rx";
    if !p.has(0, HEADER) {
        put!(t, " [|rx] ({length})");
        return Ok(());
    }
    let (kind, flags) = (p.u8(20)?, p.u8(21)?);
    put!(t, " rx ");
    put_name!(t, KINDS, kind, "type {kind}");
    details(t, p, kind, flags)?;
    let (Outer::V4(ip) | Outer::V6(ip)) = outer;
    let (source, destination) = (ip.array::<4>(12)?, ip.array::<4>(16)?);
    // Only the first packet of a call or an answer says what it is about.
    let first = kind == DATA && p.u32(12)? == 1;
    let call = flags & CLIENT_INITIATED != 0;
    let service = |port| SERVICES.iter().find(|service| service.port == port);
    if first && call {
        if let Ok(operation) = p.u32(HEADER) {
            let call = Call::of(p, (source, destination), to)?;
            t.memory.calls.insert(call, operation);
        }
        if let Some(service) = service(to).filter(|_| length > HEADER) {
            let operation = p.u32(HEADER)?;
            put!(t, " {}", service.name);
            Part { p: p.from(HEADER + 4), operation, error: false }.call(t, service)?;
        }
    } else if (first || kind == ABORT) && !call {
        let call = Call::of(p, (destination, source), from)?;
        if let Some(operation) = t.memory.calls.find(&call)
            && let Some(service) = service(from)
            && (length > HEADER || length == HEADER && matches!(service.name, "pt" | "vldb"))
        {
            put!(t, " {}", service.name);
            Part { p: p.from(HEADER), operation, error: kind == ABORT }.reply(t, service)?;
        }
    } else if kind == ACK && length >= HEADER {
        acknowledgement(t, p.from(HEADER))?;
    }
    put!(t, " ({length})");
    Ok(())
}

/// The rest of the header, of which more is shown the more is asked for.
fn details(t: &mut Text<'_>, p: Bytes<'_>, kind: u8, flags: u8) -> Result<(), Stop> {
    if t.style.verbose > 1 {
        put!(t, " cid {:08x} call# {}", p.u32(4)?, p.u32(8)?);
    }
    if t.style.verbose > 0 {
        put!(t, " seq {} ser {}", p.u32(12)?, p.u32(16)?);
    }
    if t.style.verbose > 2 {
        put!(t, " secindex {} serviceid {}", p.u8(23)?, p.u16(26)?);
    }
    if t.style.verbose > 1 {
        let set =
            FLAGS.iter().filter(|(bit, of, _)| flags & bit != 0 && of.is_none_or(|of| of == kind));
        for (index, (_, _, name)) in set.enumerate() {
            put!(t, "{}<{name}>", if index == 0 { ' ' } else { ',' });
        }
    }
    Ok(())
}

/// What is behind the header: of which operation, and whether it is an error.
struct Part<'a> {
    p: Bytes<'a>,
    operation: u32,
    error: bool,
}

impl Part<'_> {
    fn is_ubik(&self) -> bool {
        matches!(self.operation, 10_000..=10_007 | 20_000..=20_013)
    }

    fn call(&self, t: &mut Text<'_>, service: &Service) -> Result<(), Stop> {
        if service.ubik && self.is_ubik() {
            put!(t, " ubik");
            return self.fields(t, &UBIK, "call");
        }
        self.fields(t, service, "call")
    }

    fn reply(&self, t: &mut Text<'_>, service: &Service) -> Result<(), Stop> {
        if service.ubik && self.is_ubik() {
            put!(t, " ubik");
            return self.fields(t, &UBIK, "reply");
        }
        self.fields(t, service, "reply")
    }

    /// The operation's name, and its arguments or results.
    fn fields(&self, t: &mut Text<'_>, service: &Service, way: &str) -> Result<(), Stop> {
        put!(t, " {way} ");
        let known = service.operations.iter().find(|known| known.number == self.operation);
        match known {
            Some(known) => put!(t, "{}", known.name),
            None => put!(t, "op#{}", self.operation),
        }
        let pattern = match (known, self.error) {
            // A vote for a candidate comes as an error.
            (_, true) if service.name == "ubik" && self.operation == 10_000 => "vote yes until d",
            (_, true) if service.name == "fs" => {
                let error = self.p.u32(0)?.cast_signed();
                put!(t, " error ");
                put_name!(t, ERRORS, error, "#{error}");
                return Ok(());
            }
            (_, true) => "errcode i",
            (None, false) => "",
            (Some(known), false) if way == "call" => known.arguments,
            (Some(known), false) => known.results,
        };
        match Walk::new(self.p, service.longest).print(t, pattern) {
            Err(Stop::Short) => put!(t, " [|{}]", service.name),
            printed => printed?,
        }
        Ok(())
    }
}

/// Which packets have arrived, and which have not.
fn acknowledgement(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    const FIXED: usize = 18;
    const PADDING: usize = 3;
    if !p.has(0, FIXED) {
        put!(t, " [|ack]");
        return Ok(());
    }
    if t.style.verbose > 2 {
        put!(t, " bufspace {} maxskew {}", p.u16(0)?, p.u16(2)?);
    }
    let (first, reason, count) = (p.u32(4)?, p.u8(16)?, usize::from(p.u8(17)?));
    put!(t, " first {first} serial {} reason ", p.u32(12)?);
    put_name!(t, REASONS, reason, "#{reason}");
    let Ok(list) = p.slice(FIXED, count) else {
        put!(t, " [|ack]");
        return Ok(());
    };
    for (value, name) in [(1, "acked"), (0, "nacked")] {
        let mut lead = format!(" {name} ");
        let mut start = 0;
        for run in list.chunk_by(|a, b| (*a == value) == (*b == value)) {
            if run.first() == Some(&value) {
                let packet = first.wrapping_add(start);
                put!(t, "{lead}{packet}");
                if run.len() > 1 {
                    put!(t, "-{}", packet.wrapping_add(run.len() as u32 - 1));
                }
                lead = ",".into();
            }
            start += run.len() as u32;
        }
    }
    if t.style.verbose > 1 {
        let mut at = FIXED + count + PADDING;
        for name in ["ifmtu", "maxmtu", "rwind", "maxpackets"] {
            // As in tcpdump, a field is looked for where less than one is left.
            if p.len() < at + 4 {
                break;
            }
            put!(t, " {name}");
            put!(t, " {}", p.u32(at)?);
            at += 4;
        }
    }
    Ok(())
}
