//! Services over UDP and TCP.

mod dhcp;
mod dns;
mod hncp;
mod snmp;

use super::{End as _, Row, Writer};
use dhcp::{dhcp, dhcp6, dhcp6_relay};
use dns::{dns, dns_over_tcp};
use hncp::hncp;
use snmp::snmp;

pub(super) const PROTOCOLS: &[Row] = &[
    ("DNS", dns),
    ("DNS over TCP", dns_over_tcp),
    ("DHCP", dhcp),
    ("DHCPv6", dhcp6),
    ("DHCPv6 relay", dhcp6_relay),
    ("NTP", ntp),
    ("SNMP", snmp),
    ("RADIUS", radius),
    ("text protocols", lines),
    ("syslog", syslog),
    ("TFTP", tftp),
    ("Telnet", telnet),
    ("RESP", resp),
    ("Kerberos", kerberos),
    ("ISAKMP", isakmp),
    ("PTP", ptp),
    ("NetBIOS", netbios),
    ("sFlow", sflow),
    ("timed", timed),
    ("VQP", vqp),
    ("SOME/IP", someip),
    ("AHCP", ahcp),
    ("HNCP", hncp),
    ("OpenFlow", openflow),
    ("AFS", afs),
];

fn ntp(w: &mut Writer) {
    w.udp(&[123], |w| {
        let kind = w.of(&[0x23, 0x1b, 0x24, 0xdc, 0xe3, 0x25, 0x0a, 0x16, 0x96, 0x26, 0x27, 0x17]);
        match kind & 7 {
            6 => {
                w.of(&[0, 1, 2, 0x81, 0xc2, 0xe4, 0x8a]);
                w.any(2).any(2).any(2).small(2);
                w.len16(0, |w| w.text(60).end());
                w.many(3, |w| w.any(4).end());
            }
            7 => w.any(3).many(6, |w| w.any(8).end()).end(),
            _ => {
                w.of(&[0, 1, 2, 3, 16, 17]);
                w.of(&[6, 10, 0, 255]);
                w.of(&[0xe9, 0xfa, 0]);
                w.any(4).any(4);
                if w.one_in(2) {
                    w.put(b"GPS\0")
                } else {
                    w.v4()
                };
                // Times around these years, or none.
                for _ in 0..4 {
                    match w.below(4) {
                        0 => w.u32(0).u32(0).end(),
                        1 => w.any(8).end(),
                        _ => w.u8(0xe7).any(7).end(),
                    }
                }
                match w.below(4) {
                    0 => w.any(4).end(),
                    1 => w.any(20).end(),
                    2 => w.any(24).end(),
                    _ => {}
                }
            }
        }
    });
}

fn radius(w: &mut Writer) {
    w.udp(&[1812, 1813, 3799, 1645], |w| {
        let body = w.apart(|w| {
            w.any(16);
            w.many(6, |w| {
                let kind = w.below(256) as u8;
                let kind = if w.one_in(3) { kind } else { kind % 105 };
                w.u8(kind);
                w.len8(2, |w| match (kind, w.below(6)) {
                    (26, _) => {
                        let vendor = [9, 311, 2636, 0x372a, 1][w.below(5)];
                        w.u32(vendor).many(2, |w| w.any(1).len8(2, |w| w.text(8).end()).end());
                    }
                    (79, _) => w.upto(4).end(),
                    (95..=98, _) => {
                        w.u8(0).upto(128);
                        w.v6();
                    }
                    (_, 0) => w.small(4).end(),
                    (_, 1) => w.v4().end(),
                    (_, 2) => w.text(20).end(),
                    (_, 3) => w.any(4).end(),
                    (_, 4) => w.any(17).end(),
                    _ => w.many(4, |w| w.any(3).end()).end(),
                });
            });
        });
        w.of(&[1, 2, 3, 4, 5, 11, 12, 13, 40, 41, 42, 43, 44, 45, 255]);
        w.any(1);
        let length = w.length(body.len(), 4);
        w.u16(length as u16).put(&body);
    });
}

