//! The lists of rules in a snapshot: the largest keys, and how many different ones there are.

use std::{iter, time::Duration};

use probe_common::{Counter, key::Seeds};
use probe_print::Names;
use probe_sketch::{Estimate, Row};

use super::snapshot::Count;
use crate::{
    kernel::Taken,
    keys::{self, Tally},
    names::{self, NameStyle},
    rules::{Rule, lists_of},
};

/// A rule's largest keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// What the rule's packets are counted by, as the user writes it.
    pub by: String,
    /// The largest key first.
    pub keys: Vec<KeyRow>,
    /// Packets with other keys.
    pub other: u64,
    /// Those of them that no table had a place for.
    pub refused: u64,
    /// The rule's packets without such a key.
    pub without: u64,
    /// What the rule had matched before the list began, as one that a reload adds does: packets that are
    /// with none of the above.
    pub before: u64,
}

/// One key of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRow {
    /// The key.
    pub key: String,
    /// What it is called, if that is known.
    pub name: Option<String>,
    /// Its packets and bytes.
    pub count: Count,
    /// There were at least so many packets.
    pub low: u64,
    /// There were at most so many packets.
    pub high: u64,
    /// Part of the rule's packets, from 0 to 1.
    pub share: f64,
}

impl KeyRow {
    /// Whether the count is exact.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }

    /// How far the truth may be from the count, in packets.
    pub fn uncertainty(&self) -> u64 {
        let packets = self.count.total.packets;
        self.high.saturating_sub(packets).max(packets.saturating_sub(self.low))
    }
}

/// How many different keys a rule's packets had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Different {
    /// What is counted, as the user writes it.
    pub by: String,
    /// Since the start.
    pub since_start: Estimate,
    /// In the interval; that of the last snapshot is the whole run.
    pub interval: Estimate,
    /// In the last minute.
    pub minute: Estimate,
    /// Packets whose key may be missing: of CPUs that came online later.
    pub missed: u64,
}

/// What the lists of all rules have counted so far.
pub struct Lists {
    /// In the order of the lists, and so of their counters, which are behind those of the rules.
    tallies: Vec<Tally>,
    rules: usize,
    names: Box<dyn Names + Send>,
}

/// The lists of one rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfRule {
    /// Largest keys.
    pub top: Vec<Top>,
    /// Different keys.
    pub distinct: Vec<Different>,
}

impl Lists {
    /// Of these rules, with keys that are hashed with these seeds.
    pub fn new(rules: &[Rule], seeds: Seeds, style: NameStyle) -> Self {
        let tallies: Vec<Tally> =
            lists_of(rules).map(|(_, list)| Tally::new(*list, seeds)).collect();
        // The files of names are read where there is something to name.
        let style = if tallies.is_empty() { NameStyle::Numbers } else { style };
        Self { tallies, rules: rules.len(), names: names::names(style, false) }
    }

    /// Goes on from lists of other rules: `same` has for each list the index that it has among those, if
    /// it is there.
    pub fn go_on_from(&mut self, others: Self, same: &[Option<usize>]) {
        let mut others: Vec<Option<Tally>> = others.tallies.into_iter().map(Some).collect();
        for (tally, same) in self.tallies.iter_mut().zip(same) {
            if let Some(other) = same.and_then(|same| others.get_mut(same)?.take()) {
                *tally = other.shown_as(tally.list());
            }
        }
    }

    /// For each list the packets of the keys that had most of them in the interval, the largest number
    /// first: of no more keys than it shows, and than `most`. None where none of the largest keys are asked
    /// for.
    pub fn in_interval(&self, most: usize) -> Vec<Vec<u64>> {
        let of = |tally: &Tally| match (tally.list().top, tally.top()) {
            (Some(shown), Some(totals)) => totals.largest_since(shown.min(most)),
            _ => Vec::new(),
        };
        self.tallies.iter().map(of).collect()
    }

