//! The compiled programs, and the exchange of their `filter` for a generated one.

use std::mem::offset_of;

use aya_obj::maps::bpf_map_def;
use object::{
    build::{
        ByteString,
        elf::{Builder, SectionData},
    },
    elf::{SHT_STRTAB, STB_LOCAL, STT_FUNC, STV_HIDDEN},
};
use probe_common::names;

use super::{
    Error,
    patch::{inline_calls, settle_constants, spare_lengths},
    xdp_buff::XdpBuff,
};

/// The embedded object; empty in a build with `PROBE_EMPTY_OBJECT=1`.
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/probe.o"));

/// The embedded object with `code`, eBPF instructions, as the body of its `filter`, and with
/// rings of `ring_size` bytes, control words included. `constants`, load-time constants by
/// name, are put into the code, and where `buff` is known, the length of XDP frames is asked
/// for without a call.
///
/// The code is appended to `.text` and the symbol moves there, and then the programs' calls
/// are replaced by the code itself where its length allows. Where it does not, the symbol's
/// visibility, hidden, makes the function a static one to the verifier, checked with its
/// caller's registers: packet pointers stay packet pointers.
pub fn link(
    code: &[u8],
    ring_size: u32,
    constants: &[(&str, u64)],
    buff: Option<XdpBuff>,
) -> Result<Vec<u8>, Error> {
    if OBJECT.is_empty() {
        return Err(Error::EmptyObject);
    }
    let mut elf = Builder::read(OBJECT)?;

    let text = elf.sections.iter_mut().find(|section| section.name == b".text"[..].into());
    let text = text.ok_or(Error::Missing(".text"))?;
    let text_id = text.id();
    let SectionData::Data(body) = &mut text.data else {
        return Err(Error::Missing(".text"));
    };
    let offset = body.len() as u64;
    body.to_mut().extend_from_slice(code);

    let name = names::FILTER.as_bytes();
    let filter = elf.symbols.iter_mut().find(|symbol| symbol.name == name.into());
    let filter = filter.ok_or(Error::Missing(names::FILTER))?;
    let filter_id = filter.id();
    let template = (filter.st_value, filter.st_size);
    (filter.st_value, filter.st_size) = (offset, code.len() as u64);
    filter.st_other = STV_HIDDEN;

    // aya-obj wants a symbol at every function of .text, the abandoned one included.
    let abandoned = elf.symbols.add();
    abandoned.name = ByteString::from(&b"filter_template"[..]);
    abandoned.set_st_info(STB_LOCAL, STT_FUNC);
    abandoned.section = Some(text_id);
    (abandoned.st_value, abandoned.st_size) = template;

    if let Some(buff) = buff {
        spare_lengths(&mut elf, buff);
    }
    let settled = settle_constants(&mut elf, constants);
    inline_calls(&mut elf, filter_id, code, settled)?;
    set_value_size(&mut elf, names::RINGS, ring_size)?;

    // Type information describes the abandoned function, and the kernel wants it for all
    // of a program's functions or for none; debug information nobody reads.
    for section in elf.sections.iter_mut() {
        let name = section.name.as_slice();
        let name = name.strip_prefix(b".rel").unwrap_or(name);
        section.delete |= name.starts_with(b".debug") || name.starts_with(b".BTF");
    }
    elf.delete_orphans();

    // LLVM keeps section names and symbol names in one table; the builder wants two.
    let names = elf.sections.add();
    names.name = ByteString::from(&b".shstrtab"[..]);
    names.sh_type = SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;

    let mut linked = Vec::with_capacity(OBJECT.len() + code.len());
    elf.write(&mut linked)?;
    Ok(linked)
}

/// Sets the size of a map's values in its definition, a `struct bpf_map_def` in the section
/// `maps`: aya sets the number of entries only.
fn set_value_size(elf: &mut Builder<'_>, map: &'static str, size: u32) -> Result<(), Error> {
    const VALUE_SIZE: usize = offset_of!(bpf_map_def, value_size);

    let symbol = elf.symbols.iter().find(|symbol| symbol.name == map.as_bytes().into());
    let place = symbol.and_then(|symbol| Some((symbol.section?, symbol.st_value as usize)));
    let (section, start) = place.ok_or(Error::Missing(map))?;
    let SectionData::Data(definitions) = &mut elf.sections.get_mut(section).data else {
        return Err(Error::Missing(map));
    };
    let place = start + VALUE_SIZE..start + VALUE_SIZE + size_of::<u32>();
    let place = definitions.to_mut().get_mut(place).ok_or(Error::Missing(map))?;
    place.copy_from_slice(&size.to_ne_bytes());
    Ok(())
}
