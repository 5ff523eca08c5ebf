//! The access log: when a request ended, and how.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bootstrap;
use super::log::Mark;

/// A line of the access log.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Access {
    /// The client's end of the connection, as `ip:port`. Even a request that Envoy could not parse has one, and none of
    /// its headers.
    client: String,
    /// Why the answer is what it is: `via_upstream`, what the filter gave with its own answer, or Envoy's own reason.
    pub(crate) details: Option<String>,
}

/// The logger that writes such lines.
pub(super) fn logger(directory: &Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": bootstrap::access_log_file(directory),
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
