//! ARP, IP with its options and extension headers, ICMP, IGMP, IPX.

mod decnet;
mod icmp6;

use super::{End as _, Row, Writer};
use decnet::decnet;
use icmp6::{discovery, icmp6, mld, node_information, renumbering, rpl};

pub(super) const PROTOCOLS: &[Row] = &[
    ("ARP", arp),
    ("IPv4 options", options4),
    ("IPv6 headers", headers6),
    ("fragments", fragments),
    ("ICMP", icmp),
    ("ICMPv6", icmp6),
    ("neighbour discovery", discovery),
    ("MLD", mld),
    ("node information", node_information),
    ("router renumbering", renumbering),
    ("RPL", rpl),
    ("multicast traceroute", mtrace),
    ("IGMP", igmp),
    ("DVMRP", dvmrp),
    ("AH, ESP, IPComp", security),
    ("mobility", mobility),
    ("IPX", ipx),
    ("DECnet", decnet),
];

fn arp(w: &mut Writer) {
    let kind = if w.one_in(6) { 0x8035 } else { 0x0806 };
    w.ethernet(kind, |w| {
        w.of16(&[1, 1, 1, 6, 7, 15, 19, 24]);
        w.of16(&[0x0800, 0x0800, 0x0800, 0x86dd, 0x1000]);
        let hard = w.of(&[6, 6, 6, 8, 0]);
        let soft = w.of(&[4, 4, 4, 16, 0]);
        w.u8(0).upto(10);
        for _ in 0..2 {
            match hard {
                6 => w.mac().end(),
                other => w.any(other.min(20).into()).end(),
            }
            match soft {
                4 => w.v4().end(),
                other => w.any(other.min(20).into()).end(),
            }
        }
        w.many(1, |w| w.any(18).end());
    });
}

/// A packet of IPv4 whose header is written here, right checksum included.
fn header4(w: &mut Writer, options: &[u8], fragment: u16, protocol: u8, body: &[u8]) {
    w.ethernet(0x0800, |w| {
        let header = w.apart(|w| {
            let words = 5 + options.len() / 4;
            w.u8(0x40 | words as u8).any(1).u16((words * 4 + body.len()) as u16);
            w.any(2).u16(fragment).any(1).u8(protocol).u16(0).v4().v4().put(options).sum(10);
        });
        w.put(&header).put(body);
    });
}

fn options4(w: &mut Writer) {
    let options = w.apart(|w| {
        w.many(3, |w| match w.of(&[0, 1, 7, 130, 131, 137, 136, 68, 148, 149, 151]) {
            0 | 1 => {}
            7 | 131 | 137 => w
                .len8(2, |w| {
                    w.of(&[4, 8, 3, 5]);
                    w.many(2, |w| w.v4().end());
                })
                .end(),
            68 => w
                .len8(2, |w| {
                    w.of(&[5, 9, 13, 4]);
                    let flags = w.of(&[0, 1, 3, 0x10, 2]);
                    w.many(2, |w| {
                        if flags & 3 != 0 {
                            w.v4();
                        }
                        w.any(4);
                    });
                })
                .end(),
            _ => w.len8(2, |w| w.many(4, |w| w.any(1).end()).end()).end(),
        });
        w.align(4);
    });
    let options = &options[..options.len().min(40)];
    let body = w.apart(|w| w.u16(40_000).u16(9).u16(12).u16(0).any(4).end());
    header4(w, options, 0, 17, &body);
}

fn extensions(w: &mut Writer, chain: &[u8], last: u8) {
    for (index, kind) in chain.iter().enumerate() {
        let next = chain.get(index + 1).copied().unwrap_or(last);
        let body = w.apart(|w| match kind {
            0 | 60 => {
                w.many(3, |w| match w.of(&[0, 1, 5, 0xc2, 0xc9, 0x26, 0x63]) {
                    0 => {}
                    5 => w.len8(0, |w| w.u8(0).upto(2).end()).end(),
                    0xc2 => w.len8(0, |w| w.any(4).end()).end(),
                    0xc9 => w.len8(0, |w| w.v6().end()).end(),
                    _ => w.len8(0, |w| w.many(5, |w| w.u8(0).end()).end()).end(),
                });
            }
            43 => {
                let addresses = w.below(3);
                w.of(&[0, 2, 4, 3]);
                w.upto(2);
                w.any(4);
                (0..addresses).for_each(|_| w.v6().end());
            }
            135 => w.any(8).end(),
            _ => w.any(6).end(),
        });
        let mut body = [vec![next, 0], body].concat();
        body.resize(body.len().next_multiple_of(8), 0);
        if *kind != 44 {
            body[1] = w.length(body.len() / 8, -1) as u8;
        }
        w.put(&body);
    }
}

