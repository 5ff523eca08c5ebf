//! Secrets, and the environment that they come from.
//!
//! A configuration is shown to many; so a secret stands in the environment of the gateway's VM, and the configuration
//! names its variable.

use std::collections::BTreeMap;
use std::fmt;

/// A secret that no format string can print.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// The variables that a configuration may name.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, Secret>,
    /// Whether every other variable is taken to be there as well.
    assumed: bool,
}

impl Secret {
    /// A secret.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes, for the algorithm that needs them.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Environment {
    /// An environment where every variable is there, with a value that nobody knows. It is for those who judge a
    /// configuration away from its gateway, and cannot know the secrets.
    #[must_use]
    pub fn assumed() -> Self {
        Self { variables: BTreeMap::new(), assumed: true }
    }

    /// The value of a variable.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<Secret> {
        let placeholder = || self.assumed.then(|| Secret::new(name.as_bytes().repeat(32)));
        self.variables.get(name).cloned().or_else(placeholder)
    }

    /// Whether values are assumed, so that nothing can be said about their form.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.assumed
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name, Secret::new(value.into_bytes()))).collect();
        Self { variables, assumed: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let environment: Environment = [("NAME".to_owned(), "hunter2".to_owned())].into_iter().collect();
        assert!(!format!("{environment:?}").contains("hunter2"));
        assert_eq!(environment.secret("NAME").unwrap().reveal(), b"hunter2");
        assert!(environment.secret("OTHER").is_none());
        assert!(Environment::assumed().secret("OTHER").is_some());
    }
}
