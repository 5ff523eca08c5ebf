//! What the fuzz targets check. Each has a function `check` that panics where the filter breaks a promise.

pub mod body;
pub mod certificate;
pub mod configuration;
pub mod cookies;
pub mod exchange;
pub mod headers;
pub mod introspection;
pub mod jwks;
pub mod mint;
pub mod path;
pub mod proof;
pub mod status;
pub mod token;
pub mod tree;
