//! Who may do what, slowly and simply.
//!
//! Everything is known from the description of a request, and looked up one by one. The order of the questions is part of
//! the promise: it decides which answer a request gets that is wrong in several ways.

use super::request::{
    Authority, Body, Clock, Coding, Credential, Head, Id, Length, MediaType, Method, Other, Path, QueryPart,
};
use super::token::{
    Acr, Actors, Audience, Client, Department, HeaderExtra, Issuer, KeyId, Kind, NamedAlgorithm, RolesForm, ScopesForm,
    Signer, Spoilt, Subject, Token,
};

/// What is to become of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Permitted,
    /// The request can be read in two ways, or in none.
    Malformed,
    NoCredential,
    BadToken,
    Forbidden,
    LacksScope,
    /// The user has to be authenticated anew, or otherwise.
    StepUp,
    BadBody,
    EncodedBody,
    TooLarge,
    NotDelivered,
    Unavailable,
}

/// What the head alone leads to.
pub(super) struct Ruling {
    /// Nothing where the body is needed.
    pub(super) verdict: Option<Verdict>,
    /// Whose token it was, where it was a good one.
    pub(super) identity: Option<Identity>,
}

/// A verified token, as far as permissions and headers depend on it.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    subject: &'static str,
    is_client: bool,
    /// Roles that the issuer may give.
    roles: Vec<&'static str>,
    /// Roles as the token names them; nothing where it has no list.
    named: Option<Vec<&'static str>>,
    scopes: Vec<&'static str>,
    has_actors: bool,
    /// Whether a second factor was shown within the last five minutes.
    has_second_factor: bool,
}

/// What a route asks, by its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    Public,
    List,
    View,
    Submit,
    Approve,
    Release,
}

impl Verdict {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Permitted => 200,
            Self::BadBody | Self::Malformed => 400,
            Self::BadToken | Self::NoCredential | Self::StepUp => 401,
            Self::Forbidden | Self::LacksScope => 403,
            Self::TooLarge => 413,
            Self::EncodedBody => 415,
            Self::NotDelivered => 500,
            Self::Unavailable => 503,
        }
    }

    /// Whether `shadow` only records it.
    pub(super) fn is_about_permission(self) -> bool {
        match self {
            Self::Forbidden
            | Self::LacksScope
            | Self::StepUp
            | Self::BadBody
            | Self::EncodedBody
            | Self::TooLarge
            | Self::NotDelivered => true,
            Self::Permitted | Self::Malformed | Self::NoCredential | Self::BadToken | Self::Unavailable => false,
        }
    }
}

/// Decides as far as the head allows.
pub(super) fn of_head(head: &Head) -> Ruling {
    let mut identity = None;
    let verdict = match of_steps(head, &mut identity) {
        Ok(waits) => (!waits).then_some(Verdict::Permitted),
        Err(verdict) => Some(verdict),
    };
    Ruling { verdict, identity }
}

/// Whether the decision waits for the body.
fn of_steps(head: &Head, identity: &mut Option<Identity>) -> Result<bool, Verdict> {
    unless(head.is_withheld, Verdict::Unavailable)?;
    unless(is_unreadable(head), Verdict::Malformed)?;
    unless(matches!(head.clock, Clock::Unset | Clock::LastCentury), Verdict::Unavailable)?;
    unless(matches!(head.authority, Authority::Absent | Authority::UserInformation), Verdict::Malformed)?;
    unless(!is_canonical(head.path), Verdict::Malformed)?;
    let nominates = |other: &Other| matches!(other, Other::NominationOfASubject | Other::NominationOfTheCredential);
    unless(head.others.iter().any(nominates) || head.query.contains(&QueryPart::Method), Verdict::Malformed)?;

    let action = route(head)?;
    if action == Action::Public {
        return Ok(false);
    }
    let known = of_credential(head)?;
    let known = identity.insert(known);
    unless(has_conflict(&known.roles), Verdict::Forbidden)?;
    unless(!scopes_of(head, action).iter().all(|scope| known.scopes.contains(scope)), Verdict::LacksScope)?;
    if action == Action::List {
        unless(is_query_wrong(&head.query), Verdict::Malformed)?;
        let tenants = head.others.iter().filter(|other| matches!(other, Other::Tenant | Other::TenantNotUtf8)).count();
        unless(tenants > 1 || head.others.contains(&Other::TenantNotUtf8), Verdict::Malformed)?;
    }
    match action {
        Action::Submit | Action::Approve => {
            unless(matches!(head.coding, Coding::Gzip | Coding::IdentityTwice), Verdict::EncodedBody)?;
            let json = matches!(head.media_type, MediaType::Json | MediaType::JsonWithCharset | MediaType::Suffix);
            unless(!json, Verdict::BadBody)?;
            unless(head.length == Length::TooLarge, Verdict::TooLarge)?;
            unless(head.length == Length::Words || head.ends_here, Verdict::BadBody)?;
            Ok(true)
        }
        Action::Public | Action::List | Action::View | Action::Release => match ruling(known, action, 0) {
            Verdict::Permitted => Ok(false),
            refused => Err(refused),
        },
    }
}

