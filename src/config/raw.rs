//! What users write, member by member. Every object collects the members that it does not know.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::field::Field;

type Unknown = BTreeMap<String, Value>;

macro_rules! raw {
    ($(#[$attribute:meta])* $name:ident { $($field:ident $(as $written:literal)? : $type:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, expecting = "an object")]
        pub(super) struct $name {
            $($(#[serde(rename = $written)])? pub(super) $field: Field<$type>,)*
            #[serde(flatten)]
            pub(super) unknown: Unknown,
        }
    };
}

type List<T> = Vec<Field<T>>;
type Members<T> = BTreeMap<String, Field<T>>;

raw!(RawConfig {
    mode: String,
    host: RawHost,
    providers: Members<RawProvider>,
    credentials: RawCredentials,
    routes: List<RawRoute>,
    policies: RawPolicies,
    separation: RawSeparation,
    forward: RawForward,
    audit: RawAudit,
    limits: RawLimits,
});

raw!(RawHost { body_before_headers: bool });

raw!(RawProvider {
    issuer: String,
    audiences: List<String>,
    algorithms: List<String>,
    local_jwks: RawLocalJwks,
    token_types: List<String>,
    clock_skew: String,
    max_lifetime: String,
    require_claims: List<RawClaimPath>,
    principal: RawPrincipal,
    parents: List<RawParent>,
    clients: RawClients,
});

raw!(RawLocalJwks { inline: RawJwks });

raw!(RawJwks {
    keys: List<Map<String, Value>>,
});

raw!(RawPrincipal {
    entity_type as "type": String,
    id: RawClaimPath,
    attributes: Members<RawClaimAttribute>,
});

raw!(RawClaimAttribute {
    claim: RawClaimPath,
    value_type as "type": String,
    required: bool,
});

raw!(RawParent {
    claim: RawClaimPath,
    entity_type as "type": String,
    allow: List<String>,
});

raw!(RawClients {
    entity_type as "type": String,
    when: RawClientCondition,
});

raw!(RawClientCondition { claim: RawClaimPath, equals_claim: RawClaimPath });

raw!(RawCredentials {
    from_headers: List<RawHeaderCredential>,
});

raw!(RawHeaderCredential {
    name: String,
    schemes: List<String>,
});

raw!(RawRoute {
    methods: List<String>,
    path: String,
    params: Members<RawParameterKind>,
    access: String,
    action: String,
    resource: RawResource,
    scopes: List<String>,
    body: Members<RawBodyMember>,
    query: Members<RawDeclaration>,
    headers: Members<RawDeclaration>,
});

raw!(RawResource {
    entity_type as "type": String,
    id: String,
    parents: List<RawResourceParent>,
    attributes: Members<RawAttributeSource>,
});

raw!(RawResourceParent {
    entity_type as "type": String,
    id: String,
});

raw!(RawAttributeSource { body: String, param: String, query: String, text: String });

raw!(RawBodyMember {
    pointer: String,
    value_type as "type": String,
    required: bool,
});

raw!(RawDeclaration {
    value_type as "type": String,
    required: bool,
});

raw!(RawPolicies { embedded: String, inline: RawInlinePolicies });

raw!(RawInlinePolicies {
    schema: String,
    policies: String,
    entities: Vec<Value>,
});

raw!(RawSeparation {
    constraints as "static": List<RawStaticConstraint>,
});

raw!(RawStaticConstraint {
    id: String,
    roles: List<String>,
    entity_type as "type": String,
    at_most: usize,
});

raw!(RawForward {
    token: String,
    headers: Members<RawClaimPath>,
    protected_headers: List<String>,
});

raw!(RawAudit { log: bool });

raw!(RawLimits {
    token_bytes: usize,
    claims_depth: usize,
    policy_depth: usize,
    policy_chain: usize,
    body_bytes: usize,
    body_timeout: String,
});

/// `realm_access.roles`, or `["https://example.com/roles"]`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a claim's name, members separated by dots, or a list of member names")]
pub(super) enum RawClaimPath {
    Dotted(String),
    Members(Vec<String>),
}

/// `integer`, or `{pattern: "…"}`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "integer, slug, segment, uuid, or an object with `pattern`")]
pub(super) enum RawParameterKind {
    Named(String),
    Pattern(RawPattern),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPattern {
    pub(super) pattern: String,
}
