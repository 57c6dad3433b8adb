//! What each place offers to its templates and conditions: the types that names are checked against.

use std::sync::LazyLock;

use indexmap::IndexMap;

use crate::decl::ConnectorDecl;
use crate::schema::Kind;
use crate::types::Type;

/// The call outcome's own type.
pub fn call_types() -> &'static Type {
    static TYPE: LazyLock<Type> = LazyLock::new(|| Type::from_schema(&Kind::CallOutcome.schema()));
    &TYPE
}

/// What a pipeline's templates and conditions see. `lists` are the names that the connector reads about a contact; `route` is there when the write has one.
pub fn pipeline_types(connector: &ConnectorDecl, route: bool) -> Type {
    let lists = connector.find.iter().flat_map(|f| f.related.keys()).chain(connector.related.keys());
    let Type::Record(mut fields, _) = call_only_types().clone() else { return Type::Any };
    add_match(&mut fields, route);
    let row = row();
    fields.insert("context".to_owned(), Type::Record(lists.map(|n| (n.clone(), row.clone())).collect(), false));
    Type::Record(fields, false)
}

/// The same where the connector is not known: any list may be in the context.
pub(crate) fn open_types(route: bool) -> Type {
    let Type::Record(mut fields, _) = call_only_types().clone() else { return Type::Any };
    add_match(&mut fields, route);
    fields.insert("context".to_owned(), Type::Any);
    Type::Record(fields, false)
}

/// What is known before the caller is looked up: all that the condition of a pipeline sees.
pub(crate) fn call_only_types() -> &'static Type {
    static TYPE: LazyLock<Type> = LazyLock::new(before_the_caller);
    &TYPE
}

fn before_the_caller() -> Type {
    let mut fields = match call_types() {
        Type::Record(fields, _) => fields.clone(),
        _ => IndexMap::new(),
    };
    let direction = fields.get("direction").cloned().unwrap_or(Type::Text);
    for name in ["id", "source", "direction", "started_at", "ended_at", "duration_s", "line", "ended_reason", "sentiment", "carrier_id"] {
        fields.shift_remove(name);
    }
    if let Some(Type::Record(caller, _)) = fields.get_mut("caller") {
        caller.insert("national".to_owned(), Type::Text);
    }
    let mut call =
        texts(&["id", "key", "source", "direction", "started_at", "ended_at", "line", "ended_reason", "sentiment", "carrier_id"]);
    call.insert("direction".to_owned(), direction);
    call.insert("duration_s".to_owned(), Type::Number);
    fields.insert("call".to_owned(), Type::Record(call, false));
    fields.insert("project".to_owned(), Type::Record(texts(&["name", "timezone"]), false));
    Type::Record(fields, false)
}

/// Who called, as far as that is known, and what the route says.
fn add_match(fields: &mut IndexMap<String, Type>, route: bool) {
    let mut contact = texts(&[
        "id",
        "name",
        "first_name",
        "last_name",
        "phone",
        "email",
        "owner",
        "account",
        "url",
        "company",
        "account_name",
        "owner_name",
        "last_touch",
        "next_activity",
    ]);
    contact.insert("is_new".to_owned(), Type::Bool);
    contact.insert("fields".to_owned(), Type::Any);
    fields.insert("contact".to_owned(), Type::Record(contact, false));
    fields.insert("match".to_owned(), Type::Record(texts(&["verdict", "because"]), false));
    if route {
        fields.insert("route".to_owned(), Type::Record(texts(&["owner", "due", "due_date", "priority"]), false));
    }
}

/// What the text about a caller sees: whoever is calling just now, and what was read. `connector` is absent where it is not known;
/// `flags` are the pipeline's own.
pub(crate) fn caller_types<'a>(connector: Option<&'a ConnectorDecl>, flags: impl Iterator<Item = &'a String>) -> Type {
    let all = connector.map_or_else(|| open_types(false), |connector| pipeline_types(connector, false));
    let Type::Record(mut fields, _) = all else { return Type::Any };
    fields.retain(|name, _| ["contact", "context", "match", "project"].contains(&name.as_str()));
    fields.insert("caller".to_owned(), Type::Record(texts(&["phone", "national", "email", "name", "first_name", "last_name"]), false));
    for name in ["account", "owner"] {
        fields.insert(name.to_owned(), Type::Record(texts(&["id", "name"]), false));
    }
    for name in ["last_touch", "next_activity"] {
        fields.insert(name.to_owned(), Type::Text);
    }
    let found = connector.and_then(|c| c.object.get(&c.find.as_ref()?.object)).into_iter().flat_map(|object| object.flags.keys());
    let known = found.chain(flags).map(|name| (name.clone(), Type::Bool)).collect();
    fields.insert("flags".to_owned(), Type::Record(known, connector.is_none()));
    fields.insert("missing".to_owned(), Type::List(Box::new(Type::Record(texts(&["what", "because"]), false))));
    Type::Record(fields, false)
}

/// A list of records of the context.
fn row() -> Type {
    let mut row = texts(&["id", "name", "stage", "status", "owner", "account", "updated", "url", "owner_name", "starts_at", "ends_at"]);
    row.insert("fields".to_owned(), Type::Any);
    Type::List(Box::new(Type::Record(row, false)))
}

fn texts(names: &[&str]) -> IndexMap<String, Type> {
    names.iter().map(|n| ((*n).to_owned(), Type::Text)).collect()
}

/// What a connector's request sees beside `settings`, `base_url` and `object`.
pub(crate) fn request_types(names: &[&str], settings: &IndexMap<String, serde_json::Value>, required: &[String]) -> Type {
    let mut fields: IndexMap<String, Type> = IndexMap::new();
    let known = settings.keys().chain(required).map(|name| (name.clone(), Type::Any)).collect();
    fields.insert("settings".to_owned(), Type::Record(known, false));
    fields.insert("base_url".to_owned(), Type::Text);
    fields.insert("object".to_owned(), Type::record([("name", Type::Text), ("key", Type::Text)]));
    let search = |name: &str| match name {
        "near" => Type::record([("emails", Type::Any), ("host", Type::Text), ("initials", Type::Any)]),
        "name" => Type::record([("last", Type::Any), ("initials", Type::Any)]),
        "account" => Type::record([("words", Type::Any), ("last", Type::Any), ("initials", Type::Any)]),
        _ => Type::Any,
    };
    for name in names {
        let ty = match *name {
            "callers" => {
                let of_each = names.iter().filter(|name| !["callers", "fields"].contains(*name));
                Type::List(Box::new(Type::Record(of_each.map(|name| ((*name).to_owned(), search(name))).collect(), false)))
            }
            name => search(name),
        };
        fields.insert((*name).to_owned(), ty);
    }
    Type::Record(fields, false)
}
