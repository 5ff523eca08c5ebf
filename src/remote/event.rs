//! What an operator needs to know of a source.

use std::fmt;

/// Something that happened. The host writes it down and counts it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A document was taken.
    Loaded {
        /// Who fetched it.
        by: Fetcher,
        /// Whether it differs from the one before.
        changed: bool,
        /// What the reader did not like about it, and passed over. A few short texts, with nothing of the document in them.
        remarks: Vec<String>,
    },
    /// An attempt failed. The last good document stays as long as it may.
    Failed {
        /// Who tried.
        by: Fetcher,
        /// Why.
        failure: Failure,
        /// How many attempts have failed in a row.
        failures: u32,
        /// Milliseconds until the next attempt may be made.
        retry_in_millis: i64,
    },
    /// The record in shared data was not made by this gateway, or for another document. It was passed over.
    RecordRefused,
    /// Shared data could not be used; each worker fetches on its own.
    StoreUnavailable,
}

/// Who fetched a document, or tried to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fetcher {
    /// Another worker.
    Another,
    /// This worker.
    Itself,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// No answer: not reached, reset, too long for the gateway, or too late.
    Lost,
    /// Another status than 200.
    Status(u16),
    /// Status 200, but another kind of document.
    MediaType,
    /// Longer than is accepted.
    TooLong,
    /// The metadata of the authorization server cannot be used.
    Metadata(&'static str),
    /// The reader refuses the document.
    Unfit(String),
    /// Another worker failed; it has told why.
    Elsewhere,
}

impl Failure {
    /// A word for it, for counters.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Status(_) => "status",
            Self::MediaType => "media_type",
            Self::TooLong => "too_long",
            Self::Metadata(_) => "metadata",
            Self::Unfit(_) => "unfit",
            Self::Elsewhere => "elsewhere",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("no answer came, or it was lost"),
            Self::Status(status) => write!(f, "the answer has the status {status}, not 200"),
            Self::MediaType => f.write_str("the answer's `content-type` is not one of such documents"),
            Self::TooLong => f.write_str("the answer is too long"),
            Self::Metadata(reason) => write!(f, "the metadata of the authorization server {reason}"),
            Self::Unfit(reason) => write!(f, "the document cannot be used: {reason}"),
            Self::Elsewhere => f.write_str("another worker's attempt failed"),
        }
    }
}

impl Event {
    /// A word for it, for counters.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Loaded { .. } => "loaded",
            Self::Failed { .. } => "failed",
            Self::RecordRefused => "record_refused",
            Self::StoreUnavailable => "store_unavailable",
        }
    }

    /// Whether an operator should look at it.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        !matches!(self, Self::Loaded { remarks, .. } if remarks.is_empty())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { by, changed, remarks } => {
                let news = if *changed { "loaded, and new" } else { "loaded, as before" };
                let by = if *by == Fetcher::Itself { "" } else { ", by another worker" };
                write!(f, "{news}{by}")?;
                remarks.iter().try_for_each(|remark| write!(f, "; {remark}"))
            }
            Self::Failed { failure, failures, retry_in_millis, .. } => {
                write!(f, "attempt {failures} failed: {failure}; the next one in {retry_in_millis} ms")
            }
            Self::RecordRefused => {
                f.write_str("the record in shared data is not one of this gateway; give it a `vm_id` of its own")
            }
            Self::StoreUnavailable => f.write_str("shared data cannot be used; each worker fetches on its own"),
        }
    }
}