/// Decides about a request that has waited for its body.
pub(super) fn of_body(head: &Head, identity: &Identity, body: &Body) -> Verdict {
    let amount = match body {
        Body::Amount(amount) => amount.value(),
        Body::TooLarge => return Verdict::TooLarge,
        Body::Missing
        | Body::Text
        | Body::Float
        | Body::Huge
        | Body::Twice
        | Body::Rival
        | Body::NotJson
        | Body::Empty => {
            return Verdict::BadBody;
        }
    };
    let action = route(head).expect("what waits has a route");
    ruling(identity, action, amount)
}

fn unless(wrong: bool, verdict: Verdict) -> Result<(), Verdict> {
    if wrong { Err(verdict) } else { Ok(()) }
}

fn is_unreadable(head: &Head) -> bool {
    matches!(head.method, Method::Absent | Method::Twice)
        || head.path == Path::Absent
        || head.authority == Authority::Twice
        || head.others.contains(&Other::NotAscii)
}

fn is_canonical(path: Path) -> bool {
    match path {
        Path::Payment(id)
        | Path::File(id)
        | Path::SecretFile(id)
        | Path::Draft(id)
        | Path::Order(id)
        | Path::Invoice(id) => id != Id::EncodedDigit,
        // An empty segment in the middle is another matter than one at the end.
        Path::Approval(id) | Path::Release(id) | Path::Note(id) => id != Id::EncodedDigit && id != Id::Empty,
        Path::Payments | Path::Latest | Path::Health | Path::Unknown | Path::TrailingSlash => true,
        Path::DotSegments | Path::EncodedSlash | Path::Absent => false,
    }
}

/// Methods, segments, what the parameter may be, and what is asked.
type Route = (&'static [&'static str], &'static [&'static str], fn(&str) -> bool, Action);

/// The routes, the special ones before the general ones.
const ROUTES: [Route; 13] = [
    (&["GET"], &["healthz"], any, Action::Public),
    (&["GET"], &["files", "secret", "*"], is_slug, Action::View),
    (&["GET"], &["files", "**"], any, Action::Public),
    (&["GET"], &["payments"], any, Action::List),
    (&["POST"], &["payments"], any, Action::Submit),
    (&["GET"], &["payments", "latest"], any, Action::View),
    (&["GET", "HEAD"], &["payments", "*"], is_integer, Action::View),
    (&["POST"], &["payments", "*", "approval"], is_integer, Action::Approve),
    (&["POST"], &["payments", "*", "release"], is_integer, Action::Release),
    (&["GET", "HEAD"], &["drafts", "*"], is_slug, Action::View),
    (&["GET", "HEAD"], &["orders", "*"], is_uuid, Action::View),
    (&["GET", "HEAD"], &["invoices", "*"], is_invoice, Action::View),
    (&["GET", "HEAD"], &["notes", "*", "text"], any, Action::View),
];

/// The first route that fits.
fn route(head: &Head) -> Result<Action, Verdict> {
    let path = head.path.written().unwrap_or_default().replace("%20", " ");
    let names: Vec<&str> = path.split('/').skip(1).collect();
    for (methods, segments, kind, action) in ROUTES {
        if !methods.contains(&head.method()) || !fits(segments, &names) {
            continue;
        }
        let parameter = segments.iter().zip(&names).find(|(segment, _)| **segment == "*");
        unless(parameter.is_some_and(|(_, name)| !kind(name)), Verdict::Malformed)?;
        return Ok(action);
    }
    Err(Verdict::Forbidden)
}

