//! Chromium, without a window, by the WebDriver protocol (www.w3.org/TR/webdriver2).

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Namespace, Running, requirements::Requirement};

use crate::rig::LIMIT;

/// What it takes.
pub const BROWSER: &[Requirement] = &[
    Requirement::Tool("chromium"),
    Requirement::Tool("chromedriver"),
    Requirement::Tool("setpriv"),
    Requirement::Tool("unshare"),
];

/// Starts the program behind it as the first process of a PID namespace, which ends when this thread
/// does, however that happens. With the first process all others of the namespace are killed
/// (pid_namespaces(7)): those of a browser outlive their driver otherwise.
const ALL_END_TOGETHER: &str =
    "--pdeathsig=KILL unshare --pid --mount-proc --kill-child=KILL chromedriver --port=0";

/// A browser in a namespace.
pub struct Browser<'n> {
    namespace: &'n Namespace,
    _driver: Running,
    _profile: TempDir,
    port: u16,
    session: String,
}

impl<'n> Browser<'n> {
    pub fn start(namespace: &'n Namespace) -> Self {
        let mut command = namespace.command("setpriv");
        command.args(ALL_END_TOGETHER.split(' '));
        let driver = Running::spawn(command).unwrap();
        let line = driver.wait_for_output("started successfully on port", LIMIT).unwrap();
        let port = line.rsplit(' ').next().unwrap().trim_end_matches('.').parse().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut browser =
            Self { namespace, _driver: driver, _profile: profile, port, session: String::new() };
        let folder = browser._profile.path().display();
        // Its sandbox is not for root.
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            format!("--user-data-dir={folder}"),
        ]);
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.send("POST", "/session", &capabilities);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser.size(1100, 900);
        browser
    }

    /// Width and height of the page, in pixels of CSS.
    pub fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.tell("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// A command of the DevTools protocol.
    pub fn tell(&self, command: &str, parameters: Value) {
        self.ask("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    pub fn open(&self, url: &str) {
        self.ask("/url", &json!({"url": url}));
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait_for(&self, expression: &str) {
        let start = Instant::now();
        while self.run(&format!("return Boolean({expression})")) != true {
            let text = || self.run("return document.body.innerText");
            assert!(start.elapsed() < LIMIT, "{expression}: {}", text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses keys where the focus is.
    pub fn press(&self, keys: &str) {
        let key = |key: char| {
            let action = |kind| json!({"type": kind, "value": key.to_string()});
            [action("keyDown"), action("keyUp")]
        };
        let actions: Vec<Value> = keys.chars().flat_map(key).collect();
        let source = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.ask("/actions", &json!({"actions": [source]}));
    }

    /// Errors and warnings of the page so far, without those of pages that the browser itself has.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", &json!({"type": "browser"}));
        let lines = log.as_array().unwrap().iter();
        let messages = lines.map(|line| line["message"].as_str().unwrap().to_owned());
        messages.filter(|message| !message.starts_with("chrome://")).collect()
    }

    /// A picture of what is in the window, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let picture = self.send("GET", &format!("{}/screenshot", self.session), &Value::Null);
        BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap()
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("{}{path}", self.session), body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_send(method, path, body).unwrap()
    }

    fn try_send(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let port = self.port;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.namespace.enter(|| {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(LIMIT))?;
            stream.write_all(request.as_bytes())?;
            let mut answer = Vec::new();
            // The driver ends a connection in its own time.
            let mut bytes = [0; 65536];
            while !is_whole(&answer) {
                let read = stream.read(&mut bytes)?;
                anyhow::ensure!(read > 0, "chromedriver ended the connection");
                answer.extend_from_slice(&bytes[..read]);
            }
            Ok(answer)
        })?;
        let (head, body) = split(&answer).unwrap_or_default();
        let mut value: Value = serde_json::from_slice(body)?;
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {value}");
        Ok(value["value"].take())
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        // Its browser has written down what it wants to by then, and the profile's folder can go.
        let _ = self.try_send("DELETE", &self.session, &Value::Null);
    }
}

fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]))
}

fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}
