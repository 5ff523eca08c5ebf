//! The parties that act on behalf of a token's subject, or may (RFC 8693 §4.1 and §4.4).

use serde_json::{Map, Value};

use crate::refusal::Cause;

/// One actor of an `act` chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actor {
    /// `iss`, or the issuer of the token where the actor names none.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `client_id`.
    pub client: Option<String>,
}

/// Whom the token allows to become an actor: `may_act`. It is known by whatever the claim says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delegate {
    /// `iss`, or the issuer of the token where the claim names none.
    pub issuer: String,
    /// `sub`.
    pub subject: Option<String>,
    /// `client_id`.
    pub client: Option<String>,
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
            let Delegate { issuer, subject, client } = Delegate::of(members, issuer)?;
            actors.push(Self { issuer, subject: subject.ok_or(Cause::ClaimInvalid)?, client });
            next = members.get("act");
        }
        Ok(actors)
    }
}

impl Delegate {
    /// Reads `may_act`.
    ///
    /// # Errors
    ///
    /// [`Cause::ClaimInvalid`] for one that is no object, or has a member of the wrong type.
    pub fn read(may_act: Option<&Value>, issuer: &str) -> Result<Option<Self>, Cause> {
        let members = |value: &Value| Self::of(value.as_object().ok_or(Cause::ClaimInvalid)?, issuer);
        may_act.map(members).transpose()
    }

    fn of(members: &Map<String, Value>, issuer: &str) -> Result<Self, Cause> {
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(Cause::ClaimInvalid),
        };
        let issuer = text("iss")?.unwrap_or_else(|| issuer.to_owned());
        Ok(Self { issuer, subject: text("sub")?, client: text("client_id")? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_actor_of_a_chain_is_found() {
        let chain = json!({"sub": "a", "client_id": "web", "act": {"sub": "b", "iss": "other"}});
        let actors = Actor::chain(Some(&chain), "here").unwrap();
        assert_eq!(
            actors
                .iter()
                .map(|actor| (actor.issuer.as_str(), actor.subject.as_str(), actor.client.as_deref()))
                .collect::<Vec<_>>(),
            [("here", "a", Some("web")), ("other", "b", None)]
        );
    }

    #[test]
    fn an_actor_without_a_name_is_an_error() {
        for chain in [
            json!("a"),
            json!({}),
            json!({"client_id": "web"}),
            json!({"sub": 5}),
            json!({"sub": "a", "client_id": 5}),
            json!({"sub": "a", "act": []}),
        ] {
            assert_eq!(Actor::chain(Some(&chain), "here"), Err(Cause::ClaimInvalid), "{chain}");
        }
    }

    #[test]
    fn who_may_act_is_known_by_what_is_said() {
        assert_eq!(Delegate::read(None, "here"), Ok(None));
        let read = |value: Value| Delegate::read(Some(&value), "here");
        let delegate = |issuer: &str, subject: Option<&str>, client: Option<&str>| {
            let [subject, client] = [subject, client].map(|text| text.map(str::to_owned));
            Ok(Some(Delegate { issuer: issuer.to_owned(), subject, client }))
        };
        assert_eq!(read(json!({"sub": "a"})), delegate("here", Some("a"), None));
        assert_eq!(read(json!({"client_id": "web", "iss": "other"})), delegate("other", None, Some("web")));
        for value in [json!(null), json!("a"), json!([{"sub": "a"}]), json!({"sub": ["a"]}), json!({"iss": ""})] {
            assert_eq!(read(value.clone()), Err(Cause::ClaimInvalid), "{value}");
        }
    }
}
