//! Where in the texts of a policy set something stands. Gateways do not find out: their log has the paths.

/// A line of a text.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TextPlace {
    /// The name of the text: `schema`, or the file of policies; empty where these have one text only.
    pub text: String,
    /// The line, from 1.
    pub line: usize,
}

#[cfg(not(target_os = "wasi"))]
mod found {
    use cedar_policy::{Policy, PolicySet};
    use miette::Diagnostic;

    use super::TextPlace;
    use crate::policy::Source;

    impl TextPlace {
        /// The place that an error of Cedar is about, in a text of this name.
        pub(in crate::policy) fn of_error(text: &str, error: &dyn Diagnostic) -> Option<Self> {
            let label = error.labels()?.next()?;
            let contents = error.source_code()?.read_span(label.inner(), 0, 0).ok()?;
            Some(Self { text: text.to_owned(), line: contents.line().saturating_add(1) })
        }

        /// The place that an error of Cedar about one policy of a set is about.
        pub(in crate::policy) fn of_policy_error(
            source: &Source,
            policies: &PolicySet,
            id: &cedar_policy::PolicyId,
            error: &dyn Diagnostic,
        ) -> Option<Self> {
            let policy = policies.policy(id)?;
            let of_policy = Self::of_policy(source, policy)?;
            Some(Self::of_error(&of_policy.text, error).unwrap_or(of_policy))
        }

        /// The place of a policy.
        pub(in crate::policy) fn of_policy(source: &Source, policy: &Policy) -> Option<Self> {
            let id = policy.id().to_string();
            let at = policy.as_ref().loc()?;
            let names: Vec<&str> =
                source.policies.iter().filter(|(_, text)| **text == *at.src).map(|(name, _)| name.as_str()).collect();
            // Where two files have the same text, their policies have ids of their own only if those name the file.
            let of_id = names.iter().find(|name| id.starts_with(&format!("{name}:")));
            let text = of_id.or(names.first()).copied()?.to_owned();
            Some(Self { text, line: line_of(&at.src, at.start()) })
        }
    }

    /// The line of a place in a text.
    pub(in crate::policy) fn line_of(text: &str, offset: usize) -> usize {
        text.get(..offset).unwrap_or_default().matches('\n').count().saturating_add(1)
    }
}

#[cfg(target_os = "wasi")]
mod found {
    use cedar_policy::{Policy, PolicyId, PolicySet};

    use super::TextPlace;
    use crate::policy::Source;

    impl TextPlace {
        #[inline(always)]
        pub(in crate::policy) fn of_error<E>(_: &str, _: &E) -> Option<Self> {
            None
        }

        #[inline(always)]
        pub(in crate::policy) fn of_policy_error<E>(_: &Source, _: &PolicySet, _: &PolicyId, _: &E) -> Option<Self> {
            None
        }

        #[inline(always)]
        pub(in crate::policy) fn of_policy(_: &Source, _: &Policy) -> Option<Self> {
            None
        }
    }
}
