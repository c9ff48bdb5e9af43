//! One filter as code for a program of one's own: instructions to put in the middle of it.

use super::asm::Assembled;
use super::count::OnMatch;
use super::insn::{FP, Helper, Insn, Op, Operand, R0, R1, R2, R3, R4, R5, Reg, Size};
use super::stack::MAX_STACK;
use super::target::{Flavour, Kernel, StateLayout, Target, context};
use super::{Error, translate};
use crate::ir::{Graph, LinkType, Test, VlanView};

/// Words of stack for variables and intermediate results of the filter.
const SCRATCH_WORDS: u32 = 16;
/// The arguments, while they move to where the filter wants them.
const ARGUMENTS: i16 = 3;

/// The program that a filter becomes a part of: what its registers hold at the filter's place.
///
/// ```
/// use probe_filter::ebpf::{Flavour, Host, Reg, inline};
/// use probe_filter::{Options, compile};
///
/// let filter = compile("tcp port 80", &Options::default())?;
/// let mut host = Host::new(Flavour::Xdp);
/// (host.context, host.data, host.data_end) = (Reg(6), Reg(7), Reg(8));
/// host.keep = &[Reg(6), Reg(7), Reg(8)];
/// let code = inline(filter.graph(), &host)?;
/// assert!(!code.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host<'a> {
    /// Its kind of context.
    pub flavour: Flavour,
    /// Where filters look for the outermost VLAN tag, as in the [`Options`](crate::Options) that
    /// the filter was compiled with.
    pub vlan: VlanView,
    /// What the first bytes are, as in the options.
    pub link: LinkType,
    /// What the kernel can do. By default what every kernel can: XDP frames are then looked at as
    /// far as they are linear.
    pub kernel: Kernel,
    /// Holds the context, a pointer to `struct xdp_md` or `struct __sk_buff`.
    pub context: Reg,
    /// Holds `data` out of the context.
    pub data: Reg,
    /// Holds `data_end` out of the context.
    pub data_end: Reg,
    /// Gets 1 where the frame matches, else 0.
    pub result: Reg,
    /// Registers that keep what they hold; the filter uses all from r0 to r9. They have to hold
    /// something: the verifier lets nobody save a register that was never written.
    pub keep: &'a [Reg],
    /// The stack that is free, in bytes from the frame pointer: it ends there and grows down. 0
    /// or less, and a multiple of eight. [`Host::STACK`] bytes of it are used, and eight more
    /// for each register that is kept.
    pub stack: i16,
}

impl Host<'_> {
    /// Bytes of stack that the code takes, without those for registers that are kept.
    pub const STACK: u32 = 8 * (ARGUMENTS as u32 + SCRATCH_WORDS) + MAX_STACK;

    /// Frames of Ethernet with their tags, context in r1, `data` in r2, `data_end` in r3, the
    /// result in r0, and a stack that nobody uses.
    pub const fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            vlan: VlanView::AsFrame,
            link: LinkType::Ethernet,
            kernel: Kernel::release(5, 15),
            context: R1,
            data: R2,
            data_end: R3,
            result: R0,
            keep: &[],
            stack: 0,
        }
    }
}

