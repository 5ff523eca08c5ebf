//! One request of a scenario, before its tokens are made.

use jiff::SignedDuration;
use regex::Regex;
use serde_json::{Value, json};

use crate::{
    dpop::{Memory, Occasion, Proof},
    error::ScenarioError,
    file::{BodyLine, ProtocolName, RepeatLine, RequestLine, typed},
    forge::{Clock, Forge, ForgeError},
    gateway::{Body, ClientCertificate, Headers, Protocol, Request},
    notation,
};

/// A request as a scenario describes it.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    method: Vec<u8>,
    path: Pieces,
    authority: Vec<u8>,
    /// Those that stand before the proofs: what belongs to the protocol, and the token.
    leading: Vec<(Vec<u8>, Pieces)>,
    token: Option<Value>,
    proofs: Vec<Proof>,
    headers: Vec<(Vec<u8>, Pieces)>,
    body: BodyTemplate,
    trailers: Headers,
    protocol: Protocol,
    certificate: Option<ClientCertificate>,
    worker: usize,
    open_for: Option<u64>,
}

/// Bytes with tokens between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Token(Value),
}

#[derive(Clone, Debug)]
enum BodyTemplate {
    Never,
    None,
    Parts(Vec<Pieces>),
}

impl Template {
    pub(crate) fn read(line: &RequestLine, forge: &Forge) -> Result<Self, ScenarioError> {
        let (method, protocol) = if line.grpc {
            (line.method.as_deref().unwrap_or("POST"), line.protocol.unwrap_or(ProtocolName::Http2))
        } else {
            (line.method.as_deref().unwrap_or("GET"), line.protocol.unwrap_or(ProtocolName::Http1))
        };
        let authority = line.authority.as_deref().unwrap_or("api.example.com");
        let proofs = line.dpop.as_ref().map_or(Ok(Vec::new()), |line| Proof::read(line, forge));
        let proofs = proofs.map_err(|error| error.below("dpop"))?;
        let mut leading = Vec::new();
        if line.grpc {
            leading.push((b"content-type".to_vec(), Pieces::of(b"application/grpc")));
            leading.push((b"te".to_vec(), Pieces::of(b"trailers")));
        }
        if let Some(token) = &line.token {
            let usual = if proofs.is_empty() { "Bearer" } else { "DPoP" };
            let scheme = line.scheme.as_deref().unwrap_or(usual);
            leading.push((b"authorization".to_vec(), credential(scheme, token, forge)?));
        } else if line.scheme.is_some() {
            return Err(ScenarioError::new("scheme", "belongs to `token`"));
        }
        let mut headers = Vec::new();
        for (position, header) in line.headers.iter().enumerate() {
            let path = format!("headers[{position}]");
            let (name, value) = name_and_value(&path, header)?;
            headers.push((name, Pieces::read(&path, value, forge, notation::bytes)?));
        }
        let mut trailers = Headers::new();
        for (position, trailer) in line.trailers.iter().enumerate() {
            let path = format!("trailers[{position}]");
            let (name, value) = name_and_value(&path, trailer)?;
            trailers.push((name, bytes(&path, value)?));
        }
        let certificate = line.certificate.as_ref().map(|line| certificate(line, forge)).transpose();
        Ok(Self {
            method: bytes("method", method)?,
            path: Pieces::read("path", &line.path, forge, notation::bytes)?,
            authority: bytes("authority", authority)?,
            leading,
            token: line.token.clone(),
            proofs,
            headers,
            body: BodyTemplate::read(line.body.as_ref(), forge)?,
            trailers,
            protocol: match protocol {
                ProtocolName::Http1 => Protocol::Http1,
                ProtocolName::Http2 => Protocol::Http2,
            },
            certificate: certificate.map_err(|error| error.below("certificate"))?,
            worker: line.worker.map_or(0, |worker| worker.saturating_sub(1)),
            open_for: line.open_for.as_deref().map(|text| seconds("open_for", text)).transpose()?,
        })
    }

    /// Whether the client shows a certificate.
    pub(crate) fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// The request of this name, with its tokens made for this moment.
    pub(crate) fn fill(
        &self,
        forge: &Forge,
        clock: &Clock,
        name: &str,
        memory: &mut Memory,
    ) -> anyhow::Result<Request> {
        let filled = |headers: &[(Vec<u8>, Pieces)]| {
            let filled = headers.iter().map(|(name, value)| Ok((name.clone(), value.fill(forge, clock)?)));
            filled.collect::<Result<Headers, ForgeError>>()
        };
        let path = self.path.fill(forge, clock)?;
        let mut headers = filled(&self.leading)?;
        let occasion =
            Occasion { method: &self.method, authority: &self.authority, path: &path, token: self.token.as_ref() };
        for proof in &self.proofs {
            let proof = proof.fill(forge, clock, &occasion, name, memory)?;
            headers.push((b"dpop".to_vec(), proof.into_bytes()));
        }
        headers.extend(filled(&self.headers)?);
        Ok(Request {
            method: self.method.clone(),
            path,
            authority: self.authority.clone(),
            headers,
            body: match &self.body {
                BodyTemplate::Never => Body::NeverArrives,
                BodyTemplate::None => Body::None,
                BodyTemplate::Parts(parts) => {
                    Body::Parts(parts.iter().map(|part| part.fill(forge, clock)).collect::<Result<_, _>>()?)
                }
            },
            trailers: self.trailers.clone(),
            protocol: self.protocol,
            certificate: self.certificate.clone(),
            worker: self.worker,
            open_for: self.open_for,
        })
    }
}

