//! A list of graphs as a program in the kernel: a small main program calls the
//! generated function, as probe's own programs do.

use std::os::fd::AsRawFd;

use probe_filter::KEY_WORDS;
use probe_filter::ebpf::{self, Flavour, Kernel, Program, Rule, StateLayout, Target};
use probe_filter::ir::{Graph, LinkType, VlanTag, VlanView};
use test_support::bpf::{Kind, Map, Prog};
use testbed::requirements::kernel_version;

const PENDING: usize = 0;
const META: usize = 8;
/// VLAN tag that the main program puts into the skb's metadata: TPID << 16 | TCI.
const TAG: usize = 16;
const KEYED: usize = 24;
const SCRATCH: usize = 32;
const SCRATCH_WORDS: usize = 32;
const KEYS: usize = SCRATCH + 8 * SCRATCH_WORDS;
const KEYS_LEN: usize = 64;
const FLOWS: usize = KEYS + 4 * KEY_WORDS * KEYS_LEN;
const RULES: usize = FLOWS + 4 * 64;
const COUNTER: usize = 16;

/// What is shown to the program besides the frame's bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent<'a> {
    pub bytes: &'a [u8],
    /// In the lower half the length on the wire, tag included; bit 32: outbound.
    pub meta: u64,
    /// A tag in the skb's metadata.
    pub tag: Option<VlanTag>,
    /// Bytes in the first buffer of an XDP frame.
    pub linear: Option<u32>,
}

/// What a program counted for one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub matched: Vec<bool>,
    pub bytes: Vec<u64>,
    pub pending: u64,
    /// Of the rules that matched and have a key.
    pub keys: Vec<Option<[u32; KEY_WORDS]>>,
    /// The hash of the connection, of the rules that matched, sample and find it.
    pub flows: Vec<Option<u32>>,
}

/// The target with the tests' layout.
pub fn target(flavour: Flavour, vlan: VlanView, kernel: Kernel) -> Target {
    let layout = StateLayout {
        rules: RULES as u32,
        rule_size: COUNTER as u32,
        rules_len: 1024,
        pending: PENDING as u32,
        keyed: KEYED as u32,
        keys: KEYS as u32,
        keys_len: KEYS_LEN as u32,
        flows: FLOWS as u32,
        scratch: SCRATCH as u32,
        scratch_len: SCRATCH_WORDS as u32,
    };
    Target { flavour, vlan, link: LinkType::Ethernet, kernel, layout }
}

/// What the running kernel can do.
pub fn this_kernel() -> Kernel {
    let (major, minor) = kernel_version().expect("procfs");
    Kernel::release(major, minor)
}

/// A loaded program and its state.
pub struct Loaded {
    pub prog: Prog,
    map: Map,
    rules: usize,
    /// The place of each rule's key.
    keys: Vec<Option<u8>>,
    /// The place of each rule's connection.
    flows: Vec<Option<u8>>,
}

/// Keys have their places in the order of the rules.
fn key_places(graphs: &[Graph]) -> Vec<Option<u8>> {
    let mut places = 0..KEYS_LEN as u8;
    graphs.iter().map(|graph| (!graph.key().is_empty()).then(|| places.next())?).collect()
}

/// Connections have the places of their pending bits.
pub fn flow_place((rule, graph): (usize, &Graph)) -> Option<u8> {
    graph.flow().and_then(|_| pending_bit(rule))
}

/// Generates the code; every third rule samples.
pub fn generate(graphs: &[Graph], target: &Target) -> Result<Program, ebpf::Error> {
    let rules: Vec<Rule<'_>> = graphs
        .iter()
        .enumerate()
        .zip(key_places(graphs))
        .map(|((index, graph), key)| Rule { graph, pending_bit: pending_bit(index), key })
        .collect();
    ebpf::generate(&rules, target)
}

pub fn pending_bit(rule: usize) -> Option<u8> {
    (rule.is_multiple_of(3) && rule < 3 * 64).then_some((rule / 3) as u8)
}

impl Loaded {
    pub fn new(graphs: &[Graph], target: &Target) -> Result<Self, String> {
        let program = generate(graphs, target).map_err(|error| error.to_string())?;
        Self::link(&program, graphs, target.flavour)
    }

    /// Puts the main program before the function and loads both.
    pub fn link(program: &Program, graphs: &[Graph], flavour: Flavour) -> Result<Self, String> {
        let (rules, keys) = (graphs.len(), key_places(graphs));
        let flows = graphs.iter().enumerate().map(flow_place).collect();
        let map = Map::new(RULES + rules.max(1) * COUNTER).map_err(|error| error.to_string())?;
        let kind = if flavour == Flavour::Xdp { Kind::Xdp } else { Kind::Skb };
        let mut code = main_program(&map, kind);
        code.extend(program.to_bytes());
        Ok(Self { prog: Prog::load(kind, &code)?, map, rules, keys, flows })
    }

    /// Sends one frame through.
    pub fn run(&self, sent: &Sent<'_>) -> Seen {
        let mut state = vec![0; RULES + self.rules.max(1) * COUNTER];
        state[META..META + 8].copy_from_slice(&sent.meta.to_le_bytes());
        let tag = sent.tag.map_or(0, |tag| u64::from(tag.tpid) << 16 | u64::from(tag.tci));
        // Bit 32 tells a tag from none, whatever is in it.
        let tag = tag | u64::from(sent.tag.is_some()) << 32;
        state[TAG..TAG + 8].copy_from_slice(&tag.to_le_bytes());
        // Leftovers of the last frame must not matter.
        state[SCRATCH..RULES].fill(0xa5);
        self.map.write(&state).expect("writing the state");
        let run = self.prog.run(sent.bytes, sent.linear, 1);
        run.unwrap_or_else(|error| panic!("test run over {} bytes: {error}", sent.bytes.len()));
        self.seen()
    }