    /// Adds what programs, or their twin, counted up to `now` since the start. `counter` is the number
    /// of the list's counter.
    pub fn add(&mut self, now: Duration, counter: usize, part: Taken<'_>) {
        let list = counter.checked_sub(self.rules).and_then(|list| self.tallies.get_mut(list));
        match (list, part) {
            (None, _) => {}
            (Some(tally), Taken::Top { table, refused, pins }) => {
                tally.add_table(now, &table, refused);
                pins.extend_from_slice(tally.pins());
            }
            (Some(tally), Taken::Distinct { registers, missed }) => {
                tally.add_registers(now, registers, missed);
            }
        }
    }

    /// What is added from now on belongs to another interval.
    pub fn begin_interval(&mut self) {
        self.tallies.iter_mut().for_each(Tally::begin_interval);
    }

    /// The lists of each rule, of which `counters` are the totals, its own and those of the lists.
    /// `before` has for each list what its rule had matched before it began; no more of them than are
    /// needed. Rates are those of the interval; of the whole run in the `last` snapshot.
    pub fn rows(
        &self,
        rules: &[Rule],
        counters: &[Counter],
        before: &[u64],
        span: Span,
    ) -> Vec<OfRule> {
        let keyed = counters.get(self.rules..).unwrap_or_default().iter();
        let before = before.iter().copied().chain(iter::repeat(0));
        let mut tallies = self.tallies.iter().zip(keyed.zip(before));
        let rows = rules.iter().zip(counters).map(|(rule, &matched)| {
            let mut of_rule = OfRule::default();
            for (tally, (&keyed, before)) in tallies.by_ref().take(rule.lists.len()) {
                let list = tally.list();
                if let Some(count) = list.top {
                    let matched = matched.packets.saturating_sub(before);
                    // While programs count, a list's counter may have been read a little later.
                    let keyed = keyed.packets.min(matched);
                    let counted = Counted { matched, keyed, before };
                    of_rule.top.push(self.top(tally, count, counted, span));
                }
                if list.distinct {
                    of_rule.distinct.push(different(tally, span));
                }
            }
            of_rule
        });
        rows.collect()
    }

    fn top(&self, tally: &Tally, count: usize, counted: Counted, span: Span) -> Top {
        let Counted { matched, keyed, before } = counted;
        let by = tally.list().key;
        let row = |row: Row| {
            let packets = row.counter.packets;
            let rates = if span.last { row.counter } else { row.since };
            KeyRow {
                key: keys::text(by, &row.key),
                name: keys::name(by, &row.key, &*self.names),
                count: Count {
                    total: row.counter,
                    ..Count::since(Counter::default(), rates, span.interval)
                },
                low: row.low,
                // No key has more packets than all of them. They were read after the tables.
                high: row.high.min(keyed).max(packets),
                share: if matched == 0 { 0.0 } else { packets as f64 / matched as f64 },
            }
        };
        let rows = tally.top().map(|totals| totals.top(count)).unwrap_or_default();
        let keys: Vec<KeyRow> = rows.into_iter().map(row).collect();
        let shown = keys.iter().map(|row| row.count.total.packets).sum();
        Top {
            by: by.to_string(),
            keys,
            other: keyed.saturating_sub(shown),
            refused: tally.top().map_or(0, |totals| totals.refused().packets),
            without: matched.saturating_sub(keyed),
            before,
        }
    }
}

/// Packets of a rule, as one of its lists has them.
#[derive(Clone, Copy)]
struct Counted {
    /// Since the list began.
    matched: u64,
    /// Those of them that have the key.
    keyed: u64,
    /// From before.
    before: u64,
}

/// The time that a snapshot is about.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Its interval.
    pub interval: Duration,
    /// Whether that is the whole run.
    pub last: bool,
}

