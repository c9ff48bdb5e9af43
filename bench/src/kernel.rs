//! Programs in the kernel, run on frames handed in (BPF_PROG_TEST_RUN). Those of a running
//! probe are found through its descriptors: what is measured is what it attached.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::programs::{
    ProgramInfo, SchedClassifier, TestRun as _, TestRunAttrs, TestRunOptions, Xdp, loaded_programs,
};
use aya_obj::generated::bpf_prog_type;
use aya_obj::programs::XdpAttachType;

/// A program that is in the kernel.
pub enum Program {
    /// On XDP.
    Xdp(Xdp),
    /// On tc or tcx.
    Classifier(SchedClassifier),
}

impl Program {
    /// A descriptor of our own for a loaded program.
    pub fn of(info: ProgramInfo) -> Result<Self> {
        let name = info.name_as_str().unwrap_or_default().to_owned().into();
        Ok(match info.program_type() {
            bpf_prog_type::BPF_PROG_TYPE_XDP => {
                Self::Xdp(Xdp::from_program_info(info, name, XdpAttachType::Interface)?)
            }
            _ => Self::Classifier(SchedClassifier::from_program_info(info, name)?),
        })
    }

    /// The program that a running probe has put into the kernel. It loads one alone: an XDP
    /// program, or the classifier of one direction.
    pub fn of_process(process: u32) -> Result<Self> {
        let ids = program_ids(process)?;
        ensure!(ids.len() == 1, "process {process} has {} programs, not one", ids.len());
        let all = loaded_programs().filter_map(Result::ok);
        let mut own = all.filter(|info| ids.contains(&info.id()));
        let info = own.next().with_context(|| format!("no program {ids:?} in the kernel"))?;
        Self::of(info)
    }

    /// Runs it on a frame so many times, and says what one run takes.
    pub fn time(&self, frame: &[u8], repeat: u32) -> Result<f64> {
        let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
        // By the kernel's clock around the loop, in whole nanoseconds a run. A clock out here
        // would measure the set-up, too: for an XDP program that is attached nowhere the kernel
        // patches its dispatcher and waits for RCU, milliseconds (bpf_prog_change_xdp).
        Ok(self.run(options)?.as_nanos() as f64)
    }

    /// Runs it on a frame once, and says what the kernel took for it.
    pub fn time_once(&self, frame: &[u8]) -> Result<Duration> {
        self.run(TestRunOptions { data_in: Some(frame), ..TestRunOptions::new() })
    }

    /// Lets it decide over so many real XDP frames (BPF_F_TEST_XDP_LIVE_FRAMES), which go
    /// where it sends them, on this CPU and before this returns. Says what one frame took.
    pub fn send(&self, frame: &[u8], frames: u32) -> Result<f64> {
        /// As many as a driver's poll takes.
        const BATCH: u32 = 64;
        let options = TestRunOptions {
            data_in: Some(frame),
            repeat: frames,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::new()
        };
        Ok(self.run(options)?.as_nanos() as f64)
    }

    fn run(&self, options: TestRunOptions<'_>) -> Result<Duration> {
        let result = match self {
            Self::Xdp(program) => program.test_run(options)?,
            Self::Classifier(program) => program.test_run(options)?,
        };
        Ok(result.duration)
    }
}

/// The ids of the programs that a process holds, each once.
fn program_ids(process: u32) -> Result<Vec<u32>> {
    let folder = format!("/proc/{process}/fdinfo");
    let mut ids = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {folder}"))? {
        // A descriptor may be gone by the time its file is read.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        // Links name their program, too; those have a link_type.
        let field = |key: &str| {
            let mut fields = text.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned())
        };
        if let (Some(_), Some(id)) = (field("prog_type"), field("prog_id"))
            && let Ok(id) = id.parse()
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    }
    Ok(ids)
}
