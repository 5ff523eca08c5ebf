//! The scenario format and the forge, from outside.
#![cfg(test)]

mod expectations;
mod format;
mod keys;
mod signatures;
mod stage;
mod tampering;
mod tokens;
