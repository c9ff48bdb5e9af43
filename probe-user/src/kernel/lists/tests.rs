//! What programs in the kernel count by keys, run on frames handed in, beside their twins in user
//! space: the same seeds and random numbers give the same tables, bit by bit. So what
//! `probe-sketch/tests/streams` shows of the twins holds for the kernel, too.

use std::{collections::BTreeMap, sync::Barrier, thread};

use aya::programs::{TestRun as _, TestRunOptions};
use probe_common::{
    distinct::{grown, register_of},
    key::Key,
    top::TopLayout,
};
use probe_filter::{Filter, Options, compile_keyed, ir::LinkType};
use probe_sketch::{Distinct, Table, Totals};
use testbed::{
    pin_to_cpu,
    requirements::{Requirement, met},
};

use super::*;
use crate::kernel::{Hook, TestRun};

const BOTH: Lists = Lists { top: true, distinct: true };
const TOP: Lists = Lists { top: true, distinct: false };
const DISTINCT: Lists = Lists { top: false, distinct: true };

fn filter(key: &str) -> Filter {
    compile_keyed("udp", key.parse().unwrap(), &Options::default()).unwrap()
}

fn specs<'a>(filters: &'a [Filter], lists: &[Lists]) -> Vec<RuleSpec<'a>> {
    let spec = |(filter, &lists): (&'a Filter, &Lists)| RuleSpec {
        graph: filter.graph(),
        sampler: None,
        lists,
    };
    filters.iter().zip(lists).map(spec).collect()
}

/// UDP from a source to port `port`: over IPv4, or over IPv6 where the source is odd.
fn frame(source: u32, port: u8) -> Vec<u8> {
    let mut frame = vec![2; 12];
    let source_address = source.to_be_bytes();
    if source & 1 == 0 {
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend(source_address);
        frame.extend([198, 51, 100, 9]);
    } else {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64]);
        frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        frame.extend(source_address);
        frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    }
    frame.extend([0, 53, 0, port, 0, 8, 0, 0]);
    frame
}

/// The key `src` of such a frame.
fn key(source: u32) -> Key {
    match source & 1 {
        0 => Key([0, 0, 0xffff, source, 0]),
        _ => Key([0x2001_0db8, 0, 0, source, 0]),
    }
}

/// Sources of which the low ones come often: random numbers of SplitMix64 (Steele, Lea and Flood,
/// 2014), squared.
fn sources(seed: u64, count: usize) -> impl Iterator<Item = u32> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        (share.powi(4) * 100_000.0) as u32
    })
    .take(count)
}

#[test]
fn lists_of_a_kind_lie_side_by_side() {
    let filters = ["src", "dst", "sport", "dport", "proto"].map(filter);
    let none = Lists::default();
    let rules = specs(&filters, &[DISTINCT, BOTH, none, TOP, BOTH]);
    let order = Order::of(&rules).unwrap();
    assert_eq!((order.tops(), order.distinct()), (&[3, 1, 4][..], &[1, 4, 0][..]));
    let places: Vec<Option<u8>> = (0..rules.len()).map(|rule| order.place(rule)).collect();
    assert_eq!(places, [Some(3), Some(1), None, Some(0), Some(2)]);
    assert_eq!((order.len(), order.first_distinct()), (4, 1));
    let alone = |lists| {
        let order = Order::of(&specs(&filters, &[lists; 5])).unwrap();
        (order.tops().len(), order.distinct().len())
    };
    assert_eq!([alone(TOP), alone(DISTINCT), alone(BOTH)], [(5, 0), (0, 5), (5, 5)]);
    assert!(!order.has_long_keys());
    let long = [filter("src"), filter("src,dport")];
    assert!(Order::of(&specs(&long, &[TOP, DISTINCT])).unwrap().has_long_keys());
    let many = vec![rules[0]; MAX_KEYED + 1];
    assert!(matches!(Order::of(&many), Err(Error::TooManyLists(65))));
    assert!(Order::of(&many[1..]).is_ok());
}

