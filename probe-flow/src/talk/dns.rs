//! Questions to name servers and their answers over UDP (RFC 1035, section 4).

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use probe_frame::WallTime;

use crate::{connection::Role, cursor::Cursor};

/// The port of name servers.
pub(super) const PORT: u16 = 53;
/// Questions of one port that may wait for their answers.
const MAX_WAITING: usize = 16;
/// Bytes of a name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 255;

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DnsExchange {
    /// The name that is asked for, without the last dot; `.` is the root.
    pub name: Box<str>,
    /// Which records.
    pub kind: RecordType,
    /// What the answer says; `None` without one.
    pub code: Option<ResponseCode>,
    /// When the question was seen.
    pub asked: WallTime,
    /// When the answer was.
    pub answered: Option<WallTime>,
}

impl DnsExchange {
    /// From the question to the answer.
    pub fn time(&self) -> Option<Duration> {
        self.answered?.0.checked_sub(self.asked.0).map(Duration::from_nanos)
    }
}

/// A type of records, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordType(pub u16);

/// As `AAAA`; those that are rare as `TYPE257` (RFC 3597, section 5).
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            12 => "PTR",
            15 => "MX",
            16 => "TXT",
            28 => "AAAA",
            33 => "SRV",
            35 => "NAPTR",
            43 => "DS",
            48 => "DNSKEY",
            64 => "SVCB",
            65 => "HTTPS",
            255 => "ANY",
            other => return write!(f, "TYPE{other}"),
        })
    }
}

/// What an answer says, by its number (the four bits of the header).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseCode(pub u8);

/// By IANA's names: `NOERROR`, `NXDOMAIN`.
impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            other => return write!(f, "RCODE{other}"),
        })
    }
}

/// An exchange of datagrams with a name server.
#[derive(Clone, Debug, Default)]
pub(super) struct Dns {
    waiting: VecDeque<(u16, DnsExchange)>,
}

impl Dns {
    pub(super) fn memory(&self) -> usize {
        self.waiting.iter().map(|(_, exchange)| exchange.name.len()).sum::<usize>()
            + self.waiting.capacity() * size_of::<(u16, DnsExchange)>()
    }

    /// Takes a message. Says what it has completed.
    pub(super) fn take(
        &mut self,
        from: Role,
        message: &[u8],
        time: WallTime,
    ) -> Option<DnsExchange> {
        let mut cursor = Cursor::new(message);
        let [id, flags, questions] = [cursor.u16()?, cursor.u16()?, cursor.u16()?];
        cursor.take::<6>()?;
        let is_response = flags >> 15 == 1;
        match (from, is_response) {
            (Role::Client, false) => {
                // Only standard queries have a question of this form (operation 0).
                if questions != 1 || flags >> 11 & 15 != 0 {
                    return None;
                }
                let name = name(&mut cursor)?;
                let kind = RecordType(cursor.u16()?);
                // The same question again, with the same number: the first time counts.
                if self.waiting.iter().any(|(waiting, _)| *waiting == id) {
                    return None;
                }
                let exchange = DnsExchange { name, kind, code: None, asked: time, answered: None };
                self.waiting.push_back((id, exchange));
                let oldest = self.waiting.len() > MAX_WAITING;
                if oldest { self.waiting.pop_front().map(|(_, exchange)| exchange) } else { None }
            }
            (Role::Server, true) => {
                let at = self.waiting.iter().position(|(waiting, _)| *waiting == id)?;
                let (_, mut exchange) = self.waiting.remove(at)?;
                exchange.code = Some(ResponseCode((flags & 15) as u8));
                exchange.answered = Some(time);
                Some(exchange)
            }
            (Role::Client, true) | (Role::Server, false) => None,
        }
    }

    /// Those that were not answered.
    pub(super) fn finish(self) -> impl Iterator<Item = DnsExchange> {
        self.waiting.into_iter().map(|(_, exchange)| exchange)
    }
}

/// The name of a question, which is not compressed: there is nothing in front of it.
fn name(cursor: &mut Cursor<'_>) -> Option<Box<str>> {
    let mut name = String::new();
    while name.len() <= MAX_NAME {
        match cursor.u8()? {
            0 if name.is_empty() => return Some(".".into()),
            0 => {
                name.pop();
                return Some(name.into());
            }
            length @ 1..=63 => {
                name.push_str(&String::from_utf8_lossy(cursor.slice(length.into())?));
                name.push('.');
            }
            _ => return None,
        }
    }
    None
}
