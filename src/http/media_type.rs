//! The media type of a message.

/// What `content-type` says, in lower case and without parameters. Nothing where it is absent, repeated or no text.
#[must_use]
pub fn media_type(headers: &[(String, Vec<u8>)]) -> Option<String> {
    let mut values = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let (Some((_, value)), None) = (values.next(), values.next()) else { return None };
    let text = std::str::from_utf8(value).ok()?;
    let essence = text.split(';').next()?.trim_matches([' ', '\t']);
    // Repeated headers may have been joined by a comma.
    (!essence.is_empty() && !text.contains(',')).then(|| essence.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<String> {
        let headers: Vec<_> =
            values.iter().map(|value| ("Content-Type".to_owned(), value.as_bytes().to_vec())).collect();
        media_type(&headers)
    }

    #[test]
    fn parameters_and_case_do_not_matter() {
        assert_eq!(of(&["Application/JSON ; charset=utf-8"]).as_deref(), Some("application/json"));
        assert_eq!(of(&["application/json"]).as_deref(), Some("application/json"));
    }

    #[test]
    fn only_one_clear_type_counts() {
        for values in [&[][..], &[""], &["a/b", "a/b"], &["a/b, application/json"], &["; charset=utf-8"]] {
            assert_eq!(of(values), None, "{values:?}");
        }
        assert_eq!(media_type(&[("content-type".to_owned(), vec![0xff])]), None);
    }
}
