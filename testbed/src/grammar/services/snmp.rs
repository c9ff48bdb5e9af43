//! SNMP (RFC 3416) in BER (X.690).

use super::super::{End as _, Writer};

/// An element of BER (X.690): a tag, a length, a value.
fn element(w: &mut Writer, tag: u8, value: impl FnOnce(&mut Writer)) {
    let body = w.apart(value);
    let length = w.length(body.len(), 0);
    w.u8(tag);
    match w.below(30) {
        0 => w.u8(0x82).u16(length as u16).end(),
        1 => w.u8(0x80).end(),
        _ if body.len() > 127 => w.u8(0x81).u8(length as u8).end(),
        _ => w.u8(length as u8).end(),
    }
    w.put(&body);
}

fn integer(w: &mut Writer) {
    element(w, 2, |w| {
        let size = [1, 1, 1, 2, 4, 0, 8][w.below(7)];
        w.any(size);
    });
}

fn object(w: &mut Writer) {
    const NAMES: &[&[u8]] = &[
        &[0x2b, 6, 1, 2, 1, 1, 3, 0],
        &[0x2b, 6, 1, 2, 1, 2, 2, 1, 10, 3],
        &[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0],
        &[0x2b, 6, 1, 4, 1, 9, 9, 0x86, 0x8d, 0x1f],
        &[0x2b],
        &[],
    ];
    element(w, 6, |w| {
        let name = NAMES[w.below(6)];
        w.put(name).many(2, |w| w.any(2).end());
    });
}

fn bindings(w: &mut Writer) {
    element(w, 0x30, |w| {
        w.many(3, |w| {
            element(w, 0x30, |w| {
                object(w);
                match w.below(10) {
                    0 => element(w, 5, |_| {}),
                    1 => integer(w),
                    2 => object(w),
                    3 => element(w, 4, |w| w.text(20).end()),
                    4 => element(w, 0x40, |w| w.v4().end()),
                    5 | 6 => {
                        let tag = [0x41, 0x42, 0x43, 0x44, 0x46, 0x47, 0x45][w.below(7)];
                        let size = [1, 2, 4, 5, 8, 9][w.below(6)];
                        element(w, tag, |w| w.any(size).end());
                    }
                    7 => {
                        let tag = [0x80, 0x81, 0x82, 0x83][w.below(4)];
                        element(w, tag, |_| {});
                    }
                    8 => {
                        let (tag, size) = (w.below(256) as u8, w.below(6));
                        element(w, tag, |w| w.any(size).end());
                    }
                    _ => element(w, 4, |w| w.any(9).end()),
                }
            });
        });
    });
}

fn pdu(w: &mut Writer) {
    let tag = [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9][w.below(10)];
    element(w, tag, |w| {
        if tag == 0xa4 {
            object(w);
            element(w, 0x40, |w| w.v4().end());
            integer(w);
            integer(w);
            element(w, 0x43, |w| w.any(4).end());
        } else {
            integer(w);
            if w.one_in(3) {
                integer(w)
            } else {
                element(w, 2, |w| w.upto(18).end())
            };
            if w.one_in(3) {
                integer(w)
            } else {
                element(w, 2, |w| w.upto(3).end())
            };
        }
        bindings(w);
    });
}

pub(super) fn snmp(w: &mut Writer) {
    w.udp(&[161, 162], |w| {
        element(w, 0x30, |w| {
            let version = [0, 1, 1, 2, 3, 3, 4][w.below(7)];
            element(w, 2, |w| w.u8(version).end());
            if version != 3 {
                element(w, 4, |w| match w.below(3) {
                    0 => w.put(b"public").end(),
                    _ => w.text(8).end(),
                });
                pdu(w);
                return;
            }
            element(w, 0x30, |w| {
                integer(w);
                integer(w);
                element(w, 4, |w| w.upto(7).end());
                element(w, 2, |w| w.of(&[1, 2, 3]).end());
            });
            element(w, 4, |w| {
                element(w, 0x30, |w| {
                    element(w, 4, |w| w.any(9).end());
                    integer(w);
                    integer(w);
                    element(w, 4, |w| w.text(8).end());
                    element(w, 4, |w| w.any(12).end());
                    element(w, 4, |w| w.any(8).end());
                });
            });
            element(w, 0x30, |w| {
                element(w, 4, |w| w.any(9).end());
                element(w, 4, |w| w.text(6).end());
                pdu(w);
            });
        });
    });
}
