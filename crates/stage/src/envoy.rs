//! A real Envoy with one listener for each configuration of the filter.

mod access;
mod admin;
mod bootstrap;
mod deployment;
mod file;
mod listener;
mod log;
mod plain;
mod port;
mod process;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use cedar_gate_scenario::ConfigurationForm;
use serde_json::{Value, json};

use crate::polling;
pub(crate) use access::Access;
pub use deployment::{Decisions, Deployment};
pub use file::EnvoyFile;
pub use listener::ListenerOptions;
pub use log::LogLine;
use log::Mark;
pub use plain::PlainEnvoy;
pub(crate) use port::Port;
use process::Process;
pub(crate) use server::Marks;
use server::Server;

/// The environment variable with the path of Envoy's binary.
const BINARY: &str = "CEDAR_GATE_ENVOY";

/// How long Envoy may take to start, or to take over a listener: the first one compiles the `.wasm`.
const BOUND: Duration = Duration::from_secs(60);

/// What an [`Envoy`] is started with.
#[derive(Clone, Debug)]
pub struct EnvoyOptions {
    /// Envoy's binary.
    pub binary: PathBuf,
    /// The filter.
    pub wasm: PathBuf,
    /// Where the cluster `upstream` is; every route leads there.
    pub upstream: SocketAddr,
    /// More clusters, by name, for the filter's own calls.
    pub clusters: BTreeMap<String, SocketAddr>,
    /// The number of worker threads.
    pub concurrency: u32,
    /// The environment variables of the VM.
    pub environment: BTreeMap<String, String>,
    /// What Envoy does to paths before the filter sees them.
    pub paths: Paths,
    /// Whether Envoy itself writes `x-forwarded-client-cert`, whatever a client sends in it.
    pub tells_certificate: bool,
    /// The name of the VM, which is the namespace of the filter's shared data too. All listeners of one Envoy have it in
    /// common.
    pub vm_id: String,
}

impl EnvoyOptions {
    /// The options for scenarios: one worker, raw paths, no further clusters, no environment.
    pub fn new(binary: impl Into<PathBuf>, wasm: impl Into<PathBuf>, upstream: SocketAddr) -> Self {
        Self {
            binary: binary.into(),
            wasm: wasm.into(),
            upstream,
            clusters: BTreeMap::new(),
            concurrency: 1,
            environment: BTreeMap::new(),
            paths: Paths::default(),
            tells_certificate: false,
            vm_id: "cedar-gate".to_owned(),
        }
    }

    /// Like [`new`](Self::new), with the binary that the environment variable `CEDAR_GATE_ENVOY` names; `None` without it.
    pub fn from_env(wasm: impl Into<PathBuf>, upstream: SocketAddr) -> Option<Self> {
        Some(Self::new(Self::binary_from_env()?, wasm, upstream))
    }

    /// The path in the environment variable `CEDAR_GATE_ENVOY`.
    pub fn binary_from_env() -> Option<PathBuf> {
        std::env::var_os(BINARY).map(PathBuf::from)
    }
}

/// What Envoy does to paths before the filter sees them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Paths {
    /// Normalised, slashes merged, escaped slashes refused: what a deployment should have.
    Hardened,
    /// As the client sent them.
    #[default]
    Raw,
}

/// A running Envoy. Dropping it ends the process and removes its files, which `CEDAR_GATE_KEEP` in the environment keeps.
///
/// All methods may be called from several threads at once. Changes of listeners wait for each other.
#[derive(Debug)]
pub struct Envoy {
    options: EnvoyOptions,
    listeners: Mutex<Listeners>,
    clusters: Mutex<Clusters>,
    server: Server,
}

/// The clusters that Envoy has been told of since it was started.
#[derive(Debug, Default)]
struct Clusters {
    /// As with listeners.
    version: u64,
    current: BTreeMap<String, Value>,
}

/// The listeners that Envoy has been told of.
#[derive(Debug, Default)]
struct Listeners {
    /// A number for each content of the listener file; Envoy takes it for the version.
    version: u64,
    accepted: BTreeMap<String, Listener>,
}

#[derive(Clone, Debug)]
struct Listener {
    options: ListenerOptions,
    port: Arc<Port>,
    resource: Value,
    retired: bool,
}

/// Why a listener was not added or updated.
#[derive(Debug)]
pub enum ListenerError {
    /// Envoy itself failed: it ended, or gave no answer in time.
    Host(anyhow::Error),
    /// The update was refused, which is what happens when the filter refuses its configuration.
    Rejected(Rejected),
}

impl From<anyhow::Error> for ListenerError {
    fn from(error: anyhow::Error) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for ListenerError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => write!(to, "Envoy failed: {error:#}"),
            Self::Rejected(Rejected { log, host }) => {
                write!(to, "the listener was rejected; the filter logged {log:?}, Envoy {host:?}")
            }
        }
    }
}

impl std::error::Error for ListenerError {}

