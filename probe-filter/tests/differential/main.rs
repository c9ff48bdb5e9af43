//! Filters held against libpcap: what it refuses is refused, and every frame gets the
//! same answer.
//!
//! `PROBE_FILTER_SEED` and `PROBE_FILTER_COUNT` set what is generated and how much.

mod deliberate;
mod explained;
mod oracle;
mod setting;

use probe_filter::testing::frames::Rng;
use probe_filter::{LinkType, Options};
use test_support::expressions::{self, hand_written};
use test_support::extremes;

use oracle::Verdict;
use setting::Setting;

fn number_from(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn hand_written_filters_agree() {
    let count = hand_written().count();
    assert!(count >= 1000, "{count} filters");
    let mut rng = Rng::new(1);
    for setting in Setting::all() {
        let mut tally = setting::Tally::default();
        // All of them on each link type would take minutes; every third one does it.
        let step = if setting.is_file() { 3 } else { 1 };
        for text in hand_written().skip(rng.below(step)).step_by(step) {
            setting.check(text, 400, &mut rng, &mut tally);
        }
        println!("{}: {tally}", setting.name);
        assert!(tally.accepted > count / 4 / step, "{}: {tally}", setting.name);
    }
}

#[test]
fn generated_filters_agree() {
    let seed = number_from("PROBE_FILTER_SEED", 2);
    let count = number_from("PROBE_FILTER_COUNT", 20_000) as usize;
    let mut rng = Rng::new(seed);
    let settings = Setting::all();
    let mut tallies = vec![setting::Tally::default(); settings.len()];
    for round in 0..count {
        let text = match round % 8 {
            0..=4 => expressions::filter(&mut rng),
            5 | 6 => expressions::spoilt(&mut rng),
            _ => expressions::noise(&mut rng),
        };
        if expressions::has_byte_and_or(&text) {
            continue;
        }
        // Most on Ethernet as in a file, some in each of the other settings.
        let which = if round % 3 == 0 { (round / 3) % settings.len() } else { 0 };
        settings[which].check(&text, 160, &mut rng, &mut tallies[which]);
    }
    for (setting, tally) in settings.iter().zip(&tallies) {
        println!("{}: {tally}", setting.name);
    }
    let accepted: usize = tallies.iter().map(|tally| tally.accepted).sum();
    assert!(accepted > count / 4, "{accepted} of {count} accepted: the generator is of no use");
    let matched: usize = tallies.iter().map(|tally| tally.matched).sum();
    assert!(matched > count, "{matched} matches: the frames are of no use");
}

/// Each other link type has its own generated filters, 300 or more that both sides accept, each
/// over 2,000 frames.
#[test]
fn every_link_type_agrees() {
    let count = number_from("PROBE_FILTER_COUNT", 1_000) as usize;
    let mut rng = Rng::new(number_from("PROBE_FILTER_SEED", 5));
    for setting in Setting::files() {
        let mut tally = setting::Tally::default();
        for round in 0..count {
            let text = match round % 8 {
                0..=4 => expressions::filter(&mut rng),
                5 | 6 => expressions::spoilt(&mut rng),
                _ => expressions::noise(&mut rng),
            };
            if !expressions::has_byte_and_or(&text) {
                setting.check(&text, 2_000, &mut rng, &mut tally);
            }
        }
        println!("{}: {tally}", setting.name);
        assert!(tally.accepted >= 300 || count < 1_000, "{}: {tally}", setting.name);
        assert!(tally.matched > count, "{}: {tally}", setting.name);
    }
}

/// Constants near every power of two and at other edges, in every place that takes one, on
/// frames that make sums with them wrap.
#[test]
fn extreme_constants_agree() {
    let count = number_from("PROBE_FILTER_COUNT", 6_000) as usize;
    let mut rng = Rng::new(number_from("PROBE_FILTER_SEED", 4));
    let mut settings = Setting::all();
    for sample in settings.iter_mut().flat_map(|setting| setting.samples.iter_mut().step_by(2)) {
        extremes::spread(&mut rng, &mut sample.bytes);
        // Spread over a type, such a constant may say that there is one more tag.
        sample.wire_len = sample.wire_len.max(sample.bytes.len() as u32);
    }
    let mut tally = setting::Tally::default();
    for round in 0..count {
        let text = extremes::filter(&mut rng);
        settings[round % settings.len()].check(&text, 160, &mut rng, &mut tally);
    }
    println!("{tally}");
    assert!(tally.accepted > count / 2, "{tally}: the generator is of no use");
    assert!(tally.matched > count, "{tally}: the frames are of no use");
}

/// The captures in the folder that `PROBE_CAPTURES` names, tcpdump's own tests for one.
#[test]
fn captured_frames_agree() {
    let Some(folder) = std::env::var_os("PROBE_CAPTURES") else {
        assert!(!setting::is_required(), "PROBE_CAPTURES names no folder of captures");
        setting::skipped("no captures: PROBE_CAPTURES names no folder");
        return;
    };
    // What needs to be looked up, or is refused, does not depend on frames.
    let options = Options::default().netmask(0).direction(true);
    let texts: Vec<&str> =
        hand_written().filter(|text| probe_filter::compile(text, &options).is_ok()).collect();
    let mut rng = Rng::new(4);
    let (mut files, mut tally) = (0, setting::Tally::default());
    for entry in std::fs::read_dir(&folder).expect("PROBE_CAPTURES is a folder") {
        let Some(setting) = Setting::of_capture(&entry.expect("readable").path()) else { continue };
        if setting.samples.is_empty() {
            continue;
        }
        files += 1;
        for text in texts.iter().skip(files % 4).step_by(4) {
            setting.check(text, setting.samples.len().min(200), &mut rng, &mut tally);
        }
    }
    println!("{files} captures: {tally}");
    assert!(files > 0, "no capture of Ethernet or raw IP in {folder:?}");
}

/// The oracle runs libpcap's programs by itself. Where libpcap's own interpreter can run
/// them too, both say the same.
#[test]
fn the_oracle_agrees_with_libpcaps_interpreter() {
    let mut rng = Rng::new(3);
    let mut compared = 0;
    for link in [LinkType::Ethernet, LinkType::Raw] {
        let setting = Setting::dead(link);
        for text in hand_written() {
            let Some((program, theirs)) = setting.plain_program(text) else { continue };
            for _ in 0..40 {
                let mut sample = setting.samples[rng.below(setting.samples.len())].clone();
                sample.wire_len = sample.bytes.len() as u32;
                let verdict = program.run(&sample.frame());
                let expected = theirs.filter(&sample.bytes);
                assert_eq!(verdict == Verdict::Match, expected, "{text}, {sample:02x?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 40_000, "{compared} compared");
}

/// A comparison that cannot fail proves nothing: filters that differ are told apart.
#[test]
fn differences_are_noticed() {
    let setting = Setting::dead(LinkType::Ethernet);
    for (ours, theirs) in [
        ("tcp", "udp"),
        ("port 80", "tcp port 80"),
        ("ip[0] & 0xf > 5", "ip[0] & 0xf > 6"),
        ("vlan and ip", "ip and vlan"),
        ("not (tcp[13] = 2)", "tcp[13] != 2"),
        ("protochain 17", "proto 17"),
        ("geneve and tcp", "geneve"),
    ] {
        let ours = setting.ours(ours).unwrap();
        let program = setting.theirs(theirs).unwrap();
        let differ = setting.samples.iter().any(|sample| {
            (program.run(&sample.frame()) == Verdict::Match) != ours.matches(&sample.frame())
        });
        assert!(differ, "{} and {theirs}", ours.text());
    }
}
