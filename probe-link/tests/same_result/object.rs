//! Objects as the compiler writes them, and a loader that makes them programs for the
//! interpreter.

use object::{
    Endianness,
    build::elf::{Builder, Relocation, SectionData, SectionId, SymbolId},
    elf::{
        EM_BPF, ET_REL, R_BPF_64_32, R_BPF_64_64, SHF_ALLOC, SHF_EXECINSTR, SHF_INFO_LINK,
        SHT_PROGBITS, SHT_REL, SHT_STRTAB, SHT_SYMTAB, STB_GLOBAL, STB_LOCAL, STT_FUNC, STT_OBJECT,
    },
};
use probe_filter::ebpf::Insn;

use crate::program::{CONSTANTS, Code, LOCAL_CALL, Reference};

/// The symbol of the function that is exchanged.
pub const FUNCTION: &str = "filter";
/// The section of the program, and its symbol.
const PROGRAM: &str = "classifier";
/// The map with the size to set.
pub const MAP: &str = "RINGS";
/// Bytes of memory that the program works on; the constants lie behind them.
pub const MEMORY: usize = 64;

/// An object with a program that calls the function, with the function, and with constants of
/// these values.
pub fn object(program: &Code, function: &[Insn], values: [u64; CONSTANTS.len()]) -> Vec<u8> {
    let mut elf = Builder::new(Endianness::Little, true);
    elf.header.e_type = ET_REL;
    elf.header.e_machine = EM_BPF;
    let code = SHF_ALLOC | SHF_EXECINSTR;
    let text = section(&mut elf, ".text", code, bytes(function));
    let body = section(&mut elf, PROGRAM, code, bytes(&program.insns));
    let mut data = vec![0; 3]; // constants do not begin where their section does
    let places = CONSTANTS.map(|(_, size)| {
        data.resize(data.len().next_multiple_of(size), 0);
        data.len() as u64 + data.splice(data.len().., vec![0; size]).count() as u64
    });
    for ((place, (_, size)), value) in places.into_iter().zip(CONSTANTS).zip(values) {
        data[place as usize..][..size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
    let data = section(&mut elf, ".rodata", SHF_ALLOC, data);
    let maps = section(&mut elf, "maps", SHF_ALLOC, vec![0; 28]);

    // Some function of the compiler's own stands before the one that is called.
    symbol(&mut elf, PROGRAM, STT_FUNC, body, 0..8 * program.insns.len() as u64);
    let called = symbol(&mut elf, FUNCTION, STT_FUNC, text, 0..8 * function.len() as u64);
    symbol(&mut elf, MAP, STT_OBJECT, maps, 0..28);
    let mut constants = Vec::new();
    for ((name, size), place) in CONSTANTS.into_iter().zip(places) {
        let size = size as u64;
        constants.push(symbol(&mut elf, name, STT_OBJECT, data, place..place + size));
    }

    let relocations = program.references.iter().map(|&(at, to)| {
        let (symbol, r_type) = match to {
            Reference::Function => (called, R_BPF_64_32),
            Reference::Constant(which) => (constants[which], R_BPF_64_64),
        };
        Relocation { r_offset: 8 * at as u64, symbol: Some(symbol), r_type, r_addend: 0 }
    });
    let relocations = relocations.collect();
    let symbols = elf.sections.add();
    symbols.name = b".symtab"[..].into();
    symbols.sh_type = SHT_SYMTAB;
    symbols.sh_addralign = 8;
    symbols.data = SectionData::Symbol;
    let symbols = symbols.id();
    let relocated = elf.sections.add();
    relocated.name = [b".rel", PROGRAM.as_bytes()].concat().into();
    relocated.sh_type = SHT_REL;
    relocated.sh_flags = SHF_INFO_LINK.into();
    relocated.sh_addralign = 8;
    relocated.sh_link_section = Some(symbols);
    relocated.sh_info_section = Some(body);
    relocated.data = SectionData::Relocation(relocations);
    for (name, data) in
        [(".strtab", SectionData::String), (".shstrtab", SectionData::SectionString)]
    {
        let strings = elf.sections.add();
        strings.name = name.as_bytes().into();
        strings.sh_type = SHT_STRTAB;
        strings.sh_addralign = 1;
        strings.data = data;
    }
    let mut object = Vec::new();
    elf.write(&mut object).unwrap();
    object
}

fn section(elf: &mut Builder<'_>, name: &'static str, flags: u32, data: Vec<u8>) -> SectionId {
    let section = elf.sections.add();
    section.name = name.as_bytes().into();
    section.sh_type = SHT_PROGBITS;
    section.sh_flags = flags.into();
    section.sh_addralign = 8;
    section.data = SectionData::Data(data.into());
    section.id()
}

fn symbol(
    elf: &mut Builder<'_>,
    name: &'static str,
    kind: u8,
    section: SectionId,
    place: std::ops::Range<u64>,
) -> SymbolId {
    let symbol = elf.symbols.add();
    symbol.name = name.as_bytes().into();
    symbol.set_st_info(if name.is_empty() { STB_LOCAL } else { STB_GLOBAL }, kind);
    symbol.section = Some(section);
    (symbol.st_value, symbol.st_size) = (place.start, place.end - place.start);
    symbol.id()
}

fn bytes(insns: &[Insn]) -> Vec<u8> {
    insns.iter().flat_map(|insn| insn.to_bytes()).collect()
}

/// The program of an object, as a loader hands it to the kernel: its code and behind it the
/// functions, with every relocation resolved. The memory has [`MEMORY`] bytes, and behind them
/// the object's constants.
pub struct Loaded {
    pub code: Vec<u8>,
    pub memory: Vec<u8>,
    /// Size of the map's values, as its definition has it.
    pub value_size: u32,
}

pub fn load(object: &[u8]) -> Loaded {
    let elf = Builder::read(object).unwrap();
    let find = |name: &str| {
        elf.sections.iter().find(|one| one.name.as_slice() == name.as_bytes()).unwrap()
    };
    let data = |name: &str| match &find(name).data {
        SectionData::Data(bytes) => bytes.to_vec(),
        _ => panic!("{name}"),
    };
    let mut code = data(PROGRAM);
    let functions = code.len();
    code.extend(data(".text"));
    let mut memory = vec![0; MEMORY];
    memory.extend(data(".rodata"));
    let SectionData::Relocation(relocations) = &find(&format!(".rel{PROGRAM}")).data else {
        panic!("no relocations")
    };
    for one in relocations {
        let symbol = elf.symbols.get(one.symbol.unwrap());
        let at = one.r_offset as usize;
        if one.r_type == R_BPF_64_32 {
            let function = functions + symbol.st_value as usize;
            put(&mut code, at, ((function as i64 - at as i64) / 8 - 1) as u32);
            assert_eq!(code[at + 1] >> 4, LOCAL_CALL);
        } else {
            // What stands beside the relocation is added.
            let addend = code[at + 4..at + 8].try_into().unwrap();
            let place = symbol.st_value + u64::from(u32::from_le_bytes(addend));
            let address = memory.as_ptr() as u64 + MEMORY as u64 + place;
            put(&mut code, at, address as u32);
            put(&mut code, at + 8, (address >> 32) as u32);
        }
    }
    let value_size = data("maps")[8..12].try_into().unwrap();
    Loaded { code, memory, value_size: u32::from_le_bytes(value_size) }
}

/// Sets the immediate of the instruction at a place.
fn put(code: &mut [u8], at: usize, value: u32) {
    code[at + 4..at + 8].copy_from_slice(&value.to_le_bytes());
}
