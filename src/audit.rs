//! The record of a decision.

mod line;

use std::rc::Rc;

use crate::exchange::Now;
use line::Line;

/// One decision, as an auditor reads it. Never holds a token or a secret.
///
/// Members that are unknown at the point where a request was refused are left out. Nothing of a token that is not
/// verified is recorded, so that an unverified identity cannot look like a verified one.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The id of this decision; refusals name it to their sender.
    pub decision_id: String,
    /// When, by the gateway's clock.
    pub time: Now,
    /// `x-request-id`, where the request has one.
    pub request_id: Option<String>,
    /// The method.
    pub method: String,
    /// The host.
    pub host: Option<String>,
    /// The canonical path.
    pub path: Option<String>,
    /// The route: methods and template.
    pub route: Option<Rc<str>>,
    /// The provider whose signature the token carries.
    pub provider: Option<Rc<str>>,
    /// The principal.
    pub principal: Option<Rc<str>>,
    /// The OAuth client.
    pub client: Option<Rc<str>>,
    /// Who acted for the principal: `issuer|subject`, the current actor first.
    pub actors: Rc<[String]>,
    /// `jti`, or `hmac:` and a keyed hash of the token that is the same for one token as long as the VM lives.
    pub token_id: Option<Rc<str>>,
    /// How the token was bound to its sender.
    pub binding: Option<&'static str>,
    /// The action.
    pub action: Option<Rc<str>>,
    /// The resource.
    pub resource: Option<String>,
    /// `allow` or `deny`: what the policies say, which `shadow` only records.
    pub decision: &'static str,
    /// Why it was refused.
    pub cause: Option<&'static str>,
    /// The policies that determined the decision.
    pub policies: Vec<Rc<str>>,
    /// Their `@reason`s.
    pub reasons: Vec<Rc<str>>,
    /// Errors of policies.
    pub errors: Vec<String>,
    /// The digest of the policy set.
    pub policy_digest: Rc<str>,
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
        let mut line = Line::begin();
        line.text("cedar_gate", "audit");
        line.text("decision_id", &self.decision_id);
        line.text("time", &self.time.to_rfc3339());
        line.optional("request_id", self.request_id.as_deref());
        line.text("method", &self.method);
        line.optional("host", self.host.as_deref());
        line.optional("path", self.path.as_deref());
        line.optional("route", self.route.as_deref());
        line.optional("provider", self.provider.as_deref());
        line.optional("principal", self.principal.as_deref());
        line.optional("client", self.client.as_deref());
        line.texts_if_any("actors", &self.actors);
        line.optional("token_id", self.token_id.as_deref());
        line.optional("binding", self.binding);
        line.optional("action", self.action.as_deref());
        line.optional("resource", self.resource.as_deref());
        line.text("decision", self.decision);
        line.optional("cause", self.cause);
        line.texts("policies", &self.policies);
        line.texts_if_any("reasons", &self.reasons);
        line.texts_if_any("errors", &self.errors);
        line.text("policy_digest", &self.policy_digest);
        line.text("mode", self.mode);
        line.numbers("micros", &[("total", spent.total), ("signature", spent.signature)]);
        line.end()
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
    let digit = |nibble: u8| char::from(if nibble < 10 { nibble | b'0' } else { nibble.wrapping_add(b'a' - 10) });
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
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
