//! TCP with its options, UDP, SCTP, DCCP, PGM.

use super::{End as _, Row, Writer};
use crate::{Frame, Tcp};

pub(super) const PROTOCOLS: &[Row] =
    &[("TCP options", tcp), ("UDP", udp), ("SCTP", sctp), ("DCCP", dccp), ("PGM", pgm)];

fn tcp(w: &mut Writer) {
    let options = w.apart(|w| {
        w.many(4, |w| {
            match w.of(&[
                0, 1, 1, 2, 3, 4, 5, 6, 8, 8, 11, 12, 14, 15, 19, 20, 28, 29, 30, 30, 34, 254,
            ]) {
                0 | 1 => {}
                2 => w.len8(2, |w| w.small(2).end()).end(),
                3 => w.len8(2, |w| w.upto(15).end()).end(),
                5 => w.len8(2, |w| w.many(3, |w| w.any(8).end()).end()).end(),
                6 | 11 | 12 => w.len8(2, |w| w.any(4).end()).end(),
                8 => w.len8(2, |w| w.any(8).end()).end(),
                14 | 15 => w.len8(2, |w| w.any(1).end()).end(),
                19 => w.len8(2, |w| w.any(16).end()).end(),
                20 => w.len8(2, |w| w.any(7).end()).end(),
                28 => w.len8(2, |w| w.any(2).end()).end(),
                29 => w.len8(2, |w| w.small(2).any(12).end()).end(),
                30 => mptcp(w),
                34 => w.len8(2, |w| w.many(4, |w| w.any(2).end()).end()).end(),
                254 => w
                    .len8(2, |w| {
                        w.of16(&[0xf989, 0x0348, 0xe2d4]);
                        w.many(8, |w| w.any(1).end());
                    })
                    .end(),
                _ => w.len8(2, |w| w.many(4, |w| w.any(1).end()).end()).end(),
            }
        });
        w.align(4);
    });
    let payload = w.apart(|w| w.many(3, |w| w.any(11).end()).end());
    let flags = [2, 0x12, 0x10, 0x18, 0x11, 4, 0x14, 0x30, 0xc2, 0xff, 0][w.below(11)];
    let ports = [80, 443, 40_000, 5000][w.below(4)];
    let tcp = Tcp {
        source: 1000 + w.below(4) as u16,
        destination: ports,
        sequence: w.below(5000) as u32,
        acknowledgment: w.below(5000) as u32,
        flags,
        window: w.below(65_536) as u16,
        options: options[..options.len().min(40)].to_vec(),
    };
    let frame: Frame = w.packet();
    w.put(&frame.tcp(tcp).payload(&payload).build());
}

/// RFC 8684.
fn mptcp(w: &mut Writer) {
    w.len8(2, |w| {
        let kind = w.below(9) as u8;
        match kind {
            0 => {
                w.of(&[0, 1]);
                w.of(&[1, 0x81, 0x21]);
                w.many(3, |w| w.any(8).end());
            }
            1 => {
                let flags = w.flags();
                w.u8(0x10 | flags);
                w.any(1);
                let rest = [8, 20, 12, 16][w.below(4)];
                w.any(rest);
            }
            2 => {
                let flags = w.flags();
                w.u8(0x20).u8(flags | 1);
                w.any(if flags & 2 == 0 { 4 } else { 8 });
                if flags & 4 != 0 {
                    w.any(if flags & 8 == 0 { 4 } else { 8 }).any(6);
                    if w.one_in(2) {
                        w.any(2);
                    }
                }
            }
            3 => {
                let flags = w.flags();
                w.u8(0x30 | flags);
                w.any(1);
                match w.below(4) {
                    0 => w.v4().end(),
                    1 => w.v4().any(2).end(),
                    2 => w.v6().end(),
                    _ => w.v4().any(8).end(),
                }
            }
            other => {
                let flags = w.flags();
                w.u8(other << 4 | flags);
                let rest = [1, 2, 10, 9, 4][w.below(5)];
                w.any(rest);
            }
        }
    });
}

fn udp(w: &mut Writer) {
    w.udp(&[9, 7, 19, 50_000, 1234], |w| w.many(3, |w| w.any(13).end()).end());
}

