//! What a VM is started with besides its configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::LogLevel;
use crate::property::{Properties, boolean, text};
use crate::shared::SharedData;

/// A foreign function: gets the arguments, gives the result or a status other than 0.
pub type ForeignFunction = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, u32> + Send + Sync>;

/// How a VM is set up.
#[derive(Clone)]
pub struct Options {
    /// The clock at the start, in nanoseconds since the Unix epoch.
    pub now: u64,
    /// Lines below this level are dropped.
    pub log_level: LogLevel,
    /// The environment variables that the filter sees.
    pub environment: Vec<(String, String)>,
    /// How large the filter's memory may grow, in bytes.
    pub memory_limit: usize,
    /// Properties that every context sees, the root context included.
    pub properties: Properties,
    /// Properties that streams see: those of the connection and of the route.
    pub connection: Properties,
    /// Given to several VMs, they share their data as VMs with one `vm_id` do.
    pub shared: Arc<SharedData>,
    /// Makes `random_get` reproducible.
    pub seed: Option<u64>,
    /// The VM configuration.
    pub vm_configuration: Vec<u8>,
    /// The clusters that call-outs may go to; `None` is any.
    pub clusters: Option<Vec<String>>,
    /// Clusters that exist and have no hosts.
    pub empty_clusters: Vec<String>,
    /// Envoy's setting of that name. Without it a filter that pauses at the headers sees no body before it resumes.
    pub allow_on_headers_stop_iteration: bool,
    /// Foreign functions by name; any other name is not found.
    pub foreign_functions: BTreeMap<String, ForeignFunction>,
    /// Hostcalls that answer InternalFailure and do nothing, by their names (`proxy_…`).
    pub failing: Vec<String>,
}

/// A fixed instant, Envoy's limit of 1 GiB, a plain-text client on the loop-back, and headers that may be paused.
impl Default for Options {
    fn default() -> Self {
        let properties = [("plugin_name", "cedar-gate"), ("plugin_root_id", ""), ("plugin_vm_id", "cedar-gate")];
        let connection = [
            ("connection.mtls", boolean(false)),
            ("connection.peer_certificate_valid", boolean(false)),
            ("destination.address", text("127.0.0.1:8080")),
            ("request.protocol", text("HTTP/1.1")),
            ("source.address", text("127.0.0.1:49152")),
        ];
        Self {
            now: 1_767_225_600_000_000_000,
            log_level: LogLevel::default(),
            environment: Vec::new(),
            memory_limit: 1 << 30,
            properties: properties.into_iter().map(|(path, value)| (path.to_owned(), text(value))).collect(),
            connection: connection.into_iter().map(|(path, value)| (path.to_owned(), value)).collect(),
            shared: Arc::default(),
            seed: Some(0),
            vm_configuration: Vec::new(),
            clusters: None,
            empty_clusters: Vec::new(),
            allow_on_headers_stop_iteration: true,
            foreign_functions: BTreeMap::new(),
            failing: Vec::new(),
        }
    }
}
