//! The proof that a request may go on.

/// Lets a request go on. Whoever builds an onward request must hold one.
#[derive(Debug)]
#[must_use]
pub struct Permit(());

impl Permit {
    /// For the engine's own verdict.
    pub(super) fn of_policy() -> Self {
        Self(())
    }

    /// For a route that is declared public. Takes the declaration, so that no other route can claim to be one.
    pub fn of_public_route(_: &crate::route::PublicAccess) -> Self {
        Self(())
    }

    /// For a refusal that is only recorded. Takes the configured mode, so that `enforce` cannot obtain it.
    pub fn of_shadow(_: &crate::gate::ShadowMode) -> Self {
        Self(())
    }
}
