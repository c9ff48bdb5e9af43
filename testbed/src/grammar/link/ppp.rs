//! PPP and PPPoE.

use crate::grammar::{End as _, Writer};

pub(super) fn pppoe(w: &mut Writer) {
    if w.one_in(2) {
        w.ethernet(0x8863, |w| {
            w.u8(0x11);
            w.of(&[9, 7, 0x19, 0x65, 0xa7, 0]);
            w.any(2);
            w.len16(0, |w| {
                w.many(4, |w| {
                    w.of16(&[
                        0x0101, 0x0102, 0x0103, 0x0104, 0x0105, 0x0110, 0x0201, 0x0202, 0x0203, 0,
                        0x0120,
                    ]);
                    w.len16(0, |w| w.text(10).end());
                });
            });
        });
    } else {
        w.ethernet(0x8864, |w| w.u8(0x11).u8(0).any(2).len16(0, ppp_packet).end());
    }
}

pub(super) fn ppp(w: &mut Writer) {
    w.ethernet(0x8864, |w| w.u8(0x11).u8(0).u16(7).len16(0, control_packet).end());
}

/// What stands behind an address and a control field, or behind none.
pub fn ppp_packet(w: &mut Writer) {
    if w.one_in(6) {
        w.u8(0xff).u8(3);
    }
    match w.below(8) {
        0 => {
            let protocol = [0x21, 0x57, 0x2b, 0x281, 0x35, 0x2d, 0x3d, 0x8281][w.below(8)];
            w.u16(protocol).many(3, |w| w.any(12).end());
        }
        // The protocol's number in one byte, and a byte stuffed in an asynchronous link.
        1 => w.u8(0x21).u8(0x45).any(20).end(),
        2 => w.u8(0x7e).any(2).u8(0x7d).any(9).u8(0x7e).end(),
        _ => control_packet(w),
    }
}

fn control_packet(w: &mut Writer) {
    let protocol =
        w.of16(&[0xc021, 0xc021, 0x8021, 0x8057, 0x80fd, 0xc02b, 0xc223, 0xc023, 0x8053, 0xc025]);
    let code = match protocol {
        0xc223 => w.of(&[1, 2, 3, 4]),
        0xc023 => w.of(&[1, 2, 3]),
        _ => w.of(&[1, 1, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 0]),
    };
    w.any(1);
    w.len16(4, |w| match (protocol, code) {
        (0xc223, 1 | 2) => w.len8(0, |w| w.any(16).end()).text(8).end(),
        (0xc223, _) => w.text(14).end(),
        (0xc023, 1) => w.len8(0, |w| w.text(6).end()).len8(0, |w| w.text(6).end()).end(),
        (0xc023, _) => w.len8(0, |w| w.text(9).end()).end(),
        (_, 8) => w.any(2).any(6).end(),
        (_, 9..=13) => w.any(4).many(2, |w| w.text(8).end()).end(),
        (_, 0 | 14) => w.any(4).any(3).any(1).end(),
        _ => w
            .many(4, |w| {
                match protocol {
                    0xc021 => w.upto(28).end(),
                    0x8021 => w.of(&[1, 2, 3, 4, 129, 130, 131, 132, 144]).end(),
                    0x80fd => {
                        w.of(&[0, 1, 2, 3, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 255]).end()
                    }
                    _ => w.of(&[1, 2]).end(),
                };
                w.len8(2, |w| match w.below(8) {
                    0 => w.any(2).end(),
                    1 => w.any(4).end(),
                    2 => w.any(8).end(),
                    3 => {
                        w.of16(&[0xc023, 0xc223, 0xc227, 0xc025, 0xc027, 0x61, 0x2d]);
                        w.of(&[5, 128, 129, 6]);
                    }
                    4 => {
                        w.upto(5);
                    }
                    5 => w
                        .u16(0x61)
                        .any(10)
                        .many(2, |w| {
                            w.upto(2);
                            w.len8(2, |w| w.any(1).end());
                        })
                        .end(),
                    6 => {
                        w.upto(5);
                        let size = [0, 4, 6, 9][w.below(4)];
                        w.any(size);
                    }
                    _ => w.many(3, |w| w.any(1).end()).end(),
                });
            })
            .end(),
    });
}
