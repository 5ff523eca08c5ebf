//! What arrives over HTTP, brought into one form or refused.

mod authority;
mod endpoint;
mod head;
mod header_name;
mod media_type;
mod path;
mod preflight;
mod query;

pub use authority::{Authority, MalformedAuthority};
pub use endpoint::Endpoint;
pub use head::{Headers, MalformedHead, RepeatedHeader, RequestHead};
pub use header_name::HeaderName;
pub(crate) use header_name::{fold, is_token_character};
pub use media_type::media_type;
pub use path::{CanonicalPath, MalformedPath};
pub use preflight::preflight;
pub(crate) use query::decode;
pub use query::{MalformedQuery, Query};
