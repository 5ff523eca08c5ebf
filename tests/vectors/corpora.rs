//! Test data that is too large for the repository: it stands in a folder that `CEDAR_GATE_CORPORA` names.

use std::path::{Path, PathBuf};

/// A part of the folder; nothing, and a line that says so, where it is not there.
pub(crate) fn part(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CEDAR_GATE_CORPORA") else {
        println!("CEDAR_GATE_CORPORA is not set: {name} is left out; see tests/vectors/README.md");
        return None;
    };
    let part = Path::new(&folder).join(name);
    if !part.is_dir() {
        println!("{} is not there, and is left out; see tests/vectors/README.md", part.display());
        return None;
    }
    Some(part)
}

/// The files of a folder and of those in it, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() { waiting.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
