//! Random numbers, graphs and frames. Deterministic: a seed names a case.

use crate::KEY_WORDS;
use crate::ir::{
    Alu, ChainKind, Compare, Graph, Meta, Node, Target, Test, Value, ValueId, Var, Width,
};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        (self.next_u64() % u64::from(bound)) as u32
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
}

/// A graph of up to `size` nodes over any values at all.
pub fn graph(random: &mut Random, size: u32) -> Graph {
    let mut graph = Graph::new();
    let vars: Vec<Var> = (0..random.pick(&[0, 0, 1, 2, 16])).map(|_| graph.var()).collect();
    let pool: Vec<ValueId> = (0..3).map(|_| value(random, &mut graph, &vars, 2)).collect();
    // Behind matches, as whole connections are sampled.
    if !vars.is_empty() && random.chance(30) {
        let entry = nodes(random, &mut graph, &vars, &pool, size);
        let hash = random.pick(&vars);
        graph.set_flow(entry, hash);
    }
    let entry = nodes(random, &mut graph, &vars, &pool, size);
    graph.set_entry(entry);
    if !vars.is_empty() && random.chance(50) {
        let words = (0..KEY_WORDS).map(|_| random.pick(&vars)).collect();
        graph.set_key(words);
        graph.set_key_len(KEY_WORDS);
    }
    graph
}

/// Up to so many nodes, which lead to each other, and where they are entered.
fn nodes(
    random: &mut Random,
    graph: &mut Graph,
    vars: &[Var],
    pool: &[ValueId],
    size: u32,
) -> Target {
    let mut targets = vec![Target::Match, Target::NoMatch];
    for _ in 0..=random.below(size) {
        let sets = if !vars.is_empty() && random.chance(30) {
            let value = value(random, graph, vars, 1);
            vec![(random.pick(vars), value)]
        } else {
            Vec::new()
        };
        let test = if random.chance(4) {
            let kind = random.pick(&[ChainKind::Ipv4, ChainKind::Ipv6]);
            let network_base = random.chance(30).then(|| value(random, graph, vars, 1));
            let protocol = random.pick(&[6, 17, 58, 59, 51, 44, 0]);
            // Behind a tag: a chain that begins inside of one is what no expression asks for.
            Test::Chain { kind, network_base, network: random.pick(&[16, 18, 22]), protocol }
        } else {
            let compare = random.pick(&[
                Compare::Eq,
                Compare::Eq,
                Compare::Eq,
                Compare::Gt,
                Compare::Ge,
                Compare::Set,
            ]);
            let left =
                if random.chance(60) { random.pick(pool) } else { value(random, graph, vars, 3) };
            let right = if random.chance(85) {
                constant(random, graph)
            } else {
                value(random, graph, vars, 2)
            };
            Test::Compare(compare, left, right)
        };
        // Mostly the newest nodes, so that graphs are deep rather than flat.
        let recent = |random: &mut Random| {
            if random.chance(50) { targets[targets.len() - 1] } else { random.pick(&targets) }
        };
        let (yes, no) = (recent(random), recent(random));
        let target = graph.node(Node { sets, test, yes, no });
        targets.push(target);
    }
    targets[targets.len() - 1]
}

fn constant(random: &mut Random, graph: &mut Graph) -> ValueId {
    let constant = match random.below(4) {
        0 => random.pick(&[0x800, 0x86dd, 0x806, 0x8100, 0x88a8]),
        1 => random.pick(&[0, 1, 6, 17, 80, 443, 53, 0x1fff, 0xff]),
        2 => random.below(256),
        _ => random.pick(&[0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0x0a00_0001]),
    };
    graph.value(Value::Const(constant))
}

fn value(random: &mut Random, graph: &mut Graph, vars: &[Var], depth: u32) -> ValueId {
    let leaf = depth == 0;
    let value = match random.below(if leaf { 8 } else { 14 }) {
        0 => return constant(random, graph),
        1 => Value::Meta(random.pick(&[
            Meta::WireLength,
            Meta::WireLength,
            Meta::VlanPresent,
            Meta::VlanTci,
            Meta::VlanTpid,
            Meta::Outbound,
        ])),
        2 if !vars.is_empty() => Value::Var(random.pick(vars)),
        2..=7 => {
            let width = random.pick(&[Width::Byte, Width::Half, Width::Word]);
            let displacement = match random.below(10) {
                0..=4 => random
                    .pick(&[0, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 22, 23, 26, 30, 34, 36]),
                5..=7 => random.below(80),
                8 => random.below(2000),
                _ => random.pick(&[0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, u32::MAX]),
            };
            Value::Load { width, base: None, displacement }
        }
        8..=10 => {
            let width = random.pick(&[Width::Byte, Width::Half, Width::Word]);
            let base = match random.below(3) {
                // The header length of IPv4, as every filter on ports has it.
                0 => {
                    let load = Value::Load { width: Width::Byte, base: None, displacement: 14 };
                    let byte = graph.value(load);
                    let mask = graph.value(Value::Const(0xf));
                    let low = graph.value(Value::Alu(Alu::And, byte, mask));
                    let two = graph.value(Value::Const(2));
                    graph.value(Value::Alu(Alu::Shl, low, two))
                }
                _ => value(random, graph, vars, depth - 1),
            };
            let displacement = random.pick(&[0, 0, 2, 5, 12, 14, 16, 20, 27, 34, u32::MAX]);
            Value::Load { width, base: Some(base), displacement }
        }
        11 => Value::Neg(value(random, graph, vars, depth - 1)),
        _ => {
            let op = random.pick(&[
                Alu::Add,
                Alu::Sub,
                Alu::Mul,
                Alu::Div,
                Alu::Mod,
                Alu::And,
                Alu::Or,
                Alu::Xor,
                Alu::Shl,
                Alu::Shr,
                Alu::And,
                Alu::And,
                Alu::Add,
            ]);
            let left = value(random, graph, vars, depth - 1);
            let right = if random.chance(60) {
                let small =
                    random.pick(&[0, 1, 2, 4, 8, 0xf, 0xf0, 0xff, 31, 32, 0x1fff, u32::MAX]);
                graph.value(Value::Const(small))
            } else {
                value(random, graph, vars, depth - 1)
            };
            Value::Alu(op, left, right)
        }
    };
    graph.value(value)
}

/// A frame: an Ethernet header of a plausible type, then plausible or random bytes,
/// 14 bytes at least (the kernel's test runs take no less).
pub fn frame(random: &mut Random, max: u32) -> Vec<u8> {
    let length = match random.below(4) {
        0 => 14 + random.below(60),
        1 => 54 + random.below(40),
        2 => 60,
        _ => 14 + random.below(max - 14),
    };
    let mut bytes: Vec<u8> = (0..length)
        .map(|_| {
            if random.chance(50) {
                random.below(256) as u8
            } else {
                random.pick(&[0, 1, 6, 17, 51, 44, 0x45])
            }
        })
        .collect();
    let ethertype: u16 = random.pick(&[0x800, 0x800, 0x86dd, 0x806, 0x8100, 0x88a8]);
    bytes[12..14].copy_from_slice(&ethertype.to_be_bytes());
    if ethertype == 0x800 && length > 23 {
        bytes[14] = random.pick(&[0x45, 0x45, 0x46, 0x4f, 0x40]);
        bytes[23] = random.pick(&[6, 17, 51]);
    }
    if ethertype == 0x86dd && length > 20 {
        bytes[20] = random.pick(&[6, 17, 0, 43, 44, 60, 51]);
    }
    bytes
}
