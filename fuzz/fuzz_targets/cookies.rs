//! See [`cedar_gate_fuzz::cookies`].
#![no_main]

use cedar_gate_fuzz::cookies::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/cookies/cookie")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
