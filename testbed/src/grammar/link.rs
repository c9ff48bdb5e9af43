//! What switches and their neighbours say to each other on the link.

use super::{End as _, Row, Writer};

pub(super) const PROTOCOLS: &[Row] = &[
    ("LLDP", lldp),
    ("LLDP-MED", lldp_med),
    ("DCBX", dcbx),
    ("STP", stp),
    ("CDP", cdp),
    ("LACP", slow),
    ("Ethernet OAM", oam),
    ("EAPOL", eapol),
    ("MPCP and PAUSE", control),
    ("VLAN tags", tags),
    ("802.3 and LLC", llc),
    ("SNAP", snap),
    ("PPPoE", pppoe),
    ("PPP", ppp),
    ("VTP", vtp),
    ("DTP", dtp),
    ("UDLD", udld),
    ("CFM", cfm),
    ("MACsec", macsec),
    ("loopback", loopback),
    ("AoE", aoe),
    ("MS NLB", msnlb),
    ("TIPC", tipc),
    ("Arista", arista),
];

/// An element of LLDP: seven bits of type, nine of length.
fn element(w: &mut Writer, kind: u16, value: impl FnOnce(&mut Writer)) {
    let value = w.apart(value);
    let length = w.length(value.len(), 0) as u16;
    w.u16(kind << 9 | length & 0x1ff).put(&value);
}

/// An address behind its family.
fn family(w: &mut Writer) {
    match w.of(&[1, 2, 6, 16]) {
        1 => w.v4().end(),
        2 => w.v6().end(),
        _ => w.mac().end(),
    }
}

/// The elements that each begins with.
fn identity(w: &mut Writer) {
    for kind in [1, 2] {
        element(w, kind, |w| match w.upto(8) {
            3 | 4 if w.one_in(2) => w.mac().end(),
            4 | 5 => family(w),
            _ => w.text(12).end(),
        });
    }
    element(w, 3, |w| w.small(2).end());
}

fn lldp(w: &mut Writer) {
    w.ethernet(0x88cc, |w| {
        identity(w);
        w.many(5, |w| match w.below(10) {
            0 => element(w, 4, |w| w.text(20).end()),
            1 => element(w, 5, |w| w.text(20).end()),
            2 => element(w, 6, |w| w.text(30).end()),
            3 => element(w, 7, |w| w.any(4).end()),
            4 => element(w, 8, |w| {
                w.len8(0, family);
                w.upto(3);
                w.small(4).len8(0, |w| w.any(5).end());
            }),
            5 => element(w, 127, |w| {
                w.put(&[0, 0x12, 0x0f]);
                match w.of(&[1, 2, 3, 4, 5]) {
                    1 => w.any(1).any(2).any(2).end(),
                    2 => {
                        w.any(1).upto(2);
                        w.upto(5);
                        w.many(1, |w| w.any(4).end());
                    }
                    3 => w.any(1).small(4).end(),
                    _ => w.small(2).end(),
                }
            }),
            6 => element(w, 127, |w| {
                w.put(&[0, 0x80, 0xc2]);
                match w.of(&[1, 2, 3, 4, 7, 8]) {
                    1 => w.small(2).end(),
                    2 => w.any(1).small(2).end(),
                    3 => w.small(2).len8(0, |w| w.text(12).end()).end(),
                    4 => w.len8(0, |w| w.any(6).end()).end(),
                    7 => w.any(1).small(4).end(),
                    _ => w.any(2).end(),
                }
            }),
            7 => element(w, 127, |w| {
                w.put(&[0, 0, 0x5e]).upto(2);
                w.any(5);
            }),
            8 => {
                let kind = w.below(128) as u16;
                element(w, kind, |w| w.any(6).end());
            }
            _ => element(w, 127, |w| w.any(3).any(1).many(3, |w| w.any(4).end()).end()),
        });
        if !w.one_in(5) {
            w.u16(0);
        }
    });
}

