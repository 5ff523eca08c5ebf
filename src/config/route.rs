//! Routes: drafts that the policies are asked about, and the table that is made of them.

use std::collections::BTreeMap;

use super::fault::At;
use super::field::{Field, Members, Switch};
use super::provider::{entity_type, value_type};
use super::raw::{RawAttributeSource, RawBodyMember, RawDeclaration, RawParameterKind, RawResource, RawRoute};
use super::sender;
use crate::http::HeaderName;
use crate::policy::{Plan, RouteQuestion, ValueType};
use crate::route::{
    Access, AttributeSource, BodyMember, Declaration, ParameterKind, PathTemplate, Protected, PublicAccess,
    ResourceTemplate, Route, RouteTable, TextTemplate,
};
use crate::sender::SenderConstraint;
use crate::token::is_scope_character;

/// Whether everybody may pass, without a token.
pub(super) const ACCESS: Switch = Switch { words: ["public", "protected"], on: "public" };

/// Whether a stream may outlive its token.
pub(super) const MAX_STREAM_AGE: Switch = Switch { words: ["none", "token"], on: "token" };

/// A route whose question to the policies has not been planned yet.
pub(super) struct Draft {
    at: String,
    methods: Vec<String>,
    path: PathTemplate,
    /// Nothing for a public route.
    asks: Option<Asks>,
    cors: bool,
}

struct Asks {
    action: String,
    resource: ResourceTemplate,
    scopes: Vec<String>,
    body: BTreeMap<String, BodyMember>,
    query: BTreeMap<String, Declaration>,
    headers: BTreeMap<String, Declaration>,
    sender_constraint: SenderConstraint,
    ends_with_token: bool,
}

pub(super) fn drafts(at: &At, raw: Option<Vec<Field<RawRoute>>>, body_before_headers: bool) -> Option<Vec<Draft>> {
    let raw = raw?;
    if raw.is_empty() {
        at.fault("is empty: every request would be refused");
    }
    let mut drafts = Vec::new();
    for (at, raw) in at.items(raw) {
        drafts.extend(draft(&at, raw, body_before_headers));
    }
    Some(drafts)
}

fn draft(at: &At, raw: RawRoute, body_before_headers: bool) -> Option<Draft> {
    at.unknown(&raw.unknown);
    let methods = methods(at, at.require("methods", raw.methods).unwrap_or_default());
    let kinds = kinds(&at.field("params"), at.take("params", raw.params).unwrap_or_default());
    let path = at.require("path", raw.path).and_then(|text| {
        PathTemplate::parse(&text, kinds).map_err(|error| at.field("path").fault(error.to_string())).ok()
    });
    let cors = at.take("cors", raw.cors).unwrap_or(false);
    if ACCESS.is_on(at, "access", raw.access) {
        let given = [
            ("action", matches!(raw.action, Field::Absent)),
            ("resource", matches!(raw.resource, Field::Absent)),
            ("scopes", matches!(raw.scopes, Field::Absent)),
            ("body", matches!(raw.body, Field::Absent)),
            ("query", matches!(raw.query, Field::Absent)),
            ("headers", matches!(raw.headers, Field::Absent)),
            ("sender_constraint", matches!(raw.sender_constraint, Field::Absent)),
            ("max_stream_age", matches!(raw.max_stream_age, Field::Absent)),
        ];
        for (name, absent) in given {
            if !absent {
                at.field(name).fault("has no effect on a public route");
            }
        }
        return Some(Draft { at: at.path().to_owned(), methods, path: path?, asks: None, cors });
    }
    let path = path?;
    let body = body(&at.field("body"), at.take("body", raw.body).unwrap_or_default());
    if !body.is_empty() && !body_before_headers {
        at.field("body").fault(
            "needs `host.body_before_headers: true`, which asserts that the gateway lets the filter hold the headers \
             back (Envoy: allow_on_headers_stop_iteration)",
        );
    }
    let query = declarations(&at.field("query"), at.take("query", raw.query).unwrap_or_default());
    let headers = declarations(&at.field("headers"), at.take("headers", raw.headers).unwrap_or_default());
    for name in headers.keys() {
        let written = HeaderName::parse(name).is_some_and(|parsed| parsed.as_str() == name);
        if !written {
            at.field("headers").field(name).fault("is no header name in lower case");
        }
    }
    let scopes = scopes(&at.field("scopes"), at.take("scopes", raw.scopes).unwrap_or_default());
    let ends_with_token = MAX_STREAM_AGE.is_on(at, "max_stream_age", raw.max_stream_age);
    let action = at.require("action", raw.action);
    let resource = at.require("resource", raw.resource);
    let resource = resource.and_then(|raw| resource_template(&at.field("resource"), raw, &path, &body, &query));
    let sender_constraint = sender::constraint(at, raw.sender_constraint, sender::ROUTE);
    let (action, resource) = (action?, resource?);
    let asks = Asks { action, resource, scopes, body, query, headers, sender_constraint, ends_with_token };
    Some(Draft { at: at.path().to_owned(), methods, path, asks: Some(asks), cors })
}

