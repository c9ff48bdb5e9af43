//! Random programs: callers of a function, and functions, that always end.

use probe_filter::ebpf::{Insn, Reg};
use proptest::{collection::vec, prelude::*, sample::select};

/// The load-time constants, and how long they are.
pub const CONSTANTS: [(&str, usize); 4] = [("A", 8), ("B", 4), ("C", 1), ("D", 8)];
/// The source register of a call of one's own function.
pub const LOCAL_CALL: u8 = 1;

const FP: Reg = Reg(10);
/// Holds addresses, and nothing that is looked at.
const ADDRESS: Reg = Reg(5);
/// Registers that programs compute with: some of those that a call spoils, and all that it
/// preserves.
const REGISTERS: [Reg; 7] = [Reg(0), Reg(2), Reg(3), Reg(6), Reg(7), Reg(8), Reg(9)];
const PRESERVED: [Reg; 4] = [Reg(6), Reg(7), Reg(8), Reg(9)];

/// Stack: the address of the memory, what is left of the jumps back, then words of the program's.
const MEMORY_AT: i16 = -8;
const FUEL_AT: i16 = -16;
const WORDS: [i16; 4] = [-24, -32, -40, -48];
/// Words of memory that programs read and write, behind those with the registers at the end.
const MEMORY: [i16; 3] = [40, 48, 56];

/// Codes of RFC 9669.
const WIDE: u8 = 0x18;
const LOAD: u8 = 0x79;
const STORE: u8 = 0x7b;
const JUMP: u8 = 0x05;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const MOVE: u8 = 0xbf;
const MOVE_IMMEDIATE: u8 = 0xb7;
const ADD_IMMEDIATE: u8 = 0x07;
const IF_SIGNED_GREATER: u8 = 0x65;
/// All arithmetic without division, which ends some programs, and negation: 64 bits, of an
/// immediate.
const ARITHMETIC: [u8; 9] = [0x07, 0x17, 0x27, 0x47, 0x57, 0x67, 0x77, 0xa7, 0xb7];
/// All conditions, 64 bits, of an immediate.
const CONDITIONS: [u8; 11] = [0x15, 0x25, 0x35, 0x45, 0x55, 0x65, 0x75, 0xa5, 0xb5, 0xc5, 0xd5];
/// Equal and not equal to an immediate, with 64 and with 32 bits.
const ZERO_TESTS: [u8; 4] = [0x15, 0x16, 0x55, 0x56];
/// Makes 64-bit arithmetic and comparisons ones of 32 bits.
const NARROW: [(u8, u8); 2] = [(0x07, 0x04), (0x05, 0x06)];
const FROM_REGISTER: u8 = 0x08;
/// Loads of 4, 2, 1 and 8 bytes.
const LOADS: [u8; 4] = [0x61, 0x69, 0x71, 0x79];

/// A step of a program. Jumps skip, or go back by, some steps.
#[derive(Clone, Debug)]
pub enum Step {
    Arithmetic {
        code: u8,
        narrow: bool,
        dst: Reg,
        with: With,
    },
    LoadWord {
        dst: Reg,
        word: usize,
    },
    StoreWord {
        word: usize,
        src: Reg,
    },
    /// Through an address of the stack that is computed.
    StoreBelow {
        src: Reg,
        by: i32,
    },
    LoadMemory {
        code: u8,
        dst: Reg,
        at: usize,
    },
    StoreMemory {
        at: usize,
        src: Reg,
    },
    If {
        code: u8,
        narrow: bool,
        dst: Reg,
        with: With,
        skip: usize,
    },
    Skip(usize),
    Back(usize),
    Exit,
    /// A constant, loaded as compilers do.
    Constant {
        dst: Reg,
        which: usize,
    },
    /// A constant whose address is kept in another register.
    Elsewhere {
        dst: Reg,
        which: usize,
    },
    /// Bytes of a constant: the load's size, its place, and what has the place.
    Part {
        dst: Reg,
        which: usize,
        code: u8,
        at: i16,
        place: Place,
    },
    /// A constant that switches something off.
    Switch {
        dst: Reg,
        which: usize,
        code: u8,
        skip: usize,
    },
    Call,
}

/// Where the place of a part of a constant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Load,
    /// In the address, as the compiler has it beside the relocation.
    Address,
    /// It is added to the address.
    Added,
}

#[derive(Clone, Copy, Debug)]
pub enum With {
    Register(Reg),
    Immediate(i32),
}

/// What an instruction refers to.
#[derive(Clone, Copy, Debug)]
pub enum Reference {
    Function,
    Constant(usize),
}

/// Instructions, and what they refer to.
#[derive(Clone, Debug, Default)]
pub struct Code {
    pub insns: Vec<Insn>,
    pub references: Vec<(usize, Reference)>,
}

