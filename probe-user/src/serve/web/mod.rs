//! TLS and passwords, by the web config file of Prometheus's exporters (exporter-toolkit,
//! docs/web-configuration.md).
//!
//! The process that serves HTTP has no files. The one that counts reads them, looks whether they changed
//! whenever the other one asks, which it does for each handshake and each request, and sends what is in
//! them. The key stays there: here it is forgotten as soon as it is sent.

mod file;
pub mod tls;

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// What a web config file asks for, with the contents of the files that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Web {
    /// Whether there is a file, which may change.
    pub is_watched: bool,
    /// Encryption; `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// Who may ask, with bcrypt's hashes of their passwords; nobody: everybody may.
    pub users: BTreeMap<String, String>,
    /// Headers that are added to all answers.
    pub headers: BTreeMap<String, String>,
}

/// `tls_server_config`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The server's certificates, in PEM.
    pub certificates: String,
    /// Its private key, in PEM.
    pub key: String,
    /// Which certificates of clients are asked for.
    pub clients: Clients,
    /// Who signs these, in PEM.
    pub client_authorities: String,
    /// Whether TLS 1.2 is spoken.
    pub tls12: bool,
    /// Whether TLS 1.3 is spoken.
    pub tls13: bool,
    /// Cipher suites, by their names in the registry of IANA; `None`: all of the library's.
    pub cipher_suites: Option<Vec<String>>,
    /// Whether the order of the suites is the server's affair.
    pub prefers_own_suites: bool,
}

/// `client_auth_type`, as far as it proves who a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clients {
    /// They show none.
    #[default]
    NoClientCert,
    /// Whoever shows one is refused unless it is right.
    VerifyClientCertIfGiven,
    /// All of them show one that is right.
    RequireAndVerifyClientCert,
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("clients", &self.clients).finish_non_exhaustive()
    }
}

/// A web config file and the files that it names, watched for changes.
pub struct Watched {
    path: PathBuf,
    /// Those files, as they were when they were read; none where they are to be read again.
    files: Vec<(PathBuf, Option<Stamp>)>,
}

/// What changes with a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let of = |it: Metadata| Self {
            device: it.dev(),
            inode: it.ino(),
            bytes: it.size(),
            modified: (it.mtime(), it.mtime_nsec()),
            changed: (it.ctime(), it.ctime_nsec()),
        };
        fs::metadata(path).ok().map(of)
    }
}

impl Watched {
    /// One that is to be read.
    pub fn new(path: PathBuf) -> Self {
        Self { path, files: Vec::new() }
    }

    fn read(&mut self) -> Result<Web> {
        let own = (self.path.clone(), Stamp::of(&self.path));
        let (read, named) = file::read(&self.path);
        // One that changes from here on is read again the next time.
        self.files = named;
        self.files.push(own);
        read
    }

    /// Reads them where one of them is not what it was, whether or not it could be read then.
    ///
    /// # Errors
    /// All mistakes in the web config file, with their places; and a key that is not that of the
    /// certificate.
    pub fn changed(&mut self) -> Option<Result<Web>> {
        let is_same = |(path, stamp): &(PathBuf, Option<Stamp>)| Stamp::of(path) == *stamp;
        let are_same = !self.files.is_empty() && self.files.iter().all(is_same);
        if are_same { None } else { Some(self.read()) }
    }

    /// Makes them be read again.
    pub fn forget(&mut self) {
        self.files.clear();
    }
}

/// Reads a web config file once, to see whether it is right.
///
/// # Errors
/// See [`Watched::changed`].
pub fn check(path: &Path) -> Result<Web> {
    Watched::new(path.to_owned()).read()
}

#[cfg(test)]
mod tests;