fn fits(segments: &[&str], names: &[&str]) -> bool {
    match (segments, names) {
        ([], []) => true,
        (["**"], [first, ..]) => !first.is_empty(),
        ([segment, segments @ ..], [name, names @ ..]) => {
            (segment == name || *segment == "*" && !name.is_empty()) && fits(segments, names)
        }
        (_, _) => false,
    }
}

fn any(_: &str) -> bool {
    true
}

fn is_integer(name: &str) -> bool {
    name == "7"
}

fn is_slug(name: &str) -> bool {
    ["7", "07", "word-7_a", "123e4567-e89b-12d3-a456-426614174000", "latest"].contains(&name)
}

fn is_uuid(name: &str) -> bool {
    name == "123e4567-e89b-12d3-a456-426614174000"
}

fn is_invoice(name: &str) -> bool {
    name == "DE-7"
}

fn is_query_wrong(query: &[QueryPart]) -> bool {
    let limits = query.iter().filter(|part| {
        matches!(part, QueryPart::Limit | QueryPart::LimitWithZero | QueryPart::LimitEncoded | QueryPart::NotUtf8)
    });
    let opens = query.iter().filter(|part| matches!(part, QueryPart::Open | QueryPart::OpenMaybe));
    let bad = [QueryPart::LimitWithZero, QueryPart::NotUtf8, QueryPart::OpenMaybe];
    limits.count() > 1 || opens.count() > 1 || query.iter().any(|part| bad.contains(part))
}

fn of_credential(head: &Head) -> Result<Identity, Verdict> {
    let token = match &head.credential {
        Credential::Bearer(token) | Credential::BearerInOtherCase(token) => token,
        Credential::None | Credential::Basic => return Err(Verdict::NoCredential),
        Credential::TwoSpaces(_)
        | Credential::TwoInOne(_, _)
        | Credential::Twice(_)
        | Credential::TwiceInOtherCase(_)
        | Credential::Empty => return Err(Verdict::Malformed),
    };
    unless(head.query.contains(&QueryPart::AccessToken), Verdict::Malformed)?;
    // The clock is right, or the request has been refused.
    let now = i64::try_from(head.unix_nanos() / 1_000_000_000).expect("a quotient by 10⁹ fits");
    if is_good(token, now) { identity(token, now).ok_or(Verdict::BadToken) } else { Err(Verdict::BadToken) }
}

/// Whether the token is one of ours, for us, and for now.
fn is_good(token: &Token, now: i64) -> bool {
    let (issued, expires, not_before) = token.times();
    let partner = token.issuer == Issuer::Partner;
    let signed_by_its_issuer = match token.signer {
        Signer::CorpSecret | Signer::CorpEd25519 => token.issuer == Issuer::Corp,
        Signer::PartnerEd25519 => partner,
        Signer::Stranger => false,
    };
    let algorithm = match token.algorithm {
        NamedAlgorithm::OfTheKey => true,
        NamedAlgorithm::Hs256 => token.signer == Signer::CorpSecret,
        NamedAlgorithm::EdDsa => token.signer != Signer::CorpSecret,
        NamedAlgorithm::Es256 | NamedAlgorithm::None => false,
    };
    let longest = if partner { 86_400 } else { 3_600 };
    let starts = not_before.into_iter().chain([issued]);
    token.spoilt == Spoilt::No
        && signed_by_its_issuer
        && algorithm
        && matches!(token.key_id, KeyId::OfTheKey | KeyId::Absent)
        && matches!(token.kind, Kind::AccessToken | Kind::MediaType | Kind::OtherCase)
        && matches!(token.header, HeaderExtra::Nothing | HeaderExtra::Key)
        && matches!(token.audience, Audience::Ours | Audience::OursAmongOthers)
        && now < expires + 30
        && starts.into_iter().all(|start| start <= now + 30 && start <= expires)
        && expires - issued <= longest
        && !token.is_bound
}

