//! The text of a scenario file: its members as they are written, and the files below it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use cedar_gate_author::{Files, configuration};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{error::ScenarioError, layers};

/// A scenario file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    pub(crate) story: String,
    #[serde(default)]
    pub(crate) references: Vec<String>,
    #[serde(default)]
    pub(crate) base: Option<String>,
    pub(crate) hosts: Option<Vec<HostName>>,
    pub(crate) form: Option<Form>,
    pub(crate) now: Option<String>,
    #[serde(default)]
    pub(crate) keys: BTreeMap<String, Value>,
    pub(crate) configuration_from: Option<String>,
    pub(crate) configuration: Option<Value>,
    #[serde(default)]
    pub(crate) tokens: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) token_defaults: Map<String, Value>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) services: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) certificates: BTreeMap<String, Value>,
    pub(crate) workers: Option<usize>,
    pub(crate) starts: Option<Starts>,
    #[serde(default)]
    pub(crate) faults: Vec<String>,
    #[serde(default)]
    pub(crate) requests: Vec<Value>,
}

/// What several scenarios share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaseFile {
    /// For the reader of the file only.
    #[serde(rename = "story")]
    _story: Option<String>,
    base: Option<String>,
    form: Option<Form>,
    now: Option<String>,
    #[serde(default)]
    keys: BTreeMap<String, Value>,
    configuration_from: Option<String>,
    configuration: Option<Value>,
    #[serde(default)]
    tokens: BTreeMap<String, Value>,
    #[serde(default)]
    token_defaults: Map<String, Value>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
    #[serde(default)]
    services: BTreeMap<String, Value>,
    #[serde(default)]
    certificates: BTreeMap<String, Value>,
    workers: Option<usize>,
}

/// A place where a scenario can run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HostName {
    Envoy,
    Native,
    Wasm,
}

