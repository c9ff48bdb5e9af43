//! Packets in packets.

use super::{End as _, Row, Writer, link::ppp_packet};

pub(super) const PROTOCOLS: &[Row] = &[
    ("VXLAN", vxlan),
    ("Geneve", geneve),
    ("GRE", gre),
    ("MPLS", mpls),
    ("L2TP", l2tp),
    ("PPTP", pptp),
    ("NSH", nsh),
    ("VXLAN-GPE", vxlan_gpe),
    ("OTV", otv),
    ("IP in IP", ip_in_ip),
    ("LISP", lisp),
    ("LSP ping", lsp_ping),
];

/// A frame or a packet that is carried.
fn inner_packet(w: &mut Writer) {
    w.put(&[0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0]).v4().v4();
    w.u16(40_000).u16(9).u16(12).u16(0).any(4);
}

fn inner_frame(w: &mut Writer) {
    w.mac().mac().u16(0x0800);
    inner_packet(w);
}

fn vxlan(w: &mut Writer) {
    w.udp(&[4789], |w| {
        w.of(&[8, 0, 0x88, 0xff]);
        w.any(3).any(3).u8(0);
        inner_frame(w);
    });
}

fn geneve(w: &mut Writer) {
    w.udp(&[6081], |w| {
        let options = w.apart(|w| {
            w.many(3, |w| {
                let size = w.below(3) * 4;
                w.of16(&[0, 0x0100, 0xff00, 0x8000]);
                w.any(1);
                let words = w.length(size / 4, 0);
                w.u8(words as u8).any(size);
            });
        });
        let words = w.length(options.len() / 4, 0);
        w.u8(words as u8 & 0x3f);
        w.of(&[0, 0x80, 0x40, 0xff]);
        w.of16(&[0x6558, 0x6558, 0x0800, 0x9999]);
        w.any(4).put(&options);
        inner_frame(w);
    });
}

fn gre(w: &mut Writer) {
    w.ip(47, |w| {
        let flags = [
            0, 0x2000, 0x3000, 0xb000, 0x8000, 0x4000, 0x1000, 0x3081, 0x2081, 0x2001, 0x3001,
            0x0800,
        ][w.below(12)];
        w.u16(flags);
        let kind = w.of16(&[0x0800, 0x86dd, 0x6558, 0x8847, 0x880b, 0x9999]);
        let plain = flags & 7 == 0;
        if plain && flags & 0xc000 != 0 {
            w.any(2).any(2);
        }
        if flags & 0x2000 != 0 {
            w.any(4);
        }
        if flags & 0x1000 != 0 {
            w.any(4);
        }
        if plain && flags & 0x4000 != 0 {
            w.many(2, |w| {
                w.of16(&[0x0800, 0xfffe]);
                let size = [0, 4, 8, 3][w.below(4)];
                let offset = [0, 4, 12][w.below(3)];
                w.u8(offset).u8(size as u8).any(size);
            });
            w.u32(0);
        }
        if !plain && flags & 0x80 != 0 {
            w.any(4);
        }
        match kind {
            0x6558 => inner_frame(w),
            0x8847 => {
                w.put(&[0, 1, 1, 64]);
                inner_packet(w);
            }
            0x880b => ppp_packet(w),
            _ => inner_packet(w),
        }
    });
}

fn mpls(w: &mut Writer) {
    w.ethernet(0x8847, |w| {
        w.many(3, |w| {
            let label = [0, 1, 2, 3, 14, 100, 0xf_ffff][w.below(7)] as u32;
            let ttl = w.below(256) as u32;
            let class = w.below(8) as u32;
            w.u32(label << 12 | class << 9 | ttl);
        });
        let label = [0, 2, 16, 3][w.below(4)] as u32;
        w.u32(label << 12 | 1 << 8 | 64);
        match w.below(4) {
            0 => w.any(20).end(),
            1 => inner_frame(w),
            _ => inner_packet(w),
        }
    });
}

