//! See [`cedar_gate_fuzz::jwks`].
#![no_main]

use cedar_gate_fuzz::jwks::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/jwks/all")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
