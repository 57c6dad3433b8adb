//! Where things stand in a JSON value: pointers that go through lists, and dotted names that nest.
//!
//! Not for templates: those have their own paths.

use aftercall_config::functions::{present, text};
use serde_json::{Map, Value};

/// Every value at a JSON pointer. A list in the way is gone through as a whole, unless the pointer gives a number.
///
/// Shape: `/errors/field` over `{"errors": [{"field": "a"}, {"field": "b"}]}` gives `a` and `b`.
pub(super) fn all<'a>(value: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let mut here = vec![value];
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let mut next = Vec::new();
        for value in here {
            match value {
                Value::Object(fields) => next.extend(fields.get(&token)),
                Value::Array(items) => match token.parse::<usize>() {
                    Ok(index) => next.extend(items.get(index)),
                    Err(_) if token == "*" => next.extend(items),
                    Err(_) => next.extend(items.iter().filter_map(|item| item.get(&token))),
                },
                _ => {}
            }
        }
        here = next;
    }
    here
}

/// The first value at a pointer.
pub(super) fn one<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    all(value, pointer).into_iter().next()
}

/// What is at a pointer as texts; a list at the end counts as its elements, and what is absent or empty is left out.
pub(super) fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let mut out = Vec::new();
    for found in all(value, pointer) {
        match found {
            Value::Array(items) => out.extend(items.iter().filter(|v| present(v) && !v.is_object()).map(text)),
            Value::Object(_) => {}
            other if present(other) => out.push(text(other)),
            _ => {}
        }
    }
    out
}

/// The first text at a pointer.
pub(super) fn first_text(value: &Value, pointer: &str) -> Option<String> {
    texts(value, pointer).into_iter().next()
}

/// A value by a dotted name: as a name of its own where there is one, else nested. A JSON pointer is taken, too.
pub(super) fn dotted<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.starts_with('/') {
        return one(value, path);
    }
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.split('.').try_fold(value, |here, name| here.get(name))
}

/// Puts a value under a dotted name; the dots nest.
pub(super) fn put(fields: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            fields.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = fields.entry(head.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers() {
        let value = json!([{"code": "A", "fields": ["x", "y"]}, {"code": "B", "in": {"f": 5}}]);
        assert_eq!(texts(&value, "/code"), ["A", "B"]);
        assert_eq!(texts(&value, "/*/code"), ["A", "B"]);
        assert_eq!(texts(&value, "/1/code"), ["B"]);
        assert_eq!(texts(&value, "/fields"), ["x", "y"]);
        assert_eq!(first_text(&value, "/in/f"), Some("5".to_owned()));
        assert_eq!(texts(&value, "/none"), Vec::<String>::new());
        assert_eq!(one(&value, ""), Some(&value));
    }

    #[test]
    fn names_with_dots() {
        let mut fields = Map::new();
        put(&mut fields, "start.at", json!(1));
        put(&mut fields, "start.zone", json!("UTC"));
        put(&mut fields, "name", json!("x"));
        let value = Value::Object(fields);
        assert_eq!(value, json!({"start": {"at": 1, "zone": "UTC"}, "name": "x"}));
        assert_eq!(dotted(&value, "start.zone"), Some(&json!("UTC")));
        assert_eq!(dotted(&value, "/start/at"), Some(&json!(1)));
        assert_eq!(dotted(&json!({"a.b": 1}), "a.b"), Some(&json!(1)));
    }
}
