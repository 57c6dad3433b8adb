//! What a pipeline writes and reads, held against the lock of its connection: fields, types, lengths, picklists, keys, what a new record needs.
//!
//! Not for what differs between two locks: that is `lock`. Where the lock says nothing, nothing is found.

use indexmap::IndexMap;
use serde_json::Value;

use super::{Typed, Written, fits};
use crate::decl::{ConnectorDecl, FieldType, IdentityKind, MappingDecl, PolicyDecl};
use crate::finding::{Code, Finding, Place};
use crate::functions::text;
use crate::lock::{Lock, LockedField, LockedObject, path_of};
use crate::project::{Connection, FieldRule, Object, WriteRule};
use crate::source::{Document, path};
use crate::template::{Sort, literal};
use crate::types::Type;

/// What was written about a field: the rule, its place and the file that it stands in.
pub(super) type FieldAt<'a> = (&'a FieldRule, &'a Place, &'a Document);

/// A connection with its lock.
#[derive(Clone, Copy)]
pub(super) struct Locked<'a> {
    pub(super) lock: &'a Lock,
    pub(super) connection: &'a Connection,
    written: &'a Written,
}

impl<'a> Locked<'a> {
    /// The lock of a connection, where there is one and it is of the same system.
    pub(super) fn of(connection: &'a Connection, written: &'a Written) -> Option<Self> {
        let lock = written.locks.get(&path_of(&connection.id))?;
        (lock.system == connection.connector.decl.system).then_some(Self { lock, connection, written })
    }

    fn connector(&self) -> Option<&'a Typed<ConnectorDecl>> {
        self.written.connectors.get(&self.connection.connector.decl.system).map(|typed| &**typed)
    }

    fn again(&self) -> String {
        format!("`aftercall describe {}` asks the system anew", self.connection.id)
    }

    /// What a new record and a changed one of this write would be refused for. `at` is the write's mapping.
    pub(super) fn fields<'b>(
        &self,
        write: &WriteRule,
        fields: impl Iterator<Item = FieldAt<'b>>,
        types: &Type,
        at: &Place,
        findings: &mut Vec<Finding>,
    ) {
        let Some(object) = self.connection.connector.objects.get(&write.object) else { return };
        let name = &object.decl.name;
        let Some(known) = self.lock.objects.get(name) else {
            let message = format!("`{}` does not describe `{name}`, so nothing is known of its fields", path_of(&self.connection.id));
            findings
                .push(Finding::new(Code::LockStale, message, at.clone()).help(format!("run `aftercall describe {}`", self.connection.id)));
            return;
        };
        for (rule, place, document) in fields {
            let against = Against { locked: self, object: name, known, rule, place, document, new: write.target.is_none() };
            against.check(types, findings);
        }
        if write.target.is_none() {
            self.identity(&write.object, object, known, findings);
        }
    }

    /// Whether our own key can do what it is for.
    fn identity(&self, key: &str, object: &Object, known: &LockedObject, findings: &mut Vec<Finding>) {
        let (Some(identity), Some(connector)) = (&object.decl.identity, self.connector()) else { return };
        let at = connector.document.place(&path(["object", key, "identity", "field"]));
        let (field, name, title) = (&identity.field, &object.decl.name, &self.connection.connector.decl.title);
        if identity.kind == IdentityKind::ClientId {
            return;
        }
        let keyed = identity.kind == IdentityKind::UniqueKey;
        let make = if keyed { "make it there, as text with unique values" } else { "make it there, as text" };
        let (message, help) = match known.fields.get(field) {
            None => (
                format!("`{}` has no field `{field}` on `{name}`, by which records of ours are known again", self.connection.id),
                format!("{make}; then `aftercall describe {}`", self.connection.id),
            ),
            Some(known) if keyed && !known.unique => (
                format!("`{name}.{field}` takes one value twice, so {title} would not refuse a second record of ours"),
                format!("give it unique values there; then `aftercall describe {}`", self.connection.id),
            ),
            Some(known) if !known.create => (
                format!("`{name}.{field}` cannot be written, and records of ours are known again by it"),
                "let the connection's user write it".to_owned(),
            ),
            Some(_) => return,
        };
        findings.push(Finding::new(Code::KeyField, message, at).help(help));
    }

    /// What is read about callers and never comes. `told` are fields that the pipeline asks for beside, at `at`.
    pub(super) fn reads(&self, told: &[String], at: &Place, findings: &mut Vec<Finding>) {
        let (Some(connector), Some(find)) = (self.connector(), &self.connection.connector.decl.find) else { return };
        let names = std::iter::once(&find.object).chain(find.related.values().map(|rows| &rows.object));
        let names = names.chain(self.connection.connector.decl.related.values().map(|rows| &rows.object));
        for name in names {
            let Some(object) = self.connection.connector.objects.get(name) else { continue };
            let Some(known) = self.lock.objects.get(&object.decl.name) else { continue };
            let base = connector.document.place(&path(["object", name]));
            let mut reads: Vec<(&String, Place, bool)> = Vec::new();
            for (index, field) in object.decl.select.iter().enumerate() {
                reads.push((field, base.clone().down("select").item(index), false));
            }
            for (role, fields) in &object.decl.roles {
                let key = name == &find.object && ["phone", "email"].contains(&role.as_str());
                let place = base.clone().down("roles").down(role);
                reads.extend(fields.iter().enumerate().map(|(index, field)| (field, place.clone().item(index), key)));
            }
            reads.extend(object.decl.flags.iter().map(|(flag, field)| (field, base.clone().down("flags").down(flag), false)));
            if name == &find.object {
                reads.extend(told.iter().enumerate().map(|(index, field)| (field, at.clone().item(index), false)));
            }
            // What is read through another record (`Account.Name`) is that record's field.
            for (field, place, key) in reads.into_iter().filter(|(field, ..)| !field.contains('.') && !known.fields.contains_key(*field)) {
                let code = if key { Code::KeyField } else { Code::ReadField };
                let what = if key { "by which callers are found" } else { "which is read" };
                let message = format!("`{}` has no field `{field}` on `{}`, {what}", self.connection.id, object.decl.name);
                findings.push(self.suggest(Finding::new(code, message, place), field, known));
            }
        }
    }

    fn suggest(&self, finding: Finding, field: &str, known: &LockedObject) -> Finding {
        let finding = finding.suggest(field, known.fields.keys().map(String::as_str));
        if finding.help.is_some() { finding } else { finding.help(format!("make it there, or name another; {}", self.again())) }
    }
}

