//! What the fuzz targets check. Each has a function `check` that panics where the filter breaks a promise.

pub mod body;
pub mod certificate;
pub mod configuration;
pub mod cookies;
pub mod exchange;
pub mod fetched;
pub mod headers;
pub mod introspection;
pub mod jwks;
pub mod memory;
pub mod mint;
pub mod path;
pub mod proof;
pub mod published;
pub mod status;
pub mod token;
pub mod tree;
