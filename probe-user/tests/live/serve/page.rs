//! The page in Chromium: with snapshots that are made here, and of a service that counts.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::{Value, json};
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, SERVER_LINK, SERVER_V4,
    requirements::{Requirement, met},
};

use super::{
    Service,
    browser::{BROWSER, Browser},
    rule,
};
use crate::rig::{LIMIT, NEEDS, alone, probe, quiet_pair};

/// Where pictures are put, if anywhere: `cargo xtask pictures` says so.
const PICTURES: &str = "PROBE_PICTURES";

/// The process that serves HTTP, which is told what there is to show from here.
struct Made {
    child: Child,
    to: UnixStream,
    url: String,
}

impl Made {
    fn start(namespace: &Namespace) -> Self {
        let listener = namespace.enter(|| Ok(TcpListener::bind("127.0.0.1:0")?)).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        let (own, other) = UnixStream::pair().unwrap();
        let number = listener.as_fd().as_raw_fd().to_string();
        let mut command = probe(namespace, &["serve-http", &number]);
        command.stdin(Stdio::from(OwnedFd::from(other)));
        let mut made = Self { child: command.spawn().unwrap(), to: own, url };
        made.tell(&json!({"otlp": null}));
        made.tell(&json!({"web": {}}));
        made
    }

    fn tell(&mut self, told: &Value) {
        writeln!(self.to, "{told}").unwrap();
    }

