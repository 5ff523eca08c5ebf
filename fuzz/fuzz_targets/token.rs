//! See [`cedar_gate_fuzz::token`].
#![no_main]

use cedar_gate_fuzz::token::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/token/everything")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
