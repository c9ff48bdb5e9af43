//! Routing protocols.

mod bgp;
mod isis;
mod ospf;
mod pim;

use super::{End as _, Row, Writer};
use bgp::bgp;
use isis::isis;
use ospf::{ospf, ospf3};
use pim::pim;

pub(super) const PROTOCOLS: &[Row] = &[
    ("BGP", bgp),
    ("OSPF", ospf),
    ("OSPFv3", ospf3),
    ("VRRP", vrrp),
    ("HSRP", hsrp),
    ("RIP", rip),
    ("RIPng", ripng),
    ("EIGRP", eigrp),
    ("PIM", pim),
    ("LDP", ldp),
    ("BFD", bfd),
    ("Babel", babel),
    ("OLSR", olsr),
    ("AODV", aodv),
    ("IS-IS", isis),
    ("RPKI-RTR", rpki),
    ("IGRP", igrp),
    ("RSVP", rsvp),
    ("LMP", lmp),
];

fn vrrp(w: &mut Writer) {
    w.ip(112, |w| {
        let count = w.below(4);
        let stated = w.length(count, 0);
        w.of(&[0x21, 0x31, 0x22, 0x41]);
        w.any(1);
        w.of(&[100, 255, 0]);
        w.u8(stated as u8);
        w.of(&[0, 1, 2]);
        w.any(1).any(2);
        (0..count).for_each(|_| w.v4().end());
        w.many(1, |w| w.text(8).end());
    });
}

fn hsrp(w: &mut Writer) {
    w.udp(&[1985], |w| {
        w.of(&[0, 0, 1]);
        w.upto(2);
        w.of(&[0, 1, 2, 4, 8, 16]);
        w.any(1).any(1).any(1).any(1).u8(0);
        let secret = w.apart(|w| w.text(8).fill(8).end());
        w.put(&secret).v4();
    });
}

fn rip(w: &mut Writer) {
    w.udp(&[520], |w| {
        w.upto(6);
        let version = w.of(&[1, 2, 2, 2, 3, 0]);
        w.any(2);
        w.many(4, |w| match w.of16(&[2, 2, 2, 0, 0xffff, 0x0a]) {
            0xffff => {
                w.of16(&[1, 2, 3]);
                w.text(16).align(20);
            }
            _ if version == 1 => w.u16(0).v4().u32(0).u32(0).small(4).end(),
            _ => w.any(2).v4().u32(0xffff_ff00).v4().small(4).end(),
        });
    });
}

fn ripng(w: &mut Writer) {
    w.udp(&[521], |w| {
        w.upto(3);
        w.of(&[1, 1, 2]);
        w.u16(0);
        w.many(4, |w| {
            w.v6().small(2);
            w.upto(128);
            w.of(&[1, 16, 255, 0]);
        });
    });
}

fn eigrp(w: &mut Writer) {
    w.ip4(88, |w| {
        w.of(&[2, 2, 1]);
        w.of(&[1, 3, 4, 5, 6, 8, 10, 11]);
        w.any(2).any(4).any(4).any(4).small(4);
        w.many(4, |w| {
            let kind = w.of16(&[
                1, 2, 3, 4, 5, 6, 0x0102, 0x0103, 0x0104, 0x0202, 0x0203, 0x0204, 0x0302, 0x0402,
            ]);
            w.len16(4, |w| match kind {
                1 => w.any(6).small(2).end(),
                3 => {
                    w.len8(0, |w| w.v4().end()).u8(0).u8(0).u8(0);
                }
                4 => w.any(4).end(),
                5 => w.v4().end(),
                0x0102 => {
                    w.v4().any(4).any(4).any(3).any(1).any(1).any(1).any(2);
                    let width = w.upto(32);
                    w.any(usize::from(width.min(32)).div_ceil(8));
                }
                0x0103 => {
                    w.v4().v4().small(4).any(4).any(4).any(2).upto(11);
                    w.any(1).any(4).any(4).any(3).any(1).any(1).any(1).any(2);
                    let width = w.upto(32);
                    w.any(usize::from(width.min(32)).div_ceil(8));
                }
                _ => w.any(20).end(),
            });
        });
    });
}

/// RFC 5036.
fn ldp(w: &mut Writer) {
    let write = |w: &mut Writer| {
        w.many(2, |w| {
            w.u16(1);
            w.len16(0, |w| {
                w.v4().u16(0);
                w.many(3, |w| {
                    w.of16(&[
                        1, 0x0100, 0x0200, 0x0201, 0x0300, 0x0301, 0x0400, 0x0401, 0x0402, 0x0403,
                        0x8100,
                    ]);
                    w.len16(0, |w| {
                        w.any(4);
                        w.many(3, ldp_field);
                    });
                });
            });
        });
    };
    if w.one_in(2) { w.udp(&[646], write) } else { w.tcp(&[646], write) }
}

