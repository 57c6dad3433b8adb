//! JSON as the journal keeps it: a text that it does not read.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

/// A JSON text. Whoever makes one vouches that it is JSON; the journal neither parses nor reorders it.
///
/// `Debug` shows the length alone, since what a caller said may be inside. Serialising it gives the value, not a string.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(String);

impl Json {
    /// The JSON of any serialisable value. Errors: those of its `Serialize`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self)
    }

    /// Takes a text that is known to be JSON, unchecked: the cheap way for what was just serialised or just read.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The text, by value.
    pub fn into_text(self) -> String {
        self.0
    }

    /// Reads it as a type. Errors: it is not JSON, or not of that shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self(value.to_string())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Json({} bytes)", self.0.len())
    }
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<Value>(&self.0) {
            Ok(value) => value.serialize(serializer),
            // Shown as it stands rather than hidden: a story must not fail because one blob in it is damaged.
            Err(_) => self.0.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn serialises_as_the_value_and_hides_it_from_debug() {
        let json = Json::from(serde_json::json!({"phone": "+41 44 000 00 00", "b": 1, "a": 2}));
        assert_eq!(Json::of(&json).map(Json::into_text).ok().as_deref(), Some(json.text()));
        assert_eq!(format!("{json:?}"), format!("Json({} bytes)", json.text().len()));
        assert_eq!(Json::of(&Json::from_text("{torn")).map(Json::into_text).ok().as_deref(), Some("\"{torn\""));
    }
}
