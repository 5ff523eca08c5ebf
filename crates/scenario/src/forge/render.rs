//! The JSON text of a header or of claims.
//!
//! Text is written directly, not by way of a JSON value: what is made here may be nested too deeply for one.

use std::fmt::Write as _;

use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

use super::{
    Clock, Forge,
    directive::{invalid, repeated, unknown},
    error::ForgeError,
    status_list,
};
use crate::layers;

/// What the directives in one token refer to.
pub(super) struct Renderer<'f> {
    pub(super) forge: &'f Forge,
    pub(super) clock: &'f Clock,
    /// The time that `$now` counts from.
    pub(super) now: i64,
    /// The tokens that are being made, innermost last.
    pub(super) circle: &'f [&'f str],
}

impl Renderer<'_> {
    /// The text of an object with all its directives replaced.
    pub(super) fn object(&self, members: &Map<String, Value>) -> Result<String, ForgeError> {
        let mut text = String::new();
        self.write_members(members, &mut text)?;
        Ok(text)
    }

    /// The text of a value with all its directives replaced.
    pub(super) fn value(&self, value: &Value) -> Result<String, ForgeError> {
        let mut text = String::new();
        self.write(value, &mut text)?;
        Ok(text)
    }

    fn write(&self, value: &Value, text: &mut String) -> Result<(), ForgeError> {
        match value {
            Value::Array(items) => {
                text.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        text.push(',');
                    }
                    self.write(item, text)?;
                }
                text.push(']');
            }
            Value::Object(members) if layers::is_directive_object(members) => self.write_directive(members, text)?,
            Value::Object(members) => self.write_members(members, text)?,
            plain => text.push_str(&plain.to_string()),
        }
        Ok(())
    }

    fn write_members(&self, members: &Map<String, Value>, text: &mut String) -> Result<(), ForgeError> {
        text.push('{');
        for (position, (name, value)) in members.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&json!(name).to_string());
            text.push(':');
            self.write(value, text)?;
        }
        text.push('}');
        Ok(())
    }

    fn write_directive(&self, members: &Map<String, Value>, text: &mut String) -> Result<(), ForgeError> {
        if let Some(value) = self.forge.reference(members)? {
            text.push_str(&value.to_string());
            return Ok(());
        }
        let mut only = members.iter();
        let (Some((directive, argument)), None) = (only.next(), only.next()) else { return Err(unknown(members)) };
        match directive.as_str() {
            "$ath" => text.push_str(&self.forge.access_token_hash(argument, self.clock, self.circle)?.to_string()),
            "$members" => {
                let count = count(directive, argument)?;
                text.push('{');
                for position in 0..count {
                    let comma = if position > 0 { "," } else { "" };
                    // Writing to a string cannot fail.
                    let _ = write!(text, r#"{comma}"m{position}":0"#);
                }
                text.push('}');
            }
            "$nested" => {
                let depth = count(directive, argument)?;
                text.push_str(&"[".repeat(depth));
                text.push_str(&"]".repeat(depth));
            }
            "$now" => {
                let offset = argument.as_i64().ok_or_else(|| invalid(directive, "takes a whole number of seconds"))?;
                text.push_str(&self.now.saturating_add(offset).to_string());
            }
            "$null" if *argument == json!(true) => text.push_str("null"),
            "$repeat" => text.push_str(&json!(repeated(argument)?).to_string()),
            "$status_list" => text.push_str(&status_list::of(argument)?.to_string()),
            "$token" => text.push_str(&json!(self.forge.mint_within(argument, self.clock, self.circle)?).to_string()),
            _ => return Err(unknown(members)),
        }
        Ok(())
    }

    /// Text that is placed as it is, but for `{now}`, `{now+300}` and `{now-5}`.
    pub(super) fn raw(&self, text: &str) -> String {
        let Ok(moment) = Regex::new(r"\{now([+-][0-9]{1,12})?\}") else { return text.to_owned() };
        moment
            .replace_all(text, |captures: &Captures<'_>| {
                let offset = captures.get(1).and_then(|offset| offset.as_str().parse().ok()).unwrap_or(0);
                self.now.saturating_add(offset).to_string()
            })
            .into_owned()
    }
}

fn count(directive: &str, argument: &Value) -> Result<usize, ForgeError> {
    argument
        .as_u64()
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| invalid(directive, "takes a whole number"))
}
