//! The filter's opinion: a whole request through the native core.

use cedar_gate::harness::{Harness, Verdict as Answer};
use serde_json::Value;

use crate::issuer::NOW;
use crate::verdict::{Identity, Verdict};

/// The filter.
pub(crate) struct Ours(Harness);

impl Ours {
    /// Starts it.
    pub(crate) fn start(configuration: &Value) -> Self {
        let now = NOW.try_into().expect("after 1970");
        let faults = |faults| panic!("{faults:?}");
        Self(Harness::start(configuration.to_string().as_bytes(), now).unwrap_or_else(faults))
    }

    /// What it makes of a request with this token.
    pub(crate) fn of(&mut self, token: &str) -> Verdict {
        let headers = [
            (":method", "GET"),
            (":path", "/"),
            (":authority", "api.example.com"),
            (":scheme", "https"),
            ("authorization", &format!("Bearer {token}")),
        ];
        let headers = headers.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).to_vec();
        let (passage, answer) = self.0.request(headers, true);
        let records = passage.end();
        let [record] = records.as_slice() else { panic!("{} records for {token}", records.len()) };
        let text = |name: &str| record[name].as_str().map(str::to_owned);
        match answer {
            Answer::Continued(_) => Verdict::Taken(Identity {
                subject: text("principal").expect("a principal"),
                client: text("client").unwrap_or_default(),
                // Where there is no `jti`, the record has a name of its own making.
                id: text("token_id").filter(|id| !id.starts_with("hmac:")),
            }),
            Answer::Replied(_) => Verdict::Refused(text("cause").expect("a cause")),
            Answer::Closed | Answer::Waiting => panic!("the filter neither answers nor lets go of {token}"),
        }
    }
}
