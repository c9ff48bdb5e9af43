//! The rows of each tab, in the order in which they stand; and what they are for whoever captures them.

use std::cmp::Reverse;

use super::{App, Connection, Cursor, Panel, Tab};
use crate::snapshot::{Key, Port, Rule, Top};

impl App {
    /// Places of the rules in the snapshot, in the order of the tab.
    pub fn rules(&self) -> Vec<usize> {
        let Some(snapshot) = self.snapshot() else { return Vec::new() };
        let mut places: Vec<usize> = (0..snapshot.rules.len()).collect();
        let rule = |&place: &usize| &snapshot.rules[place];
        // In the order given where they are equal.
        match self.sort(Tab::Rules) {
            Some("rate") => places.sort_by(|a, b| rule(b).pps.total_cmp(&rule(a).pps)),
            Some("packets") => places.sort_by_key(|place| Reverse(rule(place).packets)),
            Some("name") => places.sort_by(|a, b| rule(a).name.cmp(&rule(b).name)),
            _ => {}
        }
        places
    }

    /// The selected rule, with its place in the snapshot.
    pub fn rule(&self) -> Option<(usize, &Rule)> {
        let snapshot = self.snapshot()?;
        let places = self.rules();
        let names: Vec<String> =
            places.iter().map(|&place| snapshot.rules[place].name.clone()).collect();
        let place = *places.get(self.cursor(Tab::Rules).place(&names))?;
        Some((place, snapshot.rules.get(place)?))
    }

    /// The keys of a list of the selected rule, in the order of the tab.
    pub fn keys<'a>(&self, top: &'a Top) -> Vec<&'a Key> {
        let mut keys: Vec<&Key> = top.keys.iter().collect();
        match self.sort(Tab::Sources) {
            Some("rate") => keys.sort_by(|a, b| b.pps.total_cmp(&a.pps)),
            Some("key") => keys.sort_by(|a, b| a.key.cmp(&b.key)),
            _ => {}
        }
        keys
    }

    /// The ports, in the order of the tab.
    pub fn ports(&self) -> Vec<&Port> {
        let Panel::Open(ports) = &self.shown().ports else { return Vec::new() };
        let mut ports: Vec<&Port> = ports.iter().collect();
        match self.sort(Tab::Ports) {
            Some("worst first") => ports.sort_by_key(|port| badness(port)),
            Some("SYN/s") => {
                ports.sort_by(|a, b| b.syn_per_second.total_cmp(&a.syn_per_second));
            }
            Some("port") => ports.sort_by_key(|port| (port.port, port.protocol.clone())),
            _ => {}
        }
        ports
    }

    /// The connections, in the order of the tab.
    pub fn connections(&self) -> Vec<&Connection> {
        let Panel::Open(connections) = &self.shown().connections else { return Vec::new() };
        let mut rows: Vec<&Connection> = connections.rows.iter().rev().collect();
        match self.sort(Tab::Connections) {
            Some("longest") => {
                rows.sort_by(|a, b| b.row.duration_us.total_cmp(&a.row.duration_us));
            }
            Some("largest") => {
                rows.sort_by_key(|it| Reverse(it.row.client_bytes + it.row.server_bytes));
            }
            _ => {}
        }
        rows
    }

    /// What identifies each row of a tab, in the order in which they stand.
    pub fn row_names(&self, tab: Tab) -> Vec<String> {
        match tab {
            Tab::Rules => {
                let Some(snapshot) = self.snapshot() else { return Vec::new() };
                let name = |place: usize| snapshot.rules[place].name.clone();
                self.rules().into_iter().map(name).collect()
            }
            Tab::Sources => {
                let lists = self.rule().map_or(&[][..], |(_, rule)| &rule.top);
                let keys = |top| self.keys(top).into_iter().map(|key| key_name(top, key));
                lists.iter().flat_map(keys).collect()
            }
            Tab::Ports => self.ports().into_iter().map(port_name).collect(),
            Tab::Connections => {
                self.connections().into_iter().map(|it| it.number.to_string()).collect()
            }
            Tab::Losses => Vec::new(),
        }
    }

    /// The cursor of a tab.
    pub fn cursor(&self, tab: Tab) -> Cursor {
        self.cursors.get(&tab).cloned().unwrap_or_default()
    }

    /// The place of the selected row of a tab.
    pub fn selected(&self, tab: Tab) -> usize {
        self.cursor(tab).place(&self.row_names(tab))
    }

    /// What the selected row is called in messages and names of files, and a filter for its frames.
    ///
    /// # Errors
    /// In words, where there is none.
    pub fn row_filter(&self) -> Result<(String, String), String> {
        let none = || "there is no row to capture".to_owned();
        match self.tab {
            Tab::Rules => {
                let (_, rule) = self.rule().ok_or_else(none)?;
                Ok((rule.name.clone(), self.narrowed(&rule.filter)))
            }
            Tab::Sources => {
                let (_, rule) = self.rule().ok_or_else(none)?;
                let keys = rule.top.iter().flat_map(|top| {
                    self.keys(top).into_iter().map(move |key| (top.by.as_str(), key))
                });
                let (by, key) =
                    keys.into_iter().nth(self.selected(Tab::Sources)).ok_or_else(none)?;
                let own = of_key(by, &key.key).ok_or_else(|| {
                    format!("frames by {by} cannot be captured one by one; those of the rule can")
                })?;
                Ok((format!("{}-{}", rule.name, key.key), self.narrowed(&both(&rule.filter, &own))))
            }
            Tab::Ports => {
                let ports = self.ports();
                let port = ports.get(self.selected(Tab::Ports)).ok_or_else(none)?;
                let own = format!("{} port {}", port.protocol, port.port);
                Ok((own.replace(' ', "-"), both(self.filter(Tab::Ports), &own)))
            }
            Tab::Connections => {
                let rows = self.connections();
                let row = &rows.get(self.selected(Tab::Connections)).ok_or_else(none)?.row;
                let own = format!(
                    "host {} and host {} and {} port {} and {} port {}",
                    row.client,
                    row.server,
                    row.protocol,
                    row.client_port,
                    row.protocol,
                    row.server_port
                );
                Ok((format!("{}-port-{}", row.protocol, row.client_port), own))
            }
            Tab::Losses => Err("there is no row to capture".into()),
        }
    }

    /// A rule's filter, and that of the tab.
    fn narrowed(&self, filter: &str) -> String {
        both(filter, self.filter(Tab::Rules))
    }
}

