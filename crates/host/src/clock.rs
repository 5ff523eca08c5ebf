//! The clock of a VM, and the timer that a filter asked for.

use std::time::Duration;

/// Time that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Nanoseconds since the Unix epoch.
    pub(crate) now: u64,
    period: Option<u64>,
    next_tick: Option<u64>,
}

impl Clock {
    pub(crate) fn new(now: u64) -> Self {
        Self { now, period: None, next_tick: None }
    }

    /// As in Envoy, setting the period starts it anew, and zero switches the timer off.
    pub(crate) fn set_period(&mut self, milliseconds: u32) {
        self.period = (milliseconds > 0).then(|| u64::from(milliseconds) * 1_000_000);
        self.rearm();
    }

    /// The next tick is a whole period away from now.
    pub(crate) fn rearm(&mut self) {
        self.next_tick = self.period.map(|period| self.now.saturating_add(period));
    }

    pub(crate) fn next_tick(&self) -> Option<u64> {
        self.next_tick
    }

    pub(crate) fn period(&self) -> Option<Duration> {
        self.period.map(Duration::from_nanos)
    }
}
