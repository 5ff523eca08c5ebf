//! See [`cedar_gate_fuzz::certificate`].
#![no_main]

use cedar_gate_fuzz::certificate::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/certificate/envoy")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
