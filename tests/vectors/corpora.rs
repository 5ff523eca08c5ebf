//! Test data that is too large for the repository: it stands in a folder that `CEDAR_GATE_CORPORA` names.

use std::path::{Path, PathBuf};

/// The parts of the folder, and how the names of the sets begin that are in them.
const PARTS: [(&str, &str); 3] = [
    ("corpus-tests", "cedar::the generated tests"),
    ("tests", "cedar::the handwritten tests"),
    ("test_parsing", "json::"),
];

/// Whether a set cannot be played for want of its data.
pub(crate) fn is_left_out(set: &str) -> bool {
    PARTS.iter().any(|(name, begins)| set.starts_with(begins) && part(name).is_none())
}

/// A part of the folder; nothing where it is not there.
pub(crate) fn part(name: &str) -> Option<PathBuf> {
    let part = PathBuf::from(std::env::var_os("CEDAR_GATE_CORPORA")?).join(name);
    part.is_dir().then_some(part)
}

/// Says what is left out.
pub(crate) fn print_absent() {
    let absent: Vec<&str> = PARTS.iter().map(|(name, _)| *name).filter(|name| part(name).is_none()).collect();
    if !absent.is_empty() {
        let folder =
            std::env::var("CEDAR_GATE_CORPORA").unwrap_or_else(|_| "CEDAR_GATE_CORPORA, which is not set".to_owned());
        println!("Left out, for want of {} in {folder}; see tests/vectors/README.md", absent.join(", "));
    }
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
