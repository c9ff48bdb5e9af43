//! The table of `probe count` on a terminal, which tmux plays: it fits, leaves nothing of an earlier
//! one behind, and the terminal is as it was before when it ends.

use std::{thread, time::Duration, time::Instant};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Pair, Running, SERVER_LINK, SERVER_V4,
    requirements::{Requirement, met},
    run,
};

use crate::rig::{LIMIT, NEEDS, beside_others, quiet_pair};

/// Whether there is what [`NEEDS`] says, and tmux; all that is missing is told.
pub(crate) fn met_with_tmux() -> bool {
    let all = met(NEEDS);
    met(&[Requirement::Tool("tmux")]) && all
}

/// In the namespace's own folder of files.
const SOCKET: &str = "/dev/shm/tmux";

/// A terminal in the server's namespace.
pub(crate) struct Terminal<'a> {
    pair: &'a Pair,
    /// Ends with the test, and all that runs in it.
    _server: Running,
}

impl<'a> Terminal<'a> {
    /// Runs `probe` in a terminal of so many columns and lines. A shell outlives it: at the end of the
    /// process that leads the session the kernel hangs the terminal up, and what tmux has not read
    /// by then is lost (disassociate_ctty in drivers/tty/tty_jobctrl.c).
    fn new(pair: &'a Pair, size: (usize, usize), arguments: &str) -> Self {
        let probe = env!("CARGO_BIN_EXE_probe");
        Self::running(pair, size, &format!("trap : INT; {probe} {arguments}; exec sleep 600"))
    }

    /// Runs any command.
    pub(crate) fn running(pair: &'a Pair, (columns, lines): (usize, usize), command: &str) -> Self {
        let mut server = pair.server.command("tmux");
        server.args(["-S", SOCKET, "-f", "/dev/null", "-D"]).env("TERM", "xterm-256color");
        let server = Running::spawn(server).unwrap();
        let terminal = Self { pair, _server: server };
        let begin = Instant::now();
        while terminal.try_tmux(&["set-option", "-g", "remain-on-exit", "on"]).is_none() {
            assert!(begin.elapsed() < LIMIT, "tmux does not start");
            thread::sleep(Duration::from_millis(20));
        }
        let (columns, lines) = (columns.to_string(), lines.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &lines, command]);
        terminal
    }

    pub(crate) fn try_tmux(&self, arguments: &[&str]) -> Option<String> {
        let mut tmux = self.pair.server.command("tmux");
        tmux.args(["-S", SOCKET]).args(arguments);
        run(tmux, LIMIT).ok().map(|finished| finished.text())
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        self.try_tmux(arguments).unwrap_or_else(|| panic!("tmux {arguments:?} failed"))
    }

    pub(crate) fn resize(&self, (columns, lines): (usize, usize)) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &lines]);
    }

    /// What it shows, and all that was scrolled out of it, without the blank lines at the end.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p", "-S", "-"]);
        text.trim_end().lines().map(str::to_owned).collect()
    }

    /// Lines that were scrolled out of the terminal.
    fn history(&self) -> usize {
        self.tmux(&["display-message", "-p", "#{history_size}"]).trim().parse().unwrap()
    }

    /// Waits until it shows what is wanted, and gives that.
    pub(crate) fn wait(&self, what: &str, is_wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let lines = self.lines();
            if is_wanted(&lines) {
                return lines;
            }
            assert!(begin.elapsed() < LIMIT, "{what}: {lines:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Two tables from now: what is drawn over what.
    fn two_later(&self, columns: usize) -> Vec<String> {
        let mut lines = self.lines();
        for _ in 0..2 {
            let before = lines[0].clone();
            lines = self.wait("another table", |lines| {
                is_table(lines)
                    && lines[0] != before
                    && lines.iter().all(|line| width(line) <= columns)
            });
        }
        lines
    }
}

fn width(line: &str) -> usize {
    line.chars().count()
}

fn is_table(lines: &[String]) -> bool {
    lines.first().is_some_and(|line| line.starts_with("srv0 on tcx, after"))
}

fn rules(count: usize) -> String {
    let rule = |number| format!("--rule 'rule-{number}=udp port {}'", 9000 + number);
    (0..count).map(rule).collect::<Vec<_>>().join(" ")
}

/// The table that a terminal shows: each line once and nothing else, all within it.
fn check(terminal: &Terminal<'_>, (columns, height): (usize, usize), count: usize) {
    let lines = terminal.two_later(columns);
    let context = format!("{count} rules, {columns}x{height}: {lines:#?}");
    assert_eq!(terminal.history(), 0, "{context}");
    assert!(lines[1].starts_with("rule ") && lines[1].contains("last minute"), "{context}");
    assert!(lines[2].starts_with("(seen) "), "{context}");
    let names: Vec<&str> = lines[3..].iter().map(|line| line.split(' ').next().unwrap()).collect();
    let named = |number: usize| format!("rule-{number}");
    if 3 + count <= height {
        let all: Vec<String> = (0..count).map(named).collect();
        assert_eq!(names, all, "{context}");
        return;
    }
    // The busiest one is the last, and comes first; the others have counted nothing.
    let shown = height - 4;
    let mut expected = vec![named(count - 1)];
    expected.extend((0..shown - 1).map(named));
    expected.push("…".into());
    assert_eq!(names, expected, "{context}");
    let hidden = format!("… {} of {count} rules hidden, the least busy", count - shown);
    assert_eq!(lines.last().unwrap(), &hidden, "{context}");
}

#[test]
fn the_table_fits_whatever_the_size() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    for count in [1, 10, 100] {
        let pair = quiet_pair();
        let arguments = format!("count -i {SERVER_LINK} --interval 200ms {}", rules(count));
        let terminal = Terminal::new(&pair, (80, 24), &arguments);
        terminal.wait("the first table", is_table);
        let busiest = 9000 + count as u16 - 1;
        let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1000, busiest).build();
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&vec![frame; 1234]).unwrap();
        for size in [(80, 24), (120, 40), (80, 24), (60, 12), (200, 50), (120, 40)] {
            terminal.resize(size);
            check(&terminal, size, count);
        }
        terminal.tmux(&["send-keys", "C-c"]);
        // All of it is left on the terminal as it was, where the ready line is.
        let lines = terminal.wait("the end", |lines| {
            lines.iter().any(|line| line.contains("total after"))
                && lines.iter().any(|line| line.starts_with(&format!("rule-{} ", count - 1)))
        });
        let is_head = |line: &&String| line.starts_with("rule ");
        assert!(lines[0].starts_with("probe: attached to srv0 (tcx)"), "{lines:#?}");
        assert_eq!(lines.iter().filter(is_head).count(), 1, "{lines:#?}");
        for number in 0..count {
            let start = format!("rule-{number} ");
            let found: Vec<_> = lines.iter().filter(|line| line.starts_with(&start)).collect();
            let packets = if number == count - 1 { "1,234" } else { "0" };
            assert!(
                found.len() == 1 && found[0].split_whitespace().nth(1) == Some(packets),
                "{number}: {lines:#?}"
            );
        }
    }
}

