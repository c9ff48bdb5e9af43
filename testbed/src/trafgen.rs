//! netsniff-ng's generator, for floods.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::run;
use crate::{Finished, Namespace, SCRATCH_DIR};

/// Sends `count` frames with trafgen, going round the given ones in order, as fast as it
/// goes through the ordinary transmit path. What arrived is for the link's counters to
/// say ([`Namespace::counters`]).
pub fn trafgen<F: AsRef<[u8]>>(
    namespace: &Namespace,
    link: &str,
    frames: &[F],
    count: u64,
    limit: Duration,
) -> Result<Finished> {
    let file = format!("{SCRATCH_DIR}/trafgen.{:?}", thread::current().id());
    let config = config(frames)?;
    namespace.enter(|| fs::write(&file, &config).with_context(|| format!("writing {file}")))?;
    let mut command = namespace.command("trafgen");
    command.args(["--dev", link, "--conf", &file, "--num", &count.to_string(), "--cpus", "1"]);
    // The frames go through the queueing discipline, which counts none as sent that the
    // driver refused; socket memory and interrupts of the machine stay as they are.
    command.args(["--qdisc-path", "--no-sock-mem", "--notouch-irq", "--no-cpu-stats"]);
    run(command, limit)
}

fn config<F: AsRef<[u8]>>(frames: &[F]) -> Result<String> {
    let mut text = String::new();
    for frame in frames {
        let bytes: Vec<String> = frame.as_ref().iter().map(|b| format!("0x{b:02x}")).collect();
        writeln!(text, "{{ {} }}", bytes.join(", "))?;
    }
    Ok(text)
}
