#![no_main]

#[path = "../src/print.rs"]
mod print;

libfuzzer_sys::fuzz_target!(|data: &[u8]| print::run(data));
