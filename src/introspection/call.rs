//! The call to a provider.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding};
use serde_json::{Map, json};

use super::{ClientAuthentication, Introspection};
use crate::outbox::Call;

/// Seconds for which an assertion is good: it is used at once, and once.
const ASSERTION_LIFETIME: i64 = 60;

impl Introspection {
    /// Asks about a token (RFC 7662 §2.1). `unique` is never the same twice; it names an assertion.
    #[must_use]
    pub fn call(&self, token: &str, unique: &str, now: i64) -> Call {
        let accept = if self.signed { "application/token-introspection+jwt" } else { "application/json" };
        let mut headers = self.endpoint.head("POST");
        headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        headers.push(("accept".to_owned(), accept.to_owned()));
        headers.push(("accept-encoding".to_owned(), "identity".to_owned()));
        let mut form = Form::default();
        form.member("token", token.as_bytes());
        form.member("token_type_hint", b"access_token");
        match &self.authentication {
            ClientAuthentication::Basic(secret) => {
                let pair = format!("{}:{}", encoded(self.client_id.as_bytes()), encoded(secret.reveal()));
                headers.push(("authorization".to_owned(), format!("Basic {}", Base64::encode_string(pair.as_bytes()))));
            }
            ClientAuthentication::Post(secret) => {
                form.member("client_id", self.client_id.as_bytes());
                form.member("client_secret", secret.reveal());
            }
            ClientAuthentication::PrivateKey { key, audience } => {
                let mut claims = Map::new();
                claims.insert("iss".to_owned(), json!(self.client_id));
                claims.insert("sub".to_owned(), json!(self.client_id));
                claims.insert("aud".to_owned(), json!(audience));
                claims.insert("jti".to_owned(), json!(unique));
                claims.insert("iat".to_owned(), json!(now));
                claims.insert("exp".to_owned(), json!(now.saturating_add(ASSERTION_LIFETIME)));
                form.member("client_id", self.client_id.as_bytes());
                form.member("client_assertion_type", b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                form.member("client_assertion", key.sign(&claims).as_bytes());
            }
        }
        Call {
            cluster: self.endpoint.cluster().to_owned(),
            headers,
            body: form.0.into_bytes(),
            timeout_ms: self.timeout_ms,
        }
    }
}

/// A body of the type `application/x-www-form-urlencoded`.
#[derive(Default)]
struct Form(String);

impl Form {
    fn member(&mut self, name: &str, value: &[u8]) {
        let separator = if self.0.is_empty() { "" } else { "&" };
        self.0.push_str(separator);
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&encoded(value));
    }
}

/// A value as a form writes it (RFC 6749 §B).
fn encoded(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => text.push(char::from(*byte)),
            b' ' => text.push('+'),
            // Writing to a string does not fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::introspection::tests::{introspection, with_private_key};
    use crate::jose::{CompactToken, InVm, Judgement, holds, judge};
    use crate::secret::Secret;

    fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
        call.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    fn member(call: &Call, name: &str) -> Option<String> {
        let body = String::from_utf8(call.body.clone()).unwrap();
        let value = body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        value.map(|value| percent_encoding::percent_decode_str(&value).decode_utf8().unwrap().into_owned())
    }

    #[test]
    fn a_token_is_asked_about_in_a_form() {
        let call = introspection().call("a+b/c=&client_id=evil", "1", 1000);
        assert_eq!(call.cluster, "idp");
        assert_eq!(call.timeout_ms, 2000);
        assert_eq!(header(&call, ":method"), Some("POST"));
        assert_eq!(header(&call, ":path"), Some("/introspect"));
        assert_eq!(header(&call, ":authority"), Some("idp.example.com"));
        assert_eq!(header(&call, "content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(header(&call, "accept"), Some("application/json"));
        let body = String::from_utf8(call.body).unwrap();
        assert_eq!(body, "token=a%2Bb%2Fc%3D%26client_id%3Devil&token_type_hint=access_token");
    }

    /// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined, so that a colon in either is no border.
    #[test]
    fn a_client_with_odd_characters_authenticates_by_basic() {
        let mut introspection = introspection();
        introspection.client_id = "a:b c".to_owned();
        introspection.authentication = ClientAuthentication::Basic(Secret::new("p%:\u{e9}".as_bytes().to_vec()));
        let call = introspection.call("t", "1", 1000);
        let value = header(&call, "authorization").unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(Base64::decode_vec(value).unwrap(), b"a%3Ab+c:p%25%3A%C3%A9");
        assert_eq!(member(&call, "client_secret"), None);
    }

    #[test]
    fn a_client_authenticates_by_post() {
        let mut introspection = introspection();
        introspection.authentication = ClientAuthentication::Post(Secret::new(b"s&cret".to_vec()));
        let call = introspection.call("t", "1", 1000);
        assert_eq!(header(&call, "authorization"), None);
        assert_eq!(member(&call, "client_id").as_deref(), Some("gate"));
        assert_eq!(member(&call, "client_secret").as_deref(), Some("s&cret"));
    }

    #[test]
    fn a_client_authenticates_by_an_assertion_that_is_good_for_a_minute() {
        let (introspection, public) = with_private_key();
        let call = introspection.call("t", "unique", 1000);
        assert_eq!(header(&call, "authorization"), None);
        assert_eq!(
            member(&call, "client_assertion_type").as_deref(),
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        );
        let assertion = member(&call, "client_assertion").unwrap();
        let assertion = CompactToken::parse(&assertion, 2).unwrap();
        let Ok(Judgement::Usable(public)) = judge(&public) else { panic!("a public key") };
        assert!(holds(assertion.jws(), crate::jose::Algorithm::Es256, &public, &InVm));
        assert_eq!(
            serde_json::to_value(assertion.claims()).unwrap(),
            json!({
                "iss": "gate", "sub": "gate", "aud": "https://idp.example.com", "jti": "unique", "iat": 1000,
                "exp": 1060
            })
        );
    }

    #[test]
    fn a_signed_answer_is_asked_for_by_its_type() {
        let mut introspection = introspection();
        introspection.signed = true;
        assert_eq!(header(&introspection.call("t", "1", 1), "accept"), Some("application/token-introspection+jwt"));
    }

    #[test]
    fn no_secret_is_printed() {
        let mut introspection = introspection();
        for authentication in
            [|secret| ClientAuthentication::Basic(secret), |secret| ClientAuthentication::Post(secret)]
        {
            introspection.authentication = authentication(Secret::new(b"canary".to_vec()));
            let printed = format!("{introspection:?} {:?}", introspection.call("kitten", "1", 1));
            for secret in ["canary", "kitten", &Base64::encode_string(b"gate:canary")] {
                assert!(!printed.contains(secret), "{printed}");
            }
        }
    }
}