/// What the keys of a rule counted, exactly, and how many there were.
#[derive(Debug, Default, PartialEq)]
struct Exact {
    keys: BTreeMap<Key, Counter>,
    registers: Distinct,
}

#[test]
fn programs_count_by_keys_from_one_taking_to_the_next() {
    if !met(&[Requirement::Root]) {
        return;
    }
    let filters = ["src", "dport", "src", "proto"].map(filter);
    let kinds = [BOTH, TOP, DISTINCT, Lists::default()];
    for hook in [Hook::Tcx, Hook::Xdp] {
        let mut run = TestRun::new(&specs(&filters, &kinds), hook, LinkType::Ethernet).unwrap();
        for turn in 0..4u32 {
            let mut expected: [Exact; 4] = Default::default();
            for n in 0..50 {
                let (source, port) = (n % 7, (n % 3 + turn) as u8);
                run.run(&frame(source, port), 100 + n).unwrap();
                let port = Key([port.into(), 0, 0, 0, 0]);
                let counter = Counter { packets: 1, bytes: (100 + n).into() };
                for (rule, key) in [key(source), port, key(source)].into_iter().enumerate() {
                    if kinds[rule].top {
                        *expected[rule].keys.entry(key).or_default() += counter;
                    }
                    if kinds[rule].distinct {
                        expected[rule].registers.add(seeds().hash(&key));
                    }
                }
            }
            let mut found: [Exact; 4] = Default::default();
            run.take_lists(&mut |rule, taken| match taken {
                Taken::Top { table, refused, .. } => {
                    assert_eq!(refused, Counter::default());
                    let entries = table.sets.iter().flat_map(|set| set.entries());
                    for (entry, admission) in entries.zip(table.admissions.as_flattened()) {
                        let Some(counter) = entry.counter() else { continue };
                        assert_eq!(admission.error, 0);
                        *found[rule].keys.entry(admission.key).or_default() += counter;
                    }
                }
                Taken::Distinct { registers, missed } => {
                    assert_eq!(missed, 0);
                    found[rule].registers.merge(registers);
                }
            });
            assert_eq!(found, expected, "{hook}, turn {turn}");
        }
        let counts = run.counts().unwrap().rules;
        assert_eq!(counts.iter().map(|rule| rule.packets).collect::<Vec<_>>(), [200; 4]);
    }
}

/// Refusals, admissions and their errors are the twin's: tables that are far too small for the keys.
#[test]
fn a_table_is_its_twin_bit_by_bit() {
    if !met(&[Requirement::Root]) {
        return;
    }
    let filters = [filter("src")];
    for (hook, cpu) in [(Hook::Tcx, 0), (Hook::Xdp, 1)] {
        thread::scope(|scope| scope.spawn(|| as_its_twin(&filters, hook, cpu)).join()).unwrap();
    }
}

fn as_its_twin(filters: &[Filter], hook: Hook, cpu: usize) {
    pin_to_cpu(cpu).unwrap();
    let mut run = TestRun::new(&specs(filters, &[BOTH]), hook, LinkType::Ethernet).unwrap();
    let sets = TopLayout::LARGEST.sets() as usize;
    let random = run.lists().tops.as_ref().unwrap().random(0, cpu);
    let mut twin = Table::new(sets, seeds(), random);
    let mut totals = Totals::new(seeds(), 1_000);
    let mut waiting = Vec::new();
    for turn in 0..5 {
        let mut registers = Distinct::default();
        for source in sources(turn, 40_000) {
            let len = 60 + source % 7 * 200;
            run.run(&frame(source, 9), len).unwrap();
            twin.count(key(source), len);
            registers.add(seeds().hash(&key(source)));
        }
        let (mut cpus, mut pinned) = (0, Vec::new());
        run.take_lists(&mut |_, taken| match taken {
            Taken::Top { table, refused, pins } if cpus == cpu => {
                cpus += 1;
                assert!(refused.packets > 10_000, "{refused:?}");
                assert_eq!(refused, twin.refused());
                assert_eq!(table.sets, twin.view().sets);
                assert_eq!(table.admissions, twin.view().admissions);
                totals.add(&table, refused);
                pinned = totals.pins();
                assert!(pinned.len() > 100, "{}", pinned.len());
                pins.extend_from_slice(&pinned);
            }
            Taken::Top { table, refused, .. } => {
                cpus += 1;
                assert_eq!(refused, Counter::default());
                assert!(table.sets.iter().all(|set| *set == Default::default()));
            }
            Taken::Distinct { registers: found, missed } => {
                assert_eq!((found, missed), (registers.registers(), 0));
            }
        });
        // What was taken counts again after the other half.
        twin.clear();
        twin.pin(&waiting);
        waiting = pinned;
    }
}

