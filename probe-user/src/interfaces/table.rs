//! All interfaces in a table: `netstat -i`'s columns, and rates of the same.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use probe_frame::visible;
use serde::Serialize;

use super::report::{Basics, Counters, Interface};
use crate::text::si;

/// A line an interface, with its totals.
pub(super) fn totals(interfaces: &[Interface]) -> Vec<u8> {
    let head = [
        "interface",
        "mtu",
        "rx-ok",
        "rx-err",
        "rx-drp",
        "rx-ovr",
        "tx-ok",
        "tx-err",
        "tx-drp",
        "tx-ovr",
        "flags",
        "xdp",
        "driver",
    ];
    let rows = interfaces.iter().map(|interface| {
        let Basics { name, mtu, flags, counters, .. } = &interface.basics;
        let native = interface.hooks.contains(&"xdp-native");
        let xdp = match &interface.xdp {
            Some(_) => "in use",
            None if native => "native",
            None => "generic",
        };
        [
            visible(name),
            mtu.to_string(),
            counters.rx_packets.to_string(),
            counters.rx_errors.to_string(),
            counters.rx_dropped.to_string(),
            counters.rx_overruns.to_string(),
            counters.tx_packets.to_string(),
            counters.tx_errors.to_string(),
            counters.tx_dropped.to_string(),
            counters.tx_overruns.to_string(),
            flags.clone(),
            xdp.into(),
            interface.driver.clone().unwrap_or_else(|| "-".into()),
        ]
    });
    // The last three are words.
    aligned(head, rows, 10)
}

/// What happened on an interface in a second, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    pub rx_pps: f64,
    pub rx_bps: f64,
    pub rx_errors: f64,
    pub rx_dropped: f64,
    pub rx_overruns: f64,
    pub tx_pps: f64,
    pub tx_bps: f64,
    pub tx_errors: f64,
    pub tx_dropped: f64,
    pub tx_overruns: f64,
}

impl Rates {
    /// From one reading to the next. A counter that went back, as with a driver that is loaded
    /// again, has no rate.
    fn of(before: &Counters, now: &Counters, interval: Duration) -> Self {
        let seconds = interval.as_secs_f64();
        let rate = |before: u64, now: u64| {
            // Three decimals are more than anybody reads.
            (now.saturating_sub(before) as f64 / seconds * 1000.0).round() / 1000.0
        };
        Self {
            rx_pps: rate(before.rx_packets, now.rx_packets),
            rx_bps: rate(before.rx_bytes * 8, now.rx_bytes * 8),
            rx_errors: rate(before.rx_errors, now.rx_errors),
            rx_dropped: rate(before.rx_dropped, now.rx_dropped),
            rx_overruns: rate(before.rx_overruns, now.rx_overruns),
            tx_pps: rate(before.tx_packets, now.tx_packets),
            tx_bps: rate(before.tx_bytes * 8, now.tx_bytes * 8),
            tx_errors: rate(before.tx_errors, now.tx_errors),
            tx_dropped: rate(before.tx_dropped, now.tx_dropped),
            tx_overruns: rate(before.tx_overruns, now.tx_overruns),
        }
    }
}

/// An interface at one moment of `--watch`, and its rates since the one before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Watched {
    #[serde(flatten)]
    pub(super) basics: Basics,
    pub(super) rates: Rates,
}

/// The rates of interfaces between two readings. One that came meanwhile has none yet.
pub(super) fn watched(
    before: &HashMap<u32, Counters>,
    now: Vec<Basics>,
    interval: Duration,
) -> Vec<Watched> {
    let rates = |basics: &Basics| {
        let before = before.get(&basics.index);
        before.map_or_else(Rates::default, |it| Rates::of(it, &basics.counters, interval))
    };
    now.into_iter().map(|basics| Watched { rates: rates(&basics), basics }).collect()
}

/// A line an interface, with its rates.
pub(super) fn rates(interfaces: &[Watched]) -> Vec<u8> {
    let head = [
        "interface",
        "rx/s",
        "rx bits/s",
        "err/s",
        "drp/s",
        "ovr/s",
        "tx/s",
        "tx bits/s",
        "err/s",
        "drp/s",
        "ovr/s",
        "flags",
    ];
    // Most are zero, and the others shall be seen.
    let shown = |rate: f64| if rate == 0.0 { "0".to_owned() } else { si(rate) };
    let rows = interfaces.iter().map(|Watched { basics, rates }| {
        [
            visible(&basics.name),
            shown(rates.rx_pps),
            shown(rates.rx_bps),
            shown(rates.rx_errors),
            shown(rates.rx_dropped),
            shown(rates.rx_overruns),
            shown(rates.tx_pps),
            shown(rates.tx_bps),
            shown(rates.tx_errors),
            shown(rates.tx_dropped),
            shown(rates.tx_overruns),
            basics.flags.clone(),
        ]
    });
    aligned(head, rows, 11)
}

/// Columns: the first to the left, the numbers to the right, and those from `words` on to the left.
fn aligned<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    words: usize,
) -> Vec<u8> {
    let rows: Vec<[String; N]> = std::iter::once(head.map(String::from)).chain(rows).collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = match column {
                0 => write!(line, "{cell:<width$}"),
                _ if column < words => write!(line, "  {cell:>width$}"),
                _ => write!(line, "  {cell:<width$}"),
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basics(name: &str, packets: u64) -> Basics {
        let counters = Counters {
            rx_packets: packets,
            rx_bytes: packets * 100,
            tx_dropped: packets / 10,
            ..Counters::default()
        };
        let flags = "BMRU".into();
        Basics { name: name.into(), index: 2, mtu: 1500, flags, counters, ..Basics::default() }
    }

    #[test]
    fn golden_totals() {
        let eth0 = Interface {
            basics: basics("eth0", 12345),
            driver: Some("virtio_net".into()),
            hooks: vec!["tcx", "xdp-native"],
            ..Interface::default()
        };
        let other = Interface { basics: basics("veth\x1b7", 0), ..Interface::default() };
        let expected = "\
interface   mtu  rx-ok  rx-err  rx-drp  rx-ovr  tx-ok  tx-err  tx-drp  tx-ovr  flags  xdp      driver
eth0       1500  12345       0       0       0      0       0    1234       0  BMRU   native   virtio_net
veth^[7    1500      0       0       0       0      0       0       0       0  BMRU   generic  -
";
        assert_eq!(String::from_utf8(totals(&[eth0, other])).unwrap(), expected);
    }

    #[test]
    fn golden_rates() {
        let before = HashMap::from([(2, basics("eth0", 1000).counters)]);
        let newcomer = Basics { index: 7, ..basics("new0", 50) };
        let now = vec![basics("eth0", 3000), newcomer];
        let watched = watched(&before, now, Duration::from_secs(2));
        let expected = "\
interface  rx/s  rx bits/s  err/s  drp/s  ovr/s  tx/s  tx bits/s  err/s  drp/s  ovr/s  flags
eth0       1000       800k      0      0      0     0          0      0    100      0  BMRU
new0          0          0      0      0      0     0          0      0      0      0  BMRU
";
        assert_eq!(String::from_utf8(rates(&watched)).unwrap(), expected);
        // A driver that was loaded again counts from 0.
        let again = watched_of(&before, 10);
        assert_eq!(again.rx_pps, 0.0);
    }

    fn watched_of(before: &HashMap<u32, Counters>, packets: u64) -> Rates {
        watched(before, vec![basics("eth0", packets)], Duration::from_secs(1))[0].rates
    }
}
