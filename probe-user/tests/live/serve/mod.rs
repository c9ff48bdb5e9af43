//! `probe serve` on real traffic: reloads, interfaces, HTTP, rights.

mod browser;
mod following;
mod health;
mod http;
#[cfg(feature = "otlp")]
mod otlp;
mod page;
mod prometheus;
mod recorders;
mod reloads;
mod rights;
mod soak;
mod sockets;
mod web;

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
};

use serde_json::Value;
use tempfile::TempDir;
use testbed::{Finished, Namespace, Running};

use crate::rig::{LIMIT, probe};

/// `probe serve` in a namespace, with a configuration and a socket in a folder of its own.
pub(crate) struct Service {
    running: Running,
    folder: TempDir,
}

/// A rule of a configuration.
pub(crate) fn rule(name: &str, filter: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\nfilter = '{filter}'\n")
}

impl Service {
    /// Starts it, and waits until it is attached. `head` is what stands before the rules; the
    /// socket is one of the places to listen at.
    pub(crate) fn start(namespace: &Namespace, head: &str, rules: &str, flags: &[&str]) -> Self {
        let (service, file) = Self::prepare(head, rules);
        let arguments = [&["serve", file.to_str().unwrap()], flags].concat();
        let service = service(Running::spawn(probe(namespace, &arguments)).unwrap());
        service.running.wait_for_line("attached to", LIMIT).unwrap();
        service
    }

    /// Writes a configuration; gives its place, and what makes a service of a program that runs.
    fn prepare(head: &str, rules: &str) -> (impl FnOnce(Running) -> Self + use<>, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("probe.toml");
        fs::write(&file, configuration(&folder, head, rules)).unwrap();
        (|running| Self { running, folder }, file)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("probe.sock")
    }

    /// Writes another configuration.
    pub(crate) fn write(&self, head: &str, rules: &str) {
        let file = self.folder.path().join("probe.toml");
        fs::write(file, configuration(&self.folder, head, rules)).unwrap();
    }

    /// Reloads, and waits for what is said of it.
    pub(crate) fn reload(&self) -> (u16, String) {
        let answer = self.request("POST", "/-/reload", "");
        (answer.status, answer.body)
    }

    /// A request at the socket; `headers` end with a newline each.
    fn request(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let headers = headers.replace('\n', "\r\n");
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
        // Whoever sent more than was read is told so by a reset behind the answer.
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            text.extend_from_slice(&bytes[..read]);
        }
        Answer::read(std::str::from_utf8(&text).unwrap())
    }

    /// A metric, by its name and labels as the text has them.
    fn metric(&self, series: &str) -> f64 {
        let text = self.request("GET", "/metrics", "").body;
        value(&text, series)
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn end(self) -> Finished {
        let finished = self.running.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        finished
    }
}

/// A POST by TCP, as any user of this host, and any page in a browser, may send it.
fn post_by_tcp(namespace: &Namespace, path: &str) -> Answer {
    by_tcp(namespace, "POST", path)
}

/// A request by TCP.
fn by_tcp(namespace: &Namespace, method: &str, path: &str) -> Answer {
    let text = namespace.enter(|| {
        let mut stream = TcpStream::connect("127.0.0.1:9977")?;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    });
    Answer::read(&text.unwrap())
}

fn configuration(folder: &TempDir, head: &str, rules: &str) -> String {
    let mut text = String::from(head);
    let socket = folder.path().join("probe.sock");
    let _ = writeln!(text, "listen = [\"unix:{}\", \"127.0.0.1:9977\"]", socket.display());
    text + rules
}

/// The processes that another one has started.
fn children(of: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap();
    children.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// The packets of a rule of a document, as it says them, and as each of its lists adds up to: keys,
/// others, those without the key, and those from before the list.
fn sums(rule: &Value) -> (u64, Vec<u64>) {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let of_list = |top: &Value| {
        let keys = top["keys"].as_array().unwrap().iter().map(|key| number(&key["packets"]));
        let others = [&top["other"]["packets"], &top["without"], &top["before"]].map(number);
        keys.chain(others).sum()
    };
    let tops = rule["top"].as_array().map_or(&[][..], Vec::as_slice);
    (number(&rule["packets"]), tops.iter().map(of_list).collect())
}

/// A rule of a document, by its name.
fn named<'a>(document: &'a Value, name: &str) -> &'a Value {
    let rules = document["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// The value of a series in a text of metrics.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("no {series} in {text}"));
    line.parse().unwrap()
}

/// What a server says.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{text:?}"));
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}

/// The last line of `--json`.
fn last(finished: &Finished) -> Value {
    let text = finished.text();
    let last = text.lines().last().unwrap_or_else(|| panic!("no output: {}", finished.stderr));
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["final"], true);
    last
}
