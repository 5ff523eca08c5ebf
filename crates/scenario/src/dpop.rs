//! Proofs of possession of RFC 9449, made for the request that they stand in.

use serde_json::{Map, Value, json};

use crate::{
    error::ScenarioError,
    forge::{Clock, Forge},
    gateway::{Headers, Observed},
    layers,
};

/// The `DPoP` header of a request, as a scenario describes it.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// One that has been sent already: with the request of this name, or with the last one that had any.
    Again(Option<String>),
    Made(Box<Description>),
}

#[derive(Clone, Debug)]
pub(crate) struct Description {
    key: String,
    algorithm: Value,
    /// The members of `dpop` that are claims.
    members: Map<String, Value>,
    nonce: Option<Nonce>,
    claims: Value,
    header: Value,
    /// Whatever else a description of a token may have.
    others: Map<String, Value>,
}

#[derive(Clone, Debug)]
enum Nonce {
    /// Of the answer to the request of this name, or of the last that had one.
    FromAnswer(Option<String>),
    Given(Value),
}

/// What a proof is made for.
pub(crate) struct Occasion<'o> {
    pub(crate) method: &'o [u8],
    pub(crate) authority: &'o [u8],
    /// The request target.
    pub(crate) path: &'o [u8],
    /// The access token that goes with it.
    pub(crate) token: Option<&'o Value>,
}

/// What later requests of a scenario may refer to.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Proofs, with the names of their requests, in the order in which they were sent.
    proofs: Vec<(String, String)>,
    /// Nonces, with the names of the requests whose answers had them.
    nonces: Vec<(String, String)>,
    made: u64,
}

impl Memory {
    /// Keeps what an answer brought.
    pub(crate) fn learn(&mut self, request: &str, observed: &Observed) {
        if let Some(nonce) = first(&observed.headers, "dpop-nonce") {
            self.nonces.push((request.to_owned(), nonce));
        }
    }

    fn recall<'m>(kept: &'m [(String, String)], request: Option<&str>) -> Option<&'m str> {
        let found = kept.iter().rev().find(|(name, _)| request.is_none_or(|request| name == request));
        found.map(|(_, value)| value.as_str())
    }
}

