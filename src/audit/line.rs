//! A JSON object of texts and numbers on one line of ASCII, written straight into the text that leaves the VM.
//!
//! Whatever a terminal or a log viewer could take for a control or a line end is escaped.

use std::fmt::Write;

/// An object that is being written.
pub(super) struct Line(String);

/// What a record takes that has something of everything.
const USUAL: usize = 1024;

impl Line {
    pub(super) fn begin() -> Self {
        let mut text = String::with_capacity(USUAL);
        text.push('{');
        Self(text)
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quoted(value);
    }

    /// A member that is left out where there is no value.
    pub(super) fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(super) fn texts(&mut self, name: &str, values: &[impl AsRef<str>]) {
        self.name(name);
        self.0.push('[');
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                self.0.push(',');
            }
            self.quoted(value.as_ref());
        }
        self.0.push(']');
    }

    /// A list that is left out where it is empty.
    pub(super) fn texts_if_any(&mut self, name: &str, values: &[impl AsRef<str>]) {
        if !values.is_empty() {
            self.texts(name, values);
        }
    }

    /// An object of numbers.
    pub(super) fn numbers(&mut self, name: &str, members: &[(&str, u64)]) {
        self.name(name);
        self.0.push('{');
        for (number, (name, value)) in members.iter().enumerate() {
            if number > 0 {
                self.0.push(',');
            }
            self.quoted(name);
            self.0.push(':');
            // Writing to a text does not fail.
            let _ = write!(self.0, "{value}");
        }
        self.0.push('}');
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.quoted(name);
        self.0.push(':');
    }

    fn quoted(&mut self, value: &str) {
        self.0.push('"');
        // Most texts have nothing to escape.
        if value.bytes().all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            self.0.push_str(value);
        } else {
            value.chars().for_each(|character| self.escaped(character));
        }
        self.0.push('"');
    }

    fn escaped(&mut self, character: char) {
        match character {
            '"' => self.0.push_str("\\\""),
            '\\' => self.0.push_str("\\\\"),
            '\n' => self.0.push_str("\\n"),
            '\r' => self.0.push_str("\\r"),
            '\t' => self.0.push_str("\\t"),
            ' '..='~' => self.0.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    // Writing to a text does not fail.
                    let _ = write!(self.0, "\\u{unit:04x}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_object_has_its_members_in_order() {
        let mut line = Line::begin();
        line.text("a", "b");
        line.optional("absent", None);
        line.optional("c", Some("d"));
        line.texts("none", &[""; 0]);
        line.texts_if_any("no", &[""; 0]);
        line.texts_if_any("some", &["e", "f"]);
        line.numbers("n", &[("g", 0), ("h", u64::MAX)]);
        let expected = r#"{"a":"b","c":"d","none":[],"some":["e","f"],"n":{"g":0,"h":18446744073709551615}}"#;
        assert_eq!(line.end(), expected);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_from_visible_ascii(text in any::<String>()) {
            let mut line = Line::begin();
            line.text("text", &text);
            let line = line.end();
            prop_assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", line);
            prop_assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json!({ "text": text }));
        }
    }
}
