//! DECnet phase IV.

use crate::grammar::{End as _, Writer};

pub(super) fn decnet(w: &mut Writer) {
    let little = |w: &mut Writer, value: u32| w.put(&(value as u16).to_le_bytes()).end();
    let message = w.apart(|w| match w.below(3) {
        0 => decnet_control(w),
        1 => {
            w.of(&[2, 0x0a, 0x12, 0x1a]);
            w.any(2).any(2).any(1);
            decnet_services(w);
        }
        _ => {
            w.of(&[6, 0x26, 0x2e]);
            w.u8(0).u8(0).put(&[0xaa, 0, 4, 0]).any(2).u8(0).u8(0).put(&[0xaa, 0, 4, 0]).any(2);
            w.u8(0).any(1).any(2);
            decnet_services(w);
        }
    });
    w.ethernet(0x6003, |w| {
        let padded = w.one_in(8);
        let length = w.length(message.len() + usize::from(padded), 0);
        little(w, length);
        if padded {
            w.u8(0x81);
        }
        w.put(&message).many(1, |w| w.any(6).end());
    });
}

/// A message between routers.
fn decnet_control(w: &mut Writer) {
    let kind = w.of(&[1, 3, 5, 7, 9, 11, 13, 15]);
    match kind {
        3 | 5 => w.any(2).any(8).end(),
        7 | 9 => w.any(3).many(4, |w| w.put(&[5, 0]).any(2).any(2).end()).any(2).end(),
        11 | 13 => {
            w.put(&[2, 0, 0, 0xaa, 0, 4, 0]).any(2).upto(3);
            w.any(24);
        }
        _ => {
            w.any(2).upto(3);
            w.any(8);
        }
    }
}

/// A message of the network services.
fn decnet_services(w: &mut Writer) {
    let kind = w.of(&[
        0, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 4, 0x14, 0x24, 0x34, 0x18, 0x28, 0x38, 0x48, 0x68,
        0x78, 0x0c,
    ]);
    w.any(2).any(2);
    match kind {
        0x38 | 0x48 => {
            let reason = [0, 8, 36, 43][w.below(4)];
            w.put(&[reason, 0]).upto(3);
        }
        0x18 | 0x28 | 0x68 => w.any(1).any(1).any(2).any(1).end(),
        _ => {
            // Acknowledgements have their highest bit set.
            w.many(2, |w| {
                let kind = [0x80, 0x90, 0xa0, 0xb0][w.below(4)];
                w.any(1).u8(kind);
            });
            w.any(1).u8(1);
        }
    }
    w.many(1, |w| w.any(8).end());
}