fn headers6(w: &mut Writer) {
    w.ethernet(0x86dd, |w| {
        let chain: Vec<u8> = (0..w.below(4)).map(|_| [0, 43, 44, 60, 60][w.below(5)]).collect();
        let last = [6, 17, 58, 59, 50, 132, 4, 0][w.below(8)];
        let body = w.apart(|w| {
            extensions(w, &chain, last);
            w.u16(40_000).u16(9).u16(12).u16(0).any(16);
        });
        w.u8(0x60).any(3);
        let length = w.length(body.len(), 0);
        w.u16(length as u16).u8(chain.first().copied().unwrap_or(last)).any(1).v6().v6().put(&body);
    });
}

fn fragments(w: &mut Writer) {
    let protocol = [6, 17, 1, 2, 132, 47, 50, 89][w.below(8)];
    let fragment = [0x2000, 0x2001, 0x0001, 0x00b9, 0x4000, 0x8000, 0x1fff][w.below(7)];
    let body = w.apart(|w| w.u16(40_000).u16(53).u16(32).u16(0).any(24).end());
    header4(w, &[], fragment, protocol, &body);
}

/// The beginning of a packet that an error is about.
fn quoted(w: &mut Writer, six: bool) {
    let whole = w.apart(|w| {
        let protocol = [6, 17, 17, 1, 58, 132, 50][w.below(7)];
        let body = w.apart(|w| w.u16(40_000).u16(53).u16(20).u16(0).any(12).end());
        if six {
            w.u8(0x60).any(3).u16(body.len() as u16).u8(protocol).u8(64).v6().v6().put(&body);
        } else {
            let header = w.apart(|w| {
                w.u16(0x4500).u16(20 + body.len() as u16).any(2);
                w.of16(&[0, 0x4000, 0x2000, 0x0010]);
                w.u8(64).u8(protocol).u16(0).v4().v4().sum(10);
            });
            w.put(&header).put(&body);
        }
    });
    let kept = if w.one_in(3) { w.below(whole.len() + 1) } else { whole.len() };
    w.put(&whole[..kept]);
}

fn icmp(w: &mut Writer) {
    w.ip4(1, |w| {
        let message = w.apart(|w| {
            let kind =
                w.of(&[0, 3, 3, 3, 4, 5, 8, 9, 10, 11, 11, 12, 13, 14, 15, 17, 18, 20, 36, 40]);
            w.upto(16);
            w.u16(0);
            match kind {
                3 | 4 | 5 | 11 | 12 => {
                    w.any(4);
                    quoted(w, false);
                    // Extensions (RFC 4884, RFC 4950).
                    if w.one_in(4) {
                        w.fill(136);
                        let extension = w.apart(|w| {
                            w.of(&[0x20, 0x20, 0x10]);
                            w.u8(0).u16(0);
                            w.many(3, |w| {
                                w.len16(4, |w| {
                                    w.of(&[1, 2]);
                                    w.upto(2);
                                    w.many(3, |w| w.any(4).end());
                                });
                            });
                            w.sum(2);
                        });
                        w.put(&extension);
                    }
                }
                9 => {
                    w.upto(3);
                    w.of(&[2, 1, 3]);
                    w.small(2).many(3, |w| w.v4().any(4).end());
                }
                13 | 14 => w.small(2).small(2).any(12).end(),
                17 | 18 => w.small(2).small(2).v4().end(),
                _ => w.small(2).small(2).many(3, |w| w.any(7).end()).end(),
            }
            w.sum(2);
        });
        w.put(&message);
    });
}

/// Of IGMP and of ICMPv6 (200 and 201, as mtrace6 has them).
fn mtrace(w: &mut Writer) {
    let blocks = w.below(4);
    if w.one_in(2) {
        w.ip6(58, |w| {
            w.of(&[200, 201]);
            w.small(1).any(2).v6().v6().v6().any(4);
            (0..blocks).for_each(|_| w.any(64).end());
        });
    } else {
        w.ip4(2, |w| {
            w.of(&[0x1e, 0x1f]);
            w.small(1).any(2).v4().v4().v4().any(4);
            (0..blocks).for_each(|_| w.any(32).end());
        });
    }
}

