//! See [`cedar_gate_fuzz::headers`].
#![no_main]

use cedar_gate_fuzz::headers::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/headers/closed")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
