//! See [`cedar_gate_fuzz::fetched`].
#![no_main]

use cedar_gate_fuzz::fetched::{Sequence, check};

libfuzzer_sys::fuzz_target!(
    init: assert!(
        check(&Sequence::read(include_bytes!("../seeds/fetched/two_workers"))),
        "nothing gets through, so nothing would be shown"
    ),
    |sequence: Sequence| {
        check(&sequence);
    }
);
