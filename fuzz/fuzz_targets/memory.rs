//! See [`cedar_gate_fuzz::memory`].
#![no_main]

use cedar_gate_fuzz::memory::{Sequence, check};

libfuzzer_sys::fuzz_target!(
    init: assert!(
        check(&Sequence::read(include_bytes!("../seeds/memory/once"))),
        "nothing gets through, so nothing would be shown"
    ),
    |sequence: Sequence| {
        check(&sequence);
    }
);