/// A lock that was taken from another system than the connection is to now says nothing.
pub(super) fn other_system(connection: &Connection, written: &Written, at: &Place, findings: &mut Vec<Finding>) {
    let Some(lock) = written.locks.get(&path_of(&connection.id)) else { return };
    let (path, system) = (path_of(&connection.id), &connection.connector.decl.system);
    let message = format!("`{path}` was taken from `{}`, and `{}` is to `{system}` now", lock.system, connection.id);
    findings.push(Finding::new(Code::LockStale, message, at.clone()).help(format!("run `aftercall describe {}`", connection.id)));
}

/// Whether a new record has all that the system asks of one, by the lock and by the connector's own word. `at` is the write's mapping.
pub(super) fn covered(
    write: &WriteRule,
    locked: Option<Locked<'_>>,
    mapping: &Typed<MappingDecl>,
    at: &Place,
    findings: &mut Vec<Finding>,
) {
    let Some(object) = write.connection.connector.objects.get(&write.object).filter(|_| write.target.is_none()) else { return };
    let known = locked.and_then(|locked| locked.lock.objects.get(&object.decl.name));
    let by_lock = known.into_iter().flat_map(|known| known.fields.iter().filter(|(_, f)| f.required).map(|(name, _)| vec![name.as_str()]));
    let by_connector = object.decl.required.iter().map(|group| group.iter().map(String::as_str).collect());
    let written = |field: &str| {
        write.fields.iter().any(|rule| rule.field == field && rule.on_create != PolicyDecl::Never)
            || write.links.iter().any(|link| object.decl.links.get(&link.link).is_some_and(|link| link.field.as_deref() == Some(field)))
            || object.decl.identity.as_ref().is_some_and(|identity| identity.field == field)
    };
    let missing: IndexMap<Vec<&str>, ()> =
        by_lock.chain(by_connector).filter(|g: &Vec<&str>| !g.iter().any(|f| written(f))).map(|g| (g, ())).collect();
    for group in missing.keys() {
        let names = group.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" or ");
        let message = format!("a new `{}` needs {names}, and nothing here writes it", object.decl.name);
        let first = group.first().copied().unwrap_or_default();
        let help = format!("add `fields.{first} = \"...\"` to this write, or `{first}` to `{}`", mapping.document.file);
        findings.push(Finding::new(Code::RequiredField, message, at.clone()).help(help));
    }
}

/// One rule against one field.
struct Against<'a> {
    locked: &'a Locked<'a>,
    object: &'a str,
    known: &'a LockedObject,
    rule: &'a FieldRule,
    place: &'a Place,
    document: &'a Document,
    /// Whether the write makes records, and not only changes them.
    new: bool,
}

