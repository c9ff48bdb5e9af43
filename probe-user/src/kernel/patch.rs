//! Changes to the compiled programs before they are loaded: lengths asked without a call,
//! constants settled, and the generated filter in the place of its calls.

use object::build::elf::{Builder, SectionData, SectionId, SymbolId};

use super::{
    Error,
    inline::{inline, replace},
    settle::{Settled, settle},
    xdp_buff::XdpBuff,
};

/// Section of the program for XDP frames with fragments.
const XDP_SECTION: &[u8] = b"xdp.frags";

/// Asks for the length of XDP frames as `buff` says. Where the code is another one than the
/// one that this knows, it stays.
pub(super) fn spare_lengths(elf: &mut Builder<'_>, buff: XdpBuff) {
    let section = elf.sections.iter().find(|section| section.name == XDP_SECTION.into());
    let Some((section, SectionData::Data(body))) = section.map(|one| (one.id(), &one.data)) else {
        return;
    };
    let Some((at, length)) = buff.spare(body) else { return };
    let Some(longer) = replace(body, at, &length) else { return };
    let growth = (longer.len() - body.len()) as u64;
    elf.sections.get_mut(section).data = SectionData::Data(longer.into());
    move_behind(elf, section, at as u64, growth);
}

/// Puts load-time constants into the programs. Where that cannot be done, they stay to be
/// loaded.
pub(super) fn settle_constants(
    elf: &mut Builder<'_>,
    constants: &[(&str, u64)],
) -> Vec<(SectionId, Settled)> {
    let value_of = |symbol: SymbolId| {
        let name = &elf.symbols.get(symbol).name;
        constants.iter().find(|(constant, _)| *name == constant.as_bytes().into())
    };
    let mut places = Vec::new();
    for section in elf.sections.iter() {
        let SectionData::Relocation(relocations) = &section.data else { continue };
        let Some(of) = section.sh_info_section else { continue };
        for one in relocations {
            if let Some(&(_, value)) = one.symbol.and_then(value_of) {
                places.push((section.id(), of, one.r_offset, value));
            }
        }
    }
    let mut settled = Vec::new();
    for (relocations, section, at, value) in places {
        let SectionData::Data(code) = &mut elf.sections.get_mut(section).data else { continue };
        let Some(one) = settle(code.to_mut(), at as usize, value) else { continue };
        settled.push((section, one));
        if let SectionData::Relocation(all) = &mut elf.sections.get_mut(relocations).data {
            all.retain(|one| one.r_offset != at);
        }
    }
    settled
}

/// Puts the code in the place of its calls. A code that is too long stays a function.
pub(super) fn inline_calls(
    elf: &mut Builder<'_>,
    filter: SymbolId,
    code: &[u8],
    mut settled: Vec<(SectionId, Settled)>,
) -> Result<(), Error> {
    let relocations = elf.sections.iter().filter_map(|section| match &section.data {
        SectionData::Relocation(relocations) => {
            Some((section.id(), section.sh_info_section?, relocations))
        }
        _ => None,
    });
    let calls: Vec<_> = relocations
        .flat_map(|(id, of, relocations)| {
            let calls = relocations.iter().filter(|one| one.symbol == Some(filter));
            // From the last to the first: those before it stay where they are.
            calls.rev().map(move |call| (id, of, call.r_offset))
        })
        .collect();
    for (relocations, section, at) in calls {
        let SectionData::Data(body) = &mut elf.sections.get_mut(section).data else {
            return Err(Error::Missing("code"));
        };
        let own: Vec<Settled> =
            settled.iter().filter(|(id, _)| *id == section).map(|(_, one)| *one).collect();
        let Some(inlined) = inline(body, at as usize, code, &own) else {
            return Ok(());
        };
        let growth = (inlined.len() - body.len()) as u64;
        *body = inlined.into();
        let behind = settled.iter_mut().filter(|(id, one)| *id == section && one.at as u64 > at);
        behind.for_each(|(_, one)| one.at += growth as usize);
        if let SectionData::Relocation(all) = &mut elf.sections.get_mut(relocations).data {
            all.retain(|one| one.r_offset != at);
        }
        move_behind(elf, section, at, growth);
    }
    Ok(())
}

/// A section grew at a place: relocations and symbols follow.
fn move_behind(elf: &mut Builder<'_>, section: SectionId, at: u64, growth: u64) {
    for relocations in elf.sections.iter_mut().filter(|one| one.sh_info_section == Some(section)) {
        if let SectionData::Relocation(all) = &mut relocations.data {
            for one in all.iter_mut().filter(|one| one.r_offset > at) {
                one.r_offset += growth;
            }
        }
    }
    for symbol in elf.symbols.iter_mut().filter(|symbol| symbol.section == Some(section)) {
        if symbol.st_value > at {
            symbol.st_value += growth;
        } else if at < symbol.st_value + symbol.st_size {
            symbol.st_size += growth;
        }
    }
}

#[cfg(test)]
mod tests {
    use probe_common::names;

    use super::*;
    use crate::kernel::{
        inline::{EXIT, INSN},
        object::OBJECT,
    };

    /// Where the compiler writes other code, all of it is left out, and nobody would notice.
    #[test]
    fn the_programs_are_as_they_are_expected() {
        let mut elf = Builder::read(OBJECT).unwrap();
        if let Some(buff) = XdpBuff::of_this_kernel() {
            let length = |elf: &Builder<'_>| {
                let section = elf.sections.iter().find(|one| one.name == XDP_SECTION.into());
                match &section.unwrap().data {
                    SectionData::Data(body) => body.len(),
                    _ => panic!("no code"),
                }
            };
            let before = length(&elf);
            spare_lengths(&mut elf, buff);
            assert_eq!(length(&elf), before + 8 * INSN);
        }
        let off = [(names::SAMPLED, 0), (names::GOAL, 0), (names::OFFLINE, 0)];
        let settled = settle_constants(&mut elf, &off);
        let filter = elf.symbols.iter().find(|one| one.name == names::FILTER.as_bytes().into());
        let filter = filter.unwrap().id();
        let mut programs = 0;
        for section in elf.sections.iter() {
            let SectionData::Relocation(relocations) = &section.data else { continue };
            let Some(of) = section.sh_info_section else { continue };
            let SectionData::Data(body) = &elf.sections.get(of).data else { continue };
            let own: Vec<Settled> =
                settled.iter().filter(|(id, _)| *id == of).map(|(_, one)| *one).collect();
            for call in relocations.iter().filter(|one| one.symbol == Some(filter)) {
                // `exit` for a filter: nothing is saved where nothing is sampled.
                let exit = [EXIT, 0, 0, 0, 0, 0, 0, 0];
                let inlined = inline(body, call.r_offset as usize, &exit, &own).unwrap();
                assert_eq!(inlined.len(), body.len());
                programs += 1;
            }
        }
        assert_eq!(programs, 4);
    }
}
