//! HNCP (RFC 7788).

use super::super::{End as _, Writer};

pub(super) fn hncp(w: &mut Writer) {
    w.udp(&[8231], |w| w.many(4, |w| hncp_element(w, 2)).end());
}

fn hncp_element(w: &mut Writer, depth: usize) {
    let kind = w.of16(&[
        1, 2, 3, 4, 5, 8, 9, 10, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 0, 50, 512, 800,
    ]);
    w.len16(0, |w| {
        match kind {
            2 => w.any(4).end(),
            3 | 4 => w.any(8).end(),
            5 => w.any(4).small(4).any(4).any(8).end(),
            8 => w.any(12).end(),
            9 => w.any(4).any(4).end(),
            10 => w.any(1).any(35).text(8).end(),
            32 => w.any(4).text(12).end(),
            34 => {
                w.any(8).upto(128);
                w.v6();
            }
            35 => {
                w.any(4).any(1).upto(128);
                w.v6();
            }
            36 => w.any(4).v6().end(),
            37 => w
                .many(2, |w| {
                    w.of(&[6, 42, 119, 1]);
                    w.len8(0, |w| w.many(2, |w| w.v4().end()).end());
                })
                .end(),
            38 => w
                .many(2, |w| {
                    w.of16(&[23, 24, 31, 1]);
                    w.len16(0, |w| w.many(2, |w| w.v6().end()).end());
                })
                .end(),
            39 => w.v6().any(1).name().end(),
            40 => w.name().end(),
            41 => w.v6().len8(0, |w| w.text(8).end()).end(),
            42 => w.any(32).end(),
            43 => {
                w.of(&[0, 1, 48, 128, 129, 130, 131, 200]);
                w.many(1, |w| w.name().end());
            }
            _ => w.many(3, |w| w.any(5).end()).end(),
        }
        w.align(4);
        if depth > 0 {
            w.many(2, |w| hncp_element(w, depth - 1));
        }
    });
    w.align(4);
}