fn lines(w: &mut Writer) {
    const FIRST: &[&[u8]] = &[
        b"GET / HTTP/1.1",
        b"HTTP/1.1 200 OK",
        b"EHLO example.org",
        b"220 ready",
        b"USER anonymous",
        b"OPTIONS rtsp://a RTSP/1.0",
        b"INVITE sip:b@a SIP/2.0",
        b"SIP/2.0 180 Ringing",
        b"BREW /pot HTCPCP/1.0",
        b"get / http",
        b"M",
        b"",
    ];
    let write = |w: &mut Writer| {
        let first = FIRST[w.below(FIRST.len())];
        w.put(first);
        w.many(4, |w| {
            let end: &[u8] = [&b"\r\n"[..], b"\r\n", b"\r\n", b"\n", b"\r"][w.below(5)];
            w.put(end).text(20);
        });
        if w.one_in(2) {
            w.put(b"\r\n\r\n").many(2, |w| w.any(9).end());
        }
    };
    match w.below(5) {
        0 => w.udp(&[5060], write),
        _ => w.tcp(&[80, 8080, 25, 21, 554, 8554, 43, 22, 10_288], write),
    }
}

fn syslog(w: &mut Writer) {
    w.udp(&[514], |w| {
        w.u8(b'<');
        let number = [0, 34, 191, 192, 999, 1000, 7][w.below(7)];
        w.put(number.to_string().as_bytes()).u8(b'>').text(30);
    });
}

fn tftp(w: &mut Writer) {
    w.udp(&[69], |w| match w.of16(&[1, 2, 3, 4, 5, 6]) {
        1 | 2 => {
            w.text(12).u8(0).put(b"octet\0").many(2, |w| w.text(6).u8(0).text(4).u8(0).end()).end()
        }
        3 | 4 => w.small(2).many(2, |w| w.any(6).end()).end(),
        5 => {
            w.of16(&[0, 1, 2, 3, 4, 5, 6, 7, 8]);
            w.text(12).u8(0);
        }
        _ => w.many(3, |w| w.text(6).u8(0).text(4).u8(0).end()).end(),
    });
}

fn telnet(w: &mut Writer) {
    w.tcp(&[23], |w| {
        w.many(5, |w| match w.below(6) {
            0 => {
                let command = 236 + w.below(20) as u8;
                w.u8(255).u8(command);
            }
            1..=3 => {
                let verb = 251 + w.below(4) as u8;
                w.u8(255).u8(verb).upto(40);
            }
            4 => {
                w.u8(255).u8(250);
                w.of(&[24, 31, 32, 33, 34, 37, 38, 39]);
                w.upto(9);
                w.upto(15);
                w.text(6).u8(255).u8(240);
            }
            _ => w.text(4).end(),
        });
    });
}

fn resp(w: &mut Writer) {
    fn one(w: &mut Writer, depth: usize) {
        match w.below(5) {
            0 => w.u8(b'+').text(6).put(b"\r\n").end(),
            1 => w.put(b"-ERR ").text(6).put(b"\r\n").end(),
            2 => w.put(b":12\r\n").end(),
            3 if depth > 0 => {
                let count = w.below(3);
                let stated = w.length(count, 0) as i32;
                w.u8(b'*').put(stated.to_string().as_bytes()).put(b"\r\n");
                (0..count).for_each(|_| one(w, depth - 1));
            }
            _ => {
                let text = w.apart(|w| w.text(9).end());
                let stated = w.length(text.len(), 0) as i32;
                w.u8(b'$').put(stated.to_string().as_bytes()).put(b"\r\n").put(&text).put(b"\r\n");
            }
        }
    }
    w.tcp(&[6379], |w| w.many(3, |w| one(w, 2)).end());
}

fn kerberos(w: &mut Writer) {
    w.udp(&[88, 750], |w| {
        w.of(&[4, 4, 4, 106, 107, 3]);
        let kind = w.of(&[2, 4, 6, 10, 12, 14, 16, 126, 3, 11]);
        let string = |w: &mut Writer| w.text(8).u8(0).end();
        match kind & !1 {
            6 => {
                w.any(1);
                string(w);
                w.any(2);
            }
            _ => {
                (0..3).for_each(|_| string(w));
                w.any(5);
                (0..2).for_each(|_| string(w));
                w.any(6).text(6).u8(0);
            }
        }
    });
}

