//! What switches and their neighbours say to each other on the link.

mod cisco;
mod lldp;
mod oam;
mod ppp;

use super::{End as _, Row, Writer};
use cisco::{cdp, dtp, udld, vtp};
use lldp::{dcbx, lldp, lldp_med};
use oam::{cfm, control, oam, slow};
pub(super) use ppp::ppp_packet;
use ppp::{ppp, pppoe};

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
