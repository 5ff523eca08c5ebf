//! The scenario format and the forge, from outside.
#![cfg(test)]

mod certificates;
mod expectations;
mod format;
mod keys;
mod proofs;
mod services;
mod signatures;
mod stage;
mod tampering;
mod tokens;
