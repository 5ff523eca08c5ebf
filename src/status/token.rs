//! Status list tokens: a list, and its issuer's word that it is this one (draft-ietf-oauth-status-list-21 §5.1).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::StatusList;
use crate::jose::{Algorithm, CompactToken, InVm, KeySet, holds};
use crate::remote::{Fit, Reader, Unfit};
use crate::token::{ClaimSet, TokenType};

/// What a status list token is held against.
#[derive(Clone)]
pub struct StatusListTerms {
    /// Where it was fetched: what it must call itself.
    pub uri: String,
    /// What the provider may sign with.
    pub algorithms: Vec<Algorithm>,
    /// The provider's keys.
    pub keys: Rc<SharedKeys>,
    /// How far the clocks may differ, in seconds.
    pub clock_skew: i64,
}

/// The keys of a provider, for readers of what it has signed.
#[derive(Debug, Default)]
pub struct SharedKeys {
    keys: RefCell<Option<Rc<KeySet>>>,
    /// A `kid` that was looked for in vain.
    missed: RefCell<Option<String>>,
}

/// Levels of arrays and objects in the claims.
const CLAIMS_DEPTH: usize = 8;

/// The type (§5.1), without `application/`.
const TYPE: &str = "statuslist+jwt";

impl SharedKeys {
    /// These are the keys from now on.
    pub fn set(&self, keys: Option<Rc<KeySet>>) {
        *self.keys.borrow_mut() = keys;
    }

    /// A `kid` that a list named and the keys lack; once. A newer set of keys may have it.
    pub fn take_missed(&self) -> Option<String> {
        self.missed.take()
    }
}

impl StatusListTerms {
    /// Reads status list tokens on these terms.
    #[must_use]
    pub fn into_reader(self) -> Reader<StatusList> {
        Box::new(move |document, now| self.read(document, now))
    }

    /// Reads a status list token; `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`Unfit`]: malformed, not signed by the provider, about another list, or not of this time.
    pub fn read(&self, document: &[u8], now: i64) -> Result<Fit<StatusList>, Unfit> {
        let unfit = |reason: &str| Unfit(reason.to_owned());
        let text = std::str::from_utf8(document).map_err(|_| unfit("it is not a compact JWS"))?;
        let token =
            CompactToken::parse(text, CLAIMS_DEPTH).map_err(|_| unfit("it is not a compact JWS to be accepted"))?;
        self.verify(&token)?;
        let claims = ClaimSet::new(token.into_claims());
        if claims.get("sub").and_then(Value::as_str) != Some(&self.uri) {
            return Err(unfit("its `sub` is not the place where it was fetched"));
        }
        let time = |name: &str| claims.time(name).map_err(|_| Unfit(format!("its `{name}` is not a time")));
        let latest = now.saturating_add(self.clock_skew);
        let issued_at = time("iat")?.ok_or_else(|| unfit("it has no `iat`"))?;
        if issued_at > latest || time("nbf")?.is_some_and(|from| from > latest) {
            return Err(unfit("it is from the future"));
        }
        let good_until = time("exp")?.map(|until| until.saturating_add(self.clock_skew));
        if good_until.is_some_and(|until| until <= now) {
            return Err(unfit("it has expired"));
        }
        let fresh_for = match claims.get("ttl").map(Value::as_u64) {
            None => None,
            Some(Some(seconds)) if seconds > 0 => Some(Duration::from_secs(seconds)),
            Some(_) => return Err(unfit("its `ttl` is not a positive number of seconds")),
        };
        let list = claims.get("status_list").and_then(Value::as_object);
        let document = StatusList::read(list.ok_or_else(|| unfit("it has no object `status_list`"))?)?;
        Ok(Fit { document, fresh_for, good_until, remarks: Vec::new() })
    }

    fn verify(&self, token: &CompactToken<'_>) -> Result<(), Unfit> {
        let header = token.header();
        // Nothing else that the provider signs is a list (RFC 8725 §3.11).
        if TokenType::of_header(header.token_type.as_deref()) != TokenType::Named(TYPE.to_owned()) {
            return Err(Unfit(format!("its `typ` is not `{TYPE}`")));
        }
        let algorithm = Algorithm::of_name(&header.algorithm).filter(|one| self.algorithms.contains(one));
        let algorithm = algorithm.ok_or_else(|| Unfit("its `alg` is not in `algorithms`".to_owned()))?;
        let keys = self.keys.keys.borrow();
        let keys = keys.as_deref().ok_or_else(|| Unfit("there are no keys to verify it with yet".to_owned()))?;
        let mut candidates = keys.candidates(header.key_id.as_deref(), algorithm).peekable();
        if candidates.peek().is_none() {
            self.keys.missed.replace(header.key_id.clone());
            return Err(Unfit("no key of the issuer fits it".to_owned()));
        }
        // Once for each list and its time: no need for a host's cryptography.
        if candidates.any(|key| holds(token.jws(), algorithm, key, &InVm)) {
            Ok(())
        } else {
            Err(Unfit("its signature does not hold".to_owned()))
        }
    }
}
