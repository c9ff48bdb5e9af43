//! BGP (RFC 4271).

use super::super::{End as _, Writer};

fn prefixes(w: &mut Writer, most: u8) {
    w.many(3, |w| {
        let width = w.upto(most);
        w.any(usize::from(width.min(most)).div_ceil(8));
    });
}

/// RFC 4271.
pub(super) fn bgp(w: &mut Writer) {
    w.tcp(&[179], |w| {
        w.many(2, |w| {
            w.put(&[0xff; 16]);
            w.len16(18, |w| match w.of(&[1, 2, 2, 2, 3, 4, 5]) {
                1 => {
                    w.u8(4).small(2).small(2).v4();
                    w.len8(0, |w| {
                        w.many(3, |w| {
                            w.of(&[2, 2, 1]);
                            w.len8(0, |w| w.many(3, capability).end());
                        });
                    });
                }
                2 => {
                    w.len16(0, |w| {
                        if w.one_in(3) {
                            prefixes(w, 32);
                        }
                    });
                    w.len16(0, |w| w.many(5, attribute).end());
                    prefixes(w, 32);
                }
                3 => {
                    w.upto(7);
                    w.upto(11);
                    w.many(2, |w| w.any(4).end());
                }
                5 => {
                    w.of16(&[1, 2]);
                    w.upto(2);
                    w.of(&[1, 2, 128]);
                }
                _ => {}
            });
        });
    });
}

fn capability(w: &mut Writer) {
    let kind = w.of(&[1, 2, 3, 4, 5, 6, 64, 65, 67, 69, 70, 71, 128]);
    w.len8(0, |w| match kind {
        1 => {
            w.of16(&[1, 2, 25]);
            w.u8(0);
            w.of(&[1, 2, 4, 128, 70]);
        }
        64 => {
            w.any(2).many(2, |w| {
                w.of16(&[1, 2]);
                w.u8(1).any(1);
            });
        }
        65 => w.any(4).end(),
        69 => w
            .many(2, |w| {
                w.of16(&[1, 2]);
                w.u8(1);
                w.upto(4);
            })
            .end(),
        _ => w.many(2, |w| w.any(4).end()).end(),
    });
}

fn attribute(w: &mut Writer) {
    let flags = w.of(&[0x40, 0x40, 0x80, 0xc0, 0xe0, 0x50, 0x90]);
    let kind =
        w.of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 14, 15, 16, 17, 18, 22, 26, 32, 128, 99, 40]);
    let value = w.apart(|w| match kind {
        1 => w.upto(3).end(),
        2 | 17 => w
            .many(2, |w| {
                w.upto(4);
                let count = w.below(4);
                let stated = w.length(count, 0);
                let size = if kind == 17 || w.one_in(2) { 4 } else { 2 };
                w.u8(stated as u8);
                (0..count).for_each(|_| w.small(size).end());
            })
            .end(),
        3 | 9 => w.v4().end(),
        4 | 5 => w.small(4).end(),
        7 => w.small(2).v4().end(),
        18 => w.small(4).v4().end(),
        8 => w
            .many(3, |w| {
                if w.one_in(3) {
                    w.put(&[0xff, 0xff, 0xff, 1])
                } else {
                    w.small(2).small(2)
                };
            })
            .end(),
        10 => w.many(3, |w| w.v4().end()).end(),
        14 => {
            let family = w.of16(&[1, 2, 2, 25]);
            w.of(&[1, 2, 4, 70, 128]);
            w.len8(0, |w| if family == 2 { w.v6().end() } else { w.v4().end() });
            w.u8(0);
            prefixes(w, if family == 2 { 128 } else { 32 });
        }
        15 => {
            let family = w.of16(&[1, 2]);
            w.of(&[1, 2, 4, 128]);
            prefixes(w, if family == 2 { 128 } else { 32 });
        }
        16 => w
            .many(3, |w| {
                w.of16(&[0x0002, 0x0003, 0x0102, 0x0202, 0x4004, 0x0300, 0x030b, 0x8006, 0x800a]);
                w.any(6);
            })
            .end(),
        22 => {
            w.upto(1);
            w.upto(7);
            w.any(3).any(12);
        }
        26 => w.u8(1).u16(11).any(8).end(),
        32 => w.many(2, |w| w.small(4).small(4).small(4).end()).end(),
        128 => {
            w.small(4);
            w.any(4);
        }
        _ => w.many(2, |w| w.any(5).end()).end(),
    });
    let length = w.length(value.len(), 0);
    if flags & 0x10 != 0 {
        w.u16(length as u16)
    } else {
        w.u8(length as u8)
    };
    w.put(&value);
}
