//! The clock of the programs' time stamps. `bpf_ktime_get_ns` reads the kernel's own
//! `CLOCK_MONOTONIC`; this process reads one with an offset where it runs in a time namespace
//! (time_namespaces(7)). So a program is asked once how far they are apart. The offset of a
//! process does not change.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use super::{
    Error, bpf,
    inline::{CALL, EXIT, Insn, memory},
};

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
            let program = bpf::load_xdp(&program(), 0)?;
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
        match (self.before..=self.after).contains(&self.kernel) {
            true => 0,
            false => {
                let middle = self.before + (self.after - self.before) / 2;
                self.kernel.wrapping_sub(middle) as i64
            }
        }
    }
}

/// An XDP program that writes the time into the frame (RFC 9669 has the instructions).
fn program() -> Vec<u8> {
    /// `bpf_ktime_get_ns` (enum bpf_func_id, include/uapi/linux/bpf.h).
    const KTIME_GET_NS: i32 = 5;
    /// Offsets in `struct xdp_md`.
    const DATA: i16 = 0;
    const DATA_END: i16 = 4;
    const XDP_PASS: i32 = 2;

    let with = |opcode, dst, imm| {
        let insn = Insn::read(&memory(opcode, dst, 0, 0));
        Insn { imm, ..insn }.bytes()
    };
    [
        memory(0xbf, 6, 1, 0),        // r6 = r1
        with(CALL, 0, KTIME_GET_NS),  // r0 = time
        memory(0x61, 1, 6, DATA),     // r1 = *(u32 *)(r6 + DATA)
        memory(0x61, 2, 6, DATA_END), // r2 = *(u32 *)(r6 + DATA_END)
        memory(0xbf, 3, 1, 0),        // r3 = r1
        with(0x07, 3, 8),             // r3 += 8
        memory(0x2d, 3, 2, 1),        // if r3 > r2 goto +1
        memory(0x7b, 1, 0, 0),        // *(u64 *)r1 = r0
        with(0xb7, 0, XDP_PASS),      // r0 = XDP_PASS
        memory(EXIT, 0, 0, 0),
    ]
    .concat()
}

/// `CLOCK_MONOTONIC` of this process, in nanoseconds.
fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives through the call; with this clock it cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
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