fn methods(at: &At, list: Vec<Field<String>>) -> Vec<String> {
    let at = at.field("methods");
    if list.is_empty() {
        at.fault("must not be empty");
    }
    let mut methods = Vec::new();
    for (at, method) in at.items(list) {
        let known = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        if !known {
            at.fault(format!("`{method}` is no method in upper case"));
        } else if method == "CONNECT" {
            at.fault("CONNECT has no path that could be decided about");
        } else if methods.contains(&method) {
            at.fault("occurs twice");
        }
        methods.push(method);
    }
    methods
}

fn kinds(at: &At, raw: Members<RawParameterKind>) -> BTreeMap<String, ParameterKind> {
    let mut kinds = BTreeMap::new();
    for (at, name, raw) in at.members(raw) {
        let kind = match raw {
            RawParameterKind::Named(text) => {
                let names = || ParameterKind::NAMES.join(", ");
                ParameterKind::of_name(&text).ok_or_else(|| format!("`{text}` is none of {}", names()))
            }
            RawParameterKind::Pattern(raw) => {
                at.unknown(&raw.unknown);
                let Some(pattern) = at.require("pattern", raw.pattern) else { continue };
                ParameterKind::pattern(&pattern)
            }
        };
        match kind {
            Ok(kind) => {
                kinds.insert(name, kind);
            }
            Err(message) => at.fault(message),
        }
    }
    kinds
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

fn body(at: &At, raw: Members<RawBodyMember>) -> BTreeMap<String, BodyMember> {
    let mut body = BTreeMap::new();
    for (at, name, raw) in at.members(raw) {
        at.unknown(&raw.unknown);
        let pointer = at.require("pointer", raw.pointer);
        if pointer.as_deref().is_some_and(|pointer| !is_pointer(pointer)) {
            at.field("pointer").fault("is no JSON pointer such as /amount (RFC 6901)");
        }
        let value_type = value_type(&at, at.require("type", raw.value_type));
        let required = at.take("required", raw.required).unwrap_or(false);
        if let (Some(pointer), Some(value_type)) = (pointer, value_type) {
            body.insert(name, BodyMember { pointer, declaration: Declaration { value_type, required } });
        }
    }
    body
}

fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && escapes
}

fn declarations(at: &At, raw: Members<RawDeclaration>) -> BTreeMap<String, Declaration> {
    let mut declarations = BTreeMap::new();
    for (at, name, raw) in at.members(raw) {
        at.unknown(&raw.unknown);
        let required = at.take("required", raw.required).unwrap_or(false);
        match value_type(&at, at.require("type", raw.value_type)) {
            Some(ValueType::SetOfString) => at.field("type").fault("a list does not fit into one value"),
            Some(value_type) => {
                declarations.insert(name, Declaration { value_type, required });
            }
            None => {}
        }
    }
    declarations
}

fn resource_template(
    at: &At,
    raw: RawResource,
    path: &PathTemplate,
    body: &BTreeMap<String, BodyMember>,
    query: &BTreeMap<String, Declaration>,
) -> Option<ResourceTemplate> {
    at.unknown(&raw.unknown);
    let text =
        |at: &At, text: &str| TextTemplate::parse(text, path.kinds()).map_err(|error| at.fault(error.to_string())).ok();
    let resource_type = at.require("type", raw.entity_type).and_then(|text| entity_type(&at.field("type"), &text));
    let own_id = at.require("id", raw.id).and_then(|id| text(&at.field("id"), &id));
    let mut parents = Vec::new();
    for (at, raw) in at.field("parents").items(at.take("parents", raw.parents).unwrap_or_default()) {
        at.unknown(&raw.unknown);
        let parent_type = at.require("type", raw.entity_type).and_then(|text| entity_type(&at.field("type"), &text));
        let id = at.require("id", raw.id).and_then(|id| text(&at.field("id"), &id));
        let parent = parent_type.zip(id);
        if parent.is_some() && parent == resource_type.clone().zip(own_id.clone()) {
            at.fault("is the resource itself");
        }
        parents.extend(parent);
    }
    let mut attributes = BTreeMap::new();
    for (at, name, raw) in at.field("attributes").members(at.take("attributes", raw.attributes).unwrap_or_default()) {
        attributes.extend(source(&at, raw, path, body, query).map(|source| (name, source)));
    }
    Some(ResourceTemplate { entity_type: resource_type?, id: own_id?, parents, attributes })
}

