//! Streams of sources that programs in the kernel see, one source a run: `probe-ebpf/examples/
//! sources.rs` writes it into the frame and goes on to the program that is measured.

use anyhow::{Context, Result};
use aya::maps::{Array, MapData, ProgramArray};
use aya::programs::SchedClassifier;
use aya::{Ebpf, EbpfLoader};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};
use testbed::{Random, Stream};

use crate::kernel::Program;
use crate::rig::{SMALLEST, syn, syn6};
use crate::yardstick;

/// Sources of a stream, a power of two.
pub const LENGTH: u32 = 1 << 20;

/// An address family, and where its frames have the four bytes that tell sources apart: the IPv4
/// address, and the end of the IPv6 address (RFC 791, RFC 8200), behind Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    const fn place(self) -> u32 {
        match self {
            Self::V4 => 14 + 12,
            Self::V6 => 14 + 8 + 12,
        }
    }

    fn frame(self) -> Vec<u8> {
        match self {
            Self::V4 => syn(SMALLEST),
            Self::V6 => syn6(74),
        }
    }
}

/// A stream, ready to run.
pub struct Player {
    pub stream: Stream,
    pub family: Family,
    program: Program,
    next: ProgramArray<MapData>,
    frame: Vec<u8>,
    /// Holds the maps.
    _ebpf: Ebpf,
}

impl Player {
    /// Loads the programs and fills the stream.
    pub fn new(stream: Stream, family: Family, seed: u64) -> Result<Self> {
        let (place, length) = (family.place(), LENGTH);
        let (mut loader, object) = loader()?;
        loader.override_global("SOURCES", &length, true);
        loader.override_global("PLACE", &place, true);
        loader.map_max_entries("STREAM", LENGTH);
        let mut ebpf = loader.load(&object).context("loading the stream")?;
        let mut random = Random::new(seed);
        let map = ebpf.map_mut("STREAM").context("no map STREAM")?;
        let mut map: Array<_, u32> = map.try_into()?;
        for (at, source) in stream.sources(LENGTH as usize, || random.number()).enumerate() {
            map.set(at as u32, source as u32, 0)?;
        }
        let next = ebpf.take_map("NEXT").context("no map NEXT")?.try_into()?;
        let program = Program::of(classifier(&mut ebpf, "stream")?.info()?)?;
        Ok(Self { stream, family, program, next, frame: family.frame(), _ebpf: ebpf })
    }

    /// Lets a program see so many sources, and says what one took, in ns.
    pub fn time(&mut self, program: &Program, sources: u32) -> Result<f64> {
        let Program::Classifier(program) = program else {
            anyhow::bail!("streams are for classifiers");
        };
        self.next.set(0, program.fd()?, 0).context("going on to the program")?;
        // By the clock of this thread: the kernel's own around the loop says whole ns a run, and what
        // it has no eye for, the start, is a hundredth of a ns of so many.
        let start = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
        self.program.time(&self.frame, sources)?;
        let taken = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)? - start;
        Ok(taken.num_nanoseconds() as f64 / f64::from(sources))
    }
}

/// The loader for the programs of the example, and these.
pub fn loader<'a>() -> Result<(EbpfLoader<'a>, Vec<u8>)> {
    let object = yardstick::example("sources");
    let bytes = std::fs::read(&object).with_context(|| format!("reading {}", object.display()))?;
    Ok((EbpfLoader::new(), bytes))
}

/// One of them, in the kernel.
pub fn classifier<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut SchedClassifier> {
    let program = ebpf.program_mut(name).with_context(|| format!("no program {name}"))?;
    let program: &mut SchedClassifier = program.try_into()?;
    if program.fd().is_err() {
        program.load().with_context(|| format!("loading {name}"))?;
    }
    Ok(program)
}
