//! Atomics that `core` does not offer for this machine.

use core::arch::asm;

/// Adds (`BPF_ATOMIC | BPF_ADD`).
///
/// # Safety
/// `counter` points to 8 aligned bytes that are only used atomically.
#[inline(always)]
pub unsafe fn add(counter: *mut u64, amount: u64) {
    // SAFETY: the caller's promise; the instruction touches nothing else.
    unsafe {
        asm!(
            "lock *(u64 *)({counter} + 0) += {amount}",
            counter = in(reg) counter,
            amount = in(reg) amount,
        );
    }
}

/// Adds and returns the value from before (`BPF_ATOMIC | BPF_ADD | BPF_FETCH`, kernel 5.12; on arm64
/// 5.18).
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn fetch_add(counter: *mut u64, mut amount: u64) -> u64 {
    // SAFETY: the caller's promise; the instruction touches nothing else.
    unsafe {
        asm!(
            "{amount} = atomic_fetch_add((u64 *)({counter} + 0), {amount})",
            counter = in(reg) counter,
            amount = inout(reg) amount,
        );
    }
    amount
}
