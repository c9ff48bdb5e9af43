//! A kernel that refuses a link in the middle of an exchange. No kernel does so at a test's wish: here
//! the second link is none.

use std::{fs::File, thread};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Pace, Pair, SERVER_LINK, SERVER_V4, pin_to_cpu,
    requirements::{Requirement, met},
};

use super::*;
use crate::kernel::Direction;

/// A link beside that of the flood.
const OTHER: &str = "other0";
const REFUSALS: u32 = 20;

fn config(hook: &str, rules: &str) -> Config {
    let head = format!("interfaces = [\"{SERVER_LINK}\", \"{OTHER}\"]\nhook = \"{hook}\"\n");
    Config::parse(&(head + rules), "probe.toml").unwrap()
}

const BEFORE: &str = "[[rule]]\nname = \"listed\"\nfilter = \"udp\"\nby = \"src\"\ndistinct = \"src\"\n\
    [[rule]]\nname = \"plain\"\nfilter = \"ip\"\n";
/// The same rules, of which the second gets a list and so another counter; and one more.
const AFTER: &str = "[[rule]]\nname = \"listed\"\nfilter = \"udp\"\nby = \"src\"\ndistinct = \"src\"\n\
    [[rule]]\nname = \"plain\"\nfilter = \"ip\"\nby = [\"src\", \"dport\"]\n\
    [[rule]]\nname = \"new\"\nfilter = \"udp port 7\"\nby = \"src\"\n";

/// What is known after all that was counted.
fn rows(generation: &mut Generation, session: &mut Session) -> (u64, Vec<u64>, Vec<OfRule>) {
    generation.take_lists(session, Duration::from_secs(1));
    let counts = session.counts().unwrap();
    let rules = generation.counts(&counts.rules).iter().map(|it| it.packets).collect();
    let span = Span { interval: Duration::from_secs(1), last: true };
    (counts.seen.packets, rules, generation.lists(&counts.rules, span))
}

/// Packets of the only key of a list, and what is beside it.
fn ledger(rows: &[OfRule], rule: usize, list: usize) -> [u64; 4] {
    let top = &rows[rule].top[list];
    let keys: Vec<u64> = top.keys.iter().map(|key| key.count.total.packets).collect();
    assert!(keys.len() <= 1, "{top:?}");
    [keys.iter().sum(), top.other, top.without, top.before]
}

/// Under a flood, links before the one that is refused get their old programs back, time and again: each
/// frame is seen once, and no rule or list that both have misses one.
#[test]
fn a_refused_link_gives_the_old_programs_back() {
    if !met(&[Requirement::Root, Requirement::Kernel(6, 6)]) {
        return;
    }
    for hook in ["tcx", "xdp-native", "xdp-generic"] {
        let pair = Pair::new().unwrap();
        let add = format!("link add {OTHER} type veth peer name {OTHER}p");
        pair.server.ip(&[add, format!("link set {OTHER} up")]).unwrap();
        let refused = || {
            refuse(&pair, hook);
            Ok(())
        };
        pair.server.enter(refused).unwrap();
    }
}

fn refuse(pair: &Pair, hook: &str) {
    let (before, after) = (config(hook, BEFORE), config(hook, AFTER));
    let hook = before.hook.on(before.direction, true);
    let present = Present::ask(&before.interfaces).unwrap();
    assert_eq!(present.interfaces.len(), 2);
    let mut generation = Generation::first(&before, &present).unwrap();
    let mut session = generation.load(&before, hook).unwrap();
    // The link of the flood first.
    let mut interfaces: Vec<&Interface> = present.interfaces.iter().map(|(_, it)| it).collect();
    interfaces.sort_by_key(|it| it.name == OTHER);
    for interface in interfaces {
        session.attach_one(interface, Direction::In).unwrap();
    }
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(7, 7).payload(b"flood").build();
    let (frames, pace) = (vec![frame; 64], Pace::default());
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let link = session.swap_link(1, File::open("/dev/null").unwrap().into());
    let received = pair.server.counters(SERVER_LINK).unwrap();
    let exchange = |generation: &mut Generation, session: &mut Session| {
        let counted = session.counts().unwrap().rules;
        let next = generation.next(&after, &present, &counted).unwrap();
        generation.exchange(next, session, &after, hook, Duration::from_secs(1))
    };
    let sent = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            pin_to_cpu(0).unwrap();
            sender.send_until(&frames, 1 << 40, None, &pace).unwrap().frames
        });
        for _ in 0..REFUSALS {
            let error = exchange(&mut generation, &mut session).unwrap_err().to_string();
            assert!(error.contains(OTHER), "{error}");
        }
        pace.stop();
        flood.join().unwrap()
    });
    pair.server.wait_for_received(SERVER_LINK, received, sent, Duration::from_secs(10)).unwrap();
    let (seen, rules, lists) = rows(&mut generation, &mut session);
    assert_eq!((seen, &rules[..]), (sent, &[sent, sent, sent][..]), "{hook}");
    assert_eq!(ledger(&lists, 0, 0), [sent, 0, 0, 0], "{hook}");
    assert_eq!(lists[0].distinct[0].since_start.estimate, 1, "{hook}");

    // The kernel takes it this time: the rules go on, and what is new begins.
    session.swap_link(1, link);
    exchange(&mut generation, &mut session).unwrap();
    let received = pair.server.counters(SERVER_LINK).unwrap();
    sender.send(&frames).unwrap();
    let more = frames.len() as u64;
    pair.server.wait_for_received(SERVER_LINK, received, more, Duration::from_secs(10)).unwrap();
    let (seen, rules, lists) = rows(&mut generation, &mut session);
    let all = sent + more;
    // listed, plain, new; listed by src, plain by src and by dport, new by src.
    assert_eq!((seen, rules), (all, vec![all, all, more, all, more, more, more]), "{hook}");
    assert_eq!(ledger(&lists, 0, 0), [all, 0, 0, 0], "{hook}");
    for (rule, list, before) in [(1, 0, sent), (1, 1, sent), (2, 0, 0)] {
        assert_eq!(ledger(&lists, rule, list), [more, 0, 0, before], "{hook}: {rule}, {list}");
    }
    println!("{hook}: {sent} frames, {REFUSALS} refusals");
}