/// RFC 2661.
fn l2tp(w: &mut Writer) {
    w.udp(&[1701], |w| {
        if w.one_in(3) {
            let flags = [0x0002, 0x4002, 0x0202, 0x4802, 0x0a02, 0x0102][w.below(6)];
            let body = w.apart(|w| {
                w.any(2).any(2);
                if flags & 0x0800 != 0 {
                    w.any(4);
                }
                if flags & 0x0200 != 0 {
                    w.small(2).any(2);
                }
                ppp_packet(w);
            });
            w.u16(flags);
            if flags & 0x4000 != 0 {
                let length = w.length(body.len(), 4);
                w.u16(length as u16);
            }
            w.put(&body);
            return;
        }
        w.of16(&[0xc802, 0xc802, 0xc803, 0xca02]);
        w.len16(4, |w| {
            w.any(2).any(2).any(2).any(2);
            w.many(5, |w| {
                let value = w.apart(avp);
                let length = w.length(value.len(), 2) as u16;
                let flags = [0x8000, 0, 0xc000, 0x3c00][w.below(4)];
                w.u16(flags | length & 0x3ff).put(&value);
            });
        });
    });
}

fn avp(w: &mut Writer) {
    w.of16(&[0, 0, 0, 0, 9]);
    let kind = w.below(41) as u16;
    w.u16(kind);
    match kind {
        0 => {
            w.of16(&[1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16]);
        }
        1 => w.small(2).small(2).text(9).end(),
        2 => w.u8(1).u8(0).end(),
        3 | 4 | 18 | 19 => w.any(4).end(),
        5 | 36 => w.any(8).end(),
        6 | 9 | 10 | 14 | 20 | 32 | 39 => w.any(2).end(),
        7 | 8 | 21 | 22 | 23 | 30 | 31 | 33 | 37 => w.text(12).end(),
        12 => w.small(2).any(1).text(9).end(),
        11 | 13 | 26 | 27 | 28 => w.any(16).end(),
        15 | 16 | 17 | 24 | 38 => w.any(4).end(),
        29 => {
            w.u8(0).upto(5);
        }
        34 => w.any(2).any(24).end(),
        35 => w.any(2).any(8).end(),
        _ => w.any(6).end(),
    }
}

