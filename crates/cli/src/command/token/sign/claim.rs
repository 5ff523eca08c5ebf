//! A claim on the command line.

use std::str::FromStr;

use serde_json::{Map, Value, json};

/// Where a claim stands, member by member, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claim {
    members: Vec<String>,
    last: String,
    value: Value,
}

impl FromStr for Claim {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
        let mut members: Vec<String> = name.split('.').map(str::to_owned).collect();
        if members.iter().any(String::is_empty) {
            return Err("must have a name before the `=`, with members separated by single dots");
        }
        let last = members.pop().unwrap_or_default();
        // What is meant for a text seldom looks like JSON; where it does, it can be written as a JSON string.
        Ok(Self { members, last, value: serde_json::from_str(value).unwrap_or_else(|_| json!(value)) })
    }
}

impl Claim {
    /// Puts it among others, of which it replaces what stands in its place.
    pub(super) fn put_into(&self, claims: &mut Map<String, Value>) {
        let mut place = claims;
        for member in &self.members {
            let next = place.entry(member).or_insert_with(|| json!({}));
            if !next.is_object() {
                *next = json!({});
            }
            let Value::Object(members) = next else { return };
            place = members;
        }
        place.insert(self.last.clone(), self.value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(texts: &[&str]) -> Value {
        let mut claims = Map::new();
        for text in texts {
            text.parse::<Claim>().unwrap().put_into(&mut claims);
        }
        Value::Object(claims)
    }

    #[test]
    fn a_value_is_json_or_else_text() {
        assert_eq!(
            claims(&["sub=alice", "level=7", r#"id="7""#, "roles=[\"maker\"]", "admin=true", "note=a=b", "none=null"]),
            json!({"sub": "alice", "level": 7, "id": "7", "roles": ["maker"], "admin": true, "note": "a=b", "none": null})
        );
    }

    #[test]
    fn dots_lead_to_members() {
        assert_eq!(
            claims(&["a.b.c=1", "a.b.d=2", "a.e=3", "f=4", "f.g=5"]),
            json!({"a": {"b": {"c": 1, "d": 2}, "e": 3}, "f": {"g": 5}})
        );
    }

    #[test]
    fn a_claim_without_a_name_is_refused() {
        for text in ["sub", "=alice", "a..b=1", ".a=1", "a.=1"] {
            assert!(text.parse::<Claim>().is_err(), "{text}");
        }
    }
}