/// Steps that both callers and functions take.
fn common() -> impl Strategy<Value = Step> {
    let register = || select(&REGISTERS[..]);
    let with = || {
        prop_oneof![
            register().prop_map(With::Register),
            prop_oneof![-2..3i32, any::<i32>()].prop_map(With::Immediate),
        ]
    };
    let skip = || 0..6usize;
    prop_oneof![
        6 => (select(&ARITHMETIC[..]), any::<bool>(), register(), with())
            .prop_map(|(code, narrow, dst, with)| Step::Arithmetic { code, narrow, dst, with }),
        2 => (register(), 0..WORDS.len()).prop_map(|(dst, word)| Step::LoadWord { dst, word }),
        2 => (0..WORDS.len(), register()).prop_map(|(word, src)| Step::StoreWord { word, src }),
        2 => (select(&LOADS[..]), register(), 0..MEMORY.len())
            .prop_map(|(code, dst, at)| Step::LoadMemory { code, dst, at }),
        2 => (0..MEMORY.len(), register()).prop_map(|(at, src)| Step::StoreMemory { at, src }),
        3 => (select(&CONDITIONS[..]), any::<bool>(), register(), with(), skip())
            .prop_map(|(code, narrow, dst, with, skip)| Step::If { code, narrow, dst, with, skip }),
        1 => skip().prop_map(Step::Skip),
        1 => (1..6usize).prop_map(Step::Back),
        1 => Just(Step::Exit),
    ]
}

/// A program that calls the function, perhaps more than once.
pub fn caller() -> impl Strategy<Value = Vec<Step>> {
    let register = || select(&REGISTERS[..]);
    let which = || 0..CONSTANTS.len();
    let step = prop_oneof![
        8 => common(),
        1 => (register(), 1..5i32).prop_map(|(src, by)| Step::StoreBelow { src, by: 48 + 8 * by }),
        1 => (register(), which()).prop_map(|(dst, which)| Step::Constant { dst, which }),
        1 => (register(), which()).prop_map(|(dst, which)| Step::Elsewhere { dst, which }),
        2 => part(),
        2 => (register(), which(), select(&ZERO_TESTS[..]), 0..6usize)
            .prop_map(|(dst, which, code, skip)| Step::Switch { dst, which, code, skip }),
        1 => Just(Step::Call),
    ];
    (vec(step.clone(), 0..12), vec(step, 0..12)).prop_map(|(mut steps, behind)| {
        steps.push(Step::Call);
        steps.extend(behind);
        steps
    })
}

/// A load of some bytes of a constant, the first ones or others.
fn part() -> impl Strategy<Value = Step> {
    let load = select(&LOADS[..]);
    let place = select(&[Place::Load, Place::Address, Place::Added][..]);
    let parts = (select(&REGISTERS[..]), 0..CONSTANTS.len(), load, any::<u8>(), place);
    parts.prop_filter_map("longer than the constant", |(dst, which, code, at, place)| {
        let (_, size) = CONSTANTS[which];
        let rest = size.checked_sub(bytes_of(code))?;
        Some(Step::Part { dst, which, code, at: (at as usize % (rest + 1)) as i16, place })
    })
}

/// How many bytes a load takes.
fn bytes_of(load: u8) -> usize {
    let index = LOADS.iter().position(|&code| code == load).unwrap();
    [4, 2, 1, 8][index]
}

/// A function.
pub fn function() -> impl Strategy<Value = Vec<Step>> {
    vec(common(), 0..16)
}

/// The steps as code. r1 has the address of the memory. Before it ends, the code writes those
/// registers there that `looked_at` has, with [`REGISTERS`]' first, r0, among them.
pub fn assemble(steps: &[Step], registers: [i32; 4], looked_at: &[Reg]) -> Code {
    let mut code = Code::default();
    code.insns.push(insn(STORE, FP, Reg(1), MEMORY_AT));
    code.insns.push(Insn::new(MOVE_IMMEDIATE, ADDRESS, Reg(0), 0, 3));
    code.insns.push(insn(STORE, FP, ADDRESS, FUEL_AT));
    for (register, value) in PRESERVED.into_iter().zip(registers) {
        code.insns.push(Insn::new(MOVE_IMMEDIATE, register, Reg(0), 0, value));
    }
    for register in [Reg(0), Reg(2), Reg(3)] {
        code.insns.push(insn(MOVE, register, Reg(7), 0));
    }
    code.insns.extend(WORDS.map(|word| insn(STORE, FP, Reg(8), word)));
    let starts = lay_out(&mut code, steps);
    let end = code.insns.len();
    let target = |step: usize| starts.get(step).copied().unwrap_or(end);
    for (number, step) in steps.iter().enumerate() {
        // The jump is the last instruction of its step.
        let at = target(number + 1) - 1;
        let to = match step {
            Step::If { skip, .. } | Step::Skip(skip) | Step::Switch { skip, .. } => {
                target(number + 1 + skip)
            }
            Step::Back(by) => target(number.saturating_sub(*by)),
            Step::Exit => end,
            _ => continue,
        };
        code.insns[at].offset = (to as i64 - at as i64 - 1) as i16;
    }
    code.insns.push(insn(LOAD, ADDRESS, FP, MEMORY_AT));
    for (&register, place) in looked_at.iter().zip((0..).step_by(8)) {
        code.insns.push(insn(STORE, ADDRESS, register, place));
    }
    code.insns.push(insn(EXIT, Reg(0), Reg(0), 0));
    code
}

