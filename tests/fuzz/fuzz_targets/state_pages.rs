#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringtrack_tests::fuzz::state_pages(data));
