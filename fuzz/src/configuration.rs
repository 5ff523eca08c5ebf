//! Configurations, in both forms.
//!
//! Whatever the bytes are, loading them ends: with a configuration, or with faults that say something. Text and the
//! `google.protobuf.Struct` of the same document are judged alike. And what can be served serves nobody without a token,
//! but on routes that are declared public, or where `shadow` has been asked for.

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::{Config, Fault};
use cedar_gate::exchange::{Arrival, Exchange, Input, Now, Outcome};
use cedar_gate::gate::{Gate, Mode, Platform};
use cedar_gate::jose::InVm;
use cedar_gate::journal::Journal;
use cedar_gate::json::{self, Bounds};
use cedar_gate::route::Access;
use prost::Message;
use prost_types::value::Kind;
use serde_json::Value;

use crate::mint::NOW;

/// Deeper documents do not fit into a `Struct`, whose decoder counts each level twice.
const SHALLOW: Bounds = Bounds { depth: 24, values: 100_000 };

/// Loads a configuration, and says whether it can be served.
pub fn check(bytes: &[u8]) -> bool {
    let loaded = Judged::of(bytes);
    // An object without members is encoded as nothing at all, which is the one document with two readings.
    if let Ok(document) = json::parse(bytes, SHALLOW)
        && document.as_object().is_some_and(|members| !members.is_empty())
        && let Some(Kind::StructValue(encoded)) = kind(&document)
    {
        let other = Judged::of(&encoded.encode_to_vec());
        assert_eq!(told(&loaded.faults), told(&other.faults), "the two forms have other faults");
        assert_eq!(told(&loaded.warnings), told(&other.warnings), "the two forms have other warnings");
    }
    let is_served = loaded.config.is_some();
    loaded.config.into_iter().for_each(serves_nobody);
    is_served
}

/// What faults say, whatever the order of their words: where Cedar lists several names, it does so in an order that
/// differs from one time to the next.
fn told(faults: &[Fault]) -> Vec<(&str, Vec<&str>)> {
    let mut told: Vec<_> = faults
        .iter()
        .map(|fault| {
            let mut words: Vec<&str> = fault.message.split([' ', ',']).collect();
            words.sort_unstable();
            (fault.path.as_str(), words)
        })
        .collect();
    told.sort_unstable();
    told
}

struct Judged {
    config: Option<Config>,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl Judged {
    fn of(bytes: &[u8]) -> Self {
        match Config::load(bytes) {
            Ok(config) => {
                let warnings = config.warnings.clone();
                warnings.iter().for_each(|warning| assert!(!warning.message.is_empty(), "an empty warning"));
                Self { config: Some(config), faults: Vec::new(), warnings }
            }
            Err(faults) => {
                let faults: Vec<Fault> = faults.iter().cloned().collect();
                assert!(!faults.is_empty(), "refused, and nobody knows why");
                faults.iter().for_each(|fault| assert!(!fault.message.is_empty(), "{}: an empty fault", fault.path));
                assert!(faults.is_sorted(), "faults without an order: {faults:?}");
                Self { config: None, faults, warnings: Vec::new() }
            }
        }
    }
}

/// The document as Envoy encodes it; nothing where a number would not be the same as a double.
fn kind(value: &Value) -> Option<Kind> {
    let whole = |value: &Value| kind(value).map(|kind| prost_types::Value { kind: Some(kind) });
    Some(match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(boolean) => Kind::BoolValue(*boolean),
        Value::Number(number) => {
            let small = number.as_i64().filter(|integer| integer.unsigned_abs() < 1 << 31)?;
            Kind::NumberValue(f64::from(i32::try_from(small).ok()?))
        }
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(prost_types::ListValue { values: items.iter().map(whole).collect::<Option<_>>()? })
        }
        Value::Object(members) => {
            let fields = members.iter().map(|(name, value)| Some((name.clone(), whole(value)?)));
            Kind::StructValue(prost_types::Struct { fields: fields.collect::<Option<_>>()? })
        }
    })
}

/// Asks for what each of the first routes offers, without a token.
fn serves_nobody(config: Config) {
    let shadow = matches!(config.mode, Mode::Shadow(_));
    let gate = Gate::new(config, Platform { verifier: Box::new(InVm), entropy: [0; 32] });
    let places = gate.config().routes.iter().take(8).flat_map(|route| {
        let method = route.methods.first().cloned().unwrap_or_default();
        ["1", "a", "a/b", "123e4567-e89b-12d3-a456-426614174000"]
            .map(|id| (method.clone(), filled(route.path.as_str(), id)))
    });
    for (method, path) in places {
        let arrival = Arrival {
            headers: Some(vec![
                (b":method".to_vec(), method.clone().into_bytes()),
                (b":path".to_vec(), path.clone().into_bytes()),
                (b":authority".to_vec(), b"api.example.com".to_vec()),
            ]),
            end_of_stream: true,
            source: None,
            certificate: PeerCertificate::default(),
            now: Now { unix_nanos: NOW.unsigned_abs() * 1_000_000_000 },
            entropy: [0; 16],
        };
        let outcome = Exchange::default().step(&gate, Input::Head(Box::new(arrival)), &mut Journal::default());
        match outcome {
            Outcome::Continue(_) => {
                // Which public route it was: one of them must have this method and match.
                let is_public = gate.config().routes.iter().any(|route| {
                    matches!(route.access, Access::Public(_))
                        && route.methods.contains(&method)
                        && fits(route.path.as_str(), &path)
                });
                assert!(is_public || shadow, "{method} {path} goes on without a token");
            }
            Outcome::Reply(reply) => assert!((400..=503).contains(&reply.status), "no refusal: {reply:?}"),
            other => panic!("without a token, {method} {path} leads to {other:?}"),
        }
    }
}

/// A template with all parameters replaced.
fn filled(template: &str, id: &str) -> String {
    template.split('/').map(|segment| if segment.starts_with('{') { id } else { segment }).collect::<Vec<_>>().join("/")
}

/// Whether a path could be one of a template, by its segments only.
fn fits(template: &str, path: &str) -> bool {
    let (mut segments, mut names) = (template.split('/'), path.split('/'));
    loop {
        match (segments.next(), names.next()) {
            (None, None) => return true,
            (Some(segment), Some(_)) if segment.starts_with("{*") => return true,
            (Some(segment), Some(name)) if segment.starts_with('{') || segment == name => {}
            (_, _) => return false,
        }
    }
}
