//! Hosts by DECnet address. The routing header is long or short, with or without a
//! byte of padding, and holds its numbers with the low byte first.

use super::Lowering;
use super::build::From;
use super::ethernet::ethertype;
use super::predicate::PredicateId;
use crate::ast::Direction;
use crate::error::Error;
use crate::ir::Width;

impl Lowering<'_> {
    pub fn decnet_host(
        &mut self,
        address: u32,
        direction: Option<Direction>,
    ) -> Result<PredicateId, Error> {
        match direction {
            Some(Direction::Source) => self.decnet_end(address, 15, 3),
            Some(Direction::Destination) => self.decnet_end(address, 7, 1),
            Some(Direction::Both) => {
                let source = self.decnet_end(address, 15, 3)?;
                let destination = self.decnet_end(address, 7, 1)?;
                Ok(self.and(source, destination))
            }
            None | Some(Direction::Either) => {
                let source = self.decnet_end(address, 15, 3)?;
                let destination = self.decnet_end(address, 7, 1)?;
                Ok(self.or(source, destination))
            }
            Some(_) => Err(self.only_802_11()),
        }
    }

    /// `long` and `short` are the offsets of the address in the two headers.
    fn decnet_end(&mut self, address: u32, long: u32, short: u32) -> Result<PredicateId, Error> {
        const LENGTH: u32 = 2;
        let decnet = self.link_type(ethertype::DECNET)?;
        let address = u32::from((address as u16).swap_bytes());
        let mut form = |padding: u32, flags: u32, offset: u32| {
            let flags = match padding {
                0 => self.masked(From::Network, LENGTH, Width::Byte, flags, 0x07),
                _ => self.masked(From::Network, LENGTH, Width::Half, 0x8100 | flags, 0xff07),
            };
            let offset = LENGTH + padding + offset;
            let address = self.equals(From::Network, offset, Width::Half, address);
            self.and(flags, address)
        };
        let short_plain = form(0, 0x02, short);
        let short_padded = form(1, 0x02, short);
        let long_plain = form(0, 0x06, long);
        let long_padded = form(1, 0x06, long);
        let any = self.any(short_plain, &[short_padded, long_plain, long_padded]);
        Ok(self.and(decnet, any))
    }
}
