//! The object as an ELF file: its symbols, sections, constants and maps.

use std::ops::Range;

use object::{
    Endianness,
    build::{
        ByteString,
        elf::{Builder, Relocation, Section, SectionData, SectionId, Symbol, SymbolId},
    },
    elf::{SHF_EXECINSTR, SHT_STRTAB, STB_LOCAL, STT_FUNC, STV_HIDDEN},
};
use probe_filter::ebpf::Insn;

use crate::{
    Error,
    code::{Code, INSN},
    fold::Constant,
};

/// Where a map's definition in the section `maps`, a `struct bpf_map_def`, has the size of a
/// value: behind its type and the size of a key, all of 32 bits.
pub const MAP_VALUE_SIZE: Range<usize> = 8..12;

/// The section of the functions that programs call.
const FUNCTIONS: &str = ".text";

/// An object that is being linked.
pub(crate) struct Elf<'data> {
    elf: Builder<'data>,
}

impl<'data> Elf<'data> {
    pub fn read(object: &'data [u8]) -> Result<Self, Error> {
        let elf = Builder::read(object)?;
        match (elf.endian, elf.is_64) {
            (Endianness::Little, true) => Ok(Self { elf }),
            _ => Err(Error::Format),
        }
    }

    /// Exchanges the function of a name for another one, which is appended to the functions.
    ///
    /// Where calls of it stay calls, its visibility, hidden, makes it a static function to the
    /// verifier, checked with its caller's registers: packet pointers stay packet pointers.
    pub fn exchange(&mut self, name: &str, body: &[Insn]) -> Result<SymbolId, Error> {
        let functions = self.elf.sections.iter().find(|section| is_named(&section.name, FUNCTIONS));
        let functions = functions.ok_or_else(|| missing(FUNCTIONS))?.id();
        let code = self.bytes(functions, FUNCTIONS)?;
        let start = code.len() as u64;
        code.extend(body.iter().flat_map(|insn| insn.to_bytes()));

        let symbol = self.elf.symbols.iter_mut().find(|symbol| is_named(&symbol.name, name));
        let symbol = symbol.ok_or_else(|| missing(name))?;
        let id = symbol.id();
        let template = (symbol.st_value, symbol.st_size);
        (symbol.st_value, symbol.st_size) = (start, (body.len() * INSN) as u64);
        symbol.st_other = STV_HIDDEN;

        // aya-obj wants a symbol at every function, the abandoned one included.
        let abandoned = self.elf.symbols.add();
        abandoned.name = ByteString::from(&b"filter_template"[..]);
        abandoned.set_st_info(STB_LOCAL, STT_FUNC);
        abandoned.section = Some(functions);
        (abandoned.st_value, abandoned.st_size) = template;
        Ok(id)
    }

    /// Writes the values of constants into the object's data, and says which symbols they are.
    pub fn set_constants(&mut self, values: &[(&str, &[u8])]) -> Result<Vec<Constant>, Error> {
        let set = |&(name, value): &(&str, &[u8])| {
            let symbol = self.symbol(name)?;
            let (id, found) = (symbol.id(), symbol.st_size);
            if found != value.len() as u64 {
                return Err(Error::Size { name: name.into(), found, expected: value.len() });
            }
            self.data(name, 0..value.len())?.copy_from_slice(value);
            Ok(Constant::new(id, value))
        };
        values.iter().map(set).collect()
    }

    /// Sets the size of a map's values in its definition. (aya sets the number of entries only.)
    pub fn set_value_size(&mut self, map: &str, size: u32) -> Result<(), Error> {
        self.data(map, MAP_VALUE_SIZE)?.copy_from_slice(&size.to_le_bytes());
        Ok(())
    }

    /// The sections that programs stand in. Functions stay as they are: programs call them by
    /// their distance from the section's begin.
    pub fn programs(&self) -> Vec<SectionId> {
        let is_code = |one: &&Section<'_>| one.sh_flags & u64::from(SHF_EXECINSTR) != 0;
        let sections = self.elf.sections.iter().filter(is_code);
        sections.filter(|one| !is_named(&one.name, FUNCTIONS)).map(Section::id).collect()
    }