/// A refused listener.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// What the filter logged under this listener's name while Envoy tried.
    pub log: Vec<String>,
    /// What else Envoy logged meanwhile at level warning and above, traps included. Where several threads change
    /// listeners or send requests, lines of others may be among them.
    pub host: Vec<String>,
}

impl Envoy {
    /// Starts Envoy, without a listener, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it ends before, with the end of its log, or is not ready within 60 s.
    pub fn start(options: EnvoyOptions) -> anyhow::Result<Self> {
        let process = Process::prepare()?;
        let directory = process.directory().to_owned();
        let options = EnvoyOptions { wasm: server::copy_of_filter(&options.wasm, &directory)?, ..options };
        for (watched, file) in [
            (bootstrap::cluster_directory(&directory), bootstrap::cluster_file(&directory)),
            (bootstrap::listener_directory(&directory), bootstrap::listener_file(&directory)),
        ] {
            fs::create_dir(watched)?;
            replace_resources(&directory, &file, 0, &[])?;
        }
        let bootstrap = bootstrap::bootstrap(&options, &directory);
        let arguments = bootstrap::prompt_arguments(&directory, options.concurrency);
        let server = Server::start(process, &options.binary, &bootstrap, &arguments)?;
        Ok(Self { options, listeners: Mutex::default(), clusters: Mutex::default(), server })
    }

    /// Adds a listener whose filter has `configuration`, waits until every worker serves it, and gives its port.
    ///
    /// `name` is also the name of the plugin, by which the filter's log lines are told apart. It must be new, and without
    /// blanks and colons.
    ///
    /// # Errors
    ///
    /// See [`ListenerError`]; a rejected listener leaves the others as they were.
    pub fn add_listener(
        &self,
        name: &str,
        configuration: &Value,
        form: ConfigurationForm,
    ) -> Result<u16, ListenerError> {
        let options = ListenerOptions { configuration: configuration.clone(), form, ..ListenerOptions::default() };
        self.add_listener_with(name, options)
    }

    /// Like [`add_listener`](Self::add_listener), with all that there is to be said of a listener.
    ///
    /// # Errors
    ///
    /// See [`ListenerError`]; a rejected listener leaves the others as they were.
    pub fn add_listener_with(&self, name: &str, options: ListenerOptions) -> Result<u16, ListenerError> {
        let mut listeners = self.lock();
        if listeners.accepted.contains_key(name) {
            return Err(anyhow!("there is a listener `{name}` already").into());
        }
        let port = Port::reserve().context("there is no free port")?;
        self.change(&mut listeners, name, options, port.into())
    }

    /// Adds clusters for the filter's own calls; one without an address has no hosts. Listeners that are added later can
    /// use them at once.
    ///
    /// # Errors
    ///
    /// When Envoy does not take them, or not in time.
    pub fn add_clusters(&self, clusters: &BTreeMap<String, Option<SocketAddr>>) -> anyhow::Result<()> {
        let mut known = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        known.current.extend(clusters.iter().map(|(name, at)| (name.clone(), bootstrap::service(name, *at))));
        known.version += 1;
        let resources: Vec<_> = known.current.values().collect();
        let before = self.server.admin.cluster_updates()?;
        let file = bootstrap::cluster_file(self.directory());
        replace_resources(self.directory(), &file, known.version, &resources)?;
        polling::until("Envoy to load its clusters", BOUND, || {
            self.server.check()?;
            let updates = self.server.admin.cluster_updates()?;
            if updates.refused > before.refused {
                bail!("Envoy rejects its clusters:\n{}", self.server.log.tail());
            }
            Ok((updates.loaded > before.loaded).then_some(()))
        })
    }

