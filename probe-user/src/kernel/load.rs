//! From rules to a loaded object: generate, link, set the constants, load.

use std::{fs::File, mem::offset_of};

use aya::{
    Ebpf, EbpfError,
    maps::{Array, MapData, MapError},
};
use probe_common::{
    Constants, Counter, CpuState, MAX_KEYED, MAX_RULES, MAX_SAMPLED, RingLayout, SCRATCH_WORDS,
    Sampler, Split, distinct::DistinctTable, names,
};
use probe_filter::{
    ebpf::{self, Flavour, Insn, StateLayout, Target},
    flow_limit,
    ir::{Graph, LinkType, VlanView},
};
use probe_link::{Linked, XdpBuff};

use super::{
    Error,
    error::{errno, is_permission},
    features::{self, Features},
    lists::{Lists, Memory, Order, seeds},
    loader::without_kernel_types,
    timing::Timing,
};

/// The CPUs that per-CPU maps have values for.
const CPUS: &str = "/sys/devices/system/cpu/possible";

/// The compiled programs; empty in a build with `PROBE_EMPTY_OBJECT=1`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/probe.o"));

/// One rule, as the kernel side needs it.
#[derive(Clone, Copy, Debug)]
pub struct RuleSpec<'a> {
    /// What it matches.
    pub graph: &'a Graph,
    /// How it samples; `None` only counts.
    pub sampler: Option<Sampler>,
    /// What its frames are counted in by their key, which the graph has then.
    pub lists: Lists,
}

/// What the object is loaded for.
pub(super) struct Setting<'a> {
    pub rules: &'a [RuleSpec<'a>],
    pub flavour: Flavour,
    pub link: LinkType,
    pub vlan: VlanView,
    pub snaplen: u32,
    pub ring: RingLayout,
    /// One for each CPU, by its number.
    pub rings: u32,
    /// Which rules have lists, and how large these are.
    pub order: Order,
    pub memory: Memory,
    pub goal: u64,
    /// Which counters are kept apart, and in how many values of the map.
    pub split: Split,
    pub slots: u32,
    /// Whether the kernel has `bpf_xdp_load_bytes`; tests do without.
    pub xdp_load_bytes: bool,
    pub diagnostics: bool,
    /// Whether the program runs on frames handed in, with a length on the wire of their own.
    pub offline: bool,
}

impl Setting<'_> {
    fn target(&self) -> Target {
        target(self.flavour, self.vlan, self.link)
    }
}

/// Where generated code finds its memory.
const LAYOUT: StateLayout = StateLayout {
    rules: offset_of!(CpuState, rules) as u32,
    rule_size: size_of::<Counter>() as u32,
    rules_len: MAX_RULES as u32,
    pending: offset_of!(CpuState, pending) as u32,
    keyed: offset_of!(CpuState, keyed) as u32,
    keys: offset_of!(CpuState, keys) as u32,
    keys_len: MAX_KEYED as u32,
    flows: offset_of!(CpuState, flows) as u32,
    scratch: offset_of!(CpuState, scratch) as u32,
    scratch_len: SCRATCH_WORDS as u32,
};

/// What code is generated for here: the running kernel, and the state of our programs.
pub fn target(flavour: Flavour, vlan: VlanView, link: LinkType) -> Target {
    let kernel = Features::of_this_kernel().for_filters();
    Target { flavour, vlan, link, kernel, layout: LAYOUT }
}

/// Intel SDM 3, 9.2.2 and AMD64 APM 2, 7.2: stores are not reordered with other stores.
const STORES_IN_ORDER: bool = cfg!(target_arch = "x86_64");

/// A bit for each slot that has what is asked for.
fn bits(has: impl Iterator<Item = bool>) -> u64 {
    has.zip(0..).fold(0, |bits, (has, slot)| bits | u64::from(has) << slot)
}

/// The slots of the rules that choose by connection, or may come to: their filters find the hash.
fn by_flow(setting: &Setting<'_>) -> u64 {
    let sampled = setting.rules.iter().filter(|rule| rule.sampler.is_some());
    bits(sampled.map(|rule| rule.graph.flow().is_some()))
}

