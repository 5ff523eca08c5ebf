//! What the steps of a decision look at.
//!
//! A step notes what it sees before it judges it. So where a request is refused, the last note before
//! [`Note::Outcome`] is about what it was refused for; [`Note::Verdict`] is the one judgement that is a note itself.
//!
//! No note holds a token, and of its claims only those are noted that are used. Texts that somebody else chose are as
//! long and as strange as they came: who shows them has to see to that.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::policy::PolicyInspection;

/// One thing that a step looks at.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// The audience of the token, and ours.
    Audience {
        /// `aud`, as it stands in the token.
        claim: Option<Value>,
        /// The audiences that the provider accepts.
        accepted: Vec<String>,
    },
    /// The proofs of possession that are demanded.
    Binding {
        /// The members of the token's `cnf`, where it has one; none where that is no object.
        confirmation: Option<Vec<String>>,
        /// What the provider says.
        provider: Demands,
        /// What the route says.
        route: Demands,
        /// The scheme that the token came in.
        scheme: &'static str,
    },
    /// The body has arrived.
    Body {
        /// Its length, in bytes.
        bytes: usize,
        /// What the route declares of it.
        members: Vec<Declared>,
    },
    /// The decision needs the body; what the head says about it.
    BodyHead {
        /// `content-type`.
        content_type: Option<String>,
        /// `content-encoding`.
        content_encoding: Option<String>,
        /// `content-length`.
        content_length: Option<String>,
        /// The most bytes that a body may have.
        longest: usize,
    },
    /// The certificate of the client, where the token is bound to one.
    Certificate {
        /// Where it is looked for: `connection` or `xfcc`.
        source: &'static str,
        /// How often it is told there.
        found: usize,
        /// Whether the gateway says that it has verified it; nothing where the source alone stands for that.
        verified: Option<bool>,
    },
    /// The claims that the principal and the rest of the session are made of.
    Claims {
        /// One by one.
        claims: Vec<ClaimNote>,
    },
    /// The gateway's clock.
    Clock {
        /// What it says (RFC 3339).
        time: String,
        /// Whether it can be right.
        reliable: bool,
    },
    /// Where credentials may stand, and what stands there.
    Credential {
        /// One by one.
        places: Vec<CredentialPlace>,
        /// The length of the longest token that is accepted, in bytes.
        longest: usize,
    },
    /// Values of headers that the route declares.
    DeclaredHeaders {
        /// One by one.
        values: Vec<Declared>,
    },
    /// Values of the query that the route declares.
    DeclaredQuery {
        /// One by one.
        values: Vec<Declared>,
    },
    /// The keys of the provider, where they are fetched.
    FetchedKeys {
        /// Where they are fetched from.
        from: String,
        /// Whether they are there.
        at_hand: AtHand,
        /// `kid` of each key that is there, where it has one.
        keys: Vec<Option<String>>,
    },
    /// What the upstream is told.
    Forward {
        /// Headers that are removed.
        removed: Vec<String>,
        /// Headers that go on without the credential in them.
        rewritten: Vec<String>,
        /// Headers that are set: the name, the claim that it is made of, and whether that can be written into a header.
        set: Vec<(String, String, bool)>,
    },
    /// The head has arrived.
    Head {
        /// The method.
        method: String,
        /// The path as it was sent, without the query.
        path: String,
        /// Whether there is a query.
        query: bool,
        /// The host as it was sent.
        authority: String,
        /// The address of the peer, where the gateway tells it.
        source: Option<String>,
    },
    /// The host in its one form; nothing where it has none.
    Host {
        /// The host.
        host: Option<String>,
    },
    /// What the provider says about the token.
    Introspection {
        /// The provider.
        provider: String,
        /// Where it is asked.
        from: String,
        /// Whether it has answered.
        at_hand: AtHand,
        /// Why its answer refuses the token, where it does.
        cause: Option<&'static str>,
    },
    /// The keys of the provider that may have signed.
    Keys {
        /// `kid` of each key that is tried, where it has one.
        tried: Vec<Option<String>>,
        /// `kid` of each key that serves the algorithm, for comparison.
        serving: Vec<Option<String>>,
    },
    /// The time between `iat` and `exp`.
    Lifetime {
        /// In seconds.
        seconds: i64,
        /// The longest that is accepted, in seconds.
        longest: i64,
    },
    /// What could make the request another one behind the filter.
    Meaning {
        /// The headers that `connection` names.
        connection: Vec<String>,
        /// Whether the query has `_method`.
        method_parameter: bool,
    },
    /// A key that is not among those that were fetched, and may be a newer one.
    NewKey {
        /// Its `kid`.
        key: String,
        /// Whether newer keys are awaited. [`AtHand::Ready`] says that they have been fetched, or were of late.
        at_hand: AtHand,
    },
    /// No route has been found.
    NoRoute {
        /// The routes that come nearest.
        nearest: Vec<NearRoute>,
    },
    /// The token is no JWT, so that a provider has to be asked about it.
    OpaqueToken {
        /// Its length in bytes.
        bytes: usize,
        /// The provider; nothing where none is asked about such tokens.
        provider: Option<String>,
    },
    /// What became of the request. [`Note::Forward`] follows where it goes on.
    Outcome {
        /// `allow` or `deny`.
        decision: &'static str,
        /// Why it is refused.
        cause: Option<&'static str>,
        /// `enforce` or `shadow`.
        mode: &'static str,
        /// The status of the filter's own answer; nothing where the request goes on.
        status: Option<u16>,
    },
    /// The path in its one form; nothing where it has none.
    Path {
        /// The path.
        path: Option<String>,
    },
    /// What each policy says.
    Policies {
        /// In the order of their ids.
        policies: Vec<PolicyInspection>,
    },
    /// Who asks.
    Principal {
        /// As policies name it.
        principal: String,
        /// Whether the token belongs to a client and not to a user.
        is_client: bool,
        /// The OAuth client.
        client: Option<String>,
        /// What it belongs to by its token.
        parents: Vec<ParentsNote>,
        /// Who acts for it: `issuer|subject`, the current actor first.
        actors: Vec<String>,
        /// The scopes that were granted.
        scopes: Vec<String>,
    },
    /// The proof that the sender holds the key which the token is bound to.
    Proof {
        /// How many headers there are for it.
        headers: usize,
        /// What it says; nothing where it cannot be read.
        claims: Option<ProofClaims>,
        /// The method that it has to be for.
        method: String,
        /// The URL that it has to be for; nothing where the request names none.
        url: Option<String>,
        /// Now, in seconds since the Unix epoch.
        now: i64,
    },
    /// What the gateway's shared data say about a proof, of which they remember whether it was used.
    ProofMemory {
        /// Their answer.
        answer: MemoryAnswer,
    },
    /// The provider that the issuer belongs to.
    Provider {
        /// Its name; nothing where the issuer is nobody's.
        name: Option<String>,
        /// The algorithms that it may use.
        algorithms: Vec<String>,
        /// The types of tokens that it may use.
        token_types: Vec<String>,
    },
    /// A browser asks before a request to a route that lets it ask (CORS).
    Preflight {
        /// The place of the route among the routes, from 0.
        index: usize,
        /// As audit records name it.
        name: String,
    },
    /// The question to the policies.
    Question {
        /// Who asks.
        principal: EntityNote,
        /// What for.
        action: String,
        /// About what.
        resource: EntityNote,
        /// Under which circumstances, as far as the schema declares them; Cedar's JSON form.
        context: Value,
    },
    /// Claims that must be there.
    RequiredClaims {
        /// Each one, and whether it is there.
        claims: Vec<(String, bool)>,
    },
    /// The metadata of the resource is asked for, which the filter itself has.
    ResourceMetadata {
        /// Where it stands.
        url: String,
    },
    /// The list of revoked tokens.
    RevokedIds {
        /// Where it is fetched from.
        from: String,
        /// Whether it is there.
        at_hand: AtHand,
        /// `jti`, as it stands in the token.
        id: Option<Value>,
    },
    /// The route has been found.
    Route {
        /// Its place among the routes, from 0.
        index: usize,
        /// As audit records name it.
        name: String,
        /// Path parameters.
        parameters: BTreeMap<String, String>,
        /// The action; nothing where the route is public.
        action: Option<String>,
    },
    /// The scopes of the route.
    Scopes {
        /// Those that the route asks for.
        asked: Vec<String>,
        /// Those of them that the token lacks.
        missing: Vec<String>,
    },
    /// Roles that must not stand together.
    Separation {
        /// Everything that the principal descends from.
        held: Vec<String>,
        /// Each constraint.
        constraints: Vec<RolesNote>,
    },
    /// The signature holds.
    Signature {
        /// `kid` of the key that signed, where it has one.
        key: Option<String>,
    },
    /// What the token says about its status.
    Status {
        /// `status`, as it stands in the token.
        claim: Option<Value>,
        /// Where status lists of the provider may be.
        places: Vec<String>,
        /// Whether a token without a status is refused.
        required: bool,
    },
    /// The status list that the token refers to.
    StatusList {
        /// Where it is fetched from.
        from: String,
        /// Whether it is there.
        at_hand: AtHand,
        /// The token's place in it.
        index: u64,
        /// What stands there; nothing where the list is shorter, or not there. 0 is a valid token.
        status: Option<u8>,
    },
    /// When the token is valid.
    Times {
        /// Now, in seconds since the Unix epoch.
        now: i64,
        /// How far clocks may differ, in seconds.
        skew: i64,
        /// `iat`, as it stands in the token.
        issued_at: Option<Value>,
        /// `nbf`, as it stands in the token.
        not_before: Option<Value>,
        /// `exp`, as it stands in the token.
        expires_at: Option<Value>,
    },
    /// What the token says about itself, none of it verified.
    Token {
        /// Its length in bytes.
        bytes: usize,
        /// Nothing where it cannot be read.
        head: Option<TokenHead>,
    },
    /// What the policies say together.
    Verdict {
        /// Why they do not permit; nothing where they do.
        cause: Option<&'static str>,
        /// What the sender is asked for, as the challenge says it: names and values.
        asks: Vec<(&'static str, String)>,
        /// The policies that determined it.
        policies: Vec<String>,
        /// Their reasons.
        reasons: Vec<String>,
        /// Errors of policies.
        errors: Vec<String>,
    },
}

