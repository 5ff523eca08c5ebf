//! Sources in a small world, by themselves and among workers.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod alone;
mod discovery;
mod sharing;
mod simulation;
mod world;
