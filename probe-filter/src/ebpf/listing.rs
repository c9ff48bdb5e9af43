//! The listing of generated eBPF, in the kernel's own notation.

use core::fmt::{self, Write};

use super::insn::{Cond, Helper, Insn};
use super::{Part, Program};

/// Arguments by register, while they are still there.
const ARGUMENTS: &str = "; r1 context, r2 data, r3 data_end, r4 state, r5 length and direction";

impl fmt::Display for Program {
    /// One line an instruction, with a comment where another part begins.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{ARGUMENTS}")?;
        let mut parts = self.parts.iter().peekable();
        let mut skip = false;
        for (index, insn) in self.insns.iter().enumerate() {
            while let Some((_, part)) = parts.next_if(|(start, _)| *start <= index) {
                writeln!(f, "; {part}")?;
            }
            if !core::mem::take(&mut skip) {
                skip = insn.is_wide();
                let next = self.insns.get(index + 1).map_or(0, |next| next.imm);
                writeln!(f, "{index:5}: {}", Line { insn: *insn, index, next })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fast => write!(f, "packet memory read directly"),
            Self::Careful => write!(f, "packet memory read through helpers"),
            Self::Tagged => write!(f, "frames with a VLAN tag"),
            Self::Count(rule) => write!(f, "rule {} matches", rule + 1),
        }
    }
}

struct Line {
    insn: Insn,
    index: usize,
    /// The immediate of the next slot, the upper half of a wide constant.
    next: i32,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let insn = self.insn;
        let (dst, src) = (insn.dst().0, insn.src().0);
        let target = |distance: i64| self.index as i64 + 1 + distance;
        let word = if matches!(insn.class(), 0x04 | 0x06) { 'w' } else { 'r' };
        let operand = |f: &mut fmt::Formatter<'_>| {
            if insn.takes_register() {
                write!(f, "{word}{src}")
            } else {
                write!(f, "{:#x}", insn.imm)
            }
        };
        let size = match insn.code & 0x18 {
            0x00 => "u32",
            0x08 => "u16",
            0x10 => "u8",
            _ => "u64",
        };
        if insn.is_wide() {
            let value = u64::from(insn.imm as u32) | u64::from(self.next as u32) << 32;
            return write!(f, "r{dst} = {value:#x} ll");
        }
        match insn.class() {
            0x01 => write!(f, "r{dst} = *({size} *)(r{src} {})", Signed(insn.offset)),
            0x03 => write!(f, "*({size} *)(r{dst} {}) = r{src}", Signed(insn.offset)),
            0x04 | 0x07 => match insn.code & 0xf0 {
                0xd0 => write!(f, "r{dst} = be{} r{dst}", insn.imm),
                0x80 => write!(f, "{word}{dst} = -{word}{dst}"),
                code => {
                    write!(f, "{word}{dst} {} ", operator(code))?;
                    operand(f)
                }
            },
            _ => {
                if insn.is_exit() {
                    return f.write_str("exit");
                }
                if let Some(helper) = Helper::called(insn) {
                    return write!(f, "call {}", helper.name());
                }
                if let Some(cond) = insn.condition() {
                    write!(f, "if {word}{dst} {} ", relation(cond))?;
                    operand(f)?;
                    return write!(f, " goto {}", target(insn.offset.into()));
                }
                if insn.is_may_goto() {
                    return write!(f, "may_goto {}", target(insn.offset.into()));
                }
                let distance = if insn.is_jump() { insn.offset.into() } else { insn.imm.into() };
                write!(f, "goto {}", target(distance))
            }
        }
    }
}

struct Signed(i16);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(if self.0 < 0 { '-' } else { '+' })?;
        write!(f, " {}", self.0.unsigned_abs())
    }
}

fn operator(code: u8) -> &'static str {
    match code {
        0x00 => "+=",
        0x10 => "-=",
        0x20 => "*=",
        0x30 => "/=",
        0x40 => "|=",
        0x50 => "&=",
        0x60 => "<<=",
        0x70 => ">>=",
        0x90 => "%=",
        0xa0 => "^=",
        _ => "=",
    }
}

fn relation(cond: Cond) -> &'static str {
    match cond {
        Cond::Eq => "==",
        Cond::Ne => "!=",
        Cond::Gt => ">",
        Cond::Ge => ">=",
        Cond::Lt => "<",
        Cond::Le => "<=",
        Cond::Set => "&",
    }
}
