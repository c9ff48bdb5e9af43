//! Filters over the frames of a file: in this process, or by the loaded program.

use anyhow::Result;
use probe_common::Counter;
use probe_filter::{Filter, ir};

use crate::{
    cli::Engine,
    explain,
    frame::Frame,
    kernel::{Hook, TestRun},
    rules::RuleSet,
};

/// The filters of a rule set, ready to look at frames, and what they counted.
pub struct Sieve<'a> {
    rules: &'a RuleSet,
    kernel: Option<TestRun>,
    seen: Counter,
    counts: Vec<Counter>,
    /// What the kernel had counted for the first rule before the frame at hand.
    before: u64,
    /// Frames that the kernel does not take, looked at here instead.
    not_taken: u64,
}

impl<'a> Sieve<'a> {
    /// For frames of one link type.
    pub fn new(rules: &'a RuleSet, engine: Engine, hook: Hook, link: ir::LinkType) -> Result<Self> {
        let kernel = match engine {
            Engine::User => None,
            Engine::Kernel => {
                Some(TestRun::new(&rules.specs(), hook, link).map_err(explain::kernel)?)
            }
        };
        let counts = vec![Counter::default(); rules.rules().len()];
        Ok(Self { rules, kernel, seen: Counter::default(), counts, before: 0, not_taken: 0 })
    }

    /// Counts a frame.
    pub fn count(&mut self, frame: &Frame<'_>) -> Result<()> {
        self.seen += one(frame);
        match &mut self.kernel {
            Some(kernel) if kernel.takes(frame.bytes) => {
                kernel.run(frame.bytes, frame.wire_len).map_err(explain::kernel)?;
            }
            kernel => {
                self.not_taken += u64::from(kernel.is_some());
                for (filter, count) in self.rules.filters().iter().zip(&mut self.counts) {
                    if matches(filter, frame) {
                        *count += one(frame);
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts a frame, and says whether the first rule matches it.
    pub fn first_matches(&mut self, frame: &Frame<'_>) -> Result<bool> {
        if self.kernel.is_none() {
            self.seen += one(frame);
            let matched = self.rules.filters().first().is_some_and(|f| matches(f, frame));
            if matched && let Some(count) = self.counts.first_mut() {
                *count += one(frame);
            }
            return Ok(matched);
        }
        self.count(frame)?;
        let now = self.totals()?.first().map_or(0, |count| count.packets);
        Ok(std::mem::replace(&mut self.before, now) != now)
    }

    /// Frames looked at.
    pub fn seen(&self) -> Counter {
        self.seen
    }

    /// What each rule matched.
    pub fn totals(&self) -> Result<Vec<Counter>> {
        let mut totals = self.counts.clone();
        if let Some(kernel) = &self.kernel {
            let counts = kernel.counts().map_err(explain::kernel)?;
            for (total, count) in totals.iter_mut().zip(counts.rules) {
                *total += count;
            }
        }
        Ok(totals)
    }

    /// Frames that the kernel does not take, and that were looked at here.
    pub fn not_taken(&self) -> u64 {
        self.not_taken
    }
}

fn one(frame: &Frame<'_>) -> Counter {
    Counter { packets: 1, bytes: frame.wire_len.into() }
}

fn matches(filter: &Filter, frame: &Frame<'_>) -> bool {
    filter.matches(&ir::Frame {
        bytes: frame.bytes,
        wire_len: frame.wire_len,
        vlan: None,
        outbound: frame.outbound,
    })
}
