//! What a refused sender is told to bring: the challenges of `www-authenticate` (RFC 9110 §11.6.1) in the schemes Bearer
//! (RFC 6750 §3) and DPoP (RFC 9449 §7.1), with what RFC 9470 §3 and RFC 9728 §5.1 add to them.
//!
//! All of it is written by the operator, and judged when the configuration is loaded: no text of a request or a token
//! ever stands in a challenge.

use crate::credential::Scheme;

/// What all challenges of a gateway have in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenges {
    /// What the credentials are for.
    pub realm: String,
    /// Where the metadata of the resource stands.
    pub resource_metadata: Option<String>,
    /// Whether bearer tokens are taken.
    pub bearer: bool,
    /// The algorithms of proofs, separated by spaces, where tokens with proofs of possession are taken.
    pub dpop: Option<String>,
}

/// What one request lacks, besides of what every request needs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Demand {
    /// Scopes, all of them.
    pub scopes: Vec<String>,
    /// Authentication contexts, of which one will do; the preferred one first.
    pub acr_values: Vec<String>,
    /// The most seconds since the user was authenticated.
    pub max_age: Option<u32>,
}

/// What a challenge is given for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Occasion {
    /// Nothing has been shown: every scheme that is taken is offered (401).
    Invitation,
    /// What was shown will not do, and something else would: the error stands in one scheme, the others are offered
    /// beside it (400, 401).
    Error(&'static str),
    /// The same token with a proof of possession would do: an error of the scheme DPoP alone (401).
    Proof(&'static str),
    /// What was shown is good, and does not reach that far: the error in its own scheme (403).
    Limit(&'static str),
}

/// The realm, where none is configured.
pub const REALM: &str = "cedar-gate";

impl Default for Challenges {
    fn default() -> Self {
        Self { realm: REALM.to_owned(), resource_metadata: None, bearer: true, dpop: None }
    }
}

impl Demand {
    /// These scopes.
    #[must_use]
    pub fn of_scopes(scopes: Vec<String>) -> Self {
        Self { scopes, ..Self::default() }
    }

    /// As a challenge says it: names and values.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let list = |name: &'static str, values: &[String]| (!values.is_empty()).then(|| (name, values.join(" ")));
        let age = self.max_age.map(|age| ("max_age", age.to_string()));
        let parameters = [list("scope", &self.scopes), list("acr_values", &self.acr_values), age];
        parameters.into_iter().flatten().collect()
    }
}

impl Challenges {
    /// The same where only some of the schemes are taken. Where none would be left, tokens are asked for as ever: an
    /// answer 401 has a challenge.
    #[must_use]
    pub fn limited(&self, bearer: bool, dpop: bool) -> Self {
        let dpop = self.dpop.clone().filter(|_| dpop);
        Self { bearer: (self.bearer && bearer) || dpop.is_none(), dpop, ..self.clone() }
    }

    /// The challenges for an occasion, each for a header of its own; `shown` is the scheme of the request's credential,
    /// where it had one.
    pub(crate) fn on(&self, occasion: Occasion, shown: Option<Scheme>, demand: &Demand) -> Vec<String> {
        let offered = |scheme: &Scheme| match scheme {
            Scheme::Bearer => self.bearer,
            Scheme::Dpop => self.dpop.is_some(),
        };
        let schemes: Vec<Scheme> = Scheme::ALL.into_iter().filter(offered).collect();
        let used = shown.filter(|shown| schemes.contains(shown)).or(schemes.first().copied());
        let (error, at, alone) = match occasion {
            Occasion::Invitation => (None, None, false),
            Occasion::Error(error) => (Some(error), used, false),
            Occasion::Proof(error) => (Some(error), Some(Scheme::Dpop).filter(offered).or(used), true),
            Occasion::Limit(error) => (Some(error), used, true),
        };
        let chosen = schemes.into_iter().filter(|scheme| !alone || Some(*scheme) == at);
        chosen.map(|scheme| self.one(scheme, error.filter(|_| Some(scheme) == at), demand)).collect()
    }

    fn one(&self, scheme: Scheme, error: Option<&str>, demand: &Demand) -> String {
        let mut text = format!("{} realm=\"{}\"", scheme.name(), self.realm);
        let mut parameter = |name: &str, value: &str| text.push_str(&format!(", {name}=\"{value}\""));
        if let Some(algorithms) = self.dpop.as_deref().filter(|_| scheme == Scheme::Dpop) {
            parameter("algs", algorithms);
        }
        if let Some(error) = error {
            parameter("error", error);
            demand.parameters().iter().for_each(|(name, value)| parameter(name, value));
        }
        if let Some(url) = &self.resource_metadata {
            parameter("resource_metadata", url);
        }
        text
    }
}

/// Whether a text may stand in a challenge: RFC 6750 §3 allows `%x20-21 / %x23-5B / %x5D-7E`.
#[must_use]
pub fn may_stand_in_a_challenge(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> Challenges {
        Challenges { dpop: Some("ES256 EdDSA".to_owned()), ..Challenges::default() }
    }

    fn texts(challenges: &Challenges, occasion: Occasion, shown: Option<Scheme>) -> Vec<String> {
        challenges.on(occasion, shown, &Demand::default())
    }

    #[test]
    fn every_scheme_that_is_taken_is_offered() {
        assert_eq!(texts(&Challenges::default(), Occasion::Invitation, None), [r#"Bearer realm="cedar-gate""#]);
        let algs = r#"DPoP realm="cedar-gate", algs="ES256 EdDSA""#;
        assert_eq!(texts(&both(), Occasion::Invitation, None), [r#"Bearer realm="cedar-gate""#, algs]);
        assert_eq!(texts(&both().limited(false, true), Occasion::Invitation, None), [algs]);
        assert_eq!(texts(&both().limited(false, false), Occasion::Invitation, None), [r#"Bearer realm="cedar-gate""#]);
    }

    #[test]
    fn an_error_stands_in_the_scheme_that_was_used() {
        let invalid = Occasion::Error("invalid_token");
        assert_eq!(
            texts(&both(), invalid, Some(Scheme::Bearer)),
            [r#"Bearer realm="cedar-gate", error="invalid_token""#, r#"DPoP realm="cedar-gate", algs="ES256 EdDSA""#]
        );
        let in_dpop = r#"DPoP realm="cedar-gate", algs="ES256 EdDSA", error="invalid_token""#;
        assert_eq!(texts(&both(), invalid, Some(Scheme::Dpop)), [r#"Bearer realm="cedar-gate""#, in_dpop]);
        assert_eq!(texts(&both().limited(false, true), invalid, Some(Scheme::Bearer)), [in_dpop]);
    }

    #[test]
    fn a_proof_is_a_matter_of_dpop_alone() {
        let proof = r#"DPoP realm="cedar-gate", algs="ES256 EdDSA", error="use_dpop_nonce""#;
        assert_eq!(texts(&both(), Occasion::Proof("use_dpop_nonce"), Some(Scheme::Dpop)), [proof]);
    }

    #[test]
    fn who_may_not_is_not_offered_another_scheme() {
        let demand = Demand::of_scopes(vec!["a".into(), "b".into()]);
        let limit = Occasion::Limit("insufficient_scope");
        assert_eq!(
            both().on(limit, Some(Scheme::Bearer), &demand),
            [r#"Bearer realm="cedar-gate", error="insufficient_scope", scope="a b""#]
        );
    }

    #[test]
    fn a_step_up_says_what_would_do() {
        let demand = Demand { acr_values: vec!["phr".into(), "mfa".into()], max_age: Some(0), ..Demand::default() };
        let url = "https://api.example.com/.well-known/oauth-protected-resource";
        let challenges = Challenges { resource_metadata: Some(url.to_owned()), ..Challenges::default() };
        assert_eq!(
            challenges.on(Occasion::Error("insufficient_user_authentication"), Some(Scheme::Bearer), &demand),
            [format!(
                r#"Bearer realm="cedar-gate", error="insufficient_user_authentication", acr_values="phr mfa", max_age="0", resource_metadata="{url}""#
            )]
        );
    }

    #[test]
    fn quotes_backslashes_and_controls_stay_outside() {
        assert!(may_stand_in_a_challenge("a b!#[]~"));
        for text in ["\"", "\\", "\t", "\r\n", "\u{7f}", "é"] {
            assert!(!may_stand_in_a_challenge(text), "{text:?}");
        }
    }
}
