//! What a gateway is called.

use std::fmt;
use std::path::{Path, absolute};
use std::str::FromStr;

use anyhow::{Context, anyhow};

/// A name that is a label of a host name (RFC 1123 §2.1): a part of the audience, and the id of Envoy's VM.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name(String);

impl Name {
    /// The name of a folder.
    ///
    /// # Errors
    ///
    /// That is none for a gateway.
    pub(super) fn of(directory: &Path) -> anyhow::Result<Self> {
        let whole = absolute(directory).with_context(|| directory.display().to_string())?;
        let name = whole.file_name().unwrap_or_default().to_string_lossy();
        name.parse()
            .map_err(|error| anyhow!("the name of the folder {} {error}; give another one by --name", whole.display()))
    }
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_label = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.len() <= 63;
        if is_label {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be made of a-z, 0-9 and `-`, and begin with a letter")
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label_of_a_host_name() {
        for good in ["notes", "n", "notes-2", "a--b"] {
            assert_eq!(good.parse::<Name>(), Ok(Name(good.to_owned())));
        }
        for bad in ["", "Notes", "2notes", "-notes", "notes-", "my notes", "notes.example", "notés", &"n".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_gives_its_name() {
        assert_eq!(Name::of(Path::new("some/where/notes/")).unwrap(), Name("notes".to_owned()));
        let message = Name::of(Path::new("My Notes")).unwrap_err().to_string();
        assert!(message.contains("--name"), "{message}");
        assert!(Name::of(Path::new("/")).is_err());
    }
}
