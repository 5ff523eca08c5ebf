//! The services that a filter can call: what they answer, and what they were sent.
//!
//! Nothing is sent here. A host asks [`Services::call`] what comes of a call that its filter has made, and sees to it that
//! it comes; so a file need not know whether a service is a table or a server.

mod answer;
mod condition;
mod endpoint;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;

use self::endpoint::Endpoint;
pub(crate) use self::{
    condition::{Condition, ReceivedCheck},
    endpoint::Target,
};
use crate::{
    error::ScenarioError,
    file::typed,
    forge::{Clock, Forge},
    gateway::Headers,
};

/// The services of one gateway. A clone has the same services before it; a new life of theirs begins with
/// [`Services::renewed`].
#[derive(Clone, Default)]
pub struct Services {
    forge: Arc<Forge>,
    described: Arc<BTreeMap<String, Service>>,
    table: Arc<Mutex<Table>>,
}

/// A call as a service received it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Called {
    /// The name of the cluster.
    pub cluster: String,
    /// The method.
    pub method: Vec<u8>,
    /// The request target, query included.
    pub path: Vec<u8>,
    /// All headers except pseudo-headers; names in lower case.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// What comes of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Served {
    /// An answer.
    Answered {
        /// How long it takes.
        after: Duration,
        /// The status.
        status: u16,
        /// The headers; names in lower case.
        headers: Headers,
        /// The body.
        body: Vec<u8>,
    },
    /// The connection is broken off within the body of an answer.
    Cut,
    /// The cluster has no hosts.
    Empty,
    /// The call is taken, and nothing comes.
    Never,
    /// Nobody listens.
    Refused,
    /// The connection is broken off before there is an answer.
    Reset,
    /// There is no such cluster.
    Unknown,
}

impl Served {
    /// A JSON document with a status, at once.
    pub fn json(status: u16, document: &Value) -> Self {
        let headers = vec![(b"content-type".to_vec(), b"application/json".to_vec())];
        Self::Answered { after: Duration::ZERO, status, headers, body: document.to_string().into_bytes() }
    }
}

/// What can be said of a service as a whole.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    Empty,
    Never,
    Refused,
    Reset,
    Up,
}

/// A service as it stands.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    word: Word,
    endpoints: BTreeMap<Target, Endpoint>,
}

/// What a scenario says of services, at the start or later.
pub(crate) type Changes = BTreeMap<String, Change>;

/// What a scenario says of one service.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Endpoints(BTreeMap<Target, Endpoint>),
    Word(Word),
}

#[derive(Debug, Default)]
struct Table {
    services: BTreeMap<String, Service>,
    received: Vec<Called>,
    /// When the first of all was called, or the gateway had started: what `minted: start` means.
    start: Option<i64>,
    failures: Vec<String>,
}

impl Services {
    pub(crate) fn new(described: &Changes, forge: &Forge) -> Self {
        let mut services = BTreeMap::new();
        change(&mut services, described);
        Self { forge: Arc::new(forge.clone()), described: Arc::new(services), table: Arc::default() }.renewed()
    }

    /// The same services at the beginning of another life.
    #[must_use]
    pub fn renewed(&self) -> Self {
        let table = Table { services: self.described.as_ref().clone(), ..Table::default() };
        Self { table: Arc::new(Mutex::new(table)), ..self.clone() }
    }

    /// The names of the clusters.
    pub fn clusters(&self) -> Vec<String> {
        self.lock().services.keys().cloned().collect()
    }

    /// Whether a cluster of this name has no hosts.
    pub fn is_empty(&self, cluster: &str) -> bool {
        self.stands(cluster, Word::Empty)
    }

    /// Whether nobody listens in the cluster of this name.
    pub fn is_refused(&self, cluster: &str) -> bool {
        self.stands(cluster, Word::Refused)
    }

    /// What comes of a call that is made at `now`, in seconds since the Unix epoch. The call counts as received, unless
    /// nobody is there to receive it.
    pub fn call(&self, called: Called, now: i64) -> Served {
        let mut table = self.lock();
        let start = *table.start.get_or_insert(now);
        let Some(service) = table.services.get_mut(&called.cluster) else { return Served::Unknown };
        let served = match service.word {
            Word::Empty => return Served::Empty,
            Word::Refused => return Served::Refused,
            Word::Never => Ok(Served::Never),
            Word::Reset => Ok(Served::Reset),
            Word::Up => service.served(&called, &self.forge, &Clock { start, now }),
        };
        table.received.push(called);
        served.unwrap_or_else(|error| {
            table.failures.push(error);
            Served::Reset
        })
    }

    /// Takes note of when the gateway was started.
    pub(crate) fn started(&self, now: i64) {
        self.lock().start = Some(now);
    }

    /// Takes what was received since the last time, or says which answer could not be made.
    pub(crate) fn take_received(&self) -> Result<Vec<Called>, String> {
        let mut table = self.lock();
        match table.failures.pop() {
            Some(failure) => Err(failure),
            None => Ok(std::mem::take(&mut table.received)),
        }
    }

    pub(crate) fn change(&self, changes: &Changes) {
        change(&mut self.lock().services, changes);
    }

    fn stands(&self, cluster: &str, word: Word) -> bool {
        self.lock().services.get(cluster).is_some_and(|service| service.word == word)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Services").field(&self.clusters()).finish()
    }
}

impl Service {
    fn served(&mut self, called: &Called, forge: &Forge, clock: &Clock) -> Result<Served, String> {
        let endpoint = Target::of(called).into_iter().find(|target| self.endpoints.contains_key(target));
        let endpoint = endpoint.and_then(|target| self.endpoints.get_mut(&target));
        let answer = endpoint.and_then(|endpoint| endpoint.answer(called));
        match answer {
            Some(answer) => answer
                .served(forge, clock)
                .map_err(|error| format!("the service `{}` has no answer: {error}", called.cluster)),
            None => {
                Ok(Served::Answered { after: Duration::ZERO, status: 404, headers: Headers::new(), body: Vec::new() })
            }
        }
    }
}

fn change(services: &mut BTreeMap<String, Service>, changes: &Changes) {
    for (name, change) in changes {
        let service =
            services.entry(name.clone()).or_insert_with(|| Service { word: Word::Up, endpoints: BTreeMap::new() });
        match change {
            Change::Endpoints(endpoints) => {
                service.word = Word::Up;
                service.endpoints.extend(endpoints.iter().map(|(target, endpoint)| (target.clone(), endpoint.clone())));
            }
            Change::Word(word) => service.word = *word,
        }
    }
}

/// Reads what stands under `services`.
pub(crate) fn read(services: &BTreeMap<String, Value>, forge: &Forge) -> Result<Changes, ScenarioError> {
    let read = |(name, described): (&String, &Value)| {
        let change = match described {
            Value::Object(endpoints) => endpoint::read(endpoints, forge).map(Change::Endpoints),
            word => typed(word).map(Change::Word),
        };
        Ok((name.clone(), change.map_err(|error| error.below(name))?))
    };
    services.iter().map(read).collect()
}
