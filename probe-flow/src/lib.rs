//! Connections: what frames and their times say about who spoke with whom, how it went and how long
//! it took.
//!
//! Pure: no I/O and no clock. Frames and their times come in, events go out.

#![forbid(unsafe_code)]

pub mod histogram;