fn igmp(w: &mut Writer) {
    w.ip4(2, |w| {
        let message = w.apart(|w| match w.of(&[0x11, 0x11, 0x12, 0x16, 0x17, 0x22, 0x22, 0x14]) {
            0x11 => {
                w.any(1).u16(0).v4();
                if w.one_in(2) {
                    w.any(2);
                    sources4(w);
                }
            }
            0x22 => {
                let groups = w.below(4);
                w.any(1).u16(0).any(2);
                let count = w.length(groups, 0);
                w.u16(count as u16);
                for _ in 0..groups {
                    w.upto(7);
                    w.of(&[0, 0, 0, 1]);
                    let sources = w.below(3);
                    let count = w.length(sources, 0);
                    w.u16(count as u16).v4();
                    (0..sources).for_each(|_| w.v4().end());
                }
            }
            _ => w.small(1).u16(0).v4().end(),
        });
        w.put(&message).sum(2);
    });
}

fn sources4(w: &mut Writer) {
    let sources = w.below(4);
    let count = w.length(sources, 0);
    w.u16(count as u16);
    (0..sources).for_each(|_| w.v4().end());
}

fn dvmrp(w: &mut Writer) {
    w.ip4(2, |w| {
        w.u8(0x13);
        let code = w.of(&[1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        w.u16(0).any(2);
        w.of(&[1, 3, 4, 0xff]);
        w.of(&[1, 2, 3]);
        match code {
            1 => w.any(4).many(3, |w| w.v4().end()).end(),
            2 => w
                .many(2, |w| {
                    w.of(&[0, 0xff]);
                    w.any(2).many(3, |w| w.any(4).end());
                })
                .end(),
            5 | 6 => w
                .many(2, |w| {
                    w.v4().any(3);
                    w.upto(3);
                    w.many(3, |w| w.v4().end());
                })
                .end(),
            _ => w.v4().v4().any(4).end(),
        }
    });
}

fn security(w: &mut Writer) {
    match w.below(3) {
        0 => w.ip(51, |w| {
            w.of(&[6, 17, 1, 50, 4]);
            w.of(&[4, 4, 2, 1, 0]);
            w.any(2).any(4).any(4).any(12).u16(40_000).u16(9).u16(12).u16(0).any(4);
        }),
        1 => w.ip(50, |w| w.any(4).any(4).many(4, |w| w.any(9).end()).end()),
        _ => w.ip(108, |w| w.any(2).any(2).many(3, |w| w.any(5).end()).end()),
    }
}

/// RFC 6275.
fn mobility(w: &mut Writer) {
    w.ip6(135, |w| {
        let message = w.apart(|w| {
            let kind = w.of(&[0, 1, 2, 3, 4, 5, 6, 7]);
            w.u8(0).any(2);
            match kind {
                0 => w.any(2).end(),
                1 | 2 => w.any(2).any(8).end(),
                3 | 4 => w.any(2).any(16).end(),
                5 => w.any(6).end(),
                6 => w.any(6).end(),
                _ => {
                    w.upto(2);
                    w.any(1).v6();
                }
            }
            w.many(3, |w| match w.of(&[0, 1, 2, 3, 4, 5, 9]) {
                0 => {}
                2 => w.len8(0, |w| w.small(2).end()).end(),
                3 => w.len8(0, |w| w.v6().end()).end(),
                4 => w.len8(0, |w| w.small(2).small(2).end()).end(),
                5 => w.len8(0, |w| w.any(12).end()).end(),
                _ => w.len8(0, |w| w.many(4, |w| w.u8(0).end()).end()).end(),
            });
        });
        let mut message = [vec![59, 0], message].concat();
        message.resize(message.len().next_multiple_of(8), 0);
        message[1] = w.length(message.len() / 8, -1) as u8;
        w.put(&message);
    });
}

fn ipx(w: &mut Writer) {
    let packet = |w: &mut Writer| {
        let body = w.apart(|w| {
            w.small(1);
            w.upto(17);
            let sockets = [0x451, 0x452, 0x453, 0x455, 0x456, 0x85be, 0x9086, 0x4003];
            for _ in 0..2 {
                w.any(4).mac();
                w.of16(&sockets);
            }
            w.of16(&[1, 2, 3, 4]);
            w.many(3, |w| match w.below(3) {
                0 => w.any(4).small(2).small(2).end(),
                1 => {
                    w.any(2).text(40);
                    w.align(2).any(14);
                }
                _ => w.any(6).end(),
            });
        });
        let length = w.length(body.len(), 4);
        w.u16(0xffff).u16(length as u16).put(&body);
    };
    match w.below(4) {
        0 => w.ethernet(0x8137, packet),
        1 => w.llc(&[0xe0, 0xe0, 3], packet),
        2 => w.llc(&[], packet),
        _ => w.snap([0, 0, 0], 0x8137, packet),
    }
}