fn source(
    at: &At,
    raw: RawAttributeSource,
    path: &PathTemplate,
    body: &BTreeMap<String, BodyMember>,
    query: &BTreeMap<String, Declaration>,
) -> Option<AttributeSource> {
    at.unknown(&raw.unknown);
    let given = (
        at.take("body", raw.body),
        at.take("param", raw.param),
        at.take("query", raw.query),
        at.take("text", raw.text),
    );
    match given {
        (Some(pointer), None, None, None) => {
            let declared = body.iter().find(|(_, member)| member.pointer == pointer);
            if declared.is_none() {
                at.field("body").fault(format!("no member of the route's `body` has the pointer `{pointer}`"));
            }
            declared.map(|(name, _)| AttributeSource::Body(name.clone()))
        }
        (None, Some(name), None, None) => {
            if !path.kinds().contains_key(&name) {
                at.field("param").fault(format!("the path has no parameter `{name}`"));
            }
            Some(AttributeSource::Parameter(name))
        }
        (None, None, Some(name), None) => {
            if !query.contains_key(&name) {
                at.field("query").fault(format!("the route's `query` declares no `{name}`"));
            }
            Some(AttributeSource::Query(name))
        }
        (None, None, None, Some(text)) => Some(AttributeSource::Text(text)),
        (_, _, _, _) => {
            at.fault("takes exactly one of `body`, `param`, `query`, `text`");
            None
        }
    }
}

impl Draft {
    /// What it demands of senders; nothing for a public one.
    pub(super) fn sender_constraint(&self) -> Option<SenderConstraint> {
        self.asks.as_ref().map(|asks| asks.sender_constraint)
    }

    /// Where it is configured.
    pub(super) fn at(&self) -> &str {
        &self.at
    }

    pub(super) fn methods(&self) -> &[String] {
        &self.methods
    }

    /// Its template.
    pub(super) fn path(&self) -> &str {
        self.path.as_str()
    }

    /// The scopes that it asks for.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &String> {
        self.asks.iter().flat_map(|asks| &asks.scopes)
    }

    /// The route as policies see it; nothing for a public one.
    pub(super) fn question(&self) -> Option<RouteQuestion> {
        let asks = self.asks.as_ref()?;
        let declared = |values: &BTreeMap<String, Declaration>| {
            values.iter().map(|(name, value)| (name.clone(), value.value_type, value.required)).collect()
        };
        let attribute = |(name, source): (&String, &AttributeSource)| {
            let (value_type, always) = match source {
                AttributeSource::Body(member) => {
                    let declaration = asks.body.get(member)?.declaration;
                    (declaration.value_type, declaration.required)
                }
                AttributeSource::Parameter(_) | AttributeSource::Text(_) => (ValueType::String, true),
                AttributeSource::Query(member) => {
                    let declaration = asks.query.get(member)?;
                    (declaration.value_type, declaration.required)
                }
            };
            Some((name.clone(), value_type, always))
        };
        let member = |(name, member): (&String, &BodyMember)| {
            (name.clone(), member.declaration.value_type, member.declaration.required)
        };
        Some(RouteQuestion {
            at: self.at.clone(),
            action: asks.action.clone(),
            resource_type: asks.resource.entity_type.clone(),
            resource_id: asks.resource.id.fixed().map(str::to_owned),
            parents: asks.resource.parents.iter().map(|(parent_type, _)| parent_type.clone()).collect(),
            attributes: asks.resource.attributes.iter().filter_map(attribute).collect(),
            body: asks.body.iter().map(member).collect(),
            query: declared(&asks.query),
            headers: declared(&asks.headers),
        })
    }
}

/// The table; `plans` belong to the protected drafts, in their order.
pub(super) fn table(at: &At, drafts: Vec<Draft>, plans: Vec<Plan>) -> Option<RouteTable> {
    let mut plans = plans.into_iter();
    let mut places = Vec::new();
    let mut routes = Vec::new();
    for draft in drafts {
        let access = match draft.asks {
            None => Access::Public(PublicAccess::declared()),
            Some(asks) => Access::Protected(Box::new(Protected {
                plan: plans.next()?,
                resource: asks.resource,
                sender_constraint: asks.sender_constraint,
                scopes: asks.scopes,
                body: asks.body,
                query: asks.query,
                headers: asks.headers,
                ends_with_token: asks.ends_with_token,
            })),
        };
        places.push(draft.at);
        let name = format!("{} {}", draft.methods.join(","), draft.path.as_str());
        let preflight = draft.cors.then(PublicAccess::declared);
        routes.push(Route { name: name.into(), methods: draft.methods, path: draft.path, access, preflight });
    }
    match RouteTable::new(routes) {
        Ok(table) => Some(table),
        Err(errors) => {
            for error in errors {
                places
                    .get(error.route)
                    .into_iter()
                    .for_each(|place| at.at(place).field("path").fault(error.message.clone()));
            }
            None
        }
    }
}
