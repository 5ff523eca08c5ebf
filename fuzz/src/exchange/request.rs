//! Requests, by their description.

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::exchange::{Arrival, Now};

use super::gateway::BODY_BYTES;
use super::token::Token;
use crate::mint::NOW;

/// How the head of a request is made. The first variant of each choice is an honest one.
#[derive(Arbitrary, Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) path: Path,
    pub(super) query: Vec<QueryPart>,
    pub(super) authority: Authority,
    pub(super) credential: Credential,
    pub(super) media_type: MediaType,
    pub(super) length: Length,
    pub(super) coding: Coding,
    pub(super) others: Vec<Other>,
    pub(super) clock: Clock,
    pub(super) ends_here: bool,
    pub(super) is_withheld: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    /// What the path is made for.
    Fitting,
    Get,
    Head,
    Post,
    Put,
    LowerCase,
    Twice,
    Absent,
}

/// A path as it is sent; the oracle knows what it means.
#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Path {
    Payment(Id),
    Payments,
    Approval(Id),
    Release(Id),
    Latest,
    Health,
    File(Id),
    SecretFile(Id),
    Draft(Id),
    Order(Id),
    Invoice(Id),
    Note(Id),
    Unknown,
    TrailingSlash,
    DotSegments,
    EncodedSlash,
    Absent,
}

/// A path parameter.
#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Id {
    Seven,
    LeadingZero,
    Word,
    UpperCase,
    Uuid,
    Invoice,
    InvoiceAndMore,
    EncodedSpace,
    EncodedDigit,
    TwoSegments,
    Latest,
    Empty,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum QueryPart {
    Limit,
    LimitWithZero,
    LimitEncoded,
    Open,
    OpenMaybe,
    Method,
    AccessToken,
    Other,
    NotUtf8,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Authority {
    Ours,
    OtherCaseAndPort,
    UserInformation,
    Twice,
    Absent,
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Credential {
    Bearer(Token),
    BearerInOtherCase(Token),
    None,
    Basic,
    TwoSpaces(Token),
    TwoInOne(Token, Token),
    Twice(Token),
    TwiceInOtherCase(Token),
    Empty,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MediaType {
    Json,
    JsonWithCharset,
    Suffix,
    OtherCharset,
    Text,
    Twice,
    Absent,
    Grpc,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Length {
    Absent,
    Small,
    TooLarge,
    Words,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coding {
    Absent,
    Identity,
    Gzip,
    IdentityTwice,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Other {
    Harmless,
    Subject,
    SubjectInAnotherSpelling,
    Roles,
    User,
    MethodOverride,
    Nomination,
    NominationOfASubject,
    NominationOfTheCredential,
    Tenant,
    TenantNotUtf8,
    NotAscii,
}

#[derive(Arbitrary, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Clock {
    Set,
    Unset,
    Late(u16),
    LastCentury,
    EndOfTime,
}

/// A whole body.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Body {
    Amount(Amount),
    Missing,
    Text,
    Float,
    Huge,
    Twice,
    Rival,
    NotJson,
    TooLarge,
    Empty,
}

/// An amount: small, at one of the limits of the policies, or any.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Amount {
    Small(u16),
    CheckersLimit(i8),
    LedgersLimit(i8),
    Any(i64),
}

type Pair = (Vec<u8>, Vec<u8>);

impl Head {
    /// Nanoseconds since the Unix epoch.
    pub(super) fn unix_nanos(&self) -> u64 {
        let seconds = match self.clock {
            Clock::Set => NOW.unsigned_abs(),
            Clock::Unset => 0,
            Clock::Late(seconds) => NOW.unsigned_abs() + u64::from(seconds),
            Clock::LastCentury => 946_684_799,
            Clock::EndOfTime => return u64::MAX,
        };
        seconds * 1_000_000_000
    }

    /// The head as a gateway hands it over.
    pub(super) fn arrival(&self) -> Arrival {
        Arrival {
            headers: (!self.is_withheld).then(|| self.pairs()),
            end_of_stream: self.ends_here,
            source: None,
            certificate: PeerCertificate::default(),
            now: Now { unix_nanos: self.unix_nanos() },
            entropy: [1; 16],
        }
    }

    /// Names that must not reach the upstream, in lower case, as far as the head can be read.
    pub(super) fn stripped(&self) -> Vec<&'static str> {
        let names: BTreeSet<&str> = self.others.iter().filter_map(|other| other.stripped()).collect();
        names.into_iter().collect()
    }

    /// What is asked for: the path without the query.
    pub(super) fn method(&self) -> &'static str {
        match self.method {
            Method::Fitting => match self.path {
                Path::Approval(_) | Path::Release(_) => "POST",
                _ => "GET",
            },
            Method::Get | Method::Twice | Method::Absent => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::LowerCase => "get",
        }
    }

    fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        let mut put = |name: &str, value: &[u8]| pairs.push((name.as_bytes().to_vec(), value.to_vec()));
        for _ in 0..times(self.method == Method::Absent, self.method == Method::Twice) {
            put(":method", self.method().as_bytes());
        }
        if let Some(path) = self.path.written() {
            let query: Vec<&str> = self.query.iter().map(|part| part.written()).collect();
            let mark = if query.is_empty() { "" } else { "?" };
            put(":path", format!("{path}{mark}{}", query.join("&")).as_bytes());
        }
        for _ in 0..times(self.authority == Authority::Absent, self.authority == Authority::Twice) {
            put(":authority", self.authority.written().as_bytes());
        }
        self.credential.write(&mut put);
        for _ in 0..times(self.media_type == MediaType::Absent, self.media_type == MediaType::Twice) {
            put("content-type", self.media_type.written().as_bytes());
        }
        match self.length {
            Length::Absent => {}
            Length::Small => put("content-length", b"10"),
            Length::TooLarge => put("content-length", (BODY_BYTES + 1).to_string().as_bytes()),
            Length::Words => put("content-length", b"ten"),
        }
        match self.coding {
            Coding::Absent => {}
            Coding::Identity => put("content-encoding", b"Identity"),
            Coding::Gzip => put("content-encoding", b"gzip"),
            Coding::IdentityTwice => {
                put("content-encoding", b"identity");
                put("content-encoding", b"identity");
            }
        }
        for other in &self.others {
            let (name, value) = other.written();
            pairs.push((name.to_vec(), value.to_vec()));
        }
        pairs
    }
}

