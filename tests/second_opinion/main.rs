//! Generated access tokens, put to the filter and to [jose](https://github.com/panva/jose), which is written by other
//! people in another language over another library of cryptography.
//!
//! Both are told the same about the issuer. Where they differ about a token, one of the named [rules](rule) must explain
//! it; a difference that none explains fails, and so does a rule that explains nothing. `make opinion` does the same with
//! more tokens and another seed each time.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "the filter's own walls against traps; a test that traps has failed"
)]

mod change;
mod dice;
mod issuer;
mod jose;
mod loose;
mod ours;
mod recipe;
mod rule;
mod run;
mod verdict;

/// How many tokens `cargo test` makes; another number can be given by `CEDAR_GATE_OPINION_TOKENS`.
const TOKENS: usize = 2_000;
/// The seed of `cargo test`; another one can be given by `CEDAR_GATE_OPINION_SEED`.
const SEED: u64 = 2;

#[test]
fn jose_differs_for_named_reasons_only() {
    if !jose::is_there() {
        eprintln!("left out: jose is not in tools/node_modules");
        return;
    }
    let (tokens, seed) = (given("CEDAR_GATE_OPINION_TOKENS", TOKENS), given("CEDAR_GATE_OPINION_SEED", SEED));
    println!("{tokens} tokens from the seed {seed}");
    let tally = run::run(seed, tokens);
    println!("{}", tally.report());
    let faults = tally.faults();
    assert!(
        faults.is_empty(),
        "seed {seed}: {} faults, the first of which are\n{}",
        faults.len(),
        faults[..faults.len().min(20)].join("\n")
    );
}

fn given<T: std::str::FromStr>(name: &str, default: T) -> T {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}
