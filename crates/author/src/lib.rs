//! A configuration as its author keeps it, made into the one that the filter gets.
//!
//! An author writes YAML, keeps policies in a folder beside it, and may have the whole within the configuration of an
//! Envoy. [`configuration`] reads all of these, and gives the one value that a gateway hands to the filter. Nothing is
//! judged here: that is what the filter does.

mod envoy;
mod files;
mod policies;
mod yaml;

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use files::{Disk, Files, Memory};
pub use yaml::{YamlError, yaml};

/// What a configuration could not be read for.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// The file is the configuration of an Envoy with no filter of ours, or with several.
    #[error("{file}: {message}")]
    Envoy {
        /// The file.
        file: String,
        /// What was found instead of one filter.
        message: String,
    },
    /// A file or folder cannot be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// The file or folder.
        file: String,
        /// Why not.
        error: io::Error,
    },
    /// The folder has no policies, or no schema.
    #[error("{folder}: {message}")]
    Policies {
        /// The folder.
        folder: String,
        /// What is missing.
        message: String,
    },
    /// A file is neither YAML nor JSON.
    #[error("{file}: {error}")]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong, and where.
        error: YamlError,
    },
}

/// A configuration and what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Authored {
    /// What a gateway hands to the filter.
    pub configuration: Value,
    /// The files that were read: that of the configuration first.
    pub files: Vec<PathBuf>,
}

/// Reads what [`configuration`] reads, but leaves `policies: {directory: …}` as it is: the folder need not be there yet.
///
/// # Errors
///
/// See [`AuthorError`].
pub fn written(path: &Path, files: &dyn Files) -> Result<Value, AuthorError> {
    let file = path.display().to_string();
    let text = files.read(path).map_err(|error| AuthorError::Unreadable { file: file.clone(), error })?;
    let written = yaml(&text).map_err(|error| AuthorError::Yaml { file: file.clone(), error })?;
    envoy::of_the_filter(written).map_err(|message| AuthorError::Envoy { file, message })
}

/// Reads a configuration: YAML or JSON, of the filter alone or of an Envoy that has the filter, with
/// `policies: {directory: …}` (relative to the file) replaced by what lies there.
///
/// # Errors
///
/// See [`AuthorError`]; nothing about what the configuration says.
pub fn configuration(path: &Path, files: &dyn Files) -> Result<Authored, AuthorError> {
    let mut configuration = written(path, files)?;
    let mut read = vec![path.to_owned()];
    if let Some(policies) = configuration.get_mut("policies")
        && let Some(directory) = policies::directory(policies)
    {
        let folder = path.parent().unwrap_or_else(|| Path::new("")).join(directory);
        let (inline, from) = policies::inline(&folder, files)?;
        *policies = inline;
        read.extend(from);
    }
    Ok(Authored { configuration, files: read })
}
