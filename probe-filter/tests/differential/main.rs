//! Filters held against libpcap: what it refuses is refused, and every frame gets the
//! same answer.
//!
//! `PROBE_FILTER_SEED` and `PROBE_FILTER_COUNT` set what is generated and how much.

#[path = "../common/frames.rs"]
mod frames;
mod generator;
mod oracle;
mod setting;

use frames::Rng;
use setting::{Live, Setting};

const HAND_WRITTEN: &str = include_str!("expressions.txt");

fn number_from(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn hand_written() -> impl Iterator<Item = &'static str> {
    HAND_WRITTEN.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

#[test]
fn hand_written_filters_agree() {
    let count = hand_written().count();
    assert!(count >= 1000, "{count} filters");
    let mut rng = Rng::new(1);
    for setting in Setting::all(Live::Wanted) {
        let mut tally = setting::Tally::default();
        for text in hand_written() {
            setting.check(text, 400, &mut rng, &mut tally);
        }
        println!("{}: {tally}", setting.name);
        assert!(tally.accepted > count / 4, "{}: {tally}", setting.name);
    }
}

#[test]
fn generated_filters_agree() {
    let seed = number_from("PROBE_FILTER_SEED", 2);
    let count = number_from("PROBE_FILTER_COUNT", 20_000) as usize;
    let mut rng = Rng::new(seed);
    let settings = Setting::all(Live::Wanted);
    let mut tallies = vec![setting::Tally::default(); settings.len()];
    for round in 0..count {
        let text = match round % 8 {
            0..=4 => generator::filter(&mut rng),
            5 | 6 => generator::spoilt(&mut rng),
            _ => generator::noise(&mut rng),
        };
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