fn different(tally: &Tally, span: Span) -> Different {
    let distinct = tally.distinct();
    let since_start = distinct.since_start();
    Different {
        by: tally.list().key.to_string(),
        since_start,
        interval: if span.last { since_start } else { distinct.in_interval() },
        minute: distinct.in_minute(),
        missed: tally.missed(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        net::{Ipv4Addr, Ipv6Addr},
    };

    use probe_frame::{Frame, LinkType, WallTime};
    use proptest::prelude::*;
    use testbed::requirements::{Requirement, met};

    use super::*;
    use crate::{
        kernel::{Direction, Hook},
        offline::Matcher,
        rules::{self, RuleSet},
        source::{Choice, Engine},
    };

    /// A frame of a test, by what its keys are.
    #[derive(Clone, Copy, Debug)]
    struct Made {
        /// Every second one is an IPv6 address; `None`: the frame is none of IP.
        source: Option<u16>,
        port: u16,
        payload: usize,
    }

    impl Made {
        fn address(self) -> Option<String> {
            let source = self.source?;
            Some(if source % 2 == 0 {
                Ipv4Addr::from_bits(0x0a00_0000 | u32::from(source)).to_string()
            } else {
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, source).to_string()
            })
        }

        fn bytes(self) -> Vec<u8> {
            let payload = vec![0; self.payload];
            let Some(source) = self.source else {
                return testbed::Frame::other(0x0806).payload(&payload).build();
            };
            let frame = if source % 2 == 0 {
                let own = Ipv4Addr::from_bits(0x0a00_0000 | u32::from(source));
                testbed::Frame::ipv4(own, testbed::SERVER_V4)
            } else {
                let own = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, source);
                testbed::Frame::ipv6(own, testbed::SERVER_V6)
            };
            frame.udp(7, self.port).payload(&payload).build()
        }
    }

    fn made() -> impl Strategy<Value = Made> {
        // Few sources send most.
        let source = prop_oneof![3 => (0..20u16).prop_map(Some), 2 => (0..3_000u16).prop_map(Some), 1 => Just(None)];
        (source, 0..5u16, 0..100usize).prop_map(|(source, port, payload)| Made {
            source,
            port,
            payload,
        })
    }

    fn count(matcher: &mut Matcher, made: Made) {
        let bytes = made.bytes();
        let wire_len = bytes.len() as u32;
        let (link, time) = (LinkType::Ethernet, WallTime::default());
        let frame = Frame { time, wire_len, bytes: &bytes, link, ifindex: 0, outbound: None };
        matcher.count(&frame).unwrap();
    }

    /// One rule, with these lists.
    fn rule_by(keys: &[&str]) -> RuleSet {
        let mut rule = Rule::new("match", "");
        let list = |key: &&str| keys::List {
            key: key.parse().unwrap(),
            top: Some(keys::MOST),
            distinct: true,
        };
        rule.lists = keys.iter().map(list).collect();
        RuleSet::compile(vec![rule], &rules::file_options(LinkType::Ethernet)).unwrap()
    }

    /// A source that comes often, though each time behind more others than a table holds, is pinned at the second
    /// taking, in the half that counts behind the third, and no frame of it is uncertain from then on.
    #[test]
    fn what_comes_often_is_counted_exactly_from_then_on() {
        const OFTEN: u64 = 500;
        let in_kernel = Engine::Kernel(Choice::Given(Hook::Tcx), Direction::In);
        for engine in [Engine::User, in_kernel] {
            if engine == in_kernel && !met(&[Requirement::Root]) {
                continue;
            }
            let set = rule_by(&["src"]);
            let mut matcher = Matcher::new(&set, engine, LinkType::Ethernet).unwrap();
            let mut lists = Lists::new(set.rules(), crate::kernel::seeds(), NameStyle::Numbers);
            let mut others = 1_000..;
            let mut rows = Vec::new();
            for second in 1..=8 {
                let of = |source| Made { source, port: 9, payload: 0 };
                for _ in 0..4_000 {
                    count(&mut matcher, of(others.next()));
                }
                for _ in 0..OFTEN {
                    count(&mut matcher, of(Some(7)));
                    count(&mut matcher, of(others.next()));
                }
                let now = Duration::from_secs(second);
                matcher.take_lists(&mut |counter, part| lists.add(now, counter, part));
                let counters = matcher.totals().unwrap();
                let span = Span { interval: Duration::from_secs(1), last: true };
                let top = lists.rows(set.rules(), &counters, &[], span).swap_remove(0).top;
                let often = of(Some(7)).address().unwrap();
                let row = top[0].keys.iter().find(|row| row.key == often).unwrap().clone();
                assert!((row.low..=row.high).contains(&(second * OFTEN)), "{engine:?}: {row:?}");
                rows.push((row.count.total.packets - row.low, row.high - row.count.total.packets));
            }
            // Before that each interval adds to what is uncertain.
            assert!(rows[0].1 > 0 && rows[1].1 > rows[0].1, "{engine:?}: {rows:?}");
            assert!(rows[4..].iter().all(|row| *row == rows[3]), "{engine:?}: {rows:?}");
        }
    }

    /// The lists of these keys after these frames, taken after each of the moments.
    fn counted(keys: &[&str], frames: &[Made], moments: &[usize]) -> (OfRule, Vec<Counter>) {
        let set = rule_by(keys);
        let mut matcher = Matcher::new(&set, Engine::User, LinkType::Ethernet).unwrap();
        let mut lists = Lists::new(set.rules(), crate::kernel::seeds(), NameStyle::Numbers);
        let mut take = |matcher: &mut Matcher, second: usize| {
            let now = Duration::from_secs(second as u64);
            matcher.take_lists(&mut |counter, part| lists.add(now, counter, part));
        };
        for (number, made) in frames.iter().enumerate() {
            count(&mut matcher, *made);
            if moments.contains(&number) {
                take(&mut matcher, number);
            }
        }
        take(&mut matcher, frames.len());
        let counters = matcher.totals().unwrap();
        for (tally, keyed) in lists.tallies.iter().zip(&counters[1..]) {
            let Some(top) = tally.top() else { continue };
            assert_eq!(top.kept() + top.dropped() + top.refused().packets, keyed.packets);
        }
        let span = Span { interval: Duration::from_secs(1), last: true };
        (lists.rows(set.rules(), &counters, &[], span).swap_remove(0), counters)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

        /// Beside exact counts, whatever comes and whenever it is taken: what is said to be exact is;
        /// every frame is with a key, with another one, or has none; and no other share is possible.
        #[test]
        fn lists_beside_exact_counts(
            frames in proptest::collection::vec(made(), 0..4_000),
            moments in proptest::collection::vec(0..4_000usize, 0..4),
        ) {
            let keys = ["src", "dport", "src,dport", "src/8,32"];
            let (lists, counters) = counted(&keys, &frames, &moments);
            prop_assert_eq!(counters[0].packets, frames.len() as u64);
            let network = |address: &String| {
                if address.contains(':') { "2001:db8::/32" } else { "10.0.0.0/8" }.to_owned()
            };
            for (top, by) in lists.top.iter().zip(keys) {
                let mut truth: BTreeMap<String, Counter> = BTreeMap::new();
                for made in &frames {
                    let Some(address) = made.address() else { continue };
                    let key = match by {
                        "src" => address,
                        "dport" => made.port.to_string(),
                        "src,dport" => format!("{address},{}", made.port),
                        _ => network(&address),
                    };
                    let bytes = made.bytes().len() as u64;
                    *truth.entry(key).or_default() += Counter { packets: 1, bytes };
                }
                prop_assert_eq!(&top.by, by);
                let keyed: u64 = truth.values().map(|counter| counter.packets).sum();
                prop_assert_eq!(top.without, frames.len() as u64 - keyed);
                let mut shown = 0;
                for row in &top.keys {
                    let true_count = truth[&row.key];
                    let total = row.count.total;
                    prop_assert!((row.low..=row.high).contains(&total.packets), "{row:?}");
                    if row.is_exact() {
                        prop_assert_eq!(total, true_count, "{}", by);
                    }
                    prop_assert_eq!(row.share, total.packets as f64 / frames.len() as f64);
                    shown += total.packets;
                }
                prop_assert_eq!(shown + top.other, keyed, "{}", by);
                prop_assert!(top.keys.is_sorted_by_key(|row| std::cmp::Reverse(row.count.total.packets)));
                // A handful of keys is never uncertain.
                if ["dport", "src/8,32"].contains(&by) {
                    prop_assert_eq!(top.keys.len(), truth.len());
                    prop_assert!(top.keys.iter().all(KeyRow::is_exact));
                }
            }
        }
    }
}
