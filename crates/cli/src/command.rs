//! The commands, one module for each.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod test;
pub(crate) mod token;
