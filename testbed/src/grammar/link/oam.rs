//! Ethernet watched and paused: slow protocols, OAM, CFM (IEEE 802.1ag), MPCP and PAUSE.

use crate::grammar::{End as _, Writer};

pub(super) fn slow(w: &mut Writer) {
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

pub(super) fn oam(w: &mut Writer) {
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

/// MAC control (IEEE 802.3, annex 31): PAUSE, priority flow control, and EPON's messages.
pub(super) fn control(w: &mut Writer) {
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

pub(super) fn cfm(w: &mut Writer) {
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
