//! The filter without a gateway, for tests of configurations and policies.
//!
//! [`NativeHost`] plays scenario files on the core itself, compiled for whatever machine the test runs on. What it
//! decides is what the filter decides in a gateway, since it is the same code.

mod native;

pub use native::NativeHost;