/// The object with the rules linked in and its constants set, and how its rules sample. Its programs
/// are not yet in the kernel; its maps are.
pub(super) fn load(setting: &Setting<'_>, timing: &mut Timing) -> Result<(Ebpf, Samplers), Error> {
    let samplers: Vec<Sampler> = setting.rules.iter().filter_map(|rule| rule.sampler).collect();
    if setting.rules.len() > MAX_RULES {
        return Err(Error::TooManyRules(setting.rules.len()));
    }
    if samplers.len() > MAX_SAMPLED {
        return Err(Error::TooManySampled(samplers.len()));
    }
    // aya asks there, and its errors do not say so.
    File::open(CPUS).map_err(|source| Error::Cpus { file: CPUS, source })?;

    let code = generate(setting)?;
    timing.step("generate");
    let buff = match setting.flavour {
        // Before, there are no fragments to ask for.
        Flavour::Xdp if Features::of_this_kernel().xdp_fragments => features::xdp_buff(),
        Flavour::Xdp | Flavour::Skb => None,
    };
    timing.step("types");
    let linked = link(&code, setting, &samplers, buff)?;
    log::debug!("linked: {:?}", linked.changes);
    timing.step("link");
    let tables = |rules: &[usize]| rules.len() as u32 * setting.memory.cpus();
    let [tops, distinct] = [setting.order.tops(), setting.order.distinct()].map(tables);
    let mut ebpf = without_kernel_types()
        .map_max_entries(names::RINGS, setting.rings)
        .map_max_entries(names::STATE, setting.slots)
        .map_max_entries(names::TOPS, tops.max(1))
        .map_max_entries(names::DISTINCT, distinct.max(1))
        .load(&linked.object)
        .map_err(load_error)?;
    let samplers = Samplers::take(&mut ebpf, samplers, by_flow(setting))?;
    timing.step("maps");
    Ok((ebpf, samplers))
}

/// The object with the generated code in it, and with its constants.
fn link(
    code: &[Insn],
    setting: &Setting<'_>,
    samplers: &[Sampler],
    xdp_buff: Option<XdpBuff>,
) -> Result<Linked, Error> {
    if OBJECT.is_empty() {
        return Err(Error::EmptyObject);
    }
    let Setting { order, memory, .. } = setting;
    let [seed_0, seed_1, seed_2, seed_3, seed_4, seed_5] = seeds().words();
    let constants = Constants {
        snaplen: setting.snaplen,
        sampled: samplers.len() as u32,
        ring_len: setting.ring.len[0],
        second_len: setting.ring.len[1],
        second_at: setting.ring.second_at,
        overwrites: setting.ring.overwrites.into(),
        selective: bits(samplers.iter().map(|one| !one.takes_all())) | by_flow(setting),
        by_flow: by_flow(setting),
        stores_in_order: STORES_IN_ORDER.into(),
        xdp_load_bytes: setting.xdp_load_bytes.into(),
        keyed: (!order.is_empty()).into(),
        lists: order.len(),
        tops: order.tops().len() as u32,
        first_distinct: order.first_distinct(),
        distinct_lists: order.distinct().len() as u32,
        top_sets: memory.layout().sets(),
        long_keys: order.has_long_keys().into(),
        seed_0,
        seed_1,
        seed_2,
        seed_3,
        seed_4,
        seed_5,
        goal: setting.goal,
        split: setting.split as u8,
        offline: setting.offline.into(),
    };
    let log_level: &[u8] = if setting.diagnostics { &[0xff] } else { &[0] };
    let constants: Vec<_> =
        constants.symbols().into_iter().chain([(names::LOG_LEVEL, log_level)]).collect();
    // Nobody pays for tables that nobody asked for: the smallest value there is.
    let wanted = |rules: &[usize], size: usize| if rules.is_empty() { 8 } else { size as u32 };
    let table = wanted(order.tops(), memory.layout().value_size() as usize);
    let registers = wanted(order.distinct(), size_of::<DistinctTable>());
    let request = probe_link::Request {
        function: (names::FILTER, code),
        constants: &constants,
        value_sizes: &[
            (names::RINGS, setting.ring.value_size),
            (names::TOPS, table),
            (names::DISTINCT, registers),
        ],
        xdp_buff,
    };
    Ok(probe_link::link(OBJECT, &request)?)
}

