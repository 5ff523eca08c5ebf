//! A JSON Schema of the configuration, by which editors complete and check what users write.
//!
//! It is made of the raw mirrors, so that there is no second list of members: names and types are theirs, descriptions
//! are their comments, and words, defaults and ranges are the values that the filter reads by. It takes whatever the
//! filter takes. The filter sees more, such as what one member means for another.

use std::borrow::Cow;
use std::time::Duration;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::field::{Field, Members, Switch};
use super::limits::{Bounded, written};
use super::raw::{RawClaimPath, RawConfig, RawDemand, RawParameterKind, RawPattern, RawPolicyTexts};
use crate::policy::ValueType;
use crate::route::ParameterKind;
use crate::sender::Demand;

// What the rules in `raw` name.
pub(super) use super::MODE;
pub(super) use super::introspection::{
    ANSWER_DURATION, AUTHENTICATION, LACKABLE, REFUSAL_DURATION, TOKENS, TOKENS_DEFAULT,
};
pub(super) use super::limits::{
    BODY_BYTES, BODY_TIMEOUT, CACHED_BYTES, CACHED_TOKENS, CLAIMS_DEPTH, POLICY_CHAIN, POLICY_DEPTH, TOKEN_BYTES,
    WAIT_TIMEOUT,
};
pub(super) use super::profile::PROFILE;
pub(super) use super::provider::{CLOCK_SKEW, MAX_LIFETIME, PRINCIPAL_ID, PRINCIPAL_TYPE, TOKEN_TYPE};
pub(super) use super::remote::{CACHE_DURATION, COOLDOWN, FETCH_TIMEOUT, MAX_STALE};
pub(super) use super::route::{ACCESS, MAX_STREAM_AGE};
pub(super) use super::rules::{ROLE_TYPE, TOKEN};
pub(super) use super::sender::{NONCE_LIFETIME, PROOF_LIFETIME, PROOF_SKEW, REPLAY_ENTRIES, asymmetric};
pub(super) use super::status::{LIST_DURATION, LIST_STALE};
pub(super) use crate::challenge::REALM;
pub(super) use crate::client_certificate::CertificateSource;
pub(super) use crate::dpop::Dpop;
pub(super) use crate::jose::{Algorithm, Crypto};

/// The JSON Schema (draft 2020-12) of a configuration.
#[must_use]
pub fn json_schema() -> Value {
    let generated = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawConfig>();
    // What it is comes first; `title` takes the place of a name in Rust.
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!(META_SCHEMA));
    schema.insert("$id".to_owned(), json!("urn:cedar-gate:configuration"));
    schema.insert("title".to_owned(), json!("Configuration of cedar-gate"));
    let others = object_of(generated).into_iter().filter(|(name, _)| name != "$schema" && name != "title");
    schema.extend(others);
    Value::Object(schema)
}

const META_SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";
/// Numbers with units; which units there are is left to the filter.
const DURATION: &str = r"^(0|(\s*[0-9]+(\.[0-9]+)?\s*[A-Za-zµ]+\s*)+)$";
/// A name of Cedar's, with its namespace where it has one.
const ENTITY_TYPE: &str = "^[_a-zA-Z][_a-zA-Z0-9]*(::[_a-zA-Z][_a-zA-Z0-9]*)*$";
/// A token of RFC 9110 §5.6.2.
pub(super) const HEADER_NAME: &str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$";
pub(super) const LOWER_CASE_HEADER_NAME: &str = "^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$";
/// A JSON pointer (RFC 6901) to something inside of the document.
pub(super) const POINTER: &str = "^/([^~]|~[01])*$";
/// An absolute URI that can be called.
pub(super) const URI: &str = "^https?://[^/?#]";
/// What may stand in a challenge (RFC 6750 §3).
pub(super) const REALM_TEXT: &str = r"^[ !#-\[\]-~]{1,256}$";
/// A scope token of RFC 6749 §3.3.
pub(super) const SCOPE: &str = r"^[!#-\[\]-~]+$";

/// No items.
pub(super) const NONE: [Value; 0] = [];

