//! The query of a request, as far as a route declares it.

use percent_encoding::percent_decode;

/// A query that may be asked for single values.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a>(&'a [u8]);

/// A declared parameter is repeated, or its value is not UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MalformedQuery;

impl<'a> Query<'a> {
    /// The raw query, without the `?`.
    #[must_use]
    pub fn new(raw: Option<&'a [u8]>) -> Self {
        Self(raw.unwrap_or_default())
    }

    /// As it was sent.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The value of a parameter that may occur once at most (`application/x-www-form-urlencoded`).
    ///
    /// # Errors
    ///
    /// [`MalformedQuery`].
    pub fn single(&self, name: &str) -> Result<Option<String>, MalformedQuery> {
        let mut found = None;
        for pair in self.0.split(|byte| *byte == b'&') {
            let mut sides = pair.splitn(2, |byte| *byte == b'=');
            // A name that is not UTF-8 is not the declared one; a server that repairs it would be on its own.
            if decode(sides.next().unwrap_or_default()).as_deref() != Ok(name) {
                continue;
            }
            let value = decode(sides.next().unwrap_or_default())?;
            if found.replace(value).is_some() {
                return Err(MalformedQuery);
            }
        }
        Ok(found)
    }
}

/// A name or a value with its percent-encoding taken away, where it is UTF-8.
pub(crate) fn decode(text: &[u8]) -> Result<String, MalformedQuery> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8().map(|text| text.into_owned()).map_err(|_| MalformedQuery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_parameter_occurs_once() {
        let query = Query::new(Some(b"limit=5&name=a%20b+c"));
        assert_eq!(query.single("limit").unwrap().as_deref(), Some("5"));
        assert_eq!(query.single("name").unwrap().as_deref(), Some("a b c"));
        assert_eq!(query.single("other").unwrap(), None);
        assert!(Query::new(Some(b"limit=5&l%69mit=6")).single("limit").is_err());
    }
}