impl HostName {
    pub(crate) const ALL: [Self; 3] = [Self::Native, Self::Wasm, Self::Envoy];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Envoy => "envoy",
            Self::Native => "native",
            Self::Wasm => "wasm",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    Struct,
    Text,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Starts {
    Refused,
}

/// One request, or several that are sent together.
#[derive(Debug)]
pub(crate) enum SceneLine {
    Single(Box<RequestLine>),
    Together(TogetherLine),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TogetherLine {
    pub(crate) name: Option<String>,
    pub(crate) after: Option<String>,
    #[serde(default)]
    pub(crate) services: BTreeMap<String, Value>,
    pub(crate) concurrent: Vec<RequestLine>,
    #[serde(default)]
    pub(crate) expect: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestLine {
    pub(crate) name: Option<String>,
    pub(crate) after: Option<String>,
    #[serde(default)]
    pub(crate) services: BTreeMap<String, Value>,
    pub(crate) times: Option<usize>,
    pub(crate) worker: Option<usize>,
    pub(crate) open_for: Option<String>,
    pub(crate) certificate: Option<Value>,
    pub(crate) dpop: Option<Value>,
    pub(crate) method: Option<String>,
    pub(crate) path: String,
    pub(crate) authority: Option<String>,
    pub(crate) protocol: Option<ProtocolName>,
    #[serde(default)]
    pub(crate) grpc: bool,
    pub(crate) token: Option<Value>,
    pub(crate) scheme: Option<String>,
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    pub(crate) body: Option<BodyLine>,
    #[serde(default)]
    pub(crate) trailers: Vec<String>,
    pub(crate) expect: Map<String, Value>,
}

impl SceneLine {
    pub(crate) fn read(line: &Value) -> Result<Self, ScenarioError> {
        if line.get("concurrent").is_some() {
            typed(line).map(Self::Together)
        } else {
            typed(line).map(|line| Self::Single(Box::new(line)))
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProtocolName {
    Http1,
    Http2,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BodyLine {
    Json(Value),
    Never,
    Parts(Vec<String>),
    Repeat(RepeatLine),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RepeatLine {
    pub(crate) text: String,
    pub(crate) count: usize,
}

impl ScenarioFile {
    /// The file at `path` has this text; what its bases have is laid below it.
    pub(crate) fn read(text: &str, path: &Path, files: &dyn Files) -> Result<Self, ScenarioError> {
        let mut file: Self = typed(&yaml(text)?)?;
        let mut bases: Vec<(PathBuf, BaseFile)> = Vec::new();
        let mut next = file.base.as_ref().map(|base| beside(path, base));
        while let Some(path) = next {
            let name = path.display().to_string();
            if bases.iter().any(|(seen, _)| *seen == path) {
                return Err(ScenarioError::new("base", "is its own base").in_file(&name));
            }
            let text = files.read(&path).map_err(|error| ScenarioError::new("base", format!("`{name}`: {error}")))?;
            let base: BaseFile = yaml(&text).and_then(|value| typed(&value)).map_err(|error| error.in_file(&name))?;
            next = base.base.as_ref().map(|further| beside(&path, further));
            bases.push((path, base));
        }
        let mut below = None;
        for (path, base) in bases.iter_mut().rev() {
            below = patched(below, written(base.configuration_from.as_deref(), path, files)?);
            below = patched(below, base.configuration.take());
        }
        below = patched(below, written(file.configuration_from.as_deref(), path, files)?);
        file.configuration = patched(below, file.configuration.take());
        for (_, base) in bases {
            file.lay_over(base);
        }
        Ok(file)
    }

    fn lay_over(&mut self, base: BaseFile) {
        self.form = self.form.or(base.form);
        self.now = self.now.take().or(base.now);
        self.workers = self.workers.or(base.workers);
        for (own, below) in [
            (&mut self.keys, base.keys),
            (&mut self.tokens, base.tokens),
            (&mut self.environment, base.environment),
            (&mut self.certificates, base.certificates),
        ] {
            *own = over(own, below);
        }
        for (name, below) in base.services {
            let own = self.services.remove(&name);
            self.services.insert(name, service_over(own, below));
        }
        let own = Value::Object(std::mem::take(&mut self.token_defaults));
        if let Value::Object(members) = layers::compose(&Value::Object(base.token_defaults), &own) {
            self.token_defaults = members;
        }
    }
}

/// What a file names as its configuration, which is kept as its author keeps it.
fn written(from: Option<&str>, path: &Path, files: &dyn Files) -> Result<Option<Value>, ScenarioError> {
    let read = |from: &str| configuration(&beside(path, from), files).map(|authored| authored.configuration);
    from.map(read).transpose().map_err(|error| ScenarioError::new("configuration_from", error))
}

fn patched(below: Option<Value>, patch: Option<Value>) -> Option<Value> {
    match (below, patch) {
        (Some(Value::Object(mut members)), Some(Value::Object(patch))) => {
            layers::apply(&mut members, &patch);
            Some(Value::Object(members))
        }
        (below, patch) => patch.or(below),
    }
}

fn over(own: &BTreeMap<String, Value>, mut below: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for (name, value) in own {
        let composed = below.get(name).map_or_else(|| value.clone(), |lower| layers::compose(lower, value));
        below.insert(name.clone(), composed);
    }
    below
}

/// An endpoint is replaced whole: half of one answer and half of another would be nobody's.
fn service_over(own: Option<Value>, below: Value) -> Value {
    match (own, below) {
        (Some(Value::Object(own)), Value::Object(mut endpoints)) => {
            endpoints.extend(own);
            Value::Object(endpoints)
        }
        (own, below) => own.unwrap_or(below),
    }
}

/// The path that stands in a file relative to it.
fn beside(file: &Path, relative: &str) -> PathBuf {
    file.parent().unwrap_or_else(|| Path::new("")).join(relative)
}

fn yaml(text: &str) -> Result<Value, ScenarioError> {
    cedar_gate_author::yaml(text).map_err(|error| ScenarioError::new("", error))
}

pub(crate) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, ScenarioError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        ScenarioError::new(if path == "." { String::new() } else { path }, error.inner())
    })
}