fn isakmp(w: &mut Writer) {
    w.udp(&[500, 4500], |w| {
        if w.one_in(4) {
            w.u32(0);
        }
        let body = w.apart(|w| {
            w.many(3, |w| {
                w.of(&[0, 1, 4, 5, 10, 13, 33, 34, 40, 41, 43, 46]);
                w.any(1);
                w.len16(4, |w| w.many(4, |w| w.any(7).end()).end());
            });
        });
        w.any(8).any(8);
        w.of(&[0, 1, 4, 5, 13, 33, 34, 46]);
        w.of(&[0x10, 0x20, 0x11]);
        w.of(&[0, 2, 4, 5, 32, 34, 35, 36, 37]);
        w.upto(0x28);
        w.any(4);
        let length = w.length(body.len(), 28);
        w.u32(length).put(&body);
    });
}

/// IEEE 1588.
fn ptp(w: &mut Writer) {
    let message = |w: &mut Writer| {
        let kind = w.of(&[0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 0x10, 0x1b, 5]);
        w.of(&[2, 2, 2, 1, 0x12]);
        let body = w.apart(|w| {
            w.upto(127);
            w.any(1);
            w.of16(&[0, 0x0200, 0x0208, 0x003c, 0x2d7f]);
            w.any(8).any(4).any(10).small(2);
            w.upto(6);
            w.any(1);
            match kind & 0xf {
                0 | 1 | 8 => w.any(10).end(),
                2 => w.any(20).end(),
                3 | 9 | 10 => w.any(20).end(),
                11 => {
                    w.any(10).small(2).any(1).any(1);
                    w.of(&[6, 7, 0x21, 0xfe]);
                    w.of(&[0x17, 0x21, 0x31, 0xfe]);
                    w.any(2).any(1).any(8).small(2);
                    w.of(&[0x10, 0x20, 0x50, 0x60, 0x90, 0xa0]);
                }
                12 => w.any(10).end(),
                13 => w.any(10).any(1).any(1).upto(4).end(),
                _ => w.any(10).end(),
            }
            if kind & 0xf > 10 {
                w.many(3, |w| {
                    w.of16(&[1, 2, 3, 8, 9]);
                    w.len16(0, |w| {
                        w.of16(&[0, 1, 2, 0x2000, 0x2004]);
                        w.many(3, |w| w.any(6).end());
                    });
                });
            }
        });
        let length = w.length(body.len(), 4);
        w.u16(length as u16).put(&body);
    };
    if w.one_in(2) { w.udp(&[319, 320], message) } else { w.ethernet(0x88f7, message) }
}

fn netbios_name(w: &mut Writer) {
    w.u8(32);
    let name = w.apart(|w| {
        for _ in 0..32 {
            let letter = b'A' + w.below(16) as u8;
            w.u8(letter);
        }
    });
    w.put(&name);
    match w.below(4) {
        0 => w.len8(0, |w| w.text(5).end()).u8(0).end(),
        1 => w.u8(0xc0).u8(12).end(),
        _ => w.u8(0).end(),
    }
}

fn netbios(w: &mut Writer) {
    match w.below(3) {
        0 => w.udp(&[137], |w| {
            w.any(2);
            w.of16(&[0x0110, 0x2910, 0x8500, 0xad80, 0x3010]);
            let counts = [w.below(2), w.below(3), 0, w.below(2)];
            counts.into_iter().for_each(|count| w.u16(count as u16).end());
            for _ in 0..counts[0] {
                netbios_name(w);
                w.of16(&[0x20, 0x21]);
                w.u16(1);
            }
            for _ in 0..counts[1] + counts[3] {
                netbios_name(w);
                let kind = w.of16(&[0x20, 0x21]);
                w.u16(1).small(4);
                w.len16(0, |w| match kind {
                    0x21 => {
                        w.upto(2);
                        w.text(15).fill(16).any(2).any(30);
                    }
                    _ => w.any(2).v4().end(),
                });
            }
        }),
        1 => w.udp(&[138], |w| {
            w.of(&[0x10, 0x11, 0x12, 0x13, 0x14]);
            w.any(3).v4().u16(138).small(2).u16(0);
            netbios_name(w);
            netbios_name(w);
            w.many(2, |w| w.put(b"\xffSMB\x25").any(30).end());
        }),
        _ => w.tcp(&[139, 445], |w| {
            w.of(&[0, 0x81, 0x82, 0x83, 0x84, 0x85]);
            w.u8(0).len16(0, |w| match w.below(3) {
                0 => {
                    netbios_name(w);
                    netbios_name(w);
                }
                1 => w.put(b"\xfeSMB").any(60).end(),
                _ => w.any(9).end(),
            });
        }),
    }
}

