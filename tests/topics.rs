//! Tests of what a scenario file cannot say, by topic.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stderr,
    reason = "the filter's own walls against traps; a test that traps has failed"
)]

#[path = "topics/calls.rs"]
mod calls;
#[path = "topics/catalogue.rs"]
mod catalogue;
#[path = "topics/configuration.rs"]
mod configuration;
#[path = "topics/derive.rs"]
mod derive;
#[path = "topics/envoy.rs"]
mod envoy;
#[path = "topics/exchange.rs"]
mod exchange;
#[path = "topics/fixture.rs"]
mod fixture;
mod hosts;
#[path = "topics/json_schema.rs"]
mod json_schema;
#[path = "topics/papers.rs"]
mod papers;
#[path = "topics/policies_paper.rs"]
mod policies_paper;
#[path = "topics/secrets.rs"]
mod secrets;
#[path = "topics/slices.rs"]
mod slices;
#[path = "topics/vm.rs"]
mod vm;
#[path = "topics/waiting/mod.rs"]
mod waiting;
#[path = "topics/workers.rs"]
mod workers;
