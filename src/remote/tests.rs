//! Sources in a small world, by themselves and among workers.

mod alone;
mod discovery;
mod sharing;
mod simulation;
mod world;
