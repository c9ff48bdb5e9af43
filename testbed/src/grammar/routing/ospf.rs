//! OSPF for IPv4 (RFC 2328) and IPv6 (RFC 5340).

use super::super::{End as _, Writer};

/// RFC 2328.
pub(super) fn ospf(w: &mut Writer) {
    w.ip4(89, |w| {
        let kind = [1, 1, 2, 3, 4, 4, 5, 6][w.below(8)];
        let body = w.apart(|w| match kind {
            1 => w
                .u32(0xffff_ff00)
                .small(2)
                .any(1)
                .any(1)
                .small(4)
                .v4()
                .v4()
                .many(3, |w| w.v4().end())
                .end(),
            2 => w.u16(1500).any(1).any(1).any(4).many(3, lsa_header).end(),
            3 => w
                .many(3, |w| {
                    let kind = [1, 2, 3, 4, 5, 7, 9, 10, 11][w.below(9)];
                    w.u32(kind).v4().v4();
                })
                .end(),
            4 => {
                let count = w.below(3);
                let stated = w.length(count, 0);
                w.u32(stated);
                (0..count).for_each(|_| lsa(w));
            }
            _ => w.many(3, lsa_header).end(),
        });
        let length = w.length(body.len(), 24);
        w.u8(2).u8(kind).u16(length as u16).v4().v4().u16(0);
        w.of16(&[0, 0, 0, 1, 2, 3]);
        w.any(8).put(&body);
    });
}

fn lsa_header(w: &mut Writer) {
    w.small(2).any(1);
    w.of(&[1, 2, 3, 4, 5, 7, 9, 10, 11]);
    w.v4().v4().any(4).any(2).len16(20, |_| {});
}

fn lsa(w: &mut Writer) {
    w.small(2).any(1);
    let kind = w.of(&[1, 1, 2, 3, 4, 5, 7, 9, 10, 11]);
    if kind > 8 {
        w.of(&[1, 3, 4]);
        w.any(3);
    } else {
        w.v4();
    }
    w.v4().any(4).any(2);
    w.len16(20, |w| match kind {
        1 => {
            let links = w.below(3);
            let count = w.length(links, 0);
            w.upto(31);
            w.u8(0).u16(count as u16);
            for _ in 0..links {
                w.v4().v4();
                w.upto(5);
                let topologies = w.below(2) as u8;
                w.u8(topologies).small(2);
                (0..topologies).for_each(|_| w.any(1).u8(0).small(2).end());
            }
        }
        2 => w.u32(0xffff_ff00).many(3, |w| w.v4().end()).end(),
        3 | 4 => w.u32(0xffff_ff00).many(2, |w| w.u8(0).small(3).end()).end(),
        5 | 7 => w
            .u32(0xffff_ff00)
            .many(2, |w| {
                w.of(&[0, 0x80, 1]);
                w.small(3).v4().small(4);
            })
            .end(),
        _ => w
            .many(3, |w| {
                w.of16(&[1, 2, 3, 4, 5, 6, 12]);
                w.len16(0, |w| w.any(4).end());
            })
            .end(),
    });
}

/// RFC 5340.
pub(super) fn ospf3(w: &mut Writer) {
    w.ip6(89, |w| {
        let kind = [1, 2, 3, 4, 4, 5, 9][w.below(7)];
        let body = w.apart(|w| {
            let header = |w: &mut Writer| {
                w.small(2);
                w.of16(&[0x2001, 0x2002, 0x2003, 0x2004, 0x4005, 0x2006, 0x0008, 0x2009, 0x8005]);
                w.v4().v4().any(4).any(2).len16(20, |_| {});
            };
            match kind {
                1 => {
                    w.any(4).any(1).any(3).small(2).small(2).v4().v4();
                    w.many(3, |w| w.v4().end());
                }
                2 => {
                    w.any(1).any(3).u16(1500).u8(0).any(1).any(4);
                    w.many(3, header);
                }
                3 => w
                    .many(3, |w| {
                        w.u16(0);
                        w.of16(&[0x2001, 0x2002, 0x4005]);
                        w.v4().v4();
                    })
                    .end(),
                4 => {
                    let count = w.below(3);
                    let stated = w.length(count, 0);
                    w.u32(stated);
                    for _ in 0..count {
                        w.small(2);
                        let kind =
                            w.of16(&[0x2001, 0x2002, 0x2003, 0x2004, 0x4005, 0x0008, 0x2009]);
                        w.v4().v4().any(4).any(2);
                        w.len16(20, |w| match kind {
                            0x2001 => {
                                w.any(4);
                                w.many(2, |w| {
                                    w.upto(4);
                                    w.u8(0).small(2).any(4).any(4).v4();
                                });
                            }
                            0x2002 => w.any(4).many(3, |w| w.v4().end()).end(),
                            0x2003 => {
                                w.small(4);
                                prefix3(w);
                            }
                            0x4005 => {
                                w.any(4);
                                prefix3(w);
                                w.any(8);
                            }
                            0x0008 => {
                                w.any(4).v6();
                                let count = w.below(3);
                                w.u32(count as u32);
                                (0..count).for_each(|_| prefix3(w));
                            }
                            _ => {
                                let count = w.below(3);
                                w.u16(count as u16);
                                w.of16(&[0x2001, 0x2002]);
                                w.v4().v4();
                                (0..count).for_each(|_| prefix3(w));
                            }
                        });
                    }
                }
                _ => w.many(3, header).end(),
            }
        });
        let length = w.length(body.len(), 16);
        w.u8(3).u8(kind).u16(length as u16).v4().v4().any(2).any(1).u8(0).put(&body);
    });
}

fn prefix3(w: &mut Writer) {
    let width = w.upto(128);
    w.any(1).small(2).any(usize::from(width.min(128)).div_ceil(32) * 4);
}
