//! Envoy's process: it and its files end with their owner, whatever way that one ends.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::log::Log;
use crate::polling;

/// Keeps the directory with configuration and logs when it is set.
const KEEP: &str = "CEDAR_GATE_KEEP";

/// Waits for its standard input: a line means that the owner has cleaned up itself; an end without one, that it is gone.
///
/// An Envoy in a `static` is never dropped, and a test run may be killed. (The parent-death signal of Linux would not do:
/// it is sent when the *thread* ends that started the process, and tests share one Envoy among threads.)
const WATCH: &str = r#"read -r done || { kill -KILL "$1"; [ -z "$2" ] || rm -rf "$2"; }"#;

#[derive(Debug)]
pub(super) struct Process {
    running: Option<Running>,
    directory: PathBuf,
    /// Removes the directory when dropped; `None` when it shall stay.
    removal: Option<TempDir>,
}

#[derive(Debug)]
struct Running {
    /// Asked from several threads whether it still lives.
    envoy: Mutex<Child>,
    id: u32,
    watcher: Child,
}

impl Process {
    /// Makes the directory.
    pub(super) fn prepare() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("cedar-gate-envoy-").tempdir()?;
        if std::env::var_os(KEEP).is_some() {
            let directory = directory.keep();
            eprintln!("Envoy's files stay in {}", directory.display());
            return Ok(Self { running: None, directory, removal: None });
        }
        Ok(Self { running: None, directory: directory.path().to_owned(), removal: Some(directory) })
    }

    /// Starts Envoy. The access log is its standard output, everything else it says its standard error.
    pub(super) fn start(
        &mut self,
        binary: &Path,
        arguments: &[OsString],
        access: &Path,
        log: &Path,
    ) -> anyhow::Result<()> {
        let envoy = Command::new(binary)
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(appended(access)?)
            .stderr(appended(log)?)
            // An interrupt from the terminal is for the owner; the watcher ends Envoy when the owner follows it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("Envoy cannot be started from {}", binary.display()))?;
        let id = envoy.id();
        let removed = self.removal.as_ref().map_or(Path::new(""), TempDir::path);
        let watcher = Command::new("/bin/sh")
            .args(["-c", WATCH, "watch"])
            .arg(id.to_string())
            .arg(removed)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match watcher {
            Ok(watcher) => {
                self.running = Some(Running { envoy: Mutex::new(envoy), id, watcher });
                Ok(())
            }
            Err(error) => {
                let mut envoy = envoy;
                envoy.kill()?;
                envoy.wait()?;
                Err(error).context("no shell to watch over Envoy")
            }
        }
    }

    /// Fails with the end of the log when Envoy has ended.
    pub(super) fn check(&self, log: &Log) -> anyhow::Result<()> {
        let Some(running) = &self.running else { bail!("Envoy has not been started") };
        let mut envoy = running.envoy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = envoy.try_wait()? {
            bail!("Envoy ended with {status}:\n{}", log.tail());
        }
        Ok(())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn id(&self) -> u32 {
        self.running.as_ref().map_or(0, |running| running.id)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(Running { envoy, mut watcher, .. }) = self.running.take() else { return };
        let mut envoy = envoy.into_inner().unwrap_or_else(PoisonError::into_inner);
        if end(&mut envoy).is_err() {
            // The watcher's way is the harder one: without a line on its input it kills.
            drop(watcher.stdin.take());
            drop(watcher.wait());
            drop(envoy.wait());
            return;
        }
        if let Some(mut input) = watcher.stdin.take() {
            // When the watcher is gone already there is nobody to tell.
            drop(input.write_all(b"done\n"));
        }
        drop(watcher.wait());
    }
}

/// A file that is empty again when somebody cuts it, while Envoy goes on writing.
fn appended(file: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).open(file)
}

/// Asks Envoy to end, and makes it, when it has not within 5 s.
fn end(envoy: &mut Child) -> anyhow::Result<()> {
    if envoy.try_wait()?.is_none() {
        kill_process(Pid::from_child(envoy), Signal::TERM)?;
    }
    let ended = polling::until("Envoy to end", Duration::from_secs(5), || Ok(envoy.try_wait()?));
    if ended.is_err() {
        envoy.kill()?;
        envoy.wait()?;
    }
    Ok(())
}
