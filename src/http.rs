//! What arrives over HTTP, brought into one form or refused.

mod authority;
mod head;
mod header_name;
mod path;
mod query;

pub use authority::{Authority, MalformedAuthority};
pub use head::{Headers, MalformedHead, RepeatedHeader, RequestHead};
pub use header_name::HeaderName;
pub(crate) use header_name::{fold, is_token_character};
pub use path::{CanonicalPath, MalformedPath};
pub use query::{MalformedQuery, Query};
