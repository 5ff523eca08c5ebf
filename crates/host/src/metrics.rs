//! Metrics as Envoy keeps them.

use std::collections::BTreeMap;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum MetricKind {
    /// Goes up only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Collects values.
    Histogram,
}

/// What a metric holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Metric {
    /// The count so far.
    Counter(u64),
    /// The value now.
    Gauge(u64),
    /// Every recorded value, in order.
    Histogram(Vec<u64>),
}

/// Why a metric cannot be read or changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MetricFault {
    BadArgument,
    NotFound,
}

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    defined: Vec<(MetricKind, String)>,
    values: BTreeMap<(MetricKind, String), Metric>,
}

/// The kind sits in the low two bits of an id.
const KIND_BITS: u32 = 2;

impl Metrics {
    /// Two definitions of one name give two ids for the same metric.
    pub(crate) fn define(&mut self, kind: u32, name: String) -> Result<u32, MetricFault> {
        let (kind, empty) = match kind {
            0 => (MetricKind::Counter, Metric::Counter(0)),
            1 => (MetricKind::Gauge, Metric::Gauge(0)),
            2 => (MetricKind::Histogram, Metric::Histogram(Vec::new())),
            _ => return Err(MetricFault::BadArgument),
        };
        let index = u32::try_from(self.defined.len()).map_err(|_| MetricFault::BadArgument)?;
        self.defined.push((kind, name.clone()));
        self.values.entry((kind, name)).or_insert(empty);
        Ok((index << KIND_BITS) | kind as u32)
    }

    pub(crate) fn increment(&mut self, id: u32, offset: i64) -> Result<(), MetricFault> {
        match self.value(id)? {
            Metric::Counter(_) if offset <= 0 => Err(MetricFault::BadArgument),
            Metric::Counter(value) => {
                *value = value.wrapping_add_signed(offset);
                Ok(())
            }
            Metric::Gauge(value) => {
                *value = value.wrapping_add_signed(offset);
                Ok(())
            }
            Metric::Histogram(_) => Err(MetricFault::BadArgument),
        }
    }

    /// Recording on a counter adds: what Envoy does, whatever the name suggests.
    pub(crate) fn record(&mut self, id: u32, recorded: u64) -> Result<(), MetricFault> {
        match self.value(id)? {
            Metric::Counter(value) => *value = value.wrapping_add(recorded),
            Metric::Gauge(value) => *value = recorded,
            Metric::Histogram(values) => values.push(recorded),
        }
        Ok(())
    }

    pub(crate) fn get(&mut self, id: u32) -> Result<u64, MetricFault> {
        match self.value(id)? {
            Metric::Counter(value) | Metric::Gauge(value) => Ok(*value),
            Metric::Histogram(_) => Err(MetricFault::BadArgument),
        }
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Metric> {
        self.all().find(|(known, _)| *known == name).map(|(_, metric)| metric)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Metric)> {
        self.values.iter().map(|((_, name), metric)| (name.as_str(), metric))
    }

    fn value(&mut self, id: u32) -> Result<&mut Metric, MetricFault> {
        let defined = self.defined.get((id >> KIND_BITS) as usize).filter(|(kind, _)| {
            // An id with another kind in its low bits was never given out.
            *kind as u32 == id & ((1 << KIND_BITS) - 1)
        });
        defined.and_then(|key| self.values.get_mut(key)).ok_or(MetricFault::NotFound)
    }
}
