//! The systems at the other end: what they hold, what they answer, what they refuse. They know nothing of aftercall.
//!
//! Not for what goes wrong on the way: that is `wire`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::project::Kind;

/// A record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) object: String,
    pub(crate) fields: Map<String, Value>,
    /// When an index shows it.
    pub(crate) shown_at: Instant,
}

impl Record {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The call that made it.
    pub(crate) fn call(&self) -> &str {
        if self.object == "contact" { self.text("made_by") } else { self.text("call") }
    }
}

/// One system.
pub(crate) struct System {
    pub(crate) kind: Kind,
    pub(crate) records: BTreeMap<String, Record>,
    next: u64,
    tokens: BTreeSet<String>,
    granted: u64,
    /// Nobody is let in, by old credentials or new.
    pub(crate) revoked: bool,
    /// How far an index is behind for what is written now.
    pub(crate) lag: Duration,
}

/// Status and body.
pub(crate) type Said = (u16, Value);

impl System {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, records: BTreeMap::new(), next: 1, tokens: BTreeSet::new(), granted: 0, revoked: false, lag: Duration::ZERO }
    }

    pub(crate) fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    /// A token.
    pub(crate) fn grant(&mut self) -> Said {
        if self.revoked {
            return (400, json!({"error": "invalid_grant"}));
        }
        self.granted += 1;
        let token = format!("token-{}", self.granted);
        self.tokens.insert(token.clone());
        (200, json!({"access_token": token, "expires_in": 1800}))
    }

    /// One request of somebody who shows this token.
    pub(crate) fn handle(&mut self, token: &str, method: &str, path: &str, body: &Value, now: Instant) -> Said {
        if self.revoked || !self.tokens.contains(token) {
            return (401, json!({"code": "UNAUTHORIZED", "message": "who are you?"}));
        }
        if path == "/pack" {
            return (200, json!({"results": self.pack(body, now)}));
        }
        self.one(method, path, body, now)
    }

    fn pack(&mut self, body: &Value, now: Instant) -> Vec<Value> {
        let mut results = Vec::new();
        let mut made: BTreeMap<String, Option<String>> = BTreeMap::new();
        for part in body["parts"].as_array().into_iter().flatten() {
            let name = part["ref"].as_str().unwrap_or_default().to_owned();
            let mut text = part["body"].to_string();
            let mut halted = false;
            for (known, id) in &made {
                let reference = format!("<<{known}.id>>");
                match id {
                    Some(id) => text = text.replace(&reference, id),
                    None => halted |= text.contains(&reference),
                }
            }
            let (status, answer) = if halted {
                (424, json!({"code": "HALTED", "message": "what it refers to is not there"}))
            } else {
                let inner = serde_json::from_str(&text).unwrap_or(Value::Null);
                self.one(part["method"].as_str().unwrap_or_default(), part["path"].as_str().unwrap_or_default(), &inner, now)
            };
            made.insert(name.clone(), answer["id"].as_str().map(str::to_owned));
            results.push(json!({"ref": name, "status": status, "body": answer}));
        }
        results
    }

    fn one(&mut self, method: &str, path: &str, body: &Value, now: Instant) -> Said {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["search"]) => (200, json!({"rows": self.search(body, now)})),
            ("GET", ["records", object]) => {
                let key = query.strip_prefix("key=").unwrap_or_default();
                let shown = |record: &&Record| record.object == *object && record.shown_at <= now && record.text("key") == key;
                (200, json!({"rows": self.records.values().filter(shown).map(row).collect::<Vec<_>>()}))
            }
            ("POST", ["records", object]) => {
                let mut fields = body.as_object().cloned().unwrap_or_default();
                if self.kind == Kind::Plain {
                    fields.remove("key");
                }
                self.create(object, fields, now)
            }
            ("PUT", ["records", object, "by", key]) => {
                let mut fields = body.as_object().cloned().unwrap_or_default();
                fields.insert("key".to_owned(), json!(key));
                match self.holder(object, key) {
                    Some(id) => self.update(&id, fields),
                    None => self.create(object, fields, now),
                }
            }
            ("PATCH", ["records", _, id]) => self.update(id, body.as_object().cloned().unwrap_or_default()),
            ("GET", ["records", _, id]) => match self.records.get(*id) {
                Some(record) => (200, row(record)),
                None => (404, json!({"code": "GONE", "message": "no such record"})),
            },
            _ => (400, json!({"code": "NO_SUCH_PLACE", "message": format!("{method} {path}")})),
        }
    }

    fn search(&self, body: &Value, now: Instant) -> Vec<Value> {
        let list = |name: &str| -> Vec<&str> { body[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect() };
        let (phones, emails) = (list("phones"), list("emails"));
        let fits = |record: &&Record| {
            record.object == "contact"
                && record.shown_at <= now
                && (phones.contains(&record.text("phone")) || (!record.text("email").is_empty() && emails.contains(&record.text("email"))))
        };
        self.records.values().filter(fits).map(row).collect()
    }

    fn holder(&self, object: &str, key: &str) -> Option<String> {
        self.records.values().find(|record| record.object == object && record.text("key") == key).map(|record| record.id.clone())
    }

    fn create(&mut self, object: &str, fields: Map<String, Value>, now: Instant) -> Said {
        if let Some(refusal) = refusal(&fields) {
            return refusal;
        }
        let key = fields.get("key").and_then(Value::as_str).unwrap_or_default();
        if self.kind == Kind::Refusing
            && let Some(id) = self.holder(object, key)
        {
            return (409, json!({"code": "TAKEN", "message": "there is one", "existing": id}));
        }
        let id = format!("{object}-{}", self.next);
        self.next += 1;
        let record = Record { id: id.clone(), object: object.to_owned(), fields, shown_at: now + self.lag };
        self.records.insert(id.clone(), record);
        (201, json!({"id": id}))
    }

    fn update(&mut self, id: &str, fields: Map<String, Value>) -> Said {
        if let Some(refusal) = refusal(&fields) {
            return refusal;
        }
        match self.records.get_mut(id) {
            Some(record) => {
                record.fields.extend(fields);
                (200, json!({"id": id}))
            }
            None => (404, json!({"code": "GONE", "message": "no such record"})),
        }
    }
}

/// What is refused: a colour that does not exist costs the request, and the field is named.
fn refusal(fields: &Map<String, Value>) -> Option<Said> {
    let bad = fields.get("colour").and_then(Value::as_str) == Some("octarine");
    bad.then(|| (400, json!({"code": "NO_SUCH_COLOUR", "message": "there is no such colour", "field": "colour"})))
}

fn row(record: &Record) -> Value {
    json!({"id": record.id, "fields": record.fields})
}
