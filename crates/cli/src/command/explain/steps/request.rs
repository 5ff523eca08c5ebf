//! What is asked for.

use cedar_gate::journal::{Declared, NearRoute, Note, Place};

use super::super::wording::{list, printable, quoted};
use super::{Detail, Mark, Step};

pub(super) fn step(note: &Note, mark: Mark) -> Option<Step> {
    let refused = mark == Mark::Bad;
    match note {
        Note::Body { bytes, members } => {
            Some(Step::new(mark, "body", format!("{bytes} bytes; the route declares:")).with(declared(members)))
        }
        Note::BodyHead { content_type, content_encoding, content_length, longest } => refused.then(|| {
            let header = |name: &str, value: &Option<String>| {
                let text = value.as_deref().map_or("none".to_owned(), printable);
                Detail::new(Mark::None, format!("{name}: {text}"))
            };
            let text = format!("the decision needs it: JSON, as it is, {longest} bytes at most");
            Step::new(mark, "body", text).with([
                header("content-type", content_type),
                header("content-encoding", content_encoding),
                header("content-length", content_length),
            ])
        }),
        Note::Clock { time, reliable } => {
            (refused || !reliable).then(|| Step::new(mark, "clock", format!("{time}, which cannot be right")))
        }
        Note::DeclaredHeaders { values } => declarations("headers", values, mark),
        Note::DeclaredQuery { values } => declarations("query", values, mark),
        Note::Head { method, path, query, authority, source } => {
            let query = if *query { ", with a query" } else { "" };
            let source = source.as_ref().map(|source| format!(", from {source}")).unwrap_or_default();
            let text = format!("{} {}{query}, to {}{source}", printable(method), quoted(path), quoted(authority));
            Some(Step::new(mark, "request", text))
        }
        Note::Host { host } => match host {
            Some(host) => Some(Step::new(mark, "host", printable(host))),
            None => Some(Step::new(mark, "host", "has more than one reading, or none")),
        },
        Note::Meaning { connection, method_parameter } => refused.then(|| {
            let text = "something in the request could make it another one behind the filter";
            let connection = Detail::new(Mark::None, format!("`connection` names {}", list(connection)));
            let parameter = Detail::new(Mark::Bad, "the query has `_method`, or cannot be read");
            let details = if *method_parameter { vec![connection, parameter] } else { vec![connection] };
            Step::new(mark, "meaning", text).with(details)
        }),
        Note::NoRoute { nearest } => {
            let text = if nearest.is_empty() { "none, nor one that is similar" } else { "none; similar ones are:" };
            Some(Step::new(mark, "route", text).with(nearest.iter().map(near)))
        }
        Note::Path { path } => match path {
            Some(path) => Some(Step::new(mark, "path", printable(path))),
            None => Some(Step::new(mark, "path", "has more than one reading, or none")),
        },
        Note::Preflight { name, .. } => {
            Some(Step::new(mark, "route", format!("{name}, which a browser asks about before it uses it")))
        }
        Note::ResourceMetadata { url } => {
            Some(Step::new(mark, "metadata", format!("{}, which the filter itself has", printable(url))))
        }
        Note::Route { name, parameters, action, .. } => {
            let access = match action {
                Some(action) => format!("asks for {action}"),
                None => "public, so nobody is asked who they are".to_owned(),
            };
            let parameters =
                parameters.iter().map(|(name, value)| Detail::new(Mark::None, format!("{name} = {}", quoted(value))));
            Some(Step::new(mark, "route", format!("{name}, {access}")).with(parameters))
        }
        _ => None,
    }
}

fn near(route: &NearRoute) -> Detail {
    match route {
        NearRoute::Method { route } => Detail::new(Mark::Bad, format!("{route}: the path is right, the method is not")),
        NearRoute::Parameter { route, name, kind, value } => {
            Detail::new(Mark::Bad, format!("{route}: `{name}` is a {kind}, and {} is none", quoted(value)))
        }
        NearRoute::Path { route, alike } => {
            let segments = if *alike == 1 { "segment is" } else { "segments are" };
            Detail::new(Mark::None, format!("{route}: the first {alike} {segments} the same"))
        }
    }
}

fn declarations(title: &'static str, values: &[Declared], mark: Mark) -> Option<Step> {
    (!values.is_empty()).then(|| Step::new(mark, title, "the route declares:").with(declared(values)))
}

fn declared(values: &[Declared]) -> Vec<Detail> {
    let detail = |value: &Declared| {
        let place = match &value.place {
            Place::Body(pointer) => format!(" at {pointer}"),
            Place::Header | Place::Query => String::new(),
        };
        let found = match (&value.found, value.fits) {
            (Some(found), true) => format!("= {}", quoted(found)),
            (Some(found), false) => format!("is no {}: {}", value.value_type, quoted(found)),
            (None, true) => "is not there, and need not be".to_owned(),
            (None, false) if value.required => format!("is not there as a {}, once", value.value_type),
            (None, false) => format!("is there, but not as a {}, once", value.value_type),
        };
        Detail::new(Mark::of(value.fits), format!("{}{place} {found}", value.name))
    };
    values.iter().map(detail).collect()
}
