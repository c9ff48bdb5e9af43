//! Records of several rings in the order of their time.

/// How long a record may take from its time stamp to its place in the ring, in
/// nanoseconds. Younger records wait for the next look, so that an older one of
/// another CPU still comes before them.
pub(super) const IN_FLIGHT_NS: u64 = 100_000;

/// A ring, whose records are in the order of their time.
pub(super) trait Timed {
    /// The time of the next record, `CLOCK_MONOTONIC` nanoseconds.
    fn next_time(&self) -> Option<u64>;
}

/// The ring that has the earliest record, if one is not younger than the horizon, and up to which
/// time it stays the earliest. Of two records with the same time that of the first ring comes first.
pub(super) fn earliest(rings: &[impl Timed], horizon: u64) -> Option<(usize, u64)> {
    let mut first: Option<(usize, u64)> = None;
    let mut limit = horizon;
    for (index, ring) in rings.iter().enumerate() {
        let Some(time) = ring.next_time().filter(|&time| time <= horizon) else {
            continue;
        };
        match first {
            Some((_, earliest)) if time >= earliest => limit = limit.min(time),
            _ => {
                limit = first.map_or(limit, |(_, second)| limit.min(second));
                first = Some((index, time));
            }
        }
    }
    first.map(|(index, _)| (index, limit))
}
