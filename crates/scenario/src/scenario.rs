//! A scenario, read and checked.

use std::{collections::BTreeMap, path::Path};

use cedar_gate_author::Files;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    error::ScenarioError,
    expectation::{CallChecks, Expectation},
    file::{Form, HostName, RequestLine, ScenarioFile, SceneLine, TogetherLine},
    forge::Forge,
    gateway::{ConfigurationForm, Start},
    request::{Template, seconds},
    service::{self, Changes, Services},
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

/// One request, or several that are sent together, and what happens before.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// Seconds for which the clock runs before.
    pub(crate) after: u64,
    /// What changes about services before.
    pub(crate) changes: Changes,
    pub(crate) members: Vec<Member>,
    /// What is expected of all of them together.
    pub(crate) together: BTreeMap<HostName, CallChecks>,
}

/// One request and what must come of it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) template: Template,
    pub(crate) expectations: BTreeMap<HostName, Expectation>,
}

/// What requests refer to.
struct Stage<'s> {
    forge: &'s Forge,
    clusters: Vec<String>,
    workers: usize,
}

impl Scenario {
    /// Reads the text of a scenario file that lies at `path`. Files that it names are looked for in `files`.
    ///
    /// # Errors
    ///
    /// The file, or one of those below it, does not have the form that the README gives.
    pub fn parse(text: &str, path: &Path, files: &dyn Files) -> Result<Self, ScenarioError> {
        let mut file = ScenarioFile::read(text, path, files)?;
        // A base may have what this file takes away.
        for members in [&mut file.environment, &mut file.services, &mut file.certificates] {
            members.retain(|_, value| !value.is_null());
        }
        let forge = forge(&file)?;
        let configuration = file.configuration.as_ref().ok_or_else(|| at("configuration", "is missing"))?;
        let configuration = forge.resolve(configuration).map_err(|error| at("configuration", error))?;
        let now = file.now.as_deref().unwrap_or("2026-06-01T12:00:00Z");
        let now: Timestamp = now.parse().map_err(|error: jiff::Error| at("now", error))?;
        let form = match file.form {
            Some(Form::Struct) => ConfigurationForm::Struct,
            Some(Form::Text) | None => ConfigurationForm::Text,
        };
        let services = service::read(&file.services, &forge).map_err(|error| error.below("services"))?;
        let workers = file.workers.unwrap_or(1);
        if !(1..=16).contains(&workers) {
            return Err(at("workers", "are from 1 to 16"));
        }
        let services = Services::new(&services, &forge);
        let hosts = file.hosts.clone().unwrap_or_else(|| HostName::ALL.to_vec());
        let plot = plot(&file, &Stage { forge: &forge, clusters: services.clusters(), workers })?;
        let secured = !file.certificates.is_empty() || plot.members().any(|member| member.template.has_certificate());
        let start = Start {
            configuration,
            form,
            now: now.as_second(),
            environment: environment(&file, &forge)?,
            services,
            workers,
            tls: secured.then(Forge::tls).transpose().map_err(|error| at("certificates", error))?,
        };
        Ok(Self { story: file.story, references: file.references, file: None, hosts, start, forge, plot })
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
        self.plot.members().map(|member| member.name.as_str())
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
    for (name, description) in &file.certificates {
        forge = forge.with_certificate(name, description).map_err(|error| at("", error))?;
    }
    for (name, description) in &file.tokens {
        forge = forge.with_token(name, description.clone());
    }
    for name in file.tokens.keys() {
        forge.check(&json!(name)).map_err(|error| at("", error))?;
    }
    Ok(forge)
}

fn environment(file: &ScenarioFile, forge: &Forge) -> Result<BTreeMap<String, String>, ScenarioError> {
    let text = |(name, value): (&String, &Value)| {
        let value = forge.resolve(value).map_err(|error| at(&format!("environment.{name}"), error))?;
        Ok((name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    };
    file.environment.iter().map(text).collect()
}

fn plot(file: &ScenarioFile, stage: &Stage<'_>) -> Result<Plot, ScenarioError> {
    match (file.starts, file.requests.is_empty()) {
        (Some(_), true) => Ok(Plot::Refused { faults: file.faults.clone() }),
        (Some(_), false) => Err(at("requests", "cannot be sent when the gateway does not start")),
        (None, _) if !file.faults.is_empty() => Err(at("faults", "belong to `starts: refused`")),
        (None, true) => Err(at("requests", "are missing")),
        (None, false) => {
            let scenes = file.requests.iter().enumerate();
            let read = |(position, line)| {
                SceneLine::read(line)
                    .and_then(|line| stage.scene(&line))
                    .map_err(|error: ScenarioError| error.below(&format!("requests[{position}]")))
            };
            scenes.map(read).collect::<Result<_, _>>().map(Plot::Requests)
        }
    }
}

impl Plot {
    fn scenes(&self) -> &[Scene] {
        match self {
            Self::Refused { .. } => &[],
            Self::Requests(scenes) => scenes,
        }
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.scenes().iter().flat_map(|scene| &scene.members)
    }
}

impl Stage<'_> {
    fn scene(&self, line: &SceneLine) -> Result<Scene, ScenarioError> {
        match line {
            SceneLine::Single(line) if line.times.is_some() => Err(at("times", "stands in `concurrent` only")),
            SceneLine::Single(line) => Ok(Scene {
                after: self.after(line.after.as_deref())?,
                changes: self.changes(&line.services)?,
                members: self.members(line)?,
                together: BTreeMap::new(),
            }),
            SceneLine::Together(line) => self.together(line),
        }
    }

    fn together(&self, line: &TogetherLine) -> Result<Scene, ScenarioError> {
        let mut members = Vec::new();
        for (position, member) in line.concurrent.iter().enumerate() {
            let place = format!("concurrent[{position}]");
            if member.after.is_some() || !member.services.is_empty() {
                return Err(at(&place, "`after` and `services` stand beside `concurrent`"));
            }
            if ["calls", "received"].iter().any(|name| member.expect.contains_key(*name)) {
                return Err(at(&place, "`calls` and `received` are of all together; they stand beside `concurrent`"));
            }
            members.extend(self.members(member).map_err(|error| error.below(&place))?);
        }
        if members.is_empty() {
            return Err(at("concurrent", "has no request"));
        }
        if let Some(name) = &line.name {
            for member in &mut members {
                member.name = format!("{name}: {}", member.name);
            }
        }
        let together = CallChecks::read(&line.expect, &self.clusters).map_err(|error| error.below("expect"))?;
        Ok(Scene {
            after: self.after(line.after.as_deref())?,
            changes: self.changes(&line.services)?,
            members,
            together,
        })
    }

    fn members(&self, line: &RequestLine) -> Result<Vec<Member>, ScenarioError> {
        let name = || format!("{} {}", line.method.as_deref().unwrap_or("GET"), line.path);
        if line.worker.is_some_and(|worker| !(1..=self.workers).contains(&worker)) {
            return Err(at("worker", format!("is from 1 to {}, which is what `workers` says", self.workers)));
        }
        if line.expect.contains_key("closed_after") && line.open_for.is_none() {
            return Err(at("expect.closed_after", "is of a stream that is kept open; say `open_for`"));
        }
        let member = Member {
            name: line.name.clone().unwrap_or_else(name),
            template: Template::read(line, self.forge)?,
            expectations: Expectation::read(&line.expect, &self.clusters).map_err(|error| error.below("expect"))?,
        };
        match line.times {
            Some(0) => Err(at("times", "is at least 1")),
            times => Ok(vec![member; times.unwrap_or(1)]),
        }
    }

    fn after(&self, text: Option<&str>) -> Result<u64, ScenarioError> {
        text.map_or(Ok(0), |text| seconds("after", text))
    }

    fn changes(&self, line: &BTreeMap<String, Value>) -> Result<Changes, ScenarioError> {
        let changes = service::read(line, self.forge).map_err(|error| error.below("services"))?;
        match changes.keys().find(|name| !self.clusters.contains(name)) {
            Some(name) => Err(at("services", format!("no service is named `{name}` at the start"))),
            None => Ok(changes),
        }
    }
}

fn at(path: &str, message: impl std::fmt::Display) -> ScenarioError {
    ScenarioError::new(path, message)
}
