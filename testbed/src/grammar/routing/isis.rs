//! IS-IS (ISO 10589).

use super::super::{End as _, Writer};

fn isis_field(w: &mut Writer) {
    const KINDS: &[u8] = &[
        1, 2, 6, 8, 9, 10, 12, 14, 22, 128, 129, 130, 132, 134, 135, 137, 211, 222, 229, 232, 235,
        236, 240, 250,
    ];
    let kind = w.of(KINDS);
    w.len8(0, |w| match kind {
        1 => w.many(3, |w| w.len8(0, |w| w.any(3).end()).end()).end(),
        2 => w.u8(0).many(3, |w| w.any(11).end()).end(),
        6 => w.many(3, |w| w.mac().end()).end(),
        9 => w.many(2, |w| w.small(2).any(8).any(4).any(2).end()).end(),
        10 => {
            w.of(&[1, 54, 3]);
            w.any(16);
        }
        22 => w
            .many(2, |w| {
                w.any(7).small(3);
                w.len8(0, |w| {
                    w.many(2, |w| {
                        w.of(&[3, 4, 6, 8, 9, 10, 11, 18, 20, 21]);
                        w.len8(0, |w| w.any(4).end());
                    });
                });
            })
            .end(),
        128 | 130 => w.many(2, |w| w.any(4).v4().u32(0xffff_ff00).end()).end(),
        129 => w
            .many(3, |w| {
                w.of(&[0xcc, 0x8e, 0x81, 0x82]);
            })
            .end(),
        132 => w.many(3, |w| w.v4().end()).end(),
        134 => w.v4().end(),
        135 => w
            .many(2, |w| {
                w.small(4);
                let width = w.upto(32);
                w.any(usize::from(width & 0x3f).div_ceil(8).min(4));
            })
            .end(),
        137 => w.text(10).end(),
        232 => w.many(2, |w| w.v6().end()).end(),
        236 => w
            .many(2, |w| {
                w.small(4);
                w.of(&[0, 0x80, 0x40]);
                let width = w.upto(128);
                w.any(usize::from(width.min(128)).div_ceil(8));
            })
            .end(),
        229 => w.many(3, |w| w.any(2).end()).end(),
        211 => w.any(1).small(2).any(6).end(),
        _ => w.many(3, |w| w.any(5).end()).end(),
    });
}

pub(super) fn isis(w: &mut Writer) {
    w.llc(&[0xfe, 0xfe, 3], |w| {
        let kind = [15, 16, 17, 18, 20, 24, 25, 26, 27][w.below(9)];
        let body = w.apart(|w| {
            match kind {
                15 | 16 => {
                    w.upto(3);
                    w.any(6).small(2).len16(27, |_| {}).any(1).any(7);
                }
                17 => {
                    w.upto(3);
                    w.any(6).small(2).len16(20, |_| {}).any(1);
                }
                18 | 20 => w.len16(100, |_| {}).small(2).any(8).any(4).any(2).any(1).end(),
                24 | 25 => w.len16(33, |_| {}).any(7).any(8).any(8).end(),
                _ => w.len16(17, |_| {}).any(7).end(),
            }
            w.many(4, isis_field);
        });
        let fixed = match kind {
            15 | 16 | 18 | 20 => 27,
            17 => 20,
            24 | 25 => 33,
            _ => 17,
        };
        w.u8(0x83);
        let length = w.length(fixed, 0);
        w.u8(length as u8).u8(1).u8(0).u8(kind).u8(1).u8(0).u8(0).put(&body);
    });
}
