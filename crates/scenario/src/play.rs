//! Plays a scenario on a host.

use crate::{
    dpop::Memory,
    expectation::{Difference, Expectation},
    file::HostName,
    forge::Clock,
    gateway::{Gateway, Host, Observed, Start, StartRefused},
    report::{Failure, Report},
    scenario::{Member, Plot, Scenario, Scene},
    service::Services,
};

/// One request that has been played.
#[derive(Clone, Copy, Debug)]
pub struct Played<'p> {
    /// The name of the request.
    pub request: &'p str,
    /// What must come of it on this host.
    pub expected: &'p Expectation,
    /// What came of it.
    pub observed: &'p Observed,
    /// In what the one is not the other.
    pub differences: &'p [Difference],
}

impl Scenario {
    /// Plays the scenario and compares. A host that the scenario is not meant for is left alone.
    ///
    /// # Errors
    ///
    /// Every difference between what was expected and what was seen.
    pub fn run(&self, host: &dyn Host) -> Result<(), Report> {
        if self.is_for(host.name()) { self.play(host, &mut |_| ()) } else { Ok(()) }
    }

    /// Plays the scenario, meant for this host or not, and shows each request as it has been played.
    ///
    /// # Errors
    ///
    /// Every difference between what was expected and what was seen.
    pub fn play(&self, host: &dyn Host, each: &mut dyn FnMut(Played<'_>)) -> Result<(), Report> {
        let mut report = Report::new(self, host.name());
        let services = self.start.services.renewed();
        let start = Start { services: services.clone(), ..self.start.clone() };
        match (&self.plot, host.start(&start)) {
            (Plot::Refused { .. }, Ok(_)) => report.add(Failure::Started),
            (Plot::Refused { faults }, Err(refused)) => report.add_missing_faults(faults, refused),
            (Plot::Requests(_), Err(StartRefused { log })) => report.add(Failure::NotStarted { log }),
            (Plot::Requests(scenes), Ok(gateway)) => {
                let start = gateway.now();
                services.started(start);
                let memory = Memory::default();
                let mut performance =
                    Performance { scenario: self, host: host.name(), gateway, services, start, memory };
                for scene in scenes {
                    if let Err(failure) = performance.play(scene, &mut report, each) {
                        // The gateway cannot be trusted any more.
                        report.add(failure);
                        break;
                    }
                }
            }
        }
        report.into_result()
    }
}

/// A scenario while it is played.
struct Performance<'p> {
    scenario: &'p Scenario,
    host: &'static str,
    gateway: Box<dyn Gateway + 'p>,
    services: Services,
    /// When the gateway was started.
    start: i64,
    memory: Memory,
}

impl Performance<'_> {
    fn play(&mut self, scene: &Scene, report: &mut Report, each: &mut dyn FnMut(Played<'_>)) -> Result<(), Failure> {
        let name = scene.members.first().map_or("", |member| member.name.as_str());
        let broken = |error: anyhow::Error| Failure::Broken { request: name.to_owned(), error: format!("{error:#}") };
        let host = HostName::ALL.into_iter().find(|name| name.as_str() == self.host);
        let host = host.ok_or_else(|| broken(anyhow::anyhow!("`{}` is no host", self.host)))?;
        let mut seen = self.send(scene).map_err(broken)?;
        let calls = self.services.take_received().map_err(|error| broken(anyhow::anyhow!(error)))?;
        // What services received is not parted among requests that were sent together.
        if let Some(last) = seen.last_mut() {
            last.calls = calls;
        }
        for (position, (member, observed)) in scene.members.iter().zip(seen).enumerate() {
            self.memory.learn(&member.name, &observed);
            let expected = member.expected_on(host).ok_or_else(|| broken(anyhow::anyhow!("nothing is expected")))?;
            let mut differences = expected.differences(&observed);
            if position + 1 == scene.members.len()
                && let Some(together) = scene.together.get(&host)
            {
                together.compare(&observed.calls, &mut differences);
            }
            let request = &member.name;
            each(Played { request, expected, observed: &observed, differences: &differences });
            if !differences.is_empty() {
                report.add(Failure::Different { request: request.clone(), differences, observed: Box::new(observed) });
            }
        }
        Ok(())
    }

    fn send(&mut self, scene: &Scene) -> anyhow::Result<Vec<Observed>> {
        if !scene.changes.is_empty() {
            self.services.change(&scene.changes);
            self.gateway.services_changed()?;
        }
        if scene.after > 0 {
            self.gateway.advance(scene.after);
        }
        let clock = Clock { start: self.start, now: self.gateway.now() };
        let mut requests = Vec::new();
        for Member { name, template, .. } in &scene.members {
            requests.push(template.fill(&self.scenario.forge, &clock, name, &mut self.memory)?);
        }
        let seen = self.gateway.send_together(&requests)?;
        anyhow::ensure!(seen.len() == requests.len(), "of {} requests, {} have ended", requests.len(), seen.len());
        Ok(seen)
    }
}

impl Member {
    fn expected_on(&self, host: HostName) -> Option<&Expectation> {
        self.expectations.get(&host)
    }
}
