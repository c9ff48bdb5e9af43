//! libpcap's program, run as classic BPF is defined, with what the kernel adds: VLAN
//! and direction metadata. libpcap's own interpreter has no metadata, leaves scratch
//! memory as it finds it, and may run forever; where it can, a test holds the two
//! against each other.

use pcap::BpfProgram;
use probe_filter::Frame;

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

/// A program of classic BPF.
#[derive(Clone, Debug)]
pub struct Program {
    instructions: Vec<Instruction>,
    /// Take the step over an authentication header from where the header is. libpcap's
    /// `protochain` takes it from the start of the packet.
    pub repaired: bool,
}

/// What a program says of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Match,
    NoMatch,
    /// It reads scratch memory that nothing has been written to for this purpose.
    Undefined,
    /// It does not end.
    Endless,
}

const LD: u16 = 0x00;
const LDX: u16 = 0x01;
const ST: u16 = 0x02;
const STX: u16 = 0x03;
const ALU: u16 = 0x04;
const JMP: u16 = 0x05;
const RET: u16 = 0x06;
const ADD_K: u16 = ALU;
const ADD_X: u16 = ALU | 0x08;
const MUL_K: u16 = ALU | 0x20;

/// Where metadata is (linux/filter.h).
const AD_OFF: u32 = (-0x1000_i32) as u32;
const AD_PKTTYPE: u32 = AD_OFF + 4;
const AD_IFINDEX: u32 = AD_OFF + 8;
const AD_VLAN_TAG: u32 = AD_OFF + 44;
const AD_VLAN_TAG_PRESENT: u32 = AD_OFF + 48;
const METADATA: [u32; 4] = [AD_PKTTYPE, AD_IFINDEX, AD_VLAN_TAG, AD_VLAN_TAG_PRESENT];
const PACKET_OUTGOING: u32 = 4;
/// The interface that all frames of the tests come from.
pub const IFINDEX: u32 = 2;

const MAX_STEPS: usize = 100_000;

/// What scratch memory holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// An intermediate result, of use up to the next jump.
    Result,
    /// An intermediate result of an earlier block.
    Stale,
    /// An offset, of use until the end.
    Offset,
}

