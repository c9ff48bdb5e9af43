//! What the tests of several crates share. Never a dependency of the product.
//!
//! | file | what it gives |
//! | --- | --- |
//! | `expressions` | filters: a thousand written by hand, and random ones |
//! | `extremes` | filters and frames with numbers at the edges |
//! | `shrink` | the smallest filter or frame that is still wrong |
//! | `classic` | a machine for classic BPF that takes what the kernel takes |
//! | `bpf` | bpf(2): programs and maps of the running kernel |
//! | `fuzz` | what the fuzz targets do with an input |
//!
//! Random frames and graphs are in `probe_filter::testing`, since that crate's own unit tests
//! take them and only that crate makes graphs.

pub mod bpf;
pub mod classic;
pub mod expressions;
pub mod extremes;
pub mod fuzz;
pub mod shrink;
