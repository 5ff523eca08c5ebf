//! The requests of a scenario.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Context, bail};
use cedar_gate::journal::Note;
use cedar_gate_scenario::{Gateway, Host, Observed, Request, Scenario, Start, StartRefused};
use cedar_gate_testing::{NativeHost, Seen};

use super::masked::Secrets;
use super::{Explained, steps};

/// Explains what the filter does with the requests of a scenario, whatever is expected of it.
///
/// # Errors
///
/// The scenario cannot be read or played, or has no such request.
pub(super) fn explain(file: &Path, request: Option<&str>) -> anyhow::Result<Vec<Explained>> {
    let scenario = Scenario::load(file)?;
    if scenario.must_be_refused() {
        bail!(
            "{}: a gateway refuses this configuration, so there is no request; see `cedar-gate test`",
            file.display()
        );
    }
    let wanted = request.map(|request| place(&scenario, request)).transpose()?;
    let seen = RefCell::new(Watch::default());
    let observer = |event: &Seen<'_>| match event {
        Seen::Started { config, .. } => seen.borrow_mut().place = Some(steps::Place::of_config(config)),
        Seen::Request { notes } => seen.borrow_mut().notes.push_back(notes.to_vec()),
    };
    let mut explained = Vec::new();
    let host = Recording { host: &NativeHost::observed(&observer), sent: RefCell::default() };
    let mut number = 0_usize;
    let played = scenario.play(&host, &mut |played| {
        number = number.saturating_add(1);
        let mut seen = seen.borrow_mut();
        // Requests that are sent together are also told of together, in their order.
        let notes = seen.notes.pop_front().unwrap_or_default();
        let secrets = host.sent.borrow_mut().pop_front().unwrap_or_default();
        if wanted.is_none_or(|wanted| wanted == number)
            && let (Some(record), Some(place)) = (played.observed.audit.last().cloned(), &seen.place)
        {
            let steps = steps::of(&notes, place);
            let title = format!("{number}. {}", played.request);
            explained.push(Explained { title, remarks: Vec::new(), steps, notes, record, secrets });
        }
    });
    // A difference from what is expected is for `cedar-gate test`; here it is a reason to look.
    match (played, explained.is_empty()) {
        (Err(report), true) => bail!("{report}"),
        (Ok(()), true) => bail!("{}: no decision was made", file.display()),
        (_, false) => Ok(explained),
    }
}

/// The number of a request, from 1.
fn place(scenario: &Scenario, request: &str) -> anyhow::Result<usize> {
    let names: Vec<&str> = scenario.requests().collect();
    let named = names.iter().position(|name| *name == request).and_then(|place| place.checked_add(1));
    let numbered = request.parse::<usize>().ok().filter(|number| (1..=names.len()).contains(number));
    named.or(numbered).with_context(|| {
        let numbered = names.iter().enumerate().map(|(place, name)| format!("\n  {}  {name}", place.saturating_add(1)));
        format!("there is no request `{request}`; there are:{}", numbered.collect::<String>())
    })
}

#[derive(Default)]
struct Watch {
    place: Option<steps::Place>,
    notes: VecDeque<Vec<Note>>,
}

/// Remembers the credentials that were sent, which must not be shown.
struct Recording<'h> {
    host: &'h dyn Host,
    sent: RefCell<VecDeque<Secrets>>,
}

struct RecordingGateway<'h> {
    gateway: Box<dyn Gateway + 'h>,
    sent: &'h RefCell<VecDeque<Secrets>>,
}

impl Host for Recording<'_> {
    fn name(&self) -> &'static str {
        self.host.name()
    }

    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        Ok(Box::new(RecordingGateway { gateway: self.host.start(start)?, sent: &self.sent }))
    }
}

impl Gateway for RecordingGateway<'_> {
    fn now(&self) -> i64 {
        self.gateway.now()
    }

    fn advance(&mut self, seconds: u64) {
        self.gateway.advance(seconds);
    }

    fn services_changed(&mut self) -> anyhow::Result<()> {
        self.gateway.services_changed()
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        self.sent.borrow_mut().extend(requests.iter().map(|request| Secrets::of_headers(&request.headers)));
        self.gateway.send_together(requests)
    }
}
