//! What the fuzz targets do with an input. The fuzzer calls these functions, and so does
//! an ordinary test of probe-filter (tests/fuzz), which includes this file.

pub mod classic;
pub mod expression;
pub mod frame;
mod machine;