fn load_error(error: EbpfError) -> Error {
    match error {
        error if is_permission(&error) => {
            Error::Permission { operation: "loading the kernel programs".into() }
        }
        EbpfError::MapError(MapError::CreateError { name, io_error }) if name == names::RINGS => {
            Error::Rings { source: io_error }
        }
        EbpfError::MapError(MapError::CreateError { name, io_error })
            if name == names::TOPS || name == names::DISTINCT =>
        {
            Error::Lists { source: io_error }
        }
        error => Error::Load(Box::new(error)),
    }
}

fn generate(setting: &Setting<'_>) -> Result<Vec<Insn>, Error> {
    Ok(ebpf::generate(&rules(setting), &setting.target())?.insns)
}

fn rules<'a>(setting: &Setting<'a>) -> Vec<ebpf::Rule<'a>> {
    let mut slots = 0..;
    let rules = setting.rules.iter().enumerate().map(|(number, rule)| ebpf::Rule {
        graph: rule.graph,
        pending_bit: rule.sampler.and_then(|_| slots.next()),
        key: setting.order.place(number),
    });
    rules.collect()
}

/// How the rules of a program sample.
pub(super) struct Samplers {
    map: Array<MapData, SamplerWords>,
    samplers: Vec<Sampler>,
    /// The slots of those that choose by connection.
    by_flow: u64,
}

type SamplerWords = [u64; size_of::<Sampler>() / 8];

impl Samplers {
    /// Takes the map, and writes it.
    fn take(ebpf: &mut Ebpf, samplers: Vec<Sampler>, by_flow: u64) -> Result<Self, Error> {
        let map = ebpf.take_map(names::SAMPLERS).ok_or(Error::Missing(names::SAMPLERS))?;
        let map = map.try_into().map_err(of_samplers)?;
        let mut all = Self { map, samplers, by_flow };
        all.write()?;
        Ok(all)
    }

