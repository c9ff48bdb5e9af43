//! Cisco's: CDP, VTP, DTP, UDLD.

use crate::grammar::{End as _, Writer};

pub(super) fn cdp(w: &mut Writer) {
    w.snap([0, 0, 0x0c], 0x2000, |w| {
        w.of(&[1, 2]);
        w.u8(180).any(2);
        w.many(6, |w| {
            let kind = w.of16(&[
                1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 26, 31,
                0x1003,
            ]);
            w.len16(4, |w| match kind {
                2 | 22 => {
                    let count = w.below(3);
                    let stated = w.length(count, 0);
                    w.u32(stated);
                    for _ in 0..count {
                        match w.below(3) {
                            0 => w.u8(1).u8(1).u8(0xcc).u16(4).v4().end(),
                            1 => w
                                .u8(2)
                                .u8(8)
                                .put(&[0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd])
                                .u16(16)
                                .v6()
                                .end(),
                            _ => {
                                w.upto(2);
                                w.any(3);
                            }
                        }
                    }
                }
                4 => w.any(4).end(),
                7 => w.many(3, |w| w.v4().upto(32).end()).end(),
                10 => w.small(2).end(),
                11 | 18 | 19 => w.upto(1).end(),
                14 | 15 => w.any(1).small(2).end(),
                16 => w.small(2).end(),
                17 => w.small(4).end(),
                23 => w.any(1).text(8).end(),
                5 => w.text(12).u8(b'\n').text(12).end(),
                _ => w.text(16).end(),
            });
        });
    });
}

pub(super) fn vtp(w: &mut Writer) {
    w.snap([0, 0, 0x0c], 0x2003, |w| {
        w.of(&[1, 2]);
        let code = w.of(&[1, 2, 2, 3, 4]);
        w.any(1);
        w.len8(0, |w| w.text(12).end());
        w.fill(36);
        match code {
            1 => w.any(4).v4().text(12).fill(56).any(16).end(),
            2 => {
                w.any(4);
                w.many(3, |w| {
                    w.len8(1, |w| {
                        w.any(1);
                        w.upto(5);
                        let name = w.apart(|w| w.text(8).end());
                        w.u8(name.len() as u8).small(2).any(2).any(4).put(&name).align(4);
                        w.many(3, |w| {
                            w.upto(10);
                            w.u8(1).any(2);
                        });
                    });
                });
            }
            3 => w.any(4).end(),
            _ => w.any(12).end(),
        }
    });
}

pub(super) fn dtp(w: &mut Writer) {
    w.snap([0, 0, 0x0c], 0x2004, |w| {
        w.u8(1);
        w.many(5, |w| {
            let kind = w.of16(&[1, 2, 3, 4, 5]);
            w.len16(4, |w| match kind {
                1 => w.text(12).end(),
                4 => w.mac().end(),
                _ => w.any(1).end(),
            });
        });
    });
}

pub(super) fn udld(w: &mut Writer) {
    w.snap([0, 0, 0x0c], 0x0111, |w| {
        w.of(&[0x20, 0x21, 0x22, 0x23, 0x41]);
        w.upto(3);
        w.any(2);
        w.many(6, |w| {
            let kind = w.of16(&[1, 2, 3, 4, 5, 6, 7]);
            w.len16(4, |w| match kind {
                4 | 5 => w.any(1).end(),
                7 => w.any(4).end(),
                3 => w.u32(1).len16(0, |w| w.text(5).end()).len16(0, |w| w.text(5).end()).end(),
                _ => w.text(12).end(),
            });
        });
    });
}