/// A message shows below the table, and stays when the table has gone.
#[test]
fn messages_are_not_drawn_over() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let terminal =
        Terminal::new(&pair, (80, 24), &format!("count -i {SERVER_LINK} --interval 200ms"));
    terminal.wait("the first table", is_table);
    pair.server.ip(&[format!("link set {SERVER_LINK} down")]).unwrap();
    let message = "probe: srv0 is down: no frames until it is up again";
    let below = |lines: &[String]| is_table(lines) && lines.last().is_some_and(|it| it == message);
    terminal.wait("the message below the table", below);
    terminal.tmux(&["send-keys", "C-c"]);
    let ended = |lines: &[String]| lines.iter().any(|line| line.contains("total after"));
    let lines =
        terminal.wait("the end", |lines| ended(lines) && lines.iter().any(|it| it == message));
    assert_eq!(lines.iter().filter(|line| *line == message).count(), 1, "{lines:#?}");
}

/// Another size is another table at once, not with the next interval: its head still has the time of
/// the one before. A busy machine may be so slow that an interval ends meanwhile; not five times.
#[test]
fn another_size_is_drawn_at_once() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let commands =
        [format!("count --interval 3s {}", rules(3)), "health --interval 3s --port 80".into()];
    for command in commands {
        let pair = quiet_pair();
        let terminal = Terminal::new(&pair, (80, 24), &format!("{command} -i {SERVER_LINK}"));
        let mut before = terminal.wait("the first table", is_table);
        let widest = |lines: &[String]| lines.iter().map(|line| width(line)).max().unwrap_or(0);
        let drawn_between = (0..5).any(|_| {
            terminal.resize((120, 24));
            let wide = terminal.wait("a wide table", |lines| is_table(lines) && widest(lines) > 80);
            terminal.resize((80, 24));
            let narrow =
                terminal.wait("a narrow table", |lines| is_table(lines) && widest(lines) <= 80);
            let same = wide[0] == before[0] && narrow == before;
            before = narrow;
            same
        });
        assert!(drawn_between, "{command}: {before:#?}");
    }
}

/// Ctrl-Z gives the terminal back to the shell, and `fg` takes it again.
#[test]
fn stopped_and_continued() {
    if !met_with_tmux() {
        return;
    }
    let _turn = beside_others();
    let probe = env!("CARGO_BIN_EXE_probe");
    fn of_interfaces(lines: &[String]) -> bool {
        lines.first().is_some_and(|line| line.starts_with("interface "))
    }
    type Shown = fn(&[String]) -> bool;
    let commands: [(&str, Shown); 3] = [
        ("count -i srv0 --interval 200ms", is_table),
        ("health -i srv0 --port 80 --interval 200ms", is_table),
        ("interfaces --watch=200ms", of_interfaces),
    ];
    for (arguments, shown) in commands {
        let pair = quiet_pair();
        let terminal = Terminal::running(&pair, (80, 24), "PS1='shell> ' exec sh -i");
        terminal.wait("the shell", |lines| lines.iter().any(|line| line.starts_with("shell>")));
        terminal.tmux(&["send-keys", &format!("{probe} {arguments}"), "Enter"]);
        terminal.wait("the table", shown);
        terminal.tmux(&["send-keys", "C-z"]);
        let given_back = |lines: &[String]| {
            lines.iter().any(|line| line.contains("Stopped"))
                && lines.last().is_some_and(|line| line.starts_with("shell>"))
        };
        let lines = terminal.wait("the shell again", given_back);
        assert!(lines[0].starts_with("shell>") && lines[0].contains("probe"), "{lines:#?}");
        terminal.tmux(&["send-keys", "fg", "Enter"]);
        terminal.wait("the table again", shown);
        terminal.tmux(&["send-keys", "C-c"]);
        terminal.wait("the end", |lines| {
            lines[0].starts_with("shell>")
                && lines.last().is_some_and(|line| line.starts_with("shell>"))
        });
    }
}
