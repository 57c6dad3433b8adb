//! Types of the values that templates and conditions name: what `check` knows before anything runs.

use indexmap::IndexMap;
use serde_json::Value;

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Anything; nothing can be said about what is inside.
    Any,
    /// Text, times included.
    Text,
    /// One of these texts.
    Choice(Vec<String>),
    /// A number.
    Number,
    /// A boolean.
    Bool,
    /// A list.
    List(Box<Type>),
    /// A record with these names; when open, others may be there too.
    Record(IndexMap<String, Type>, bool),
}

impl Type {
    /// A closed record.
    pub fn record<const N: usize>(fields: [(&str, Type); N]) -> Self {
        Self::Record(fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect(), false)
    }
    /// Reads a type off a JSON Schema with `$defs`.
    pub fn from_schema(schema: &Value) -> Self {
        Self::of(schema, schema)
    }
    fn of(schema: &Value, root: &Value) -> Self {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return root.pointer(reference.trim_start_matches('#')).map_or(Self::Any, |target| Self::of(target, root));
        }
        for branch in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema.get(branch).and_then(Value::as_array).and_then(|list| list.first()) {
                return Self::of(first, root);
            }
        }
        let kind = match schema.get("type") {
            Some(Value::String(one)) => one.as_str(),
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).find(|t| *t != "null").unwrap_or("any"),
            _ => "any",
        };
        match kind {
            "string" => match schema.get("enum").and_then(Value::as_array) {
                Some(options) => Self::Choice(options.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
                None => Self::Text,
            },
            "number" | "integer" => Self::Number,
            "boolean" => Self::Bool,
            "array" => Self::List(Box::new(schema.get("items").map_or(Self::Any, |items| Self::of(items, root)))),
            "object" => {
                let fields = schema.get("properties").and_then(Value::as_object);
                let fields: IndexMap<String, Self> =
                    fields.into_iter().flatten().map(|(name, s)| (name.clone(), Self::of(s, root))).collect();
                let open = schema.get("additionalProperties") != Some(&Value::Bool(false));
                Self::Record(fields, open)
            }
            _ => Self::Any,
        }
    }
    /// Whether a value of this type is text.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Choice(_))
    }
    /// The type at a path.
    ///
    /// Errors: the index of the first name that there is not, and the names that there are.
    pub fn at(&self, path: &[String]) -> Result<&Self, (usize, Vec<String>)> {
        let mut here = self;
        for (index, name) in path.iter().enumerate() {
            here = match here {
                Self::Any => return Ok(&Self::Any),
                Self::List(item) if name.parse::<usize>().is_ok() => item,
                Self::Record(fields, open) => match fields.get(name) {
                    Some(ty) => ty,
                    None if *open => return Ok(&Self::Any),
                    None => return Err((index, fields.keys().cloned().collect())),
                },
                _ => return Err((index, Vec::new())),
            };
        }
        Ok(here)
    }
    /// Full names of the values called `name`, wherever they are; not what is inside lists.
    pub fn named(&self, name: &str) -> Vec<String> {
        let Self::Record(fields, _) = self else { return Vec::new() };
        let wanted = name.to_lowercase();
        let mut found = Vec::new();
        for (key, ty) in fields {
            if key.to_lowercase() == wanted {
                found.push(key.clone());
            }
            found.extend(ty.named(name).into_iter().map(|inner| format!("{key}.{inner}")));
        }
        found
    }
    /// Full names of all values; not what is inside lists.
    pub fn paths(&self) -> Vec<String> {
        let Self::Record(fields, _) = self else { return Vec::new() };
        let inner = |(key, ty): (&String, &Self)| {
            let below = ty.paths().into_iter().map(|path| format!("{key}.{path}")).collect::<Vec<_>>();
            std::iter::once(key.clone()).chain(below)
        };
        fields.iter().flat_map(inner).collect()
    }
    /// A word for messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text | Self::Choice(_) => "text",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::List(_) => "a list",
            Self::Record(..) => "a group of values",
        }
    }
}
