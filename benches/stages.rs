//! The stages of a request, timed natively.
//!
//! They are those of `crates/probe`, which also runs as a module in a VM: `tools/stages.mjs` times them there and sets
//! both beside each other.

#![cfg(test)]

use std::time::{Duration, Instant};

use cedar_gate_probe::ask;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use serde_json::{Value, json};

criterion_group!(benches, stages);
criterion_main!(benches);

fn stages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stages");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(30);
    // Some stages take a millisecond and some a few nanoseconds.
    group.sampling_mode(SamplingMode::Flat);
    for stage in names() {
        // Makes what all repetitions share.
        repeat(&stage, 0);
        group.bench_function(&stage, |bencher| {
            bencher.iter_custom(|times| repeat(&stage, times));
        });
    }
    group.finish();
}

fn names() -> Vec<String> {
    let names = answer(&json!({ "stages": true }));
    serde_json::from_value(names).expect("a list of names")
}

/// How long so many repetitions take.
fn repeat(stage: &str, times: u64) -> Duration {
    let message = json!({ "stage": stage, "times": times });
    #[expect(clippy::disallowed_methods, reason = "whoever measures has a clock; the core has none")]
    let before = Instant::now();
    answer(&message);
    before.elapsed()
}

fn answer(message: &Value) -> Value {
    let answer: Value = serde_json::from_slice(&ask(message.to_string().as_bytes())).expect("an answer is JSON");
    match answer.get("error") {
        Some(error) => panic!("{message}: {error}"),
        None => answer["answer"].clone(),
    }
}
