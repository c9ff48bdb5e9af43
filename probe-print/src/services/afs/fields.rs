//! The fields of AFS's calls, by the letters that `operations` explains.

use std::net::Ipv4Addr;

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, put},
};

const WORD: usize = 4;
const TYPES: [&str; 3] = ["read-write", "read-only", "backup"];
/// An access control list may be as long as this.
const LONGEST_LIST: usize = 1024;
/// A UUID takes a word for each of its parts.
const UUID: usize = 11 * WORD;

/// A walk over fields; `longest` is the limit of texts.
pub(super) struct Walk<'a> {
    fields: Fields<'a>,
    longest: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(p: Bytes<'a>, longest: usize) -> Self {
        Self { fields: Fields::new(p, p.len()), longest }
    }

    /// Prints what a pattern asks for; [`Stop::Short`] where a field does not fit.
    pub(super) fn print(&mut self, t: &mut Text<'_>, pattern: &str) -> Result<(), Stop> {
        for token in pattern.split_whitespace() {
            match token.strip_suffix('*') {
                Some(field) => self.list(t, field)?,
                None => self.field(t, token)?,
            }
        }
        Ok(())
    }

    /// Fields behind their number. Each takes bytes, so the list ends with them.
    fn list(&mut self, t: &mut Text<'_>, field: &str) -> Result<(), Stop> {
        let count = self.fields.u32()?;
        let separated = matches!(field, "F" | "h");
        for index in 0..count {
            if index > 0 && separated {
                put!(t, ",");
            }
            self.field(t, field)?;
        }
        if count == 0 {
            put!(t, " <none!>");
        }
        Ok(())
    }

    fn field(&mut self, t: &mut Text<'_>, field: &str) -> Result<(), Stop> {
        match field {
            "u" => put!(t, " {}", self.fields.u32()?),
            "i" => put!(t, " {}", self.fields.u32()?.cast_signed()),
            "q" => put!(t, " {}", self.fields.u64()?),
            "d" => date(t, "", self.fields.u32()?),
            "s" => return self.text(t),
            "v" => return self.vector(t, self.longest),
            "F" | "h" => {
                self.fields.rest().need(0, 3 * WORD)?;
                let numbers = (self.fields.u32()?, self.fields.u32()?, self.fields.u32()?);
                match field {
                    "F" => put!(t, " fid {}/{}/{}", numbers.0, numbers.1, numbers.2),
                    _ => put!(t, " server {}:{}:{}", numbers.0, numbers.1, numbers.2),
                }
            }
            "A" => return self.status(t),
            "l" => {
                let length = self.fields.u32()? as usize;
                let bytes = self.fields.slice(length).or(Err(Stop::Short))?;
                access_list(t, bytes.get(..LONGEST_LIST).unwrap_or(bytes));
            }
            "t" => {
                let kind = self.fields.u32()? as usize;
                if let Some(name) = TYPES.get(kind) {
                    put!(t, " type {name}");
                }
            }
            "g" => return self.uuid(t),
            "n" => {
                self.fields.rest().need(0, 2 * WORD)?;
                put!(t, " {}.{}", self.fields.u32()?, self.fields.u32()?);
            }
            "@syncsite" => {
                let known = if self.fields.u32()? == 0 { "no" } else { "yes" };
                put!(t, " syncsite {known}");
            }
            // The kind of a lock is read, and not shown.
            "@lock" => drop(self.fields.u32()?),
            "@skip" => {
                let length = self.fields.u32()? as usize;
                self.fields.slice(length).or(Err(Stop::Short))?;
            }
            "@callbacks" => self.callbacks(t)?,
            "@volumes" => return self.volumes(t),
            // The word between says nothing.
            "@entry" => return self.entry(t, 8, WORD),
            "@entry-n" => return self.entry(t, 13, 0),
            "@entry-u" => return self.entry_by_uuid(t),
            word => put!(t, " {word}"),
        }
        Ok(())
    }

    fn text(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        let length = self.fields.u32()? as usize;
        if length > self.longest {
            return Err(Stop::Short);
        }
        put!(t, " \"");
        t.string(self.fields.rest(), length).or(Err(Stop::Short))?;
        put!(t, "\"");
        self.fields.skip(length.next_multiple_of(WORD));
        Ok(())
    }

    /// A text that takes a word for each letter.
    fn vector(&mut self, t: &mut Text<'_>, size: usize) -> Result<(), Stop> {
        let bytes = self.fields.slice(size * WORD).or(Err(Stop::Short))?;
        let letters = bytes.iter().skip(WORD - 1).step_by(WORD).take_while(|&&byte| byte != 0);
        put!(t, " \"");
        letters.for_each(|&byte| t.character(byte));
        put!(t, "\"");
        Ok(())
    }

    fn status(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        self.fields.rest().need(0, 6 * WORD)?;
        let mask = self.fields.u32()?;
        if mask != 0 {
            put!(t, " StoreStatus");
        }
        let time = self.fields.u32()?;
        if mask & 1 != 0 {
            date(t, " date", time);
        }
        for (bit, name) in [(2, "owner"), (4, "group"), (8, "mode"), (16, "segsize")] {
            let value = self.fields.u32()?;
            match mask & bit {
                0 => {}
                8 => put!(t, " {name} {:o}", value & 0o7777),
                _ => put!(t, " {name} {value}"),
            }
        }
        if mask & 1024 != 0 {
            put!(t, " fsync");
        }
        Ok(())
    }

    fn uuid(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        self.fields.rest().need(0, UUID)?;
        put!(t, " {:08x}{:04x}{:04x}", self.fields.u32()?, self.fields.u32()?, self.fields.u32()?);
        for _ in 0..8 {
            put!(t, "{:02x}", self.fields.u32()? & 0xff);
        }
        Ok(())
    }

    /// What is promised of files named before.
    fn callbacks(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        let count = self.fields.u32()?;
        if count != 0 {
            put!(t, ";");
        }
        for _ in 0..count {
            put!(t, " ver {}", self.fields.u32()?.cast_signed());
            date(t, " expires", self.fields.u32()?);
            // Its kind, which tcpdump looks up and does not print.
            self.fields.u32()?;
        }
        Ok(())
    }

    fn volumes(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        const NAME: usize = 32;
        let count = self.fields.u32()?;
        for index in 0..count {
            put!(t, "{} name", if index == 0 { "" } else { "," });
            self.vector(t, NAME)?;
            put!(t, " volid {} type", self.fields.u32()?);
            self.fields.skip(21 * WORD);
        }
        if count == 0 {
            put!(t, " <none!>");
        }
        Ok(())
    }

    /// Where a volume is, with places for so many servers.
    fn entry(&mut self, t: &mut Text<'_>, places: usize, unused: usize) -> Result<(), Stop> {
        self.vector(t, self.longest)?;
        self.fields.slice(unused).or(Err(Stop::Short))?;
        let servers = self.servers(t)?;
        for place in 0..places {
            let address = self.fields.slice(WORD).or(Err(Stop::Short))?;
            if place < servers
                && let Some(&address) = address.first_chunk::<WORD>()
            {
                put!(t, " {}", Ipv4Addr::from(address));
            }
        }
        self.partitions(t, places, servers)
    }

    fn entry_by_uuid(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        const PLACES: usize = 13;
        self.vector(t, self.longest)?;
        let servers = self.servers(t)?;
        for place in 0..PLACES {
            if place < servers {
                put!(t, " afsuuid");
                self.uuid(t)?;
            } else {
                self.fields.slice(UUID).or(Err(Stop::Short))?;
            }
        }
        self.fields.slice(PLACES * WORD).or(Err(Stop::Short))?;
        self.partitions(t, PLACES, servers)
    }

    fn servers(&mut self, t: &mut Text<'_>) -> Result<usize, Stop> {
        put!(t, " numservers");
        let servers = self.fields.u32()?;
        put!(t, " {servers} servers");
        Ok(servers as usize)
    }

    fn partitions(&mut self, t: &mut Text<'_>, places: usize, servers: usize) -> Result<(), Stop> {
        put!(t, " partitions");
        for place in 0..places {
            match self.fields.u32()? {
                _ if place >= servers => {}
                number @ 0..=26 => put!(t, " {}", char::from(b'a' + number as u8)),
                number => put!(t, " {number}"),
            }
        }
        self.fields.slice(places * WORD).or(Err(Stop::Short))?;
        for name in ["rwvol", "rovol", "backup"] {
            put!(t, " {name}");
            put!(t, " {}", self.fields.u32()?);
        }
        Ok(())
    }
}

