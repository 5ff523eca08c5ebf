//! The access log: when a request ended, and how.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};

use super::log::Mark;

/// A line of the access log.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Access {
    /// The client's end of the connection, as `ip:port`. Even a request that Envoy could not parse has one, and none of
    /// its headers.
    client: String,
    /// Why the answer is what it is: `via_upstream`, what the filter gave with its own answer, or Envoy's own reason.
    pub(crate) details: Option<String>,
    /// `x-request-id`, where the format has it: what names the request in its audit records.
    #[serde(default)]
    pub(crate) request_id: Option<String>,
}

impl Access {
    /// The details that came with an answer of the filter or of Envoy; an answer of the upstream has none.
    pub(crate) fn given_details(self) -> Option<String> {
        self.details.filter(|details| details != "via_upstream")
    }
}

/// The logger that writes such lines, to Envoy's standard output.
pub(super) fn logger() -> Value {
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {
                "json_format": {
                    "client": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
                    "scenario_request": "%REQ(X-SCENARIO-REQUEST)%",
                    "status": "%RESPONSE_CODE%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "flags": "%RESPONSE_FLAGS%",
                },
            },
        },
    })
}

#[derive(Debug)]
pub(super) struct AccessLog {
    file: PathBuf,
}

impl AccessLog {
    pub(super) fn at(file: PathBuf) -> Self {
        Self { file }
    }

    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    pub(super) fn mark(&self) -> std::io::Result<Mark> {
        Mark::end_of(&self.file)
    }

    pub(super) fn find(&self, mark: Mark, client: SocketAddr) -> anyhow::Result<Option<Access>> {
        let client = client.to_string();
        for line in mark.lines_after(&self.file)? {
            let access: Access = serde_json::from_str(&line)
                .with_context(|| format!("an access-log line of an unknown form: {line}"))?;
            if access.client == client {
                return Ok(Some(access));
            }
        }
        Ok(None)
    }
}
