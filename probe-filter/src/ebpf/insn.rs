//! One eBPF instruction and the constructors the back end needs
//! (Documentation/bpf/standardization/instruction-set.rst).

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(pub u8);

/// Return value, and scratch.
pub(crate) const R0: Reg = Reg(0);
/// First argument.
pub(crate) const R1: Reg = Reg(1);
/// Second argument.
pub(crate) const R2: Reg = Reg(2);
/// Third argument.
pub(crate) const R3: Reg = Reg(3);
/// Fourth argument.
pub(crate) const R4: Reg = Reg(4);
/// Fifth argument.
pub(crate) const R5: Reg = Reg(5);
/// First of the registers that calls preserve.
pub(crate) const R6: Reg = Reg(6);
/// Preserved by calls.
pub(crate) const R7: Reg = Reg(7);
/// Preserved by calls.
pub(crate) const R8: Reg = Reg(8);
/// Preserved by calls.
pub(crate) const R9: Reg = Reg(9);
/// The frame pointer; read only.
pub(crate) const FP: Reg = Reg(10);

// Instruction classes.
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const STX: u8 = 0x03;
const ALU32: u8 = 0x04;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const ALU64: u8 = 0x07;

const SOURCE_REGISTER: u8 = 0x08;
const MODE_MEM: u8 = 0x60;
const WIDE: u8 = LD | 0x18;
const JUMP_ALWAYS: u8 = JMP;
const JUMP_ALWAYS_LONG: u8 = JMP32;
const CALL: u8 = JMP | 0x80;
const EXIT: u8 = JMP | 0x90;
const MAY_GOTO: u8 = JMP | 0xe0;
const TO_BIG_ENDIAN: u8 = ALU32 | 0xd0 | SOURCE_REGISTER;

/// One instruction: eight bytes, little-endian as the machine that runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    /// Operation code.
    pub code: u8,
    /// Destination register in the low half, source register in the high half.
    pub registers: u8,
    /// Jump distance or memory offset.
    pub offset: i16,
    /// Immediate operand.
    pub imm: i32,
}

/// Width of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Byte,
    Half,
    Word,
    Double,
}

impl Size {
    const fn bits(self) -> u8 {
        match self {
            Self::Word => 0x00,
            Self::Half => 0x08,
            Self::Byte => 0x10,
            Self::Double => 0x18,
        }
    }
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add = 0x00,
    Sub = 0x10,
    Mul = 0x20,
    Div = 0x30,
    Or = 0x40,
    And = 0x50,
    Shl = 0x60,
    Shr = 0x70,
    Neg = 0x80,
    Mod = 0x90,
    Xor = 0xa0,
    Mov = 0xb0,
}

/// Conditions, unsigned unless named otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cond {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Set,
}

impl Cond {
    const fn bits(self) -> u8 {
        match self {
            Self::Eq => 0x10,
            Self::Gt => 0x20,
            Self::Ge => 0x30,
            Self::Set => 0x40,
            Self::Ne => 0x50,
            Self::Lt => 0xa0,
            Self::Le => 0xb0,
        }
    }

    /// The opposite condition; the bit test has none.
    pub(crate) const fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Set => return None,
        })
    }
}

/// A register or a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    Reg(Reg),
    Imm(i32),
}

impl Insn {
    /// An instruction of its parts. Of the registers' numbers the lower four bits count.
    pub const fn new(code: u8, dst: Reg, src: Reg, offset: i16, imm: i32) -> Self {
        Self { code, registers: dst.0 & 0xf | src.0 << 4, offset, imm }
    }

    /// The destination register.
    pub const fn dst(self) -> Reg {
        Reg(self.registers & 0xf)
    }

    /// The source register.
    pub const fn src(self) -> Reg {
        Reg(self.registers >> 4)
    }

    /// The bytes the kernel takes.
    pub const fn to_bytes(self) -> [u8; 8] {
        let offset = self.offset.to_le_bytes();
        let imm = self.imm.to_le_bytes();
        [self.code, self.registers, offset[0], offset[1], imm[0], imm[1], imm[2], imm[3]]
    }

