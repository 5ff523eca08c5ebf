//! A running Envoy: its process, its admin interface and its logs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::access::AccessLog;
use super::admin::Admin;
use super::log::{Log, Mark};
use super::process::Process;
use super::{BOUND, bootstrap};
use crate::polling;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) admin: Admin,
    pub(super) log: Log,
    pub(super) access: AccessLog,
    // Last, so that the process outlives nothing that asks it, and its directory is there until the end.
    process: Process,
}

/// Where both logs ended at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(super) log: Mark,
    pub(super) access: Mark,
}

impl Server {
    /// Starts Envoy with `configuration` and `arguments`, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it ends before, with the end of its log, or is not ready in time.
    pub(super) fn start(
        mut process: Process,
        binary: &Path,
        configuration: &Value,
        arguments: &[OsString],
    ) -> anyhow::Result<Self> {
        let directory = process.directory().to_owned();
        fs::write(bootstrap::file(&directory), configuration.to_string())?;
        let log = Log::at(directory.join("envoy.log"));
        let access = AccessLog::at(bootstrap::access_log_file(&directory));
        process.start(binary, arguments, access.path(), log.path())?;
        let admin = polling::until("Envoy's admin interface", BOUND, || {
            process.check(&log)?;
            Admin::find(&bootstrap::admin_address_file(&directory))
        })?;
        polling::until("Envoy to be ready", BOUND, || {
            process.check(&log)?;
            Ok(admin.is_ready().then_some(()))
        })?;
        Ok(Self { admin, log, access, process })
    }

    /// Fails with the end of the log when Envoy has ended.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.process.check(&self.log)
    }

    pub(super) fn directory(&self) -> &Path {
        self.process.directory()
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn marks(&self) -> anyhow::Result<Marks> {
        Ok(Marks { log: self.log.mark()?, access: self.access.mark()? })
    }
}

/// Copies the filter into the directory: Envoy reads the file for each listener, and a build meanwhile must not give it
/// another one.
pub(super) fn copy_of_filter(wasm: &Path, directory: &Path) -> anyhow::Result<PathBuf> {
    let copy = directory.join("filter.wasm");
    fs::copy(wasm, &copy).with_context(|| format!("no filter at {}", wasm.display()))?;
    Ok(copy)
}
