//! The metadata of the resource (RFC 9728), from what is said of it and from what the other sections have.

use serde_json::{Map, Value, json};

use super::fault::At;
use super::field::Field;
use super::raw::RawResourceMetadata;
use super::route::Draft;
use crate::challenge::{REALM, may_stand_in_a_challenge};
use crate::credential::{ACCESS_TOKEN, Credentials, Scheme};
use crate::http::Endpoint;
use crate::resource_metadata::{Presentation, ResourceIdentifier, ResourceMetadata};
use crate::sender::{Demand, SenderProofs};
use crate::token::{Providers, is_scope_character};

pub(super) fn resource_metadata(
    at: &At,
    raw: RawResourceMetadata,
    proofs: &SenderProofs,
    credentials: &Credentials,
    providers: &Providers,
    drafts: &[Draft],
) -> Option<ResourceMetadata> {
    at.unknown(&raw.unknown);
    let resource = at.require("resource", raw.resource);
    let servers = match at.take("authorization_servers", raw.authorization_servers) {
        Some(list) => servers(&at.field("authorization_servers"), list),
        None => providers.iter().map(|provider| provider.issuer.clone()).filter(|issuer| is_url(issuer)).collect(),
    };
    let scopes = match at.take("scopes_supported", raw.scopes_supported) {
        Some(list) => scopes(&at.field("scopes_supported"), list),
        None => of_routes(drafts),
    };
    let mut said = Map::new();
    for (name, list) in [("authorization_servers", servers), ("scopes_supported", scopes)] {
        if !list.is_empty() {
            said.insert(name.to_owned(), json!(list));
        }
    }
    if let Some(name) = at.take("resource_name", raw.resource_name) {
        said.insert("resource_name".to_owned(), Value::String(name));
    }
    for (name, field) in [
        ("resource_documentation", raw.resource_documentation),
        ("resource_policy_uri", raw.resource_policy_uri),
        ("resource_tos_uri", raw.resource_tos_uri),
    ] {
        let Some(url) = at.take(name, field) else { continue };
        if Endpoint::parse(&url, "").is_err() {
            at.field(name).fault(format!("`{url}` is no http or https URL"));
        }
        said.insert(name.to_owned(), Value::String(url));
    }
    let resource = resource?;
    let Some(identifier) = identifier(&resource) else {
        at.field("resource").fault(format!(
            "`{resource}` is no https URL without query and fragment (RFC 9728 §1.2; http is for this machine only)"
        ));
        return None;
    };
    let metadata = ResourceMetadata::new(identifier, &presentation(proofs, credentials, providers), said);
    match &metadata {
        Some(metadata) => check_routes(at, metadata, drafts),
        None => at.field("resource").fault("its path is not canonical, so no request could ask for the metadata"),
    }
    metadata
}

/// Of the places for credentials, those that have a name in RFC 6750 §2; and the bindings of tokens, by all providers.
fn presentation(proofs: &SenderProofs, credentials: &Credentials, providers: &Providers) -> Presentation {
    let header = credentials
        .headers
        .iter()
        .any(|place| place.name.as_str() == "authorization" && place.schemes.contains(&Scheme::Bearer));
    let query = credentials.parameters.iter().any(|name| name.as_str() == ACCESS_TOKEN);
    let constraints = || providers.iter().map(|provider| provider.sender_constraint);
    let dpop_required = constraints().all(|constraint| constraint.dpop == Demand::Required);
    let methods = [("header", header), ("query", query)];
    let methods = methods.into_iter().filter(|(_, offered)| *offered && !dpop_required);
    let by_key = constraints().any(|constraint| constraint.dpop.admits());
    let algorithms = proofs.dpop.algorithms.iter().filter(|_| by_key).map(|algorithm| algorithm.name());
    Presentation {
        bearer_methods: methods.map(|(name, _)| name).collect(),
        dpop_algorithms: algorithms.collect(),
        dpop_required,
        mtls: constraints().any(|constraint| constraint.mtls.admits()),
    }
}

/// A route in the place of the metadata would never be reached.
fn check_routes(at: &At, metadata: &ResourceMetadata, drafts: &[Draft]) {
    for draft in drafts {
        if draft.path() == metadata.path() && draft.methods().iter().any(|method| metadata.serves(method)) {
            at.at(draft.at()).field("path").fault("is where the filter serves `resource_metadata`");
        }
    }
}

/// What challenges name the protected space by.
pub(super) fn realm(at: &At, field: Field<String>) -> String {
    let Some(realm) = at.take("realm", field) else { return REALM.to_owned() };
    if realm.is_empty() || realm.len() > 256 || !may_stand_in_a_challenge(&realm) {
        at.field("realm").fault("must be 1 to 256 visible ASCII characters or spaces, without `\"` and `\\`");
    }
    realm
}

fn servers(at: &At, list: Vec<Field<String>>) -> Vec<String> {
    let server = |(at, server): (At, String)| {
        if !is_url(&server) {
            at.fault(format!("`{server}` is no https URL without query and fragment (RFC 8414 §2)"));
        }
        server
    };
    at.items(list).into_iter().map(server).collect()
}

fn scopes(at: &At, list: Vec<Field<String>>) -> Vec<String> {
    let scope = |(at, scope): (At, String)| {
        if scope.is_empty() || !scope.bytes().all(is_scope_character) {
            at.fault(format!("`{scope}` is no scope (RFC 6749 §3.3)"));
        }
        scope
    };
    at.items(list).into_iter().map(scope).collect()
}

/// All scopes that routes ask for, in the order of the routes.
fn of_routes(drafts: &[Draft]) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in drafts.iter().flat_map(Draft::scopes) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    scopes
}

fn is_url(text: &str) -> bool {
    identifier(text).is_some()
}

/// An `https` URL without query and fragment, or an `http` one of this machine.
fn identifier(text: &str) -> Option<ResourceIdentifier<'_>> {
    let endpoint = Endpoint::parse(text, "").ok()?;
    let host = endpoint.authority().rsplit_once(':').map_or(endpoint.authority(), |(host, _)| host);
    let is_safe = endpoint.scheme() == "https" || ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    if !is_safe || text.contains('?') {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.find('/').unwrap_or(rest.len());
    let (origin, path) = text.split_at_checked(scheme.len().checked_add(3)?.checked_add(authority)?)?;
    Some(ResourceIdentifier { text, origin, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_taken_apart() {
        for (text, origin, path) in [
            ("https://api.example.com", "https://api.example.com", ""),
            ("https://api.example.com/", "https://api.example.com", "/"),
            ("https://api.example.com:8443/a/b", "https://api.example.com:8443", "/a/b"),
            ("http://localhost:8080/a", "http://localhost:8080", "/a"),
            ("http://[::1]:8080", "http://[::1]:8080", ""),
        ] {
            assert_eq!(identifier(text), Some(ResourceIdentifier { text, origin, path }));
        }
        for text in [
            "api.example.com",
            "http://api.example.com",
            "http://localhost.example.com",
            "https://api.example.com/?a",
            "https://api.example.com/#a",
            "https://user@api.example.com/",
            "https://api.example.com/\"",
        ] {
            assert_eq!(identifier(text), None, "{text}");
        }
    }
}
