//! Faults, each with its path.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::field::{Field, Members};
use crate::policy::{PolicyFault, TextPlace};

/// Something wrong at a place of the configuration.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fault {
    /// Where: `providers.corp.issuer`, `routes[2].path`; empty for the whole.
    pub path: String,
    /// What.
    pub message: String,
    /// Where in the texts of the policy set, as far as that is known.
    pub place: Option<TextPlace>,
}

/// All that is wrong with a configuration, in the order of the paths.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Faults(Vec<Fault>);

/// A place in the configuration, where faults can be noted.
#[derive(Clone)]
pub(super) struct At {
    path: String,
    faults: Rc<RefCell<Vec<Fault>>>,
    warnings: Rc<RefCell<Vec<Fault>>>,
}

impl Faults {
    pub(super) fn of_whole(message: impl Into<String>) -> Self {
        Self(vec![Fault { path: String::new(), message: message.into(), place: None }])
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl From<PolicyFault> for Fault {
    fn from(fault: PolicyFault) -> Self {
        Self { path: fault.at, message: fault.message, place: fault.place }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "configuration" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

impl At {
    pub(super) fn root() -> Self {
        Self { path: String::new(), faults: Rc::default(), warnings: Rc::default() }
    }

    /// A member of this object.
    pub(super) fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.at(&path)
    }

    /// An item of this array.
    pub(super) fn item(&self, index: usize) -> Self {
        self.at(&format!("{}[{index}]", self.path))
    }

    /// Another place, by its whole path.
    pub(super) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn fault(&self, message: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { path: self.path.clone(), message: message.into(), place: None });
    }

    /// A fault of the policy set, wherever it stands.
    pub(super) fn policy_fault(&self, fault: PolicyFault) {
        self.faults.borrow_mut().push(fault.into());
    }

    pub(super) fn warning(&self, message: impl Into<String>) {
        self.warnings.borrow_mut().push(Fault { path: self.path.clone(), message: message.into(), place: None });
    }

    /// A member that may be absent.
    pub(super) fn take<T>(&self, name: &str, field: Field<T>) -> Option<T> {
        match field {
            Field::Absent => None,
            Field::Given(value) => Some(value),
            Field::Wrong(message) => {
                self.field(name).fault(message);
                None
            }
        }
    }

    /// A member that must be there.
    pub(super) fn require<T>(&self, name: &str, field: Field<T>) -> Option<T> {
        if matches!(field, Field::Absent) {
            self.field(name).fault("is missing");
        }
        self.take(name, field)
    }

    /// The items of a list, without those that are wrong.
    pub(super) fn items<T>(&self, items: Vec<Field<T>>) -> Vec<(Self, T)> {
        let item = |(index, field)| {
            let at = self.item(index);
            match field {
                Field::Given(value) => Some((at, value)),
                Field::Wrong(message) => {
                    at.fault(message);
                    None
                }
                Field::Absent => None,
            }
        };
        items.into_iter().enumerate().filter_map(item).collect()
    }

    /// The members of a map, without those that are wrong.
    pub(super) fn members<T>(&self, members: Members<T>) -> Vec<(Self, String, T)> {
        let member = |(name, field): (String, Field<T>)| {
            let value = self.take(&name, field)?;
            Some((self.field(&name), name, value))
        };
        members.0.into_iter().filter_map(member).collect()
    }

    /// Members that nobody knows: a typing error must not be ignored.
    pub(super) fn unknown(&self, unknown: &Map<String, Value>) {
        for name in unknown.keys() {
            self.field(name).fault("unknown field");
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// Whether no fault has been noted here or further in.
    pub(super) fn is_clean_within(&self) -> bool {
        let within = |fault: &Fault| {
            let rest = fault.path.strip_prefix(&self.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        !self.faults.borrow().iter().any(within)
    }

    pub(super) fn warnings(&self) -> Vec<Fault> {
        self.warnings.borrow().clone()
    }

    pub(super) fn into_faults(self) -> Faults {
        let mut faults = self.faults.borrow().clone();
        faults.sort();
        Faults(faults)
    }
}
