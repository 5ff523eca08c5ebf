//! Counters and histograms of the gateway. Gateways have no labels here, so that they stand in the names.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use super::host::{self, MetricKind};
use crate::audit::{Record, Spent};
use crate::live::Incident;

/// Metrics, each defined when it is first needed.
#[derive(Default)]
pub(super) struct Metrics {
    allowed: Metric,
    /// By cause.
    denied: RefCell<BTreeMap<&'static str, Option<u32>>>,
    /// By the name of the counter.
    fetched: RefCell<BTreeMap<String, Option<u32>>>,
    total: Metric,
    signature: Metric,
}

/// Nothing before it is first needed; then the host's number, or nothing where the host has no metrics.
type Metric = OnceCell<Option<u32>>;

impl Metrics {
    /// Counts something that happened outside of requests. Its names come from the configuration and the filter, never
    /// from the network, so that there are few of them.
    pub(super) fn count(&self, incident: &Incident) {
        let name = format!("cedar_gate.{}.{}", incident.subject.replace('/', "."), incident.code);
        let mut fetched = self.fetched.borrow_mut();
        let counter = *fetched.entry(name).or_insert_with_key(|name| host::define_metric(MetricKind::Counter, name));
        counter.into_iter().for_each(host::increment_metric);
    }

    /// Counts a decision and the time that it took.
    pub(super) fn observe(&self, record: &Record, spent: Spent) {
        let counter = match record.cause {
            Some(cause) => *self.denied.borrow_mut().entry(cause).or_insert_with(|| {
                host::define_metric(MetricKind::Counter, &format!("cedar_gate.decisions.deny.{cause}"))
            }),
            None => define(&self.allowed, MetricKind::Counter, "cedar_gate.decisions.allow"),
        };
        counter.into_iter().for_each(host::increment_metric);
        let total = define(&self.total, MetricKind::Histogram, "cedar_gate.micros.total");
        total.into_iter().for_each(|id| host::record_metric(id, spent.total));
        if spent.signature > 0 {
            let signature = define(&self.signature, MetricKind::Histogram, "cedar_gate.micros.signature");
            signature.into_iter().for_each(|id| host::record_metric(id, spent.signature));
        }
    }
}

fn define(metric: &Metric, kind: MetricKind, name: &str) -> Option<u32> {
    *metric.get_or_init(|| host::define_metric(kind, name))
}
