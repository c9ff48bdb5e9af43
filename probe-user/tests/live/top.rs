//! `probe top` on a terminal, which tmux plays: each key on real traffic, each way to end, and counts of others.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use testbed::{CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Pair, SERVER_LINK, SERVER_V4, run};

use crate::{
    rig::{LIMIT, alone, beside_others, quiet_pair},
    serve::{Service, rule},
    terminal::{Terminal, met_with_tmux},
};

const SIZES: [(usize, usize); 2] = [(80, 24), (120, 40)];
/// What a shell of these tests says when it is ready.
const SHELL: &str = "shell>";

/// The program: that of these tests, or another build of it, whose cost is to be measured.
fn program() -> String {
    std::env::var("PROBE_TEST_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_probe").into())
}

/// `probe top` in a shell, in a folder of its own.
struct Top<'a> {
    terminal: Terminal<'a>,
    folder: TempDir,
}

impl<'a> Top<'a> {
    fn start(pair: &'a Pair, size: (usize, usize), environment: &str, arguments: &str) -> Self {
        let (folder, probe) = (tempfile::tempdir().unwrap(), program());
        let terminal = Terminal::running(pair, size, &format!("PS1='{SHELL} ' exec sh -i"));
        let top = Self { terminal, folder };
        top.shows("the shell", SHELL);
        let place = top.folder.path().display();
        top.types(&format!(
            "cd {place}; clear; LC_ALL=C.UTF-8 {environment} {probe} top {arguments}"
        ));
        top
    }

    /// Types a line.
    fn types(&self, text: &str) {
        self.terminal.tmux(&["send-keys", "-l", text]);
        self.keys(&["Enter"]);
    }

    /// Presses keys, by tmux's names of them.
    fn keys(&self, keys: &[&str]) {
        self.terminal.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until a text is on the screen, and gives all lines.
    fn shows(&self, what: &str, text: &str) -> Vec<String> {
        self.terminal.wait(what, |lines| lines.iter().any(|line| line.contains(text)))
    }

    /// Waits until the line that begins so has these words.
    fn row(&self, begin: &str, words: &str) {
        self.line(begin, words, true);
    }

    /// Waits until the line that begins so has not these words any more.
    fn row_without(&self, begin: &str, words: &str) {
        self.line(begin, words, false);
    }

    fn line(&self, begin: &str, words: &str, wanted: bool) {
        let (is_it, words) = (format!("{begin} "), format!(" {words} "));
        let has = |line: &String| {
            let line = format!("{line} ");
            line.starts_with(&is_it) && line.contains(&words) == wanted
        };
        self.terminal.wait(&format!("{begin}: {words}"), |lines| lines.iter().any(has));
    }

    /// The files in its folder that end so.
    fn files(&self, end: &str) -> Vec<PathBuf> {
        let paths = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|it| it == end)).collect()
    }
}

fn send(pair: &Pair, port: u16, count: usize) {
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1000, port).build();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&vec![frame; count]).unwrap();
}

/// Tries to connect to a port where nobody listens.
fn knock(pair: &Pair) {
    let address = SocketAddr::new(SERVER_V4.into(), 8443);
    let timeout = Duration::from_secs(1);
    let _ = pair.client.enter(|| Ok(TcpStream::connect_timeout(&address, timeout)?));
}

/// Frames in a file.
fn frames(path: &Path) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probe"));
    command.args(["count", "--format", "json", "-r"]).arg(path);
    let line: Value = serde_json::from_str(&run(command, LIMIT).unwrap().text()).unwrap();
    line["seen"]["packets"].as_u64().unwrap()
}

/// A capture file of frames with their nanoseconds since 1970 (draft-ietf-opsawg-pcap).
fn pcap(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    file.extend(words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]));
    for (time, bytes) in frames {
        let length = bytes.len() as u32;
        let (seconds, us) = ((time / 1_000_000_000) as u32, (time % 1_000_000_000 / 1000) as u32);
        file.extend(words(&[seconds, us, length, length]));
        file.extend(bytes);
    }
    file
}