/// What a member must be, besides of its type.
#[derive(Default)]
pub(super) struct Rule {
    required: bool,
    not_empty: bool,
    keywords: Map<String, Value>,
    /// What the description has to say besides, as no keyword can.
    note: String,
    /// For the items of a list.
    each: Option<Box<Rule>>,
}

/// An object of the configuration, member by member.
pub(super) struct Object {
    about: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

/// Anything of the type.
pub(super) fn any() -> Rule {
    Rule::default()
}

/// A number of this range.
pub(super) fn bounded(Bounded { default, range }: &Bounded<usize>) -> Rule {
    any().keyword("minimum", *range.start()).keyword("maximum", *range.end()).or(*default)
}

/// A list of such items.
pub(super) fn each(rule: Rule) -> Rule {
    Rule { each: Some(Box::new(rule)), ..any() }
}

/// The name of an entity type.
pub(super) fn entity_type() -> Rule {
    matches(ENTITY_TYPE)
}

/// One of two words.
pub(super) fn is(Switch { words, on }: &Switch) -> Rule {
    let off = words.iter().find(|word| *word != on);
    self::words(*words).keyword("default", off.copied())
}

/// A text that this regular expression finds something in.
pub(super) fn matches(pattern: &str) -> Rule {
    any().keyword("pattern", pattern)
}

/// An object whose members have such names.
pub(super) fn named(pattern: &str) -> Rule {
    any().keyword("propertyNames", json!({ "pattern": pattern }))
}

/// A text, a list or an object with something in it.
pub(super) fn not_empty() -> Rule {
    Rule { not_empty: true, ..any() }
}

/// An object with exactly one of its members.
pub(super) fn one_of_its_members() -> Rule {
    any().keyword("minProperties", 1).keyword("maxProperties", 1)
}

/// An object with exactly one of these members.
pub(super) fn one_of(members: &[&str]) -> Rule {
    any().keyword("oneOf", members.iter().map(|member| json!({ "required": [member] })).collect::<Vec<_>>())
}

/// An object with one of the first members, or with none of them and the other one.
pub(super) fn one_of_or(members: &[&str], other: &str) -> Rule {
    let required = |member: &&str| json!({ "required": [member] });
    let first: Vec<Value> = members.iter().map(required).collect();
    let none = json!({ "required": [other], "not": { "anyOf": first } });
    any().keyword("oneOf", first.into_iter().chain([none]).collect::<Vec<_>>())
}

/// A duration; that it lies within its range is for the filter to see.
pub(super) fn span(Bounded { default, range }: &Bounded<Duration>) -> Rule {
    let (from, to) = (written(*range.start()), written(*range.end()));
    Rule { note: format!(" From `{from}` to `{to}`."), ..matches(DURATION).or(written(*default)) }
}

/// A route that is not public has the first members, and one that is has neither those nor the others.
pub(super) fn unless_public(first: &[&str], others: &[&str]) -> Rule {
    let none: Map<String, Value> =
        first.iter().chain(others).map(|name| ((*name).to_owned(), Value::Bool(false))).collect();
    any()
        .keyword("if", json!({ "properties": { "access": { "const": ACCESS.on } }, "required": ["access"] }))
        .keyword("then", json!({ "properties": none }))
        .keyword("else", json!({ "required": first }))
}

/// A value type; one that fits into a query parameter or a header, if not `lists`.
pub(super) fn value_type(lists: bool) -> Rule {
    let types = ValueType::ALL.into_iter().filter(|value_type| lists || *value_type != ValueType::SetOfString);
    words(types.map(ValueType::name))
}

/// One of these words.
pub(super) fn words(words: impl IntoIterator<Item = &'static str>) -> Rule {
    any().keyword("enum", words.into_iter().collect::<Vec<_>>())
}

impl Rule {
    pub(super) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// What holds where the member is absent.
    pub(super) fn or(self, default: impl Into<Value>) -> Self {
        self.keyword("default", default)
    }

