//! Scenario files: a configuration, keys, tokens and requests on one side, what a user must see on the other.

mod gateway;

pub use gateway::{
    Body, ConfigurationForm, Gateway, Headers, Host, Observed, Protocol, Received, Request, Start, StartRefused,
};
