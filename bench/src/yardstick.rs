//! The programs that probe is measured against: `probe-ebpf/examples`, built with the toolchain
//! that builds probe's own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::programs::{SchedClassifier, TcAttachType, Xdp};
use aya::{Ebpf, EbpfLoader};

use testbed::SERVER_LINK;
use xtask::setup;
use xtask::shell::{cargo, run, target_dir};

/// The machine that the programs are for.
const TARGET: &str = "bpfel-unknown-none";

/// Builds them.
pub fn build() -> Result<()> {
    let toolchain = setup::toolchain()?;
    let mut build = cargo(&["build", "--package", "probe-ebpf", "--examples"]);
    build.args(["--release", "-Z", "build-std=core", "--target", TARGET, "--target-dir"]);
    build.arg(folder());
    // As probe-user's build script does; there stands why.
    let flags =
        ["-Cdebuginfo=2", "-Clink-arg=--btf", &format!("-Clinker={}", toolchain.linker.display())]
            .join("\x1f");
    build.env("RUSTC", &toolchain.rustc);
    build.env("RUSTC_BOOTSTRAP", "1");
    build.env("LD_LIBRARY_PATH", &toolchain.llvm_lib);
    build.env("CARGO_ENCODED_RUSTFLAGS", flags);
    run(build)
}

fn folder() -> PathBuf {
    target_dir().join("yardstick")
}

/// Where the object lies.
pub fn object() -> PathBuf {
    example("yardstick")
}

/// Where an object of the examples lies.
pub fn example(name: &str) -> PathBuf {
    folder().join(TARGET).join("release/examples").join(name)
}

/// The programs, loaded.
pub struct Yardstick(Ebpf);

impl Yardstick {
    /// Loads the object; `redirect` then sends frames to this interface.
    pub fn load(object: &Path, to: u32) -> Result<Self> {
        let bytes = std::fs::read(object)
            .with_context(|| format!("reading the yardstick, {}", object.display()))?;
        let mut loader = EbpfLoader::new();
        // Of the sources suite's programs none redirects.
        loader.override_global("TO", &to, false);
        Ok(Self(loader.load(&bytes).with_context(|| format!("loading {}", object.display()))?))
    }

    /// A classifier attached by tcx to what the server's link receives, in its namespace.
    pub fn at_ingress(object: &Path, name: &str) -> Result<Self> {
        let mut it = Self::load(object, 0)?;
        it.classifier(name)?
            .attach(SERVER_LINK, TcAttachType::Ingress)
            .with_context(|| format!("attaching {name} to {SERVER_LINK}"))?;
        Ok(it)
    }

    /// One of the XDP programs, in the kernel.
    pub fn xdp(&mut self, name: &str) -> Result<&mut Xdp> {
        let program = self.0.program_mut(name).with_context(|| format!("no program {name}"))?;
        let program: &mut Xdp = program.try_into()?;
        if program.fd().is_err() {
            program.load().with_context(|| format!("loading {name}"))?;
        }
        Ok(program)
    }

    /// One of the classifiers, in the kernel.
    pub fn classifier(&mut self, name: &str) -> Result<&mut SchedClassifier> {
        let program = self.0.program_mut(name).with_context(|| format!("no program {name}"))?;
        let program: &mut SchedClassifier = program.try_into()?;
        if program.fd().is_err() {
            program.load().with_context(|| format!("loading {name}"))?;
        }
        Ok(program)
    }

    /// The records of `ring_buffer_tcx`; to be had once.
    pub fn records(&mut self) -> Result<RingBuf<MapData>> {
        Ok(self.0.take_map("RECORDS").context("no map RECORDS")?.try_into()?)
    }

    /// What the programs written by hand have counted, on all CPUs.
    pub fn matched(&self) -> Result<u64> {
        let map = self.0.map("MATCHED").context("no map MATCHED")?;
        let counters: PerCpuArray<_, [u64; 2]> = map.try_into()?;
        Ok(counters.get(&0, 0)?.iter().map(|[packets, _]| packets).sum())
    }
}
