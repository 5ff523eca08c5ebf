//! Plays scenarios again whenever something changes that they were read from.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context, ensure};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::files::{self, Reading};
use super::{Arguments, Run};
use crate::outcome::Outcome;
use crate::screen::{FAINT, Format, Screen};

/// Editors change a file in several steps: this long nothing must happen before it counts as changed.
const QUIET: Duration = Duration::from_millis(50);

/// After so many events it counts as changed even if they go on.
const BURST: usize = 1000;

/// Plays until somebody ends it.
///
/// # Errors
///
/// One of the paths is not there, nothing can be watched, or nobody reads the output any more. Whatever else is wrong
/// is shown, and may be put right.
pub(super) fn watch(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    for path in &arguments.paths {
        ensure!(path.exists(), "{}: there is no such file or folder to be watched", path.display());
    }
    let mut lookout = Lookout::new()?;
    loop {
        clear(screen)?;
        let (seen, played) = match files::find(&arguments.paths) {
            Ok(found) => {
                let run = Run::play(&found, arguments, screen)?;
                (Seen { found: Some(found), run: Some(run) }, Ok(()))
            }
            Err(error) => (Seen { found: None, run: None }, Err(error)),
        };
        // Whatever changes from here on is told by the watch, whatever has changed before is found by comparison.
        lookout.turn_to(arguments, &seen)?;
        if let Err(error) = played.and_then(|()| seen.run.iter().try_for_each(|run| run.show(arguments, screen))) {
            screen.error(&error);
        }
        if screen.format() == Format::Text {
            writeln!(screen.out(), "{FAINT}waiting for a change; Ctrl-C ends this{FAINT:#}")?;
        }
        while !seen.is_out_of_date(arguments) {
            lookout.wait()?;
            lookout.turn_to(arguments, &seen)?;
        }
    }
}

/// What was played.
struct Seen {
    /// The scenario files; nothing where they could not be found.
    found: Option<Vec<PathBuf>>,
    run: Option<Run>,
}

impl Seen {
    fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.run.iter().flat_map(|run| &run.trials).map(|trial| &trial.reading)
    }

    /// Whether something is no longer as it was played.
    fn is_out_of_date(&self, arguments: &Arguments) -> bool {
        self.readings().any(Reading::is_out_of_date) || files::find(&arguments.paths).ok() != self.found
    }
}

/// Where changes are looked out for.
struct Lookout {
    watcher: RecommendedWatcher,
    changes: Receiver<notify::Result<Event>>,
}

impl Lookout {
    fn new() -> anyhow::Result<Self> {
        let (sender, changes) = mpsc::channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // To read a file is an event too, and each look at the files reads them all.
            if !event.as_ref().is_ok_and(|event| event.kind.is_access()) {
                // The receiver goes when the command ends.
                let _ = sender.send(event);
            }
        });
        Ok(Self { watcher: watcher.context("files cannot be watched on this system")?, changes })
    }

    /// Watches the folders with the scenarios, and those of all files that they were read from. A folder that is
    /// removed and made again has to be watched anew.
    fn turn_to(&mut self, arguments: &Arguments, seen: &Seen) -> anyhow::Result<()> {
        let mut trees: Vec<PathBuf> = Vec::new();
        for path in &arguments.paths {
            if path.is_dir() {
                self.watch(path, RecursiveMode::Recursive)?;
                trees.extend(path.canonicalize());
            } else {
                self.watch(&nearest(path.parent().unwrap_or(path)), RecursiveMode::NonRecursive)?;
            }
        }
        for folder in seen.readings().flat_map(Reading::folders) {
            let folder = nearest(&folder);
            // To watch a folder of a tree by itself would take what is below it out of the watch.
            if !folder.canonicalize().is_ok_and(|real| trees.iter().any(|tree| real.starts_with(tree))) {
                self.watch(&folder, RecursiveMode::NonRecursive)?;
            }
        }
        Ok(())
    }

    fn watch(&mut self, folder: &Path, mode: RecursiveMode) -> anyhow::Result<()> {
        match self.watcher.watch(folder, mode) {
            Ok(()) => Ok(()),
            // It was removed in the meantime, which is a change of the folder around it.
            Err(_) if !folder.exists() => Ok(()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be watched", folder.display())),
        }
    }

    /// Waits for changes, and for their end.
    fn wait(&self) -> anyhow::Result<()> {
        self.changes.recv()?.context("files cannot be watched any more")?;
        for _ in 0..BURST {
            if self.changes.recv_timeout(QUIET).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// The folder, or the nearest one around it that is there.
fn nearest(folder: &Path) -> PathBuf {
    let existing = folder.ancestors().find(|ancestor| ancestor.is_dir());
    match existing {
        Some(existing) if !existing.as_os_str().is_empty() => existing.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Begins a new page on a terminal.
fn clear(screen: &mut Screen) -> anyhow::Result<()> {
    if screen.format() == Format::Text && std::io::stdout().is_terminal() {
        write!(screen.out(), "\x1b[2J\x1b[H")?;
        screen.out().flush()?;
    }
    Ok(())
}