/// A CPU that came online after the start has no tables: its frames are with none of the keys, and those whose keys may
/// be missing among the different ones are counted.
#[test]
fn frames_of_a_cpu_without_tables_are_told() {
    if !met(&[Requirement::Root]) {
        return;
    }
    let filters = ["src", "dport"].map(filter);
    for hook in [Hook::Tcx, Hook::Xdp] {
        thread::scope(|scope| {
            scope.spawn(|| {
                let rules = specs(&filters, &[BOTH, DISTINCT]);
                let mut run = TestRun::with_lists_on(1, &rules, hook, LinkType::Ethernet).unwrap();
                for (cpu, tables) in [(1, false), (0, true)] {
                    pin_to_cpu(cpu).unwrap();
                    (0..30).for_each(|source| run.run(&frame(source, 9), 60).unwrap());
                    run.take_lists(&mut |rule, taken| match taken {
                        Taken::Top { table, refused, .. } => {
                            let entries = table.sets.iter().flat_map(|set| set.entries());
                            let counters = entries.filter_map(|entry| entry.counter());
                            let packets: u64 = counters.map(|counter| counter.packets).sum();
                            assert_eq!((packets, refused.packets), (30 * u64::from(tables), 0));
                        }
                        Taken::Distinct { registers, missed } => {
                            let filled = registers.iter().any(|register| *register != 0);
                            assert_eq!(filled, tables, "rule {rule}");
                            assert_eq!(missed, 30 * u64::from(!tables), "rule {rule}");
                        }
                    });
                }
                let counts = run.counts().unwrap().rules;
                assert!(counts.iter().all(|rule| rule.packets == 60), "{counts:?}");
            });
        });
    }
}

/// For each of the first registers two frames whose keys let it grow, to another value each; and the registers
/// behind all of them.
fn frames_of_registers(registers: usize) -> (Vec<[Vec<u8>; 2]>, Distinct) {
    let mut sources = vec![Vec::new(); registers];
    for source in 0..1_000_000 {
        let hash = seeds().hash(&key(source));
        let Some(sources) = sources.get_mut(register_of(hash)) else { continue };
        let rank = grown(0, hash);
        if sources.len() < 2 && sources.iter().all(|(_, other)| *other != rank) {
            sources.push((source, rank));
        }
    }
    let mut grown = Distinct::default();
    let mut frames = |sources: Vec<(u32, u8)>| {
        // Of some thirty keys of a register all have one rank in fewer than one of 10^6 starts.
        <[_; 2]>::try_from(sources).unwrap().map(|(source, _)| {
            grown.add(seeds().hash(&key(source)));
            frame(source, 9)
        })
    };
    (sources.into_iter().map(&mut frames).collect(), grown)
}

