//! Placeholder until the first module stands.
