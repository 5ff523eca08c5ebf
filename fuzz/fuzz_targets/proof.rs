//! See [`cedar_gate_fuzz::proof`].
#![no_main]

use cedar_gate_fuzz::proof::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/proof/proof")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
