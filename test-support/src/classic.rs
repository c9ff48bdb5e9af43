//! Classic BPF as the kernel takes it: what `bpf_check_classic` refuses is refused
//! (net/core/filter.c), and what an instruction does is what it does there.

use probe_filter::Frame;
use probe_filter::cbpf::{Instruction, MAX_INSTRUCTIONS};

const LD: u16 = 0;
const LDX: u16 = 1;
const ST: u16 = 2;
const STX: u16 = 3;
const ALU: u16 = 4;
const JMP: u16 = 5;
const RET: u16 = 6;

/// Words of scratch memory (BPF_MEMWORDS).
const MEMORY: usize = 16;

/// Metadata, from this offset on (SKF_AD_OFF).
const METADATA: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = METADATA + 4;
const VLAN_TCI: u32 = METADATA + 44;
const VLAN_PRESENT: u32 = METADATA + 48;
const VLAN_TPID: u32 = METADATA + 60;
const PACKET_OUTGOING: u32 = 4;

/// A program that the kernel accepts.
pub struct Machine<'a> {
    program: &'a [Instruction],
}

impl<'a> Machine<'a> {
    /// Checks a program as the kernel does.
    pub fn new(program: &'a [Instruction]) -> Result<Self, String> {
        if program.is_empty() || program.len() > MAX_INSTRUCTIONS {
            return Err(format!("{} instructions", program.len()));
        }
        for (at, instruction) in program.iter().enumerate() {
            check(*instruction, program.len() - at - 1)
                .map_err(|what| format!("({at:03}) {what}: {instruction:?}"))?;
        }
        match program.last() {
            Some(last) if last.code & 7 == RET => {}
            _ => return Err("no return at the end".into()),
        }
        check_memory(program)?;
        Ok(Self { program })
    }

    /// What the program returns for a frame.
    pub fn run(&self, frame: &Frame<'_>) -> u32 {
        self.trace(frame, |_| {})
    }

    /// The same; tells each instruction that is executed.
    pub fn trace(&self, frame: &Frame<'_>, mut executed: impl FnMut(Instruction)) -> u32 {
        let (mut a, mut x, mut memory) = (0_u32, 0_u32, [0_u32; MEMORY]);
        let mut at = 0;
        // Jumps go forward only: every program ends.
        loop {
            let Instruction { code, jt, jf, k } = self.program[at];
            executed(self.program[at]);
            at += 1;
            let operand = if code & 8 == 0 { k } else { x };
            match code & 7 {
                LD | LDX => {
                    let loaded = match code & 0xe0 {
                        0x00 => Some(k),
                        0x20 => load(frame, code, k),
                        0x40 => indirect(frame, code, x, k),
                        0x60 => Some(memory[k as usize]),
                        0x80 => Some(frame.wire_len),
                        _ => load(frame, 0x10, k).map(|byte| (byte & 0xf) << 2),
                    };
                    let Some(value) = loaded else { return 0 };
                    if code & 7 == LD { a = value } else { x = value }
                }
                ST => memory[k as usize] = a,
                STX => memory[k as usize] = x,
                ALU => {
                    a = match code & 0xf0 {
                        0x00 => a.wrapping_add(operand),
                        0x10 => a.wrapping_sub(operand),
                        0x20 => a.wrapping_mul(operand),
                        0x30 | 0x90 if operand == 0 => return 0,
                        0x30 => a / operand,
                        0x40 => a | operand,
                        0x50 => a & operand,
                        // The kernel's machine takes five bits of a distance.
                        0x60 => a.wrapping_shl(operand),
                        0x70 => a.wrapping_shr(operand),
                        0x80 => a.wrapping_neg(),
                        0x90 => a % operand,
                        _ => a ^ operand,
                    };
                }
                JMP => {
                    let yes = match code & 0xf0 {
                        0x00 => {
                            at += k as usize;
                            continue;
                        }
                        0x10 => a == operand,
                        0x20 => a > operand,
                        0x30 => a >= operand,
                        _ => a & operand != 0,
                    };
                    at += usize::from(if yes { jt } else { jf });
                }
                RET => return if code & 0x18 == 0x10 { a } else { k },
                _ if code & 0xf8 == 0 => x = a,
                _ => a = x,
            }
        }
    }
}