fn first(headers: &Headers, name: &str) -> Option<String> {
    let found = headers.iter().find(|(seen, _)| seen.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

/// The claims that have members of their own.
const CLAIMS: [&str; 5] = ["htm", "htu", "iat", "jti", "ath"];

impl Proof {
    /// One, or a list of them.
    pub(crate) fn read(line: &Value, forge: &Forge) -> Result<Vec<Self>, ScenarioError> {
        match line {
            Value::Array(lines) => {
                let read = |(position, line)| {
                    Self::read_one(line, forge).map_err(|error| error.below(&format!("[{position}]")))
                };
                lines.iter().enumerate().map(read).collect()
            }
            line => Ok(vec![Self::read_one(line, forge)?]),
        }
    }

    fn read_one(line: &Value, forge: &Forge) -> Result<Self, ScenarioError> {
        let fault = |path: &str, message: &str| ScenarioError::new(path, message);
        let mut others = match line {
            Value::Object(members) => members.clone(),
            Value::String(word) if word == "again" => return Ok(Self::Again(None)),
            _ => return Err(fault("", "is a description of a proof, or `again`")),
        };
        if let Some(name) = others.remove("again") {
            return match name {
                Value::String(name) if others.is_empty() => Ok(Self::Again(Some(name))),
                _ => Err(fault("again", "is the name of a request, and stands alone")),
            };
        }
        let key = match others.remove("key") {
            Some(Value::String(key)) => key,
            _ => return Err(fault("key", "is missing, or is no name")),
        };
        let usual = forge.keys().usual_algorithm(&key);
        let usual = usual.ok_or_else(|| fault("key", &format!("no key is named `{key}`")))?;
        let nonce = match others.remove("nonce") {
            None => None,
            Some(Value::Object(members)) => match members.get("from_answer") {
                Some(Value::Bool(true)) if members.len() == 1 => Some(Nonce::FromAnswer(None)),
                Some(Value::String(name)) if members.len() == 1 => Some(Nonce::FromAnswer(Some(name.clone()))),
                _ => return Err(fault("nonce", "is a text, or `{from_answer: true}`, or `{from_answer: name}`")),
            },
            Some(given) => Some(Nonce::Given(given)),
        };
        if let Some(offset) = others.get("iat").filter(|offset| !offset.is_null() && offset.as_i64().is_none()) {
            return Err(fault("iat", &format!("{offset} is no whole number of seconds")));
        }
        if let Some(token) = others.get("ath").and_then(|ath| ath.get("token")) {
            forge.check(token).map_err(|error| fault("ath", &error.to_string()))?;
        }
        let mut take = |name: &str| others.remove(name);
        let members = CLAIMS.iter().filter_map(|name| Some(((*name).to_owned(), take(name)?))).collect();
        let description = Description {
            key,
            algorithm: take("alg").unwrap_or_else(|| json!(usual)),
            members,
            nonce,
            claims: take("claims").unwrap_or_else(|| json!({})),
            header: take("header").unwrap_or_else(|| json!({})),
            others,
        };
        let occasion = Occasion { method: b"GET", authority: b"", path: b"/", token: None };
        forge.check_bare(&description.token(&occasion, 0, None)).map_err(|error| fault("", &error.to_string()))?;
        Ok(Self::Made(Box::new(description)))
    }

    /// The value of the header, which `request` carries.
    pub(crate) fn fill(
        &self,
        forge: &Forge,
        clock: &Clock,
        occasion: &Occasion<'_>,
        request: &str,
        memory: &mut Memory,
    ) -> anyhow::Result<String> {
        let proof = match self {
            Self::Again(of) => {
                let found = Memory::recall(&memory.proofs, of.as_deref());
                found.ok_or_else(|| anyhow::anyhow!("there is no proof yet that could be repeated"))?.to_owned()
            }
            Self::Made(description) => {
                memory.made += 1;
                let nonce = match &description.nonce {
                    None => None,
                    Some(Nonce::Given(nonce)) => Some(nonce.clone()),
                    Some(Nonce::FromAnswer(of)) => {
                        let found = Memory::recall(&memory.nonces, of.as_deref());
                        let found = found.ok_or_else(|| anyhow::anyhow!("no answer has had a `DPoP-Nonce` yet"))?;
                        Some(json!(found))
                    }
                };
                forge.mint_bare(&description.token(occasion, memory.made, nonce), clock)?
            }
        };
        memory.proofs.push((request.to_owned(), proof.clone()));
        Ok(proof)
    }
}

impl Description {
    /// The description of the token that the proof is.
    fn token(&self, occasion: &Occasion<'_>, number: u64, nonce: Option<Value>) -> Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = occasion.path.split(|byte| *byte == b'?').next().unwrap_or_default();
        let mut claims = json!({
            "htm": text(occasion.method),
            "htu": format!("https://{}{}", text(occasion.authority), text(path)),
            "iat": {"$now": 0},
            "jti": format!("proof-{number}"),
        });
        if let Some(token) = occasion.token {
            claims["ath"] = json!({ "$ath": token });
        }
        let mut own: Map<String, Value> = self.members.clone();
        if let Some(offset) = own.get("iat").and_then(Value::as_i64) {
            own.insert("iat".to_owned(), json!({ "$now": offset }));
        }
        if let Some(token) = own.get("ath").and_then(|ath| ath.get("token")).cloned() {
            own.insert("ath".to_owned(), json!({ "$ath": token }));
        }
        own.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce)));
        let claims = layers::compose(&layers::compose(&claims, &Value::Object(own)), &self.claims);
        let header = json!({"typ": "dpop+jwt", "kid": null, "jwk": {"$jwk": self.key, "kid": null}});
        let mut token = self.others.clone();
        token.insert("key".to_owned(), json!(self.key));
        token.insert("alg".to_owned(), self.algorithm.clone());
        token.insert("header".to_owned(), layers::compose(&header, &self.header));
        token.insert("claims".to_owned(), claims);
        Value::Object(token)
    }
}
