//! The derived schema as an author gets it: Cedar's own syntax, with a comment at each declaration that says where the
//! thing is configured.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cedar_policy::{EntityTypeName, EntityUid};

use super::{Action, Entities, Outline};
use crate::policy::EntityType;
use crate::policy::context::{self, Offer, Offers};
use crate::policy::schema::Declared;

/// Places that a comment names; more would say less.
const MOST_PLACES: usize = 4;

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "// What policies may ask for: derived from the providers and routes of a configuration. Add what static \
             entities\n// have beside it, and take out of the contexts what no policy reads, since all of it is made \
             for each request.\n",
        )?;
        let common = Common::of(self);
        for (name, record) in common.used_by(self) {
            writeln!(f, "\ntype {name} = {record};")?;
        }
        for (namespace, declarations) in self.declarations(&common) {
            if namespace.is_empty() {
                declarations.iter().try_for_each(|declaration| writeln!(f, "\n{declaration}"))?;
            } else {
                writeln!(f, "\nnamespace {namespace} {{\n{}\n}}", indented(&declarations.join("\n\n")))?;
            }
        }
        Ok(())
    }
}

impl Outline {
    /// By namespace: entity types, then actions.
    fn declarations(&self, common: &Common) -> BTreeMap<String, Vec<String>> {
        let mut declarations: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (entity_type, entities) in &self.entities {
            let namespace = entity_type.0.namespace();
            let declaration = entities.declaration(entity_type, &namespace);
            declarations.entry(namespace).or_default().push(declaration);
        }
        for (uid, action) in &self.actions {
            let namespace = uid.type_name().namespace();
            let declaration = action.declaration(uid, &namespace, &self.principals, common);
            declarations.entry(namespace).or_default().push(declaration);
        }
        declarations
    }
}

impl Entities {
    fn declaration(&self, entity_type: &EntityType, namespace: &str) -> String {
        let mut text = format!("{}\nentity {}", places(&self.at), entity_type.0.basename());
        if !self.parents.is_empty() {
            text.push_str(&format!(" in {}", types(&self.parents, namespace)));
        }
        let attribute = |(name, value_type, required): (String, _, bool)| {
            format!("\n{},", member(&name, required, &written(&context::declared(value_type))))
        };
        let attributes: String = self.attributes.list().into_iter().map(attribute).collect();
        if !attributes.is_empty() {
            text.push_str(&format!(" = {{{}\n}}", indented(&attributes)));
        }
        text + ";"
    }
}

impl Action {
    fn declaration(
        &self,
        uid: &EntityUid,
        namespace: &str,
        principals: &BTreeSet<EntityType>,
        common: &Common,
    ) -> String {
        let context: Vec<String> =
            self.context().iter().filter_map(|(name, offer)| common.member(name, offer)).collect();
        let applies = format!(
            "principal: {},\nresource: {},\ncontext: {{\n{}\n}},",
            types(principals, namespace),
            types(&self.resources, namespace),
            indented(&context.join("\n"))
        );
        let name = identifier(uid.id().unescaped());
        format!("{}\naction {name} appliesTo {{\n{}\n}};", places(&self.at), indented(&applies))
    }
}

/// Records of the context that are the same for most actions, each declared once.
struct Common(Vec<CommonType>);

struct CommonType {
    /// The attribute of the context.
    attribute: String,
    name: String,
    record: String,
}

impl Common {
    fn of(outline: &Outline) -> Self {
        let taken: BTreeSet<&str> = outline.entities.keys().map(|entity_type| entity_type.0.basename()).collect();
        let plain = context::offered(&[], &[], &[]);
        let common = plain.iter().filter_map(|(attribute, offer)| {
            let mut name: String = attribute.chars().take(1).flat_map(char::to_uppercase).collect();
            name.extend(attribute.chars().skip(1));
            // A common type hides an entity type of its name.
            while taken.contains(name.as_str()) {
                name.push_str("Context");
            }
            Some(CommonType { attribute: attribute.clone(), name, record: record(offer)? })
        });
        Self(common.collect())
    }

    fn used_by(&self, outline: &Outline) -> impl Iterator<Item = (&str, &str)> {
        let contexts: Vec<Offers> = outline.actions.values().map(Action::context).collect();
        let is_used = move |common: &&CommonType| {
            contexts
                .iter()
                .any(|offers| offers.get(&common.attribute).and_then(record).as_ref() == Some(&common.record))
        };
        self.0.iter().filter(is_used).map(|common| (common.name.as_str(), common.record.as_str()))
    }

    /// A member of a context, with a common type where it is one.
    fn member(&self, name: &str, offer: &Offer) -> Option<String> {
        let record = record(offer)?;
        let common = self.0.iter().find(|common| common.attribute == name && common.record == record);
        let written = common.map_or(record.as_str(), |common| &common.name);
        Some(format!("{},", member(name, true, written)))
    }
}

/// A record, unless there is nothing in it.
fn record(offer: &Offer) -> Option<String> {
    let Offer::Record(offers) = offer else { return None };
    let attribute = |(name, offer): (&String, &Offer)| match offer {
        Offer::Fact { declared, always, .. } => Some(format!("\n{},", member(name, *always, &written(declared)))),
        Offer::Record(_) => Some(format!("\n{},", member(name, true, &record(offer)?))),
    };
    let attributes: String = offers.iter().filter_map(attribute).collect();
    if attributes.is_empty() { None } else { Some(format!("{{{}\n}}", indented(&attributes))) }
}

fn member(name: &str, required: bool, written: &str) -> String {
    format!("{}{}: {written}", identifier(name), if required { "" } else { "?" })
}

/// A type, in one line.
fn written(declared: &Declared) -> String {
    match declared {
        Declared::Record(attributes) => {
            let members: Vec<String> = attributes
                .iter()
                .map(|(name, attribute)| member(name, attribute.required, &written(&attribute.declared)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Declared::Set(element) => format!("Set<{}>", written(element)),
        Declared::Boolean | Declared::Entity | Declared::Extension(_) | Declared::Long | Declared::String => {
            declared.to_string()
        }
    }
}

fn types(types: &BTreeSet<EntityType>, namespace: &str) -> String {
    let name = |name: &EntityTypeName| {
        if name.namespace() == namespace { name.basename().to_owned() } else { name.to_string() }
    };
    let names: Vec<String> = types.iter().map(|entity_type| name(&entity_type.0)).collect();
    format!("[{}]", names.join(", "))
}

/// As it is where Cedar takes it for a name, or else as a string.
fn identifier(text: &str) -> String {
    let is_name = !text.contains("::") && EntityType::parse(text).is_some();
    if is_name { text.to_owned() } else { format!("\"{}\"", cedar_policy::EntityId::new(text).escaped()) }
}

fn places(at: &[String]) -> String {
    let (named, others) = at.split_at_checked(MOST_PLACES).unwrap_or((at, &[]));
    let others = match others.len() {
        0 => String::new(),
        number => format!(" and {number} more"),
    };
    format!("// {}{others}", named.join(", "))
}

fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { String::new() } else { format!("  {line}") };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
