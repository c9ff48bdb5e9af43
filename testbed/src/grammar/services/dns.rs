//! DNS over UDP and TCP (RFC 1035).

use super::super::{End as _, Writer};

/// A name in a message: labels, or a pointer to the first question's.
fn dns_name(w: &mut Writer) {
    match w.below(5) {
        0 => w.u8(0xc0).u8(12).end(),
        1 => {
            w.len8(0, |w| w.text(9).end());
            w.u8(0xc0);
            w.of(&[12, 12, 13, 40]);
        }
        2 if w.one_in(6) => w.u8(0x41).u8(12).any(2).u8(0).end(),
        _ => w.name().end(),
    }
}

fn record(w: &mut Writer) {
    const TYPES: &[u16] = &[
        1, 2, 5, 6, 12, 13, 15, 16, 17, 18, 24, 25, 28, 29, 33, 35, 38, 39, 41, 43, 46, 47, 48, 50,
        52, 64, 65, 99, 103, 249, 250, 252, 255, 257, 32_768, 32_769,
    ];
    dns_name(w);
    let kind = w.of16(TYPES);
    if kind == 41 {
        w.of16(&[512, 1232, 4096]);
        w.of(&[0, 0, 1]);
        w.of(&[0, 0, 1]);
        w.of16(&[0, 0x8000]);
        w.len16(0, |w| {
            w.many(3, |w| {
                let kind = w.of16(&[1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20]);
                w.len16(0, |w| match kind {
                    5..=7 => w.many(4, |w| w.upto(16).end()).end(),
                    8 => {
                        w.of16(&[1, 2]);
                        w.upto(32);
                        w.upto(1);
                        w.any(4);
                    }
                    9 => w.any(4).end(),
                    10 => {
                        let size = [8, 24, 5][w.below(3)];
                        w.any(size);
                    }
                    11 => w.small(2).end(),
                    13 => w.name().end(),
                    14 => w.many(3, |w| w.small(2).end()).end(),
                    15 => {
                        w.upto(1);
                        w.upto(30);
                        w.text(10);
                    }
                    _ => w.many(3, |w| w.any(3).end()).end(),
                });
            });
        });
        return;
    }
    w.of16(&[1, 1, 3, 4, 255, 0x8001, 254]);
    w.small(4);
    w.len16(0, |w| match kind {
        1 => w.v4().end(),
        2 | 5 | 12 | 39 => dns_name(w),
        6 => {
            dns_name(w);
            dns_name(w);
            w.any(20);
        }
        15 | 18 => {
            w.small(2);
            dns_name(w);
        }
        13 | 16 | 99 => w.many(3, |w| w.len8(0, |w| w.text(12).end()).end()).end(),
        17 | 50 => {
            dns_name(w);
            dns_name(w);
        }
        28 => w.v6().end(),
        33 => {
            w.small(2).small(2).small(2);
            dns_name(w);
        }
        35 => {
            w.small(2).small(2);
            w.many(3, |w| w.len8(0, |w| w.text(6).end()).end());
            dns_name(w);
        }
        38 => {
            w.of(&[0, 64, 128, 130]);
            w.any(8);
            dns_name(w);
        }
        250 => {
            dns_name(w);
            w.any(6).small(2).len16(0, |w| w.any(16).end());
            w.any(2).upto(18);
            w.u8(0).u16(0);
        }
        257 => {
            w.of(&[0, 128]);
            w.len8(0, |w| w.put(b"issue").end()).text(12);
        }
        64 | 65 => {
            w.small(2);
            dns_name(w);
            w.many(3, |w| {
                w.upto(0);
                w.upto(7);
                w.len16(0, |w| w.any(4).end());
            });
        }
        _ => w.many(3, |w| w.any(4).end()).end(),
    });
}

fn message(w: &mut Writer) {
    w.any(2);
    w.of16(&[
        0x0100, 0x0120, 0, 0x8180, 0x8580, 0x8183, 0x8182, 0x8380, 0x2800, 0xa800, 0x2400, 0x8190,
        0x0900, 0x1000, 0xffff, 0x8001,
    ]);
    let counts = [1, w.below(3), w.below(2), w.below(3)];
    for count in counts {
        let count = w.length(count, 0);
        w.u16(count as u16);
    }
    w.name();
    w.of16(&[1, 28, 15, 16, 255, 252, 12, 33, 65, 6]);
    w.of16(&[1, 1, 1, 255, 3, 0x8001]);
    (0..counts[1] + counts[2] + counts[3]).for_each(|_| record(w));
}

pub(super) fn dns(w: &mut Writer) {
    w.udp(&[53, 53, 5353], message);
}

pub(super) fn dns_over_tcp(w: &mut Writer) {
    w.tcp(&[53], |w| w.len16(0, message).end());
}