/// Whether something that comes from elsewhere is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AtHand {
    /// It may come, and is waited for.
    Awaited,
    /// It is there.
    Ready,
    /// It cannot be had now.
    Unavailable,
}

/// Which proofs of possession somebody demands, in the words of the configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Demands {
    /// By a key.
    pub dpop: &'static str,
    /// By a client certificate.
    pub mtls: &'static str,
}

/// What a proof of possession says, none of it verified.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProofClaims {
    /// `alg`.
    pub algorithm: String,
    /// `typ`.
    pub token_type: Option<String>,
    /// `htm`.
    pub method: Option<Value>,
    /// `htu`.
    pub url: Option<Value>,
    /// `iat`.
    pub issued_at: Option<Value>,
    /// Whether it has `nonce`.
    pub nonce: bool,
}

/// What shared data answer when they are asked for a record, or told to change it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryAnswer {
    /// There is no record yet.
    Absent,
    /// Somebody else was faster.
    Conflict,
    /// Here is the record.
    Found,
    /// They cannot be used.
    Unavailable,
    /// The record is written.
    Written,
}

/// A place where a credential may stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CredentialPlace {
    /// What carries it.
    pub carrier: Carrier,
    /// The name of that.
    pub name: String,
    /// The schemes that are accepted there; none where the value is the token itself.
    pub schemes: Vec<String>,
    /// How often it occurs, in whichever spelling.
    pub values: usize,
    /// The scheme of its value, as far as it can be read.
    pub scheme: Option<String>,
}