fn ldp_field(w: &mut Writer) {
    const KINDS: &[u16] = &[
        0x0100, 0x0100, 0x0101, 0x0103, 0x0104, 0x0200, 0x0201, 0x0300, 0x0301, 0x0400, 0x0401,
        0x0402, 0x0403, 0x0500, 0x0503, 0x0601, 0x8503, 0xc100,
    ];
    let kind = w.of16(KINDS);
    w.len16(0, |w| match kind & 0x3fff {
        0x0100 => match w.of(&[1, 2, 2, 3, 0x80, 0x80]) {
            2 => {
                let family = w.of16(&[1, 2]);
                let width = w.upto(if family == 2 { 128 } else { 32 });
                w.any(usize::from(width.min(128)).div_ceil(8));
            }
            0x80 => {
                w.of16(&[4, 5, 0x8005, 0x8004, 7, 0x19]);
                let parameters = w.apart(|w| {
                    w.any(4);
                    w.many(3, |w| {
                        w.of(&[1, 3, 0x0c, 2]);
                        w.len8(2, |w| w.small(2).end());
                    });
                });
                let length = w.length(parameters.len(), 0);
                w.u8(length as u8).any(4).put(&parameters);
            }
            _ => w.any(3).end(),
        },
        0x0101 => {
            let family = w.of16(&[1, 2, 3]);
            w.many(3, |w| if family == 2 { w.v6().end() } else { w.v4().end() });
        }
        0x0200 | 0x0402 => w.small(4).end(),
        0x0300 => w.any(4).any(4).any(2).end(),
        0x0400 => w.small(2).any(2).end(),
        0x0401 => w.v4().end(),
        0x0403 => w.v6().end(),
        0x0500 => w.u16(1).small(2).any(1).any(1).small(2).any(6).end(),
        0x0503 => w.any(2).u16(0).small(4).small(4).end(),
        0x0601 => w.small(2).end(),
        _ => w.any(4).end(),
    });
}

fn bfd(w: &mut Writer) {
    w.udp(&[3784, 3785, 4784, 6784], |w| {
        let authentication = w.apart(|w| {
            if w.one_in(2) {
                let kind = w.upto(6);
                let size = match kind {
                    1 => 5,
                    2 | 3 => 21,
                    4 | 5 => 25,
                    _ => 3,
                };
                w.len8(2, |w| w.any(1).any(size).end());
            }
        });
        w.of(&[0x20, 0x21, 0x2a, 0x00, 0x40]);
        let state = w.below(256) as u8;
        w.u8(if authentication.is_empty() { state & !4 } else { state | 4 });
        w.u8(3);
        let length = w.length(authentication.len(), 24);
        w.u8(length as u8).any(4).any(4).any(4).any(4).any(4).put(&authentication);
    });
}

/// RFC 8966.
fn babel(w: &mut Writer) {
    w.udp(&[6696, 6697], |w| {
        w.of(&[42, 42, 42, 41]);
        w.of(&[2, 2, 2, 3]);
        w.len16(0, |w| {
            w.many(5, |w| {
                let kind = w.of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13]);
                if kind == 0 {
                    return;
                }
                w.len8(0, |w| match kind {
                    1 => w.many(4, |w| w.u8(0).end()).end(),
                    2 => w.u16(0).any(2).small(2).end(),
                    3 => w.any(2).end(),
                    4 => w.any(2).small(2).small(2).many(2, sub).end(),
                    5 => {
                        w.upto(3);
                        w.u8(0).small(2).small(2).any(8);
                    }
                    6 => w.u16(0).any(8).end(),
                    7 => {
                        w.upto(3);
                        w.u8(0).any(4);
                    }
                    8 => {
                        w.upto(3);
                        w.any(1).upto(96);
                        w.upto(8);
                        w.small(2).any(2).small(2).any(8);
                        w.many(2, sub);
                    }
                    9 => {
                        w.upto(3);
                        w.upto(64);
                        w.any(8);
                    }
                    10 => {
                        w.upto(3);
                        w.upto(64);
                        w.any(2).any(1).u8(0).any(8).any(8);
                    }
                    11 => w.any(4).text(6).end(),
                    12 => w.any(2).any(16).end(),
                    _ => w.any(12).end(),
                });
            });
        });
        w.many(1, |w| w.any(6).end());
    });
}

