//! See [`cedar_gate_fuzz::configuration`].
#![no_main]

use cedar_gate_fuzz::configuration::check;

libfuzzer_sys::fuzz_target!(
    init: assert!(check(include_bytes!("../seeds/configuration/the_smallest_configuration_works")), "nothing gets through, so nothing would be shown"),
    |data: &[u8]| {
        check(data);
    }
);
