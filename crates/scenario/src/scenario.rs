//! A scenario, read and checked.

use std::{collections::BTreeMap, path::Path};

use cedar_gate_author::Files;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    error::ScenarioError,
    expectation::Expectation,
    file::{Form, HostName, RequestLine, ScenarioFile},
    forge::Forge,
    gateway::{ConfigurationForm, Start},
    request::Template,
};

/// A configuration, keys and tokens, and either requests with what must come of each, or the faults for which the
/// configuration must be refused.
#[derive(Clone, Debug)]
pub struct Scenario {
    story: String,
    references: Vec<String>,
    pub(crate) file: Option<String>,
    hosts: Vec<HostName>,
    pub(crate) start: Start,
    pub(crate) forge: Forge,
    pub(crate) plot: Plot,
}

/// What happens after the start.
#[derive(Clone, Debug)]
pub(crate) enum Plot {
    Refused { faults: Vec<String> },
    Requests(Vec<Scene>),
}

/// One request and what must come of it.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) template: Template,
    pub(crate) expectations: BTreeMap<HostName, Expectation>,
}

impl Scenario {
    /// Reads the text of a scenario file that lies at `path`. Files that it names are looked for in `files`.
    ///
    /// # Errors
    ///
    /// The file, or one of those below it, does not have the form that the README gives.
    pub fn parse(text: &str, path: &Path, files: &dyn Files) -> Result<Self, ScenarioError> {
        let file = ScenarioFile::read(text, path, files)?;
        let forge = forge(&file)?;
        let configuration = file.configuration.as_ref().ok_or_else(|| at("configuration", "is missing"))?;
        let configuration = forge.resolve(configuration).map_err(|error| at("configuration", error))?;
        let now = file.now.as_deref().unwrap_or("2026-06-01T12:00:00Z");
        let now: Timestamp = now.parse().map_err(|error: jiff::Error| at("now", error))?;
        let form = match file.form {
            Some(Form::Struct) => ConfigurationForm::Struct,
            Some(Form::Text) | None => ConfigurationForm::Text,
        };
        let plot = plot(&file, &forge)?;
        Ok(Self {
            story: file.story,
            references: file.references,
            file: None,
            hosts: file.hosts.unwrap_or_else(|| HostName::ALL.to_vec()),
            start: Start { configuration, form, now: now.as_second() },
            forge,
            plot,
        })
    }

    /// What the scenario shows, and why it matters.
    pub fn story(&self) -> &str {
        &self.story
    }

    /// The sections of specifications, advisories and the like that it rests on.
    pub fn references(&self) -> &[String] {
        &self.references
    }

    /// Whether the scenario is meant for the host of this name.
    pub fn is_for(&self, host: &str) -> bool {
        self.hosts.iter().any(|name| name.as_str() == host)
    }

    /// What the gateway is started with, keys put in their places.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The keys and tokens.
    pub fn forge(&self) -> &Forge {
        &self.forge
    }

    /// The names of the requests, in the order in which they are sent.
    pub fn requests(&self) -> impl Iterator<Item = &str> {
        let scenes = match &self.plot {
            Plot::Refused { .. } => &[],
            Plot::Requests(scenes) => scenes.as_slice(),
        };
        scenes.iter().map(|scene| scene.name.as_str())
    }

    /// Whether the gateway must refuse the configuration.
    pub fn must_be_refused(&self) -> bool {
        matches!(self.plot, Plot::Refused { .. })
    }
}

fn forge(file: &ScenarioFile) -> Result<Forge, ScenarioError> {
    let mut forge = Forge::new().with_defaults(Value::Object(file.token_defaults.clone()));
    for (name, description) in &file.keys {
        forge = forge.with_key(name, description.clone()).map_err(|error| at("", error))?;
    }
    for (name, description) in &file.tokens {
        forge = forge.with_token(name, description.clone());
    }
    for name in file.tokens.keys() {
        forge.check(&json!(name)).map_err(|error| at("", error))?;
    }
    Ok(forge)
}

fn plot(file: &ScenarioFile, forge: &Forge) -> Result<Plot, ScenarioError> {
    match (file.starts, file.requests.is_empty()) {
        (Some(_), true) => Ok(Plot::Refused { faults: file.faults.clone() }),
        (Some(_), false) => Err(at("requests", "cannot be sent when the gateway does not start")),
        (None, _) if !file.faults.is_empty() => Err(at("faults", "belong to `starts: refused`")),
        (None, true) => Err(at("requests", "are missing")),
        (None, false) => {
            let scenes = file.requests.iter().enumerate();
            scenes.map(|(position, line)| scene(position, line, forge)).collect::<Result<_, _>>().map(Plot::Requests)
        }
    }
}

fn scene(position: usize, line: &RequestLine, forge: &Forge) -> Result<Scene, ScenarioError> {
    let name = || format!("{} {}", line.method.as_deref().unwrap_or("GET"), line.path);
    let place = format!("requests[{position}]");
    Ok(Scene {
        name: line.name.clone().unwrap_or_else(name),
        template: Template::read(line, forge).map_err(|error| error.below(&place))?,
        expectations: Expectation::read(&line.expect).map_err(|error| error.below(&format!("{place}.expect")))?,
    })
}

fn at(path: &str, message: impl std::fmt::Display) -> ScenarioError {
    ScenarioError::new(path, message)
}
