//! What came of each request, a line each.

use std::fmt;

use cedar_gate_scenario::{Headers, Observed, Played};
use comfy_table::{CellAlignment, ColumnConstraint, Width, presets};
use serde_json::Value;

/// The headers that tell the upstream who it is.
const SUBJECT: &str = "x-auth-subject";
const ROLES: &str = "x-auth-roles";

pub(crate) struct Table {
    lines: comfy_table::Table,
    played: usize,
    as_expected: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        let mut lines = comfy_table::Table::new();
        lines.load_style(presets::UTF8_FULL_CONDENSED).set_header([
            "",
            "request",
            "expected",
            "status",
            "cause and policies",
            "upstream sees",
            "total\nµs",
            "signature\nµs",
        ]);
        for column in [6, 7] {
            if let Some(column) = lines.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        if let Some(column) = lines.column_mut(4) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(42)));
        }
        Self { lines, played: 0, as_expected: 0 }
    }

    pub(crate) fn add(&mut self, played: &Played<'_>) {
        let Played { request, expected, observed, differences } = *played;
        let as_expected = differences.is_empty();
        self.played += 1;
        self.as_expected += usize::from(as_expected);
        self.lines.add_row([
            (if as_expected { "✓" } else { "✗" }).to_owned(),
            request.to_owned(),
            status(expected.status(), expected.grpc_status()),
            status(Some(observed.status), observed.grpc_status),
            observed.audit.last().map_or_else(|| without_record(observed), why),
            observed.upstream.as_ref().map_or_else(|| "–".to_owned(), |received| identity(&received.headers)),
            micros(observed, "total"),
            micros(observed, "signature"),
        ]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", self.lines)?;
        write!(to, "{} of {} requests as expected", self.as_expected, self.played)
    }
}

/// What decided, in the words of an audit record: the cause of a refusal, and the policies.
pub(crate) fn why(record: &Value) -> String {
    let policies: Vec<&str> = record["policies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match (record["cause"].as_str(), policies.is_empty()) {
        (Some(cause), true) => cause.to_owned(),
        (Some(cause), false) => format!("{cause}: {}", policies.join(", ")),
        (None, true) => "public route".to_owned(),
        (None, false) => policies.join(", "),
    }
}

fn without_record(observed: &Observed) -> String {
    // The filter leaves a record of whatever it gets to see.
    format!("Envoy: {}", observed.details.as_deref().unwrap_or("no details"))
}

fn status(http: Option<u16>, grpc: Option<u32>) -> String {
    match (http, grpc) {
        (_, Some(grpc)) => format!("gRPC {grpc}"),
        (Some(http), None) => http.to_string(),
        (None, None) => String::new(),
    }
}

fn identity(headers: &Headers) -> String {
    let value = |name: &str| {
        let values = headers.iter().filter(|(each, _)| each == name.as_bytes());
        values.map(|(_, value)| String::from_utf8_lossy(value)).collect::<Vec<_>>().join(" and ")
    };
    match (value(SUBJECT), value(ROLES)) {
        (subject, roles) if subject.is_empty() && roles.is_empty() => "nobody".to_owned(),
        (subject, roles) => format!("{subject} ({roles})"),
    }
}

fn micros(observed: &Observed, of: &str) -> String {
    let micros = observed.audit.last().and_then(|record| record["micros"][of].as_u64());
    match micros {
        None | Some(0) => "–".to_owned(),
        Some(micros) => micros.to_string(),
    }
}
