//! The scenario format and the forge, from outside.
#![cfg(test)]

mod expectations;
mod format;
mod signatures;
mod stage;
mod tampering;
mod tokens;
