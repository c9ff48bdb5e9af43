//! The hellos of TLS (RFC 8446, section 4.1; RFC 6066, section 3; RFC 7301): all that is not encrypted.

use std::fmt;

use super::stream::Piece;
use crate::{connection::Role, cursor::Cursor};

/// Bytes of a hello that are kept: more than a record has (RFC 8446, section 5.1).
const MAX_HELLO: usize = 5 + (1 << 14);

/// Content types of records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Types of handshake messages.
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// Types of extensions.
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const ALPN: u16 = 16;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
}

/// What the hellos of a TLS connection say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// The server's name, as the client asked for it. `None` also where the hello was not seen whole.
    pub server_name: Option<Box<str>>,
    /// The version that the server chose.
    pub version: Option<TlsVersion>,
    /// The first application protocol that the client offered, such as `h2`.
    pub alpn: Option<Box<str>>,
    /// The alert that the server sent in place of its hello: its description
    /// (RFC 8446, section 6).
    pub alert: Option<u8>,
}

/// A version, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsVersion(pub u16);

/// As `TLS 1.3`.
impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3.0"),
            version @ 0x0301..=0x0304 => write!(f, "TLS 1.{}", version - 0x0301),
            version => write!(f, "TLS 0x{version:04x}"),
        }
    }
}

impl Tls {
    pub(super) fn memory(&self) -> usize {
        [&self.server_name, &self.alpn].into_iter().flatten().map(|text| text.len()).sum()
    }
}

/// Reads the hellos.
#[derive(Clone, Debug, Default)]
pub(super) struct Hellos {
    /// What has come of the client's and the server's; `None` once it was read.
    client: Option<Vec<u8>>,
    server: Option<Vec<u8>>,
    found: Tls,
}

impl Hellos {
    pub(super) fn new() -> Self {
        Self { client: Some(Vec::new()), server: Some(Vec::new()), found: Tls::default() }
    }

    pub(super) fn memory(&self) -> usize {
        [&self.client, &self.server].into_iter().flatten().map(Vec::capacity).sum()
    }

    /// Takes what comes next. Says what is known, once both were read.
    pub(super) fn take(&mut self, from: Role, piece: Piece<'_>) -> Option<Tls> {
        let hello = match from {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        };
        let bytes = hello.as_mut()?;
        let mut complete = false;
        match piece {
            Piece::Bytes { bytes: more, .. } => {
                let room = MAX_HELLO.saturating_sub(bytes.len());
                bytes.extend_from_slice(more.get(..room).unwrap_or(more));
                if let [_, _, _, high, low, ..] = bytes[..] {
                    let record = 5 + usize::from(u16::from_be_bytes([high, low]));
                    complete = bytes.len() >= record.min(MAX_HELLO);
                }
            }
            // What comes behind a gap is of no use.
            Piece::Gap(_) => complete = true,
        }
        if complete {
            let bytes = hello.take().unwrap_or_default();
            match from {
                Role::Client => read_client(&bytes, &mut self.found),
                Role::Server => read_server(&bytes, &mut self.found),
            };
        }
        (self.client.is_none() && self.server.is_none()).then(|| std::mem::take(&mut self.found))
    }

    /// What is known at the end.
    pub(super) fn finish(mut self) -> Tls {
        if let Some(bytes) = self.client {
            read_client(&bytes, &mut self.found);
        }
        if let Some(bytes) = self.server {
            read_server(&bytes, &mut self.found);
        }
        self.found
    }
}

/// The body of a hello, behind its record's header and its own.
fn hello(bytes: &[u8], message: u8) -> Option<Cursor<'_>> {
    let mut cursor = Cursor::new(bytes);
    let [content, _, _, _, _] = cursor.take()?;
    let [kind, _, _, _] = cursor.take()?;
    (content == HANDSHAKE && kind == message).then_some(cursor)
}

/// Reads as far as the bytes go: an end without `?` is one that was cut.
fn read_client(bytes: &[u8], found: &mut Tls) -> Option<()> {
    let mut cursor = hello(bytes, CLIENT_HELLO)?;
    // Version, random.
    cursor.take::<34>()?;
    let session = cursor.u8()?;
    cursor.slice(session.into())?;
    let suites = cursor.u16()?;
    cursor.slice(suites.into())?;
    let compressions = cursor.u8()?;
    cursor.slice(compressions.into())?;
    cursor.u16()?;
    // Each turn takes four bytes at least.
    loop {
        let kind = cursor.u16()?;
        let length = cursor.u16()?;
        let mut body = Cursor::new(cursor.slice(length.into())?);
        match kind {
            extension::SERVER_NAME => found.server_name = server_name(&mut body),
            extension::ALPN => {
                body.u16()?;
                let length = body.u8()?;
                found.alpn = Some(text(body.slice(length.into())?));
            }
            _ => {}
        }
    }
}

/// The first name, which is a host's (type 0) or none that is known.
fn server_name(body: &mut Cursor<'_>) -> Option<Box<str>> {
    body.u16()?;
    let kind = body.u8()?;
    let length = body.u16()?;
    let name = body.slice(length.into())?;
    (kind == 0).then(|| text(name))
}

fn read_server(bytes: &[u8], found: &mut Tls) -> Option<()> {
    if let &[ALERT, _, _, _, _, _, description, ..] = bytes {
        found.alert = Some(description);
        return None;
    }
    let mut cursor = hello(bytes, SERVER_HELLO)?;
    found.version = Some(TlsVersion(cursor.u16()?));
    cursor.take::<32>()?;
    let session = cursor.u8()?;
    cursor.slice(session.into())?;
    // Cipher suite, compression, length of the extensions.
    cursor.take::<5>()?;
    loop {
        let kind = cursor.u16()?;
        let length = cursor.u16()?;
        let mut body = Cursor::new(cursor.slice(length.into())?);
        // From TLS 1.3 on the version is here (RFC 8446, section 4.2.1).
        if kind == extension::SUPPORTED_VERSIONS {
            found.version = Some(TlsVersion(body.u16()?));
        }
    }
}

fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}
