//! Requests of HTTP/1, as they are answered.

use jiff::tz::TimeZone;
use probe_flow::{Connection, HttpExchange};

use super::{Format, csv, json, percentiles::Percentiles, text};

/// A request, in one of the forms.
pub(super) fn shown(
    format: Format,
    connection: &Connection,
    exchange: &HttpExchange,
    zone: &TimeZone,
) -> Vec<u8> {
    match format {
        Format::Text => text::request(connection, exchange, zone),
        Format::Json => json::request(connection, exchange),
        Format::Csv => csv::request(connection, exchange),
    }
}

/// What is told at the end. As CSV there is no place for it.
pub(super) fn percentiles(format: Format, percentiles: &Percentiles) -> Vec<u8> {
    match format {
        Format::Text => percentiles.text(),
        Format::Json => percentiles.json(),
        Format::Csv => Vec::new(),
    }
}