    /// Lets Envoy drop clusters with one of the next changes.
    pub fn retire_clusters<'n>(&self, names: impl IntoIterator<Item = &'n String>) {
        let mut known = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            known.current.remove(name);
        }
    }

    /// Gives the filter of the listener `name` a new configuration, waits until every worker has it, and gives the port,
    /// which is the one that it had.
    ///
    /// # Errors
    ///
    /// See [`ListenerError`]; when the update is rejected, the listener goes on with what it had.
    pub fn update_listener(&self, name: &str, configuration: &Value) -> Result<u16, ListenerError> {
        let mut listeners = self.lock();
        let Some(listener) = listeners.accepted.get(name) else {
            return Err(anyhow!("there is no listener `{name}`").into());
        };
        if listener.options.configuration == *configuration {
            // Envoy skips an update that changes nothing, so there would be nothing to wait for.
            return Ok(listener.port.number());
        }
        let options = ListenerOptions { configuration: configuration.clone(), ..listener.options.clone() };
        let port = Arc::clone(&listener.port);
        self.change(&mut listeners, name, options, port)
    }

    /// Lets Envoy drop the listener `name` with one of the next changes.
    ///
    /// Not at once: the last plugin that goes takes the compiled `.wasm` with it, so a listener stays until another has
    /// been accepted.
    pub fn retire_listener(&self, name: &str) {
        if let Some(listener) = self.lock().accepted.get_mut(name) {
            listener.retired = true;
        }
    }

    /// The answer of the admin interface to a GET for `path`, which starts with `/`.
    ///
    /// # Errors
    ///
    /// When there is no answer, or none with status 200.
    pub fn admin(&self, path: &str) -> anyhow::Result<String> {
        self.server.admin.get(path)
    }

    /// How many requests have come to the listener `name` so far.
    pub(crate) fn requests(&self, name: &str) -> anyhow::Result<u64> {
        self.server.admin.counter(&format!("http.{name}.downstream_rq_total"))
    }

    /// Everything that the filter has logged so far, in all listeners.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn filter_log(&self) -> anyhow::Result<Vec<LogLine>> {
        Ok(self.server.log.since(Mark::default())?.into_iter().filter_map(LogLine::of).collect())
    }

    /// The directory with Envoy's configuration and logs.
    pub fn directory(&self) -> &Path {
        self.server.directory()
    }

    /// The process's number.
    pub fn process_id(&self) -> u32 {
        self.server.process_id()
    }

    /// The ends of both logs, from which a request's lines are read later.
    pub(crate) fn marks(&self) -> anyhow::Result<Marks> {
        self.server.marks()
    }

    /// The filter's lines in the listener `name` after `marks`.
    pub(crate) fn filter_log_since(&self, marks: Marks, name: &str) -> anyhow::Result<Vec<LogLine>> {
        let lines = self.server.log.since(marks.log)?.into_iter().filter_map(LogLine::of);
        Ok(lines.filter(|line| line.listener == name).collect())
    }

    /// The access-log line of the request that came over the connection from `client` after `marks`.
    pub(crate) fn access_since(&self, marks: Marks, client: SocketAddr) -> anyhow::Result<Option<Access>> {
        self.server.access.find(marks.access, client)
    }

    fn change(
        &self,
        listeners: &mut Listeners,
        name: &str,
        options: ListenerOptions,
        port: Arc<Port>,
    ) -> Result<u16, ListenerError> {
        let number = port.number();
        let resource = listener::listener(&self.options, name, number, &options);
        let mut next = listeners.accepted.clone();
        next.insert(name.to_owned(), Listener { options, port, resource, retired: false });

        let mark = self.server.log.mark().context("the log cannot be read")?;
        match self.load(listeners, &next)? {
            Load::Accepted => {
                // From now on the new one keeps the compiled `.wasm`.
                next.retain(|_, listener| !listener.retired);
                listeners.accepted = next;
                Ok(number)
            }
            Load::Rejected => {
                let rejected = self.rejected(mark, name)?;
                // Or Envoy would try the faulty one again with every change.
                let accepted = listeners.accepted.clone();
                match self.load(listeners, &accepted)? {
                    Load::Accepted => Err(ListenerError::Rejected(rejected)),
                    Load::Rejected => Err(anyhow!("Envoy rejects listeners that it had accepted").into()),
                }
            }
        }
    }

    /// Gives Envoy a new set of listeners and waits for what it makes of them.
    fn load(&self, listeners: &mut Listeners, next: &BTreeMap<String, Listener>) -> anyhow::Result<Load> {
        let before = self.server.admin.listener_counters()?;
        listeners.version += 1;
        let resources: Vec<_> = next.values().map(|listener| &listener.resource).collect();
        let file = bootstrap::listener_file(self.directory());
        replace_resources(self.directory(), &file, listeners.version, &resources)?;

        polling::until("Envoy to load its listeners", BOUND, || {
            self.server.check()?;
            let counters = self.server.admin.listener_counters()?;
            if counters.refused > before.refused {
                return Ok(Some(Load::Rejected));
            }
            // What differs from before was added to the main thread; each worker gets it later and is counted then.
            // Until then a new connection could still meet the old configuration.
            let changed = counters.added + counters.modified - before.added - before.modified;
            let expected = changed * u64::from(self.options.concurrency);
            let served = counters.created - before.created == expected;
            Ok((counters.loaded > before.loaded && served).then_some(Load::Accepted))
        })
    }

    fn rejected(&self, mark: Mark, name: &str) -> anyhow::Result<Rejected> {
        let (mut log, mut host) = (Vec::new(), Vec::new());
        for entry in self.server.log.since(mark)? {
            let is_warning = entry.is_warning();
            let text = entry.message.clone();
            match LogLine::of(entry) {
                Some(line) if line.listener == name => log.push(line.message),
                Some(_) => {}
                None if is_warning => host.push(text),
                None => {}
            }
        }
        Ok(Rejected { log, host })
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Load {
    Accepted,
    Rejected,
}

/// Envoy notices a file that is moved into the watched directory, and must never see half of one.
fn replace_resources(directory: &Path, file: &Path, version: u64, resources: &[&Value]) -> anyhow::Result<()> {
    let draft = directory.join("resources.draft");
    let content = json!({ "version_info": version.to_string(), "resources": resources });
    fs::write(&draft, content.to_string())?;
    fs::rename(&draft, file).with_context(|| format!("{} cannot be replaced", file.display()))
}
