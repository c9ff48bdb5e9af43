//! Times to first byte by path: what `probe http --percentiles` tells at the end.

use std::{collections::HashMap, time::Duration};

use probe_flow::{HttpExchange, histogram::Histogram};
use probe_frame::visible;
use serde::Serialize;

use super::{
    row::Request,
    text::{about, short},
};
use crate::{json, share::Estimate};

/// Paths that are told apart: whoever asks for random ones shall not fill the memory. A path's histogram
/// takes 8 KiB at most.
const MOST: usize = 1000;

/// Times by host and path, without what stands behind a question mark.
#[derive(Debug, Default)]
pub(super) struct Percentiles {
    paths: HashMap<String, Times>,
    others: Times,
}

/// The times of a path.
#[derive(Debug, Default)]
struct Times {
    requests: Estimate,
    first_byte: Histogram,
}

/// A path's line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    path: &'a str,
    requests: u64,
    /// How far that may be from the truth, where one connection in many was followed; else 0.
    margin: u64,
    /// Of those whose response was seen, in microseconds.
    first_byte_us: Quantiles,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    n: u64,
}

impl Times {
    /// A request, and the time to the first byte of its response where that was seen.
    fn add(&mut self, first_byte: Option<Duration>, one_in: u32) {
        self.requests.add(one_in);
        if let Some(time) = first_byte {
            let ns = time.as_nanos().try_into().unwrap_or(u64::MAX);
            self.first_byte.record_many(ns, one_in.into());
        }
    }

    fn line<'a>(&self, path: &'a str) -> Line<'a> {
        let (requests, margin) = (self.requests.sum, self.requests.margin());
        Line { path, requests, margin, first_byte_us: self.quantiles() }
    }

    fn quantiles(&self) -> Quantiles {
        let [p50, p90, p99] =
            [0.5, 0.9, 0.99].map(|q| self.first_byte.quantile_ns(q).map(|ns| ns / 1000.0));
        Quantiles { p50, p90, p99, n: self.first_byte.count() }
    }
}

impl Percentiles {
    /// A request of a connection that stands for `one_in`.
    pub(super) fn add(&mut self, exchange: &HttpExchange, one_in: u32) {
        let url = Request::new(exchange).url();
        let path = url.split('?').next().unwrap_or_default();
        let times = if self.paths.len() < MOST || self.paths.contains_key(path) {
            self.paths.entry(path.to_owned()).or_default()
        } else {
            &mut self.others
        };
        times.add(exchange.first_byte(), one_in);
    }

    /// The paths, those asked for most first, and all beyond the first thousand together.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: Vec<Line<'_>> =
            self.paths.iter().map(|(path, times)| times.line(path)).collect();
        lines.sort_by(|one, other| {
            other.requests.cmp(&one.requests).then_with(|| one.path.cmp(other.path))
        });
        if self.others.requests.sum > 0 {
            lines.push(self.others.line("(other paths)"));
        }
        lines
    }

    pub(super) fn text(&self) -> Vec<u8> {
        let mut out = format!("\n{:>8} {:>7} {:>7} {:>7} path\n", "requests", "p50", "p90", "p99");
        for line in self.lines() {
            let Quantiles { p50, p90, p99, .. } = line.first_byte_us;
            let [p50, p90, p99] =
                [p50, p90, p99].map(|us| short(us.map(|us| Duration::from_secs_f64(us / 1e6))));
            let requests = about(line.requests, line.margin);
            let path = visible(line.path);
            out.push_str(&format!("{requests:>8} {p50:>7} {p90:>7} {p99:>7} {path}\n"));
        }
        out.into_bytes()
    }

    pub(super) fn json(&self) -> Vec<u8> {
        self.lines().iter().flat_map(json::line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(paths: &mut Percentiles, path: &str, ms: u64, one_in: u32) {
        let times = paths.paths.entry(path.to_owned()).or_default();
        times.add(Some(Duration::from_millis(ms)), one_in);
    }

    #[test]
    fn each_request_counts_as_those_that_it_stands_for() {
        let mut paths = Percentiles::default();
        for _ in 0..9 {
            times(&mut paths, "/often", 1, 1);
        }
        // Followed when one connection in 16 was.
        times(&mut paths, "/often", 100, 16);
        times(&mut paths, "/seldom", 1, 1);
        let lines = paths.lines();
        let [often, seldom] = &lines[..] else { panic!("{}", lines.len()) };
        assert_eq!((often.path, often.requests, often.margin), ("/often", 25, 52));
        assert_eq!((seldom.requests, seldom.margin, often.first_byte_us.n), (1, 0, 25));
        let p50 = often.first_byte_us.p50.unwrap();
        assert!((p50 - 100_000.0).abs() < 2_200.0, "most waited for 100 ms: {p50}");
        let text = String::from_utf8(paths.text()).unwrap();
        assert!(text.contains("25 (± 52)") && text.contains(" /seldom"), "{text}");
    }
}
