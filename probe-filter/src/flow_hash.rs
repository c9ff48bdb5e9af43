//! The hash by which whole connections are sampled: the same for both directions, and another one at each
//! start.
//!
//! Each end of a connection, its address and its port, is hashed by itself, multilinear as in Lemire and Kaser
//! ("Strongly universal string hashing is fast", 2013) but with 32 bits, and mixed; then both are added,
//! in which no order is left, and mixed again. Without the first mixing the sum would be linear, and
//! connections between neighbours would share their hash: 1 and 4 would be as 2 and 3.
//!
//! [`FlowSeed::hash`] is its definition. Filters compute it in their graphs
//! ([`Options::flows`](crate::Options::flows)), and so do the programs in the kernel.

use std::net::IpAddr;

/// What connections are hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSeed {
    /// A factor for each word of an address; an IPv4 address is the last word.
    pub(crate) address: [u32; 4],
    pub(crate) port: u32,
    pub(crate) protocol: u32,
    /// What mixes each end.
    pub(crate) mix: u32,
}

/// Shifts and factors of the end of MurmurHash3 for 32 bits (`fmix32`), by which every bit of the result
/// depends on all bits before.
pub(crate) const FINISH: [(u32, u32); 2] = [(16, 0x85eb_ca6b), (13, 0xc2b2_ae35)];
pub(crate) const LAST_SHIFT: u32 = 16;

/// Shifts before and behind the factor that mixes an end.
pub(crate) const END_SHIFTS: [u32; 2] = [16, 15];

/// What is told of a frame by itself: two addresses, and the ports if it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The address of one end, and of the other one.
    pub addresses: [IpAddr; 2],
    /// The protocol's number and the ports of both ends; `None` where there are no ports.
    pub ports: Option<(u8, [u16; 2])>,
}

impl FlowSeed {
    /// From a number, equal seeds from equal numbers: whoever is to be kept from choosing connections that are
    /// sampled, or are not, must not know it.
    pub fn new(number: u64) -> Self {
        let mut state = number;
        // SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
        let mut odd = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed >> 32) as u32 | 1
        };
        Self { address: [(); 4].map(|()| odd()), port: odd(), protocol: odd(), mix: odd() }
    }

    /// The hash of a connection: all 32 bits are equally good, so that one connection in N has a hash of at
    /// most [`flow_limit`]`(N)`.
    pub fn hash(&self, flow: &Flow) -> u32 {
        let (protocol, ports) = flow.ports.unwrap_or_default();
        let [one, other] = flow.addresses;
        let ends = self.end(one, ports[0]).wrapping_add(self.end(other, ports[1]));
        let mut hash = ends.wrapping_add(self.protocol.wrapping_mul(protocol.into()));
        for (shift, factor) in FINISH {
            hash = (hash ^ hash >> shift).wrapping_mul(factor);
        }
        hash ^ hash >> LAST_SHIFT
    }

    fn end(&self, address: IpAddr, port: u16) -> u32 {
        let words = match address {
            IpAddr::V4(address) => [0, 0, 0, address.to_bits()],
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
            }
        };
        let words = words.iter().zip(self.address);
        let sum = words.fold(self.port.wrapping_mul(port.into()), |sum, (&word, factor)| {
            sum.wrapping_add(factor.wrapping_mul(word))
        });
        let mixed = (sum ^ sum >> END_SHIFTS[0]).wrapping_mul(self.mix);
        mixed ^ mixed >> END_SHIFTS[1]
    }
}

/// The hash of frames that belong to no connection: those without IP, and those cut before their addresses
/// and ports. Only whoever samples all connections gets them.
pub const NO_FLOW: u32 = u32::MAX;

