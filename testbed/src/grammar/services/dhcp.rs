//! DHCP for IPv4 (RFC 2131) and IPv6 (RFC 8415).

use super::super::{End as _, Writer};

pub(super) fn dhcp(w: &mut Writer) {
    w.udp(&[67, 68], |w| {
        w.of(&[1, 2]);
        w.of(&[1, 1, 6, 32]);
        w.of(&[6, 6, 16, 0]);
        w.of(&[0, 1, 3]);
        w.any(4);
        w.of16(&[0, 4, 900]);
        w.of16(&[0, 0x8000, 0x1234]);
        for _ in 0..4 {
            if w.one_in(2) {
                w.v4()
            } else {
                w.u32(0)
            };
        }
        w.mac().put(&[0; 10]);
        let (sname, file) = (w.one_in(5), w.one_in(5));
        for (is_there, size) in [(sname, 64), (file, 128)] {
            let field = w.apart(|w| {
                if is_there {
                    w.text(size - 1);
                }
                w.fill(size);
            });
            w.put(&field);
        }
        match w.below(12) {
            0 => w.put(b"CMU\0").v4().any(4).v4().v4().v4().v4().any(12).end(),
            1 => w.any(64).end(),
            _ => {
                w.put(&[0x63, 0x82, 0x53, 0x63]);
                if w.one_in(2) {
                    w.u8(53).len8(0, |w| w.upto(14).end());
                }
                w.many(7, dhcp_option);
                w.u8(255).many(2, |w| w.any(3).end());
            }
        }
    });
}

fn dhcp_option(w: &mut Writer) {
    let kind = w.below(256) as u8;
    let kind = match w.below(3) {
        0 => kind,
        _ => [
            1, 3, 6, 12, 15, 43, 46, 50, 51, 52, 53, 54, 55, 60, 61, 66, 77, 81, 82, 90, 93, 94,
            97, 119, 121, 249,
        ][w.below(26)],
    };
    w.u8(kind);
    if matches!(kind, 0 | 255) {
        return;
    }
    w.len8(0, |w| match kind {
        52 => w.upto(3).end(),
        61 => match w.below(4) {
            0 => w.u8(1).mac().end(),
            1 => w.u8(0).text(10).end(),
            2 => w.u8(255).any(4).any(10).end(),
            _ => w.any(7).end(),
        },
        77 => w.many(3, |w| w.len8(0, |w| w.text(6).end()).end()).end(),
        81 => {
            w.upto(15);
            w.any(2).text(12);
        }
        82 => w
            .many(4, |w| {
                w.of(&[1, 2, 4, 5, 6, 7, 9, 11, 12, 151, 152]);
                w.len8(0, |w| w.many(2, |w| w.v4().end()).end());
            })
            .end(),
        121 | 249 => w
            .many(3, |w| {
                let width = w.upto(32);
                w.any(usize::from(width.min(32)).div_ceil(8)).v4();
            })
            .end(),
        119 => w.many(2, |w| w.name().end()).end(),
        _ => match w.below(7) {
            0 => w.any(1).end(),
            1 => w.small(2).end(),
            2 => w.any(4).end(),
            3 => w.many(3, |w| w.v4().end()).end(),
            4 => w.text(14).end(),
            5 => w.many(6, |w| w.any(1).end()).end(),
            _ => w.any(8).end(),
        },
    });
}

fn dhcp6_options(w: &mut Writer, depth: usize) {
    w.many(4, |w| {
        const KINDS: &[u16] = &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
            26, 27, 28, 29, 30, 31, 32, 33, 34, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
            49, 50, 54, 56, 59, 60, 64, 65, 79, 82, 83, 95,
        ];
        let kind = w.of16(KINDS);
        w.len16(0, |w| match kind {
            1 | 2 => match w.of16(&[1, 2, 3, 4]) {
                1 => w.small(2).any(4).mac().end(),
                2 => w.any(4).any(6).end(),
                3 => w.small(2).mac().end(),
                _ => w.any(16).end(),
            },
            3 | 25 => {
                w.any(4).small(4).small(4);
                if depth > 0 {
                    dhcp6_options(w, depth - 1);
                }
            }
            4 => w.any(4).end(),
            5 => {
                w.v6().small(4).small(4);
                if depth > 0 {
                    dhcp6_options(w, depth - 1);
                }
            }
            26 => {
                w.small(4).small(4).upto(128);
                w.v6();
                if depth > 0 {
                    dhcp6_options(w, depth - 1);
                }
            }
            6 => w.many(5, |w| w.of16(&[3, 23, 24, 39, 200]).end()).end(),
            7 | 19 => w.any(1).end(),
            8 => w.small(2).end(),
            9 if depth > 0 => {
                w.of(&[1, 2, 7, 11]);
                w.any(3);
                dhcp6_options(w, depth - 1);
            }
            11 => {
                w.upto(4);
                w.upto(2);
                w.upto(1);
                w.any(8).many(2, |w| w.any(8).end());
            }
            12 => w.v6().end(),
            13 => {
                w.of16(&[0, 1, 2, 3, 4, 5, 6]);
                w.text(8);
            }
            15 | 16 => w.any(4).many(2, |w| w.len16(0, |w| w.text(5).end()).end()).end(),
            17 => {
                w.any(4);
                w.many(2, |w| {
                    w.small(2).len16(0, |w| w.any(3).end());
                });
            }
            21 | 24 | 29 | 30 | 33 | 51 | 64 | 65 => w.many(2, |w| w.name().end()).end(),
            22 | 23 | 27 | 28 | 31 | 34 | 40 | 48 => w.many(3, |w| w.v6().end()).end(),
            32 | 82 | 83 => w.small(4).end(),
            36 => {
                w.upto(2);
                w.put(b"DE").many(2, |w| {
                    w.upto(34);
                    w.len8(0, |w| w.text(6).end());
                });
            }
            37 | 38 => w.any(4).text(6).end(),
            39 => {
                w.upto(7);
                w.name();
            }
            41 | 42 => w.text(16).end(),
            56 => w
                .many(2, |w| match w.of16(&[1, 2, 3, 4]) {
                    3 => w.len16(0, |w| w.name().end()).end(),
                    _ => w.len16(0, |w| w.v6().end()).end(),
                })
                .end(),
            79 => w.u16(1).mac().end(),
            _ => w.many(4, |w| w.any(5).end()).end(),
        });
    });
}

pub(super) fn dhcp6(w: &mut Writer) {
    w.udp(&[546, 547], |w| {
        w.of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 22, 30]);
        w.any(3);
        dhcp6_options(w, 2);
    });
}

pub(super) fn dhcp6_relay(w: &mut Writer) {
    w.udp(&[547], |w| {
        w.of(&[12, 13]);
        w.upto(32);
        w.v6().v6();
        dhcp6_options(w, 2);
    });
}