    pub(super) fn but_not(self, word: &str) -> Self {
        self.keyword("not", json!({ "const": word }))
    }

    pub(super) fn at_least(self, minimum: usize) -> Self {
        self.keyword("minimum", minimum)
    }

    /// A list of so many different items.
    pub(super) fn different(self, number: usize) -> Self {
        self.keyword("minItems", number).keyword("uniqueItems", true)
    }

    /// Both rules.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.keywords.extend(other.keywords);
        Self {
            required: self.required || other.required,
            not_empty: self.not_empty || other.not_empty,
            keywords: self.keywords,
            note: self.note + &other.note,
            each: self.each.or(other.each),
        }
    }

    fn keyword(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.keywords.insert(name.to_owned(), value.into());
        self
    }

    fn apply(self, schema: &mut Map<String, Value>) {
        if self.not_empty {
            let keyword = match schema.get("type").and_then(Value::as_str) {
                Some("array") => "minItems",
                Some("object") => "minProperties",
                Some(_) | None => "minLength",
            };
            schema.insert(keyword.to_owned(), json!(1));
        }
        if let (Some(each), Some(items)) = (self.each, schema.get_mut("items").and_then(Value::as_object_mut)) {
            each.apply(items);
        }
        schema.extend(self.keywords);
    }
}

impl Object {
    /// `Provider` for `RawProvider`.
    pub(super) fn name(mirror: &'static str) -> Cow<'static, str> {
        Cow::Borrowed(mirror.strip_prefix("Raw").unwrap_or(mirror))
    }

    pub(super) fn new(about: &[&str]) -> Self {
        Self { about: joined(about), properties: Map::new(), required: Vec::new() }
    }

    pub(super) fn member(&mut self, name: &'static str, about: &[&str], schema: Schema, rule: Rule) {
        let mut schema = object_of(schema);
        // The width of a number in Rust says nothing to anybody else.
        schema.remove("format");
        schema.insert("description".to_owned(), Value::String(joined(about) + &rule.note));
        if rule.required {
            self.required.push(name);
        }
        rule.apply(&mut schema);
        self.properties.insert(name.to_owned(), Value::Object(schema));
    }

    pub(super) fn finish(self, rule: Rule) -> Schema {
        let mut schema = Map::new();
        schema.insert("description".to_owned(), Value::String(self.about));
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        schema.insert("additionalProperties".to_owned(), json!(false));
        rule.apply(&mut schema);
        schema.into()
    }
}

/// The lines of a comment as one text.
fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// `true` is the schema that demands nothing.
fn object_of(schema: Schema) -> Map<String, Value> {
    match schema.to_value() {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Members<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MembersOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

impl JsonSchema for RawClaimPath {
    fn schema_name() -> Cow<'static, str> {
        Object::name("RawClaimPath")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "Where a claim stands in the token: member names with dots between them \
                            (`realm_access.roles`), or a list of member names that are taken as they are.",
            "anyOf": [
                { "type": "string", "pattern": r"^[^.]+(\.[^.]+)*$" },
                { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 },
            ],
        })
    }
}

impl JsonSchema for RawDemand {
    fn schema_name() -> Cow<'static, str> {
        Object::name("RawDemand")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let [off, optional, required] = Demand::WORDS.map(|(word, _)| word);
        schemars::json_schema!({
            "description": "Whether tokens that are bound in this way are refused, taken or demanded. `false` is what \
                            readers of YAML 1.1 make of `off`.",
            "enum": [off, optional, required, false],
        })
    }
}

impl JsonSchema for RawParameterKind {
    fn schema_name() -> Cow<'static, str> {
        Object::name("RawParameterKind")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "The grammar of a path parameter: one object has one spelling of its id.",
            "default": ParameterKind::Slug.to_string(),
            "anyOf": [{ "enum": ParameterKind::NAMES }, generator.subschema_for::<RawPattern>()],
        })
    }
}

impl JsonSchema for RawPolicyTexts {
    fn schema_name() -> Cow<'static, str> {
        Object::name("RawPolicyTexts")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": { "type": "string" } }],
        })
    }
}