/// The largest hash that is chosen where one connection in `one_in` is. Who is chosen at one in so many is
/// chosen at one in fewer, too.
pub const fn flow_limit(one_in: u32) -> u32 {
    match one_in {
        0 | 1 => u32::MAX,
        many => ((1 << 32) / many as u64 - 1) as u32,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    /// Connections as there are on a server: neighbours, with neighbouring ports.
    fn neighbours(v6: bool) -> impl Iterator<Item = Flow> {
        let address = move |n: u32| -> IpAddr {
            if v6 {
                Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n)).into()
            } else {
                Ipv4Addr::from_bits(0xc000_0200 + n).into()
            }
        };
        (0..32u32).flat_map(move |client| {
            (0..256u16).map(move |port| Flow {
                addresses: [address(client + 2), address(1)],
                ports: Some((6, [40_000 + port, 80])),
            })
        })
    }

    #[test]
    fn both_directions_have_one_hash() {
        let seed = FlowSeed::new(1);
        for flow in neighbours(false).chain(neighbours(true)) {
            let ([a, b], Some((protocol, [x, y]))) = (flow.addresses, flow.ports) else {
                panic!("ports")
            };
            let back = Flow { addresses: [b, a], ports: Some((protocol, [y, x])) };
            assert_eq!(seed.hash(&flow), seed.hash(&back));
        }
    }

    /// The number that is chosen has the mean and the variance of a fair draw, whatever the seed.
    #[test]
    fn one_connection_in_n_is_chosen() {
        const SEEDS: u64 = 400;
        for (v6, one_in) in [(false, 2), (false, 16), (false, 1000), (true, 16), (true, 7)] {
            let flows: Vec<Flow> = neighbours(v6).collect();
            let (n, p) = (flows.len() as f64, 1.0 / f64::from(one_in));
            let (mean, variance) = (n * p, n * p * (1.0 - p));
            let scores: Vec<f64> = (0..SEEDS)
                .map(|number| {
                    let seed = FlowSeed::new(number);
                    let chosen = |flow: &&Flow| seed.hash(flow) <= flow_limit(one_in);
                    (flows.iter().filter(chosen).count() as f64 - mean) / variance.sqrt()
                })
                .collect();
            let seeds = SEEDS as f64;
            // Of 400 fair draws: the mean of the scores is within 4 deviations of 0, their variance
            // within 4 of 1, and none is beyond 5.
            let of_all = scores.iter().sum::<f64>() / seeds;
            let spread = scores.iter().map(|score| score * score).sum::<f64>() / seeds;
            assert!(of_all.abs() < 4.0 / seeds.sqrt(), "one in {one_in}: {of_all}");
            assert!((spread - 1.0).abs() < 4.0 * (2.0 / seeds).sqrt(), "one in {one_in}: {spread}");
            assert!(scores.iter().all(|score| score.abs() < 5.0), "one in {one_in}");
        }
    }

    #[test]
    fn ports_and_protocol_tell_connections_apart() {
        let seed = FlowSeed::new(7);
        let addresses = [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 4).into()];
        let others = [Ipv4Addr::new(192, 0, 2, 2).into(), Ipv4Addr::new(192, 0, 2, 3).into()];
        let flow = |addresses, ports| seed.hash(&Flow { addresses, ports });
        let hashes = [
            flow(addresses, None),
            flow(addresses, Some((6, [1, 2]))),
            flow(addresses, Some((6, [2, 1]))),
            flow(addresses, Some((17, [1, 2]))),
            flow(others, None),
            flow(others, Some((6, [1, 2]))),
        ];
        let different: std::collections::BTreeSet<u32> = hashes.into_iter().collect();
        assert_eq!(different.len(), hashes.len());
    }

    #[test]
    fn limits_nest_and_have_their_share() {
        assert_eq!([0, 1, 2, 16].map(flow_limit), [u32::MAX, u32::MAX, 0x7fff_ffff, 0x0fff_ffff]);
        assert_eq!(flow_limit(u32::MAX), 0);
        assert!((1..5000).all(|n| flow_limit(n + 1) < flow_limit(n)));
    }
}
