//! The table of routes.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use matchit::Router;

use super::{Access, Parameters, Protected, PublicAccess, Route, precedence};
use crate::http::CanonicalPath;
use crate::refusal::Cause;

/// Routes by method and path. The most specific template wins; that there is one for each path is checked when the
/// table is made.
pub struct RouteTable {
    routes: Vec<Route>,
    routers: BTreeMap<String, Router<usize>>,
    needs_source: bool,
}

/// Two routes of one method match the same paths, and neither is more specific.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteTableError {
    /// The index of the later route.
    pub route: usize,
    /// What is wrong.
    pub message: String,
}

impl RouteTable {
    /// Makes the table.
    ///
    /// # Errors
    ///
    /// Every ambiguous pair.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<RouteTableError>> {
        let mut errors = Vec::new();
        let mut routers: BTreeMap<String, Router<usize>> = BTreeMap::new();
        for (index, route) in routes.iter().enumerate() {
            for method in &route.methods {
                let rivals = routes.iter().take(index).filter(|rival| rival.methods.contains(method));
                let rival =
                    rivals.into_iter().find(|rival| precedence(&rival.path, &route.path) == Some(Ordering::Equal));
                if let Some(rival) = rival {
                    let message = format!("{method} {} is ambiguous with {}", route.path.as_str(), rival.path.as_str());
                    errors.push(RouteTableError { route: index, message });
                    continue;
                }
                let router = routers.entry(method.clone()).or_default();
                if let Err(error) = router.insert(route.path.as_str(), index) {
                    errors.push(RouteTableError { route: index, message: error.to_string() });
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let needs_source = routes.iter().any(|route| match &route.access {
            Access::Protected(protected) => protected.plan.needs_source(),
            Access::Public(_) => false,
        });
        Ok(Self { routes, routers, needs_source })
    }

    /// The route of a request with its place in the table, and its parameters.
    ///
    /// # Errors
    ///
    /// [`Cause::NoRoute`], or [`Cause::ParameterInvalid`] where a parameter is not of its kind.
    pub fn find(&self, method: &str, path: &CanonicalPath) -> Result<(usize, &Route, Parameters), Cause> {
        let router = self.routers.get(method).ok_or(Cause::NoRoute)?;
        let matched = router.at(path.as_str()).map_err(|_| Cause::NoRoute)?;
        let index = *matched.value;
        let route = self.routes.get(index).ok_or(Cause::NoRoute)?;
        let mut parameters = Parameters::new();
        for (name, value) in matched.params.iter() {
            if !route.path.kinds().get(name).is_some_and(|kind| kind.fits(value)) {
                return Err(Cause::ParameterInvalid);
            }
            parameters.insert(name.to_owned(), value.to_owned());
        }
        Ok((index, route, parameters))
    }

    /// The route that a browser asks about before it uses it, and the declaration that it may.
    #[must_use]
    pub fn preflight(&self, method: &str, path: &CanonicalPath) -> Option<(usize, &Route, &PublicAccess)> {
        let (index, route, _) = self.find(method, path).ok()?;
        Some((index, route, route.preflight.as_ref()?))
    }

    /// What the protected route at this place asks.
    #[must_use]
    pub fn protected(&self, index: usize) -> Option<&Protected> {
        match &self.routes.get(index)?.access {
            Access::Protected(protected) => Some(protected),
            Access::Public(_) => None,
        }
    }

    /// Whether a policy asks for the peer's address, so that the host must find it out.
    #[must_use]
    pub fn needs_source(&self) -> bool {
        self.needs_source
    }

    /// All routes.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }
}

impl fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.routes).finish()
    }
}
