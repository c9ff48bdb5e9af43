//! LLDP and what is built on it: LLDP-MED (ANSI/TIA-1057) and DCBX.

use crate::grammar::{End as _, Writer};

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

pub(super) fn lldp(w: &mut Writer) {
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
pub(super) fn lldp_med(w: &mut Writer) {
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
pub(super) fn dcbx(w: &mut Writer) {
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
