//! Tests of a configuration, written in Rust: see `tests/payments.rs`.
