//! What is done to a token after it has been signed.
//!
//! A step that would leave the token as it is fails: a test in which nothing is tampered with would prove nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use rsa::BigUint;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    edwards,
    elliptic::{self, Curve},
    error::ForgeError,
    key::encode,
};

/// One step: an action, and for `base64` the part it is done to.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) part: Part,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Claims,
    Header,
    Signature,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Base64(Base64),
    Case(Case),
    Dots(usize),
    DropSignature(True),
    EdSPlusL(True),
    FlipClaimsBit(usize),
    FlipHeaderBit(usize),
    FlipSignatureBit(usize),
    JsonSerialised(Serialisation),
    Prefix(String),
    Replace(String, String),
    Segments(usize),
    SignatureAppendHex(String),
    SignatureBytes(RAndS),
    SignatureDer(True),
    SignatureMalleate(True),
    SignaturePrependHex(String),
    SignatureTruncate(usize),
    Suffix(String),
}

/// A member that has no meaning but to be there.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "bool")]
pub(super) struct True;

/// Ways to write base64url that RFC 7515 §2 does not allow.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Base64 {
    Newline,
    NonAscii,
    Padded,
    Space,
    Standard,
    TrailingBits,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Case {
    Lower,
    Swap,
    Upper,
}

/// The JSON serialisations of RFC 7515 §7.2.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Serialisation {
    Flattened,
    General,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RAndS {
    r: Option<Number>,
    s: Option<Number>,
}

/// A number in the place of `r` or `s`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Number {
    Hex(String),
    /// All bits set.
    Max,
    One,
    Order,
    OrderMinusOne,
    OrderPlusOne,
    Zero,
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = String;

    fn try_from(mut members: Map<String, Value>) -> Result<Self, Self::Error> {
        let part = members.remove("part");
        if members.len() != 1 {
            return Err("a step of `tamper` has one member, beside `part`".to_owned());
        }
        let action: Action = serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())?;
        let part = match (part, &action) {
            (Some(part), Action::Base64(_)) => serde_json::from_value(part).map_err(|error| error.to_string())?,
            (Some(_), _) => return Err("`part` belongs to `base64`".to_owned()),
            (None, _) => Part::Signature,
        };
        Ok(Self { action, part })
    }
}

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(Self) } else { Err("only `true` has a meaning here: leave the step out instead") }
    }
}

impl Step {
    /// Whether the step is a way to write the header or the claims. The signature covers what is written, so such a step
    /// comes before it: a filter must refuse the spelling and not just the signature.
    pub(super) fn is_before_the_signature(&self) -> bool {
        matches!(self.action, Action::Base64(_)) && self.part != Part::Signature
    }

    /// Does the step to the text of a token, signed by a key on `curve` if on any.
    pub(super) fn apply(&self, token: &str, curve: Option<Curve>) -> Result<String, ForgeError> {
        let tampered = self.tampered(token, curve).map_err(|message| self.failed(&message))?;
        if tampered == token {
            return Err(self.failed("changes nothing"));
        }
        Ok(tampered)
    }

    /// Writes the segment `part` in the wrong way, if that is what the step does.
    pub(super) fn respell(&self, part: Part, segment: String) -> Result<String, ForgeError> {
        match self.action {
            Action::Base64(spelling) if self.part == part => {
                let respelled = spelling.respell(&segment).map_err(|message| self.failed(&message))?;
                if respelled == segment { Err(self.failed("changes nothing")) } else { Ok(respelled) }
            }
            _ => Ok(segment),
        }
    }

    fn failed(&self, message: &str) -> ForgeError {
        ForgeError::Step { step: format!("{:?}", self.action), message: message.to_owned() }
    }

    fn tampered(&self, token: &str, curve: Option<Curve>) -> Result<String, String> {
        Ok(match &self.action {
            Action::Base64(spelling) => change_segment(token, 2, |segment| spelling.respell(segment))?,
            Action::Case(Case::Lower) => token.to_lowercase(),
            Action::Case(Case::Swap) => token.chars().map(swap_case).collect(),
            Action::Case(Case::Upper) => token.to_uppercase(),
            Action::Dots(count) => format!("{token}{}", ".".repeat(*count)),
            Action::DropSignature(True) => change_segment(token, 2, |_| Ok(String::new()))?,
            Action::EdSPlusL(True) => change_signature(token, |signature| {
                *signature = edwards::add_order(signature).ok_or("needs an Ed25519 signature")?;
                Ok(())
            })?,
            Action::FlipClaimsBit(bit) => change_bytes(token, 1, |claims| flip(claims, *bit))?,
            Action::FlipHeaderBit(bit) => change_bytes(token, 0, |header| flip(header, *bit))?,
            Action::FlipSignatureBit(bit) => change_signature(token, |signature| flip(signature, *bit))?,
            Action::JsonSerialised(serialisation) => serialisation.write(token)?,
            Action::Prefix(prefix) => format!("{prefix}{token}"),
            Action::Replace(from, to) => token.replace(from.as_str(), to),
            Action::Segments(count) => with_segments(token, *count),
            Action::SignatureAppendHex(text) => change_signature(token, |signature| {
                signature.extend(unhex(text)?);
                Ok(())
            })?,
            Action::SignatureBytes(numbers) => {
                let curve = curve.ok_or("needs an ECDSA signature")?;
                change_signature(token, |signature| numbers.put(curve, signature))?
            }
            Action::SignatureDer(True) => {
                let curve = curve.ok_or("needs an ECDSA signature")?;
                change_signature(token, |signature| {
                    *signature = elliptic::der(curve, signature).ok_or("needs `r` and `s` in their range")?;
                    Ok(())
                })?
            }
            Action::SignatureMalleate(True) => {
                let curve = curve.ok_or("needs an ECDSA signature")?;
                change_signature(token, |signature| malleate(curve, signature))?
            }
            Action::SignaturePrependHex(text) => change_signature(token, |signature| {
                signature.splice(0..0, unhex(text)?);
                Ok(())
            })?,
            Action::SignatureTruncate(count) => change_signature(token, |signature| {
                signature.truncate(signature.len().checked_sub(*count).ok_or("cuts off more than there is")?);
                Ok(())
            })?,
            Action::Suffix(suffix) => format!("{token}{suffix}"),
        })
    }
}

