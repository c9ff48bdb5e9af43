//! The three forms in which tcpdump prints classic BPF.

use core::fmt;

use super::Program;
use super::insn::{
    ABS, ADD, ALU, AND, BYTE, DIV, HALF, IMM, IND, Instruction, JA, JEQ, JGE, JGT, JMP, JSET, LD,
    LDX, LEN, LSH, MEM, MOD, MSH, MUL, NEG, OR, RET, RSH, ST, SUB, TAX, TXA, X, XOR, ancillary,
};

impl Program {
    /// `-dd`: a C array's body.
    pub fn c_array(&self) -> String {
        let line = |Instruction { code, jt, jf, k }: &Instruction| {
            format!("{{ {code:#x}, {jt}, {jf}, {k:#010x} }},\n")
        };
        self.instructions.iter().map(line).collect()
    }

    /// `-ddd`: decimal numbers behind their count. iptables takes them with commas for
    /// the line ends.
    pub fn decimal(&self) -> String {
        let line =
            |Instruction { code, jt, jf, k }: &Instruction| format!("{code} {jt} {jf} {k}\n");
        let lines: String = self.instructions.iter().map(line).collect();
        format!("{}\n{lines}", self.instructions.len())
    }
}

impl fmt::Display for Program {
    /// `-d`: one line an instruction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, instruction) in self.instructions.iter().enumerate() {
            line(f, index, instruction)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, index: usize, instruction: &Instruction) -> fmt::Result {
    let &Instruction { code, jt, jf, k } = instruction;
    let (name, operand) = text(index, code, k);
    let tests = code & 0x07 == JMP && code & 0xf0 != JA;
    if tests {
        let (yes, no) = (index + 1 + usize::from(jt), index + 1 + usize::from(jf));
        writeln!(f, "({index:03}) {name:<8} {operand:<16} jt {yes}\tjf {no}")
    } else {
        writeln!(f, "({index:03}) {name:<8} {operand}")
    }
}

fn text(index: usize, code: u16, k: u32) -> (&'static str, String) {
    let signed = k as i32;
    match code & 0x07 {
        RET => ("ret", format!("#{signed}")),
        LD => (sized(code, ["ld", "ldh", "ldb"]), load(code, k)),
        LDX if code & 0xe0 == MSH => ("ldxb", format!("4*([{signed}]&0xf)")),
        LDX => ("ldx", load(code, k)),
        ST => ("st", format!("M[{signed}]")),
        JMP if code & 0xf0 == JA => ("ja", (index as u64 + 1 + u64::from(k)).to_string()),
        JMP => {
            let name = match code & 0xf0 {
                JEQ => "jeq",
                JGT => "jgt",
                JGE => "jge",
                JSET => "jset",
                _ => "unimp",
            };
            (name, if code & X == 0 { format!("#{k:#x}") } else { "x".into() })
        }
        ALU => arithmetic(code, k),
        _ if code == TAX => ("tax", String::new()),
        _ if code == TXA => ("txa", String::new()),
        _ => ("stx", format!("M[{signed}]")),
    }
}

fn arithmetic(code: u16, k: u32) -> (&'static str, String) {
    let (name, hexadecimal) = match code & 0xf0 {
        ADD => ("add", false),
        SUB => ("sub", false),
        MUL => ("mul", false),
        DIV => ("div", false),
        MOD => ("mod", false),
        AND => ("and", true),
        OR => ("or", true),
        XOR => ("xor", true),
        LSH => ("lsh", false),
        RSH => ("rsh", false),
        NEG => return ("neg", String::new()),
        _ => return ("unimp", String::new()),
    };
    let operand = match (code & X, hexadecimal) {
        (0, true) => format!("#{k:#x}"),
        (0, false) => format!("#{}", k as i32),
        _ => "x".into(),
    };
    (name, operand)
}

fn load(code: u16, k: u32) -> String {
    let signed = k as i32;
    match code & 0xe0 {
        IMM => format!("#{k:#x}"),
        IND => format!("[x + {signed}]"),
        MEM => format!("M[{signed}]"),
        LEN => "#pktlen".into(),
        ABS => match k.wrapping_sub(ancillary::OFFSET) {
            ancillary::PACKET_TYPE => "[type]".into(),
            ancillary::VLAN_TCI => "[vlan_tci]".into(),
            ancillary::VLAN_PRESENT => "[vlanp]".into(),
            ancillary::VLAN_TPID => "[vlan_tpid]".into(),
            _ => format!("[{signed}]"),
        },
        _ => String::new(),
    }
}

fn sized(code: u16, [word, half, byte]: [&'static str; 3]) -> &'static str {
    match code & 0x18 {
        HALF => half,
        BYTE => byte,
        _ => word,
    }
}
