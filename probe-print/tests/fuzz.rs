//! The fuzz target over its seeds and over random changes to them: bounded, the same every
//! time, and without a fuzzer. `PROBE_TEST_TIMES=n` changes n times as many.
//!
//! `PROBE_WRITE_SEEDS=1` writes the seeds into fuzz/corpus, for a fuzzer to start from.

use test_support::fuzz::{print as target, shown, times, write_seeds};
use testbed::{CLIENT_V4, Frame, Random, SERVER_V4, changed, samples::captures};

/// Where the length in a UDP header stands, behind Ethernet and IPv4.
const UDP_LENGTH: usize = 14 + 20 + 4;

/// Ethernet frames and the IP packets in them, each in a style of its own.
fn seeds() -> Vec<Vec<u8>> {
    /// The bit of the first byte that says that there is no Ethernet header, and its length.
    const RAW: (u8, usize) = (1, 14);
    let frames = captures().into_iter().flat_map(|capture| capture.frames);
    let mut seeds = Vec::new();
    for (number, frame) in frames.enumerate() {
        let settings = (number as u8).wrapping_mul(2);
        seeds.push([&[settings, 0][..], &frame].concat());
        seeds.push([&[settings | RAW.0, 0][..], &frame[RAW.1..]].concat());
    }
    seeds
}

/// What the fuzzer found to fail.
fn found() -> Vec<Vec<u8>> {
    /// Ethernet, and as much text as there is.
    const VERBOSE: u8 = 3 << 1;
    // RADIUS in a datagram that claims to be shorter than RADIUS's header.
    let udp = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1812, 1812);
    let mut radius = udp.payload(&[&[1, 7, 0, 20][..], &[0; 16]].concat()).build();
    radius[UDP_LENGTH..][..2].copy_from_slice(&16u16.to_be_bytes());
    vec![[&[VERBOSE, 0][..], &radius].concat()]
}

#[test]
fn seeds_and_changes_print() {
    let seeds = seeds();
    write_seeds("print", &seeds);
    seeds.iter().chain(&found()).for_each(|seed| shown(target::run, seed));
    let mut random = Random::new(1);
    for _ in 0..100_000 * times() {
        shown(target::run, &changed(&seeds, &mut random));
    }
}
