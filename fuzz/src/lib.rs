//! What the fuzz targets check. Each has a function `check` that panics where the filter breaks a promise.

pub mod body;
pub mod configuration;
pub mod exchange;
pub mod headers;
pub mod jwks;
pub mod mint;
pub mod path;
pub mod token;
pub mod tree;