fn times(absent: bool, twice: bool) -> usize {
    match (absent, twice) {
        (true, _) => 0,
        (false, true) => 2,
        (false, false) => 1,
    }
}

impl Path {
    /// The path as it is sent.
    pub(super) fn written(self) -> Option<String> {
        Some(match self {
            Self::Payment(id) => format!("/payments/{}", id.written()),
            Self::Payments => "/payments".to_owned(),
            Self::Approval(id) => format!("/payments/{}/approval", id.written()),
            Self::Release(id) => format!("/payments/{}/release", id.written()),
            Self::Latest => "/payments/latest".to_owned(),
            Self::Health => "/healthz".to_owned(),
            Self::File(id) => format!("/files/{}", id.written()),
            Self::SecretFile(id) => format!("/files/secret/{}", id.written()),
            Self::Draft(id) => format!("/drafts/{}", id.written()),
            Self::Order(id) => format!("/orders/{}", id.written()),
            Self::Invoice(id) => format!("/invoices/{}", id.written()),
            Self::Note(id) => format!("/notes/{}/text", id.written()),
            Self::Unknown => "/admin".to_owned(),
            Self::TrailingSlash => "/payments/".to_owned(),
            Self::DotSegments => "/files/../payments/7".to_owned(),
            Self::EncodedSlash => "/files%2f..".to_owned(),
            Self::Absent => return None,
        })
    }
}

impl Id {
    fn written(self) -> &'static str {
        match self {
            Self::Seven => "7",
            Self::LeadingZero => "07",
            Self::Word => "word-7_a",
            Self::UpperCase => "Word",
            Self::Uuid => "123e4567-e89b-12d3-a456-426614174000",
            Self::Invoice => "DE-7",
            Self::InvoiceAndMore => "DE-7x",
            Self::EncodedSpace => "a%20b",
            Self::EncodedDigit => "%37",
            Self::TwoSegments => "7/8",
            Self::Latest => "latest",
            Self::Empty => "",
        }
    }
}

impl QueryPart {
    fn written(self) -> &'static str {
        match self {
            Self::Limit => "limit=5",
            Self::LimitWithZero => "limit=05",
            Self::LimitEncoded => "l%69mit=%35",
            Self::Open => "open=true",
            Self::OpenMaybe => "open=maybe",
            Self::Method => "_method=DELETE",
            Self::AccessToken => "access_token=a.b.c",
            Self::Other => "x=1",
            Self::NotUtf8 => "limit=%ff",
        }
    }
}

impl Authority {
    fn written(self) -> &'static str {
        match self {
            Self::Ours | Self::Twice | Self::Absent => "api.example.com",
            Self::OtherCaseAndPort => "API.example.com.:443",
            Self::UserInformation => "root@api.example.com",
        }
    }
}

