//! One vector: what is asked, what was published, and what the filter makes of it.

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::counts::{self, Counts};
use crate::host::{Host, Probe};

/// A vector.
pub(crate) struct Case {
    /// Its number, and what it is about.
    pub(crate) name: String,
    /// The message to the probe.
    pub(crate) ask: Value,
    /// What was published.
    pub(crate) published: Published,
    /// Why the filter's verdict is another, where it is.
    pub(crate) exception: Option<Exception>,
}

/// The published verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Published {
    /// Valid, but a verifier may refuse it.
    Acceptable,
    Invalid,
    Valid,
}

/// A verdict that differs from the published one, as it must.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Exception {
    reason: &'static str,
    /// How the filter's own reason for a refusal begins; nothing where the filter accepts.
    because: Option<&'static str>,
}

impl Exception {
    /// What was published as valid is refused for this reason; the filter's own begins with `because`, so that it is this
    /// one and no other.
    pub(crate) const fn refused(reason: &'static str, because: &'static str) -> Self {
        Self { reason, because: Some(because) }
    }

    /// What was published as invalid is accepted for this reason.
    pub(crate) const fn accepted(reason: &'static str) -> Self {
        Self { reason, because: None }
    }

    /// Whether it has anything to say about such a vector.
    pub(crate) fn contradicts(&self, published: Published) -> bool {
        match published {
            Published::Acceptable => true,
            Published::Invalid => self.because.is_none(),
            Published::Valid => self.because.is_some(),
        }
    }
}

/// A test of a whole set.
pub(crate) fn trial(host: Host, set: &str, cases: impl FnOnce() -> Vec<Case> + Send + 'static) -> Trial {
    let (name, set) = (format!("{}::{set}", host.name()), set.to_owned());
    Trial::test(name, move || {
        let mut probe = host.start()?;
        let mut counts = Counts::default();
        let mut wrong = Vec::new();
        for case in cases() {
            match verdict(&mut probe, &case) {
                Ok(verdict) => counts.add(verdict),
                Err(message) => wrong.push(format!("{}: {message}", case.name)),
            }
        }
        if wrong.is_empty() { counts::settle(host, &set, counts) } else { Err(Failed::from(wrong.join("\n"))) }
    })
}

/// What came of a vector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// With the reason, where it was not published as valid.
    Accepted(Option<&'static str>),
    /// With the reason, where it was not published as invalid.
    Refused(Option<&'static str>),
}

fn verdict(probe: &mut Probe, case: &Case) -> Result<Verdict, String> {
    let answer = probe.ask(&case.ask)?;
    let because = answer["because"].as_str().unwrap_or_default();
    let accepted = answer["accepted"].as_bool().ok_or_else(|| format!("no verdict: {answer}"))?;
    match (case.published, case.exception, accepted) {
        (Published::Valid, None, true) => Ok(Verdict::Accepted(None)),
        (Published::Invalid, None, false) => Ok(Verdict::Refused(None)),
        (_, Some(exception), true) if exception.because.is_none() => Ok(Verdict::Accepted(Some(exception.reason))),
        (_, Some(exception), false) if exception.because.is_some_and(|begins| because.starts_with(begins)) => {
            Ok(Verdict::Refused(Some(exception.reason)))
        }
        (published, exception, true) => Err(format!("accepted, but {published:?} with {exception:?}")),
        (published, exception, false) => Err(format!("refused ({because}), but {published:?} with {exception:?}")),
    }
}
