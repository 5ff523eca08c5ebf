//! The only part that reads files: where there is no file system, scenarios are parsed from text.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use cedar_gate_author::{Disk, Files};

use crate::{error::ScenarioError, scenario::Scenario};

impl Scenario {
    /// Reads a scenario file, and the files it names.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or does not have the form that the README gives.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        Self::load_from(path, &Disk)
    }

    /// Reads a scenario file, and the files it names, out of `files`.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or does not have the form that the README gives.
    pub fn load_from(path: impl AsRef<Path>, files: &dyn Files) -> Result<Self, ScenarioError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = files.read(path).map_err(|error| ScenarioError::new("", error).in_file(&name))?;
        let mut scenario = Self::parse(&text, path, files).map_err(|error| error.in_file(&name))?;
        scenario.file = Some(name);
        Ok(scenario)
    }

    /// All `*.yaml` files below a folder, in the order of their paths, except what lies in folders named `base`.
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn find(folder: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![folder.as_ref().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    if entry.file_name() != "base" {
                        folders.push(path);
                    }
                } else if path.extension().is_some_and(|extension| extension == "yaml") {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}
