//! A body that the decision depends on.

use std::collections::BTreeMap;

use crate::http::Headers;
use crate::json::{self, Bounds};
use crate::policy::TypedValue;
use crate::refusal::Cause;
use crate::route::BodyMember;

/// How deep a body may nest, and how many values it may have.
const BODY: Bounds = Bounds { depth: 16, values: 16_384 };

/// Checks what the head says about the body.
///
/// # Errors
///
/// [`Cause::BodyEncoded`], [`Cause::BodyInvalid`] (another media type than JSON), [`Cause::BodyTooLarge`].
pub(super) fn check_head(headers: &Headers, longest: usize) -> Result<(), Cause> {
    // Decoding could blow the body up, and the upstream might decode it differently.
    let codings = headers.all("content-encoding").count();
    let identity = headers.text("content-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("identity"));
    if codings > 0 && !identity {
        return Err(Cause::BodyEncoded);
    }
    let media_type = headers.text("content-type").unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        return Err(Cause::BodyInvalid);
    }
    // Another character encoding would be another document to a server that honours it (RFC 8259 §8.1 knows UTF-8 only).
    let charset = media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    if charset.is_some_and(|charset| charset != "utf-8") {
        return Err(Cause::BodyInvalid);
    }
    let announced = headers.text("content-length").map(|length| length.trim().parse::<usize>());
    match announced {
        Some(Ok(length)) if length > longest => Err(Cause::BodyTooLarge),
        Some(Err(_)) => Err(Cause::BodyInvalid),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// Reads the declared members of a body.
///
/// # Errors
///
/// [`Cause::BodyInvalid`].
pub fn read(body: &[u8], declared: &BTreeMap<String, BodyMember>) -> Result<BTreeMap<String, TypedValue>, Cause> {
    let document = json::parse(body, BODY).map_err(|_| Cause::BodyInvalid)?;
    let mut values = BTreeMap::new();
    for (name, member) in declared {
        if has_rival(&document, &member.pointer) {
            return Err(Cause::BodyInvalid);
        }
        match document.pointer(&member.pointer) {
            Some(value) => {
                let value = TypedValue::of_json(value, member.declaration.value_type).ok_or(Cause::BodyInvalid)?;
                values.insert(name.clone(), value);
            }
            None if member.declaration.required => return Err(Cause::BodyInvalid),
            None => {}
        }
    }
    Ok(values)
}

/// Whether a member on the way differs from the declared one by case only. Some servers match names without case, and
/// would take that one.
fn has_rival(document: &serde_json::Value, pointer: &str) -> bool {
    let mut here = Some(document);
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let Some(members) = here.and_then(serde_json::Value::as_object) else { return false };
        if members.keys().any(|other| *other != name && other.eq_ignore_ascii_case(&name)) {
            return true;
        }
        here = members.get(&name);
    }
    false
}