#[test]
fn each_key() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    for size in SIZES {
        let pair = quiet_pair();
        let arguments = format!(
            "-i {SERVER_LINK} --interval 200ms --port 8443 --rule syn=@syn --rule 'udp=udp port 9000'"
        );
        let top = Top::start(&pair, size, "", &arguments);
        top.shows("the rules", "1 Rules");
        top.row("udp", "udp port 9000");
        send(&pair, 9000, 1234);
        top.row("udp", "1,234");
        // Help, orders, pause.
        top.keys(&["?"]);
        top.shows("help", "from a rule to its sources");
        top.keys(&["x"]);
        top.shows("the rules again", "s order: as given");
        top.keys(&["s"]);
        top.shows("another order", "s order: rate");
        top.keys(&["Space"]);
        top.shows("pause", "[paused]");
        send(&pair, 9000, 1);
        top.keys(&["Space"]);
        top.row("udp", "1,235");
        // The row is exported with its counts, and its frames are captured exactly.
        top.keys(&["G", "k", "Down", "g", "j"]);
        top.keys(&["s", "s", "s"]);
        top.shows("the order as given", "s order: as given");
        top.keys(&["e"]);
        top.shows("the export", "written: probe-top-rules-");
        let json: Value =
            serde_json::from_slice(&fs::read(&top.files("json")[0]).unwrap()).unwrap();
        assert_eq!(json["rules"][1]["packets"], 1235, "{json}");
        top.keys(&["G", "w"]);
        top.shows("a capture", "[writing 1]");
        top.shows("what is attached for it", "attached to srv0");
        send(&pair, 9000, 10);
        send(&pair, 9001, 10);
        top.row("*udp", "1,245");
        top.keys(&["w"]);
        top.shows("the end of the capture", ".pcapng: 10 frames");
        assert_eq!(frames(&top.files("pcapng")[0]), 10);
        // From zero; and from the rule to its sources, which are counted from then on.
        top.keys(&["r"]);
        top.row_without("udp", "1,245");
        top.keys(&["Enter"]);
        top.shows("sources", "rule udp: udp port 9000");
        top.shows("lists", "by src: 0 packets of others");
        send(&pair, 9000, 20);
        top.row(&CLIENT_V4.to_string(), "100%");
        top.keys(&["Escape"]);
        top.row("udp", "20");
        // Only some frames; a mistake is shown in its place.
        top.keys(&["/"]);
        top.types("tcp prt 80");
        top.shows("the mistake", "did you mean port?");
        top.keys(&["C-u"]);
        top.types("udp dst port 9001");
        top.shows("the filter", "[only: udp dst port 9001]");
        send(&pair, 9001, 5);
        top.shows("frames that are counted all the same", "5 packets seen");
        top.row_without("udp", "5");
        // Ports, and the connections of one of them.
        top.keys(&["3"]);
        top.shows("what is attached for it", "attached to srv0");
        knock(&pair);
        top.row("8443/tcp", "closed");
        top.keys(&["Enter"]);
        top.shows("connections of the port", "[port 8443/tcp]");
        top.shows("none yet", "None has ended yet.");
        // Until the programs are attached.
        top.terminal.wait("a refused connection", |lines| {
            knock(&pair);
            lines.iter().any(|line| line.contains("refused") && line.contains("192.0.2.2:8443"))
        });
        top.keys(&["Escape"]);
        top.row("8443/tcp", "closed");
        // Who else is attached: our own programs, in their order.
        top.keys(&["5"]);
        top.shows("neighbours", "this probe");
        top.shows("what the capture has lost", ".pcapng, 10 read; lost: none");
        top.keys(&["Tab"]);
        top.shows("the rules", "s order: as given");
        top.keys(&["BTab"]);
        top.shows("losses", "Who else is attached");
        top.keys(&["1", "Q"]);
        let lines = top.terminal.wait("the shell below the last screen", |lines| {
            lines.last().is_some_and(|line| line.starts_with(SHELL))
        });
        assert!(lines.iter().any(|line| line.starts_with(" 1 Rules")), "{lines:#?}");
        assert!(lines.iter().any(|line| line.starts_with("udp ")), "{lines:#?}");
    }
}

/// A key that comes with another size of the terminal is not left until the next key.
#[test]
fn keys_and_another_size_at_once() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let top = Top::start(&pair, (80, 24), "", &format!("-i {SERVER_LINK} --interval 200ms"));
    top.shows("the rules", "last minute");
    for number in 0..20 {
        let (key, columns, text) =
            if number % 2 == 0 { ("5", "100", "Counting") } else { ("1", "80", "last minute") };
        let resize = ["resize-window", "-x", columns, "-y", "24", ";", "send-keys", key];
        top.terminal.tmux(&resize);
        top.shows("another tab", text);
    }
    top.keys(&["q"]);
}

