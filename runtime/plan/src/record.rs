//! Reading a record: fields by name or by the role that the connector gives them.
//!
//! Not for writing, and not for judging what a value means.

use aftercall_config::functions::{present, text};
use aftercall_config::project::Object;
use serde_json::{Map, Value};

use crate::context::Record;

/// A field's value, or `None` where there is none, null or empty text. A dot goes one level down where no field has
/// the whole name.
pub fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = fields.get(name) {
        return present(value).then_some(value);
    }
    let (head, rest) = name.split_once('.')?;
    field(fields.get(head)?.as_object()?, rest)
}

/// The values of every field that has this role, in the connector's order.
pub fn role_values<'a>(object: Option<&'a Object>, fields: &'a Map<String, Value>, role: &str) -> impl Iterator<Item = &'a Value> {
    role_fields(object, role).iter().filter_map(|name| field(fields, name))
}

/// The first value that has this role.
pub fn role<'a>(object: Option<&'a Object>, fields: &'a Map<String, Value>, role: &str) -> Option<&'a Value> {
    role_values(object, fields, role).next()
}

/// The names of the fields that have this role.
pub fn role_fields<'a>(object: Option<&'a Object>, role: &str) -> &'a [String] {
    object.and_then(|object| object.decl.roles.get(role)).map_or(&[], Vec::as_slice)
}

/// A record's whole name: the field of the role `name`, else first and last name.
pub fn name(object: Option<&Object>, fields: &Map<String, Value>) -> Option<String> {
    if let Some(name) = role(object, fields, "name") {
        return Some(text(name));
    }
    let parts: Vec<String> = ["first_name", "last_name"].iter().filter_map(|part| role(object, fields, part).map(text)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A record's name for people: its name, else an address or number, else words that say that it has none.
pub fn title(object: Option<&Object>, record: &Record) -> String {
    name(object, &record.fields)
        .or_else(|| role(object, &record.fields, "email").map(text))
        .or_else(|| role(object, &record.fields, "phone").map(text))
        .unwrap_or_else(|| "a record without a name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(name: &str, expected: Option<Value>) {
        let fields = json!({"Name": "Ann", "Empty": "", "Account": {"Name": "Acme", "Owner": {"Email": null}}, "a.b": 1});
        let fields = fields.as_object().cloned().unwrap_or_default();
        assert_eq!(field(&fields, name), expected.as_ref());
    }

    #[test]
    fn fields() {
        check("Name", Some(json!("Ann")));
        check("Empty", None);
        check("None", None);
        check("Account.Name", Some(json!("Acme")));
        check("Account.Owner.Email", None);
        check("a.b", Some(json!(1)));
        check("Name.x", None);
    }
}