impl Credential {
    fn write(&self, put: &mut impl FnMut(&str, &[u8])) {
        match self {
            Self::Bearer(token) => put("authorization", format!("Bearer {}", token.written()).as_bytes()),
            Self::BearerInOtherCase(token) => put("authorization", format!("bEARER {}", token.written()).as_bytes()),
            Self::None => {}
            Self::Basic => put("authorization", b"Basic bW9uYTptb25h"),
            Self::TwoSpaces(token) => put("authorization", format!("Bearer  {}", token.written()).as_bytes()),
            Self::TwoInOne(one, other) => {
                put("authorization", format!("Bearer {},Bearer {}", one.written(), other.written()).as_bytes());
            }
            Self::Twice(token) => {
                let value = format!("Bearer {}", token.written());
                put("authorization", value.as_bytes());
                put("authorization", value.as_bytes());
            }
            Self::TwiceInOtherCase(token) => {
                let value = format!("Bearer {}", token.written());
                put("authorization", value.as_bytes());
                put("AUTHORIZATION", b"Basic bW9uYTptb25h");
            }
            Self::Empty => put("authorization", b""),
        }
    }
}

impl MediaType {
    fn written(self) -> &'static str {
        match self {
            Self::Json | Self::Twice | Self::Absent => "application/json",
            Self::JsonWithCharset => "Application/JSON; charset=\"UTF-8\"",
            Self::Suffix => "application/payment+json",
            Self::OtherCharset => "application/json; a=b; charset=utf-16",
            Self::Text => "text/json",
            Self::Grpc => "application/grpc",
        }
    }
}

impl Other {
    fn written(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Harmless => (b"x-request-id", b"1"),
            Self::Subject => (b"x-auth-subject", b"root"),
            Self::SubjectInAnotherSpelling => (b"X_Auth.Subject", b"root"),
            Self::Roles => (b"X-Auth-Roles", b"treasurer"),
            Self::User => (b"x-user", b"root"),
            Self::MethodOverride => (b"x-http-method-override", b"DELETE"),
            Self::Nomination => (b"connection", b"close, te"),
            Self::NominationOfASubject => (b"connection", b"close, X_AUTH_SUBJECT"),
            Self::NominationOfTheCredential => (b"Connection", b"authorization"),
            Self::Tenant => (b"x-tenant", b"north"),
            Self::TenantNotUtf8 => (b"x-tenant", b"\xff"),
            Self::NotAscii => (b"x-\xc3\xa9", b"1"),
        }
    }

    fn stripped(self) -> Option<&'static str> {
        match self {
            Self::Subject => Some("x-auth-subject"),
            Self::SubjectInAnotherSpelling => Some("x_auth.subject"),
            Self::Roles => Some("x-auth-roles"),
            Self::User => Some("x-user"),
            Self::MethodOverride => Some("x-http-method-override"),
            Self::Harmless
            | Self::Nomination
            | Self::NominationOfASubject
            | Self::NominationOfTheCredential
            | Self::Tenant
            | Self::TenantNotUtf8
            | Self::NotAscii => None,
        }
    }
}

impl Body {
    /// The body as it is sent.
    pub(super) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Amount(amount) => {
                format!(r#"{{"memo": ["a", {{"b": 1}}], "amount": {}}}"#, amount.value()).into_bytes()
            }
            Self::Missing => br#"{"payment": {"amount": 5}}"#.to_vec(),
            Self::Text => br#"{"amount": "5"}"#.to_vec(),
            Self::Float => br#"{"amount": 5.0}"#.to_vec(),
            Self::Huge => br#"{"amount": 9223372036854775808}"#.to_vec(),
            Self::Twice => br#"{"amount": 5, "amo\u0075nt": 6}"#.to_vec(),
            Self::Rival => br#"{"amount": 5, "Amount": 6}"#.to_vec(),
            Self::NotJson => br#"{"amount": 5,}"#.to_vec(),
            Self::TooLarge => [br#"{"amount": 5}"#.as_slice(), &[b' '; BODY_BYTES]].concat(),
            Self::Empty => Vec::new(),
        }
    }
}

impl Amount {
    pub(super) fn value(self) -> i64 {
        match self {
            Self::Small(amount) => i64::from(amount),
            Self::CheckersLimit(difference) => 1_000_000 + i64::from(difference),
            Self::LedgersLimit(difference) => 100_000_000 + i64::from(difference),
            Self::Any(amount) => amount,
        }
    }
}
