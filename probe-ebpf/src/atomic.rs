//! Atomic arithmetic that `core` does not offer for this machine: it has no
//! compare-and-swap there, and so no `fetch_add`.

use core::arch::asm;

/// Adds and returns the value from before (`BPF_ATOMIC | BPF_ADD | BPF_FETCH`, kernel 5.12).
///
/// # Safety
/// `counter` points to 8 aligned bytes that are only used atomically.
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
