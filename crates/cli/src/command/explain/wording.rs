//! Words and numbers as people read them.

use std::time::{Duration, UNIX_EPOCH};

use cedar_gate::refusal::Cause;
use serde_json::Value;

/// What a cause means.
pub(super) fn meaning(code: &str) -> Option<&'static str> {
    Cause::ALL.iter().find(|cause| cause.code() == code).map(|cause| cause.meaning())
}

/// Seconds since the Unix epoch as a date with its time of day, as far as four digits write the year.
pub(super) fn time(seconds: i64) -> String {
    const LAST: u64 = 253_402_300_799;
    let since = u64::try_from(seconds).ok().filter(|seconds| *seconds <= LAST).map(Duration::from_secs);
    let time = since.and_then(|since| UNIX_EPOCH.checked_add(since));
    time.map_or_else(|| seconds.to_string(), |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// Seconds as a duration.
pub(super) fn duration(seconds: i64) -> String {
    humantime::format_duration(Duration::from_secs(seconds.unsigned_abs())).to_string()
}

/// A text in back-ticks, in which nothing can take a terminal for a ride.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text))
}

/// A text with its control characters escaped, and those that change the direction of others.
pub(super) fn printable(text: &str) -> String {
    let plain = |character: char| {
        !character.is_control()
            && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let escaped = text
        .chars()
        .map(|character| if plain(character) { character.to_string() } else { character.escape_unicode().to_string() });
    escaped.collect()
}

/// A list with commas; `nothing` where it is empty.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    items.iter().map(|item| printable(item.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A JSON value in few characters; Cedar's forms of entities and of `datetime` and the like become what they mean.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let inner = |name: &str| members.get(name).filter(|_| members.len() == 1);
            if let Some(argument) = inner("__extn").and_then(|call| call.get("arg")).and_then(Value::as_str) {
                return printable(argument);
            }
            if let Some(entity) = inner("__entity") {
                let part = |name: &str| entity.get(name).and_then(Value::as_str).unwrap_or_default();
                return format!("{}::{:?}", part("type"), part("id"));
            }
            let member = |(name, member): (&String, &Value)| format!("{}: {}", printable(name), self::value(member));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => printable(&value.to_string()),
    }
}

/// Cedar's text in one line, without its comments.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut in_string = false;
    while let Some(character) = rest.next() {
        match character {
            '"' => {
                in_string = !in_string;
                line.push(character);
            }
            '\\' if in_string => {
                line.push(character);
                line.extend(rest.next());
            }
            '/' if !in_string && rest.peek() == Some(&'/') => while rest.next_if(|next| *next != '\n').is_some() {},
            blank if !in_string && blank.is_whitespace() => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            other => line.push(other),
        }
    }
    printable(line.trim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_becomes_one_line_and_keeps_its_strings() {
        let text = "when { // why\n    principal.name  ==\n\t\"a  // b\\\"  c\" };";
        assert_eq!(one_line(text), r#"when { principal.name == "a  // b\"  c" };"#);
    }

    #[test]
    fn a_date_beyond_all_dates_stays_a_number() {
        assert_eq!(time(253_402_300_799), "9999-12-31T23:59:59Z");
        assert_eq!(time(253_402_300_800), "253402300800");
        assert_eq!(time(-1), "-1");
    }

    #[test]
    fn a_terminal_is_shown_no_controls() {
        assert_eq!(printable("a\u{1b}[2J\nb\u{202e}c"), r"a\u{1b}[2J\u{a}b\u{202e}c");
    }

    #[test]
    fn cedars_forms_become_what_they_mean() {
        let now = json!({"__extn": {"fn": "datetime", "arg": "2026-06-01T12:00:00Z"}});
        let entity = json!({"__entity": {"type": "Role", "id": "maker"}});
        assert_eq!(value(&json!({"now": now, "role": entity})), r#"{now: 2026-06-01T12:00:00Z, role: Role::"maker"}"#);
    }

    #[test]
    fn every_cause_has_a_meaning() {
        for cause in Cause::ALL {
            assert!(meaning(cause.code()).is_some_and(|meaning| meaning.ends_with('.')), "{cause}");
        }
        assert_eq!(meaning("no_such_cause"), None);
    }
}
