//! PIM (RFC 7761).

use super::super::{End as _, Writer};

fn pim_address(w: &mut Writer, more: usize) {
    if w.one_in(5) {
        w.u8(2).u8(0).any(more).v6();
    } else {
        w.of(&[1, 1, 1, 1, 3]);
        w.u8(0).any(more).v4();
    }
}

/// RFC 7761.
pub(super) fn pim(w: &mut Writer) {
    w.ip(103, |w| {
        let kind = w.below(12) as u8;
        let body = w.apart(|w| {
            w.any(1).u16(0);
            match kind {
                0 => w
                    .many(5, |w| {
                        let kind = w.of16(&[1, 2, 18, 19, 20, 21, 22, 24, 65_001]);
                        w.len16(0, |w| match kind {
                            1 | 18 => w.small(2).end(),
                            19 | 20 => w.any(4).end(),
                            2 => w.any(4).end(),
                            21 => w.u8(1).any(1).any(2).end(),
                            24 => w.many(2, |w| pim_address(w, 0)).end(),
                            _ => w.any(6).end(),
                        });
                    })
                    .end(),
                1 => {
                    w.any(4);
                    w.put(&[0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0]).v4().v4();
                    w.u16(40_000).u16(9).u16(12).u16(0).any(4);
                }
                2 => {
                    pim_address(w, 2);
                    pim_address(w, 0);
                }
                3 | 6 | 7 => {
                    pim_address(w, 0);
                    let groups = w.below(3);
                    let count = w.length(groups, 0);
                    w.u8(0).u8(count as u8).small(2);
                    for _ in 0..groups {
                        pim_address(w, 2);
                        let (joins, prunes) = (w.below(3), w.below(2));
                        w.u16(joins as u16).u16(prunes as u16);
                        (0..joins + prunes).for_each(|_| pim_address(w, 2));
                    }
                }
                4 => {
                    w.any(2).any(1).any(1);
                    pim_address(w, 0);
                    w.many(2, |w| {
                        pim_address(w, 2);
                        let points = w.below(3);
                        w.u8(points as u8).u8(points as u8).any(2);
                        for _ in 0..points {
                            pim_address(w, 0);
                            w.small(2).any(2);
                        }
                    });
                }
                5 => {
                    pim_address(w, 2);
                    pim_address(w, 0);
                    w.any(4).any(4);
                }
                8 => {
                    let count = w.below(3);
                    w.u8(count as u8).any(1).small(2);
                    pim_address(w, 0);
                    (0..count).for_each(|_| pim_address(w, 2));
                }
                9 => {
                    pim_address(w, 0);
                    pim_address(w, 2);
                    pim_address(w, 0);
                    w.small(2);
                }
                _ => w.any(12).end(),
            }
        });
        w.u8(0x20 | kind).put(&body);
    });
}
