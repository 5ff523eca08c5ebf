//! See [`cedar_gate_fuzz::published`].
#![no_main]

use cedar_gate_fuzz::published::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/published/keys")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
