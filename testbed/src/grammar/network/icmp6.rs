//! ICMPv6: errors, neighbours, multicast listeners, node information, renumbering, RPL.

use super::quoted;
use crate::grammar::{End as _, Writer};

pub(super) fn icmp6(w: &mut Writer) {
    w.ip6(58, |w| {
        match w.of(&[
            1, 1, 2, 3, 4, 128, 129, 138, 141, 142, 144, 145, 146, 147, 148, 149, 150, 153, 154,
        ]) {
            1..=4 => {
                w.upto(8);
                w.any(2).small(4);
                quoted(w, true);
            }
            128 | 129 => w.u8(0).any(2).small(2).small(2).many(4, |w| w.any(9).end()).end(),
            _ => {
                w.upto(4);
                w.any(6).many(3, |w| w.any(8).end());
            }
        }
    });
}

pub(super) fn discovery(w: &mut Writer) {
    w.ip6(58, |w| {
        match w.of(&[133, 134, 134, 134, 135, 136, 137]) {
            133 => w.u8(0).any(6).end(),
            134 => {
                w.u8(0).any(2).u8(64);
                w.any(1).small(2).small(4).small(4);
            }
            137 => w.u8(0).any(6).v6().v6().end(),
            _ => w.u8(0).any(2).any(4).v6().end(),
        }
        w.many(4, |w| {
            let kind = w.of(&[1, 2, 3, 4, 5, 7, 8, 14, 24, 25, 31, 38, 77]);
            let body = w.apart(|w| match kind {
                1 | 2 => w.mac().end(),
                3 => {
                    w.upto(128);
                    w.any(1).small(4).small(4).any(4).v6();
                }
                4 => w.any(6).many(40, |w| w.any(1).end()).end(),
                5 => w.u16(0).small(4).end(),
                7 => w.u16(0).small(4).end(),
                8 => w.u16(0).small(4).v6().end(),
                24 => {
                    w.upto(128);
                    w.any(1).small(4).many(2, |w| w.any(8).end());
                }
                25 => w.u16(0).small(4).many(3, |w| w.v6().end()).end(),
                31 => w.u16(0).small(4).many(3, |w| w.name().end()).end(),
                _ => w.any(6).end(),
            });
            let mut body = [vec![0], body].concat();
            body.resize((body.len() + 1).next_multiple_of(8) - 1, 0);
            let units = w.length((body.len() + 1) / 8, 0);
            body[0] = units as u8;
            w.put(&body);
        });
    });
}

pub(super) fn mld(w: &mut Writer) {
    w.ip6(58, |w| match w.of(&[130, 130, 131, 132, 143, 143]) {
        130 => {
            w.u8(0).any(2).any(2).u16(0).v6();
            if !w.one_in(3) {
                w.any(2);
                sources6(w);
            }
        }
        131 | 132 => w.u8(0).any(2).small(2).u16(0).v6().end(),
        _ => {
            let groups = w.below(4);
            w.u8(0).any(2).u16(0);
            let count = w.length(groups, 0);
            w.u16(count as u16);
            for _ in 0..groups {
                w.upto(7);
                w.small(1);
                let sources = w.below(3);
                let count = w.length(sources, 0);
                w.u16(count as u16).v6();
                (0..sources).for_each(|_| w.v6().end());
            }
        }
    });
}

fn sources6(w: &mut Writer) {
    let sources = w.below(4);
    let count = w.length(sources, 0);
    w.u16(count as u16);
    (0..sources).for_each(|_| w.v6().end());
}

pub(super) fn node_information(w: &mut Writer) {
    w.ip6(58, |w| {
        let kind = w.of(&[139, 140]);
        let code = w.upto(3);
        w.any(2);
        let asked = w.of16(&[0, 1, 2, 3, 4]);
        w.any(2).any(8);
        match (kind, code, asked) {
            (139, 0, _) => w.v6().end(),
            (139, 1, _) => w.name().end(),
            (139, 2, _) => w.v4().end(),
            (_, _, 1) => w.any(4).end(),
            (_, _, 2) => w.any(4).name().end(),
            (_, _, 3) => w.many(3, |w| w.any(4).v6().end()).end(),
            _ => w.many(3, |w| w.any(4).v4().end()).end(),
        }
    });
}

/// RFC 2894.
pub(super) fn renumbering(w: &mut Writer) {
    w.ip6(58, |w| {
        w.u8(138);
        let code = w.of(&[0, 0, 0, 1, 1, 255]);
        w.any(2).small(4);
        w.of(&[0, 1, 2]);
        w.any(1).small(2).u32(0);
        match code {
            0 => {
                w.of(&[1, 2, 3]);
                let uses = w.below(3);
                let length = w.length(uses * 4, 3);
                w.u8(length as u8).small(1);
                for _ in 0..3 {
                    w.upto(128);
                }
                w.any(2).v6();
                for _ in 0..uses {
                    w.upto(128);
                    w.upto(128);
                    w.any(2).small(4).small(4).any(4).v6();
                }
            }
            1 => w
                .many(3, |w| {
                    w.any(2).small(1);
                    w.upto(128);
                    w.small(4).v6();
                })
                .end(),
            _ => {}
        }
    });
}

/// RFC 6550.
pub(super) fn rpl(w: &mut Writer) {
    w.ip6(58, |w| {
        w.u8(155);
        match w.of(&[0, 1, 1, 2, 3, 0x80, 0x81, 0x82, 0x83, 0x8a]) {
            0 => w.any(2).any(2).end(),
            1 => w.any(2).any(8).v6().end(),
            2 => {
                w.any(2).any(4);
                w.many(1, |w| w.v6().end());
            }
            3 => {
                w.any(2).any(4);
                w.many(1, |w| w.v6().end());
            }
            _ => w.any(2).any(12).end(),
        }
        w.many(4, |w| match w.of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
            0 => {}
            _ => w.len8(0, |w| w.many(3, |w| w.any(6).end()).end()).end(),
        });
    });
}