impl BodyTemplate {
    fn read(line: Option<&BodyLine>, forge: &Forge) -> Result<Self, ScenarioError> {
        let piece = |path: &str, text: &str| Pieces::read(path, text, forge, notation::bytes_of_json);
        Ok(match line {
            None => Self::None,
            Some(BodyLine::Json(value)) => Self::Parts(vec![Pieces::of(value.to_string().as_bytes())]),
            Some(BodyLine::Never) => Self::Never,
            Some(BodyLine::Parts(parts)) => {
                let parts = parts.iter().enumerate();
                Self::Parts(parts.map(|(n, part)| piece(&format!("body.parts[{n}]"), part)).collect::<Result<_, _>>()?)
            }
            Some(BodyLine::Repeat(repeat)) => Self::Parts(vec![repeat.pieces("body.repeat")?]),
            Some(BodyLine::Text(text)) => Self::Parts(vec![piece("body.text", text)?]),
        })
    }
}

impl RepeatLine {
    pub(crate) fn pieces(&self, path: &str) -> Result<Pieces, ScenarioError> {
        let text = notation::bytes_of_json(&self.text)
            .map_err(|message| ScenarioError::new(format!("{path}.text"), message))?;
        Ok(Pieces::of(&text.repeat(self.count)))
    }
}

impl Pieces {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(vec![Piece::Bytes(bytes.to_vec())])
    }

    /// Splits at `{token:name}`: a token is put in as it is, whatever escapes the text around it has.
    pub(crate) fn read(
        path: &str,
        text: &str,
        forge: &Forge,
        unescape: fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, ScenarioError> {
        let reference = Regex::new(r"\{token:([^{}]*)\}").map_err(|error| ScenarioError::new(path, error))?;
        let literal = |text: &str| unescape(text).map_err(|message| ScenarioError::new(path, message));
        let mut pieces = Vec::new();
        let mut rest = 0;
        for found in reference.captures_iter(text) {
            let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { continue };
            pieces.push(Piece::Bytes(literal(&text[rest..whole.start()])?));
            let token = json!(name.as_str());
            forge.check(&token).map_err(|error| ScenarioError::new(path, error))?;
            pieces.push(Piece::Token(token));
            rest = whole.end();
        }
        pieces.push(Piece::Bytes(literal(&text[rest..])?));
        Ok(Self(pieces))
    }

    pub(crate) fn fill(&self, forge: &Forge, clock: &Clock) -> Result<Vec<u8>, ForgeError> {
        let mut bytes = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Bytes(literal) => bytes.extend_from_slice(literal),
                Piece::Token(token) => bytes.extend_from_slice(forge.mint_at(token, clock)?.as_bytes()),
            }
        }
        Ok(bytes)
    }
}

fn credential(scheme: &str, token: &Value, forge: &Forge) -> Result<Pieces, ScenarioError> {
    forge.check(token).map_err(|error| ScenarioError::new("token", error))?;
    let mut before = bytes("scheme", scheme)?;
    if !before.is_empty() {
        before.push(b' ');
    }
    Ok(Pieces(vec![Piece::Bytes(before), Piece::Token(token.clone())]))
}

/// `name: value`, split at the first colon behind the first character: `:path` is a name too.
pub(crate) fn name_and_value<'t>(path: &str, line: &'t str) -> Result<(Vec<u8>, &'t str), ScenarioError> {
    let split = line.char_indices().skip(1).find(|(_, character)| *character == ':').map(|(position, _)| position);
    let split = split.ok_or_else(|| ScenarioError::new(path, format!("`{line}` is not `name: value`")))?;
    let value = &line[split + 1..];
    // One space belongs to the notation; every other one is sent.
    Ok((bytes(path, &line[..split])?, value.strip_prefix(' ').unwrap_or(value)))
}

fn bytes(path: &str, text: &str) -> Result<Vec<u8>, ScenarioError> {
    notation::bytes(text).map_err(|message| ScenarioError::new(path, message))
}

/// A certificate of the scenario by its name, or what hosts without a handshake are told.
fn certificate(line: &Value, forge: &Forge) -> Result<ClientCertificate, ScenarioError> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        from: Option<String>,
        sha256: Option<String>,
        valid: Option<bool>,
    }
    let known = |name: &str| forge.certificate(name).map_err(|error| ScenarioError::new("", error));
    if let Value::String(name) = line {
        return known(name);
    }
    let line: Line = typed(line)?;
    let below = match &line.from {
        Some(name) => known(name)?,
        None => ClientCertificate::default(),
    };
    let sha256 = line.sha256.unwrap_or_else(|| below.sha256.clone());
    Ok(ClientCertificate { sha256, valid: line.valid.unwrap_or(below.valid), identity: None, ..below })
}

/// A duration in whole seconds, which stands at `path`.
pub(crate) fn seconds(path: &str, text: &str) -> Result<u64, ScenarioError> {
    let duration: SignedDuration = text.parse().map_err(|error| ScenarioError::new(path, error))?;
    match u64::try_from(duration.as_secs()) {
        Ok(seconds) if duration.subsec_nanos() == 0 => Ok(seconds),
        _ => Err(ScenarioError::new(path, format!("`{text}` is no whole number of seconds from zero"))),
    }
}
