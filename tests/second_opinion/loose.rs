//! A token as somebody reads it who is not strict: what a rule says of a token is looked up here, and not in what the
//! filter or jose make of it.
//!
//! Repeated members stay, numbers stay as they are written, strings are UTF-16 with single surrogates as they come.

use std::str::Chars;

use base64ct::{Base64Url, Encoding as _};

/// What can be read of a token.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// The text.
    pub(crate) token: String,
    /// Its header and claims as text.
    pub(crate) texts: [Vec<u8>; 2],
    /// The header.
    pub(crate) header: Loose,
    /// The claims.
    pub(crate) claims: Loose,
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Loose {
    /// `null`, `true` and `false`, and whatever is no JSON.
    #[default]
    Word,
    /// As it is written.
    Number(String),
    /// UTF-16.
    Text(Vec<u16>),
    List(Vec<Loose>),
    Object(Vec<(Vec<u16>, Loose)>),
}

impl View {
    /// Reads a token.
    pub(crate) fn of(token: &str) -> Self {
        let segments: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] =
            [0, 1, 2].map(|place| decoded(segments.get(place).copied().unwrap_or_default()));
        Self {
            token: token.to_owned(),
            header: Loose::read(&header),
            claims: Loose::read(&claims),
            texts: [header, claims],
            signature,
        }
    }

    /// The segments.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.token.split('.')
    }

    /// A claim.
    pub(crate) fn claim(&self, name: &str) -> Option<&Loose> {
        self.claims.member(name)
    }

    /// A date of the claims, as far as it is a number.
    pub(crate) fn date(&self, name: &str) -> Option<f64> {
        match self.claim(name)? {
            Loose::Number(number) => number.parse().ok(),
            _ => None,
        }
    }
}

/// Padding, white space and unused bits are passed over.
fn decoded(segment: &str) -> Vec<u8> {
    let mut plain: String = segment.chars().filter(|letter| !letter.is_ascii_whitespace() && *letter != '=').collect();
    let unused = [0, 0, 0b1111, 0b11][plain.len() % 4];
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if let Some(value) = plain.pop().and_then(|last| ALPHABET.find(last)) {
        plain.extend(ALPHABET.chars().nth(value & !unused));
    }
    let padding = "=".repeat((4 - plain.len() % 4) % 4);
    Base64Url::decode_vec(&(plain + &padding)).unwrap_or_default()
}

impl Loose {
    /// Reads a text that a JSON parser takes. Of any other it reads what it likes.
    fn read(text: &[u8]) -> Self {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let text = String::from_utf8_lossy(text);
        value(&mut text.chars()).unwrap_or_default()
    }

    /// The member of an object; the last, where there are several.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let name: Vec<u16> = name.encode_utf16().collect();
        members.iter().rev().find(|(each, _)| *each == name).map(|(_, value)| value)
    }

    /// It and all inside.
    pub(crate) fn all(&self) -> Vec<&Self> {
        let inner: Vec<&Self> = match self {
            Self::List(items) => items.iter().collect(),
            Self::Object(members) => members.iter().map(|(_, value)| value).collect(),
            Self::Word | Self::Number(_) | Self::Text(_) => Vec::new(),
        };
        std::iter::once(self).chain(inner.into_iter().flat_map(Self::all)).collect()
    }

    /// All strings inside, names of members included.
    pub(crate) fn strings(&self) -> Vec<&[u16]> {
        self.all()
            .into_iter()
            .flat_map(|value| match value {
                Self::Text(text) => vec![text.as_slice()],
                Self::Object(members) => members.iter().map(|(name, _)| name.as_slice()).collect(),
                Self::List(_) | Self::Number(_) | Self::Word => Vec::new(),
            })
            .collect()
    }

    /// Levels of arrays and objects.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            Self::Number(_) | Self::Text(_) | Self::Word => 0,
        }
    }

    /// As text.
    pub(crate) fn text(&self) -> Option<String> {
        if let Self::Text(text) = self { Some(String::from_utf16_lossy(text)) } else { None }
    }
}

fn value(text: &mut Chars<'_>) -> Option<Loose> {
    match next(text)? {
        '{' => {
            let mut members = Vec::new();
            loop {
                match next(text)? {
                    '"' => {
                        let name = string(text)?;
                        next(text).filter(|colon| *colon == ':')?;
                        members.push((name, value(text)?));
                    }
                    ',' => {}
                    _ => return Some(Loose::Object(members)),
                }
            }
        }
        '[' => {
            let mut items = Vec::new();
            loop {
                let mut ahead = text.clone();
                match next(&mut ahead)? {
                    ',' => *text = ahead,
                    ']' => {
                        *text = ahead;
                        return Some(Loose::List(items));
                    }
                    _ => items.push(value(text)?),
                }
            }
        }
        '"' => string(text).map(Loose::Text),
        first @ ('-' | '0'..='9') => {
            let mut number = first.to_string();
            while let Some(digit) = text.clone().next().filter(|each| each.is_ascii_digit() || "+-.eE".contains(*each))
            {
                number.push(digit);
                text.next();
            }
            Some(Loose::Number(number))
        }
        first => {
            let length = if first == 'f' { 4 } else { 3 };
            (0..length).try_for_each(|_| text.next().map(drop)).map(|()| Loose::Word)
        }
    }
}

/// The next character that is no white space.
fn next(text: &mut Chars<'_>) -> Option<char> {
    text.find(|character| !matches!(character, ' ' | '\t' | '\r' | '\n'))
}

fn string(text: &mut Chars<'_>) -> Option<Vec<u16>> {
    let mut units = Vec::new();
    loop {
        match text.next()? {
            '"' => return Some(units),
            '\\' => units.push(match text.next()? {
                'b' => 8,
                'f' => 12,
                'n' => 10,
                'r' => 13,
                't' => 9,
                'u' => {
                    let digits: String = text.by_ref().take(4).collect();
                    u16::from_str_radix(&digits, 16).ok()?
                }
                other => u16::try_from(u32::from(other)).ok()?,
            }),
            plain => units.extend_from_slice(plain.encode_utf16(&mut [0; 2])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_strict_reader_would_lose_is_kept() {
        let read = Loose::read(br#" {"a":1e400,"\u0061":[null,"\ud800\n"],"b":{"b":{}}} "#);
        let Loose::Object(members) = &read else { panic!("{read:?}") };
        assert_eq!(members.len(), 3);
        assert_eq!(read.member("a"), Some(&Loose::List(vec![Loose::Word, Loose::Text(vec![0xd800, 10])])));
        assert_eq!(members[0].1, Loose::Number("1e400".to_owned()));
        assert_eq!((read.depth(), read.all().len()), (3, 7));
    }

    #[test]
    fn a_segment_is_read_in_any_spelling() {
        for segment in ["eyJhIjoxfQ", "eyJhIjoxfQ==", "eyJhI jox\nfQ", "eyJhIjoxfR"] {
            assert_eq!(decoded(segment), br#"{"a":1}"#, "{segment}");
        }
    }
}
