//! Counters and histograms of the gateway. Gateways have no labels here, so that they stand in the names.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::host::{self, MetricKind};
use crate::audit::{Record, Spent};

/// Metrics, each defined when it is first needed.
#[derive(Default)]
pub(super) struct Metrics(RefCell<BTreeMap<String, Option<u32>>>);

impl Metrics {
    /// Counts a decision and the time that it took.
    pub(super) fn observe(&self, record: &Record, spent: Spent) {
        let name = match record.cause {
            Some(cause) => format!("cedar_gate.decisions.deny.{cause}"),
            None => "cedar_gate.decisions.allow".to_owned(),
        };
        if let Some(id) = self.id(MetricKind::Counter, name) {
            host::increment_metric(id);
        }
        if let Some(id) = self.id(MetricKind::Histogram, "cedar_gate.micros.total".to_owned()) {
            host::record_metric(id, spent.total);
        }
        if let Some(id) =
            self.id(MetricKind::Histogram, "cedar_gate.micros.signature".to_owned()).filter(|_| spent.signature > 0)
        {
            host::record_metric(id, spent.signature);
        }
    }

    fn id(&self, kind: MetricKind, name: String) -> Option<u32> {
        if let Some(known) = self.0.borrow().get(&name) {
            return *known;
        }
        let id = host::define_metric(kind, &name);
        self.0.borrow_mut().insert(name, id);
        id
    }
}
