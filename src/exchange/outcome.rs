//! What is to be done after an input.

use crate::forward::HeaderPatch;
use crate::live::Ticket;
use crate::outbox::StoreOperation;
use crate::policy::Permit;
use crate::refusal::Reply;

/// Exactly one of these for each input.
#[derive(Debug)]
pub enum Outcome {
    /// Hold the request back until its whole body is there.
    AwaitBody,
    /// End the stream of a request that has gone on, both ways.
    CloseStream,
    /// Let the request go on.
    Continue(Box<Onward>),
    /// Nothing changes.
    Nothing,
    /// Change the response's headers and let it go on.
    PatchResponse(HeaderPatch),
    /// Change the request's trailers and let them go on.
    PatchTrailers(HeaderPatch),
    /// Answer instead of the upstream.
    Reply(Box<Reply>),
    /// Hold the request back and ask the store; the answer is the next input.
    Store(Box<StoreOperation>),
    /// Hold the request back until what the ticket stands for is settled. The gate calls for it, not the request: others
    /// may wait for the same, and it must come even if this request goes away.
    Wait(Ticket),
}

/// A request that goes on. Can be built only with a permit.
#[derive(Debug)]
pub struct Onward {
    patch: HeaderPatch,
}

impl Onward {
    pub(super) fn new(permit: Permit, patch: HeaderPatch) -> Self {
        // The permit is used up: one permit, one request.
        drop(permit);
        Self { patch }
    }

    /// Changes to the request's headers, to be made before it goes on.
    #[must_use]
    pub fn patch(&self) -> &HeaderPatch {
        &self.patch
    }
}
