//! The classic BPF back end: `struct sock_filter` for SO_ATTACH_FILTER, for iptables
//! `-m bpf`, and as tcpdump prints it (-d, -dd, -ddd).
//!
//! The program returns [`MATCH`] for a frame that matches and 0 for one that does not.
//! A load past the frame's end and a division by zero end it with 0, which is what a
//! trap means. The kernel gives offsets with the top bit set meanings of its own
//! (SKF_AD_OFF and the like); to filters they are past every frame, so that such
//! offsets are turned into traps before they get to a load.

mod asm;
mod chain;
mod insn;
mod listing;
mod translate;
mod value;

use core::fmt;

use crate::ir::Graph;
use crate::passes::{self, View};

pub use insn::Instruction;

/// What a program returns for a frame that matches: tcpdump's own snapshot length.
pub const MATCH: u32 = 262_144;
/// Instructions of a program at most (BPF_MAXINSNS, include/uapi/linux/bpf_common.h).
pub const MAX_INSTRUCTIONS: usize = 4096;
/// Words of scratch memory (BPF_MEMWORDS).
const MEMORY: u32 = 16;

/// A classic BPF program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The instructions, first one first.
    pub instructions: Vec<Instruction>,
}

/// What classic BPF cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// More than 4,096 instructions.
    TooLong {
        /// Instructions it would take.
        instructions: usize,
    },
    /// More than 16 words of memory.
    TooMuchMemory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { instructions } => write!(
                f,
                "classic BPF holds {MAX_INSTRUCTIONS} instructions, this filter takes {instructions}"
            ),
            Self::TooMuchMemory => write!(
                f,
                "classic BPF has {MEMORY} words of memory, this filter takes more: too many \
                 changes of offset (vlan, mpls, ...) or arithmetic nested too deeply"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// Generates classic BPF for one filter.
///
/// A walk along a header chain (protochain) is unrolled: chains of more than
/// 16 headers do not match.
///
/// # Errors
/// If classic BPF cannot say what the filter means.
pub fn generate(graph: &Graph) -> Result<Program, Error> {
    if graph.vars() > MEMORY {
        return Err(Error::TooMuchMemory);
    }
    let flow = passes::run(passes::rules(&[graph]), View::Same);
    let instructions = translate::translate(&flow)?;
    if instructions.len() > MAX_INSTRUCTIONS {
        return Err(Error::TooLong { instructions: instructions.len() });
    }
    Ok(Program { instructions })
}
