//! A configuration that a test can send requests to.

use std::path::Path;

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Faults;
use cedar_gate::secret::Environment;
use cedar_gate_author::{AuthorError, Disk};
use cedar_gate_scenario::{Called, Served};
use serde_json::Value;

use crate::answer::Answer;
use crate::development::{Development, DevelopmentError};
use crate::world::{Beginning, World};

/// The filter with a configuration, its providers' keys replaced by development keys, at a time that does not pass by
/// itself, except while a request waits for the answer to a call.
pub struct Gate {
    development: Development,
    world: World,
}

/// Why there is no gate.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The configuration cannot be read.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// Its issuers cannot be played.
    #[error(transparent)]
    Development(#[from] DevelopmentError),
    /// The filter refuses it.
    #[error("{}", lines(.0))]
    Faults(Faults),
}

/// A request that is being put together.
#[must_use = "a request is sent by `send`"]
pub struct Asked<'g> {
    gate: &'g mut Gate,
    pairs: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

/// When a gate starts: 2026-06-01T12:00:00Z, as scenarios do.
const START: u64 = 1_780_315_200;

impl Gate {
    /// Starts a gate with a configuration in a file, as `cedar-gate check` reads it: YAML or JSON, of the filter or of
    /// an Envoy that has the filter.
    ///
    /// # Errors
    ///
    /// It cannot be read, or the filter refuses it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GateError> {
        Self::of(&cedar_gate_author::configuration(path.as_ref(), &Disk)?.configuration)
    }

    /// Starts a gate with a configuration.
    ///
    /// # Errors
    ///
    /// The filter refuses it.
    pub fn of(configuration: &Value) -> Result<Self, GateError> {
        let development = Development::of(configuration)?;
        let bytes = development.configuration().to_string().into_bytes();
        let beginning = Beginning {
            configuration: &bytes,
            environment: &Environment::assumed(),
            now: START,
            workers: 1,
            observed: false,
        };
        let nobody = Box::new(|_, _| Served::Refused);
        let world = World::start(&beginning, nobody).map_err(GateError::Faults)?;
        Ok(Self { development, world })
    }

    /// Answers the calls that the filter makes from now on. Without this, nobody listens.
    pub fn answer_calls(&mut self, mut answer: impl FnMut(&Called) -> Served + 'static) {
        self.world.serve_by(Box::new(move |called, _| answer(&called)));
    }

    /// Makes a token of a provider with these claims, laid over `iss`, `aud`, `iat`, `exp` and `client_id`; `null`
    /// removes one. It lives for five minutes of the gate's time.
    ///
    /// # Panics
    ///
    /// There is no such provider: the test has a typing error.
    pub fn token(&self, provider: &str, claims: &Value) -> String {
        match self.development.token(provider, claims, self.world.now()) {
            Ok(token) => token,
            Err(error) => panic!("{error}"),
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, seconds: u64) {
        self.world.advance(seconds);
    }

    /// A request without a body.
    pub fn get(&mut self, path: &str) -> Asked<'_> {
        self.request("GET", path)
    }

    /// A request that a body is put into.
    pub fn post(&mut self, path: &str) -> Asked<'_> {
        self.request("POST", path)
    }

    /// A request with any method.
    pub fn request(&mut self, method: &str, path: &str) -> Asked<'_> {
        let pairs = [(":method", method), (":path", path), (":authority", "api.example.com"), (":scheme", "https")];
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
        Asked { gate: self, pairs, body: None }
    }
}

impl Asked<'_> {
    /// Carries a token, as `authorization: Bearer …`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Has one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.pairs.push((name.to_ascii_lowercase(), value.as_bytes().to_vec()));
        self
    }

    /// Is for another host than `api.example.com`.
    pub fn host(mut self, authority: &str) -> Self {
        self.pairs.retain(|(name, _)| name != ":authority");
        self.header(":authority", authority)
    }

    /// Has a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Has a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it, and gives what the filter makes of it.
    ///
    /// # Panics
    ///
    /// The filter makes nothing of it, within a minute: it has a defect.
    pub fn send(self) -> Answer {
        let mut pairs: Vec<_> = self.pairs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
        if let Some(body) = &self.body {
            pairs.push((b"content-length".to_vec(), body.len().to_string().into_bytes()));
        }
        let world = &mut self.gate.world;
        let sent = world.send(0, PeerCertificate::default(), pairs, self.body.is_none()).and_then(|mut underway| {
            if let Some(body) = self.body {
                underway.deliver(&[body]);
            }
            let mut all = [underway];
            world.settle(&mut all)?;
            Ok(all)
        });
        match sent {
            Ok([underway]) => Answer::new(underway.verdict, underway.passage.end()),
            Err(error) => panic!("{error}"),
        }
    }
}

fn lines(faults: &Faults) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("development", &self.development).finish_non_exhaustive()
    }
}