/// Whom it names; nothing where a claim is not what it must be.
fn identity(token: &Token, now: i64) -> Option<Identity> {
    let partner = token.issuer == Issuer::Partner;
    let subject = token.subject.text().filter(|subject| !subject.is_empty())?;
    match token.client {
        Client::Web => {}
        // Only one issuer must say for which client the token is, but none may say it in another type.
        Client::Absent if partner => {}
        Client::Absent | Client::Null | Client::Number => return None,
    }
    let is_client = token.subject == Subject::LikeTheClient && token.client == Client::Web;
    let reads_department = !is_client && !partner;
    if reads_department && token.department == Department::Number {
        return None;
    }
    let named = match token.roles.form {
        RolesForm::List => Some(token.roles.names()),
        RolesForm::Absent => None,
        RolesForm::Text | RolesForm::WithANumber => return None,
    };
    let given: &[&str] =
        if partner { &["auditor"] } else { &["maker", "checker", "treasurer", "auditor", "head-of-payments"] };
    let roles = named.iter().flatten().copied().filter(|role| given.contains(role)).collect();
    let scopes = match token.scopes.form {
        ScopesForm::Scope | ScopesForm::ScpList | ScopesForm::ScpText => token.scopes.names(),
        ScopesForm::ScopeList | ScopesForm::Tabs => return None,
    };
    let has_actors = match token.actors {
        Actors::None => false,
        Actors::One | Actors::Two => true,
        Actors::Nameless | Actors::Text => return None,
    };
    let (acr, authenticated) = (token.acr(), token.authenticated());
    let (issued, _, _) = token.times();
    if acr == Acr::Number || authenticated.is_some_and(|at| at > issued + 30) {
        return None;
    }
    let has_second_factor = acr == Acr::Mfa && authenticated.is_some_and(|at| now - at <= 300);
    Some(Identity { subject, is_client, roles, named, scopes, has_actors, has_second_factor })
}

/// The head of payments is a checker, too.
fn is(roles: &[&str], role: &str) -> bool {
    roles.contains(&role) || role == "checker" && roles.contains(&"head-of-payments")
}

/// Who makes payments neither checks nor releases them.
fn has_conflict(roles: &[&str]) -> bool {
    is(roles, "maker") && (is(roles, "checker") || is(roles, "treasurer"))
}

fn scopes_of(head: &Head, action: Action) -> &'static [&'static str] {
    match (action, head.path) {
        (_, Path::Latest) | (_, Path::Payment(Id::Latest)) if head.method() == "GET" => {
            &["payments:read", "payments:submit"]
        }
        (_, Path::SecretFile(_)) | (_, Path::File(_)) => &[],
        (Action::List | Action::View, _) => &["payments:read"],
        (Action::Submit, _) => &["payments:submit"],
        (Action::Approve, _) => &["payments:approve"],
        (Action::Release, _) => &["payments:release"],
        (Action::Public, _) => &[],
    }
}

/// The payments policies, as a table.
/// What the policies say.
fn ruling(identity: &Identity, action: Action, amount: i64) -> Verdict {
    let in_person = !identity.is_client && !identity.has_actors;
    // Whoever may do it or not: a second factor is asked for first, where nothing else forbids it.
    if action == Action::Approve && in_person && amount > 10_000_000 && !identity.has_second_factor {
        return Verdict::StepUp;
    }
    if may(identity, action, amount) { Verdict::Permitted } else { Verdict::Forbidden }
}

fn may(identity: &Identity, action: Action, amount: i64) -> bool {
    let has = |role: &str| is(&identity.roles, role);
    let in_person = !identity.is_client && !identity.has_actors;
    match action {
        Action::Public => true,
        Action::List | Action::View => !identity.roles.is_empty(),
        Action::Submit => has("maker") && (1..=100_000_000).contains(&amount),
        Action::Approve => in_person && (has("treasurer") || has("checker") && amount <= 1_000_000),
        Action::Release => in_person && has("treasurer"),
    }
}

impl Identity {
    /// What the upstream is told, in the order of the names.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let subject = match self.subject {
            "a\"::Role::\"root, é" => "a%22::Role::%22root%2C%20%C3%A9",
            plain => plain,
        };
        let roles = self.named.as_ref().map(|roles| ("x-auth-roles".to_owned(), roles.join(",")));
        roles.into_iter().chain([("x-auth-subject".to_owned(), subject.to_owned())]).collect()
    }
}
