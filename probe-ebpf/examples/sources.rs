//! What the sources suite measures probe's lists against: maps of the kernel that count by source,
//! and a program that lets others see a stream of sources. No part of the product.

#![no_std]
#![no_main]
#![expect(
    missing_docs,
    reason = "the entry points' documentation does not reach what the macros make"
)]

use aya_ebpf::{
    Global,
    bindings::TC_ACT_UNSPEC,
    macros::{classifier, map},
    maps::{Array, LruHashMap, PerCpuArray, PerCpuHashMap, ProgramArray},
    programs::TcContext,
};

/// Entries of the hash maps.
const ENTRIES: u32 = 65_536;
/// Offset of an IPv4 source address behind Ethernet (RFC 791).
const SOURCE: usize = 14 + 12;

/// Packets and bytes.
type Counter = [u64; 2];

#[map]
static LRU: LruHashMap<u32, Counter> = LruHashMap::with_max_entries(ENTRIES, 0);

#[map]
static PER_CPU: PerCpuHashMap<u32, Counter> = PerCpuHashMap::with_max_entries(ENTRIES, 0);

/// The stream, which user space fills: its length is a power of two.
#[map]
static STREAM: Array<u32> = Array::with_max_entries(1, 0);

/// How far the stream is.
#[map]
static POSITION: PerCpuArray<u32> = PerCpuArray::with_max_entries(1, 0);

/// The program that sees it.
#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// Sources in the stream.
#[unsafe(no_mangle)]
static SOURCES: Global<u32> = Global::new(1);

/// Where the frame has four bytes that tell sources apart.
#[unsafe(no_mangle)]
static PLACE: Global<u32> = Global::new(SOURCE as u32);

/// Writes the next source of the stream into the frame, which goes on to the program in [`NEXT`].
#[classifier]
pub fn stream(ctx: TcContext) -> i32 {
    if write_source(&ctx).is_some() {
        // SAFETY: the frame is the same, and all packet pointers are gone.
        let _ = unsafe { NEXT.tail_call(&ctx, 0) };
    }
    TC_ACT_UNSPEC
}

#[inline(always)]
fn write_source(ctx: &TcContext) -> Option<()> {
    let position = POSITION.get_ptr_mut(0)?;
    // SAFETY: this CPU's value, and programs of one CPU do not interrupt each other.
    let position = unsafe { &mut *position };
    let source = STREAM.get(*position & (SOURCES.load() - 1))?;
    *position = position.wrapping_add(1);
    let at = ctx.data() + PLACE.load() as usize;
    if at + size_of::<u32>() > ctx.data_end() {
        return None;
    }
    // SAFETY: the frame has these bytes.
    unsafe { (at as *mut u32).write_unaligned(source.to_be()) };
    Some(())
}

/// Nothing.
#[classifier]
pub fn empty(_ctx: TcContext) -> i32 {
    TC_ACT_UNSPEC
}

/// Counts by source in the map that forgets who was not seen for long.
#[classifier]
pub fn lru_hash(ctx: TcContext) -> i32 {
    if let Some(source) = source(&ctx) {
        match LRU.get_ptr_mut(source) {
            Some(counter) => {
                // SAFETY: a value of the map; two CPUs may lose a count, as in many such programs.
                let counter = unsafe { &mut *counter };
                counter[0] += 1;
                counter[1] += u64::from(ctx.len());
            }
            None => {
                let _ = LRU.insert(source, [1, u64::from(ctx.len())], 0);
            }
        }
    }
    TC_ACT_UNSPEC
}

/// Counts by source in a map with a value for each CPU, as long as it has room.
#[classifier]
pub fn per_cpu_hash(ctx: TcContext) -> i32 {
    if let Some(source) = source(&ctx) {
        match PER_CPU.get_ptr_mut(source) {
            Some(counter) => {
                // SAFETY: this CPU's value, and programs of one CPU do not interrupt each other.
                let counter = unsafe { &mut *counter };
                counter[0] += 1;
                counter[1] += u64::from(ctx.len());
            }
            None => {
                let _ = PER_CPU.insert(source, [1, u64::from(ctx.len())], 0);
            }
        }
    }
    TC_ACT_UNSPEC
}

/// The source address of an IPv4 packet.
#[inline(always)]
fn source(ctx: &TcContext) -> Option<u32> {
    /// `ETH_P_IP`, as it lies in the frame.
    const IPV4: [u8; 2] = [0x08, 0x00];

    if ctx.data() + SOURCE + size_of::<u32>() > ctx.data_end() {
        return None;
    }
    // SAFETY: the frame has these bytes, and bytes need no alignment.
    let ethertype = unsafe { *((ctx.data() + 12) as *const [u8; 2]) };
    if ethertype != IPV4 {
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { ((ctx.data() + SOURCE) as *const u32).read_unaligned() })
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier admits no program in which this can be reached.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
