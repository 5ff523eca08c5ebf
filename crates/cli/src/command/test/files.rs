//! Which files are played, and what they were read from.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, io};

use anyhow::{Context, bail, ensure};
use cedar_gate_author::{Disk, Files};
use cedar_gate_scenario::Scenario;

/// The scenario files at these paths, each once, in the order of their paths.
pub(super) fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(Scenario::find(path).with_context(|| path.display().to_string())?);
        } else if path.exists() {
            found.push(path.clone());
        } else {
            bail!("{}: there is no such file or folder; name those with the scenarios", path.display());
        }
    }
    found.sort();
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    let places: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    ensure!(!found.is_empty(), "{}: there are no scenarios, which are files named *.yaml", places.join(", "));
    Ok(found)
}

/// The shortest name of a file: seen from the working directory where it lies below that, and without detours.
pub(super) fn plain(path: &Path) -> PathBuf {
    let real = path.canonicalize().ok();
    let here = env::current_dir().and_then(|here| here.canonicalize()).ok();
    let short = real.as_ref().zip(here.as_ref()).and_then(|(real, here)| real.strip_prefix(here).ok());
    short.map_or_else(|| path.to_owned(), Path::to_owned)
}

/// The file system, with a memory of what was read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    texts: RefCell<BTreeMap<PathBuf, Option<String>>>,
    folders: RefCell<BTreeMap<PathBuf, Option<Vec<PathBuf>>>>,
}

impl Files for Reading {
    fn read(&self, path: &Path) -> io::Result<String> {
        let text = Disk.read(path);
        self.texts.borrow_mut().insert(path.to_owned(), text.as_ref().ok().cloned());
        text
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let files = Disk.list(folder);
        self.folders.borrow_mut().insert(folder.to_owned(), files.as_ref().ok().cloned());
        files
    }
}

impl Reading {
    /// The files that were read, as [`plain`] names them, with their texts.
    pub(super) fn texts(&self) -> BTreeMap<PathBuf, String> {
        let texts = self.texts.borrow();
        texts.iter().filter_map(|(path, text)| Some((plain(path), text.clone()?))).collect()
    }

    /// The folders in which something would have to change for this to become out of date.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let around = |path: &PathBuf| path.parent().map(Path::to_owned);
        let (texts, folders) = (self.texts.borrow(), self.folders.borrow());
        texts.keys().filter_map(around).chain(folders.keys().cloned()).collect()
    }

    /// Whether something is no longer as it was read.
    pub(super) fn is_out_of_date(&self) -> bool {
        let (texts, folders) = (self.texts.borrow(), self.folders.borrow());
        texts.iter().any(|(path, text)| Disk.read(path).ok() != *text)
            || folders.iter().any(|(folder, files)| Disk.list(folder).ok() != *files)
    }
}
