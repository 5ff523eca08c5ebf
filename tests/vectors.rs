//! Published test vectors, put to the filter's own code natively and in Wasm: `native::…`, `wasm::…`.
//!
//! One list of cases, two hosts: `crates/probe` answers both as a function and as a module. Every verdict must be the
//! published one; where the filter refuses what was published as valid, the case says why, and is counted. What was
//! counted stands in `vectors/counts.txt`, so that nothing drops out unseen. See `vectors/README.md`.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "the filter's own walls against traps; a test that traps has failed"
)]

#[path = "vectors/case.rs"]
mod case;
#[path = "vectors/cedar.rs"]
mod cedar;
#[path = "vectors/corpora.rs"]
mod corpora;
#[path = "vectors/counts.rs"]
mod counts;
#[path = "vectors/host.rs"]
mod host;
#[path = "vectors/json_suite.rs"]
mod json_suite;
#[path = "vectors/jws.rs"]
mod jws;
#[path = "vectors/rfc.rs"]
mod rfc;
#[path = "vectors/stages.rs"]
mod stages;
#[path = "vectors/wycheproof.rs"]
mod wycheproof;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    for host in host::all() {
        trials.extend(wycheproof::trials(host));
        trials.extend(jws::trials(host));
        trials.extend(rfc::trials(host));
        trials.extend(cedar::trials(host));
        trials.extend(json_suite::trials(host));
        trials.extend(stages::trials(host));
    }
    trials.push(wycheproof::left_out());
    trials.push(counts::complete(&trials));
    corpora::print_absent();
    let conclusion = libtest_mimic::run(&arguments, trials);
    counts::print();
    conclusion.exit();
}