impl Base64 {
    fn respell(self, segment: &str) -> Result<String, String> {
        let middle = segment.len() / 2;
        Ok(match self {
            Self::Newline => format!("{}\n{}", &segment[..middle], &segment[middle..]),
            Self::NonAscii => format!("{}é{}", &segment[..middle], &segment[middle..]),
            // A segment of whole triples takes no padding; one sign is as wrong there.
            Self::Padded => format!("{segment}{}", "=".repeat(((4 - segment.len() % 4) % 4).max(1))),
            Self::Space => format!("{} {}", &segment[..middle], &segment[middle..]),
            Self::Standard => segment.replace('-', "+").replace('_', "/"),
            Self::TrailingBits => {
                if segment.len().is_multiple_of(4) {
                    return Err("finds no unused bits: make the part a byte longer".to_owned());
                }
                let (head, last) = segment.split_at(segment.len() - 1);
                // Unused bits are zero so far, so the next letter of the alphabet has the same bytes.
                let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
                let next = alphabet.find(last).and_then(|index| alphabet.get(index + 1..index + 2));
                format!("{head}{}", next.ok_or("finds no unused bits")?)
            }
        })
    }
}

impl Serialisation {
    fn write(self, token: &str) -> Result<String, String> {
        let segments: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = segments.as_slice() else { return Err("needs three segments".to_owned()) };
        let json = match self {
            Self::Flattened => json!({"payload": claims, "protected": header, "signature": signature}),
            Self::General => json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]}),
        };
        Ok(json.to_string())
    }
}

impl RAndS {
    fn put(&self, curve: Curve, signature: &mut Vec<u8>) -> Result<(), String> {
        let width = curve.width();
        let (r, s) = signature.split_at_checked(width).ok_or("needs a signature of full length")?;
        let r = self.r.as_ref().map_or_else(|| Ok(r.to_vec()), |number| number.bytes(curve))?;
        let s = self.s.as_ref().map_or_else(|| Ok(s.to_vec()), |number| number.bytes(curve))?;
        *signature = [r, s].concat();
        Ok(())
    }
}

impl Number {
    fn bytes(&self, curve: Curve) -> Result<Vec<u8>, String> {
        let order = BigUint::from_bytes_be(&curve.order());
        let one = BigUint::from(1_u32);
        Ok(match self {
            Self::Hex(text) => unhex(text)?,
            Self::Max => vec![0xff; curve.width()],
            Self::One => padded(&one, curve),
            Self::Order => padded(&order, curve),
            Self::OrderMinusOne => padded(&(order - one), curve),
            Self::OrderPlusOne => padded(&(order + one), curve),
            Self::Zero => vec![0; curve.width()],
        })
    }
}

fn malleate(curve: Curve, signature: &mut Vec<u8>) -> Result<(), String> {
    let (r, s) = signature.split_at_checked(curve.width()).ok_or("needs a signature of full length")?;
    let order = BigUint::from_bytes_be(&curve.order());
    let s = BigUint::from_bytes_be(s);
    if s >= order {
        return Err("needs `s` in its range".to_owned());
    }
    *signature = [r, &padded(&(order - s), curve)].concat();
    Ok(())
}

fn padded(number: &BigUint, curve: Curve) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let mut padded = vec![0; curve.width().saturating_sub(bytes.len())];
    padded.extend(bytes);
    padded
}

fn with_segments(token: &str, count: usize) -> String {
    let segments = token.split('.').chain(std::iter::repeat("AAAA"));
    segments.take(count).collect::<Vec<_>>().join(".")
}

fn change_signature(token: &str, change: impl FnOnce(&mut Vec<u8>) -> Result<(), String>) -> Result<String, String> {
    change_bytes(token, 2, change)
}

fn change_bytes(
    token: &str,
    index: usize,
    change: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
) -> Result<String, String> {
    change_segment(token, index, |segment| {
        let mut bytes = BASE64URL.decode(segment).map_err(|error| format!("finds no base64url: {error}"))?;
        change(&mut bytes)?;
        Ok(encode(&bytes))
    })
}

fn change_segment(
    token: &str,
    index: usize,
    change: impl FnOnce(&str) -> Result<String, String>,
) -> Result<String, String> {
    let mut segments: Vec<String> = token.split('.').map(str::to_owned).collect();
    let segment = segments.get_mut(index).ok_or("finds too few segments")?;
    *segment = change(segment)?;
    Ok(segments.join("."))
}

fn flip(bytes: &mut [u8], bit: usize) -> Result<(), String> {
    let byte = bytes.get_mut(bit / 8).ok_or("names a bit behind the end")?;
    *byte ^= 1 << (bit % 8);
    Ok(())
}

fn swap_case(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    hex::decode(text).map_err(|error| format!("has no hexadecimal number: {error}"))
}
