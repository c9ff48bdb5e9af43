//! Screens of made data, held against texts: `golden/NAME.COLUMNSxLINES.txt`. `PROBE_BLESS=1` writes them anew.

use std::{env, fs, path::Path};

use crossterm::event::KeyCode;
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Color};

use super::*;
use crate::top::app::{
    Capture, Event, Hook, Neighbour, Timeline,
    tests::{app, keys, news, ports, press, snapshot},
};

/// The sizes of the terminals.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (60, 16)];

fn drawn(app: &App, look: Look, (columns, lines): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| draw(app, look, frame)).unwrap().buffer.clone()
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    let row = |row: &[ratatui::buffer::Cell]| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned() + "\n"
    };
    rows.map(row).collect()
}

/// Holds a screen against its texts.
fn check(name: &str, app: &App) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/top/view/golden");
    let look = Look { colors: true, utf8: true };
    for size in SIZES {
        let path = folder.join(format!("{name}.{}x{}.txt", size.0, size.1));
        let screen = text(&drawn(app, look, size));
        if env::var_os("PROBE_BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &screen).unwrap();
        }
        let golden = fs::read_to_string(&path);
        let golden = golden.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(screen == golden, "{}:\n{screen}\nand not\n{golden}", path.display());
    }
}

/// A minute of counts.
fn a_minute(origin: Origin) -> App {
    let mut app = app(origin);
    for second in 1..=60 {
        app.update(Event::Snapshot(Box::new(snapshot(second))));
    }
    app
}

#[test]
fn rules() {
    let mut app = a_minute(Origin::Live);
    keys(&mut app, "j");
    check("rules", &app);
}

#[test]
fn before_the_first_rate() {
    let mut app = app(Origin::Live);
    let mut blank = snapshot(0);
    for rule in &mut blank.rules {
        (rule.pps, rule.bps) = (f64::NAN, f64::NAN);
        (rule.top, rule.distinct) = (Vec::new(), Vec::new());
    }
    app.update(Event::Snapshot(Box::new(blank)));
    check("rules-before-a-rate", &app);
}

#[test]
fn sources() {
    let mut app = a_minute(Origin::Live);
    keys(&mut app, "2j");
    check("sources", &app);
    keys(&mut app, "1j2");
    check("sources-without", &app);
}

#[test]
fn ports_of_our_own() {
    let mut app = a_minute(Origin::Live);
    keys(&mut app, "3");
    check("ports-opening", &app);
    app.update(Event::Ports { ports: ports(), lost: 0 });
    check("ports", &app);
}

#[test]
fn connections() {
    let mut app = a_minute(Origin::Live);
    keys(&mut app, "3");
    app.update(Event::Ports { ports: ports(), lost: 0 });
    press(&mut app, KeyCode::Enter);
    app.update(news(1..=30));
    check("connections", &app);
}

#[test]
fn losses() {
    let mut app = a_minute(Origin::Live);
    keys(&mut app, "35");
    app.update(Event::Ports { ports: ports(), lost: 12 });
    app.update(Event::Capture(Capture {
        name: "syn".into(),
        file: "probe-top-syn.pcapng".into(),
        frames: 1234,
        lost: Some(0),
        ended: Some(Ok(())),
    }));
    app.update(Event::Capture(Capture {
        name: "tcp".into(),
        file: "probe-top-tcp.pcapng".into(),
        frames: 5,
        lost: None,
        ended: None,
    }));
    keys(&mut app, "j");
    let program =
        |id, name: Option<&str>, ours| Neighbour { id, name: name.map(str::to_owned), ours };
    let programs = vec![
        program(7, Some("cil_from_netdev"), false),
        program(12, Some("ingress"), true),
        program(9, None, false),
    ];
    let hook =
        |hook: &str, programs| Hook { interface: "eth0".into(), hook: hook.into(), programs };
    app.update(Event::Neighbours(vec![hook("tcx in", programs), hook("tcx out", Vec::new())]));
    check("losses", &app);
}

#[test]
fn help_filter_and_file() {
    let mut app = a_minute(Origin::Live);
    keys(&mut app, "?");
    check("help", &app);
    keys(&mut app, "x/tcp prt 80");
    press(&mut app, KeyCode::Enter);
    check("filter", &app);
    let mut file = super::super::app::tests::app(Origin::File);
    let mut timeline = Timeline::new(std::time::Duration::from_secs(1));
    for second in 1..=40 {
        timeline.add(snapshot(second), std::time::Duration::from_secs(second));
    }
    timeline.end(snapshot(41));
    file.update(Event::Timeline(timeline));
    (0..20).for_each(|_| drop(press(&mut file, KeyCode::Left)));
    check("file", &file);
}

#[test]
fn served() {
    let mut app = app(Origin::Served("/run/probe.sock".into()));
    let mut counts = snapshot(100);
    counts.lost = vec![crate::snapshot::Lost { cause: "lost_in_ring".into(), frames: 3 }];
    counts.ports = ports();
    app.update(Event::Snapshot(Box::new(counts)));
    keys(&mut app, "5");
    check("served-losses", &app);
    keys(&mut app, "3");
    check("served-ports", &app);
}

/// Whatever the size, no screen panics, and none shows a control character.
#[test]
fn any_size() {
    let mut app = a_minute(Origin::Live);
    app.update(Event::Message("\u{1b}[2J told".into()));
    let look = Look { colors: true, utf8: true };
    for tab in "12345?/".chars() {
        keys(&mut app, &tab.to_string());
        app.update(news(1..=3));
        for size in
            (1..90).step_by(7).flat_map(|columns| (1..30).map(move |lines| (columns, lines)))
        {
            let buffer = drawn(&app, look, size);
            assert!(!text(&buffer).contains('\u{1b}'));
        }
        if app.help {
            keys(&mut app, "x");
        }
    }
}

/// A thousand rules: the screen has the lines that there is room for.
#[test]
fn a_thousand_rules() {
    let mut app = app(Origin::Live);
    let mut counts = snapshot(1);
    let rule = |number: usize| crate::top::app::tests::rule(&format!("r{number}"), "udp", 5, 1.0);
    counts.rules = (0..1000).map(rule).collect();
    app.update(Event::Snapshot(Box::new(counts)));
    keys(&mut app, "G");
    let screen = text(&drawn(&app, Look { colors: false, utf8: true }, (80, 24)));
    let rows: Vec<&str> = screen.lines().filter(|line| line.starts_with('r')).collect();
    // Between two lines above, the head, and the line of keys.
    assert_eq!(rows.len(), 1 + 20, "{screen}");
    assert!(rows[20].starts_with("r999 ") && rows[1].starts_with("r980 "), "{screen}");
}

#[test]
fn no_colours_and_no_letters_beyond_ascii_where_they_are_not_wanted() {
    let mut app = a_minute(Origin::Live);
    keys(&mut app, "3");
    app.update(Event::Ports { ports: ports(), lost: 0 });
    for tab in "12345".chars() {
        keys(&mut app, &tab.to_string());
        let colored = drawn(&app, Look { colors: true, utf8: true }, (80, 24));
        let plain = drawn(&app, Look { colors: false, utf8: false }, (80, 24));
        assert!(text(&plain).is_ascii());
        assert!(
            plain.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset))
        );
        // The sixteen colours that each terminal has, and by name.
        let named = [Color::Reset, Color::Green, Color::Cyan, Color::Yellow, Color::Red];
        assert!(colored.content.iter().all(|cell| named.contains(&cell.fg)));
    }
}