fn sflow(w: &mut Writer) {
    w.udp(&[6343], |w| {
        w.u32(5);
        w.u32(1).v4().any(4).any(4).any(4);
        let count = w.below(3);
        let stated = w.length(count, 0);
        w.u32(stated);
        for _ in 0..count {
            let kind = [1, 2, 3, 4][w.below(4)];
            w.u32(kind);
            let body = w.apart(|w| {
                w.any(4).any(4);
                match kind {
                    1 => w.any(4).any(4).any(4).any(4).any(4).end(),
                    3 => w.any(4).any(28).end(),
                    4 => w.any(4).end(),
                    _ => {}
                }
                let records = w.below(3);
                w.u32(records as u32);
                for _ in 0..records {
                    let kind = if kind % 2 == 1 {
                        [1, 2, 3, 4, 1001, 1002, 1003, 1004, 1012][w.below(9)]
                    } else {
                        [1, 2, 3, 4, 5, 1001][w.below(6)]
                    };
                    w.u32(kind);
                    let size = [16, 88, 52, 36, 28, 12, 8][w.below(7)];
                    let body = w.apart(|w| w.any(size).end());
                    let length = w.length(size, 0);
                    w.u32(length).put(&body);
                }
            });
            let length = w.length(body.len(), 0);
            w.u32(length).put(&body);
        }
    });
}

fn timed(w: &mut Writer) {
    w.udp(&[525], |w| {
        w.upto(27);
        w.of(&[1, 2]);
        w.any(2).any(8).text(20).u8(0);
    });
}

fn vqp(w: &mut Writer) {
    w.udp(&[1589], |w| {
        w.of(&[1, 0]);
        w.upto(4);
        w.upto(5);
        let items = w.below(5);
        let count = w.length(items, 0);
        w.u8(count as u8).any(4);
        for _ in 0..items {
            let kind = [0xc01, 0xc02, 0xc03, 0xc04, 0xc05, 0xc06, 0xc08, 0xc09][w.below(8)];
            w.u32(kind);
            w.len16(0, |w| match kind {
                0xc01 => w.v4().end(),
                0xc06 | 0xc08 => w.mac().end(),
                _ => w.text(12).end(),
            });
        }
    });
}

fn someip(w: &mut Writer) {
    w.udp(&[30_490], |w| {
        let body = w.apart(|w| {
            w.any(4).upto(2);
            w.any(1);
            w.of(&[0, 1, 2, 0x40, 0x41, 0x42, 0x80, 0x81, 0xc0]);
            w.upto(11);
            w.many(3, |w| w.any(6).end());
        });
        w.any(4);
        let length = w.length(body.len(), 0);
        w.u32(length).put(&body);
    });
}

fn ahcp(w: &mut Writer) {
    w.udp(&[5359], |w| {
        w.of(&[43, 43, 42]);
        w.of(&[1, 1, 0]);
        let body = w.apart(|w| {
            w.upto(6);
            w.any(3);
            w.many(4, |w| {
                let kind = w.upto(12);
                if kind > 0 {
                    w.len8(0, |w| match w.below(4) {
                        0 => w.any(4).end(),
                        1 => w.v6().end(),
                        2 => w.v4().u8(24).end(),
                        _ => w.v6().upto(128).end(),
                    });
                }
            });
        });
        w.any(2).any(4).any(4).any(8).any(8);
        w.len16(-4, |w| w.put(&body).end());
    });
}

fn openflow(w: &mut Writer) {
    w.tcp(&[6633, 6653], |w| {
        w.many(2, |w| {
            w.of(&[1, 1, 4, 4, 2]);
            w.upto(29);
            w.len16(4, |w| w.any(4).many(6, |w| w.any(8).end()).end());
        });
    });
}

fn afs(w: &mut Writer) {
    w.udp(&[7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007], |w| {
        w.any(4).any(4).u32(1).u32(1).small(4);
        w.upto(13);
        w.of(&[1, 4, 5, 0x25, 9]);
        w.upto(4);
        w.any(1).any(2).small(2);
        let operation = [130, 131, 132, 133, 140, 152, 1, 2, 501, 65_536, 100][w.below(11)];
        w.u32(operation).many(6, |w| w.small(4).any(4).end());
    });
}