/// However it ends, the terminal is as it was: its text, its lines (icanon) and its cursor.
#[test]
fn the_terminal_is_given_back() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let top = Top::start(&pair, (80, 24), "", &format!("-i {SERVER_LINK} --interval 200ms"));
    top.shows("the rules", "1 Rules");
    let probe = env!("CARGO_BIN_EXE_probe");
    let again = format!("{probe} top -i {SERVER_LINK} --interval 200ms");
    for (number, end) in ["q", "C-c", "TERM", "HUP", "C-z", "TSTP"].into_iter().enumerate() {
        top.shows("the rules", "1 Rules");
        match end {
            "TERM" | "HUP" | "TSTP" => {
                // The child of the shell that the terminal has started.
                let shell = top.terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
                let signal = format!("kill -s {end} $(pgrep -P {})", shell.trim());
                let mut command = pair.server.command("sh");
                command.args(["-c", &signal]);
                run(command, LIMIT).unwrap();
            }
            key => top.keys(&[key]),
        }
        let given_back = |lines: &[String]| {
            lines.last().is_some_and(|line| line.starts_with(SHELL))
                && !lines.iter().any(|line| line.contains("1 Rules"))
        };
        top.terminal.wait(&format!("the shell after {end}"), given_back);
        let cursor = top.terminal.tmux(&["display-message", "-p", "#{cursor_flag}"]);
        assert_eq!(cursor.trim(), "1", "{end}");
        top.types(&format!("stty -a | grep -o ' icanon' ; echo done-{number}"));
        let lines = top
            .terminal
            .wait("stty", |lines| lines.iter().any(|line| line == &format!("done-{number}")));
        assert!(lines.iter().any(|line| line == " icanon"), "{end}: {lines:#?}");
        if ["C-z", "TSTP"].contains(&end) {
            top.types("fg");
            top.shows("the rules again", "1 Rules");
            top.keys(&["q"]);
            top.terminal.wait("the shell again", given_back);
        }
        top.types(&format!("clear; {again}"));
    }
    top.shows("the rules", "1 Rules");
}

/// The colours of the terminal's own sixteen, and none where NO_COLOR is set.
#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    for (environment, wanted) in [("NO_COLOR=", true), ("NO_COLOR=1", false)] {
        // The first row is selected, and inverted in place of colours.
        let rules = "--rule tcp=tcp --rule 'udp=udp port 9000'";
        let arguments = format!("-i {SERVER_LINK} --interval 200ms {rules}");
        let top = Top::start(&pair, (80, 24), environment, &arguments);
        top.row("udp", "udp port 9000");
        send(&pair, 9000, 10);
        top.row("udp", "10");
        let colored = |text: &str| {
            let codes = text.split("\x1b[").skip(1).filter_map(|it| it.split_once('m'));
            codes
                .flat_map(|(codes, _)| codes.split(';').map(str::to_owned).collect::<Vec<_>>())
                .any(|code| matches!(code.parse(), Ok(30..=38 | 40..=48 | 90..=97 | 100..=107)))
        };
        let text = top.terminal.tmux(&["capture-pane", "-p", "-e"]);
        assert_eq!(colored(&text), wanted, "{environment}: {text:?}");
        top.keys(&["q"]);
    }
}

/// The counts of a running `probe serve`, by its socket and by its port.
#[test]
fn of_a_running_service() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\ninterval = \"200ms\"\n");
    let rules = rule("all", "") + &rule("udp", "udp port 9000");
    let service = Service::start(&pair.server, &head, &rules, &[]);
    send(&pair, 9000, 1234);
    let places = [service.socket().display().to_string(), "http://127.0.0.1:9977".into()];
    for (place, before, after) in [(&places[0], "1,234", "1,240"), (&places[1], "1,240", "1,246")] {
        let top = Top::start(&pair, (80, 24), "", &format!("--connect {place}"));
        top.shows("the service", "probe serve at ");
        top.row("udp", before);
        top.keys(&["r"]);
        top.row_without("udp", before);
        send(&pair, 9000, 6);
        top.row("udp", "6");
        top.keys(&["/"]);
        top.shows("what cannot be", "stands in its configuration");
        top.keys(&["5"]);
        top.shows("losses", "0 lost in ring");
        top.keys(&["q"]);
        let is_shell = |lines: &[String]| lines.last().is_some_and(|it| it.starts_with(SHELL));
        top.terminal.wait("the shell", is_shell);
        // Whoever comes later has all of it.
        top.types(&format!("clear; {} top --connect {place}", env!("CARGO_BIN_EXE_probe")));
        top.row("udp", after);
        top.keys(&["q"]);
    }
    service.end();
    let top = Top::start(&pair, (80, 24), "", "--connect http://127.0.0.1:9977");
    top.shows("that nobody is there", "probe: --connect http://127.0.0.1:9977: ");
}

