//! From a token to a session, one proof after the other.
//!
//! ```text
//! Credential → UntrustedToken → Authentic → Timely → Unrevoked → Bound → Session
//!              well-formed,     signed by   now, and  not       proof   typed claims,
//!              known issuer     its issuer  for us    withdrawn of key  principal, parents
//! ```
//!
//! Each type has one constructor, and each constructor takes the proof before it, so a check that is forgotten does not
//! compile. A cache of verified tokens stands beside [`Authentic`]: it spares the signature and the reading of claims, and
//! nothing else.

mod actor;
mod cache;
mod chain;
mod claims;
mod notes;
mod provider;
mod session;

pub use actor::{Actor, Delegate};
pub use cache::{CacheBounds, TokenCache, TokenDigest};
pub use chain::{Admission, Authentic, Bound, Candidate, Standing, Timely, Unrevoked, UntrustedToken, Vouched};
pub(crate) use claims::is_scope_character;
pub use claims::{ClaimPath, ClaimSet};
pub use provider::{
    ClaimAttribute, ClientRule, ParentRule, PrincipalRule, Provider, ProviderKeys, Providers, TokenType,
};
pub use session::{Binding, Identity, Recorded, Session};