/// Where each step begins.
fn lay_out(code: &mut Code, steps: &[Step]) -> Vec<usize> {
    let mut starts = Vec::new();
    for step in steps {
        starts.push(code.insns.len());
        step_code(code, step);
    }
    starts
}

fn step_code(code: &mut Code, step: &Step) {
    let memory = insn(LOAD, ADDRESS, FP, MEMORY_AT);
    match *step {
        Step::Arithmetic { code: operation, narrow, dst, with } => {
            code.insns.push(operand(operation, narrow, dst, with));
        }
        Step::LoadWord { dst, word } => code.insns.push(insn(LOAD, dst, FP, WORDS[word])),
        Step::StoreWord { word, src } => code.insns.push(insn(STORE, FP, src, WORDS[word])),
        Step::StoreBelow { src, by } => code.insns.extend([
            insn(MOVE, ADDRESS, FP, 0),
            Insn::new(ADD_IMMEDIATE, ADDRESS, Reg(0), 0, -by),
            insn(STORE, ADDRESS, src, 0),
        ]),
        Step::LoadMemory { code: load, dst, at } => {
            code.insns.extend([memory, insn(load, dst, ADDRESS, MEMORY[at])]);
        }
        Step::StoreMemory { at, src } => {
            code.insns.extend([memory, insn(STORE, ADDRESS, src, MEMORY[at])]);
        }
        Step::If { code: condition, narrow, dst, with, .. } => {
            code.insns.push(operand(condition, narrow, dst, with));
        }
        Step::Skip(_) | Step::Exit => code.insns.push(insn(JUMP, Reg(0), Reg(0), 0)),
        Step::Back(_) => code.insns.extend([
            insn(LOAD, ADDRESS, FP, FUEL_AT),
            Insn::new(ADD_IMMEDIATE, ADDRESS, Reg(0), 0, -1),
            insn(STORE, FP, ADDRESS, FUEL_AT),
            insn(IF_SIGNED_GREATER, ADDRESS, Reg(0), 0),
        ]),
        Step::Constant { dst, which } => constant(code, dst, dst, which),
        Step::Part { dst, which, code: load, at, place } => {
            let of = |one| if place == one { at } else { 0 };
            code.references.push((code.insns.len(), Reference::Constant(which)));
            code.insns.push(Insn::new(WIDE, dst, Reg(0), 0, of(Place::Address).into()));
            code.insns.push(insn(0, Reg(0), Reg(0), 0));
            if place == Place::Added {
                code.insns.push(Insn::new(ADD_IMMEDIATE, dst, Reg(0), 0, at.into()));
            }
            code.insns.push(insn(load, dst, dst, of(Place::Load)));
        }
        Step::Elsewhere { dst, which } => constant(code, ADDRESS, dst, which),
        Step::Switch { dst, which, code: test, .. } => {
            constant(code, dst, dst, which);
            code.insns.push(insn(test, dst, Reg(0), 0));
        }
        Step::Call => {
            code.insns.push(insn(LOAD, Reg(1), FP, MEMORY_AT));
            code.references.push((code.insns.len(), Reference::Function));
            code.insns.push(Insn::new(CALL, Reg(0), Reg(LOCAL_CALL), 0, -1));
        }
    }
}

fn constant(code: &mut Code, address: Reg, dst: Reg, which: usize) {
    let (_, size) = CONSTANTS[which];
    let load = match size {
        1 => LOADS[2],
        4 => LOADS[0],
        _ => LOAD,
    };
    code.references.push((code.insns.len(), Reference::Constant(which)));
    code.insns.extend([
        insn(WIDE, address, Reg(0), 0),
        insn(0, Reg(0), Reg(0), 0),
        insn(load, dst, address, 0),
    ]);
}

fn operand(code: u8, narrow: bool, dst: Reg, with: With) -> Insn {
    let class = NARROW.iter().find(|(wide, _)| code & 0x07 == *wide && narrow);
    let code = class.map_or(code, |(_, class)| code & 0xf8 | class);
    match with {
        With::Register(src) => insn(code | FROM_REGISTER, dst, src, 0),
        With::Immediate(imm) => Insn::new(code, dst, Reg(0), 0, imm),
    }
}

fn insn(code: u8, dst: Reg, src: Reg, offset: i16) -> Insn {
    Insn::new(code, dst, src, offset, 0)
}
