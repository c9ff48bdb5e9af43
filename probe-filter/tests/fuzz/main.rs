//! The fuzz targets over their seeds and over random changes to them: bounded, the same
//! every time, and without a fuzzer. `PROBE_TEST_TIMES=n` changes n times as many.
//!
//! `PROBE_WRITE_SEEDS=1` writes the seeds into fuzz/corpus, for a fuzzer to start from.

use probe_filter::LinkType;
use probe_filter::testing::frames::{Rng, pool};
use test_support::expressions::{self, hand_written};
use test_support::fuzz::{self as targets, shown, times, write_seeds};

const MACROS: [&str; 14] = [
    "@syn",
    "@synack and ip",
    "@fin or @rst",
    "@http-request",
    "@get or @post",
    "@tls-hello",
    "@dns and not @ssh",
    "@smtp",
    "payload \"GET \"",
    "payload[4:2] > payload[0]",
    "udp and payload[2] & 0x80 = 0",
    "vlan and ip6 and @http-response",
    "@unreachable and port 80 or @rst",
    "not (@unreachable and @syn) and ip6",
];

fn texts() -> impl Iterator<Item = &'static str> {
    hand_written().chain(MACROS)
}

/// Inputs that look everywhere, to start from; the same every time.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let pools = [pool(LinkType::Ethernet, 21, 2_000), pool(LinkType::Raw, 22, 1_000)];
    match target {
        "expression" => texts().map(|text| text.as_bytes().to_vec()).collect(),
        "frame" => pools.into_iter().flatten().collect(),
        "classic" => (texts().enumerate())
            .flat_map(|(number, text)| {
                // Every filter in every setting over the years; a few frames for each.
                (0..4).map(move |more| (number * 4 + more, text))
            })
            .map(|(number, text)| {
                let settings = number as u8;
                let frames = &pools[usize::from(settings & 1)];
                targets::classic::input(settings, text, &frames[number * 7 % frames.len()])
            })
            .collect(),
        _ => unreachable!("no such target"),
    }
}

/// The seeds, written for a fuzzer where that is asked for.
fn seeds_of(target: &str) -> Vec<Vec<u8>> {
    let seeds = seeds(target);
    write_seeds(target, &seeds);
    seeds
}

/// A seed with parts left out, changed, repeated, or put in from another one.
fn changed(seeds: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = seeds[rng.below(seeds.len())].clone();
    for _ in 0..=rng.below(4) {
        let (at, length) = (rng.below(input.len() + 1), 1 + rng.below(8));
        let end = (at + length).min(input.len());
        match rng.below(6) {
            0 => drop(input.drain(at..end)),
            1 => input.truncate(at),
            2 => input[at..end].iter_mut().for_each(|byte| *byte = rng.next_u64() as u8),
            3 => input[at..end].iter_mut().for_each(|byte| *byte ^= 1 << rng.below(8)),
            4 => {
                let other = &seeds[rng.below(seeds.len())];
                let from = rng.below(other.len() + 1);
                let part = &other[from..(from + 4 * length).min(other.len())];
                input.splice(at..at, part.iter().copied());
            }
            _ => {
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
        }
    }
    input
}

#[test]
fn expressions() {
    let (seeds, mut rng) = (seeds_of("expression"), Rng::new(31));
    for seed in &seeds {
        shown(targets::expression::run, seed);
    }
    for _ in 0..30_000 * times() {
        shown(targets::expression::run, &changed(&seeds, &mut rng));
    }
    for _ in 0..10_000 * times() {
        shown(targets::expression::run, expressions::noise(&mut rng).as_bytes());
        shown(targets::expression::run, expressions::spoilt(&mut rng).as_bytes());
    }
}

#[test]
fn frames_through_the_evaluator() {
    let (seeds, mut rng) = (seeds_of("frame"), Rng::new(32));
    for seed in &seeds {
        shown(targets::frame::run, seed);
    }
    for _ in 0..100_000 * times() {
        shown(targets::frame::run, &changed(&seeds, &mut rng));
    }
}

#[test]
fn classic_bpf_says_what_the_evaluator_says() {
    let (seeds, mut rng) = (seeds_of("classic"), Rng::new(33));
    let (mut compared, mut matched) = (0, 0);
    let mut run = |input: &[u8]| {
        let verdict = shown(targets::classic::run, input);
        compared += usize::from(verdict.is_some());
        matched += usize::from(verdict == Some(true));
    };
    seeds.iter().for_each(|seed| run(seed));
    for _ in 0..60_000 * times() {
        run(&changed(&seeds, &mut rng));
    }
    let pools = [pool(LinkType::Ethernet, 23, 2_000), pool(LinkType::Raw, 24, 1_000)];
    for _ in 0..60_000 * times() {
        let settings = rng.next_u64() as u8;
        let frames = &pools[usize::from(settings & 1)];
        let text = if rng.one_in(4) {
            expressions::extended(&mut rng)
        } else {
            expressions::filter(&mut rng)
        };
        run(&targets::classic::input(settings, &text, &frames[rng.below(frames.len())]));
    }
    println!("{compared} compared, {matched} of them matches");
    assert!(compared > 50_000, "{compared} inputs were a filter and a frame");
    assert!(matched > 8_000, "{matched} matches");
}
