//! Envoy as it is measured: its own defaults, and a configuration that is taken as it stands.

use std::path::Path;

use serde_json::Value;

use super::bootstrap;
use super::process::Process;
use super::server::Server;

/// An Envoy that is started from a complete configuration, with nothing of its settings changed to make tests short.
///
/// Dropping it ends the process and removes its files.
#[derive(Debug)]
pub struct PlainEnvoy(Server);

impl PlainEnvoy {
    /// Starts the Envoy at `binary` with so many workers, and waits until it is ready.
    ///
    /// `configure` gives the configuration. It gets the directory of this Envoy, in which it can leave the files that the
    /// configuration names; they go when the directory goes.
    ///
    /// # Errors
    ///
    /// What `configure` failed for. When Envoy ends before it is ready, with the end of its log, or is not ready in time.
    pub fn start(
        binary: &Path,
        concurrency: u32,
        configure: impl FnOnce(&Path) -> anyhow::Result<Value>,
    ) -> anyhow::Result<Self> {
        let process = Process::prepare()?;
        let configuration = configure(process.directory())?;
        let arguments = bootstrap::arguments(process.directory(), concurrency);
        Ok(Self(Server::start(process, binary, &configuration, &arguments)?))
    }

    /// The answer of the admin interface to a GET for `path`, which starts with `/`.
    ///
    /// # Errors
    ///
    /// When there is no answer, or none with status 200.
    pub fn admin(&self, path: &str) -> anyhow::Result<String> {
        self.0.admin.get(path)
    }

    /// Fails with the end of the log when Envoy has ended.
    ///
    /// # Errors
    ///
    /// That failure.
    pub fn check(&self) -> anyhow::Result<()> {
        self.0.check()
    }

    /// The file that Envoy logs to, and with it the filters.
    pub fn log_file(&self) -> &Path {
        self.0.log.path()
    }

    /// The process's number.
    pub fn process_id(&self) -> u32 {
        self.0.process_id()
    }
}