/// CPUs let the same registers grow at once, one CPU as far as one key does, the next one as far as another
/// does: the larger one stays. Where the CPUs share their registers, 5 to 51 of 1,000 rounds lose one (2 CPUs).
#[test]
fn cpus_that_race_lose_no_key() {
    if !met(&[Requirement::Root]) {
        return;
    }
    const REGISTERS: usize = 512;
    const ROUNDS: usize = 1_000;
    let cpus = thread::available_parallelism().unwrap().get();
    let filters = [filter("src")];
    let rules = specs(&filters, &[DISTINCT]);
    let mut run = TestRun::new(&rules, Hook::Tcx, LinkType::Ethernet).unwrap();
    let (frames, expected) = frames_of_registers(REGISTERS);
    let mut lost = 0;
    let (program, lists) = run.parts();
    let barrier = Barrier::new(cpus + 1);
    let send = |cpu: usize| {
        pin_to_cpu(cpu).unwrap();
        for _ in 0..ROUNDS {
            barrier.wait();
            for both in &frames {
                let frame = Some(both[cpu % 2].as_slice());
                let options = TestRunOptions { data_in: frame, ..TestRunOptions::new() };
                program.test_run(options).unwrap();
            }
            barrier.wait();
        }
    };
    thread::scope(|scope| {
        let send = &send;
        for cpu in 0..cpus {
            scope.spawn(move || send(cpu));
        }
        for _ in 0..ROUNDS {
            barrier.wait();
            barrier.wait();
            ListMaps::take(&mut [&mut *lists], &mut |_, taken| {
                let Taken::Distinct { registers, missed } = taken else { unreachable!() };
                lost += usize::from((registers, missed) != (expected.registers(), 0));
            });
        }
    });
    assert_eq!(lost, 0, "of {ROUNDS} rounds");
}

/// User space takes the lists while all CPUs count the same keys: each frame is in what was taken, in an
/// entry or refused, and each key.
#[test]
fn nothing_is_counted_less_while_lists_are_taken() {
    if !met(&[Requirement::Root]) {
        return;
    }
    const KEYS: u32 = 100_000;
    let cpus = thread::available_parallelism().unwrap().get();
    let filters = [filter("src")];
    let rules = specs(&filters, &[BOTH]);
    let mut run = TestRun::new(&rules, Hook::Tcx, LinkType::Ethernet).unwrap();
    let (mut keys, mut expected) = (Distinct::default(), Distinct::default());
    (0..KEYS).for_each(|source| expected.add(seeds().hash(&key(source))));
    let (mut counted, mut refused_frames, mut missed_frames) = (0, 0, 0);
    let (program, lists) = run.parts();
    let mut take = |lists: &mut ListMaps| {
        ListMaps::take(&mut [lists], &mut |_, taken| match taken {
            Taken::Top { table, refused, .. } => {
                let entries = table.sets.iter().flat_map(|set| set.entries());
                counted += entries.filter_map(|it| it.counter()).map(|it| it.packets).sum::<u64>();
                refused_frames += refused.packets;
            }
            Taken::Distinct { registers, missed } => {
                keys.merge(registers);
                missed_frames += missed;
            }
        });
    };
    let send = |cpu: usize| {
        pin_to_cpu(cpu).unwrap();
        for source in 0..KEYS {
            let frame = frame(source, 9);
            let options = TestRunOptions { data_in: Some(&frame), ..TestRunOptions::new() };
            program.test_run(options).unwrap();
        }
    };
    let mut takings = 0;
    thread::scope(|scope| {
        let send = &send;
        let senders: Vec<_> = (0..cpus).map(|cpu| scope.spawn(move || send(cpu))).collect();
        while senders.iter().any(|sender| !sender.is_finished()) {
            take(lists);
            takings += 1;
        }
    });
    take(lists);
    assert!(takings > 3, "{takings}");
    assert_eq!(counted + refused_frames, u64::from(KEYS) * cpus as u64);
    assert!(counted > 0 && refused_frames > 0, "{counted}, {refused_frames}");
    assert_eq!(missed_frames, 0);
    assert_eq!(keys, expected);
}