    /// The instruction that the kernel reads from these bytes, the opposite of
    /// [`to_bytes`](Self::to_bytes).
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [code, registers, offset @ .., _, _, _, _] = bytes;
        let [_, _, _, _, imm @ ..] = bytes;
        Self { code, registers, offset: i16::from_le_bytes(offset), imm: i32::from_le_bytes(imm) }
    }

    pub(crate) const fn alu64(op: Op, dst: Reg, operand: Operand) -> Self {
        Self::alu(ALU64, op, dst, operand)
    }

    /// Arithmetic on the lower halves; the upper half of the result is 0.
    pub(crate) const fn alu32(op: Op, dst: Reg, operand: Operand) -> Self {
        Self::alu(ALU32, op, dst, operand)
    }

    const fn alu(class: u8, op: Op, dst: Reg, operand: Operand) -> Self {
        match operand {
            Operand::Reg(src) => Self::new(class | op as u8 | SOURCE_REGISTER, dst, src, 0, 0),
            Operand::Imm(imm) => Self::new(class | op as u8, dst, R0, 0, imm),
        }
    }

    pub(crate) const fn load(size: Size, dst: Reg, base: Reg, offset: i16) -> Self {
        Self::new(LDX | MODE_MEM | size.bits(), dst, base, offset, 0)
    }

    pub(crate) const fn store(size: Size, base: Reg, offset: i16, src: Reg) -> Self {
        Self::new(STX | MODE_MEM | size.bits(), base, src, offset, 0)
    }

    /// Both halves of a 64-bit constant.
    pub(crate) const fn wide(dst: Reg, value: u64) -> [Self; 2] {
        [
            Self::new(WIDE, dst, R0, 0, value as u32 as i32),
            Self::new(0, R0, R0, 0, (value >> 32) as u32 as i32),
        ]
    }

    /// From network order; `bits` is 16 or 32.
    pub(crate) const fn big_endian(dst: Reg, bits: i32) -> Self {
        Self::new(TO_BIG_ENDIAN, dst, R0, 0, bits)
    }

    /// A comparison of the lower halves.
    pub(crate) const fn jump32(cond: Cond, left: Reg, right: Operand) -> Self {
        Self::jump_class(JMP32, cond, left, right)
    }

    /// A comparison of whole registers.
    pub(crate) const fn jump64(cond: Cond, left: Reg, right: Operand) -> Self {
        Self::jump_class(JMP, cond, left, right)
    }

    const fn jump_class(class: u8, cond: Cond, left: Reg, right: Operand) -> Self {
        match right {
            Operand::Reg(right) => {
                Self::new(class | cond.bits() | SOURCE_REGISTER, left, right, 0, 0)
            }
            Operand::Imm(imm) => Self::new(class | cond.bits(), left, R0, 0, imm),
        }
    }

    pub(crate) const fn jump() -> Self {
        Self::new(JUMP_ALWAYS, R0, R0, 0, 0)
    }

    /// A jump with a 32-bit distance (kernel 6.6).
    pub(crate) const fn jump_long(distance: i32) -> Self {
        Self::new(JUMP_ALWAYS_LONG, R0, R0, 0, distance)
    }

    /// Goes on until the kernel's budget for loops is used up, then jumps (kernel 6.9).
    pub(crate) const fn may_goto() -> Self {
        Self::new(MAY_GOTO, R0, R0, 0, 0)
    }

    pub(crate) const fn call(helper: Helper) -> Self {
        Self::new(CALL, R0, R0, 0, helper as i32)
    }

    pub(crate) const fn exit() -> Self {
        Self::new(EXIT, R0, R0, 0, 0)
    }

    /// The condition of a conditional jump of either class.
    pub(crate) const fn condition(self) -> Option<Cond> {
        if self.code & 0x07 != JMP && self.code & 0x07 != JMP32 {
            return None;
        }
        Some(match self.code & 0xf0 {
            0x10 => Cond::Eq,
            0x20 => Cond::Gt,
            0x30 => Cond::Ge,
            0x40 => Cond::Set,
            0x50 => Cond::Ne,
            0xa0 => Cond::Lt,
            0xb0 => Cond::Le,
            _ => return None,
        })
    }

    /// The same jump with the opposite condition, where there is one.
    pub(crate) fn inverted(self) -> Option<Self> {
        let cond = self.condition()?.inverse()?;
        Some(Self { code: self.code & 0x0f | cond.bits(), ..self })
    }

    pub(crate) const fn class(self) -> u8 {
        self.code & 0x07
    }

    /// Whether the second operand is a register.
    pub(crate) const fn takes_register(self) -> bool {
        self.code & SOURCE_REGISTER != 0
    }

    /// Whether this is the first half of a 64-bit constant.
    pub(crate) const fn is_wide(self) -> bool {
        self.code == WIDE
    }

    pub(crate) const fn is_may_goto(self) -> bool {
        self.code == MAY_GOTO
    }

    /// Whether this ends the function.
    pub(crate) const fn is_exit(self) -> bool {
        self.code == EXIT
    }

    /// Whether this loads from the stack, or stores there.
    pub(crate) const fn is_on_stack(self) -> bool {
        let base = match self.class() {
            LDX => self.src(),
            STX => self.dst(),
            _ => return false,
        };
        base.0 == FP.0
    }

    /// Whether this is the unconditional jump with a 16-bit distance.
    pub(crate) const fn is_jump(self) -> bool {
        self.code == JUMP_ALWAYS
    }
}

/// Helpers by number (include/uapi/linux/bpf.h). Neither of them moves packet
/// data, so packet pointers stay valid over the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Helper {
    SkbLoadBytes = 26,
    XdpGetBuffLen = 188,
    XdpLoadBytes = 189,
}

impl Helper {
    /// The helper that an instruction calls.
    pub(crate) const fn called(insn: Insn) -> Option<Self> {
        match (insn.code, insn.imm) {
            (CALL, 26) => Some(Self::SkbLoadBytes),
            (CALL, 188) => Some(Self::XdpGetBuffLen),
            (CALL, 189) => Some(Self::XdpLoadBytes),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SkbLoadBytes => "bpf_skb_load_bytes",
            Self::XdpGetBuffLen => "bpf_xdp_get_buff_len",
            Self::XdpLoadBytes => "bpf_xdp_load_bytes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_instructions_are_one() {
        let insn = Insn::new(0x7b, FP, R3, -16, -2);
        let bytes = [0x7b, 0x3a, 0xf0, 0xff, 0xfe, 0xff, 0xff, 0xff];
        assert_eq!(insn.to_bytes(), bytes);
        assert_eq!(Insn::from_bytes(bytes), insn);
        assert_eq!((insn.dst(), insn.src()), (FP, R3));
    }
}