impl Program {
    pub fn new(program: &BpfProgram) -> Self {
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0_i64);
        let instructions = program
            .get_instructions()
            .iter()
            .map(|instruction| {
                let text = instruction.to_string();
                let mut fields = text.split(' ');
                Instruction {
                    code: number(fields.next()) as u16,
                    jt: number(fields.next()) as u8,
                    jf: number(fields.next()) as u8,
                    k: number(fields.next()) as u32,
                }
            })
            .collect();
        Self { instructions, repaired: true }
    }

    /// Whether libpcap's own interpreter can run it over frames of a file.
    pub fn is_plain(&self) -> bool {
        self.instructions.iter().all(|instruction| {
            let backward = instruction.code == JMP && (instruction.k as i32) < 0;
            let metadata = instruction.code & 7 == LD && instruction.k >= AD_OFF;
            let scratch = matches!(instruction.code, 0x60 | 0x61);
            !backward && !metadata && !scratch
        })
    }

    pub fn run(&self, frame: &Frame<'_>) -> Verdict {
        let (mut a, mut x) = (0_u32, 0_u32);
        let mut memory = [(0_u32, Holds::Nothing); 16];
        let mut at = 0_usize;
        for _ in 0..MAX_STEPS {
            let Some(&Instruction { code, jt, jf, k }) = self.instructions.get(at) else {
                return Verdict::NoMatch;
            };
            let here = at;
            at += 1;
            match code & 7 {
                LD | LDX => {
                    let value = match code & 0xe0 {
                        0x00 => k,
                        0x20 | 0x40 => {
                            let base = (code & 0xe0 == 0x40).then_some(x);
                            if k >= AD_OFF && (base.is_some() || !METADATA.contains(&k)) {
                                // Metadata at an offset that a tunnel has moved.
                                return Verdict::Undefined;
                            }
                            match load(frame, code & 0x18, base.unwrap_or(0), k) {
                                Some(value) => value,
                                None => return Verdict::NoMatch,
                            }
                        }
                        0x60 => match memory.get(k as usize) {
                            Some(&(value, Holds::Result | Holds::Offset)) => value,
                            _ => return Verdict::Undefined,
                        },
                        0x80 => frame.wire_len,
                        _ => match load(frame, 0x10, 0, k) {
                            Some(value) => (value & 0xf) << 2,
                            None => return Verdict::NoMatch,
                        },
                    };
                    if code & 7 == LD { a = value } else { x = value }
                }
                ST | STX => {
                    let holds = self.holds(here);
                    let value = if code & 7 == ST { a } else { x };
                    if let Some(slot) = memory.get_mut(k as usize) {
                        *slot = (value, holds);
                    }
                }
                ALU => {
                    let operand = if code & 0x08 == 0 { k } else { x };
                    a = match code & 0xf0 {
                        0x00 => a.wrapping_add(operand),
                        0x10 => a.wrapping_sub(operand),
                        0x20 => a.wrapping_mul(operand),
                        0x30 | 0x90 if operand == 0 => return Verdict::NoMatch,
                        0x30 => a / operand,
                        0x40 => a | operand,
                        0x50 => a & operand,
                        0x60 => a.checked_shl(operand).unwrap_or(0),
                        0x70 => a.checked_shr(operand).unwrap_or(0),
                        0x80 => a.wrapping_neg(),
                        0x90 => a % operand,
                        _ => a ^ operand,
                    };
                    if self.repaired && code == MUL_K && self.is_authentication_step(here) {
                        // X is the header's offset plus one.
                        a = a.wrapping_add(x).wrapping_sub(1);
                    }
                }
                JMP => {
                    let operand = if code & 0x08 == 0 { k } else { x };
                    let yes = match code & 0xf0 {
                        0x00 => {
                            at = at.wrapping_add_signed(k as i32 as isize);
                            continue;
                        }
                        0x10 => a == operand,
                        0x20 => a > operand,
                        0x30 => a >= operand,
                        _ => a & operand != 0,
                    };
                    at += usize::from(if yes { jt } else { jf });
                    for (_, holds) in &mut memory {
                        if *holds == Holds::Result {
                            *holds = Holds::Stale;
                        }
                    }
                }
                RET => {
                    let value = if code & 0x18 == 0x10 { a } else { k };
                    return if value > 0 { Verdict::Match } else { Verdict::NoMatch };
                }
                _ if code & 0xf8 == 0 => x = a,
                _ => a = x,
            }
        }
        Verdict::Endless
    }

    fn code(&self, at: usize) -> Option<Instruction> {
        self.instructions.get(at).copied()
    }

    /// What a store is for. libpcap writes an offset in one of a few ways, and no
    /// intermediate result in any of them.
    fn holds(&self, at: usize) -> Holds {
        let before = |steps: usize| at.checked_sub(steps).and_then(|at| self.code(at));
        let is = |steps, code| before(steps).is_some_and(|before| before.code == code);
        let start = self.code(0).is_some_and(|first| first.code == LD && first.k == 0)
            && (1..=2).contains(&at)
            && self.code(1).is_some_and(|code| code.code == ST)
            && self.code(2).is_some_and(|code| code.code == ST);
        let offset = self.instructions[at].code == STX
            || is(1, ADD_K)
            || is(1, ADD_X) && is(2, ADD_K)
            || start;
        if offset { Holds::Offset } else { Holds::Result }
    }

    /// `A += 2; A *= 4; X = A`, where nothing else has this form.
    fn is_authentication_step(&self, at: usize) -> bool {
        self.instructions[at].k == 4
            && at
                .checked_sub(1)
                .and_then(|at| self.code(at))
                .is_some_and(|before| before.code == ADD_K && before.k == 2)
            && self.code(at + 1).is_some_and(|after| after.code == 0x07)
    }
}

fn load(frame: &Frame<'_>, size: u16, base: u32, k: u32) -> Option<u32> {
    if k >= AD_OFF {
        return match k {
            AD_PKTTYPE => Some(if frame.outbound == Some(true) { PACKET_OUTGOING } else { 0 }),
            AD_IFINDEX => Some(IFINDEX),
            AD_VLAN_TAG => Some(frame.vlan.map_or(0, |tag| tag.tci.into())),
            AD_VLAN_TAG_PRESENT => Some(frame.vlan.is_some().into()),
            _ => None,
        };
    }
    let width = match size {
        0x00 => 4,
        0x08 => 2,
        _ => 1,
    };
    let start = base as usize + k as usize;
    let bytes = frame.bytes.get(start..start + width)?;
    Some(bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
}
