//! The admin interface.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

#[derive(Clone, Debug)]
pub(super) struct Admin {
    agent: ureq::Agent,
    address: String,
}

/// Envoy's counters of what became of the listeners it was told of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ListenerCounters {
    /// Updates that were taken.
    pub(super) loaded: u64,
    /// Updates that were not, for what a listener says or for being no listeners at all.
    pub(super) refused: u64,
    /// New listeners on the main thread.
    pub(super) added: u64,
    /// Changed listeners on the main thread.
    pub(super) modified: u64,
    /// New or changed listeners on a worker, counted once for each worker.
    pub(super) created: u64,
}

/// Envoy's counters of what became of the clusters it was told of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClusterUpdates {
    /// Updates that were taken.
    pub(super) loaded: u64,
    /// Updates that were not.
    pub(super) refused: u64,
}

impl Admin {
    /// The interface whose address Envoy has written to `file`; `None` as long as it has not.
    pub(super) fn find(file: &Path) -> anyhow::Result<Option<Self>> {
        let address = match fs::read_to_string(file) {
            Ok(address) => address,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("the admin address cannot be read"),
        };
        // Envoy makes the file first and fills it then.
        let is_whole = address.parse::<std::net::SocketAddr>().is_ok();
        let agent = || ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
        Ok(is_whole.then(|| Self { agent: agent(), address }))
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut answer = self
            .agent
            .get(format!("http://{}{path}", self.address))
            .call()
            .with_context(|| format!("the admin interface does not answer {path}"))?;
        // Unlike `read_to_string` without a limit of its own, which stops at 10 MB.
        Ok(answer.body_mut().with_config().limit(u64::MAX).read_to_string()?)
    }

    pub(super) fn is_ready(&self) -> bool {
        // 503 before it is, which `get` makes an error.
        self.get("/ready").is_ok_and(|answer| answer.trim() == "LIVE")
    }

    /// The counter of this name; 0 where nothing has been counted yet.
    pub(super) fn counter(&self, name: &str) -> anyhow::Result<u64> {
        Ok(self.counters(name)?.of(name))
    }

    fn counters(&self, prefix: &str) -> anyhow::Result<Stats> {
        let answer = self.get(&format!("/stats?format=json&type=Counters&filter=^{prefix}"))?;
        serde_json::from_str(&answer).context("statistics of an unknown form")
    }

    pub(super) fn cluster_updates(&self) -> anyhow::Result<ClusterUpdates> {
        let stats = self.counters("cluster_manager.cds")?;
        let of = |name: &str| stats.of(&format!("cluster_manager.cds.{name}"));
        Ok(ClusterUpdates { loaded: of("update_success"), refused: of("update_rejected") + of("update_failure") })
    }

    pub(super) fn listener_counters(&self) -> anyhow::Result<ListenerCounters> {
        let stats = self.counters("listener_manager")?;
        let of = |name: &str| stats.of(name);
        Ok(ListenerCounters {
            loaded: of("listener_manager.lds.update_success"),
            refused: of("listener_manager.lds.update_rejected") + of("listener_manager.lds.update_failure"),
            added: of("listener_manager.listener_added"),
            modified: of("listener_manager.listener_modified"),
            created: of("listener_manager.listener_create_success"),
        })
    }
}

#[derive(Deserialize)]
struct Stats {
    stats: Vec<Stat>,
}

impl Stats {
    fn of(&self, name: &str) -> u64 {
        self.stats.iter().find(|stat| stat.name == name).map_or(0, |stat| stat.value)
    }
}

#[derive(Deserialize)]
struct Stat {
    name: String,
    value: u64,
}
