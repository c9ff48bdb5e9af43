//! The linker between the compiled kernel programs and the kernel: an eBPF object, a generated
//! filter and load-time constants in, an object that aya loads out.
//!
//! Nothing here makes a system call. What the running kernel must say, where the fields of its
//! `struct xdp_buff` lie, is read from bytes that the caller opens ([`XdpBuff::find`]) and tried
//! out by a program that the caller loads ([`XdpBuff::trial_program`]).
//!
//! All byte orders are little-endian: objects, instructions and the kernel's types.

#![forbid(unsafe_code)]

mod btf;
mod code;
mod elf;
mod error;
mod fold;
mod frame_length;
mod inline;
mod liveness;
mod opcode;
mod reach;

pub use elf::MAP_VALUE_SIZE;
pub use error::Error;
pub use frame_length::XdpBuff;

use probe_filter::ebpf::Insn;

use elf::Elf;

/// What to make of an object.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Symbol of the function that is exchanged, and the instructions of the one in its place:
    /// the same arguments, its result in r0, of the stack plain loads and stores only, no
    /// reference to a map or to another function.
    pub function: (&'a str, &'a [Insn]),
    /// Load-time constants: the symbol of each, and its value as it lies in memory.
    pub constants: &'a [(&'a str, &'a [u8])],
    /// Maps whose values get these sizes, in bytes.
    pub value_sizes: &'a [(&'a str, u32)],
    /// Where the kernel has what tells the length of an XDP frame. `None`: the programs ask the
    /// helper, as they are compiled.
    pub xdp_buff: Option<XdpBuff>,
}

/// A linked object.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The ELF file.
    pub object: Vec<u8>,
    /// What was done to the programs in it.
    pub changes: Changes,
}

/// How often each optimization was applied. Each is left out where the compiled code is not as
/// it expects, and the programs then do the same at a higher price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Calls of the helper that tells the length of an XDP frame, replaced.
    pub lengths: usize,
    /// Loads of constants replaced by the constants.
    pub folded: usize,
    /// Calls of the function replaced by its instructions.
    pub inlined: usize,
    /// Registers saved and restored around those instructions, over all of them.
    pub saved: usize,
}

/// Links an object.
///
/// # Errors
/// If the object cannot be read, or has not what the request names. See [`Error`].
pub fn link(object: &[u8], request: &Request<'_>) -> Result<Linked, Error> {
    let mut elf = Elf::read(object)?;
    let (name, body) = request.function;
    let function = elf.exchange(name, body)?;
    let constants = elf.set_constants(request.constants)?;
    for &(map, size) in request.value_sizes {
        elf.set_value_size(map, size)?;
    }

    let mut changes = Changes::default();
    for section in elf.programs() {
        let mut code = elf.code(section)?;
        if let Some(buff) = request.xdp_buff {
            changes.lengths += buff.replace_calls(&mut code);
        }
        changes.folded += fold::constants(&mut code, &constants);
        let inlined = inline::calls(&mut code, function, body);
        changes.inlined += inlined.calls;
        changes.saved += inlined.saved;
        elf.put(code);
    }

    elf.drop_type_information();
    Ok(Linked { object: elf.write()?, changes })
}