impl Against<'_> {
    fn check(&self, types: &Type, findings: &mut Vec<Finding>) {
        if self.rule.on_create == PolicyDecl::Never && self.rule.on_update == PolicyDecl::Never {
            return;
        }
        let table = self.document.at(&self.place.path).is_some_and(Value::is_object);
        let value_at = if table { self.place.clone().down("value") } else { self.place.clone() };
        let others = self.rule.else_to.iter().enumerate().map(|(i, name)| (name, self.place.clone().down("else_to").item(i), true));
        for (name, at, other) in std::iter::once((&self.rule.field, self.place.clone().key(), false)).chain(others) {
            let Some(field) = self.known.fields.get(name) else {
                let message = format!("`{}` has no field `{name}` on `{}`", self.locked.connection.id, self.object);
                findings.push(self.locked.suggest(Finding::new(Code::NoSuchField, message, at), name, self.known));
                continue;
            };
            if let Some(finding) = self.not_writeable(name, field, &at, other) {
                findings.push(finding);
                continue;
            }
            let gives = self.rule.value.gives(types);
            let values = self.values(&gives.values, gives.others.is_empty(), &value_at);
            self.values_fit(name, field, &values, findings);
            // What a map does not list goes in as it is.
            self.sorts_fit(name, field, &gives.others, &value_at, findings);
            if !other {
                self.order(field, findings);
            }
        }
    }

    fn full(&self, field: &str) -> String {
        format!("`{}.{field}`", self.object)
    }

    fn not_writeable(&self, name: &str, field: &LockedField, at: &Place, other: bool) -> Option<Finding> {
        let creates = self.new && self.rule.on_create != PolicyDecl::Never;
        let updates = self.rule.on_update != PolicyDecl::Never;
        let full = self.full(name);
        let (message, help) = match (field.create, field.update) {
            (false, false) if creates || updates => {
                let help = if other { "name another field" } else { "leave it out, or give it `policy = \"never\"`" };
                (format!("{full} cannot be written, neither on a new record nor later"), help)
            }
            (true, false) if updates => (format!("{full} is taken on a new record only"), "write `on_update = \"never\"`"),
            (false, true) if creates => (format!("{full} cannot be written on a new record"), "write `on_create = \"never\"`"),
            _ => return None,
        };
        Some(Finding::new(Code::NotWriteable, message, at.clone()).help(help))
    }

    /// The values that go into the field for certain, translated, each with its place. `all`: there are no others.
    fn values(&self, given: &[Value], all: bool, at: &Place) -> Vec<(Value, Place)> {
        let map = &self.rule.map;
        let source = self.document.at(&at.path).and_then(Value::as_str).unwrap_or_default();
        let mapped = |key: &str| self.place.clone().down("map").down(key);
        let mut out: Vec<(Value, Place)> = Vec::new();
        for value in given {
            let key = text(value);
            match map.get(&key) {
                Some(translated) => out.push((translated.clone(), mapped(&key))),
                None => {
                    let part = literal(source, &key);
                    out.push((value.clone(), part.map_or_else(|| at.clone(), |part| at.clone().part(part))));
                }
            }
        }
        // Whatever else comes may be any that the map lists.
        let rest = map.iter().filter(|(key, _)| !all && !given.iter().any(|value| text(value) == **key));
        out.extend(rest.map(|(key, value)| (value.clone(), mapped(key))));
        out
    }

    fn values_fit(&self, name: &str, field: &LockedField, values: &[(Value, Place)], findings: &mut Vec<Finding>) {
        let converts = self.converts();
        for (value, at) in values {
            if let Some(help) = fits::value(field.r#type, value, converts) {
                let message = format!("{} is {}, and `{}` is not", self.full(name), field.r#type.word(), text(value));
                findings.push(Finding::new(Code::FieldType, message, at.clone()).help(help));
                continue;
            }
            self.listed(name, field, value, at, findings);
            let length = value.as_str().map_or(0, |value| value.chars().count());
            let cut = self.rule.max_chars.unwrap_or(length).min(length);
            if let Some(most) = field.length.filter(|most| cut > *most) {
                let message = format!("{} takes {most} characters, and this text has {cut}", self.full(name));
                findings.push(Finding::new(Code::TextTooLong, message, at.clone()).help("write a shorter text"));
            }
        }
    }

    /// Whether a picklist has a value.
    fn listed(&self, name: &str, field: &LockedField, value: &Value, at: &Place, findings: &mut Vec<Finding>) {
        let picklist = matches!(field.r#type, FieldType::Picklist | FieldType::MultiPicklist);
        if !picklist || field.values.is_empty() {
            return;
        }
        let whole = text(value);
        let parts: Vec<&str> = if field.r#type == FieldType::MultiPicklist { whole.split(';').collect() } else { vec![&whole] };
        for part in parts.into_iter().filter(|part| !field.values.iter().any(|known| known == part)) {
            let code = if field.closed { Code::NotInPicklist } else { Code::NotInOpenPicklist };
            let message = format!("the picklist {} has no value `{part}`", self.full(name));
            let finding = Finding::new(code, message, at.clone()).suggest(part, field.values.iter().map(String::as_str));
            findings.push(if finding.help.is_some() { finding } else { finding.help(self.locked.again()) });
        }
    }

    /// The values that the field moves through are compared with what stands there, and must be written as the system does.
    fn order(&self, field: &LockedField, findings: &mut Vec<Finding>) {
        for (index, step) in self.rule.order.iter().enumerate() {
            // The value that is written has its own complaint.
            let at = self.place.clone().down("order").item(index);
            self.listed(&self.rule.field, field, &Value::from(step.as_str()), &at, findings);
        }
    }

    fn sorts_fit(&self, name: &str, field: &LockedField, sorts: &[Sort], at: &Place, findings: &mut Vec<Finding>) {
        let converts = self.converts();
        for sort in sorts {
            if let Some((found, help)) = fits::sort(field.r#type, *sort, converts) {
                let message = format!("{} is {}, and this is {found}", self.full(name), field.r#type.word());
                findings.push(Finding::new(Code::FieldType, message, at.clone()).help(help));
                return;
            }
        }
        let long = sorts.iter().any(|sort| matches!(sort, Sort::Words | Sort::Built));
        let text = matches!(field.r#type, FieldType::Text | FieldType::LongText);
        let Some(most) = field.length.filter(|most| text && long && self.rule.max_chars.is_none_or(|max| max > *most)) else { return };
        let (message, at) = match self.rule.max_chars {
            Some(max) => (
                format!("{} takes {most} characters, and `max_chars` lets {max} through", self.full(name)),
                self.place.clone().down("max_chars"),
            ),
            None => (format!("{} takes {most} characters, and this may be longer", self.full(name)), at.clone()),
        };
        findings.push(
            Finding::new(Code::TextMayBeTooLong, message, at)
                .help(format!("write `max_chars = {most}`: longer text is then cut at a word")),
        );
    }

    fn converts(&self) -> bool {
        self.locked.connection.connector.decl.metadata.as_ref().is_some_and(|metadata| metadata.converts)
    }
}

/// The types of a place, with what the lock knows of closed picklists: a comparison with a value that they lack is a mistake.
pub(super) fn typed(types: Type, locked: Locked<'_>) -> Type {
    let Type::Record(mut all, open) = types else { return types };
    let connector = &locked.connection.connector.decl;
    let Some(find) = &connector.find else { return Type::Record(all, open) };
    if let Some(Type::Record(contact, _)) = all.get_mut("contact") {
        refine(contact, &find.object, locked);
    }
    if let Some(Type::Record(lists, _)) = all.get_mut("context") {
        let related = find.related.iter().map(|(name, rows)| (name, &rows.object));
        for (name, object) in related.chain(connector.related.iter().map(|(name, rows)| (name, &rows.object))) {
            if let Some(Type::List(row)) = lists.get_mut(name)
                && let Type::Record(row, _) = row.as_mut()
            {
                refine(row, object, locked);
            }
        }
    }
    Type::Record(all, open)
}

fn refine(row: &mut IndexMap<String, Type>, object: &str, locked: Locked<'_>) {
    let Some(object) = locked.connection.connector.objects.get(object) else { return };
    let Some(known) = locked.lock.objects.get(&object.decl.name) else { return };
    let choice = |field: &LockedField| {
        (field.closed && field.r#type == FieldType::Picklist && !field.values.is_empty()).then(|| Type::Choice(field.values.clone()))
    };
    for (role, fields) in &object.decl.roles {
        let [field] = fields.as_slice() else { continue };
        if let (Some(ty), Some(choice)) = (row.get_mut(role), known.fields.get(field).and_then(choice)) {
            *ty = choice;
        }
    }
    let fields = known.fields.iter().filter_map(|(name, field)| Some((name.clone(), choice(field)?))).collect();
    row.insert("fields".to_owned(), Type::Record(fields, true));
}