    /// The code of a section.
    pub fn code(&self, section: SectionId) -> Result<Code, Error> {
        let found = self.elf.sections.get(section);
        let cut_off = || Error::CutOff(found.name.to_string());
        let SectionData::Data(bytes) = &found.data else { return Err(cut_off()) };
        let (insns, []) = bytes.as_chunks::<INSN>() else { return Err(cut_off()) };
        let place = |offset: u64| {
            if offset.is_multiple_of(INSN as u64) {
                Ok((offset / INSN as u64) as usize)
            } else {
                Err(cut_off())
            }
        };
        let relocations = self.relocations(section).map(|(_, all)| all.as_slice());
        let relocations = relocations.unwrap_or_default().iter();
        let relocations = relocations.map(|&one| Ok((place(one.r_offset)?, one)));
        let mut relocations = relocations.collect::<Result<Vec<_>, Error>>()?;
        relocations.sort_by_key(|(place, _)| *place);
        let symbols = self.elf.symbols.iter().filter(|symbol| symbol.section == Some(section));
        let symbols = symbols.map(|one| {
            let end = one.st_value.saturating_add(one.st_size);
            Ok((one.id(), place(one.st_value)?..place(end)?))
        });
        Ok(Code {
            section,
            insns: insns.iter().map(|&insn| Insn::from_bytes(insn)).collect(),
            relocations,
            symbols: symbols.collect::<Result<_, Error>>()?,
            folded: Vec::new(),
        })
    }

    /// Puts the code back into its section.
    pub fn put(&mut self, code: Code) {
        let offset = |place: usize| (place * INSN) as u64;
        if let Some((id, _)) = self.relocations(code.section) {
            let moved = code.relocations.into_iter();
            let moved = moved.map(|(place, one)| Relocation { r_offset: offset(place), ..one });
            self.elf.sections.get_mut(id).data = SectionData::Relocation(moved.collect());
        }
        for (id, places) in code.symbols {
            let symbol = self.elf.symbols.get_mut(id);
            (symbol.st_value, symbol.st_size) = (offset(places.start), offset(places.len()));
        }
        let bytes: Vec<u8> = code.insns.iter().flat_map(|insn| insn.to_bytes()).collect();
        self.elf.sections.get_mut(code.section).data = SectionData::Data(bytes.into());
    }

    /// Leaves out type information, which describes the abandoned function, and which the kernel
    /// wants for all of a program's functions or for none; and what is for debuggers only.
    pub fn drop_type_information(&mut self) {
        for section in self.elf.sections.iter_mut() {
            let name = section.name.as_slice();
            let name = name.strip_prefix(b".rel").unwrap_or(name);
            section.delete |= name.starts_with(b".debug") || name.starts_with(b".BTF");
        }
        self.elf.delete_orphans();
    }

    pub fn write(mut self) -> Result<Vec<u8>, Error> {
        // LLVM keeps section names and symbol names in one table; the builder wants two.
        let is_names = |one: &Section<'_>| matches!(one.data, SectionData::SectionString);
        if !self.elf.sections.iter().any(is_names) {
            let names = self.elf.sections.add();
            names.name = ByteString::from(&b".shstrtab"[..]);
            names.sh_type = SHT_STRTAB;
            names.sh_addralign = 1;
            names.data = SectionData::SectionString;
        }

        let mut object = Vec::new();
        self.elf.write(&mut object)?;
        Ok(object)
    }

    fn symbol(&self, name: &str) -> Result<&Symbol<'data>, Error> {
        let symbol = self.elf.symbols.iter().find(|symbol| is_named(&symbol.name, name));
        symbol.ok_or_else(|| missing(name))
    }

    /// Some bytes of what a symbol names.
    fn data(&mut self, name: &str, part: Range<usize>) -> Result<&mut [u8], Error> {
        let symbol = self.symbol(name)?;
        let (section, start) = (symbol.section, symbol.st_value as usize);
        let section = section.ok_or_else(|| missing(name))?;
        let part = start.saturating_add(part.start)..start.saturating_add(part.end);
        self.bytes(section, name)?.get_mut(part).ok_or_else(|| missing(name))
    }

    /// The bytes of a section.
    fn bytes(&mut self, section: SectionId, name: &str) -> Result<&mut Vec<u8>, Error> {
        match &mut self.elf.sections.get_mut(section).data {
            SectionData::Data(bytes) => Ok(bytes.to_mut()),
            _ => Err(missing(name)),
        }
    }

    /// The relocations of a section, and the section that they stand in.
    fn relocations(&self, of: SectionId) -> Option<(SectionId, &Vec<Relocation>)> {
        self.elf.sections.iter().find_map(|section| match &section.data {
            SectionData::Relocation(all) if section.sh_info_section == Some(of) => {
                Some((section.id(), all))
            }
            _ => None,
        })
    }
}

fn is_named(found: &ByteString<'_>, name: &str) -> bool {
    found.as_slice() == name.as_bytes()
}

fn missing(name: &str) -> Error {
    Error::Missing(name.into())
}
