//! Tests of what a scenario file cannot say, by topic.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stderr,
    reason = "the filter's own walls against traps; a test that traps has failed"
)]

#[path = "topics/configuration.rs"]
mod configuration;
#[path = "topics/envoy.rs"]
mod envoy;
#[path = "topics/exchange.rs"]
mod exchange;
#[path = "topics/fixture.rs"]
mod fixture;
mod hosts;
#[path = "topics/papers.rs"]
mod papers;
#[path = "topics/slices.rs"]
mod slices;
#[path = "topics/vm.rs"]
mod vm;
