//! Counts the received frames of an interface that match, in the kernel, once a second until
//! Ctrl-C: `attach INTERFACE FILTER`. For root, and for Linux 6.6 or newer (tcx).
//!
//! The filter becomes the middle of a program, the program an object as compilers write it, and
//! aya loads and attaches that object. What is attached goes with the process.

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use aya::maps::Array;
use aya::programs::{SchedClassifier, TcAttachType};
use object::write::{Object, Relocation, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};
use probe_filter::ebpf::{Flavour, Host, Insn, Reg, inline};
use probe_filter::{Filter, Options, VlanView, compile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(interface), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: attach INTERFACE FILTER".into());
    };
    // On a live link the kernel keeps the outermost tag beside the frame.
    let filter = compile(&text, &Options::default().vlan(VlanView::Live))?;
    let (code, address) = program(&filter)?;
    let mut loaded = aya::Ebpf::load(&object(&code, address)?)?;
    let classifier: &mut SchedClassifier =
        loaded.program_mut("count").ok_or("no program")?.try_into()?;
    classifier.load()?;
    classifier.attach(&interface, TcAttachType::Ingress)?;
    eprintln!("attached to {interface}");
    // aya makes a map of the section.
    let matched: Array<_, u64> = loaded.map(".bss").ok_or("no counter")?.try_into()?;
    loop {
        sleep(Duration::from_secs(1));
        println!("{} frames matched", matched.get(&0, 0)?);
    }
}

/// Counts matching frames and lets all of them go on. Says also which instruction loads the
/// counter's address.
fn program(filter: &Filter) -> Result<(Vec<Insn>, usize), Box<dyn Error>> {
    let [r0, r1, r2] = [Reg(0), Reg(1), Reg(2)];
    // Offsets of `data` and `data_end` in struct __sk_buff (include/uapi/linux/bpf.h).
    const DATA: i16 = 76;
    const DATA_END: i16 = 80;
    /// On to the next program, and to the network stack (include/uapi/linux/pkt_cls.h).
    const TC_ACT_UNSPEC: i32 = -1;

    // A new host wants the context in r1, `data` in r2 and `data_end` in r3, and answers in r0.
    let mut host = Host::new(Flavour::Skb);
    host.vlan = VlanView::Live;
    let mut code = vec![
        Insn::new(0x61, r2, r1, DATA, 0),         // r2 = context->data
        Insn::new(0x61, Reg(3), r1, DATA_END, 0), // r3 = context->data_end
    ];
    code.extend(inline(filter.graph(), &host)?);
    code.push(Insn::new(0x15, r0, r0, 4, 0)); // if r0 == 0 goto out
    let address = code.len();
    code.extend([
        Insn::new(0x18, r1, r0, 0, 0), // r1 = &counter, in two instructions
        Insn::new(0x00, r0, r0, 0, 0), //
        Insn::new(0xb7, r2, r0, 0, 1), // r2 = 1
        Insn::new(0xdb, r1, r2, 0, 0), // lock *(u64 *)r1 += r2
        Insn::new(0xb7, r0, r0, 0, TC_ACT_UNSPEC), // out: r0 = TC_ACT_UNSPEC
        Insn::new(0x95, r0, r0, 0, 0), // exit
    ]);
    Ok((code, address))
}

/// An object with this program, the classifier `count`, and its counter.
fn object(code: &[Insn], address: usize) -> Result<Vec<u8>, object::write::Error> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let bytes: Vec<u8> = code.iter().flat_map(|insn| insn.to_bytes()).collect();
    let symbol = |name: &[u8], size, kind, section| Symbol {
        name: name.to_vec(),
        value: 0,
        size,
        kind,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    };
    let text = object.add_section(vec![], b"classifier".to_vec(), SectionKind::Text);
    object.append_section_data(text, &bytes, 8);
    object.add_symbol(symbol(b"count", bytes.len() as u64, SymbolKind::Text, text));
    let bss = object.add_section(vec![], b".bss".to_vec(), SectionKind::UninitializedData);
    object.append_section_bss(bss, 8, 8);
    let counter = object.add_symbol(symbol(b"counter", 8, SymbolKind::Data, bss));
    let flags = RelocationFlags::Elf { r_type: elf::R_BPF_64_64 };
    let offset = 8 * address as u64;
    object.add_relocation(text, Relocation { offset, symbol: counter, addend: 0, flags })?;
    object.write()
}
