//! The machine against the evaluator: lists of generated filters at once, on frames whole and
//! broken, with and without a tag beside them.

use probe_filter::ir::{Frame, LinkType, VlanTag, VlanView};
use probe_filter::testing::frames::{Rng, pool};
use probe_filter::{Filter, Machine, Options, compile, eval};
use test_support::expressions::{self, pieces};
use test_support::shrink;

/// As many filters that compile, some of them more than once.
fn filters(rng: &mut Rng, options: &Options<'_>, count: usize) -> Vec<Filter> {
    let mut filters = Vec::new();
    while filters.len() < count {
        let text = match rng.below(8) {
            0..=2 => expressions::extended(rng),
            _ => expressions::filter(rng),
        };
        filters.extend(compile(&text, options));
    }
    filters
}

fn frame<'a>(rng: &mut Rng, bytes: &'a [u8]) -> Frame<'a> {
    let cut = if rng.one_in(4) { rng.below(bytes.len() + 1) } else { bytes.len() };
    let tag = VlanTag { tpid: rng.pick(&[0x8100, 0x88a8]), tci: rng.next_u64() as u16 };
    Frame {
        bytes: &bytes[..cut],
        wire_len: bytes.len() as u32 + rng.below(100) as u32,
        vlan: rng.one_in(3).then_some(tag),
        outbound: rng.pick(&[None, Some(false), Some(true)]),
    }
}

/// How often the machine counts each filter, and how often it should.
fn counts(machine: &mut Machine, filters: &[Filter], frame: &Frame<'_>) -> Vec<(u32, u32)> {
    let mut counted = vec![0; filters.len()];
    machine.run(frame, |rule| counted[rule] += 1);
    let expected = filters.iter().map(|one| u32::from(eval::matches(one.graph(), frame)));
    counted.into_iter().zip(expected).collect()
}

/// Panics with the smallest that differs.
fn report(filters: &[Filter], options: &Options<'_>, frame: &Frame<'_>) -> ! {
    let compiled = |texts: &[String]| -> Option<Vec<Filter>> {
        texts.iter().map(|text| compile(text, options).ok()).collect()
    };
    let verdicts = |texts: &[String], frame: &Frame<'_>| {
        let filters = compiled(texts)?;
        let graphs: Vec<_> = filters.iter().map(Filter::graph).collect();
        Some(counts(&mut Machine::new(&graphs), &filters, frame))
    };
    let differs = |texts: &[String], frame: &Frame<'_>| {
        let verdicts = verdicts(texts, frame).unwrap_or_default();
        verdicts.into_iter().any(|(counted, expected)| counted != expected)
    };
    let texts: Vec<String> = filters.iter().map(|filter| filter.text().to_owned()).collect();
    let mut texts = shrink::list(&texts, |texts| differs(texts, frame));
    for place in 0..texts.len() {
        let with = |text: &str| {
            let mut texts = texts.clone();
            texts[place] = text.to_owned();
            texts
        };
        let shorter = shrink::text(&texts[place], pieces, |text| differs(&with(text), frame));
        texts = with(&shorter);
    }
    let bytes = shrink::bytes(frame.bytes, 0, |bytes| differs(&texts, &Frame { bytes, ..*frame }));
    let frame = Frame { bytes: &bytes, ..*frame };
    panic!(
        "{texts:#?} differ on {frame:02x?}\n(machine, evaluator): {:?}",
        verdicts(&texts, &frame)
    );
}

#[test]
fn generated_filters_count_what_the_evaluator_says() {
    let times = std::env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok());
    let mut rng = Rng::new(41);
    let (mut compared, mut matched) = (0, 0);
    for link in LinkType::ALL {
        let frames = pool(link, 42, 2_000);
        for round in 0..60 * times.unwrap_or(1) {
            let options = Options::default()
                .link(link)
                .vlan(if round % 2 == 0 { VlanView::AsFrame } else { VlanView::Live })
                .netmask(0xffff_ff00)
                .direction(true)
                .ifindex(1);
            let count = rng.pick(&[1, 2, 5, 30]);
            let filters = filters(&mut rng, &options, count);
            let mut machine = Machine::new(&filters.iter().map(Filter::graph).collect::<Vec<_>>());
            for _ in 0..300 {
                let bytes = &frames[rng.below(frames.len())];
                let frame = frame(&mut rng, bytes);
                for (counted, expected) in counts(&mut machine, &filters, &frame) {
                    if counted != expected {
                        report(&filters, &options, &frame);
                    }
                    compared += 1;
                    matched += expected as usize;
                }
            }
        }
    }
    println!("{compared} compared, {matched} of them matches");
    assert!(matched > compared / 20 && matched < compared / 20 * 19, "{matched} of {compared}");
}
