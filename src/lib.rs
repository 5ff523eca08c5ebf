//! cedar-gate
