//! The record of a decision.

use serde::Serialize;

/// One decision, as an auditor reads it. Never holds a token or a secret.
///
/// Members that are unknown at the point where a request was refused are left out. Nothing of a token that is not
/// verified is recorded, so that an unverified identity cannot look like a verified one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// `audit`: what kind of line this is.
    pub cedar_gate: &'static str,
    /// The id of this decision; refusals name it to their sender.
    pub decision_id: String,
    /// When, by the gateway's clock (RFC 3339).
    pub time: String,
    /// `x-request-id`, where the request has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The method.
    pub method: String,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The canonical path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The route: methods and template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The provider whose signature the token carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The OAuth client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Who acted for the principal: `issuer|subject`, the current actor first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    /// `jti`, or `hmac:` and a keyed hash of the token that is the same for one token as long as the VM lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// How the token was bound to its sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<&'static str>,
    /// The action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// `allow` or `deny`: what the policies say, which `shadow` only records.
    pub decision: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// The policies that determined the decision.
    pub policies: Vec<String>,
    /// Their `@reason`s.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Errors of policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// The digest of the policy set.
    pub policy_digest: String,
    /// `enforce` or `shadow`.
    pub mode: &'static str,
}

/// Microseconds spent on a request inside of the VM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// From the first callback to this record.
    pub total: u64,
    /// Of those, on verifying the token's signature.
    pub signature: u64,
}

/// Texts longer than this (in bytes) are cut, and say so.
const LONGEST_TEXT: usize = 1024;

impl Record {
    /// The record as one line of ASCII JSON, with the time that it took as its last member.
    #[must_use]
    pub fn line(&self, spent: Spent) -> String {
        // A record has string keys and no maps, so it always serialises; an empty line would still be one record.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        if line.pop().is_some() {
            line.push_str(&format!(r#","micros":{{"total":{},"signature":{}}}}}"#, spent.total, spent.signature));
        }
        ascii(line)
    }
}

/// Bounds a text that somebody else chose.
#[must_use]
pub fn bounded(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let mut bounded: String = text.chars().take(LONGEST_TEXT / 4).collect();
    bounded.push_str("[cut]");
    bounded
}

/// Bytes as records write them: two lower-case digits each.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Escapes whatever a terminal or a log viewer could take for a control or a line end. JSON has escaped C0 already.
fn ascii(json: String) -> String {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte);
    if json.bytes().all(plain) {
        return json;
    }
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            line.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_of_ascii() {
        let record = Record { path: Some("a\r\n\u{1b}[2J\u{2028}\u{1f600}\u{7f}\"é".to_owned()), ..Record::default() };
        let line = record.line(Spent::default());
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["path"], "a\r\n\u{1b}[2J\u{2028}\u{1f600}\u{7f}\"é");
    }
}
