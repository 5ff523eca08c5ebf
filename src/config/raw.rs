//! What users write, member by member. Every object collects the members that it does not know.

use serde_json::{Map, Value};

use super::field::{Field, FromValue, Members};

macro_rules! raw {
    ($name:ident { $($field:ident $(as $written:literal)? : $type:ty),* $(,)? }) => {
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $field: Field<$type>,)*
            /// Members of other names.
            pub(super) unknown: Map<String, Value>,
        }

        impl FromValue for $name {
            fn from_value(value: Value) -> Result<Self, String> {
                let mut members = Map::from_value(value)?;
                Ok(Self { $($field: Field::take(&mut members, raw!(@name $field $($written)?)),)* unknown: members })
            }
        }
    };
    (@name $field:ident $written:literal) => { $written };
    (@name $field:ident) => { stringify!($field) };
}

type List<T> = Vec<Field<T>>;

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

raw!(RawPolicies { embedded: String, inline: RawInlinePolicies, directory: String });

raw!(RawInlinePolicies {
    schema: String,
    policies: RawPolicyTexts,
    entities: List<Value>,
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

/// One text, or texts by the names of their files.
#[derive(Debug)]
pub(super) enum RawPolicyTexts {
    Named(Members<String>),
    One(String),
}

impl FromValue for RawPolicyTexts {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(Self::One(text)),
            Value::Object(_) => Members::from_value(value).map(Self::Named),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err("must be a string, or an object with a string for each file".to_owned())
            }
        }
    }
}

/// `realm_access.roles`, or `["https://example.com/roles"]`.
#[derive(Debug)]
pub(super) enum RawClaimPath {
    Dotted(String),
    Members(Vec<String>),
}

impl FromValue for RawClaimPath {
    fn from_value(value: Value) -> Result<Self, String> {
        let members = match value {
            Value::String(text) => return Ok(Self::Dotted(text)),
            Value::Array(items) => items.into_iter().map(String::from_value).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(String::new()),
        };
        members
            .map(Self::Members)
            .map_err(|_| "must be a claim's name, members separated by dots, or a list of member names".to_owned())
    }
}

/// `integer`, or `{pattern: "…"}`.
#[derive(Debug)]
pub(super) enum RawParameterKind {
    Named(String),
    Pattern(RawPattern),
}

raw!(RawPattern { pattern: String });

impl FromValue for RawParameterKind {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::String(name) => Ok(Self::Named(name)),
            Value::Object(_) => RawPattern::from_value(value).map(Self::Pattern),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err("must be integer, segment, slug, uuid, or an object with `pattern`".to_owned())
            }
        }
    }
}
