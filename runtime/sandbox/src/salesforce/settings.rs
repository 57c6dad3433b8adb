//! `POST /_sandbox/configure`: how this org differs from a plain one.
//!
//! Not for faults: those are the server's.

use serde_json::Value;

use super::{
    Salesforce, cell,
    org::DuplicateRule,
    schema::{Field, Kind},
};

impl Salesforce {
    pub(crate) fn apply(&mut self, settings: &Value) -> Result<(), String> {
        let settings = settings.as_object().ok_or("settings are an object")?;
        for (name, value) in settings {
            let number = || value.as_u64().ok_or_else(|| format!("`{name}` is a number, not `{value}`"));
            match name.as_str() {
                "duplicate_rule" => {
                    self.org.settings.duplicate_rule = match value.as_str() {
                        Some("off") => DuplicateRule::Off,
                        Some("alert") => DuplicateRule::Alert,
                        Some("block") => DuplicateRule::Block,
                        _ => return Err("`duplicate_rule` is `off`, `alert` or `block`".to_owned()),
                    };
                }
                "index_lag_ms" => self.org.settings.index_lag_ms = i64::try_from(number()?).unwrap_or(i64::MAX),
                "row_lock_next" => self.org.settings.row_lock_next = u32::try_from(number()?).unwrap_or(u32::MAX),
                "api_limit" => self.org.settings.api_limit = number()?,
                "rotate_refresh_tokens" => {
                    self.tokens.rotates = value.as_bool().ok_or_else(|| format!("`{name}` is true or false"))?;
                }
                "flow" => self.set_flow(value)?,
                "custom_fields" => self.each_field(name, value, Self::add_field)?,
                "hidden_fields" => self.each_field(name, value, Self::hide_field)?,
                _ => {
                    return Err(format!(
                        "there is no setting `{name}`; there are duplicate_rule, index_lag_ms, row_lock_next, api_limit, \
                         rotate_refresh_tokens, flow, custom_fields and hidden_fields"
                    ));
                }
            }
        }
        Ok(())
    }

    /// A before-save flow: `{"Task": {"CallDisposition": null, "Subject": "Call"}}` empties one field and overwrites the other, whoever saves.
    fn set_flow(&mut self, value: &Value) -> Result<(), String> {
        let objects = value.as_object().ok_or("`flow` is an object: {\"Task\": {\"Subject\": \"Call\"}}")?;
        let mut flow = Vec::new();
        for (object, fields) in objects {
            let table = self.org.schema.find(object).ok_or_else(|| format!("there is no object `{object}`"))?;
            for (name, value) in fields.as_object().ok_or_else(|| format!("the fields of `{object}` are no object"))? {
                let known = &self.org.schema.objects[table];
                let at = known.find(name).ok_or_else(|| format!("`{object}` has no field `{name}`"))?;
                let cell = cell::read(known.fields[at].kind, value).map_err(|_| format!("`{name}` cannot be {value}"))?;
                flow.push((table, at, cell));
            }
        }
        self.org.settings.flow = flow;
        Ok(())
    }

    fn each_field(
        &mut self,
        setting: &str,
        value: &Value,
        change: fn(&mut Self, usize, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let objects = value.as_object().ok_or_else(|| format!("`{setting}` is an object: {{\"Contact\": [...]}}"))?;
        for (object, fields) in objects {
            let table = self.org.schema.find(object).ok_or_else(|| format!("there is no object `{object}`"))?;
            let fields = fields.as_array().ok_or_else(|| format!("the fields of `{object}` are not a list"))?;
            for field in fields {
                change(self, table, field)?;
            }
        }
        self.org.schema_changed = jiff::Timestamp::now().as_second();
        Ok(())
    }

    /// `{"name", "type", "label", "length", "values", "restricted", "external_id", "unique", "required"}`.
    fn add_field(&mut self, table: usize, spec: &Value) -> Result<(), String> {
        let name = spec["name"].as_str().ok_or("a field has a `name`")?;
        let kind = spec["type"].as_str().unwrap_or("string");
        let kind = Kind::parse(kind).filter(|kind| !matches!(kind, Kind::Id | Kind::Reference));
        let kind = kind.ok_or_else(|| format!("`{}` is no type for the field `{name}`", spec["type"]))?;
        let is = |key: &str| spec[key] == Value::Bool(true);
        let mut field = Field::of(kind, name, spec["label"].as_str().unwrap_or(name));
        if let Some(length) = spec["length"].as_u64() {
            field = field.sized(usize::try_from(length).unwrap_or(usize::MAX));
        }
        field.values = spec["values"].as_array().into_iter().flatten().filter_map(|value| Some(value.as_str()?.to_owned())).collect();
        field.restricted = is("restricted");
        if is("external_id") || is("unique") {
            field = field.external_id(is("unique"));
            field.external_id = is("external_id");
        }
        if is("required") {
            field = field.required();
        }
        let indexed = field.indexed;
        self.org.schema.objects[table].add(field);
        let at = self.org.schema.objects[table].slot(name).unwrap_or_default();
        if indexed {
            self.org.store.add_index(table, at);
        }
        Ok(())
    }

    fn hide_field(&mut self, table: usize, name: &Value) -> Result<(), String> {
        let object = &mut self.org.schema.objects[table];
        let slot = name.as_str().and_then(|name| object.slot(name));
        let at = slot.ok_or_else(|| format!("`{}` has no field `{name}`", object.name))?;
        object.fields[at].hidden = true;
        Ok(())
    }
}
