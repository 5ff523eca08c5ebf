//! One answer of a service.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Called, Condition, Served, condition::ConditionLine};
use crate::{
    error::ScenarioError,
    file::{RepeatLine, typed},
    forge::{Clock, Forge, ForgeError},
    gateway::Headers,
    notation,
    request::{Pieces, name_and_value, seconds},
};

/// An answer as a scenario describes it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    when: Option<Condition>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Cut,
    Never,
    Reset,
    Sent { after: Duration, status: u16, headers: Vec<(Vec<u8>, Pieces)>, body: Body },
}

#[derive(Clone, Debug)]
enum Body {
    Json(Value),
    None,
    Text(Pieces),
    Token(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerLine {
    when: Option<ConditionLine>,
    status: Option<u16>,
    #[serde(default)]
    headers: Vec<String>,
    json: Option<Value>,
    text: Option<String>,
    repeat: Option<RepeatLine>,
    token: Option<Value>,
    delay: Option<String>,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    Cut,
    Never,
    Reset,
}

impl Answer {
    pub(super) fn read(described: &Value, forge: &Forge) -> Result<Self, ScenarioError> {
        let line: AnswerLine = typed(described)?;
        let what = match line.fault {
            None => Self::sent(&line, forge)?,
            Some(fault) => {
                let others = described.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                if let Some(other) = others.into_iter().find(|name| !["fault", "when"].contains(name)) {
                    return Err(ScenarioError::new("fault", format!("leaves nothing to say for `{other}`")));
                }
                match fault {
                    Fault::Cut => What::Cut,
                    Fault::Never => What::Never,
                    Fault::Reset => What::Reset,
                }
            }
        };
        let when = line.when.as_ref().map(Condition::read).transpose().map_err(|error| error.below("when"))?;
        Ok(Self { when, what })
    }

    fn sent(line: &AnswerLine, forge: &Forge) -> Result<What, ScenarioError> {
        let mut headers = Vec::new();
        for (position, header) in line.headers.iter().enumerate() {
            let path = format!("headers[{position}]");
            let (name, value) = name_and_value(&path, header)?;
            headers.push((name.to_ascii_lowercase(), Pieces::read(&path, value, forge, notation::bytes)?));
        }
        let body = match (&line.json, &line.text, &line.repeat, &line.token) {
            (None, None, None, None) => Body::None,
            (Some(json), None, None, None) => {
                forge.render(json, &Clock::default()).map_err(|error| ScenarioError::new("json", error))?;
                if headers.iter().all(|(name, _)| name != b"content-type") {
                    headers.insert(0, (b"content-type".to_vec(), Pieces::of(b"application/json")));
                }
                Body::Json(json.clone())
            }
            (None, Some(text), None, None) => Body::Text(Pieces::read("text", text, forge, notation::bytes_of_json)?),
            (None, None, Some(repeat), None) => Body::Text(repeat.pieces("repeat")?),
            (None, None, None, Some(token)) => {
                forge.check(token).map_err(|error| ScenarioError::new("token", error))?;
                Body::Token(token.clone())
            }
            _ => return Err(ScenarioError::new("", "has one body: `json`, `text`, `repeat` or `token`")),
        };
        let after = line.delay.as_deref().map_or(Ok(0), |text| seconds("delay", text))?;
        let after = Duration::from_secs(after);
        Ok(What::Sent { after, status: line.status.unwrap_or(200), headers, body })
    }

    /// Whether the call is what the answer is for; nothing where it is for every call.
    pub(super) fn fits(&self, called: &Called) -> Option<bool> {
        self.when.as_ref().map(|when| when.holds(called))
    }

    /// The answer as it is sent at this moment.
    pub(super) fn served(&self, forge: &Forge, clock: &Clock) -> Result<Served, ForgeError> {
        let (after, status, headers, body) = match &self.what {
            What::Cut => return Ok(Served::Cut),
            What::Never => return Ok(Served::Never),
            What::Reset => return Ok(Served::Reset),
            What::Sent { after, status, headers, body } => (*after, *status, headers, body),
        };
        let headers = headers.iter().map(|(name, value)| Ok((name.clone(), value.fill(forge, clock)?)));
        let headers = headers.collect::<Result<Headers, ForgeError>>()?;
        let body = match body {
            Body::Json(json) => forge.render(json, clock)?.into_bytes(),
            Body::None => Vec::new(),
            Body::Text(text) => text.fill(forge, clock)?,
            Body::Token(token) => forge.mint_at(token, clock)?.into_bytes(),
        };
        Ok(Served::Answered { after, status, headers, body })
    }
}
