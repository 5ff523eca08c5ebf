//! Tests of what a scenario file cannot say, by topic.
#![cfg(test)]

mod hosts;
