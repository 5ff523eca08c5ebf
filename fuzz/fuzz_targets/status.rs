//! See [`cedar_gate_fuzz::status`].
#![no_main]

use cedar_gate_fuzz::status::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/status/list")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
