use std::fmt;

/// What is wrong with a scenario file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScenarioError {
    /// The file, as far as it is known: the text of a scenario may come from anywhere.
    pub file: Option<String>,
    /// Where in the file, such as `requests[2].expect.status`; empty if that cannot be said.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl ScenarioError {
    pub(crate) fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { file: None, path: path.into(), message: message.to_string() }
    }

    /// The same error, in what stands at `place`.
    pub(crate) fn below(mut self, place: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path = format!("{place}{dot}{}", self.path);
        self
    }

    /// Names the file, unless the error is in another one that is named already.
    pub(crate) fn in_file(mut self, file: &str) -> Self {
        self.file.get_or_insert_with(|| file.to_owned());
        self
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ScenarioError {}
