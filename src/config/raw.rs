//! What users write, member by member. Every object collects the members that it does not know.
//!
//! The filter needs names and types. The comments, and the rules that follow a `=`, are for the JSON Schema that editors
//! complete configurations by; see `json_schema`.

use serde_json::{Map, Value};

use super::field::{Field, FromValue, Members};
#[cfg(feature = "json-schema")]
use super::json_schema::*;
use crate::route::ParameterKind;

macro_rules! raw {
    (
        $(#[doc = $about:literal])*
        $name:ident {
            $($(#[doc = $doc:literal])* $field:ident $(as $written:literal)? : $type:ty $(= $rule:expr)?),* $(,)?
        } $(= $whole:expr)?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $($(#[doc = $doc])* pub(super) $field: Field<$type>,)*
            /// Members of other names.
            pub(super) unknown: Map<String, Value>,
        }

        impl FromValue for $name {
            fn from_value(value: Value) -> Result<Self, String> {
                let mut members = Map::from_value(value)?;
                Ok(Self { $($field: Field::take(&mut members, raw!(@name $field $($written)?)),)* unknown: members })
            }
        }

        #[cfg(feature = "json-schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                Object::name(stringify!($name))
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut object = Object::new(&[$($about),*]);
                $(object.member(
                    raw!(@name $field $($written)?),
                    &[$($doc),*],
                    generator.subschema_for::<Field<$type>>(),
                    raw!(@rule $($rule)?),
                );)*
                object.finish(raw!(@rule $($whole)?))
            }
        }
    };
    (@name $field:ident $written:literal) => { $written };
    (@name $field:ident) => { stringify!($field) };
    (@rule $rule:expr) => { $rule };
    (@rule) => { any() };
}

type List<T> = Vec<Field<T>>;

raw!(
    /// What cedar-gate decides by: whose tokens it takes, what requests mean, and which policies answer.
    RawConfig {
        /// Whether verdicts are enforced, or only recorded.
        mode: String = is(&MODE),
        /// What the gateway is able to do, which the filter cannot find out.
        host: RawHost,
        /// The issuers of tokens, by names of `a-z`, `0-9` and `-`. The name is the first part of each principal's id.
        providers: Members<RawProvider> = not_empty().and(named("^[a-z0-9-]+$")).required(),
        /// Where tokens stand in requests. Without it: `authorization`, with the scheme `Bearer`.
        credentials: RawCredentials,
        /// What challenges name the protected space by (RFC 9110 §11.5).
        realm: String = matches(REALM_TEXT).or(REALM),
        /// What the filter itself serves about the resource (RFC 9728). Without it: nothing.
        resource_metadata: RawResourceMetadata,
        /// What requests mean. A request that matches no route is refused.
        routes: List<RawRoute> = not_empty().required(),
        /// Where the policies come from: exactly one of these.
        policies: RawPolicies = any().required(),
        /// Roles that one session must not hold together.
        separation: RawSeparation,
        /// What the upstream gets to see.
        forward: RawForward,
        /// What is recorded.
        audit: RawAudit,
        /// Bounds on what one request may cost.
        limits: RawLimits,
        /// Who verifies signatures: `host`, the gateway by its own cryptography; `wasm`, the filter; or `auto`, the gateway
        /// as far as it gives known answers, and else the filter.
        crypto: String = words(Crypto::ALL.map(Crypto::name)).or(Crypto::default().name()),
        /// How many verified tokens each worker remembers.
        token_cache: RawTokenCache,
        /// What authenticates records in the gateway's shared data, and what nonces are derived from: at least 32 bytes,
        /// the same for all workers.
        secret: RawSecret,
        /// How proofs of possession by a key are verified (DPoP, RFC 9449).
        dpop: RawDpop = any().or(Map::new()),
        /// How the certificate of a client is found (RFC 8705).
        client_certificate: RawClientCertificate = any().or(Map::new()),
    }
);

raw!(
    /// How proofs of possession by a key are verified.
    RawDpop {
        /// Accepted algorithms of proofs.
        algorithms: List<String> =
            not_empty().and(each(words(asymmetric()))).or(Dpop::ALGORITHMS.map(Algorithm::name)),
        /// How old a proof may be.
        proof_lifetime: String = span(&PROOF_LIFETIME),
        /// How far ahead the clock of a client may be.
        clock_skew: String = span(&PROOF_SKEW),
        /// Where clients reach the gateway: `https://api.example.com`. Without it: `https`, and the host that the request
        /// names.
        public_origin: String = matches("^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]+/?$"),
        /// Nonces of the server (RFC 9449 §9). They need `secret`.
        nonce: RawNonce,
        /// How used proofs are remembered.
        replay: RawReplay = any().or(Map::new()),
    }
);

raw!(
    /// Nonces of the server, which show that a proof was made since.
    RawNonce {
        /// Whether a proof without one is refused.
        required: bool = any().or(true),
        /// How long a nonce lives.
        lifetime: String = span(&NONCE_LIFETIME),
    }
);

raw!(
    /// How used proofs are remembered, in the gateway's shared data.
    RawReplay {
        /// The most proofs that are remembered; each takes 28 bytes.
        entries: usize = bounded(&REPLAY_ENTRIES),
    }
);

raw!(
    /// How the certificate of a client is found.
    RawClientCertificate {
        /// `connection`: as the gateway tells it of the connection. `xfcc`: in `x-forwarded-client-cert`, which asserts that
        /// the gateway, or one in front of it, replaces what clients send there.
        source as "from": String =
            words(CertificateSource::WORDS.map(|(word, _)| word)).or(CertificateSource::default().name()),
    }
);

raw!(
    /// Which proofs of possession are demanded. A token has to satisfy its provider and the route.
    RawSenderConstraint {
        /// Tokens that are bound to a key (DPoP, RFC 9449).
        dpop: RawDemand,
        /// Tokens that are bound to a client certificate (RFC 8705).
        mtls: RawDemand,
    }
);

raw!(
    /// How many verified tokens each worker remembers.
    RawTokenCache {
        /// Tokens; 0 verifies each token each time.
        entries: usize = bounded(&CACHED_TOKENS),
        /// Bytes of all of them together.
        bytes: usize = bounded(&CACHED_BYTES),
    }
);

raw!(
    /// A secret.
    RawSecret {
        /// The variable of the VM's environment that holds it.
        env: String = not_empty().required(),
    }
);

raw!(
    /// What the gateway is able to do.
    RawHost {
        /// Asserts that the gateway lets the filter hold the headers back until the body is there (Envoy:
        /// `allow_on_headers_stop_iteration: true`). Routes with `body` need it.
        body_before_headers: bool = any().or(false),
    }
);

raw!(
    /// An issuer of tokens.
    RawProvider {
        /// Equal to the claim `iss`, byte for byte.
        issuer: String = not_empty().required(),
        /// One member of the claim `aud` must be one of these, byte for byte.
        audiences: List<String> = not_empty().and(each(not_empty())).required(),
        /// Accepted values of `alg`. There is no `none`.
        algorithms: List<String> = not_empty().and(each(words(Algorithm::ALL.map(Algorithm::name)))).required(),
        /// The issuer's keys, in the configuration.
        local_jwks: RawLocalJwks,
        /// The issuer's keys, where it publishes them.
        remote_jwks: RawRemoteJwks,
        /// The issuer's keys, where its metadata say that they are (RFC 8414).
        discovery: RawDiscovery,
        /// How the issuer is asked about tokens, where that is done (RFC 7662).
        introspection: RawIntrospection,
        /// Rules that several members together keep: `rfc9068` takes what RFC 9068 says that an access token is.
        profile: String = is(&PROFILE),
        /// Where the status lists lie that the issuer's tokens refer to (Token Status List).
        status_list: RawStatusList,
        /// Where the issuer lists the ids of revoked tokens.
        revoked: RawRevoked,
        /// Accepted values of `typ`, without regard to case. `absent` stands for a header without `typ`.
        token_types: List<String> = not_empty().and(each(not_empty())).or([TOKEN_TYPE]),
        /// How far clocks may differ.
        clock_skew: String = span(&CLOCK_SKEW),
        /// The longest time from `iat` to `exp`.
        max_lifetime: String = span(&MAX_LIFETIME),
        /// Claims that must be present and not null, besides `iss`, `aud`, `exp`, `iat` and `sub`.
        require_claims: List<RawClaimPath> = any().or(NONE),
        /// How a principal is made of a token.
        principal: RawPrincipal = any().or(Map::new()),
        /// Which entities a principal belongs to, by its claims: roles, groups.
        parents: List<RawParent> = any().or(NONE),
        /// Which tokens belong to a client instead of a user.
        clients: RawClients,
        /// Which tokens are bound to whom they were issued to. Without it: none, and one that is is refused.
        sender_constraint: RawSenderConstraint,
    } = one_of_or(&["local_jwks", "remote_jwks", "discovery"], "introspection")
);

raw!(
    /// Keys that stand in the configuration.
    RawLocalJwks {
        /// A JWK set (RFC 7517 §5).
        inline: RawJwks = any().required(),
    }
);

raw!(
    /// A JWK set that is fetched, and fetched again before it is too old.
    RawRemoteJwks {
        /// Where it is; the gateway's cluster alone decides where the call goes.
        uri: String = matches(URI).required(),
        /// The cluster of the gateway that is called (nginx: `host:port`).
        cluster: String = not_empty().required(),
        /// How long an attempt may take.
        timeout: String = span(&FETCH_TIMEOUT),
        /// How long a set serves before a newer one is fetched; `Cache-Control` can shorten it.
        cache_duration: String = span(&CACHE_DURATION),
        /// How long a set serves after that, where no newer one can be had.
        max_stale: String = span(&MAX_STALE),
        /// The shortest time between two fetches because of keys that the set does not have.
        cooldown: String = span(&COOLDOWN),
    }
);

raw!(
    /// Metadata of an authorization server (RFC 8414, or OpenID Connect Discovery), below the issuer.
    RawDiscovery {
        /// The cluster of the gateway by which metadata and keys are fetched (nginx: `host:port`).
        cluster: String = not_empty().required(),
        /// How long an attempt may take, all of its calls together.
        timeout: String = span(&FETCH_TIMEOUT),
        /// How long a set serves before a newer one is fetched; `Cache-Control` can shorten it.
        cache_duration: String = span(&CACHE_DURATION),
        /// How long a set serves after that, where no newer one can be had.
        max_stale: String = span(&MAX_STALE),
        /// The shortest time between two fetches because of keys that the set does not have.
        cooldown: String = span(&COOLDOWN),
    }
);

raw!(
    /// How an issuer is asked about tokens (RFC 7662).
    RawIntrospection {
        /// The introspection endpoint; the gateway's cluster alone decides where the call goes.
        uri: String = matches(URI).required(),
        /// The cluster of the gateway that is called (nginx: `host:port`).
        cluster: String = not_empty().required(),
        /// Which tokens it is asked about: those that are no JWT, JWTs of this issuer, or all of these. One provider at
        /// most is asked about tokens that are no JWT.
        tokens: String = words(TOKENS).or(TOKENS_DEFAULT),
        /// Who the gateway is to the issuer.
        client_id: String = not_empty().required(),
        /// The secret of `client_secret_basic` and `client_secret_post`.
        client_secret: RawSecret,
        /// The key of `private_key_jwt`: a private JWK on P-256, P-384 or Ed25519.
        client_key: RawSecret,
        /// How the gateway proves who it is. Without it: by `client_secret_basic` or `private_key_jwt`, whichever fits.
        authentication: String = words(AUTHENTICATION),
        /// `aud` of the assertions of `private_key_jwt`. Without it: the issuer.
        assertion_audience: String = not_empty(),
        /// Whether answers must be signed by the issuer (RFC 9701).
        signed: bool = any().or(false),
        /// Claims that an answer about an active token may lack, and that something stands for then.
        may_lack: List<String> = each(words(LACKABLE)).or(NONE),
        /// How long an answer may take.
        timeout: String = span(&FETCH_TIMEOUT),
        /// How long an answer about an active token serves; never longer than the token.
        cache_duration: String = span(&ANSWER_DURATION),
        /// How long an answer about any other token serves.
        negative_cache_duration: String = span(&REFUSAL_DURATION),
    } = one_of(&["client_secret", "client_key"])
);

raw!(
    /// Where status lists lie.
    RawStatusList {
        /// The cluster of the gateway by which they are fetched (nginx: `host:port`).
        cluster: String = not_empty().required(),
        /// Where they may be: below a URI that ends with `/`, or at exactly this one.
        uris: List<String> = not_empty().and(each(matches(URI))).required(),
        /// Whether a token that refers to no status list is refused.
        required: bool = any().or(false),
        /// How long a fetch may take.
        timeout: String = span(&FETCH_TIMEOUT),
        /// How long a list serves before a newer one is fetched; its own `ttl`, or `Cache-Control`, can shorten it.
        cache_duration: String = span(&LIST_DURATION),
        /// How long a list serves after that, where no newer one can be had.
        max_stale: String = span(&LIST_STALE),
    }
);

raw!(
    /// Where the ids of revoked tokens are listed.
    RawRevoked {
        /// Where the list is; the gateway's cluster alone decides where the call goes.
        uri: String = matches(URI).required(),
        /// The cluster of the gateway that is called (nginx: `host:port`).
        cluster: String = not_empty().required(),
        /// How long a fetch may take.
        timeout: String = span(&FETCH_TIMEOUT),
        /// How long a list serves before a newer one is fetched; `Cache-Control` can shorten it.
        cache_duration: String = span(&LIST_DURATION),
        /// How long a list serves after that, where no newer one can be had.
        max_stale: String = span(&LIST_STALE),
    }
);

raw!(
    /// A JWK set (RFC 7517 §5).
    RawJwks {
        /// Public keys, or secrets for HMAC. Further members of a key are not looked at.
        keys: List<Map<String, Value>> = not_empty().required(),
    }
);

raw!(
    /// How a principal is made of a token.
    RawPrincipal {
        /// Its entity type.
        entity_type as "type": String = entity_type().or(PRINCIPAL_TYPE),
        /// The claim behind its id. Not one that may be given to somebody else one day, such as an address.
        id: RawClaimPath = any().or(PRINCIPAL_ID),
        /// Its attributes, by their names in policies.
        attributes: Members<RawClaimAttribute> = any().or(Map::new()),
    }
);

raw!(
    /// An attribute that comes from a claim.
    RawClaimAttribute {
        /// Where its value stands.
        claim: RawClaimPath = any().required(),
        /// Its type. A claim of another type refuses the token.
        value_type as "type": String = value_type(true).required(),
        /// Whether a token without it is refused.
        required: bool = any().or(false),
    }
);

raw!(
    /// Entities that a principal belongs to, by one of its claims.
    RawParent {
        /// A list of strings: roles, groups.
        claim: RawClaimPath = any().required(),
        /// Their entity type.
        entity_type as "type": String = entity_type().required(),
        /// The values that count; others are passed over. Without it, all count.
        allow: List<String> = not_empty().and(each(not_empty())),
    }
);

raw!(
    /// Tokens whose subject is a client (RFC 9068 §5).
    RawClients {
        /// The entity type of such principals.
        entity_type as "type": String = entity_type().required(),
        /// What such a token is known by.
        when: RawClientCondition = any().required(),
    }
);

raw!(
    /// Two claims that are equal in the token of a client.
    RawClientCondition {
        /// The one.
        claim: RawClaimPath = any().required(),
        /// The other.
        equals_claim: RawClaimPath = any().required(),
    }
);

raw!(
    /// Where tokens stand in requests. A request has exactly one, over all of these places.
    RawCredentials {
        /// Headers that may carry the token.
        from_headers: List<RawHeaderCredential> = any().or(NONE),
        /// Cookies that may carry the token.
        from_cookies: List<RawCookieCredential> = any().or(NONE),
        /// Parameters of the query that may carry the token (RFC 6750 §2.3).
        from_params: List<RawParameterCredential> = any().or(NONE),
    }
);

raw!(
    /// A cookie that may carry the token.
    RawCookieCredential {
        /// Its name, with its prefix (`__Host-token`).
        name: String = matches(HEADER_NAME).required(),
    }
);

raw!(
    /// A parameter of the query that may carry the token.
    RawParameterCredential {
        /// Its name: `access_token`.
        name: String = matches("^[A-Za-z0-9._~-]{1,256}$").required(),
    }
);

raw!(
    /// A header that may carry the token.
    RawHeaderCredential {
        /// Its name.
        name: String = matches(HEADER_NAME).required(),
        /// Accepted schemes: `Bearer`, `DPoP`. Without any, the value is the token itself.
        schemes: List<String> = each(matches("^([Bb][Ee][Aa][Rr][Ee][Rr]|[Dd][Pp][Oo][Pp])$")).or(NONE),
    }
);

raw!(
    /// What the filter itself serves about the resource (RFC 9728), at
    /// `/.well-known/oauth-protected-resource` before the path of the resource.
    RawResourceMetadata {
        /// The identifier of the resource: an https URL without query and fragment.
        resource: String = matches("^https?://").required(),
        /// The issuers of tokens. Without it: those of `providers` that are https URLs.
        authorization_servers: List<String> = each(matches("^https?://")),
        /// Scopes that clients may ask for. Without it: those of `routes`.
        scopes_supported: List<String> = each(matches(SCOPE)),
        /// What the resource is called.
        resource_name: String,
        /// A page for developers.
        resource_documentation: String = matches("^https?://"),
        /// A page about the use of data.
        resource_policy_uri: String = matches("^https?://"),
        /// A page with the terms of service.
        resource_tos_uri: String = matches("^https?://"),
    }
);

raw!(
    /// Requests of some methods to one path, and what they mean.
    RawRoute {
        /// Methods in upper case. `HEAD` is not implied by `GET`.
        methods: List<String> = not_empty().and(each(matches("^[A-Z-]+$").but_not("CONNECT"))).required(),
        /// A path with parameters: `/payments/{id}`, `/files/{*rest}`.
        path: String = matches("^/").required(),
        /// The grammars of path parameters.
        params: Members<RawParameterKind> = named("^[a-z][a-z0-9_]*$"),
        /// Whether everybody may pass, without a token, or policies decide.
        access: String = is(&ACCESS),
        /// An action's id (`view`), or its whole name (`Bank::Action::"view"`).
        action: String,
        /// What the action is done to.
        resource: RawResource,
        /// Scopes that the token must have, all of them.
        scopes: List<String> = each(matches(SCOPE)).or(NONE),
        /// Members of the JSON body that policies see, by their names in policies. The request waits for its body.
        body: Members<RawBodyMember>,
        /// Query parameters that policies see.
        query: Members<RawDeclaration>,
        /// Request headers that policies see, by their names in lower case.
        headers: Members<RawDeclaration> = named(LOWER_CASE_HEADER_NAME),
        /// Which tokens must be bound to whom they were issued to, besides of what their provider says. Without it: it is
        /// up to the provider.
        sender_constraint: RawSenderConstraint,
        /// Whether a CORS preflight for this route passes without a token.
        cors: bool = any().or(false),
        /// How long a stream may live on: `token` ends it when its token ends, where the gateway can.
        max_stream_age: String = is(&MAX_STREAM_AGE),
    } = unless_public(&["action", "resource"], &["scopes", "body", "query", "headers", "sender_constraint", "max_stream_age"])
);

raw!(
    /// How the resource of a request is made.
    RawResource {
        /// Its entity type.
        entity_type as "type": String = entity_type().required(),
        /// Its id, a text with path parameters: `{id}`, `{tenant}/{id}`, `main`.
        id: String = not_empty().required(),
        /// What it belongs to.
        parents: List<RawResourceParent> = any().or(NONE),
        /// What the request says about it, by names in policies.
        attributes: Members<RawAttributeSource> = any().or(Map::new()),
    }
);

raw!(
    /// An entity that a resource belongs to.
    RawResourceParent {
        /// Its entity type.
        entity_type as "type": String = entity_type().required(),
        /// Its id, a text with path parameters.
        id: String = not_empty().required(),
    }
);

raw!(
    /// Where an attribute of a resource comes from: exactly one of these.
    RawAttributeSource {
        /// The pointer of a member that the route's `body` declares.
        body: String = matches(POINTER),
        /// A path parameter.
        param: String,
        /// A parameter that the route's `query` declares.
        query: String,
        /// A fixed text.
        text: String,
    } = one_of_its_members()
);

raw!(
    /// A member of the JSON body.
    RawBodyMember {
        /// Where it stands (RFC 6901).
        pointer: String = matches(POINTER).required(),
        /// Its type. A body with another type there is refused.
        value_type as "type": String = value_type(true).required(),
        /// Whether a body without it is refused.
        required: bool = any().or(false),
    }
);

raw!(
    /// A query parameter or a header.
    RawDeclaration {
        /// Its type. A request with another value there is refused.
        value_type as "type": String = value_type(false).required(),
        /// Whether a request without it is refused.
        required: bool = any().or(false),
    }
);

raw!(
    /// Where the policies come from: exactly one of these.
    RawPolicies {
        /// The name of a policy set that is compiled in.
        embedded: String,
        /// A policy set as text.
        inline: RawInlinePolicies,
        /// A folder beside the configuration, with `schema.cedarschema`, policies in `*.cedar`, and perhaps
        /// `entities.json`. For `cedar-gate render`, which puts its content here; the filter itself reads no files.
        directory: String,
    } = one_of_its_members()
);

raw!(
    /// A policy set as text.
    RawInlinePolicies {
        /// A schema in Cedar's own syntax.
        schema: String = any().required(),
        /// Policies in Cedar's own syntax: one text, or texts by the names of their files.
        policies: RawPolicyTexts = any().required(),
        /// Static entities in Cedar's JSON form.
        entities: List<Value> = any().or(NONE),
    }
);

raw!(
    /// Separation of duties.
    RawSeparation {
        /// Sets of roles of which one session may hold a few at most.
        constraints as "static": List<RawStaticConstraint> = any().or(NONE),
    }
);

raw!(
    /// Roles of which one session may hold a few at most.
    RawStaticConstraint {
        /// Its name in audit records.
        id: String = not_empty().required(),
        /// The ids of two or more different roles.
        roles: List<String> = any().different(2).required(),
        /// The entity type of the roles.
        entity_type as "type": String = entity_type().or(ROLE_TYPE),
        /// How many of them a session may hold; less than their number.
        at_most: usize = any().at_least(1).required(),
    }
);

raw!(
    /// What the upstream gets to see.
    RawForward {
        /// Whether the headers that may carry the token go on.
        token: String = is(&TOKEN),
        /// Headers that are set from claims of the verified token. The same names from outside are removed.
        headers: Members<RawClaimPath> = named(HEADER_NAME),
        /// Headers that are removed from every request, in every spelling.
        protected_headers: List<String> = each(matches(HEADER_NAME)).or(NONE),
    }
);

raw!(
    /// What is recorded.
    RawAudit {
        /// Whether each decision is logged, at level info.
        log: bool = any().or(true),
    }
);

raw!(
    /// Bounds on what one request may cost.
    RawLimits {
        /// Bytes of the longest token.
        token_bytes: usize = bounded(&TOKEN_BYTES),
        /// Levels of arrays and objects in the claims.
        claims_depth: usize = bounded(&CLAIMS_DEPTH),
        /// How deep policies and schema may nest.
        policy_depth: usize = bounded(&POLICY_DEPTH),
        /// Operators on the way from the outside of a policy to its deepest expression.
        policy_chain: usize = bounded(&POLICY_CHAIN),
        /// Bytes of the longest body that a decision waits for.
        body_bytes: usize = bounded(&BODY_BYTES),
        /// How long a decision waits for a body.
        body_timeout: String = span(&BODY_TIMEOUT),
        /// How long a request waits, from its arrival, for keys and answers from elsewhere.
        wait_timeout: String = span(&WAIT_TIMEOUT),
    }
);

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

/// `off`, `optional` or `required`. YAML readers of the old kind make a Boolean of `off`.
#[derive(Debug)]
pub(super) struct RawDemand(pub(super) String);

impl FromValue for RawDemand {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Bool(false) => Ok(Self("off".to_owned())),
            Value::String(word) => Ok(Self(word)),
            Value::Null | Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err("must be `off`, `optional` or `required`".to_owned())
            }
        }
    }
}

/// `integer`, or `{pattern: "…"}`.
#[derive(Debug)]
pub(super) enum RawParameterKind {
    Named(String),
    Pattern(RawPattern),
}

raw!(
    /// A grammar of one's own.
    RawPattern {
        /// A regular expression that must match the whole value.
        pattern: String = any().required(),
    }
);

impl FromValue for RawParameterKind {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::String(name) => Ok(Self::Named(name)),
            Value::Object(_) => RawPattern::from_value(value).map(Self::Pattern),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err(format!("must be {}, or an object with `pattern`", ParameterKind::NAMES.join(", ")))
            }
        }
    }
}
