//! Calls to services, and their answers on the way back.

use std::collections::BTreeSet;

use cedar_gate_scenario::{Called, Headers, Served, Services};

use super::NANOSECONDS;
use crate::calls::{Answer, Call};
use crate::vm::{Vm, VmTrapped};

/// How large an answer may be; Envoy breaks off a larger one (`http.async_response_buffer_limit`).
const LARGEST: usize = 32 << 20;

/// Takes calls, and delivers answers when it is time.
pub(super) struct Desk {
    services: Services,
    /// The calls that were taken, by the place of their VM and by their token. No token comes twice.
    taken: BTreeSet<(usize, u32)>,
    /// In the order in which the calls were made.
    deliveries: Vec<Delivery>,
}

struct Delivery {
    at: u64,
    worker: usize,
    token: u32,
    answer: Answer,
}

impl Desk {
    pub(super) fn new(services: Services) -> Self {
        Self { services, taken: BTreeSet::new(), deliveries: Vec::new() }
    }

    /// The clusters that there are, and those of them that have no hosts.
    pub(super) fn clusters(&self) -> (Vec<String>, Vec<String>) {
        let known = self.services.clusters();
        let empty = known.iter().filter(|name| self.services.is_empty(name)).cloned().collect();
        (known, empty)
    }

    /// Takes the calls of all VMs, delivers what is due, and goes on with what that sets off.
    pub(super) fn serve(&mut self, workers: &mut [Vm]) -> anyhow::Result<()> {
        loop {
            for (worker, vm) in workers.iter().enumerate() {
                for call in vm.calls() {
                    if self.taken.insert((worker, call.token)) {
                        let taken = self.take(worker, call, vm.now());
                        self.deliveries.extend(taken);
                    }
                }
            }
            let due = self
                .deliveries
                .iter()
                .enumerate()
                .filter(|(_, delivery)| workers.get(delivery.worker).is_some_and(|vm| delivery.at <= vm.now()));
            // Of those that are due at the same instant, the call that was made first.
            let Some((next, _)) = due.min_by_key(|(_, delivery)| delivery.at) else { return Ok(()) };
            let Delivery { worker, token, answer, .. } = self.deliveries.remove(next);
            deliver(workers, worker, token, answer)?;
        }
    }

    /// When the next answer is due.
    pub(super) fn next_event(&self) -> Option<u64> {
        self.deliveries.iter().map(|delivery| delivery.at).min()
    }

    fn take(&self, worker: usize, call: Call, now: u64) -> Option<Delivery> {
        // In the form in which a server sees the head.
        let seen = |(name, value): (Vec<u8>, Vec<u8>)| match name.as_slice() {
            b":authority" => (b"host".to_vec(), value),
            _ => (name, value),
        };
        let (pseudo, headers): (Headers, Headers) =
            call.headers.into_iter().map(seen).partition(|(name, _)| name.starts_with(b":"));
        let pseudo = |name: &str| {
            let found = pseudo.iter().find(|(known, _)| known == name.as_bytes());
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let called = Called {
            cluster: call.cluster,
            method: pseudo(":method"),
            path: pseudo(":path"),
            headers,
            body: call.body,
        };
        let seconds = i64::try_from(now / NANOSECONDS).unwrap_or(i64::MAX);
        let mut at = now;
        let answer = match self.services.call(called, seconds) {
            Served::Answered { after, status, headers, body } => {
                at = at.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
                if body.len() > LARGEST {
                    Answer::lost()
                } else {
                    let mut answer = Answer::new(status, body);
                    answer.headers.extend(headers);
                    answer
                }
            }
            Served::Never => return None,
            Served::Cut => Answer::lost(),
            // The last two would not have come here: the hostcall has failed.
            Served::Refused | Served::Reset | Served::Empty | Served::Unknown => Answer::failed(),
        };
        Some(Delivery { at, worker, token: call.token, answer })
    }
}

fn deliver(workers: &mut [Vm], worker: usize, token: u32, answer: Answer) -> Result<(), VmTrapped> {
    workers.get_mut(worker).map_or(Ok(()), |vm| vm.answer_call(token, answer))
}