/// A file: counts up to a position, and what became of its connections.
#[test]
fn of_a_file() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    let mut talk = testbed::Conversation::new("192.0.2.7:40000", "192.0.2.1:80");
    talk.handshake(0, 100);
    talk.fin(4_500_000, testbed::Speaker::Client);
    fs::write(&path, pcap(&talk.frames)).unwrap();
    let arguments = format!("-r {} --rule syn=@syn --rule fin=@fin", path.display());
    let top = Top::start(&pair, (80, 24), "", &arguments);
    top.row("fin", "1");
    top.shows("the time bar", "4.5 of 4.5 s, stands");
    top.keys(&["Left"]);
    top.shows("a second earlier", "4.0 of 4.5 s");
    top.row_without("fin", "1");
    top.keys(&["Right"]);
    top.row("fin", "1");
    top.keys(&["Space"]);
    top.shows("the end, once it has played", "4.5 of 4.5 s, stands");
    top.keys(&["3"]);
    top.shows("its port", "80/tcp");
    top.keys(&["4"]);
    top.shows("its connection", "192.0.2.7:40000");
    top.keys(&["q"]);
}

/// A flood, and a thousand rules: the last screen has exact counts. What it took of a CPU, and how many screens with
/// another time on them were seen, is printed for whoever runs this with --nocapture; of a release by
/// `PROBE_TEST_PROGRAM=$PWD/target/release/probe cargo test -p probe-user --test live a_flood_and -- --nocapture`.
#[test]
fn a_flood_and_a_thousand_rules() {
    if !met_with_tmux() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let rules = tempfile::NamedTempFile::new().unwrap();
    let each = |number: usize| rule(&format!("r{number}"), &format!("udp port {}", 9000 + number));
    fs::write(&rules, (0..1000).map(each).collect::<String>()).unwrap();
    let arguments = format!("-i {SERVER_LINK} --rules {}", rules.path().display());
    let top = Top::start(&pair, (80, 24), "", &arguments);
    top.row("r0", "udp port 9000");
    top.keys(&["s"]);
    let shell = top.terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
    let mut children = pair.server.command("pgrep");
    children.args(["-P", shell.trim()]);
    let pid = run(children, LIMIT).unwrap().text().trim().to_owned();
    let on_cpu = || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let times = tasks.map(|task| {
            let text = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
            text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        });
        Duration::from_nanos(times.sum())
    };
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1000, 9999).build();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let (frames, before, start) = (vec![frame; 256], on_cpu(), std::time::Instant::now());
    let (mut sent, mut titles) = (0, std::collections::BTreeSet::new());
    while start.elapsed() < Duration::from_secs(10) {
        sent += sender.send(&frames).unwrap().frames;
        if start.elapsed().as_secs() >= titles.len() as u64 {
            titles.extend(top.terminal.lines().into_iter().nth(1));
        }
    }
    let (took, elapsed) = (on_cpu() - before, start.elapsed());
    println!(
        "{:.0} packets/s, 1,000 rules: {:.2} % of a CPU, {} screens seen in {elapsed:.1?}",
        sent as f64 / elapsed.as_secs_f64(),
        took.as_secs_f64() / elapsed.as_secs_f64() * 100.0,
        titles.len()
    );
    let grouped = |number: u64| {
        let digits: Vec<char> = number.to_string().chars().rev().collect();
        let groups = digits.chunks(3).map(|group| group.iter().collect::<String>());
        groups.collect::<Vec<_>>().join(",").chars().rev().collect::<String>()
    };
    // The busiest one is the first.
    top.row("r999", &grouped(sent));
    top.keys(&["q"]);
}
