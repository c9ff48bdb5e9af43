//! What parts that followed one another have counted, as if they were one: no counter steps back when
//! a part makes room for another.

use std::{cmp::Reverse, collections::BTreeMap};

use super::Report;
use crate::health::{Counts, Followed, Port, Service, Settings, Since};

/// What parts had counted that are over.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Earlier {
    ports: BTreeMap<Service, (Counts, Since)>,
    lost: u64,
    refused: u64,
    cpu_seconds: f64,
}

impl Earlier {
    /// Adds the last report of one. What was not settled by then never is.
    pub(super) fn add(&mut self, report: &Report) {
        for port in &report.ports {
            let (counts, times) = self.ports.entry(port.service).or_default();
            *counts = port.settled.after(counts);
            times.merge(&port.times);
        }
        self.lost += report.followed.lost;
        self.refused += report.followed.refused;
        self.cpu_seconds += report.cpu_seconds;
    }

    /// Forgets ports that are not watched any more.
    pub(super) fn keep(&mut self, settings: &Settings) {
        let services = &settings.services;
        self.ports.retain(|service, _| services.is_empty() || services.contains(service));
    }

    /// All of it with the newest report of the part that goes on, if there is one. Each port that was
    /// asked for is there.
    pub(super) fn with(&self, settings: &Settings, newest: Option<&Report>) -> Report {
        let none = Report::default();
        let newest = newest.unwrap_or(&none);
        let found = settings.services.is_empty();
        let services: Vec<Service> = if found {
            let new = newest.ports.iter().map(|port| port.service);
            let gone = self.ports.keys().copied().filter(|it| newest.port(*it).is_none());
            new.chain(gone).collect()
        } else {
            settings.services.clone()
        };
        let mut ports: Vec<Port> = (services.into_iter())
            .map(|service| {
                let mut port =
                    newest.port(service).cloned().unwrap_or_else(|| Port::unseen(service));
                if let Some((counts, times)) = self.ports.get(&service) {
                    port.counts = port.counts.after(counts);
                    port.settled = port.settled.after(counts);
                    port.times.merge(times);
                }
                port
            })
            .collect();
        if found {
            ports.sort_by_key(|port| Reverse(port.counts.connections));
            ports.truncate(settings.most);
        }
        let Followed { one_in, now, lost, refused } = newest.followed;
        let (lost, refused) = (lost + self.lost, refused + self.refused);
        let followed = Followed { one_in, now, lost, refused };
        let cpu_seconds = newest.cpu_seconds + self.cpu_seconds;
        Report { ports, followed, cpu_seconds, ring: newest.ring }
    }
}

impl Report {
    fn port(&self, service: Service) -> Option<&Port> {
        self.ports.iter().find(|port| port.service == service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Fill;

    fn service(text: &str) -> Service {
        text.parse().unwrap()
    }

    /// A port where so many connections were completed, and others got no answer; of those some may
    /// yet get one.
    fn port(name: &str, completed: u64, unanswered: u64, waiting: u64) -> Port {
        let connections = completed + unanswered + waiting;
        let settled = Counts { connections, completed, unanswered, ..Counts::default() };
        let counts = Counts { unanswered: unanswered + waiting, half_open: 9, ..settled };
        Port { counts, settled, ..Port::unseen(service(name)) }
    }

    fn report(ports: Vec<Port>, lost: u64) -> Report {
        let followed = Followed { lost, ..Followed::default() };
        Report { ports, followed, cpu_seconds: 0.5, ring: Fill { used: lost, size: 9 } }
    }

    fn watched(names: &[&str]) -> Settings {
        Settings { services: names.iter().map(|it| service(it)).collect(), ..Settings::default() }
    }

    #[test]
    fn counters_go_on_where_the_part_before_had_them() {
        let settings = watched(&["80", "443"]);
        let mut earlier = Earlier::default();
        earlier.add(&report(vec![port("80", 5, 1, 2)], 3));
        // Before the next one has said anything.
        let sum = earlier.with(&settings, None);
        let counts: Vec<Counts> = sum.ports.iter().map(|port| port.settled).collect();
        assert_eq!(counts, [port("80", 5, 1, 2).settled, Counts::default()]);
        assert_eq!((sum.ports[0].counts.unanswered, sum.ports[0].counts.half_open), (1, 0));
        let sum = earlier.with(&settings, Some(&report(vec![port("80", 10, 0, 1)], 4)));
        let counts = sum.ports[0].counts;
        assert_eq!((counts.completed, counts.unanswered, counts.half_open), (15, 2, 9));
        assert_eq!(sum.ports[0].settled.connections, 19);
        assert_eq!((sum.followed.lost, sum.cpu_seconds), (7, 1.0));
        // That of the part that goes on.
        assert_eq!(sum.ring, Fill { used: 4, size: 9 });
    }

    #[test]
    fn ports_that_are_not_watched_any_more_begin_anew() {
        let mut earlier = Earlier::default();
        earlier.add(&report(vec![port("80", 5, 0, 0), port("53/udp", 6, 0, 0)], 0));
        earlier.keep(&watched(&["53/udp"]));
        let sum = earlier.with(&watched(&["80", "53/udp"]), None);
        let completed: Vec<u64> = sum.ports.iter().map(|port| port.settled.completed).collect();
        assert_eq!(completed, [0, 6]);
    }

    #[test]
    fn of_those_that_are_found_the_busiest_come_first() {
        let settings = Settings { most: 2, ..Settings::default() };
        let mut earlier = Earlier::default();
        earlier.add(&report(vec![port("80", 5, 0, 0), port("22", 7, 0, 0)], 0));
        earlier.keep(&settings);
        let newest = report(vec![port("443", 6, 0, 0), port("80", 3, 0, 0)], 0);
        let sum = earlier.with(&settings, Some(&newest));
        let found: Vec<_> =
            sum.ports.iter().map(|port| (port.service.port, port.counts.completed)).collect();
        assert_eq!(found, [(80, 8), (22, 7)]);
    }
}
