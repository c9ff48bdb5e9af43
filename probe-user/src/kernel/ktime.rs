//! The clock of the programs' time stamps. `bpf_ktime_get_ns` reads the kernel's own
//! `CLOCK_MONOTONIC`; in a time namespace (time_namespaces(7)) this process reads one with an
//! offset. So a program is run once to measure the offset, which does not change while a process
//! lives.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime},
};
use probe_filter::ebpf::{Insn, Reg};

use super::{Error, bpf};

/// Kernel time, read in user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ktime {
    /// Nanoseconds by which the kernel is ahead of this process.
    ahead: i64,
}

/// Readings, of which the closest is believed: a preemption between two clocks only widens one.
const READINGS: usize = 8;

impl Ktime {
    /// Asks a program. Takes the rights that loading takes.
    ///
    /// # Errors
    /// What the kernel says of a program that it should take.
    pub(super) fn measure() -> Result<Self, Error> {
        let measure = || {
            let program = bpf::load(bpf::XDP, 0, &program())?;
            let readings = (0..READINGS).map(|_| Reading::take(program.as_fd()));
            let readings = readings.collect::<io::Result<Vec<_>>>()?;
            let closest = readings.into_iter().min_by_key(|reading| reading.after - reading.before);
            Ok(Self { ahead: closest.map_or(0, Reading::ahead) })
        };
        measure().map_err(|source| Error::Clock { source })
    }

    /// Now, in nanoseconds, as a program would read it.
    pub fn now(self) -> u64 {
        monotonic_ns().saturating_add_signed(self.ahead)
    }
}

/// The kernel's time, between two of ours.
#[derive(Clone, Copy)]
struct Reading {
    before: u64,
    kernel: u64,
    after: u64,
}

impl Reading {
    fn take(program: BorrowedFd<'_>) -> io::Result<Self> {
        // What an Ethernet header takes, at least, is what the kernel runs a program on.
        let mut frame = [0; 64];
        let before = monotonic_ns();
        bpf::test_run(program, &mut frame)?;
        let after = monotonic_ns();
        let kernel = frame.first_chunk().map_or(0, |time| u64::from_ne_bytes(*time));
        Ok(Self { before, kernel, after })
    }

    /// Nothing where both clocks are one.
    fn ahead(self) -> i64 {
        if (self.before..=self.after).contains(&self.kernel) {
            0
        } else {
            let middle = self.before + (self.after - self.before) / 2;
            self.kernel.wrapping_sub(middle) as i64
        }
    }
}

/// An XDP program that writes the time into the frame (RFC 9669 has the instructions).
fn program() -> [Insn; 10] {
    /// `bpf_ktime_get_ns` (enum bpf_func_id, include/uapi/linux/bpf.h).
    const KTIME_GET_NS: i32 = 5;
    /// Offsets in `struct xdp_md`.
    const DATA: i16 = 0;
    const DATA_END: i16 = 4;
    const XDP_PASS: i32 = 2;
    let [r0, r1, r2, r3, r6] = [Reg(0), Reg(1), Reg(2), Reg(3), Reg(6)];

    [
        Insn::new(0xbf, r6, r1, 0, 0),            // r6 = r1
        Insn::new(0x85, r0, r0, 0, KTIME_GET_NS), // r0 = time
        Insn::new(0x61, r1, r6, DATA, 0),         // r1 = *(u32 *)(r6 + DATA)
        Insn::new(0x61, r2, r6, DATA_END, 0),     // r2 = *(u32 *)(r6 + DATA_END)
        Insn::new(0xbf, r3, r1, 0, 0),            // r3 = r1
        Insn::new(0x07, r3, r0, 0, 8),            // r3 += 8
        Insn::new(0x2d, r3, r2, 1, 0),            // if r3 > r2 goto +1
        Insn::new(0x7b, r1, r0, 0, 0),            // *(u64 *)r1 = r0
        Insn::new(0xb7, r0, r0, 0, XDP_PASS),     // r0 = XDP_PASS
        Insn::new(0x95, r0, r0, 0, 0),            // exit
    ]
}

/// `CLOCK_MONOTONIC` of this process, in nanoseconds.
fn monotonic_ns() -> u64 {
    // With this clock the call cannot fail (clock_gettime(2)).
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap_or(TimeSpec::new(0, 0));
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

#[cfg(test)]
mod tests {
    use testbed::requirements::{Requirement, met};

    use super::*;

    #[test]
    fn outside_of_time_namespaces_there_is_one_clock() {
        if !met(&[Requirement::Root]) {
            return;
        }
        assert_eq!(Ktime::measure().unwrap(), Ktime { ahead: 0 });
    }

    #[test]
    fn an_offset_is_found() {
        let reading = |before, kernel, after| Reading { before, kernel, after }.ahead();
        assert_eq!(reading(100, 100, 100), 0);
        assert_eq!(reading(100, 109, 110), 0);
        assert_eq!(reading(100, 700, 110), 595);
        assert_eq!(reading(700, 100, 710), -605);
        assert_eq!(Ktime { ahead: i64::MIN }.now(), 0);
    }
}