/// RFC 9260.
fn sctp(w: &mut Writer) {
    w.ip(132, |w| {
        w.of16(&[40_000, 2905, 36_412, 9, 2000]);
        w.of16(&[40_000, 2905, 36_412, 9, 2000]);
        w.any(4).any(4);
        w.many(3, |w| {
            let kind =
                w.of(&[0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 64, 130, 192, 193]);
            w.any(1);
            w.len16(4, |w| match kind {
                0 | 64 => w.any(4).small(2).small(2).small(4).text(20).end(),
                1 | 2 => {
                    w.any(4).any(4).small(2).small(2).any(4);
                    w.many(4, |w| {
                        let kind = w.of16(&[5, 6, 7, 9, 11, 12, 0x8000, 0xc000, 0x8008]);
                        w.len16(4, |w| match kind {
                            5 => w.v4().end(),
                            6 => w.v6().end(),
                            11 => w.text(20).end(),
                            12 => w
                                .many(3, |w| {
                                    w.of16(&[5, 6, 11]);
                                })
                                .end(),
                            _ => w.any(8).end(),
                        });
                        w.align(4);
                    });
                }
                3 => {
                    let (gaps, twice) = (w.below(3), w.below(3));
                    w.any(4).any(4).u16(gaps as u16).u16(twice as u16);
                    (0..gaps + twice).for_each(|_| w.any(4).end());
                }
                4 | 5 => w.u16(1).len16(4, |w| w.any(8).end()).end(),
                6 | 9 => w
                    .many(2, |w| {
                        w.of16(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
                        w.len16(4, |w| w.any(8).end());
                    })
                    .end(),
                7 | 12 => w.any(4).end(),
                10 => w.any(12).end(),
                _ => w.many(3, |w| w.any(6).end()).end(),
            });
            w.align(4);
        });
    });
}

/// RFC 4340.
fn dccp(w: &mut Writer) {
    w.ip(33, |w| {
        let long = w.one_in(2);
        let kind = w.below(11) as u8;
        let message = w.apart(|w| {
            w.of16(&[5001, 40_000]);
            w.of16(&[5001, 40_000]);
            w.u8(0).any(1).u16(0).u8(kind << 1 | u8::from(long));
            w.any(if long { 7 } else { 3 });
            match kind {
                0 => w.any(4).end(),
                1 | 7 => {
                    w.any(8).upto(12);
                    w.any(3);
                }
                2 => {}
                _ => w.any(8).end(),
            }
            w.many(4, |w| {
                let kind =
                    w.of(&[0, 1, 2, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 130, 200]);
                if kind >= 32 {
                    let size = [0, 1, 2, 4, 6, 8][w.below(6)];
                    w.len8(2, |w| {
                        w.upto(10);
                        w.any(size);
                    });
                }
            });
            w.align(4);
        });
        let mut message = message;
        message[4] = w.length(message.len() / 4, 0) as u8;
        w.put(&message).many(2, |w| w.any(5).end());
    });
}

/// RFC 3208.
fn pgm(w: &mut Writer) {
    w.ip4(113, |w| {
        w.of16(&[4000, 7500]);
        w.of16(&[4000, 7500]);
        let kind = w.of(&[0, 1, 2, 4, 5, 8, 9, 10, 12, 13]);
        let options = w.of(&[0, 1, 3, 0x81]);
        w.u16(0).any(6).small(2);
        let family = [1, 2, 3][w.below(3)];
        let address = |w: &mut Writer| match family {
            2 => w.u16(2).u16(0).v6().end(),
            other => w.u16(other).u16(0).v4().end(),
        };
        match kind {
            0 => {
                w.any(4).any(4).any(4);
                address(w);
            }
            1 => {
                w.any(4).any(2).any(2);
                address(w);
                w.any(12);
            }
            2 => w.any(4).any(2).any(2).end(),
            4 | 5 => w.any(4).any(4).end(),
            8..=10 => {
                w.any(4);
                address(w);
                address(w);
            }
            13 => w.any(4).any(4).end(),
            _ => {}
        }
        if options & 1 != 0 {
            w.u8(0).u8(4).small(2);
            w.many(4, |w| {
                let kind = w.of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x81, 0x8b]);
                let size = [2, 6, 10, 14, 18, 1][w.below(6)];
                w.len8(2, |w| w.any(size).end());
                if kind == 0xff {
                    w.any(2);
                }
            });
        }
        w.many(2, |w| w.any(9).end());
    });
}
