//! See [`cedar_gate_fuzz::introspection`].
#![no_main]

use cedar_gate_fuzz::introspection::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/introspection/active")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
