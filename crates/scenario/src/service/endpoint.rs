//! One endpoint of a service: the answers that it has, and which of them a call gets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Called, answer::Answer};
use crate::{error::ScenarioError, forge::Forge, notation};

/// A method and a path, with a query only where that counts.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Target {
    method: Vec<u8>,
    path: Vec<u8>,
}

/// The answers of an endpoint, and which of them have been given.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    answers: Vec<(Answer, bool)>,
    turns: bool,
}

impl Target {
    /// Under what a call may be known: as it is, and without its query.
    pub(super) fn of(called: &Called) -> [Self; 2] {
        let bare = called.path.split(|byte| *byte == b'?').next().unwrap_or_default();
        [called.path.as_slice(), bare].map(|path| Self { method: called.method.clone(), path: path.to_vec() })
    }

    /// `GET /jwks`
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text}` is no endpoint: a method, a blank and a path, such as `GET /jwks`");
        let (method, path) = text.split_once(' ').ok_or_else(fault)?;
        if method.is_empty() || !path.starts_with('/') {
            return Err(fault());
        }
        Ok(Self { method: method.as_bytes().to_vec(), path: notation::bytes(path)? })
    }

    /// Whether a call goes here.
    pub(crate) fn fits(&self, called: &Called) -> bool {
        Self::of(called).contains(self)
    }
}

impl Endpoint {
    /// Of the answers for such a call, or else of those for every call: the first that has not been given; after that, the
    /// last, or the first again.
    pub(super) fn answer(&mut self, called: &Called) -> Option<&Answer> {
        let fits: Vec<Option<bool>> = self.answers.iter().map(|(answer, _)| answer.fits(called)).collect();
        let wanted = if fits.contains(&Some(true)) { Some(true) } else { None };
        let fitting = || fits.iter().enumerate().filter(|(_, fits)| **fits == wanted).map(|(position, _)| position);
        let fresh = |answers: &[(Answer, bool)]| fitting().find(|position| !answers[*position].1);
        let mut chosen = fresh(&self.answers);
        if chosen.is_none() && self.turns {
            fitting().for_each(|position| self.answers[position].1 = false);
            chosen = fresh(&self.answers);
        }
        let position = chosen.or_else(|| fitting().next_back())?;
        let (answer, given) = &mut self.answers[position];
        *given = true;
        Some(answer)
    }
}

pub(super) fn read(endpoints: &Map<String, Value>, forge: &Forge) -> Result<BTreeMap<Target, Endpoint>, ScenarioError> {
    let read = |(name, described): (&String, &Value)| {
        let target = Target::read(name).map_err(|message| ScenarioError::new("", message))?;
        Ok((target, endpoint(described, forge).map_err(|error| error.below(&format!("`{name}`")))?))
    };
    endpoints.iter().map(read).collect()
}

fn endpoint(described: &Value, forge: &Forge) -> Result<Endpoint, ScenarioError> {
    let list = |answers: &[Value], place: &str, turns: bool| {
        if answers.is_empty() {
            return Err(ScenarioError::new(place, "has no answer"));
        }
        let read = |(position, answer): (usize, &Value)| {
            let answer = Answer::read(answer, forge).map_err(|error| error.below(&format!("{place}[{position}]")))?;
            Ok((answer, false))
        };
        Ok(Endpoint { answers: answers.iter().enumerate().map(read).collect::<Result<_, _>>()?, turns })
    };
    match (described, described.get("turns")) {
        (Value::Array(answers), _) => list(answers, "", false),
        (Value::Object(members), Some(Value::Array(answers))) if members.len() == 1 => list(answers, "turns", true),
        _ => Ok(Endpoint { answers: vec![(Answer::read(described, forge)?, false)], turns: false }),
    }
}