/// ANSI/TIA-1057.
fn lldp_med(w: &mut Writer) {
    w.ethernet(0x88cc, |w| {
        identity(w);
        w.many(4, |w| {
            element(w, 127, |w| {
                w.put(&[0, 0x12, 0xbb]);
                match w.of(&[1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) {
                    1 => {
                        w.any(2).upto(4);
                    }
                    2 => {
                        w.upto(9);
                        w.any(3);
                    }
                    3 => match w.of(&[1, 2, 3]) {
                        1 => w.any(16).end(),
                        2 => w
                            .len8(0, |w| {
                                w.upto(2);
                                w.put(b"DE");
                                w.many(3, |w| {
                                    w.upto(34);
                                    w.len8(0, |w| w.text(8).end());
                                });
                            })
                            .end(),
                        _ => w.text(12).end(),
                    },
                    4 => w.any(1).small(2).end(),
                    _ => w.text(16).end(),
                }
            });
        });
        w.u16(0);
    });
}

/// Data centre bridging (IEEE 802.1Q, annex D), and virtual bridging (802.1Qbg).
fn dcbx(w: &mut Writer) {
    w.ethernet(0x88cc, |w| {
        identity(w);
        w.many(2, |w| {
            element(w, 127, |w| {
                w.put(&[0, 0x1b, 0x21]);
                w.of(&[2, 2, 1]);
                w.many(3, |w| {
                    let kind = 1 + w.below(5) as u16;
                    element(w, kind, |w| {
                        let size = [10, 17, 6, 4 + 6 * w.below(3), 5][usize::from(kind) - 1];
                        w.any(size);
                    });
                });
            });
        });
        w.many(4, |w| {
            element(w, 127, |w| {
                w.put(&[0, 0x80, 0xc2]);
                match w.of(&[8, 9, 10, 11, 12, 13, 14]) {
                    8 => w.any(1).any(1).end(),
                    9 | 10 => w.any(1).any(4).any(8).any(8).end(),
                    11 => w.any(1).any(1).end(),
                    12 => w.any(1).many(4, |w| w.any(3).end()).end(),
                    13 => w.any(1).any(1).any(1).any(1).any(1).end(),
                    _ => w.any(4).many(4, |w| w.any(3).end()).end(),
                }
            });
        });
        w.u16(0);
    });
}

fn stp(w: &mut Writer) {
    let write = |w: &mut Writer| {
        w.u16(0);
        let version = w.of(&[0, 0, 2, 3, 4]);
        let kind = w.of(&[0, 2, 2, 0x80]);
        if kind == 0x80 && !w.one_in(3) {
            return;
        }
        w.any(1).any(2).mac().small(4).any(2).mac().any(2);
        for _ in 0..4 {
            w.upto(40);
            w.u8(0);
        }
        if version < 2 {
            return;
        }
        w.u8(0);
        if version < 3 {
            return;
        }
        let instances = w.below(3);
        let length = w.length(instances * 16, 64);
        w.u16(length as u16).any(1).text(31);
        w.fill(72).any(2).any(16).small(4).any(2).mac().upto(40);
        (0..instances).for_each(|_| w.any(16).end());
        if version == 4 {
            w.len16(0, |w| w.any(1).any(1).any(2).any(16).any(6).any(24).end());
        }
    };
    match w.below(6) {
        0 => w.snap([0, 0, 0x0c], 0x010b, write),
        1 => w.snap([0, 0x80, 0xc2], 0x000e, write),
        _ => w.llc(&[0x42, 0x42, 3], write),
    }
}

fn cdp(w: &mut Writer) {
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

fn slow(w: &mut Writer) {
    w.ethernet(0x8809, |w| {
        let kind = w.of(&[1, 1, 1, 2, 2, 10]);
        w.u8(1);
        w.many(5, |w| {
            let kind = if kind == 1 { w.of(&[0, 1, 2, 3]) } else { w.of(&[0, 1, 2]) };
            let size = match kind {
                0 => 0,
                1 | 2 if w.one_in(4) => 14,
                1 | 2 => 18,
                _ => 14,
            };
            w.len8(2, |w| w.any(size).end());
        });
    });
}

fn oam(w: &mut Writer) {
    w.ethernet(0x8809, |w| {
        w.u8(3).any(2);
        let code = w.of(&[0, 0, 1, 2, 3, 4, 0xfe]);
        match code {
            0 => w
                .many(3, |w| {
                    w.of(&[0, 1, 2, 0xfe]);
                    w.len8(2, |w| w.any(1).any(2).any(1).any(1).any(2).mac().any(2).end());
                })
                .end(),
            1 => w
                .any(2)
                .many(3, |w| {
                    w.of(&[0, 1, 2, 3, 4]);
                    w.len8(2, |w| w.any(24).end());
                })
                .end(),
            4 => w.upto(6).end(),
            _ => w.any(10).end(),
        }
    });
}

fn eapol(w: &mut Writer) {
    w.ethernet(0x888e, |w| {
        w.of(&[1, 2, 3]);
        let kind = w.of(&[0, 0, 0, 0, 1, 2, 3, 4]);
        w.len16(0, |w| {
            if kind != 0 {
                w.many(3, |w| w.any(9).end());
                return;
            }
            let code = w.of(&[1, 2, 3, 4]);
            w.any(1);
            w.len16(4, |w| {
                if code > 2 {
                    return;
                }
                let kind = w.of(&[1, 2, 3, 4, 5, 6, 13, 18, 21, 23, 25, 29, 38, 43, 254, 255]);
                match kind {
                    1 | 2 => w.text(14).end(),
                    3 => w
                        .many(3, |w| {
                            w.of(&[4, 13, 25]);
                        })
                        .end(),
                    4 => w.len8(0, |w| w.any(16).end()).text(6).end(),
                    13 | 21 | 43 => {
                        let flags = w.of(&[0, 0x80, 0xc0, 0x40, 0x20]);
                        if flags & 0x80 != 0 {
                            w.small(4);
                        }
                        w.any(9);
                    }
                    18 | 23 => {
                        w.of(&[1, 2, 4, 5, 10, 11, 12, 13, 14]);
                        w.any(6);
                    }
                    _ => w.any(7).end(),
                }
            });
        });
    });
}

/// MAC control (IEEE 802.3, annex 31): PAUSE, priority flow control, and EPON's messages.
fn control(w: &mut Writer) {
    w.ethernet(0x8808, |w| {
        match w.of16(&[1, 2, 3, 4, 5, 6, 0x0101]) {
            1 => w.any(2).end(),
            2 => {
                w.any(4).any(1);
                w.many(4, |w| w.any(6).end());
                w.any(2);
            }
            3 => w.any(4).any(1).any(1).end(),
            4 => w.any(4).any(1).any(1).any(1).end(),
            5 => w.any(4).any(2).any(1).any(2).any(1).end(),
            6 => w.any(4).any(1).any(2).end(),
            _ => w.any(18).end(),
        }
        if w.one_in(2) {
            w.fill(46);
        }
    });
}

fn tags(w: &mut Writer) {
    let kinds = [0x8100, 0x88a8, 0x9100, 0x9200];
    let body = w.apart(|w| {
        for _ in 0..1 + w.below(3) {
            w.any(2);
            if w.one_in(2) {
                let kind = kinds[w.below(4)];
                w.u16(kind);
            }
        }
        w.any(2);
        w.of16(&[0x0800, 0x86dd, 0x0806, 0x9999, 100, 0x8870]);
        w.any(20);
    });
    let kind = kinds[w.below(4)];
    w.ethernet(kind, |w| w.put(&body).end());
}

fn llc(w: &mut Writer) {
    w.llc(&[], |w| {
        w.of(&[0, 0x42, 0xaa, 0xe0, 0xf0, 0xfe, 0xff, 6, 0x80, 0x98, 1, 2]);
        w.of(&[0, 0x42, 0xaa, 0xe0, 0xf0, 0xfe, 0xff, 6, 0x81, 0x99]);
        w.of(&[3, 0x13, 0xaf, 0xbf, 0xe3, 0xf3, 0x43, 0x63, 0x0f, 0x87, 0, 1, 5, 9]);
        w.many(4, |w| w.any(7).end());
    });
}

fn snap(w: &mut Writer) {
    let organization =
        [[0, 0, 0], [0, 0, 0xf8], [0, 0, 0x0c], [0, 0x80, 0xc2], [8, 0, 7], [1, 2, 3]][w.below(6)];
    let kind =
        [0x0800, 0x0806, 0x86dd, 1, 7, 0x2000, 0x2003, 0x2004, 0x0111, 0x010b, 0xe, 0x010c, 0x9999]
            [w.below(13)];
    w.snap(organization, kind, |w| w.many(4, |w| w.any(12).end()).end());
}

fn pppoe(w: &mut Writer) {
    if w.one_in(2) {
        w.ethernet(0x8863, |w| {
            w.u8(0x11);
            w.of(&[9, 7, 0x19, 0x65, 0xa7, 0]);
            w.any(2);
            w.len16(0, |w| {
                w.many(4, |w| {
                    w.of16(&[
                        0x0101, 0x0102, 0x0103, 0x0104, 0x0105, 0x0110, 0x0201, 0x0202, 0x0203, 0,
                        0x0120,
                    ]);
                    w.len16(0, |w| w.text(10).end());
                });
            });
        });
    } else {
        w.ethernet(0x8864, |w| w.u8(0x11).u8(0).any(2).len16(0, ppp_packet).end());
    }
}

fn ppp(w: &mut Writer) {
    w.ethernet(0x8864, |w| w.u8(0x11).u8(0).u16(7).len16(0, control_packet).end());
}

/// What stands behind an address and a control field, or behind none.
pub(super) fn ppp_packet(w: &mut Writer) {
    if w.one_in(6) {
        w.u8(0xff).u8(3);
    }
    match w.below(8) {
        0 => {
            let protocol = [0x21, 0x57, 0x2b, 0x281, 0x35, 0x2d, 0x3d, 0x8281][w.below(8)];
            w.u16(protocol).many(3, |w| w.any(12).end());
        }
        // The protocol's number in one byte, and a byte stuffed in an asynchronous link.
        1 => w.u8(0x21).u8(0x45).any(20).end(),
        2 => w.u8(0x7e).any(2).u8(0x7d).any(9).u8(0x7e).end(),
        _ => control_packet(w),
    }
}

fn control_packet(w: &mut Writer) {
    let protocol =
        w.of16(&[0xc021, 0xc021, 0x8021, 0x8057, 0x80fd, 0xc02b, 0xc223, 0xc023, 0x8053, 0xc025]);
    let code = match protocol {
        0xc223 => w.of(&[1, 2, 3, 4]),
        0xc023 => w.of(&[1, 2, 3]),
        _ => w.of(&[1, 1, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 0]),
    };
    w.any(1);
    w.len16(4, |w| match (protocol, code) {
        (0xc223, 1 | 2) => w.len8(0, |w| w.any(16).end()).text(8).end(),
        (0xc223, _) => w.text(14).end(),
        (0xc023, 1) => w.len8(0, |w| w.text(6).end()).len8(0, |w| w.text(6).end()).end(),
        (0xc023, _) => w.len8(0, |w| w.text(9).end()).end(),
        (_, 8) => w.any(2).any(6).end(),
        (_, 9..=13) => w.any(4).many(2, |w| w.text(8).end()).end(),
        (_, 0 | 14) => w.any(4).any(3).any(1).end(),
        _ => w
            .many(4, |w| {
                match protocol {
                    0xc021 => w.upto(28).end(),
                    0x8021 => w.of(&[1, 2, 3, 4, 129, 130, 131, 132, 144]).end(),
                    0x80fd => {
                        w.of(&[0, 1, 2, 3, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 255]).end()
                    }
                    _ => w.of(&[1, 2]).end(),
                };
                w.len8(2, |w| match w.below(8) {
                    0 => w.any(2).end(),
                    1 => w.any(4).end(),
                    2 => w.any(8).end(),
                    3 => {
                        w.of16(&[0xc023, 0xc223, 0xc227, 0xc025, 0xc027, 0x61, 0x2d]);
                        w.of(&[5, 128, 129, 6]);
                    }
                    4 => {
                        w.upto(5);
                    }
                    5 => w
                        .u16(0x61)
                        .any(10)
                        .many(2, |w| {
                            w.upto(2);
                            w.len8(2, |w| w.any(1).end());
                        })
                        .end(),
                    6 => {
                        w.upto(5);
                        let size = [0, 4, 6, 9][w.below(4)];
                        w.any(size);
                    }
                    _ => w.many(3, |w| w.any(1).end()).end(),
                });
            })
            .end(),
    });
}

fn vtp(w: &mut Writer) {
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

fn dtp(w: &mut Writer) {
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

fn udld(w: &mut Writer) {
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

fn cfm(w: &mut Writer) {
    w.ethernet(0x8902, |w| {
        w.of(&[0, 0x20, 0xe0]);
        let kind = w.of(&[1, 1, 2, 3, 4, 5, 37, 39]);
        w.any(1);
        let size = match kind {
            1 => 70,
            4 => 6,
            5 => 17,
            _ => 4,
        };
        w.of(&[size, size, size, 0, 5, 70]);
        match kind {
            1 => {
                let names = w.apart(|w| {
                    if w.of(&[0, 1, 2, 3, 4, 32]) != 1 {
                        w.len8(0, |w| w.text(8).end());
                    }
                    w.of(&[0, 1, 2, 3, 4]);
                    w.len8(0, |w| w.text(6).end());
                    w.fill(48);
                });
                w.any(4).any(2).put(&names).any(16);
            }
            4 => w.any(4).any(2).end(),
            5 => w.any(4).any(1).mac().mac().end(),
            _ => w.any(4).end(),
        }
        w.many(3, |w| {
            let kind = w.of(&[0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 31]);
            match kind {
                0 => {}
                1 => w.len16(0, cfm_sender).end(),
                2 | 3 => w.len16(0, |w| w.upto(8).end()).end(),
                _ => w.len16(0, |w| w.any(9).end()).end(),
            }
        });
    });
}

/// Who sent a message: chassis, domain and address of its management.
fn cfm_sender(w: &mut Writer) {
    let kind = [1, 2, 4, 5, 5, 6, 7, 8][w.below(8)];
    let chassis = w.apart(|w| match kind {
        4 => w.mac().end(),
        5 if w.one_in(2) => w.u8(1).v4().end(),
        5 => w.u8(2).v6().end(),
        _ => w.text(8).end(),
    });
    let length = w.length(chassis.len(), 0);
    w.u8(length as u8);
    if !chassis.is_empty() {
        w.u8(kind).put(&chassis);
    }
    if w.one_in(2) {
        w.len8(0, |w| w.any(5).end());
        w.len8(0, |w| w.any(6).end());
    }
}

fn macsec(w: &mut Writer) {
    w.ethernet(0x88e5, |w| {
        let flags = [0x00, 0x20, 0x2c, 0x0c, 0x08, 0x04, 0x80][w.below(7)];
        w.u8(flags);
        w.of(&[0, 0, 10, 47, 48]);
        w.any(4);
        if flags & 0x20 != 0 {
            w.any(8);
        }
        w.u16(0x0800).any(36);
    });
}

fn loopback(w: &mut Writer) {
    w.ethernet(0x9000, |w| {
        w.of(&[0, 0, 8, 2]);
        w.u8(0);
        w.many(3, |w| {
            if w.one_in(2) {
                w.put(&[1, 0]).any(2)
            } else {
                w.put(&[2, 0]).mac()
            };
        });
        w.any(9);
    });
}

fn aoe(w: &mut Writer) {
    w.ethernet(0x88a2, |w| {
        w.of(&[0x10, 0x18, 0x14, 0x20]);
        w.upto(4);
        w.any(2).any(1);
        let command = w.of(&[0, 1, 2, 3, 0xf0]);
        w.any(4);
        match command {
            0 => w.any(1).any(1).any(1).any(1).any(6).any(2).many(3, |w| w.any(9).end()).end(),
            1 => {
                w.any(5).of(&[0x10, 0x11, 0x12, 0x13, 0x14]);
                w.len16(0, |w| w.text(12).end());
            }
            2 => {
                w.upto(2);
                w.upto(2);
                w.upto(3);
                let count = w.below(3);
                let stated = w.length(count, 0);
                w.u8(stated as u8);
                for _ in 0..count {
                    w.u8(0).upto(2);
                    w.mac();
                }
            }
            _ => {
                w.upto(6);
                let count = w.below(3);
                let stated = w.length(count, 0);
                w.u8(stated as u8);
                (0..count).for_each(|_| w.mac().end());
            }
        }
        w.many(2, |w| w.any(8).end());
    });
}

fn msnlb(w: &mut Writer) {
    w.ethernet(0x886f, |w| w.any(8).any(4).v4().v4().any(20).end());
}

fn tipc(w: &mut Writer) {
    w.ethernet(0x88ca, |w| {
        let body = w.apart(|w| {
            w.any(4).any(4).any(4).any(4).any(4);
            w.many(4, |w| w.any(8).end());
        });
        let user = [0, 1, 5, 6, 7, 8, 10, 11, 12, 13, 14][w.below(11)] as u32;
        let size = w.length(body.len(), 4);
        let header = [6, 10, 8, 11][w.below(4)] as u32;
        w.u32(2 << 29 | user << 25 | header << 21 | size & 0x1_ffff).put(&body);
    });
}

fn arista(w: &mut Writer) {
    w.ethernet(0xd28b, |w| {
        w.of16(&[1, 1, 1, 2]);
        w.of(&[0, 1]);
        let format = w.of(&[0x10, 0x11, 0x20, 0x21]);
        w.any(if format >> 4 == 1 { 8 } else { 6 });
        w.of16(&[0x0800, 0x0806, 0x8100, 0x9999]);
        w.any(30);
    });
}
