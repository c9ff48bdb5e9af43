#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drop(probe_fuzz::classic::run(data)));
