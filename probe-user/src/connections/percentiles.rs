//! Times to first byte by path: what `probe http --percentiles` tells at the end.

use std::{collections::HashMap, time::Duration};

use probe_flow::{HttpExchange, histogram::Histogram};
use probe_frame::visible;
use serde::Serialize;

use super::{row::Request, text::short};
use crate::json;

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
    requests: u64,
    first_byte: Histogram,
}

/// A path's line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    path: &'a str,
    requests: u64,
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
    fn quantiles(&self) -> Quantiles {
        let [p50, p90, p99] =
            [0.5, 0.9, 0.99].map(|q| self.first_byte.quantile_ns(q).map(|ns| ns / 1000.0));
        Quantiles { p50, p90, p99, n: self.first_byte.count() }
    }
}

impl Percentiles {
    pub(super) fn add(&mut self, exchange: &HttpExchange) {
        let url = Request::new(exchange).url();
        let path = url.split('?').next().unwrap_or_default();
        let times = if self.paths.len() < MOST || self.paths.contains_key(path) {
            self.paths.entry(path.to_owned()).or_default()
        } else {
            &mut self.others
        };
        times.requests += 1;
        if let Some(time) = exchange.first_byte() {
            times.first_byte.record(time.as_nanos().try_into().unwrap_or(u64::MAX));
        }
    }

    /// The paths, those asked for most first, and all beyond the first thousand together.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: Vec<Line<'_>> = self
            .paths
            .iter()
            .map(|(path, times)| Line {
                path,
                requests: times.requests,
                first_byte_us: times.quantiles(),
            })
            .collect();
        lines.sort_by(|one, other| {
            other.requests.cmp(&one.requests).then_with(|| one.path.cmp(other.path))
        });
        if self.others.requests > 0 {
            lines.push(Line {
                path: "(other paths)",
                requests: self.others.requests,
                first_byte_us: self.others.quantiles(),
            });
        }
        lines
    }

    pub(super) fn text(&self) -> Vec<u8> {
        let mut out = format!("\n{:>8} {:>7} {:>7} {:>7} path\n", "requests", "p50", "p90", "p99");
        for line in self.lines() {
            let Quantiles { p50, p90, p99, .. } = line.first_byte_us;
            let [p50, p90, p99] =
                [p50, p90, p99].map(|us| short(us.map(|us| Duration::from_secs_f64(us / 1e6))));
            out.push_str(&format!(
                "{:>8} {p50:>7} {p90:>7} {p99:>7} {}\n",
                line.requests,
                visible(line.path)
            ));
        }
        out.into_bytes()
    }

    pub(super) fn json(&self) -> Vec<u8> {
        self.lines().iter().flat_map(json::line).collect()
    }
}
