//! See [`cedar_gate_fuzz::body`].
#![no_main]

use cedar_gate_fuzz::body::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/body/all")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