/// RFC 2637.
fn pptp(w: &mut Writer) {
    w.tcp(&[1723], |w| {
        let body = w.apart(|w| {
            w.of16(&[1, 1, 1, 2]);
            w.put(&[0x1a, 0x2b, 0x3c, 0x4d]);
            let kind = w.of16(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
            w.u16(0);
            match kind {
                1 | 2 => {
                    w.u16(0x0100);
                    w.upto(6);
                    w.upto(6);
                    w.any(4).any(4).small(2).any(2);
                    for _ in 0..2 {
                        let text = w.apart(|w| w.text(20).fill(64).end());
                        w.put(&text);
                    }
                }
                3 | 4 => {
                    w.upto(4);
                    w.upto(4);
                    w.u16(0);
                }
                5 => w.any(4).end(),
                6 => {
                    w.any(4);
                    w.upto(3);
                    w.upto(5);
                    w.u16(0);
                }
                7 => {
                    w.any(2)
                        .any(2)
                        .small(4)
                        .small(4)
                        .any(4)
                        .any(4)
                        .small(2)
                        .small(2)
                        .small(2)
                        .u16(0);
                    w.text(20).fill(152).text(8).fill(216);
                }
                8 => {
                    w.any(2).any(2);
                    w.upto(8);
                    w.upto(8);
                    w.any(2).small(4).small(2).small(2).any(4);
                }
                9 => {
                    w.any(2).any(2).any(4).any(4).small(2).small(2);
                    w.text(12).fill(90).text(12).fill(160).text(5).fill(220);
                }
                10 => {
                    w.any(2).any(2);
                    w.upto(4);
                    w.upto(4);
                    w.small(2).small(2).any(4);
                }
                11 => w.any(2).u16(0).small(4).small(2).small(2).any(4).end(),
                12 => w.any(2).u16(0).end(),
                13 => {
                    w.any(2);
                    w.upto(5);
                    w.upto(5);
                    w.any(4).text(30).fill(148);
                }
                14 => w.any(4).any(24).end(),
                _ => w.any(4).any(8).end(),
            }
        });
        let length = w.length(body.len(), 2);
        w.u16(length as u16).put(&body);
    });
}

/// RFC 8300.
fn nsh(w: &mut Writer) {
    w.ethernet(0x894f, nsh_packet);
}

fn nsh_packet(w: &mut Writer) {
    let kind = [1, 1, 2, 2, 3, 0][w.below(6)];
    let body = w.apart(|w| {
        w.any(3).any(1);
        match kind {
            1 => w.any(16).end(),
            _ => w
                .many(3, |w| {
                    w.any(2).any(1);
                    let size = [0, 4, 8, 3][w.below(4)];
                    let length = w.length(size, 0);
                    w.u8(length as u8).any(size).align(4);
                })
                .end(),
        }
    });
    let words = w.length(body.len() / 4, 1) as u16;
    let flags = [0, 0, 0x2000, 0x1000, 0x4000][w.below(5)];
    let ttl = (w.below(64) as u16) << 6;
    w.u16(flags | ttl | words & 0x3f).u8(kind);
    let next = w.of(&[1, 2, 3, 4, 5, 0xfe, 0xff]);
    w.put(&body);
    match next {
        1 => inner_packet(w),
        3 => inner_frame(w),
        5 => {
            w.put(&[0, 1, 1, 64]);
            inner_packet(w);
        }
        _ => w.any(12).end(),
    }
}

fn vxlan_gpe(w: &mut Writer) {
    w.udp(&[4790], |w| {
        w.of(&[0x0c, 8, 4, 0x0d, 0x1c, 0xff]);
        w.any(2);
        let next = w.of(&[1, 2, 3, 4, 5, 0]);
        w.any(3).u8(0);
        match next {
            4 => nsh_packet(w),
            3 => inner_frame(w),
            _ => inner_packet(w),
        }
    });
}

fn otv(w: &mut Writer) {
    w.udp(&[8472], |w| {
        w.of(&[8, 0, 0xff]);
        w.any(3).any(3).any(1);
        inner_frame(w);
    });
}

fn ip_in_ip(w: &mut Writer) {
    let protocol = if w.one_in(2) { 4 } else { 41 };
    w.ip(protocol, |w| {
        if protocol == 4 && !w.one_in(8) {
            inner_packet(w);
        } else {
            w.u8(0x60)
                .any(3)
                .u16(12)
                .u8(17)
                .u8(64)
                .v6()
                .v6()
                .u16(40_000)
                .u16(9)
                .u16(12)
                .u16(0)
                .any(4);
        }
    });
}

/// RFC 6830.
fn lisp(w: &mut Writer) {
    w.udp(&[4342], |w| {
        w.of(&[0x30, 0x34, 0x3c, 0x40, 0x10, 0x20, 0x80]);
        w.any(2);
        let records = w.below(3);
        let count = w.length(records, 0);
        w.u8(count as u8).any(8).any(2).len16(0, |w| w.any(20).end());
        for _ in 0..records {
            let locators = w.below(3);
            w.small(4);
            let count = w.length(locators, 0);
            w.u8(count as u8).upto(128);
            w.any(2).any(2);
            let family = w.of16(&[1, 2, 0]);
            let address = |w: &mut Writer, family| match family {
                2 => w.v6().end(),
                1 => w.v4().end(),
                _ => {}
            };
            address(w, family);
            for _ in 0..locators {
                w.any(4).any(2);
                let family = w.of16(&[1, 2]);
                address(w, family);
            }
        }
        w.many(1, |w| w.any(24).end());
    });
}

fn lsp_ping(w: &mut Writer) {
    w.udp(&[3503], |w| {
        w.of16(&[1, 1, 1, 2]);
        w.any(2).upto(3);
        w.upto(5);
        w.any(2).any(4).any(4).any(8).any(8);
        w.many(3, |w| {
            w.of16(&[1, 2, 3, 5, 9, 10]);
            w.len16(0, |w| w.any(8).end());
        });
    });
}
