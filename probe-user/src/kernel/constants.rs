//! Load-time constants: read-only data of the object, set before it is loaded. The verifier
//! knows their values and removes what they switch off, but it keeps the loads. Here a load
//! right behind the making of its address becomes the number, which spares each frame an
//! address of ten bytes and a cache line of data.

use object::build::elf::{Builder, SectionData, SectionId, SymbolId};

use super::{
    Error,
    inline::{INSN, Insn, JUMP, WIDE, is_read},
};

/// A constant and its value.
pub(super) struct Constant {
    name: &'static str,
    value: u64,
    /// Bytes that it takes in memory.
    size: u8,
}

impl Constant {
    pub(super) fn new<T: Into<u64>>(name: &'static str, value: T) -> Self {
        Self { name, value: value.into(), size: size_of::<T>() as u8 }
    }

    /// Its bytes as a machine of this byte order has them in memory.
    fn bytes(&self) -> Vec<u8> {
        match self.size {
            1 => (self.value as u8).to_ne_bytes().to_vec(),
            2 => (self.value as u16).to_ne_bytes().to_vec(),
            4 => (self.value as u32).to_ne_bytes().to_vec(),
            _ => self.value.to_ne_bytes().to_vec(),
        }
    }
}

/// Sets a constant, in the data and in the code that loads it.
pub(super) fn set(elf: &mut Builder<'_>, constant: &Constant) -> Result<(), Error> {
    let missing = || Error::Missing(constant.name);
    let name = constant.name.as_bytes();
    let symbol = elf.symbols.iter().find(|symbol| symbol.name == name.into());
    let symbol = symbol.filter(|symbol| symbol.st_size == u64::from(constant.size));
    let symbol = symbol.ok_or_else(missing)?;
    let (id, start) = (symbol.id(), symbol.st_value as usize);
    let section = symbol.section.ok_or_else(missing)?;
    let SectionData::Data(data) = &mut elf.sections.get_mut(section).data else {
        return Err(missing());
    };
    let place = data.to_mut().get_mut(start..start + usize::from(constant.size));
    place.ok_or_else(missing)?.copy_from_slice(&constant.bytes());

    for (relocations, code) in relocated(elf) {
        let uses = uses(elf, relocations, id);
        let SectionData::Data(code) = &mut elf.sections.get_mut(code).data else { continue };
        let code = code.to_mut();
        let done: Vec<u64> =
            uses.into_iter().filter(|&at| replace(code, at as usize, constant)).collect();
        if let SectionData::Relocation(all) = &mut elf.sections.get_mut(relocations).data {
            all.retain(|one| !done.contains(&one.r_offset));
        }
    }
    Ok(())
}

/// The sections of relocations, each with the section that they are made in.
fn relocated(elf: &Builder<'_>) -> Vec<(SectionId, SectionId)> {
    let relocations = elf.sections.iter().filter_map(|section| match section.data {
        SectionData::Relocation(_) => Some((section.id(), section.sh_info_section?)),
        _ => None,
    });
    relocations.collect()
}

/// Where the address of a symbol is made.
fn uses(elf: &Builder<'_>, relocations: SectionId, symbol: SymbolId) -> Vec<u64> {
    let SectionData::Relocation(all) = &elf.sections.get(relocations).data else {
        return Vec::new();
    };
    all.iter().filter(|one| one.symbol == Some(symbol)).map(|one| one.r_offset).collect()
}

/// Bytes that an instruction loads from memory into a register (RFC 9669, section 5.1).
fn load_size(opcode: u8) -> Option<u8> {
    match opcode {
        0x71 => Some(1),
        0x69 => Some(2),
        0x61 => Some(4),
        0x79 => Some(8),
        _ => None,
    }
}

/// The field of registers with this one as the destination.
fn in_dst(register: u8) -> u8 {
    if cfg!(target_endian = "little") { register } else { register << 4 }
}

/// `dst = imm`, sign-extended to 64 bits (RFC 9669, section 4.1).
const SET: u8 = 0xb7;

/// Exchanges the address at byte `at` and the load behind it for the number. `false` where
/// somebody else wants the address, or comes in between.
fn replace(code: &mut [u8], at: usize, constant: &Constant) -> bool {
    const LEN: usize = 3 * INSN;
    let insn = |at: usize| code.get(at..at + INSN).map(Insn::read);
    let (Some(address), Some(load)) = (insn(at), insn(at + 2 * INSN)) else { return false };
    let is_load = load_size(load.opcode) == Some(constant.size)
        && (load.src(), load.off) == (address.dst(), 0);
    let behind = at / INSN + 3;
    let wanted = load.dst() != address.dst() && is_read(code, behind, address.dst());
    if address.opcode != WIDE || !is_load || wanted || is_target(code, behind - 1) {
        return false;
    }
    let number = match i32::try_from(constant.value) {
        Ok(imm) => vec![Insn { opcode: SET, registers: in_dst(load.dst()), off: 0, imm }],
        Err(_) => {
            let [low, high] = [constant.value as i32, (constant.value >> 32) as i32];
            vec![
                Insn { opcode: WIDE, registers: in_dst(load.dst()), off: 0, imm: low },
                Insn { opcode: 0, registers: 0, off: 0, imm: high },
            ]
        }
    };
    // The verifier takes jumps to the next instruction out.
    let nothing = Insn { opcode: JUMP, registers: 0, off: 0, imm: 0 };
    let all = number.into_iter().chain(std::iter::repeat(nothing)).flat_map(Insn::bytes);
    for (to, byte) in code.iter_mut().skip(at).take(LEN).zip(all) {
        *to = byte;
    }
    true
}

/// Whether a jump ends at an instruction.
fn is_target(code: &[u8], target: usize) -> bool {
    let insns = (0i64..).zip(code.chunks_exact(INSN).map(Insn::read));
    insns
        .filter(|(_, insn)| insn.is_jump())
        .any(|(at, insn)| at + 1 + i64::from(insn.off) == target as i64)
}
