//! Plays a scenario on a host.

use crate::{
    expectation::{Difference, Expectation},
    file::HostName,
    forge::Clock,
    gateway::{Gateway, Host, Observed, StartRefused},
    report::{Failure, Report},
    scenario::{Plot, Scenario, Scene},
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
        match (&self.plot, host.start(&self.start)) {
            (Plot::Refused { .. }, Ok(_)) => report.add(Failure::Started),
            (Plot::Refused { faults }, Err(refused)) => report.add_missing_faults(faults, refused),
            (Plot::Requests(_), Err(StartRefused { log })) => report.add(Failure::NotStarted { log }),
            (Plot::Requests(scenes), Ok(mut gateway)) => {
                let start = gateway.now();
                for scene in scenes {
                    if let Err(failure) =
                        self.play_scene(scene, host.name(), gateway.as_mut(), start, &mut report, each)
                    {
                        // The gateway cannot be trusted any more.
                        report.add(failure);
                        break;
                    }
                }
            }
        }
        report.into_result()
    }

    fn play_scene(
        &self,
        scene: &Scene,
        host: &str,
        gateway: &mut dyn Gateway,
        start: i64,
        report: &mut Report,
        each: &mut dyn FnMut(Played<'_>),
    ) -> Result<(), Failure> {
        let broken =
            |error: anyhow::Error| Failure::Broken { request: scene.name.clone(), error: format!("{error:#}") };
        if scene.template.after > 0 {
            gateway.advance(scene.template.after);
        }
        let clock = Clock { start, now: gateway.now() };
        let request = scene.template.fill(&self.forge, &clock).map_err(|error| broken(error.into()))?;
        let observed = gateway.send(&request).map_err(broken)?;
        let expected = scene.expected_on(host).ok_or_else(|| broken(anyhow::anyhow!("`{host}` is no host")))?;
        let differences = expected.differences(&observed);
        each(Played { request: &scene.name, expected, observed: &observed, differences: &differences });
        if !differences.is_empty() {
            report.add(Failure::Different { request: scene.name.clone(), differences, observed: Box::new(observed) });
        }
        Ok(())
    }
}

impl Scene {
    fn expected_on(&self, host: &str) -> Option<&Expectation> {
        let name = HostName::ALL.into_iter().find(|name| name.as_str() == host)?;
        self.expectations.get(&name)
    }
}