/// A time, of which AFS has 32 bits with a sign.
fn date(t: &mut Text<'_>, name: &str, seconds: u32) {
    put!(t, "{name} ");
    t.date(seconds.cast_signed().into(), "%Y/%m/%d %H:%M:%S");
}

/// Two counts, then as many users and rights that they have, and that they have not.
fn access_list(t: &mut Text<'_>, bytes: &[u8]) {
    const RIGHTS: [(i32, char); 7] =
        [(1, 'r'), (8, 'l'), (4, 'i'), (16, 'd'), (2, 'w'), (32, 'k'), (64, 'a')];
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let mut words = (bytes.get(..end).unwrap_or_default())
        .split(|byte| matches!(byte, b' ' | 9..=13))
        .filter(|word| !word.is_empty());
    let number =
        |word: Option<&[u8]>| -> Option<i32> { std::str::from_utf8(word?).ok()?.parse().ok() };
    let (Some(positive), Some(negative)) = (number(words.next()), number(words.next())) else {
        return;
    };
    for (sign, count) in [('+', positive), ('-', negative)] {
        for _ in 0..count {
            let (Some(user), Some(rights)) = (words.next(), number(words.next())) else { return };
            put!(t, " {sign}{{");
            t.characters(user);
            put!(t, " ");
            for (bit, letter) in RIGHTS {
                if rights & bit != 0 {
                    put!(t, "{letter}");
                }
            }
            put!(t, "}}");
        }
    }
}