    fn show(&mut self, snapshot: &Value) {
        let reading = json!({
            "tag": snapshot["elapsed"].to_string(),
            "interval_ends": true,
            "interval_seconds": 1.0,
            "snapshot": format!("{snapshot}\n"),
        });
        self.tell(&json!({"reading": reading}));
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A rule's numbers after so many seconds of these rates.
fn counted(name: &str, filter: &str, pps: impl Fn(u64) -> u64, second: u64) -> Value {
    let packets: u64 = (1..=second).map(&pps).sum();
    let pps = pps(second);
    json!({"name": name, "filter": filter, "packets": packets, "bytes": packets * 74,
        "pps": pps as f64, "bps": (pps * 74 * 8) as f64})
}

/// A server at a second of its life: a flood begins at the 60th.
fn server_at(second: u64) -> Value {
    let wave = |number: u64, second: u64| (second * number * 7919) % 97;
    let is_flooded = second >= 60;
    let flood = |at: u64| match at {
        60.. => 48_000 + wave(3, at) * 60,
        _ => 210 + wave(1, at),
    };
    let mut syn = counted("syn", "@syn and dst port 443", flood, second);
    let key = |key: &str, share: f64, spread: u64| {
        let packets = (share * syn["packets"].as_f64().unwrap()) as u64;
        let pps = share * flood(second) as f64;
        json!({"key": key, "packets": packets, "bytes": packets * 74, "share": share,
            "low": packets - packets * spread / 100, "high": packets + packets * spread / 100,
            "pps": pps, "bps": pps * 592.0})
    };
    let keys = [
        key("203.0.113.77", 0.31, 1),
        key("198.51.100.23", 0.12, 3),
        key("2001:db8:7::1f", 0.07, 6),
        key("192.0.2.14", 0.03, 12),
    ];
    let other = syn["packets"].as_u64().unwrap() * 47 / 100;
    syn["top"] = json!([{"by": "src", "keys": keys, "other": {"packets": other}, "refused": 0,
        "without": 0}]);
    syn["distinct"] = json!([{"by": "src", "estimate": 1_250_000, "low": 1_240_100,
        "high": 1_259_900, "interval": 47_112, "minute": 1_011_400, "missed": 0}]);
    let times = |p50: f64, p99: f64| json!({"p50": p50, "p90": p99 / 2.0, "p99": p99, "n": 9000});
    let port = |port: u16, verdict: &str, why: &str, open: u64, failed: u64, http: Value| {
        json!({"port": port, "protocol": "tcp", "verdict": verdict, "why": why,
            "connections": open + failed, "syn": open + failed, "answered": open,
            "retransmitted": 0, "completed": open, "half_open": failed / 200,
            "unanswered": failed, "refused": 0, "rejected": 0, "abandoned": 0,
            "syn_per_second": (open + failed) as f64 / 60.0,
            "handshake_us": times(240.0, 4100.0), "first_byte_us": times(1900.0, 31_000.0),
            "http": http})
    };
    let (verdict, why, failed) = if is_flooded {
        let why = "48,212 of 48,430 a second were not completed; 1,250,000 sources; cookies sent";
        ("flooded", why, 90_000)
    } else {
        ("healthy", "212 of 212 completed; handshake p50 0.24 ms", 0)
    };
    let healthy = "8,114 of 8,114 completed; first byte p50 1.90 ms";
    let frames = |at: u64| 21_000 + wave(2, at) * 40 + flood(at);
    let seen: u64 = (1..=second).map(frames).sum();
    json!({
        "version": 1, "time": format!("2026-11-21T07:{:02}:{:02}.000Z", second / 60, second % 60),
        "elapsed": second as f64, "final": false, "hook": "tcx", "interfaces": ["eth0"],
        "seen": {"packets": seen, "bytes": seen * 310},
        "rules": [
            syn,
            counted("get", "@get", |at| 1_900 + wave(5, at) * 9, second),
            counted("dns", "udp port 53", |at| 640 + wave(7, at) * 3, second),
            counted("ssh", "tcp dst port 22", |at| 4 + wave(11, at) % 9, second),
            counted("icmp errors", "@unreachable", |at| wave(13, at) % 3, second),
        ],
        "lost": [{"cause": "lost_in_ring", "frames": 0}, {"cause": "refused", "frames": 0}],
        "ports": [
            port(443, verdict, why, 12_720, failed, json!({})),
            port(80, "healthy", healthy, 8_114, 0, json!({"2xx": 8_011, "4xx": 99, "5xx": 4})),
        ],
        "recorders": [{"rule": "syn", "state": if is_flooded { "recording" } else { "armed" },
            "files": u64::from(is_flooded), "held_seconds": 30.0, "overwritten": 41_250,
            "last_file": is_flooded.then_some("20261121T070100Z-syn.pcapng")}],
    })
}

fn keep(browser: &Browser<'_>, name: &str) {
    if let Some(folder) = std::env::var_os(PICTURES) {
        fs::write(PathBuf::from(folder).join(name), browser.picture()).unwrap();
    }
}

/// What a flood looks like: light and dark, wide and on a phone, with and without JavaScript.
#[test]
fn page_in_a_flood() {
    if !met(&[Requirement::Root]) || !met(BROWSER) {
        return;
    }
    let namespace = Namespace::new().unwrap();
    let mut made = Made::start(&namespace);
    let browser = Browser::start(&namespace);
    made.show(&server_at(1));
    browser.open(&made.url);
    browser.wait_for("document.getElementById('state').textContent === 'live'");
    for second in 2..=120 {
        made.show(&server_at(second));
        // Each of them is to be in the chart: the stream has the newest alone.
        std::thread::sleep(Duration::from_millis(20));
    }
    browser.wait_for("document.querySelector('time').textContent.includes('07:02:00')");
    browser.wait_for("document.querySelector('#legend').textContent.includes('syn: ')");
    let lines = "return document.querySelectorAll('#chart path:not(.grid)').length";
    assert_eq!(browser.run(lines), 6);
    let drawn = "return document.querySelectorAll('.spark path[d^=M]').length";
    assert_eq!(browser.run(drawn), 5);
    for (id, text) in [
        ("sources", "203.0.113.77"),
        ("distinct", "1,250,000"),
        ("ports", "flooded"),
        ("losses", "No frame was lost."),
        ("recorders", "20261121T070100Z-syn.pcapng"),
    ] {
        let shown = browser.run(&format!("return document.getElementById('{id}').innerText"));
        assert!(shown.as_str().unwrap().contains(text), "{id}: {shown}");
    }
    // What is read aloud: each picture says what it shows, or is hidden as numbers stand beside it.
    let silent = "return [...document.querySelectorAll('svg')].filter((svg) => \
        !svg.getAttribute('aria-label') && svg.getAttribute('aria-hidden') !== 'true').length";
    assert_eq!(browser.run(silent), 0);
    let ground = "return getComputedStyle(document.body).backgroundColor";
    for (scheme, color) in [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 28)")] {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        browser.tell("Emulation.setEmulatedMedia", json!({"features": features}));
        assert_eq!(browser.run(ground), color);
        for width in [360, 1100] {
            browser.size(width, if width == 360 { 2600 } else { 1500 });
            browser
                .wait_for("document.querySelector('#chart svg').getBoundingClientRect().width > 0");
            // Nothing is wider than the window but what scrolls by itself.
            assert_eq!(browser.run("return document.documentElement.scrollWidth"), width);
            keep(&browser, &format!("page-{scheme}-{width}.png"));
        }
    }
    browser.tell("Emulation.setEmulatedMedia", json!({"features": []}));
    browser.size(1100, 900);
    keep(&browser, "page.png");
    assert_eq!(browser.complaints(), [] as [String; 0]);

    browser.tell("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.open(&made.url);
    let text = browser.run("return document.body.innerText");
    for part in ["Read them again", "syn", "203.0.113.77", "flooded", "No frame was lost."] {
        assert!(text.as_str().unwrap().contains(part), "{part}: {text}");
    }
    let hidden = "return ['pause', 'rates', 'find'].every((id) => \
        document.getElementById(id).checkVisibility() === false)";
    assert_eq!(browser.run(hidden), true);
    keep(&browser, "page-no-script.png");
}

/// Names and filters are text, whatever stands in them; a thousand rules are found by typing; and the
/// keyboard is enough.
#[test]
fn page_of_a_thousand_rules() {
    if !met(&[Requirement::Root]) || !met(BROWSER) {
        return;
    }
    let namespace = Namespace::new().unwrap();
    let mut made = Made::start(&namespace);
    let browser = Browser::start(&namespace);
    let evil = "<script>document.title = 'taken'</script>";
    let snapshot = |second: u64, rules: u64| {
        let mut all =
            vec![counted(evil, "payload \"<img src=x onerror=alert(1)>\"", |_| 7, second)];
        all.extend((1..rules).map(|number| {
            counted(&format!("rule {number}"), &format!("tcp port {number}"), |_| number, second)
        }));
        json!({"version": 1, "time": format!("second {second}"), "elapsed": second as f64,
            "hook": "tcx", "interfaces": ["<i>eth0</i>"], "seen": {"packets": second * 1000, "bytes": 0},
            "rules": all, "lost": [{"cause": "refused", "frames": second}]})
    };
    made.show(&snapshot(1, 1000));
    browser.open(&made.url);
    browser.wait_for("document.getElementById('state').textContent === 'live'");
    let rows = "document.querySelectorAll('#rules tbody tr')";
    assert_eq!(browser.run(&format!("return {rows}.length")), 1000);
    let first = format!("return {rows}[0].firstElementChild.firstChild.nodeValue");
    assert_eq!(browser.run(&first), evil);
    assert_eq!(browser.run("return document.title"), "probe: <i>eth0</i>");
    assert_eq!(browser.run("return document.scripts.length"), 1);
    assert_eq!(browser.run("return document.querySelectorAll('main i, main img').length"), 0);
    // In the legend, where the module puts it: rule 999 to 995, and no HTML of the first one either.
    made.show(&snapshot(2, 3));
    browser.wait_for(&format!("{rows}.length === 3"));
    browser.wait_for("document.getElementById('legend').children.length === 4");
    let legend = browser.run("return document.getElementById('legend').innerText");
    assert!(legend.as_str().unwrap().contains(evil), "{legend}");

    let start = Instant::now();
    made.show(&snapshot(3, 1000));
    browser.wait_for(&format!("{rows}.length === 1000"));
    println!("1,000 rules are on the page after {:?}", start.elapsed());
    // Rows that nobody sees have no chart.
    browser.wait_for("document.querySelectorAll('.spark path').length > 0");
    let drawn = browser.run("return document.querySelectorAll('.spark path').length");
    assert!(drawn.as_u64().unwrap() < 100, "{drawn}");
    browser.run("document.querySelector('#find input').focus()");
    browser.press("port 77");
    let shown = format!("[...{rows}].filter((row) => !row.hidden).length");
    // 77 and 770 to 779.
    browser.wait_for(&format!("{shown} === 11"));
    made.show(&snapshot(4, 1000));
    browser.wait_for("document.querySelector('time').textContent === 'second 4'");
    assert_eq!(browser.run(&format!("return {shown}")), 11);
    assert_eq!(browser.run("return document.activeElement.value"), "port 77");

    // Pause by the keyboard: U+E004 is Tab, U+E00D the space bar.
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0)");
    browser.run("document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()");
    browser.press("\u{e004}");
    assert_eq!(browser.run("return document.activeElement.id"), "pause");
    browser.press("\u{e00d}");
    assert_eq!(browser.run("return document.getElementById('state').textContent"), "paused");
    made.show(&snapshot(5, 1000));
    made.show(&snapshot(6, 1000));
    // The stream comes; the page stays.
    browser.wait_for("performance.now() > 0");
    assert_eq!(browser.run("return document.querySelector('time').textContent"), "second 4");
    browser.press("\u{e00d}");
    browser.wait_for("document.querySelector('time').textContent === 'second 6'");
    assert_eq!(browser.complaints(), [] as [String; 0]);
    // Without a server the page says so.
    drop(made);
    browser.wait_for("document.getElementById('state').textContent.startsWith('no connection')");
}

/// Frames that are counted are on the page.
#[test]
fn page_of_a_service() {
    if !met(NEEDS) || !met(BROWSER) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\ninterval = \"100ms\"\n");
    let service = Service::start(&pair.server, &head, &rule("all", ""), &[]);
    let browser = Browser::start(&pair.server);
    browser.open("http://127.0.0.1:9977/");
    browser.wait_for("document.getElementById('state').textContent === 'live'");
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).build();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send(&vec![frame; 1234]).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, 1234, LIMIT).unwrap();
    browser.wait_for("document.querySelector('#rules tbody tr').cells[4].textContent === '1,234'");
    browser.wait_for("document.querySelector('.figures dd').textContent === '1,234'");
    assert_eq!(browser.complaints(), [] as [String; 0]);
    drop(browser);
    service.end();
}
