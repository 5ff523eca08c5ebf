//! Routes: which request is which action on which resource. A closed table; nothing about it comes from requests.

mod parameter;
mod resource;
mod table;
mod template;

pub use parameter::ParameterKind;
pub use resource::{AttributeSource, ResourceTemplate, TextTemplate, TextTemplateError};
pub use table::{RouteTable, RouteTableError};
pub use template::{PathTemplate, TemplateError, precedence};

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::policy::{Plan, ValueType};
use crate::sender::SenderConstraint;

/// Path parameters by name.
pub type Parameters = BTreeMap<String, String>;

/// One line of the route table.
#[derive(Debug)]
pub struct Route {
    /// How audit records name it: methods and template.
    pub name: Rc<str>,
    /// Its methods; upper-case tokens.
    pub methods: Vec<String>,
    /// Its path.
    pub path: PathTemplate,
    /// Who may use it.
    pub access: Access,
    /// The declaration that a browser may ask before it uses it (CORS), where there is one.
    pub preflight: Option<PublicAccess>,
}

/// Who may use a route.
#[derive(Debug)]
pub enum Access {
    /// Those whom the policies permit.
    Protected(Box<Protected>),
    /// Everybody, without a credential.
    Public(PublicAccess),
}

/// The declaration that a route, or the question before it, is public. The configuration makes it, and a permit can be
/// had for it.
#[derive(Debug)]
pub struct PublicAccess(());

/// What a protected route asks.
#[derive(Debug)]
pub struct Protected {
    /// How the question is put to the policies.
    pub plan: Plan,
    /// The resource.
    pub resource: ResourceTemplate,
    /// Whether tokens have to be bound to their senders.
    pub sender_constraint: SenderConstraint,
    /// Scopes that the token must have, all of them.
    pub scopes: Vec<String>,
    /// Declared members of the body; empty where the decision does not wait for it.
    pub body: BTreeMap<String, BodyMember>,
    /// Declared query parameters.
    pub query: BTreeMap<String, Declaration>,
    /// Declared headers.
    pub headers: BTreeMap<String, Declaration>,
    /// Whether a stream that has been let go ends with its token at the latest.
    pub ends_with_token: bool,
}

/// A value that a request carries.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// Its type.
    pub value_type: ValueType,
    /// Whether a request without it is refused.
    pub required: bool,
}

/// A member of a JSON body.
#[derive(Clone, Debug)]
pub struct BodyMember {
    /// Where it stands (RFC 6901).
    pub pointer: String,
    /// What it is.
    pub declaration: Declaration,
}

impl Route {
    /// Whether decisions about this route depend on the body.
    #[must_use]
    pub fn waits_for_body(&self) -> bool {
        match &self.access {
            Access::Protected(protected) => !protected.body.is_empty(),
            Access::Public(_) => false,
        }
    }
}

impl PublicAccess {
    pub(crate) fn declared() -> Self {
        Self(())
    }
}