/// Checks one instruction, behind which there are `left` more.
fn check(instruction: Instruction, left: usize) -> Result<(), &'static str> {
    let Instruction { code, jt, jf, k } = instruction;
    let memory = (k as usize) < MEMORY;
    let fine = match code {
        // Loads: fixed, metadata or not.
        0x20 | 0x28 | 0x30 => {
            k < METADATA || [PACKET_TYPE, VLAN_TCI, VLAN_PRESENT, VLAN_TPID].contains(&k)
        }
        // Immediate, from X on, length, header length.
        0x00 | 0x01 | 0x40 | 0x48 | 0x50 | 0x80 | 0x81 | 0xb1 => true,
        // Scratch memory.
        0x60 | 0x61 | 0x02 | 0x03 => memory,
        // Arithmetic; division by a constant zero and shifts by 32 and more are errors.
        0x34 | 0x94 => k != 0,
        0x64 | 0x74 => k < 32,
        0x04 | 0x0c | 0x14 | 0x1c | 0x24 | 0x2c | 0x3c | 0x44 | 0x4c | 0x54 | 0x5c | 0x6c
        | 0x7c | 0x84 | 0x9c | 0xa4 | 0xac => true,
        // Jumps.
        0x05 => (k as usize) < left,
        0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => usize::from(jt.max(jf)) < left,
        // Returns and transfers.
        0x06 | 0x16 | 0x07 | 0x87 => true,
        _ => return Err("no such instruction"),
    };
    if fine { Ok(()) } else { Err("the operand") }
}

/// No instruction reads scratch memory that some way to it has not written
/// (`check_load_and_stores`).
fn check_memory(program: &[Instruction]) -> Result<(), String> {
    // For each instruction, the words that all ways to it have written.
    let mut reaching = vec![u16::MAX; program.len()];
    let mut written = 0_u16;
    for (at, Instruction { code, jt, jf, k }) in program.iter().copied().enumerate() {
        written &= reaching[at];
        let mut join = |to: usize, written: u16| reaching[at + 1 + to] &= written;
        match code {
            0x02 | 0x03 => written |= 1 << k,
            0x60 | 0x61 if written >> k & 1 == 0 => {
                return Err(format!("({at:03}) reads memory that nothing has written"));
            }
            0x05 => {
                join(k as usize, written);
                written = u16::MAX;
            }
            _ if code & 7 == JMP => {
                join(jt.into(), written);
                join(jf.into(), written);
                written = u16::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A load from X on. The kernel gives negative offsets meanings of their own, which no
/// filter of ours may run into.
fn indirect(frame: &Frame<'_>, code: u16, x: u32, k: u32) -> Option<u32> {
    let offset = x.wrapping_add(k);
    assert!(offset as i32 >= 0, "[x + {k:#x}] with x = {x:#x} is negative in the kernel");
    load(frame, code, offset)
}

fn load(frame: &Frame<'_>, code: u16, offset: u32) -> Option<u32> {
    match offset {
        PACKET_TYPE => return Some(if frame.outbound == Some(true) { PACKET_OUTGOING } else { 0 }),
        VLAN_TCI => return Some(frame.vlan.map_or(0, |tag| tag.tci.into())),
        VLAN_PRESENT => return Some(frame.vlan.is_some().into()),
        VLAN_TPID => return Some(frame.vlan.map_or(0, |tag| tag.tpid.into())),
        _ => assert!(offset as i32 >= 0, "[{offset:#x}] is negative in the kernel"),
    }
    let width = match code & 0x18 {
        0x00 => 4,
        0x08 => 2,
        _ => 1,
    };
    let bytes = frame.bytes.get(offset as usize..)?.get(..width)?;
    Some(bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
}
