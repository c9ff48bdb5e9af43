//! What the fuzz targets do with an input, a file a target. The fuzzer calls these functions
//! (`fuzz/fuzz_targets`), and so do ordinary tests, over seeds and random changes to them.

pub mod classic;
pub mod expression;
pub mod file;
pub mod frame;
pub mod print;
