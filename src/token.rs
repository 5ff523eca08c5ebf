//! From a token to a session, one proof after the other.
//!
//! ```text
//! Credential → UntrustedToken → Authentic → Timely → Bound → Session
//!              well-formed,     signed by   now, and  proof   typed claims,
//!              known issuer     its issuer  for us    of key  principal, parents
//! ```
//!
//! Each type has one constructor, and each constructor takes the proof before it, so a check that is forgotten does not
//! compile. A cache of verified tokens has its place beside [`Authentic`]: what it may spare is the signature.

mod actor;
mod chain;
mod claims;
mod notes;
mod provider;
mod session;

pub use actor::Actor;
pub use chain::{Authentic, Bound, Timely, UntrustedToken};
pub(crate) use claims::is_scope_character;
pub use claims::{ClaimPath, ClaimSet};
pub use provider::{ClaimAttribute, ClientRule, ParentRule, PrincipalRule, Provider, Providers, TokenType};
pub use session::{Binding, Session};