/// What carries a credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// A cookie.
    Cookie,
    /// A header.
    Header,
    /// A parameter of the query.
    Parameter,
}

/// The header of a token, and its issuer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenHead {
    /// `alg`.
    pub algorithm: String,
    /// `kid`.
    pub key_id: Option<String>,
    /// `typ`.
    pub token_type: Option<String>,
    /// `iss`.
    pub issuer: Option<String>,
}

/// A claim that the session is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimNote {
    /// Where it stands.
    pub claim: String,
    /// What is made of it.
    pub makes: Mint,
    /// Its value.
    pub value: Option<Value>,
    /// Whether a token without it is refused.
    pub required: bool,
    /// Whether it is of the type that it must have; so is one that is not there.
    pub fits: bool,
}

/// What is made of a claim.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mint {
    /// An attribute of the principal, with its type.
    Attribute(String, &'static str),
    /// The OAuth client.
    Client,
    /// A part of the session that policies can ask for.
    Context,
    /// The id of the principal.
    Id,
    /// Parents of the principal, of this entity type.
    Parents(String),
    /// Granted scopes.
    Scopes,
}

/// Parents of the principal that come from one claim.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ParentsNote {
    /// Where it stands.
    pub claim: String,
    /// The entity type.
    pub entity_type: String,
    /// The values that count.
    pub taken: Vec<String>,
    /// The values that do not: `allow` does not name them.
    pub left_out: Vec<String>,
}

/// A constraint of static separation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RolesNote {
    /// Its name.
    pub id: String,
    /// How many of its roles may stand together.
    pub at_most: usize,
    /// Its roles that the session holds.
    pub held: Vec<String>,
}

/// A value that a route declares.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Its type.
    pub value_type: &'static str,
    /// Whether a request without it is refused.
    pub required: bool,
    /// What was found, as text.
    pub found: Option<String>,
    /// Whether it is as declared.
    pub fits: bool,
}

/// Where a declared value stands.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At this pointer of the body.
    Body(String),
    /// In a header.
    Header,
    /// In the query.
    Query,
}

/// A route that a request almost has.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "miss")]
pub enum NearRoute {
    /// The path is that of the route, the method is not.
    Method {
        /// The route.
        route: String,
    },
    /// A parameter is not of its kind.
    Parameter {
        /// The route.
        route: String,
        /// The parameter.
        name: String,
        /// Its kind.
        kind: String,
        /// What stands in its place.
        value: String,
    },
    /// The path begins like that of the route.
    Path {
        /// The route.
        route: String,
        /// The segments that are alike.
        alike: usize,
    },
}

/// An entity as policies see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityNote {
    /// As policies name it.
    pub id: String,
    /// Everything that it descends from.
    pub ancestors: Vec<String>,
    /// Its attributes, in Cedar's JSON form.
    pub attributes: BTreeMap<String, Value>,
    /// Where each attribute comes from: the claim, the place in the request, or the static entities.
    pub sources: BTreeMap<String, String>,
}
