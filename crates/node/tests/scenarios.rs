//! Plays every scenario file in Node.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]
#![allow(non_snake_case, reason = "`__` separates the folders of a scenario file")]

use std::path::Path;

use cedar_gate_author::Memory;
use cedar_gate_scenario::Scenario;
use cedar_gate_testing::NativeHost;
use wasm_bindgen_test::wasm_bindgen_test;

include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// The host is the one that plays natively: what differs is what it is compiled for.
fn play(path: &str) {
    let files: Memory = FILES.iter().copied().collect();
    let (_, text) = FILES.iter().find(|(name, _)| *name == path).expect("the build script names files that are there");
    let scenario = Scenario::parse(text, Path::new(path), &files).unwrap_or_else(|error| panic!("{path}: {error}"));
    if let Err(report) = scenario.run(&NativeHost) {
        panic!("{report}");
    }
}
