//! See [`cedar_gate_fuzz::path`].
#![no_main]

use cedar_gate_fuzz::path::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/path/query")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
