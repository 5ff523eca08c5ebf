//! What a decision looks at of what comes from elsewhere, as notes.

use super::{CurrentKeys, Lookup};
use crate::introspection::{Introspection, Verdict};
use crate::journal::{AtHand, Note};
use crate::remote::{Origin, Spec};
use crate::status::{Reference, Revoked, StatusList, StatusLists};
use crate::token::{ClaimSet, Provider};

impl<T> Lookup<T> {
    fn at_hand(&self) -> AtHand {
        match self {
            Self::Ready(_) => AtHand::Ready,
            Self::Wait(_) => AtHand::Awaited,
            Self::Unavailable { .. } => AtHand::Unavailable,
        }
    }

    fn as_ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            Self::Wait(_) | Self::Unavailable { .. } => None,
        }
    }
}

pub(crate) fn fetched_keys(spec: &Spec, found: &Lookup<CurrentKeys>) -> Note {
    let keys = found.as_ready().into_iter().flat_map(|keys| keys.set.iter());
    let from = match &spec.origin {
        Origin::Direct(endpoint) => endpoint.to_string(),
        Origin::Discovery(discovery) => format!("the metadata of {}", discovery.issuer()),
    };
    Note::FetchedKeys { from, at_hand: found.at_hand(), keys: keys.map(|key| key.id.clone()).collect() }
}

pub(crate) fn new_key(key_id: &str, found: &Lookup<()>) -> Note {
    Note::NewKey { key: key_id.to_owned(), at_hand: found.at_hand() }
}

pub(crate) fn introspection(provider: &Provider, introspection: &Introspection, found: &Lookup<Verdict>) -> Note {
    let cause = found.as_ready().and_then(|verdict| match verdict {
        Verdict::Active(_) => None,
        Verdict::Refused(cause) => Some(cause.code()),
    });
    Note::Introspection {
        provider: provider.name.clone(),
        from: introspection.endpoint.to_string(),
        at_hand: found.at_hand(),
        cause,
    }
}

pub(super) fn revoked_ids<T>(revoked: &Revoked, claims: &ClaimSet, found: &Lookup<T>) -> Note {
    Note::RevokedIds { from: revoked.endpoint.to_string(), at_hand: found.at_hand(), id: claims.get("jti").cloned() }
}

pub(super) fn status(lists: Option<&StatusLists>, claims: &ClaimSet) -> Note {
    Note::Status {
        claim: claims.get("status").cloned(),
        places: lists.map(|lists| lists.uris.clone()).unwrap_or_default(),
        required: lists.is_some_and(|lists| lists.required),
    }
}

pub(super) fn status_list<E>(reference: &Reference, found: &Lookup<(std::rc::Rc<StatusList>, E)>) -> Note {
    Note::StatusList {
        from: reference.uri.clone(),
        at_hand: found.at_hand(),
        index: reference.index,
        status: found.as_ready().and_then(|(list, _)| list.status(reference.index)),
    }
}
