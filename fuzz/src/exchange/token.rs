//! Tokens, by their description.

use arbitrary::Arbitrary;
use serde_json::{Map, Value, json};

use crate::mint::{NOW, SigningKey};

/// How a token is made. The first variant of each choice is the honest one.
#[derive(Arbitrary, Clone, Debug)]
pub(super) struct Token {
    pub(super) issuer: Issuer,
    pub(super) signer: Signer,
    pub(super) algorithm: NamedAlgorithm,
    pub(super) key_id: KeyId,
    pub(super) kind: Kind,
    pub(super) header: HeaderExtra,
    pub(super) audience: Audience,
    pub(super) subject: Subject,
    pub(super) client: Client,
    pub(super) roles: Roles,
    pub(super) scopes: Scopes,
    /// Seconds between the issue and now, less five.
    pub(super) age: i16,
    /// Seconds from the issue to the expiry, above five minutes.
    pub(super) lifetime: i16,
    /// Seconds from now to the time from which the token is valid, where it says so.
    pub(super) not_before: Option<i8>,
    pub(super) actors: Actors,
    pub(super) department: Department,
    pub(super) is_bound: bool,
    pub(super) spoilt: Spoilt,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Issuer {
    Corp,
    Partner,
    Nobody,
    Absent,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signer {
    CorpSecret,
    CorpEd25519,
    PartnerEd25519,
    Stranger,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NamedAlgorithm {
    OfTheKey,
    Hs256,
    EdDsa,
    Es256,
    None,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeyId {
    OfTheKey,
    Absent,
    Unknown,
    Number,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    AccessToken,
    MediaType,
    OtherCase,
    Jwt,
    Absent,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HeaderExtra {
    Nothing,
    Key,
    Critical,
    Unencoded,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    Ours,
    OursAmongOthers,
    Others,
    Number,
    Absent,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    Mona,
    Quoted,
    LikeTheClient,
    Empty,
    Number,
    Absent,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Client {
    Web,
    Number,
    Null,
    Absent,
}

/// One bit for each role that is named, and what may be wrong with the list.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Roles {
    pub(super) bits: u8,
    pub(super) form: RolesForm,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RolesForm {
    List,
    Absent,
    Text,
    WithANumber,
}

/// One bit for each of four scopes that is left out, and how they are written. The other bits say how the user was
/// authenticated.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Scopes {
    pub(super) without: u8,
    pub(super) form: ScopesForm,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ScopesForm {
    Scope,
    ScpList,
    ScpText,
    ScopeList,
    Tabs,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Actors {
    None,
    One,
    Two,
    Nameless,
    Text,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Department {
    Absent,
    Text,
    Number,
}

/// By what the user was authenticated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Acr {
    Absent,
    Mfa,
    Password,
    Number,
}

/// What is done to the token after it has been signed.
#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spoilt {
    No,
    SignatureBit,
    NoSignature,
    Padded,
    OneMorePart,
    ClaimsReplaced,
}

/// Role names by their bits: 1, 2, 4, …
pub(super) const ROLES: [&str; 7] =
    ["maker", "checker", "treasurer", "auditor", "head-of-payments", "payments-staff", "root"];

/// Scopes by their bits.
pub(super) const SCOPES: [&str; 4] = ["payments:read", "payments:submit", "payments:approve", "payments:release"];

impl Roles {
    /// What the list says.
    pub(super) fn names(self) -> Vec<&'static str> {
        named(&ROLES, self.bits)
    }
}

impl Scopes {
    pub(super) fn names(self) -> Vec<&'static str> {
        named(&SCOPES, !self.without)
    }
}

fn named(names: &[&'static str], bits: u8) -> Vec<&'static str> {
    names.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, name)| *name).collect()
}

impl Subject {
    /// The text, where it is one.
    pub(super) fn text(self) -> Option<&'static str> {
        match self {
            Self::Mona => Some("mona"),
            Self::Quoted => Some("a\"::Role::\"root, é"),
            Self::LikeTheClient => Some("web"),
            Self::Empty => Some(""),
            Self::Number | Self::Absent => None,
        }
    }
}

impl Token {
    /// Seconds since the Unix epoch: `iat`, `exp` and `nbf`.
    pub(super) fn times(&self) -> (i64, i64, Option<i64>) {
        let issued = NOW - 5 - i64::from(self.age);
        (issued, issued + 300 + i64::from(self.lifetime), self.not_before.map(|from| NOW + i64::from(from)))
    }

    /// `acr`.
    pub(super) fn acr(&self) -> Acr {
        match self.scopes.without >> 4 & 3 {
            0 => Acr::Absent,
            1 => Acr::Mfa,
            2 => Acr::Password,
            _ => Acr::Number,
        }
    }

    /// `auth_time`, in seconds since the Unix epoch: with the issue, just long enough ago for the policies, or after the
    /// token was issued.
    pub(super) fn authenticated(&self) -> Option<i64> {
        let (issued, _, _) = self.times();
        match self.scopes.without >> 6 {
            0 => None,
            1 => Some(issued),
            2 => Some(NOW - 300),
            _ => Some(issued + 31),
        }
    }

    fn key(&self) -> SigningKey {
        match self.signer {
            Signer::CorpSecret => SigningKey::CorpSecret,
            Signer::CorpEd25519 => SigningKey::CorpEd25519,
            Signer::PartnerEd25519 => SigningKey::PartnerEd25519,
            Signer::Stranger => SigningKey::StrangerEd25519,
        }
    }

    /// The token as it is sent.
    pub(super) fn written(&self) -> String {
        let (header, claims) = (self.header(), Value::Object(self.claims()));
        let token = self.key().sign(header.to_string().as_bytes(), claims.to_string().as_bytes());
        let (signed, signature) = token.rsplit_once('.').expect("a token has parts");
        match self.spoilt {
            Spoilt::No => token,
            Spoilt::SignatureBit => {
                // The first character has no bits that do not count.
                let first = if signature.starts_with('A') { "B" } else { "A" };
                format!("{signed}.{first}{}", &signature[1..])
            }
            Spoilt::NoSignature => format!("{signed}."),
            Spoilt::Padded => format!("{token}="),
            Spoilt::OneMorePart => format!("{token}.e30"),
            Spoilt::ClaimsReplaced => {
                let mut claims = self.claims();
                claims.insert("jti".to_owned(), json!("another"));
                let header = signed.split('.').next().unwrap_or_default();
                format!("{header}.{}.{signature}", crate::mint::encoded(Value::Object(claims).to_string().as_bytes()))
            }
        }
    }

    fn header(&self) -> Value {
        let key = self.key();
        let mut header = Map::new();
        let algorithm = match self.algorithm {
            NamedAlgorithm::OfTheKey => key.algorithm(),
            NamedAlgorithm::Hs256 => "HS256",
            NamedAlgorithm::EdDsa => "EdDSA",
            NamedAlgorithm::Es256 => "ES256",
            NamedAlgorithm::None => "none",
        };
        header.insert("alg".to_owned(), json!(algorithm));
        let key_id = match self.key_id {
            KeyId::OfTheKey => Some(key.jwk()["kid"].clone()),
            KeyId::Absent => None,
            KeyId::Unknown => Some(json!("another")),
            KeyId::Number => Some(json!(1)),
        };
        header.extend(key_id.map(|id| ("kid".to_owned(), id)));
        let kind = match self.kind {
            Kind::AccessToken => Some("at+jwt"),
            Kind::MediaType => Some("application/at+jwt"),
            Kind::OtherCase => Some("AT+JWT"),
            Kind::Jwt => Some("JWT"),
            Kind::Absent => None,
        };
        header.extend(kind.map(|kind| ("typ".to_owned(), json!(kind))));
        match self.header {
            HeaderExtra::Nothing => None,
            HeaderExtra::Key => header.insert("jwk".to_owned(), SigningKey::StrangerEd25519.jwk()),
            HeaderExtra::Critical => header.insert("crit".to_owned(), json!(["exp"])),
            HeaderExtra::Unencoded => header.insert("b64".to_owned(), json!(false)),
        };
        Value::Object(header)
    }

    fn claims(&self) -> Map<String, Value> {
        let (issued, expires, not_before) = self.times();
        let (scope, scp) = self.scopes();
        let claims = [
            ("iss", self.issuer()),
            ("aud", self.audience()),
            ("sub", self.subject()),
            ("client_id", self.client()),
            ("iat", Some(json!(issued))),
            ("exp", Some(json!(expires))),
            ("nbf", not_before.map(|from| json!(from))),
            ("realm_access", self.realm_access()),
            ("scope", scope),
            ("scp", scp),
            ("act", self.act()),
            ("dept", self.department()),
            (
                "acr",
                match self.acr() {
                    Acr::Absent => None,
                    Acr::Mfa => Some(json!("mfa")),
                    Acr::Password => Some(json!("pwd")),
                    Acr::Number => Some(json!(2)),
                },
            ),
            ("auth_time", self.authenticated().map(|at| json!(at))),
            ("cnf", self.is_bound.then(|| json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}))),
        ];
        claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    fn issuer(&self) -> Option<Value> {
        match self.issuer {
            Issuer::Corp => Some(json!("https://idp.example.com/")),
            Issuer::Partner => Some(json!("https://login.partner.example/")),
            Issuer::Nobody => Some(json!("https://idp.example.com")),
            Issuer::Absent => None,
        }
    }

    fn audience(&self) -> Option<Value> {
        match self.audience {
            Audience::Ours => Some(json!("https://api.example.com")),
            Audience::OursAmongOthers => Some(json!(["https://other.example", "https://api.example.com"])),
            Audience::Others => Some(json!(["https://api.example.com/"])),
            Audience::Number => Some(json!(["https://api.example.com", 1])),
            Audience::Absent => None,
        }
    }

    fn subject(&self) -> Option<Value> {
        match self.subject {
            Subject::Number => Some(json!(7)),
            Subject::Absent => None,
            Subject::Mona | Subject::Quoted | Subject::LikeTheClient | Subject::Empty => {
                self.subject.text().map(|text| json!(text))
            }
        }
    }

    fn client(&self) -> Option<Value> {
        match self.client {
            Client::Web => Some(json!("web")),
            Client::Number => Some(json!(1)),
            Client::Null => Some(Value::Null),
            Client::Absent => None,
        }
    }

    fn realm_access(&self) -> Option<Value> {
        let roles = self.roles.names();
        match self.roles.form {
            RolesForm::List => Some(json!({"roles": roles})),
            RolesForm::Absent => None,
            RolesForm::Text => Some(json!({"roles": roles.join(",")})),
            RolesForm::WithANumber => {
                let roles = roles.into_iter().map(Value::from).chain([json!(1)]);
                Some(json!({"roles": roles.collect::<Vec<_>>()}))
            }
        }
    }

    fn scopes(&self) -> (Option<Value>, Option<Value>) {
        let scopes = self.scopes.names();
        match self.scopes.form {
            ScopesForm::Scope => (Some(json!(scopes.join(" "))), None),
            ScopesForm::ScpList => (None, Some(json!(scopes))),
            ScopesForm::ScpText => (None, Some(json!(scopes.join(" ")))),
            ScopesForm::ScopeList => (Some(json!(scopes)), None),
            ScopesForm::Tabs => (Some(json!(format!("{}\tx", scopes.join(" ")))), None),
        }
    }

    fn act(&self) -> Option<Value> {
        match self.actors {
            Actors::None => None,
            Actors::One => Some(json!({"sub": "agent"})),
            Actors::Two => Some(json!({"sub": "agent", "act": {"sub": "deputy", "iss": "https://other.example"}})),
            Actors::Nameless => Some(json!({"act": {"sub": "agent"}})),
            Actors::Text => Some(json!("agent")),
        }
    }

    fn department(&self) -> Option<Value> {
        match self.department {
            Department::Absent => None,
            Department::Text => Some(json!("sales")),
            Department::Number => Some(json!(7)),
        }
    }
}
