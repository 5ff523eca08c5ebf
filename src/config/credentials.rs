//! Where credentials may stand.

use super::fault::At;
use super::field::Field;
use super::raw::{RawCookieCredential, RawCredentials, RawHeaderCredential, RawParameterCredential};
use super::rules::header_name;
use crate::credential::{CookieName, Credentials, HeaderCredential, ParameterName, Scheme};
use crate::http::HeaderName;

/// Headers that cannot carry a token as a whole: one has many cookies, the other proves what is beside it.
const TAKEN: [(&str, &str); 2] = [
    ("cookie", "carries many values; name the cookie in `from_cookies`"),
    ("dpop", "carries the proof of a token, not the token (RFC 9449 §4.1)"),
];

pub(super) fn credentials(at: &At, raw: Option<RawCredentials>, longest: usize) -> Credentials {
    let mut credentials = Credentials { headers: Vec::new(), cookies: Vec::new(), parameters: Vec::new(), longest };
    let Some(raw) = raw else {
        credentials.headers.extend(
            HeaderName::parse("authorization").map(|name| HeaderCredential { name, schemes: vec![Scheme::Bearer] }),
        );
        return credentials;
    };
    at.unknown(&raw.unknown);
    let list = at.take("from_headers", raw.from_headers).unwrap_or_default();
    credentials.headers = headers(&at.field("from_headers"), list);
    let list = at.take("from_cookies", raw.from_cookies).unwrap_or_default();
    credentials.cookies = cookies(&at.field("from_cookies"), list);
    let list = at.take("from_params", raw.from_params).unwrap_or_default();
    credentials.parameters = parameters(&at.field("from_params"), list);
    let nowhere = credentials.headers.is_empty() && credentials.cookies.is_empty() && credentials.parameters.is_empty();
    if nowhere && at.is_clean_within() {
        at.fault("names no place for a credential");
    }
    credentials
}

fn headers(at: &At, list: Vec<Field<RawHeaderCredential>>) -> Vec<HeaderCredential> {
    let mut headers: Vec<HeaderCredential> = Vec::new();
    for (at, raw) in at.items(list) {
        at.unknown(&raw.unknown);
        let name = at.require("name", raw.name).and_then(|name| header_name(&at.field("name"), &name));
        let schemes = at.take("schemes", raw.schemes).unwrap_or_default();
        let scheme = |(at, name): (At, String)| {
            let scheme = Scheme::of_name(&name);
            if scheme.is_none() {
                at.fault(format!("`{name}` is not supported; write Bearer or DPoP"));
            }
            scheme
        };
        let none = schemes.is_empty();
        let schemes: Vec<Scheme> = at.field("schemes").items(schemes).into_iter().filter_map(scheme).collect();
        let Some(name) = name else { continue };
        if name.as_str() == "authorization" && none {
            at.field("schemes").fault("`authorization` always carries a scheme; write [Bearer]");
        }
        if let Some((_, why)) = TAKEN.into_iter().find(|(taken, _)| *taken == name.folded()) {
            at.field("name").fault(why);
        }
        if headers.iter().any(|each| each.name == name) {
            at.field("name").fault("occurs twice");
        }
        headers.push(HeaderCredential { name, schemes });
    }
    headers
}

fn cookies(at: &At, list: Vec<Field<RawCookieCredential>>) -> Vec<CookieName> {
    let mut cookies: Vec<CookieName> = Vec::new();
    for (at, raw) in at.items(list) {
        at.unknown(&raw.unknown);
        let Some(text) = at.require("name", raw.name) else { continue };
        match CookieName::parse(&text) {
            None => at.field("name").fault(format!("`{text}` is no name of a cookie")),
            Some(name) if cookies.iter().any(|each| each.is_like(&name)) => at.field("name").fault("occurs twice"),
            Some(name) => cookies.push(name),
        }
    }
    cookies
}

fn parameters(at: &At, list: Vec<Field<RawParameterCredential>>) -> Vec<ParameterName> {
    let mut parameters: Vec<ParameterName> = Vec::new();
    for (at, raw) in at.items(list) {
        at.unknown(&raw.unknown);
        let Some(text) = at.require("name", raw.name) else { continue };
        match ParameterName::parse(&text) {
            None => {
                at.field("name").fault(format!("`{text}` is no name of a parameter: write A-Z, a-z, 0-9, -, ., _, ~"))
            }
            Some(name) if parameters.iter().any(|each| each.is_like(&name)) => at.field("name").fault("occurs twice"),
            Some(name) => parameters.push(name),
        }
    }
    parameters
}
