//! The parties that act on behalf of a token's subject (RFC 8693 §4.1).

use serde_json::Value;

use crate::refusal::Cause;

/// One actor of an `act` chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actor {
    /// `iss`, or the issuer of the token where the actor names none.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

impl Actor {
    /// Reads a whole chain, the current actor first. The depth is bounded by the strict scan of the claims.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for an actor that is no object or has no `sub`: an actor that cannot be named is not
    /// ignored.
    pub fn chain(act: Option<&Value>, issuer: &str) -> Result<Vec<Self>, Cause> {
        let mut actors = Vec::new();
        let mut next = act;
        while let Some(value) = next {
            let members = value.as_object().ok_or(Cause::ClaimInvalid)?;
            let text = |name: &str| match members.get(name) {
                None => Ok(None),
                Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
                Some(_) => Err(Cause::ClaimInvalid),
            };
            let subject = text("sub")?.ok_or(Cause::ClaimInvalid)?;
            actors.push(Self { issuer: text("iss")?.unwrap_or_else(|| issuer.to_owned()), subject });
            next = members.get("act");
        }
        Ok(actors)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_actor_of_a_chain_is_found() {
        let chain = json!({"sub": "a", "act": {"sub": "b", "iss": "other"}});
        let actors = Actor::chain(Some(&chain), "here").unwrap();
        assert_eq!(
            actors.iter().map(|actor| (actor.issuer.as_str(), actor.subject.as_str())).collect::<Vec<_>>(),
            [("here", "a"), ("other", "b")]
        );
    }

    #[test]
    fn an_actor_without_a_name_is_an_error() {
        for chain in [json!("a"), json!({}), json!({"sub": 5}), json!({"sub": "a", "act": []})] {
            assert_eq!(Actor::chain(Some(&chain), "here"), Err(Cause::ClaimInvalid), "{chain}");
        }
    }
}