    /// What has been counted.
    pub fn seen(&self) -> Seen {
        let state = self.map.read().expect("reading the state");
        let word = |at: usize| u64::from_le_bytes(state[at..at + 8].try_into().expect("8 bytes"));
        let packets = |rule: usize| word(RULES + rule * COUNTER);
        for rule in 0..self.rules {
            assert!(packets(rule) <= 1, "rule {rule} counted {} times", packets(rule));
        }
        let keyed = word(KEYED);
        let key = |place: u8| {
            let words = state[KEYS + 4 * KEY_WORDS * usize::from(place)..].chunks_exact(4);
            let mut key = [0; KEY_WORDS];
            for (word, bytes) in key.iter_mut().zip(words) {
                *word = u32::from_le_bytes(bytes.try_into().expect("4 bytes"));
            }
            key
        };
        let key = |place: &Option<u8>| place.filter(|place| keyed >> place & 1 != 0).map(key);
        let flow = |place: u8| {
            let bytes = &state[FLOWS + 4 * usize::from(place)..][..4];
            u32::from_le_bytes(bytes.try_into().expect("4 bytes"))
        };
        let pending = word(PENDING);
        let flow = |place: &Option<u8>| place.filter(|place| pending >> place & 1 != 0).map(flow);
        Seen {
            flows: self.flows.iter().map(flow).collect(),
            keys: self.keys.iter().map(key).collect(),
            matched: (0..self.rules).map(|rule| packets(rule) == 1).collect(),
            bytes: (0..self.rules).map(|rule| word(RULES + rule * COUNTER + 8)).collect(),
            pending,
        }
    }
}

/// `key = 0; state = map_lookup_elem(map, &key); [push tag]; filter(ctx, data, data_end,
/// state, state->meta); return PASS`, written down by hand.
fn main_program(map: &Map, kind: Kind) -> Vec<u8> {
    let insn = |code: u8, dst: u8, src: u8, offset: i16, imm: i32| -> [u8; 8] {
        let (offset, imm) = (offset.to_le_bytes(), imm.to_le_bytes());
        [code, dst | src << 4, offset[0], offset[1], imm[0], imm[1], imm[2], imm[3]]
    };
    let (data, verdict) = if kind == Kind::Xdp { (0, 2) } else { (76, 0) };
    let mut code = vec![
        insn(0xbf, 6, 1, 0, 0),                  // r6 = r1
        insn(0x62, 10, 0, -4, 0),                // *(u32 *)(r10 - 4) = 0
        insn(0x18, 1, 1, 0, map.fd.as_raw_fd()), // r1 = map ll
        insn(0x00, 0, 0, 0, 0),                  //
        insn(0xbf, 2, 10, 0, 0),                 // r2 = r10
        insn(0x07, 2, 0, 0, -4),                 // r2 += -4
        insn(0x85, 0, 0, 0, 1),                  // call bpf_map_lookup_elem
        insn(0x55, 0, 0, 2, 0),                  // if r0 != 0 goto +2
        insn(0xb7, 0, 0, 0, verdict),            // r0 = verdict
        insn(0x95, 0, 0, 0, 0),                  // exit
        insn(0xbf, 7, 0, 0, 0),                  // r7 = r0
    ];
    if kind == Kind::Skb {
        code.extend([
            insn(0x79, 3, 7, TAG as i16, 0), // r3 = *(u64 *)(r7 + TAG)
            insn(0x15, 3, 0, 7, 0),          // if r3 == 0 goto +7
            insn(0xbf, 1, 6, 0, 0),          // r1 = r6
            insn(0xbf, 2, 3, 0, 0),          // r2 = r3
            insn(0x77, 2, 0, 0, 16),         // r2 >>= 16
            insn(0x57, 2, 0, 0, 0xffff),     // r2 &= 0xffff
            insn(0xdc, 2, 0, 0, 16),         // r2 = be16 r2
            insn(0x57, 3, 0, 0, 0xffff),     // r3 &= 0xffff
            insn(0x85, 0, 0, 0, 18),         // call bpf_skb_vlan_push
        ]);
    }
    code.extend([
        insn(0xbf, 1, 6, 0, 0),           // r1 = r6
        insn(0x61, 2, 6, data, 0),        // r2 = ctx->data
        insn(0x61, 3, 6, data + 4, 0),    // r3 = ctx->data_end
        insn(0xbf, 4, 7, 0, 0),           // r4 = r7
        insn(0x79, 5, 7, META as i16, 0), // r5 = *(u64 *)(r7 + META)
        insn(0x85, 0, 1, 0, 2),           // call filter
        insn(0xb7, 0, 0, 0, verdict),     // r0 = verdict
        insn(0x95, 0, 0, 0, 0),           // exit
    ]);
    code.concat()
}

/// Lengthens a frame to what the kernel takes for a test run over an skb: an IP
/// frame has a whole IP header there.
pub fn lengthen_for_skb(bytes: &mut Vec<u8>) {
    let least = match bytes.get(12..14) {
        Some([0x08, 0x00]) => 14 + 20,
        Some([0x86, 0xdd]) => 14 + 40,
        _ => 14,
    };
    while bytes.len() < least {
        bytes.push(bytes.len() as u8);
    }
}
