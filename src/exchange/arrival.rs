//! What comes with the head of a request.

use std::net::IpAddr;

use crate::client_certificate::PeerCertificate;

/// The time, as the host tells it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// Nanoseconds since the Unix epoch.
    pub unix_nanos: u64,
}

/// The head of a request, and what the host knows besides.
#[derive(Debug)]
pub struct Arrival {
    /// All headers with the pseudo-headers, as they stand in the gateway's map; nothing where it does not hand them over,
    /// or where the host has no random bytes to name the decision by.
    pub headers: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// Whether neither body nor trailers follow.
    pub end_of_stream: bool,
    /// The peer's address, where the gateway tells it.
    pub source: Option<IpAddr>,
    /// The certificate of the client, as far as the gateway tells of one.
    pub certificate: PeerCertificate,
    /// The time.
    pub now: Now,
    /// Random bytes; they name the decision.
    pub entropy: [u8; 16],
}

/// The earliest time that a clock may show, in seconds since the Unix epoch: 2026-01-01. Before that, the clock has not
/// been set yet, and every token would look as if it had not expired.
const EARLIEST: i64 = 1_767_225_600;

impl Now {
    /// Seconds since the Unix epoch; nothing where the clock cannot be right.
    #[must_use]
    pub fn reliable_seconds(self) -> Option<i64> {
        Some(self.seconds()).filter(|seconds| *seconds >= EARLIEST)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn seconds(self) -> i64 {
        // The quotient of a u64 by 10^9 fits.
        i64::try_from(self.unix_nanos / 1_000_000_000).unwrap_or(i64::MAX)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn millis(self) -> i64 {
        // The quotient of a u64 by 10^6 fits.
        i64::try_from(self.unix_nanos / 1_000_000).unwrap_or(i64::MAX)
    }

    /// RFC 3339 with milliseconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let nanos = u32::try_from(self.unix_nanos % 1_000_000_000).unwrap_or(0);
        match chrono::DateTime::from_timestamp(self.seconds(), nanos) {
            Some(time) => {
                let time = time.naive_utc();
                let milliseconds = nanos / 1_000_000;
                format!(
                    "{}T{}.{milliseconds:03}Z",
                    time.date(),
                    chrono::NaiveTime::from_hms_opt(
                        chrono::Timelike::hour(&time),
                        chrono::Timelike::minute(&time),
                        chrono::Timelike::second(&time),
                    )
                    .unwrap_or_default()
                )
            }
            None => String::new(),
        }
    }
}
