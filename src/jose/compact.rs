//! The compact serialisation (RFC 7515 §7.1), read strictly before any other parser sees it.

use serde_json::{Map, Value};

use super::base64url;
use crate::json::{self, Bounds};

/// A compact JWS: three segments of strict base64url, the first of them a strict JSON object.
///
/// Nothing about it is verified, and its payload is bytes.
#[derive(Clone, Debug)]
pub struct CompactJws<'a> {
    /// The first two segments and the dot between them.
    signed: &'a [u8],
    signature: Vec<u8>,
    header: Header,
    payload: Vec<u8>,
}

/// A token that is well-formed: a compact JWS whose payload is a strict JSON object.
///
/// Nothing about it is verified.
#[derive(Clone, Debug)]
pub struct CompactToken<'a> {
    jws: CompactJws<'a>,
    claims: Map<String, Value>,
}

/// The members of a JOSE header that this filter acts upon.
///
/// `jwk`, `jku`, `x5c` and `x5u` are not among them: a key is never taken from a token (RFC 8725 §3.10). A proof of
/// possession is no token, and carries the key that it proves; see [`CompactToken::parse_with_key`].
#[derive(Clone, Debug)]
pub struct Header {
    /// `alg`, as text.
    pub algorithm: String,
    /// `kid`, an opaque text.
    pub key_id: Option<String>,
    /// `typ`, as text.
    pub token_type: Option<String>,
}

/// Why a token is not a compact JWS as this filter accepts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CompactError {
    /// `crit` is present, so the token demands an extension; none is implemented (RFC 7515 §4.1.11).
    Critical,
    /// Anything else.
    Malformed,
}

/// A header is a handful of short members; whatever is larger is not one.
const HEADER: Bounds = Bounds { depth: 4, values: 64 };

/// Members and items in all claims together.
const CLAIMS_VALUES: usize = 1024;

/// A `kid` longer than this (in bytes) names no key of ours.
const LONGEST_KEY_ID: usize = 256;

impl<'a> CompactJws<'a> {
    /// Parses a text whose length the caller has bounded already.
    ///
    /// # Errors
    ///
    /// [`CompactError`].
    pub fn parse(text: &'a str) -> Result<Self, CompactError> {
        Self::parse_with_members(text).map(|(jws, _)| jws)
    }

    /// As [`CompactJws::parse`], with all members of the header.
    fn parse_with_members(text: &'a str) -> Result<(Self, Map<String, Value>), CompactError> {
        let mut segments = text.splitn(4, '.');
        let (Some(header), Some(payload), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(CompactError::Malformed);
        };
        let (signed, _) = text.rsplit_once('.').ok_or(CompactError::Malformed)?;
        let signature = decode(signature)?;
        let members = json::parse_object(&decode(header)?, HEADER).map_err(malformed)?;
        let header = Header::from_json(&members)?;
        Ok((Self { signed: signed.as_bytes(), signature, header, payload: decode(payload)? }, members))
    }

    /// What the signature is over (RFC 7515 §5.2).
    #[must_use]
    pub fn signed(&self) -> &'a [u8] {
        self.signed
    }

    /// The signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Its header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl<'a> CompactToken<'a> {
    /// Parses a token whose length the caller has bounded already.
    ///
    /// # Errors
    ///
    /// [`CompactError`].
    pub fn parse(text: &'a str, claims_depth: usize) -> Result<Self, CompactError> {
        Self::with_claims(CompactJws::parse(text)?, claims_depth)
    }

    /// Parses a proof of possession (RFC 9449 §4.2): as [`CompactToken::parse`], with the `jwk` of its header. What is
    /// signed by that key is signed by whoever chose the key.
    ///
    /// # Errors
    ///
    /// [`CompactError`], also where there is no `jwk`.
    pub(crate) fn parse_with_key(
        text: &'a str,
        claims_depth: usize,
    ) -> Result<(Self, Map<String, Value>), CompactError> {
        let (jws, mut members) = CompactJws::parse_with_members(text)?;
        match members.remove("jwk") {
            Some(Value::Object(jwk)) => Ok((Self::with_claims(jws, claims_depth)?, jwk)),
            None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err(CompactError::Malformed)
            }
        }
    }

    fn with_claims(jws: CompactJws<'a>, claims_depth: usize) -> Result<Self, CompactError> {
        let bounds = Bounds { depth: claims_depth, values: CLAIMS_VALUES };
        let claims = json::parse_object(&jws.payload, bounds).map_err(malformed)?;
        Ok(Self { jws, claims })
    }

    /// What is signed, and by what.
    #[must_use]
    pub fn jws(&self) -> &CompactJws<'a> {
        &self.jws
    }

    /// Its header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.jws.header
    }

    /// Its claims, unverified.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Gives up the token for its claims.
    #[must_use]
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

fn malformed(_: json::JsonError) -> CompactError {
    CompactError::Malformed
}

fn decode(segment: &str) -> Result<Vec<u8>, CompactError> {
    base64url::decode(segment.as_bytes()).ok_or(CompactError::Malformed)
}

impl Header {
    fn from_json(members: &Map<String, Value>) -> Result<Self, CompactError> {
        if members.contains_key("crit") {
            return Err(CompactError::Critical);
        }
        // `b64` (RFC 7797) works through `crit` alone; without it, somebody else might still honour it. `zip` and `enc`
        // belong to JWE, and `cty` announces a nested token.
        if ["b64", "zip", "enc", "cty"].into_iter().any(|name| members.contains_key(name)) {
            return Err(CompactError::Malformed);
        }
        let algorithm = text(members, "alg")?.ok_or(CompactError::Malformed)?;
        let key_id = text(members, "kid")?;
        if key_id.as_ref().is_some_and(|id| id.len() > LONGEST_KEY_ID) {
            return Err(CompactError::Malformed);
        }
        Ok(Self { algorithm, key_id, token_type: text(members, "typ")? })
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, CompactError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(CompactError::Malformed)
        }
    }
}
