//! See [`cedar_gate_fuzz::exchange`].
#![no_main]

use cedar_gate_fuzz::exchange::{Sequence, check};

libfuzzer_sys::fuzz_target!(
    init: assert!(
        check(&Sequence::read(include_bytes!("../seeds/exchange/a_maker_submits"))),
        "nothing gets through, so nothing would be shown"
    ),
    |sequence: Sequence| {
        check(&sequence);
    }
);
