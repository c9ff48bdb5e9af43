//! Frames by grammar: for each protocol the options, elements, attributes and types that it has,
//! put together at random, most of them as they should be, some with a length, a number or a byte
//! that should not be there, some cut.
//!
//! Captures hold what somebody happened to send. These hold what a protocol may say.

mod link;
mod network;
mod routing;
mod services;
mod transport;
mod tunnel;
mod writer;

use writer::End;
pub use writer::Writer;

use crate::{Random, samples::Sample};

/// A protocol whose frames can be made.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Its name, as the table of docs/output.md has it.
    pub name: &'static str,
    /// The layer that it is of.
    pub family: &'static str,
    /// Writes an Ethernet frame.
    write: fn(&mut Writer),
}

impl Protocol {
    /// A frame: half of them as the grammar has them, a quarter cut, a quarter damaged.
    pub fn frame(&self, random: &mut Random) -> Sample {
        let mut writer = Writer::new(random);
        (self.write)(&mut writer);
        let mut bytes = writer.done();
        let wire_len = bytes.len() as u32;
        // Most frames have to get as far as the protocol: what is in front of it is seldom damaged.
        let front = random.pick(&[1, 14, 42, 42, 42]);
        let first = if front < bytes.len() { front } else { 1 };
        let place =
            |random: &mut Random, bytes: &[u8]| first + random.below((bytes.len() - first).max(1));
        match random.below(4) {
            0 => {
                let at = place(random, &bytes);
                bytes.truncate(at.max(1));
                (bytes, wire_len)
            }
            1 => {
                for _ in 0..=random.below(3) {
                    let at = place(random, &bytes).min(bytes.len() - 1);
                    bytes[at] = damaged(random, bytes[at]);
                }
                if random.one_in(3) {
                    let at = place(random, &bytes);
                    bytes.truncate(at.max(1));
                }
                let wire_len = bytes.len() as u32;
                (bytes, wire_len)
            }
            _ => (bytes, wire_len),
        }
    }
}

/// A byte in place of another.
fn damaged(random: &mut Random, byte: u8) -> u8 {
    match random.below(6) {
        0 => 0,
        1 => 0xff,
        2 => byte.wrapping_add(1),
        3 => byte.wrapping_sub(1),
        4 => byte ^ 1 << random.below(8),
        _ => random.number() as u8,
    }
}

/// All protocols, those first that are seen most.
pub fn protocols() -> Vec<Protocol> {
    let layers = [
        ("network", network::PROTOCOLS),
        ("transport", transport::PROTOCOLS),
        ("services", services::PROTOCOLS),
        ("link", link::PROTOCOLS),
        ("tunnels", tunnel::PROTOCOLS),
        ("routing", routing::PROTOCOLS),
    ];
    let of_layer = |(family, rows): (&'static str, &[Row])| -> Vec<Protocol> {
        rows.iter().map(|&(name, write)| Protocol { name, family, write }).collect()
    };
    layers.into_iter().flat_map(of_layer).collect()
}

/// A name, and what writes a frame.
type Row = (&'static str, fn(&mut Writer));