/// Generates code that says whether a frame matches. It has one entry, its first instruction, and
/// one exit, behind its last; it counts nothing, refers to no map, and takes frames for received
/// ones. Packet pointers stay valid over it.
///
/// # Errors
/// If a limit is broken, of the kernel or of the stack; and for `protochain`, whose walk the
/// verifier does not get to the end of where it keeps its place on the stack.
pub fn inline(graph: &Graph, host: &Host<'_>) -> Result<Vec<Insn>, Error> {
    let stack_len = Host::STACK as i16 + 8 * host.keep.len() as i16;
    if host.stack > 0 || host.stack % 8 != 0 || host.stack < stack_len - STACK_LIMIT {
        return Err(Error::NoStack { bytes: stack_len as u32 });
    }
    if graph.nodes().iter().any(|node| matches!(node.test, Test::Chain { .. })) {
        return Err(Error::HeaderChain);
    }
    let arguments = host.stack - 8 * ARGUMENTS;
    let kept = arguments - 8 * host.keep.len() as i16;
    let scratch = kept - 8 * SCRATCH_WORDS as i16;
    let target = Target {
        flavour: host.flavour,
        vlan: host.vlan,
        link: host.link,
        kernel: host.kernel,
        layout: StateLayout {
            rules: 0,
            rule_size: 0,
            rules_len: 0,
            pending: 0,
            keyed: 0,
            keys: 0,
            keys_len: 0,
            flows: 0,
            scratch: 0,
            scratch_len: SCRATCH_WORDS,
        },
    };
    let (Assembled { insns: filter, long_jumps, .. }, _) =
        translate(&[graph], OnMatch::Return, &target)?;
    if long_jumps && !host.kernel.long_jumps {
        return Err(Error::TooFar { instructions: filter.len(), rule: 0 });
    }

    let mut code = Vec::new();
    let slot = |base: i16, place: usize| base + 8 * place as i16;
    let moved = [(host.context, R1), (host.data, R2), (host.data_end, R3)];
    for (place, &(from, _)) in moved.iter().enumerate() {
        code.push(Insn::store(Size::Double, FP, slot(arguments, place), from));
    }
    for (place, &reg) in host.keep.iter().enumerate() {
        code.push(Insn::store(Size::Double, FP, slot(kept, place), reg));
    }
    let argument = |place: usize, reg| Insn::load(Size::Double, reg, FP, slot(arguments, place));
    code.push(argument(0, R1));
    wire_length(host, &mut code);
    code.extend(moved.iter().enumerate().map(|(place, &(_, to))| argument(place, to)));
    code.push(Insn::alu64(Op::Mov, R4, Operand::Reg(FP)));
    code.push(Insn::alu64(Op::Add, R4, Operand::Imm(scratch.into())));

    let instructions = filter.len();
    for (place, insn) in filter.into_iter().enumerate() {
        code.push(if insn.is_exit() {
            let distance = instructions - place - 1;
            match i16::try_from(distance) {
                Ok(offset) => Insn { offset, ..Insn::jump() },
                Err(_) if host.kernel.long_jumps => Insn::jump_long(distance as i32),
                Err(_) => return Err(Error::TooFar { instructions, rule: 0 }),
            }
        } else if insn.is_on_stack() {
            Insn { offset: insn.offset + scratch, ..insn }
        } else {
            insn
        });
    }

    if host.result != R0 {
        code.push(Insn::alu64(Op::Mov, host.result, Operand::Reg(R0)));
    }
    for (place, &reg) in host.keep.iter().enumerate().filter(|&(_, &reg)| reg != host.result) {
        code.push(Insn::load(Size::Double, reg, FP, slot(kept, place)));
    }
    Ok(code)
}

/// Bytes of stack that a program has (MAX_BPF_STACK).
const STACK_LIMIT: i16 = 512;

/// The frame's length into r5, with the tag that the kernel holds outside of the frame. The
/// context is in r1.
fn wire_length(host: &Host<'_>, code: &mut Vec<Insn>) {
    const SKB_LEN: i16 = 0;
    const XDP_DATA: i16 = context::data(Flavour::Xdp);
    match host.flavour {
        Flavour::Skb => code.extend([
            Insn::load(Size::Word, R5, R1, SKB_LEN),
            Insn::load(Size::Word, R0, R1, context::SKB_VLAN_PRESENT),
            Insn::alu64(Op::Shl, R0, Operand::Imm(2)),
            Insn::alu64(Op::Add, R5, Operand::Reg(R0)),
        ]),
        Flavour::Xdp if host.kernel.xdp_load_bytes => code.extend([
            Insn::call(Helper::XdpGetBuffLen),
            Insn::alu64(Op::Mov, R5, Operand::Reg(R0)),
        ]),
        // All of the frame is linear.
        Flavour::Xdp => code.extend([
            Insn::load(Size::Word, R5, R1, XDP_DATA + 4),
            Insn::load(Size::Word, R0, R1, XDP_DATA),
            Insn::alu64(Op::Sub, R5, Operand::Reg(R0)),
        ]),
    }
}
