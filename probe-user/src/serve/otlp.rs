//! What the process that serves HTTP has to know to push metrics by OTLP. The one that counts reads it: the
//! other cannot open a file.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use axum::http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::{
    bounded,
    config::{Endpoint, Otlp},
    failure::Usage,
};

/// Where to push, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The collector's address and port.
    pub address: SocketAddr,
    /// The path there.
    pub path: String,
    /// Time between two pushes.
    pub interval: Duration,
    /// Names and values of headers that each push has.
    pub headers: Vec<(String, String)>,
    /// What this host is called.
    pub host: String,
    /// When counting began, in nanoseconds since 1970.
    pub began: u64,
}

impl Setup {
    /// That of a section, with the headers as they are in their file now.
    ///
    /// # Errors
    /// Those of reading that file, and all mistakes in it together.
    pub fn of(otlp: &Otlp, began: u64) -> Result<Self> {
        let Otlp { endpoint: Endpoint { address, path }, interval, headers } = otlp;
        let headers = headers.as_deref().map(read).transpose()?.unwrap_or_default();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let (path, host) = (path.clone(), host.trim().to_owned());
        Ok(Self { address: *address, path, interval: *interval, headers, host, began })
    }
}

/// Headers, a line each, as in HTTP: `Authorization: Bearer ...`. Empty lines and those that begin
/// with `#` are left out. Their values are secrets, and in no message.
fn read(path: &Path) -> Result<Vec<(String, String)>> {
    let text = bounded::read(path).with_context(|| format!("otlp: reading {}", path.display()))?;
    let (mut headers, mut mistakes) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match header(line) {
            Ok(header) => headers.push(header),
            Err(wanted) => mistakes.push(format!("{}:{number}:1: {wanted}", path.display())),
        }
    }
    if mistakes.is_empty() { Ok(headers) } else { Err(Usage::new(mistakes.join("\n")).into()) }
}

fn header(line: &str) -> Result<(String, String), String> {
    /// What each push has in any case.
    const OURS: [&str; 5] =
        ["host", "content-type", "content-length", "transfer-encoding", "connection"];
    let wanted = || "expected a header, as in `Authorization: Bearer ...`".to_owned();
    let (name, value) = line.split_once(':').ok_or_else(wanted)?;
    let (name, value) = (name.trim(), value.trim());
    let known = HeaderName::try_from(name).map_err(|_| wanted())?;
    HeaderValue::try_from(value).map_err(|_| wanted())?;
    if OURS.contains(&known.as_str()) {
        return Err(format!("{known} is what a push makes it"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headers");
        fs::write(&path, "# ours\nAuthorization: Bearer a:b\n\n x-scope-orgid :7\n").unwrap();
        let expected = [("Authorization", "Bearer a:b"), ("x-scope-orgid", "7")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(&path).unwrap(), expected);
        fs::write(&path, "secret\nHost: a\nA: b\nb c: secret\nd: \u{7}secret\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        let path = path.display();
        let wanted = "expected a header, as in `Authorization: Bearer ...`";
        let expected = format!(
            "{path}:1:1: {wanted}\n{path}:2:1: host is what a push makes it\n\
             {path}:4:1: {wanted}\n{path}:5:1: {wanted}"
        );
        assert_eq!(error, expected);
    }
}
