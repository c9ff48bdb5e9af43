//! From rules to a loaded object: generate, link, set the constants, load.

use std::mem::offset_of;

use aya::{
    Ebpf, EbpfError,
    maps::{Array, MapError},
};
use probe_common::{
    Counter, CpuState, MAX_RULES, MAX_SAMPLED, RingLayout, SCRATCH_WORDS, Sampler, names,
};
use probe_filter::{
    ebpf::{self, Flavour, Kernel, StateLayout, Target},
    ir::{Graph, LinkType, VlanView},
};

use super::{
    Error,
    error::{errno, is_permission},
    loader::without_kernel_types,
    object,
    timing::Timing,
    xdp_buff::XdpBuff,
};

/// One rule, as the kernel side needs it.
#[derive(Clone, Copy, Debug)]
pub struct RuleSpec<'a> {
    /// What it matches.
    pub graph: &'a Graph,
    /// How it samples; `None` only counts.
    pub sampler: Option<Sampler>,
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
    pub goal: u64,
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
    scratch: offset_of!(CpuState, scratch) as u32,
    scratch_len: SCRATCH_WORDS as u32,
};

/// What code is generated for here: the running kernel, and the state of our programs.
pub fn target(flavour: Flavour, vlan: VlanView, link: LinkType) -> Target {
    let (major, minor) = super::release();
    Target { flavour, vlan, link, kernel: Kernel::release(major, minor), layout: LAYOUT }
}

/// Intel SDM 3, 9.2.2 and AMD64 APM 2, 7.2: stores are not reordered with other stores.
const STORES_IN_ORDER: bool = cfg!(target_arch = "x86_64");

/// The slots of the samplers that do not take every match.
fn choosy(samplers: &[Sampler]) -> u64 {
    let all = |sampler: &Sampler| sampler.every == 1 && sampler.ns_per_frame == 0;
    let bits = samplers.iter().enumerate().map(|(slot, one)| u64::from(!all(one)) << slot);
    bits.fold(0, |all, bit| all | bit)
}

/// The object with the rules linked in and its constants set. Its programs are not yet
/// in the kernel; its maps are.
pub(super) fn load(setting: &Setting<'_>, timing: &mut Timing) -> Result<Ebpf, Error> {
    let samplers: Vec<Sampler> = setting.rules.iter().filter_map(|rule| rule.sampler).collect();
    if setting.rules.len() > MAX_RULES {
        return Err(Error::TooManyRules(setting.rules.len()));
    }
    if samplers.len() > MAX_SAMPLED {
        return Err(Error::TooManySampled(samplers.len()));
    }

    let code = generate(setting)?;
    timing.step("generate");
    let (sampled, log_level) =
        (samplers.len() as u32, if setting.diagnostics { 0xff } else { 0u8 });
    let choosy = choosy(&samplers);
    let constants = [
        (names::RING_LEN, setting.ring.len[0].into()),
        (names::SECOND_LEN, setting.ring.len[1].into()),
        (names::SECOND_AT, setting.ring.second_at.into()),
        (names::CHOOSY, choosy),
        (names::STORES_IN_ORDER, STORES_IN_ORDER.into()),
        (names::SNAPLEN, setting.snaplen.into()),
        (names::SAMPLED, sampled.into()),
        (names::GOAL, setting.goal),
        (names::OFFLINE, setting.offline.into()),
    ];
    let buff = match setting.flavour {
        // Before, there are no fragments to ask for.
        Flavour::Xdp if super::release() >= (5, 18) => XdpBuff::of_this_kernel(),
        Flavour::Xdp | Flavour::Skb => None,
    };
    timing.step("types");
    let linked = object::link(&code, setting.ring.value_size, &constants, buff)?;
    timing.step("link");
    let mut ebpf = without_kernel_types()
        .map_max_entries(names::RINGS, setting.rings)
        .override_global(names::RING_LEN, &setting.ring.len[0], true)
        .override_global(names::SECOND_LEN, &setting.ring.len[1], true)
        .override_global(names::SECOND_AT, &setting.ring.second_at, true)
        .override_global(names::CHOOSY, &choosy, true)
        .override_global(names::STORES_IN_ORDER, &u8::from(STORES_IN_ORDER), true)
        .override_global(names::SNAPLEN, &setting.snaplen, true)
        .override_global(names::SAMPLED, &sampled, true)
        .override_global(names::GOAL, &setting.goal, true)
        .override_global(names::OFFLINE, &u8::from(setting.offline), true)
        .override_global(names::LOG_LEVEL, &log_level, true)
        .load(&linked)
        .map_err(load_error)?;
    write_samplers(&mut ebpf, &samplers)?;
    timing.step("maps");
    Ok(ebpf)
}

fn load_error(error: EbpfError) -> Error {
    match error {
        error if is_permission(&error) => {
            Error::Permission { operation: "loading the kernel programs".into() }
        }
        EbpfError::MapError(MapError::CreateError { name, io_error }) if name == names::RINGS => {
            Error::Rings { source: io_error }
        }
        error => Error::Load(Box::new(error)),
    }
}

fn generate(setting: &Setting<'_>) -> Result<Vec<u8>, Error> {
    Ok(ebpf::generate(&rules(setting), &setting.target())?.to_bytes())
}

fn rules<'a>(setting: &Setting<'a>) -> Vec<ebpf::Rule<'a>> {
    let mut slots = 0..;
    let rules = setting.rules.iter().map(|rule| ebpf::Rule {
        graph: rule.graph,
        pending_bit: rule.sampler.and_then(|_| slots.next()),
    });
    rules.collect()
}

fn write_samplers(ebpf: &mut Ebpf, samplers: &[Sampler]) -> Result<(), Error> {
    type Words = [u64; size_of::<Sampler>() / 8];
    let of_map = |source| Error::Map { map: names::SAMPLERS, source };
    let map = ebpf.map_mut(names::SAMPLERS).ok_or(Error::Missing(names::SAMPLERS))?;
    let mut map: Array<_, Words> = map.try_into().map_err(of_map)?;
    for (slot, &sampler) in samplers.iter().enumerate() {
        map.set(slot as u32, bytemuck::cast::<_, Words>(sampler), 0).map_err(of_map)?;
    }
    Ok(())
}

/// Says why a program did not load.
pub(super) fn verify_error(program: &'static str, source: aya::programs::ProgramError) -> Error {
    match errno(&source) {
        Some(libc::EPERM) => Error::Permission { operation: format!("loading {program}") },
        _ => match given_up(&source) {
            Some(reason) => Error::TooComplex { program, reason, rule: None },
            None => Error::Verify { program, source: Box::new(source) },
        },
    }
}

/// Names the rule to begin with where the verifier gave up on several.
pub(super) fn blame(error: Error, setting: &Setting<'_>) -> Error {
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
fn given_up(error: &aya::programs::ProgramError) -> Option<String> {
    let aya::programs::ProgramError::LoadError { verifier_log, .. } = error else { return None };
    let log = verifier_log.to_string();
    let tells = |line: &&str| {
        line.starts_with("BPF program is too large") || line.ends_with("jumps is too complex.")
    };
    log.lines().rev().take(20).find(tells).map(|line| line.trim_end_matches('.').to_owned())
}