/// Both have to hold; nothing at all holds of every frame.
pub fn both(one: &str, other: &str) -> String {
    match (one.trim(), other.trim()) {
        ("", text) | (text, "") => text.to_owned(),
        (one, other) if one == other => one.to_owned(),
        (one, other) => format!("({one}) and ({other})"),
    }
}

/// What identifies a key among the lists of a rule.
pub fn key_name(top: &Top, key: &Key) -> String {
    format!("{} {}", top.by, key.key)
}

/// What identifies a port.
pub fn port_name(port: &Port) -> String {
    format!("{}/{}", port.port, port.protocol)
}

/// What is worst comes first.
fn badness(port: &Port) -> usize {
    const WORST: [&str; 7] =
        ["flooded", "overloaded", "firewalled", "closed", "slow", "healthy", "quiet"];
    WORST.iter().position(|word| *word == port.verdict).unwrap_or(WORST.len())
}

/// A filter for the frames with this key.
fn of_key(by: &str, key: &str) -> Option<String> {
    let of = |direction: &str| {
        let (address, bits) =
            key.split_once('/').map_or((key, None), |(at, bits)| (at, Some(bits)));
        let kind = if bits.is_some() { "net" } else { "host" };
        let _: std::net::IpAddr = address.parse().ok()?;
        Some(format!("{direction} {kind} {key}"))
    };
    match by.split('/').next()? {
        "src" => of("src"),
        "dst" => of("dst"),
        "sport" => Some(format!("src port {key}")),
        "dport" => Some(format!("dst port {key}")),
        "src,dport" => {
            let (address, port) = key.rsplit_once(',')?;
            Some(format!("src host {address} and dst port {port}"))
        }
        "mac" => Some(format!("ether src {key}")),
        "vlan" => Some(format!("vlan {key}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_keys_compile() {
        for (by, key, filter) in [
            ("src", "192.0.2.1", "src host 192.0.2.1"),
            ("src", "2001:db8::1", "src host 2001:db8::1"),
            ("src/24,64", "192.0.2.0/24", "src net 192.0.2.0/24"),
            ("dst/24,64", "2001:db8::/64", "dst net 2001:db8::/64"),
            ("sport", "53", "src port 53"),
            ("dport", "80", "dst port 80"),
            ("src,dport", "192.0.2.1,80", "src host 192.0.2.1 and dst port 80"),
            ("mac", "02:00:00:00:00:01", "ether src 02:00:00:00:00:01"),
            ("vlan", "5", "vlan 5"),
        ] {
            assert_eq!(of_key(by, key).as_deref(), Some(filter));
            let both = both("tcp or udp", filter);
            assert!(
                probe_filter::compile(&both, &probe_filter::Options::default()).is_ok(),
                "{both}"
            );
        }
        assert_eq!(of_key("proto", "6"), None);
        assert_eq!([both("", " tcp "), both("tcp", ""), both("", "")], ["tcp", "tcp", ""]);
    }
}
