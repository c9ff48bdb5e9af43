//! Operation codes that the linker looks for or writes (RFC 9669, sections 3 to 5).

/// The bits with the class of an instruction, and the classes.
pub const CLASS: u8 = 0x07;
pub const LD: u8 = 0x00;
pub const LDX: u8 = 0x01;
pub const ST: u8 = 0x02;
pub const STX: u8 = 0x03;
pub const ALU32: u8 = 0x04;
pub const JMP: u8 = 0x05;
pub const JMP32: u8 = 0x06;
pub const ALU64: u8 = 0x07;

/// The second operand is a register, not the immediate.
pub const FROM_REGISTER: u8 = 0x08;
/// The bits of a load's or a store's code that say how many bytes.
pub const SIZE: u8 = 0x18;
/// The bits of an operation, and the one that only writes its destination.
pub const OPERATION: u8 = 0xf0;
pub const MOV: u8 = 0xb0;

/// `dst = imm64`, in two slots.
pub const WIDE: u8 = LD | 0x18;
/// `dst = *(size *)(src + offset)` of 8 bytes, and of 4; without the size, of any.
pub const LOAD: u8 = LDX | 0x60 | 0x18;
pub const LOAD_WORD: u8 = LDX | 0x60;
/// `*(u64 *)(dst + offset) = src`.
pub const STORE: u8 = STX | 0x60 | 0x18;

/// `dst += imm`, `dst -= src`, `dst = src`, `dst = imm`, on 64 bits.
pub const ADD_IMMEDIATE: u8 = ALU64;
pub const SUB_IMMEDIATE: u8 = ALU64 | 0x10;
pub const SUB: u8 = ALU64 | 0x10 | FROM_REGISTER;
pub const MOVE: u8 = ALU64 | MOV | FROM_REGISTER;
pub const MOVE_IMMEDIATE: u8 = ALU64 | MOV;

/// `goto +offset`, and with a distance of 32 bits, `goto +imm`.
pub const JUMP: u8 = JMP;
pub const JUMP_LONG: u8 = JMP32;
/// `if dst == imm`, `if dst != imm`, `if dst & imm`, on 64 and on 32 bits.
pub const EQ: u8 = JMP | 0x10;
pub const EQ_32: u8 = JMP32 | 0x10;
pub const NE: u8 = JMP | 0x50;
pub const NE_32: u8 = JMP32 | 0x50;
pub const IF_SET_32: u8 = JMP32 | 0x40;
pub const CALL: u8 = JMP | 0x80;
pub const EXIT: u8 = JMP | 0x90;

/// What the source register of a call says: the number is that of a helper, a distance to a
/// function of the program's own, or a kernel function's in the kernel's types
/// (`BPF_PSEUDO_CALL`, `BPF_PSEUDO_KFUNC_CALL`, include/uapi/linux/bpf.h).
pub const LOCAL_CALL: u8 = 1;
pub const KERNEL_CALL: u8 = 2;
