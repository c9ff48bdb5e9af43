//! The machine against the evaluator: lists of generated filters at once, on frames whole and
//! broken, with and without a tag beside them.

use crate::frames::{Rng, pool};
use crate::generator;
use probe_filter::ir::{Frame, LinkType, VlanTag, VlanView};
use probe_filter::{Filter, Machine, NoNames, Options, compile, eval};

/// As many filters that compile, some of them more than once.
fn filters(rng: &mut Rng, options: &Options<'_>, count: usize) -> Vec<Filter> {
    let mut filters = Vec::new();
    while filters.len() < count {
        let text = match rng.below(8) {
            0 => rng.pick(&["@syn", "@get and port 80", "@dns", "@tls-hello"]).to_owned(),
            1 => rng.pick(&["payload \"GET \"", "payload[2:2] & 1 = 0"]).to_owned(),
            _ => generator::filter(rng),
        };
        filters.extend(compile(&text, options));
    }
    filters
}

fn frame<'a>(rng: &mut Rng, bytes: &'a [u8]) -> Frame<'a> {
    let cut = if rng.one_in(4) { rng.below(bytes.len() + 1) } else { bytes.len() };
    let tag = VlanTag { tpid: rng.pick(&[0x8100, 0x88a8]), tci: rng.next() as u16 };
    Frame {
        bytes: &bytes[..cut],
        wire_len: bytes.len() as u32 + rng.below(100) as u32,
        vlan: rng.one_in(3).then_some(tag),
        outbound: rng.pick(&[None, Some(false), Some(true)]),
    }
}

#[test]
fn generated_filters_count_what_the_evaluator_says() {
    let times = std::env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok());
    let mut rng = Rng::new(41);
    let (mut compared, mut matched) = (0, 0);
    for link in [LinkType::Ethernet, LinkType::Raw] {
        let frames = pool(link, 42, 2_000);
        for round in 0..60 * times.unwrap_or(1) {
            let options = Options {
                link,
                vlan: if round % 2 == 0 { VlanView::AsFrame } else { VlanView::Live },
                netmask: Some(0xffff_ff00),
                direction: true,
                ifindex: Some(1),
                resolver: &NoNames,
            };
            let count = rng.pick(&[1, 2, 5, 30]);
            let filters = filters(&mut rng, &options, count);
            let mut machine = Machine::new(&filters.iter().map(Filter::graph).collect::<Vec<_>>());
            for _ in 0..300 {
                let bytes = &frames[rng.below(frames.len())];
                let frame = frame(&mut rng, bytes);
                let mut counted = vec![0; filters.len()];
                machine.run(&frame, |rule| counted[rule] += 1);
                for (filter, counted) in filters.iter().zip(counted) {
                    let expected = eval::matches(filter.graph(), &frame);
                    assert_eq!(counted, u32::from(expected), "{}, on {frame:02x?}", filter.text());
                    compared += 1;
                    matched += usize::from(expected);
                }
            }
        }
    }
    println!("{compared} compared, {matched} of them matches");
    assert!(matched > compared / 20 && matched < compared / 20 * 19, "{matched} of {compared}");
}
