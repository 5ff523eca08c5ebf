//! The host against small filters written in WAT.

#![cfg(test)]

mod calls;
mod filter;
mod gateway;
mod library;
mod replies;
mod shared_data;
mod signatures;
mod streams;
mod traps;
mod workers;
