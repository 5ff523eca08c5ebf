//! From a description to a token.

use serde_json::{Map, Value, json};

use super::{
    Clock, Forge,
    algorithm::{Algorithm, Hash},
    at,
    description::{HmacSecret, Minted, Signature, TokenDescription},
    error::ForgeError,
    key::{Variant, authenticate, encode},
    render::Renderer,
    tamper::{Part, Step},
};
use crate::{layers, notation};

impl Forge {
    /// `circle` holds the names of the tokens that are being made around this one.
    pub(super) fn mint_within(&self, token: &Value, clock: &Clock, circle: &[&str]) -> Result<String, ForgeError> {
        self.mint_over(&self.defaults, token, clock, circle)
    }

    /// The same, with `defaults` below the description.
    pub(super) fn mint_over(
        &self,
        defaults: &Value,
        token: &Value,
        clock: &Clock,
        circle: &[&str],
    ) -> Result<String, ForgeError> {
        let circle = enter(circle, token)?;
        let description = self.described(defaults, token)?;
        let now = if description.minted == Minted::Start { clock.start } else { clock.now };
        let renderer = Renderer { forge: self, clock, now, circle: &circle };
        let (before, after): (Vec<&Step>, Vec<&Step>) =
            description.tamper.iter().partition(|step| step.is_before_the_signature());

        let header = match &description.header_raw {
            Some(raw) => raw_bytes("header_raw", &renderer.raw(raw))?,
            None => renderer.object(&header(&description))?.into_bytes(),
        };
        let claims = match &description.claims_raw {
            Some(raw) => raw_bytes("claims_raw", &renderer.raw(raw))?,
            None => renderer.object(&claims(&description))?.into_bytes(),
        };
        let (mut header, mut claims) = (encode(&header), encode(&claims));
        for step in before {
            header = step.respell(Part::Header, header)?;
            claims = step.respell(Part::Claims, claims)?;
        }

        let message = format!("{header}.{claims}");
        let mut compact = format!("{message}.{}", self.signature(&description, message.as_bytes())?);
        let curve = description.signer().and_then(|key| self.keys.curve(key));
        for step in after {
            compact = step.apply(&compact, curve)?;
        }
        Ok(compact)
    }

    /// The third segment.
    fn signature(&self, description: &TokenDescription, message: &[u8]) -> Result<String, ForgeError> {
        match &description.signature {
            Some(Signature::Hex(text)) => {
                return hex::decode(text).map(|bytes| encode(&bytes)).map_err(|error| at("signature.hex", &error));
            }
            Some(Signature::None) => return Ok(String::new()),
            Some(Signature::Repeat(repeat)) => return Ok(repeat.text.repeat(repeat.count)),
            None => {}
        }
        let name = description.alg.as_deref().ok_or_else(|| at("alg", &"is missing"))?;
        if let Some(secret) = &description.hmac_with {
            let hash = if let Some(Algorithm::Hs(hash)) = Algorithm::named(name) { hash } else { Hash::Sha256 };
            return Ok(encode(&authenticate(&self.secret(secret)?, hash, message)));
        }
        // RFC 7518 §3.6: the signature of an unsecured token is empty. Other spellings of the name are attacks.
        if name.eq_ignore_ascii_case("none") {
            return Ok(String::new());
        }
        let algorithm = Algorithm::named(name)
            .ok_or_else(|| at("alg", &format!("`{name}` cannot sign; to have it in the header only, use `header`")))?;
        let signer = description.signer().ok_or_else(|| at("key", &"is missing"))?;
        let key = self.keys.key(signer)?;
        let variant = Variant {
            ed_small_order_r: description.ed_small_order_r,
            pkcs1: description.pkcs1.map(|pkcs1| pkcs1.padding),
            pss_mask: description.pss_mask,
            pss_salt: description.pss_salt,
        };
        if !variant.fits(algorithm) {
            return Err(at(
                "alg",
                &format!("`ed_…` is for EdDSA, `pkcs1` for RS…, `pss_…` for PS…, and not for `{name}`"),
            ));
        }
        let signature = key.sign(algorithm, variant, message).ok_or_else(|| ForgeError::Unfit {
            key: signer.to_owned(),
            kind: key.kind(),
            algorithm: name.to_owned(),
        })?;
        Ok(encode(&signature))
    }

    fn secret(&self, secret: &HmacSecret) -> Result<Vec<u8>, ForgeError> {
        match secret {
            HmacSecret { public: Some(name), form: Some(form), text: None } => {
                let key = self.keys.key(name)?;
                key.public_form(*form, &self.keys.public_jwk(name)?)
                    .ok_or_else(|| at("hmac_with.as", &format!("a key of kind {} has no such form", key.kind())))
            }
            HmacSecret { public: None, form: None, text: Some(text) } => Ok(text.clone().into_bytes()),
            _ => Err(at("hmac_with", &"takes `public` and `as`, or `text`")),
        }
    }
}

impl TokenDescription {
    /// The key that signs.
    fn signer(&self) -> Option<&str> {
        self.sign_with.as_deref().or(self.key.as_deref())
    }

    /// `alg` as the header shows it.
    fn shown_algorithm(&self) -> Option<&str> {
        match self.alg.as_deref() {
            // The confusion is that the token claims a symmetric algorithm.
            name if self.hmac_with.is_some() => Some(name.filter(|name| name.starts_with("HS")).unwrap_or("HS256")),
            name => name,
        }
    }
}

impl Variant {
    fn fits(self, algorithm: Algorithm) -> bool {
        (!self.ed_small_order_r || algorithm == Algorithm::EdDsa)
            && (self.pkcs1.is_none() || matches!(algorithm, Algorithm::Rs(_)))
            && (self.pss_mask.is_none() && self.pss_salt.is_none() || matches!(algorithm, Algorithm::Ps(_)))
    }
}

fn header(description: &TokenDescription) -> Map<String, Value> {
    let mut header = Map::new();
    if let Some(algorithm) = description.shown_algorithm() {
        header.insert("alg".to_owned(), json!(algorithm));
    }
    if let Some(key) = &description.key {
        header.insert("kid".to_owned(), json!(key));
    }
    header.insert("typ".to_owned(), json!("at+jwt"));
    layers::apply(&mut header, &description.header);
    header
}

fn claims(description: &TokenDescription) -> Map<String, Value> {
    let mut claims = Map::new();
    layers::apply(&mut claims, &description.claims);
    claims
}

fn raw_bytes(path: &str, text: &str) -> Result<Vec<u8>, ForgeError> {
    notation::bytes_of_json(text).map_err(|message| at(path, &message))
}

/// Goes into a token that another one refers to; a description without a name counts too, or it could refer to itself.
fn enter<'c>(circle: &[&'c str], token: &'c Value) -> Result<Vec<&'c str>, ForgeError> {
    let name = token.as_str().unwrap_or_default();
    if circle.contains(&name) && !name.is_empty() || circle.len() > 16 {
        return Err(ForgeError::Circle(name.to_owned()));
    }
    Ok([circle, &[name]].concat())
}
