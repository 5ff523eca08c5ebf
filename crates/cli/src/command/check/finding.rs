//! A fault or a warning, and where its author finds it.

use std::path::{Path, PathBuf};

use cedar_gate::config::Fault;
use cedar_gate_author::Authored;
use serde_json::{Value, json};

/// A fault or a warning at its place. Sorted by file, line, and path.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Finding {
    /// The file that the author has it in.
    file: PathBuf,
    /// The line in that file, from 1, where it is known.
    line: Option<usize>,
    /// The path in the configuration.
    path: String,
    /// Whether `path` has to be told: it does not where the file says as much.
    needs_path: bool,
    /// What it is.
    message: String,
    /// How bad it is.
    pub(super) kind: Kind,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// No gateway takes the configuration.
    Fault,
    /// It deserves a look.
    Warning,
}

impl Finding {
    /// A fault where its author finds it: what the configuration has as a text may stand in a file of its own.
    pub(super) fn of(kind: Kind, fault: &Fault, authored: &Authored) -> Self {
        let (place, message) = match (&fault.place, numbered(&fault.message)) {
            (Some(place), _) => (Some((place.text.as_str(), place.line)), fault.message.as_str()),
            (None, Some((line, message))) => (Some(("", line)), message),
            (None, None) => (None, fault.message.as_str()),
        };
        let text = place.map(|(text, _)| text).filter(|text| !text.is_empty());
        let line = place.map(|(_, line)| line);
        let own = own_file(&fault.path, text, authored);
        let in_configuration = authored.files.first().cloned().unwrap_or_default();
        // Within a configuration, the line of a text is not the line of the file.
        let message = match (own, line) {
            (None, Some(line)) => format!("line {line}: {message}"),
            (_, _) => message.to_owned(),
        };
        Self {
            file: own.map_or(in_configuration, Path::to_owned),
            line: line.filter(|_| own.is_some()),
            path: fault.path.clone(),
            needs_path: own.is_none(),
            message,
            kind,
        }
    }

    /// Whether the configuration does not pass for it.
    pub(super) fn is_bad(&self, deny_warnings: bool) -> bool {
        self.kind == Kind::Fault || deny_warnings
    }

    /// The file, and the line where it is known.
    pub(super) fn place(&self) -> String {
        let file = self.file.display();
        self.line.map_or_else(|| file.to_string(), |line| format!("{file}:{line}"))
    }

    /// What it is, with the path where that says more than the file.
    pub(super) fn message(&self) -> String {
        match (self.needs_path, self.path.as_str()) {
            (true, "") => format!("configuration: {}", self.message),
            (true, path) => format!("{path}: {}", self.message),
            (false, _) => self.message.clone(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"file": self.file, "line": self.line, "path": self.path, "message": self.message})
    }
}

/// The line that a message begins with.
fn numbered(message: &str) -> Option<(usize, &str)> {
    let (line, message) = message.strip_prefix("line ")?.split_once(": ")?;
    Some((line.parse().ok()?, message))
}

/// The file beside the configuration that a part of the policy set came from.
fn own_file<'a>(path: &str, text: Option<&str>, authored: &'a Authored) -> Option<&'a Path> {
    let part = path.strip_prefix("policies.inline.")?;
    let name = match (text, part.split_once('.')) {
        (Some("schema"), _) | (None, None) if part == "schema" => "schema.cedarschema",
        (Some(text), _) => text,
        (None, Some(("policies", file))) => file,
        (None, _) if part.starts_with("entities") => "entities.json",
        (None, _) => return None,
    };
    let mut beside = authored.files.iter().skip(1);
    beside.find(|file| file.file_name().is_some_and(|own| own == name)).map(PathBuf::as_path)
}