    /// Of the rules that choose by connection, chooses one in so many from now on.
    pub(super) fn choose_flows(&mut self, one_in: u32) -> Result<(), Error> {
        let by_flow = |slot: usize| self.by_flow >> slot & 1 != 0;
        for (_, sampler) in self.samplers.iter_mut().enumerate().filter(|(slot, _)| by_flow(*slot))
        {
            sampler.flow_limit = flow_limit(one_in).into();
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), Error> {
        for (slot, &sampler) in (0..).zip(&self.samplers) {
            let words = bytemuck::cast::<_, SamplerWords>(sampler);
            self.map.set(slot, words, 0).map_err(of_samplers)?;
        }
        Ok(())
    }
}

fn of_samplers(source: MapError) -> Error {
    Error::Map { map: names::SAMPLERS, source }
}

/// Says why a program did not load.
pub(super) fn verify_error(program: &'static str, source: aya::programs::ProgramError) -> Error {
    match errno(&source) {
        Some(libc::EPERM) => Error::Permission { operation: format!("loading {program}") },
        _ => match complexity_limit(&source) {
            Some(reason) => Error::TooComplex { program, reason, rule: None },
            None => Error::Verify { program, refusal: Box::new(source) },
        },
    }
}

/// Names the rule to begin with where the verifier gave up on several.
pub(super) fn name_largest_rule(error: Error, setting: &Setting<'_>) -> Error {
    match error {
        Error::TooComplex { program, reason, .. } if setting.rules.len() > 1 => {
            let rule = Some(ebpf::longest(&rules(setting), &setting.target()));
            Error::TooComplex { program, reason, rule }
        }
        error => error,
    }
}

/// What the verifier says where it does not refuse a program, but stops following it
/// (kernel/bpf/verifier.c): after a million instructions, or with 8,192 branches to go.
fn complexity_limit(error: &aya::programs::ProgramError) -> Option<String> {
    let aya::programs::ProgramError::LoadError { verifier_log, .. } = error else { return None };
    let log = verifier_log.to_string();
    let tells = |line: &&str| {
        line.starts_with("BPF program is too large") || line.ends_with("jumps is too complex.")
    };
    log.lines().rev().take(20).find(tells).map(|line| line.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions};
    use aya_obj::maps::bpf_map_def;
    use probe_filter::{Flow, FlowSeed, Options, compile};
    use probe_link::{Changes, MAP_VALUE_SIZE};
    use testbed::{
        CLIENT_V4, Frame, SERVER_V4,
        requirements::{Requirement, met},
    };

    use super::*;
    use crate::{
        kernel::{counts::CountMaps, session::program},
        rules,
    };

    fn setting<'a>(rules: &'a [RuleSpec<'a>]) -> Setting<'a> {
        Setting {
            rules,
            flavour: Flavour::Xdp,
            link: LinkType::default(),
            vlan: VlanView::AsFrame,
            snaplen: 0,
            ring: RingLayout::new(0, 0),
            rings: 1,
            order: Order::default(),
            memory: Memory::on(1, [0, 0], 1, 0),
            goal: 0,
            split: Split::None,
            slots: 1,
            xdp_load_bytes: true,
            diagnostics: false,
            offline: false,
        }
    }

    /// Where the compiler writes other code, the linker leaves out what makes it cheap, and
    /// nobody would notice but by a clock.
    #[test]
    fn the_programs_are_as_the_linker_expects_them() {
        let filter = compile("", &Options::default()).unwrap();
        let rules = [RuleSpec { graph: filter.graph(), sampler: None, lists: Lists::default() }];
        let setting = setting(&rules);
        let code = generate(&setting).unwrap();
        let buff = features::xdp_buff();
        let Changes { lengths, folded, inlined, saved } =
            link(&code, &setting, &[], buff).unwrap().changes;
        // Only the program for frames with fragments asks for the length.
        assert_eq!(lengths, usize::from(buff.is_some()));
        // Four programs, in which nothing is sampled, and so no register is saved.
        assert_eq!((inlined, saved), (4, 0));
        assert_ne!(folded, 0);
    }

    #[test]
    fn the_linker_knows_where_a_map_has_the_size_of_its_values() {
        let start = offset_of!(bpf_map_def, value_size);
        assert_eq!(MAP_VALUE_SIZE, start..start + size_of::<u32>());
    }

    /// Which connections are chosen changes while a program is loaded, and begins with all of them.
    #[test]
    fn connections_are_chosen_anew() {
        if !met(&[Requirement::Root, Requirement::Kernel(5, 18)]) {
            return;
        }
        const CONNECTIONS: u16 = 300;
        let flow = |number| Flow {
            addresses: [CLIENT_V4.into(), SERVER_V4.into()],
            ports: Some((17, [number, 53])),
        };
        let seed = FlowSeed::new(1);
        let filter = compile("", &Options::default().flows(seed)).unwrap();
        let sampler = Some(rules::sampler(1, None));
        let rules = [RuleSpec { graph: filter.graph(), sampler, lists: Lists::default() }];
        let setting = Setting { flavour: Flavour::Skb, ..setting(&rules) };
        let (mut ebpf, mut samplers) = load(&setting, &mut Timing::start()).unwrap();
        let counts = CountMaps::take(&mut ebpf, 1, Split::None, 1).unwrap();
        let program: &mut SchedClassifier = program(&mut ebpf, names::INGRESS).unwrap();
        program.load().unwrap();
        let mut chosen_before = 0;
        for one_in in [None, Some(4), Some(50), Some(1), Some(2)] {
            if let Some(one_in) = one_in {
                samplers.choose_flows(one_in).unwrap();
            }
            let limit = flow_limit(one_in.unwrap_or(1));
            let expected = (0..CONNECTIONS).filter(|&number| seed.hash(&flow(number)) <= limit);
            for number in 0..CONNECTIONS {
                let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(number, 53).build();
                let options = TestRunOptions { data_in: Some(&frame), ..TestRunOptions::new() };
                program.test_run(options).unwrap();
            }
            let chosen = counts.read().unwrap().ledger.chosen;
            assert_eq!(chosen - chosen_before, expected.count() as u64, "one in {one_in:?}");
            chosen_before = chosen;
        }
    }
}
