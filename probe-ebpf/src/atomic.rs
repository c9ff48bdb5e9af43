//! Atomics that `core` does not offer for this machine.

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

/// Writes `new` where `old` stands, and returns what stood there (`BPF_ATOMIC | BPF_CMPXCHG`,
/// kernel 5.12).
///
/// # Safety
/// As of [`fetch_add`].
#[inline(always)]
pub unsafe fn compare_exchange(word: *mut u64, old: u64, new: u64) -> u64 {
    let before;
    // SAFETY: the caller's promise; the instruction touches nothing else.
    unsafe {
        asm!(
            "r0 = cmpxchg_64({word} + 0, r0, {new})",
            word = in(reg) word,
            new = in(reg) new,
            inlateout("r0") old => before,
        );
    }
    before
}