fn sub(w: &mut Writer) {
    let kind = w.upto(5);
    if kind > 0 {
        w.len8(0, |w| w.many(3, |w| w.any(4).end()).end());
    }
}

/// RFC 3626.
fn olsr(w: &mut Writer) {
    w.udp(&[698], |w| {
        w.len16(4, |w| {
            w.any(2);
            w.many(3, |w| {
                let kind = w.of(&[1, 2, 3, 4, 129, 130, 131, 201, 202]);
                w.any(1);
                let body = w.apart(|w| match kind {
                    1 | 201 => {
                        w.u16(0).any(1).any(1);
                        w.many(2, |w| {
                            w.any(1).u8(0).len16(4, |w| w.many(3, |w| w.v4().end()).end()).end()
                        });
                    }
                    2 | 202 => w.any(2).u16(0).many(3, |w| w.v4().any(4).end()).end(),
                    3 => w.many(3, |w| w.v4().end()).end(),
                    4 => w.many(2, |w| w.v4().u32(0xffff_ff00).end()).end(),
                    130 => w.u16(0).u16(1).u16(0).len16(0, |w| w.u16(0).v4().text(8).end()).end(),
                    _ => w.any(8).end(),
                });
                let length = w.length(body.len(), 12);
                w.u16(length as u16).v4().any(1).any(1).any(2).put(&body);
            });
        });
    });
}

fn aodv(w: &mut Writer) {
    w.udp(&[654], |w| match w.of(&[1, 2, 3, 4, 16, 17, 18]) {
        1 => w.any(3).any(4).v4().any(4).v4().any(4).many(2, |w| w.any(4).end()).end(),
        2 => w.any(3).v4().any(4).v4().any(4).end(),
        3 => {
            let count = w.below(4);
            w.any(2).u8(count as u8);
            (0..count).for_each(|_| w.v4().any(4).end());
        }
        4 => w.u8(0).end(),
        _ => w.any(3).any(4).v6().any(4).v6().any(4).end(),
    });
}

fn rpki(w: &mut Writer) {
    w.tcp(&[323], |w| {
        w.many(3, |w| {
            w.of(&[0, 0, 0, 1]);
            let kind = w.of(&[0, 1, 2, 3, 4, 6, 7, 8, 10, 9]);
            let body = w.apart(|w| {
                w.any(2);
                match kind {
                    0 | 1 | 7 => w.any(4).end(),
                    4 => w.any(1).u8(24).u8(24).u8(0).v4().small(4).end(),
                    6 => w.any(1).u8(48).u8(48).u8(0).v6().small(4).end(),
                    10 => {
                        w.u32(8).put(&[0, 2, 0, 0, 0, 0, 0, 8]);
                        let text = w.apart(|w| w.text(12).end());
                        let length = w.length(text.len(), 0);
                        w.u32(length).put(&text);
                    }
                    _ => {}
                }
            });
            let (head, rest) = body.split_at(2);
            let length = w.length(rest.len(), 8);
            w.put(head).u32(length).put(rest);
        });
    });
}

fn igrp(w: &mut Writer) {
    w.ip4(9, |w| {
        w.of(&[0x11, 0x12, 0x21]);
        w.any(1).small(2);
        let counts = [w.below(2), w.below(2), w.below(2)];
        counts.into_iter().for_each(|count| w.u16(count as u16).end());
        w.any(2);
        (0..counts.iter().sum()).for_each(|_| w.any(14).end());
    });
}

fn rsvp(w: &mut Writer) {
    w.ip(46, |w| {
        w.of(&[0x10, 0x10, 0x10, 0x11, 0x20]);
        w.of(&[1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21]);
        w.any(2).any(1).u8(0);
        let objects = w.apart(|w| {
            w.many(3, |w| {
                w.len16(4, |w| w.of(&[1, 3, 5, 7, 8]).end()).any(8);
            });
        });
        let length = w.length(objects.len(), 8);
        w.u16(length as u16).put(&objects);
    });
}

fn lmp(w: &mut Writer) {
    w.udp(&[701], |w| {
        w.of(&[0x10, 0x10, 0x10, 0x20]);
        w.u8(0).upto(3);
        let kinds: Vec<u8> = (1..=20).chain(50..=52).collect();
        w.of(&kinds);
        w.len16(8, |w| w.many(3, |w| w.any(8).end()).end()).u16(0).any(4);
    });
}
