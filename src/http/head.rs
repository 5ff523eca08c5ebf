//! The head of a request, copied once from the gateway.

/// A header map: names in lower case, values as bytes, order and repetition kept.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

/// The head of a request, with the pseudo-headers taken out of the map.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method as sent; methods are case-sensitive (RFC 9110 §9.1).
    pub method: String,
    /// The request target as sent, query included.
    pub target: Vec<u8>,
    /// `:authority` as sent.
    pub authority: Vec<u8>,
    /// All other headers.
    pub headers: Headers,
}

/// The head cannot be read as a request: a pseudo-header is missing or repeated, a name or the method is not ASCII.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MalformedHead;

/// The header occurs more than once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RepeatedHeader;

impl Headers {
    /// Copies name and value pairs; a name that is not ASCII makes the map malformed.
    ///
    /// # Errors
    ///
    /// [`MalformedHead`] for a name with a byte outside of ASCII.
    pub fn from_pairs(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, MalformedHead> {
        let mut headers = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let mut name = String::from_utf8(name).map_err(|_| MalformedHead)?;
            if !name.is_ascii() {
                return Err(MalformedHead);
            }
            name.make_ascii_lowercase();
            headers.push((name, value));
        }
        Ok(Self(headers))
    }

    /// Every value of the header, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.0.iter().filter(move |(each, _)| each == name).map(|(_, value)| value.as_slice())
    }

    /// The value of a header that may occur once at most.
    ///
    /// # Errors
    ///
    /// [`RepeatedHeader`] when it occurs again; taking the first one would let the second one reach the upstream unseen.
    pub fn single<'a>(&'a self, name: &'a str) -> Result<Option<&'a [u8]>, RepeatedHeader> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(RepeatedHeader) } else { Ok(first) }
    }

    /// The value of a header that may occur once at most, where it is text.
    #[must_use]
    pub fn text<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.single(name).ok().flatten().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All names, in order, with repetition.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl RequestHead {
    /// Takes the pseudo-headers out of a header map.
    ///
    /// # Errors
    ///
    /// [`MalformedHead`] where `:method` or `:path` is missing (as for CONNECT), or a pseudo-header is repeated.
    pub fn from_pairs(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, MalformedHead> {
        let mut all = Headers::from_pairs(pairs)?;
        let method = take(&mut all, ":method")?.ok_or(MalformedHead)?;
        let method = String::from_utf8(method).map_err(|_| MalformedHead)?;
        let target = take(&mut all, ":path")?.ok_or(MalformedHead)?;
        let authority = take(&mut all, ":authority")?.unwrap_or_default();
        Ok(Self { method, target, authority, headers: all })
    }

    /// Whether the caller speaks gRPC (the media type `application/grpc`, with or without a suffix).
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.headers.text("content-type").is_some_and(|media_type| {
            let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            essence == "application/grpc" || essence.starts_with("application/grpc+")
        })
    }
}

fn take(headers: &mut Headers, name: &str) -> Result<Option<Vec<u8>>, MalformedHead> {
    let value = headers.single(name).map_err(|_| MalformedHead)?.map(<[u8]>::to_vec);
    headers.0.retain(|(each, _)| each != name);
    Ok(value)
}
