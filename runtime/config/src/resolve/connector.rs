//! Connectors: templates compiled, `[write]` filled into every object.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::scope::request_types;
use super::{Typed, arc};
use crate::condition::Condition;
use crate::decl::{BookingDecl, ConnectorDecl, LimitsDecl, LookupDecl, MetadataDecl, ObjectDecl, RequestDecl, WriteManyDecl, WritesDecl};
use crate::finding::{Code, Finding, Place};
use crate::project::{Booking, Connector, Look, Metadata, Object, Origin, Request, WriteMany};
use crate::source::path;
use crate::template::Template;
use crate::types::Type;

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "PUT", "DELETE"];

/// Places in the answer to writes of one kind.
const MANY: &[&str] = &["results", "result_ref", "result_ok", "created", "errors", "error_ref", "error_kind"];

/// Keys that name places in an answer, by their section; `*` is any name or item.
const PLACES: &[(&[&str], &[&str])] = &[
    (&["auth", "*"], &["base_url_from"]),
    (&["find"], &["rows", "id", "fields", "more"]),
    (&["find", "related", "*"], &["rows", "id", "fields"]),
    (&["related", "*"], &["rows", "id", "fields"]),
    (&["related", "*", "many"], &["link_rows", "from", "to"]),
    (&["users"], &["rows", "id"]),
    (&["metadata"], &["fields", "name", "label", "length", "values", "value"]),
    (&["object", "*", "booking"], &["rows", "id", "row_start", "row_end", "row_title"]),
    (&["object", "*", "write"], &["id", "fields"]),
    (&["write"], &["id", "fields"]),
    (&["object", "*", "write", "create_many"], MANY),
    (&["object", "*", "write", "upsert_many"], MANY),
    (&["object", "*", "write", "update_many"], MANY),
    (&["write", "create_many"], MANY),
    (&["write", "upsert_many"], MANY),
    (&["write", "update_many"], MANY),
    (&["pack"], &["results", "result_ref", "result_status", "result_body"]),
    (&["error_body"], &["code", "message", "field"]),
    (&["error", "*"], &["existing_id"]),
];

/// Whether every place in an answer is written as one: without its `/` it would be the whole answer, and nobody would notice.
pub(super) fn check_places(value: &Value, at: &Place, section: &[&str], keys: &[&str], findings: &mut Vec<Finding>) {
    match (value, section) {
        (Value::Array(items), _) => {
            let section = section.strip_prefix(&["*"]).unwrap_or(section);
            items.iter().enumerate().for_each(|(index, item)| check_places(item, &at.clone().item(index), section, keys, findings));
        }
        (Value::Object(table), [name, rest @ ..]) => {
            for (key, inner) in table.iter().filter(|(key, _)| *name == "*" || key == name) {
                check_places(inner, &at.clone().down(key), rest, keys, findings);
            }
        }
        (Value::Object(table), []) => {
            for (key, inner) in table.iter().filter(|(key, inner)| keys.contains(&key.as_str()) && !inner.is_object()) {
                check_places(inner, &at.clone().down(key), &[], keys, findings);
            }
        }
        (Value::String(text), []) if !text.is_empty() && !text.starts_with('/') => {
            let finding = Finding::new(Code::NotAllowed, format!("`{text}` is no place in an answer"), at.clone());
            findings.push(finding.help(format!("a place begins with `/`: write `/{}`", text.replace('.', "/"))));
        }
        _ => {}
    }
}

struct Compile<'a> {
    typed: &'a Typed<ConnectorDecl>,
    findings: &'a mut Vec<Finding>,
}

/// Compiles a connector; what has findings is left out.
pub(super) fn resolve(name: &str, typed: &Typed<ConnectorDecl>, findings: &mut Vec<Finding>) -> Arc<Connector> {
    let decl = &typed.decl;
    if decl.system != name {
        let message = format!("this folder is `{name}`, but the connector says `{}`", decl.system);
        findings.push(
            Finding::new(Code::WrongPlace, message, typed.document.place(&path(["system"])))
                .help(format!("write `{name}`, or rename the folder")),
        );
    }
    let mut compile = Compile { typed, findings };
    let place = typed.document.place(&[]);
    let search = ["phones", "digits", "e164", "national", "emails", "addresses", "near", "name", "account", "callers", "fields"];
    let find = decl.find.as_ref().and_then(|f| compile.request(&f.request, place.clone().down("find").down("request"), &search));
    let many = decl.find.as_ref().and_then(|f| f.many.as_ref()?.request.as_ref());
    let find_many = many.and_then(|r| compile.request(r, place.clone().down("find").down("many").down("request"), &search));
    let all = decl.find.as_ref().and_then(|f| f.all.as_ref());
    let all =
        all.and_then(|all| compile.request(&all.request, place.clone().down("find").down("all").down("request"), &["after", "fields"]));
    let related = decl
        .related
        .iter()
        .filter_map(|(key, r)| {
            Some((
                key.clone(),
                compile.request(&r.request, place.clone().down("related").down(key).down("request"), &["contact", "fields"])?,
            ))
        })
        .collect();
    let related_many = decl
        .related
        .iter()
        .filter_map(|(key, r)| {
            let (many, at) = (r.many.as_ref()?, place.clone().down("related").down(key).down("many"));
            let links = compile.request(&many.links, at.clone().down("links"), &["contacts", "contact_ids"])?;
            Some((key.clone(), (links, compile.request(&many.request, at.down("request"), &["ids", "fields"])?)))
        })
        .collect();
    let users = decl.users.as_ref().and_then(|u| compile.request(&u.request, place.clone().down("users").down("request"), &["email"]));
    let objects = decl.object.iter().map(|(key, object)| (key.clone(), compile.object(key, object))).collect();
    let pack = decl.pack.as_ref().and_then(|p| {
        let at = place.clone().down("pack");
        let request = compile.request(&p.request, at.clone().down("request"), &["items"])?;
        let types = compile.types(&["method", "path", "body", "ref"]);
        let item = Template::compile(&p.item, &at.down("item"), &types, compile.findings)?;
        Some((request, item))
    });
    let probe = decl.probe.as_ref().and_then(|probe| compile.request(probe, place.clone().down("probe"), &[]));
    let metadata = decl.metadata.as_ref().and_then(|m| compile.metadata(m, &place.clone().down("metadata")));
    super::retry::check_breaker(&decl.breaker, &place, compile.findings);
    compile.objects();
    for (section, keys) in PLACES {
        check_places(&typed.document.value, &place, section, keys, compile.findings);
    }
    for (index, grant) in decl.auth.iter().enumerate() {
        if let Some(url) = &grant.token_url {
            let types = compile.types(&[]);
            let at = place.clone().down("auth").item(index).down("token_url");
            Template::compile(&Value::from(url.as_str()), &at, &types, compile.findings);
        }
    }
    for (index, rule) in decl.error.iter().enumerate() {
        if rule.status.is_empty() && rule.code.is_empty() && rule.message.is_none() {
            let at = place.clone().down("error").item(index);
            compile
                .findings
                .push(Finding::new(Code::MissingKey, "this rule has no condition", at.key()).help("give `status`, `code` or `message`"));
        }
    }
    Arc::new(Connector {
        decl: decl.clone(),
        file: typed.document.file.clone(),
        find,
        find_many,
        all,
        related,
        related_many,
        users,
        probe,
        metadata,
        objects,
        pack,
    })
}

impl Compile<'_> {
    /// Whether every read is of an object that there is.
    fn objects(&mut self) {
        let decl = &self.typed.decl;
        let place = self.typed.document.place(&[]);
        let find = place.clone().down("find");
        let mut reads: Vec<(&str, Place)> = Vec::new();
        if let Some(search) = &decl.find {
            reads.push((&search.object, find.clone().down("object")));
            reads.extend(
                search.related.iter().map(|(key, rows)| (rows.object.as_str(), find.clone().down("related").down(key).down("object"))),
            );
        }
        reads.extend(decl.related.iter().map(|(key, rows)| (rows.object.as_str(), place.clone().down("related").down(key).down("object"))));
        for (object, at) in reads.into_iter().filter(|(object, _)| self.typed.whole(&["object"]) && !decl.object.contains_key(*object)) {
            let finding = Finding::new(Code::UnknownObject, format!("there is no object `{object}`"), at);
            self.findings.push(finding.suggest(object, decl.object.keys().map(String::as_str)));
        }
    }

    fn types(&self, names: &[&str]) -> Type {
        request_types(names, &self.typed.decl.settings, &self.typed.decl.required_settings)
    }

    fn request(&mut self, decl: &RequestDecl, place: Place, names: &[&str]) -> Option<Request> {
        let types = self.types(names);
        request(decl, place, &types, &self.typed.decl.limits, self.findings)
    }

    fn origin(&self, keys: &[&str]) -> Origin {
        let mut place = self.typed.document.place(&[]);
        for key in keys {
            place = place.down(key);
        }
        Origin { file: self.typed.document.file.clone(), line: self.typed.document.line(&place.path) }
    }

    fn object(&mut self, key: &str, decl: &ObjectDecl) -> Object {
        let place = self.typed.document.place(&path(["object", key]));
        let own = place.clone().down("write");
        let shared = self.typed.document.place(&path(["write"]));
        let defaults: &WritesDecl = &self.typed.decl.write;
        let mut pick = |of: fn(&WritesDecl) -> &Option<RequestDecl>, name: &str| -> Option<Request> {
            let names = write_names(name);
            match (of(&decl.write), of(defaults)) {
                (Some(request), _) => self.request(request, own.clone().down(name), names),
                (None, Some(request)) => self.request(request, shared.clone().down(name), names),
                (None, None) => None,
            }
        };
        let upsert = pick(|w| &w.upsert, "upsert");
        let create = pick(|w| &w.create, "create");
        let update = pick(|w| &w.update, "update");
        let read = pick(|w| &w.read, "read");
        let (link, unlink) = (pick(|w| &w.link, "link"), pick(|w| &w.unlink, "unlink"));
        let merge = pick(|w| &w.merge, "merge");
        // An upsert needs a key in the system; and an object that declares its own create wants that one.
        let keyed = decl.identity.as_ref().is_some_and(|i| i.kind == crate::decl::IdentityKind::UniqueKey);
        let upserts = keyed && upsert.is_some() && (decl.write.upsert.is_some() || decl.write.create.is_none());
        let mut many = |of: fn(&WritesDecl) -> &Option<WriteManyDecl>, single: fn(&WritesDecl) -> &Option<RequestDecl>, name: &str| {
            let (many, at) = match (of(&decl.write), of(defaults)) {
                (Some(many), _) => (many, own.clone()),
                // Whoever writes this object in a way of its own has not said how to write many.
                (None, Some(many)) if single(&decl.write).is_none() => (many, shared.clone()),
                _ => return None,
            };
            let at = at.down(name);
            let request = self.request(&many.request, at.clone().down("request"), &["items"])?;
            let types = self.types(&["marker", "id", "fields", "associations", "ref"]);
            let item = Template::compile(&many.item, &at.down("item"), &types, self.findings)?;
            Some(WriteMany { decl: many.clone(), request, item })
        };
        let upsert_many = many(|w| &w.upsert_many, |w| &w.upsert, "upsert_many");
        let create_many = many(|w| &w.create_many, |w| &w.create, "create_many");
        let update_many = many(|w| &w.update_many, |w| &w.update, "update_many");
        let mut look_up = |of: fn(&WritesDecl) -> &Option<LookupDecl>, name: &str, sees: &str| -> Option<Look> {
            let (look, at) = match (of(&decl.write), of(defaults)) {
                (Some(look), _) => (look, own.clone()),
                (None, Some(look)) => (look, shared.clone()),
                (None, None) => return None,
            };
            let request = self.request(&look.request, at.down(name).down("request"), &[sees])?;
            Some(Look { request, rows: look.rows.clone(), id: look.id.clone() })
        };
        let look = decl.identity.as_ref().and_then(|_| look_up(|w| &w.look, "look", "marker"));
        let merged = look_up(|w| &w.merged, "merged", "id");
        let read_id = decl.write.read_id.clone().or_else(|| defaults.read_id.clone());
        let url = decl.url.as_ref().and_then(|url| {
            let types = self.types(&["id", "record"]);
            Template::compile(&Value::from(url.as_str()), &place.clone().down("url"), &types, self.findings)
        });
        let mut associations = IndexMap::new();
        for (name, link) in &decl.links {
            let at = place.clone().down("links").down(name);
            if !self.typed.decl.object.contains_key(&link.to) {
                let names: Vec<&str> = self.typed.decl.object.keys().map(String::as_str).collect();
                let finding = Finding::new(Code::UnknownObject, format!("there is no object `{}`", link.to), at.clone().down("to"));
                self.findings.push(finding.suggest(&link.to, names));
            }
            match (&link.field, &link.association) {
                (field, _) if field.is_some() == link.association.is_some() => {
                    let message = if field.is_some() {
                        "this link has both `field` and `association`"
                    } else {
                        "this link lacks `field` or `association`"
                    };
                    let finding = Finding::new(Code::MissingKey, message, at.key());
                    self.findings.push(
                        finding.help("write one of the two: `field` takes the other record's id, `association` is an entry for the body"),
                    );
                }
                (None, Some(association)) => {
                    let types = self.types(&["id"]);
                    if let Some(template) = Template::compile(association, &at.down("association"), &types, self.findings) {
                        associations.insert(name.clone(), template);
                    }
                }
                _ => {}
            }
        }
        let booking = decl.booking.as_ref().and_then(|b| self.booking(b, place.clone().down("booking")));
        let id = decl.write.id.clone().or_else(|| defaults.id.clone()).unwrap_or_else(|| "/id".to_owned());
        let read_fields = decl.write.fields.clone().or_else(|| defaults.fields.clone()).unwrap_or_default();
        Object {
            decl: decl.clone(),
            url,
            create_is_upsert: upserts,
            create: if upserts { upsert } else { create },
            update,
            create_many: if upserts { upsert_many } else { create_many },
            update_many,
            read,
            link,
            unlink,
            merge,
            look,
            merged,
            read_id,
            id,
            read_fields,
            empty: decl.write.empty.clone().or_else(|| defaults.empty.clone()).unwrap_or_default(),
            associations,
            booking,
            origin: self.origin(&["object", key]),
            identity_origin: self.origin(&["object", key, "identity"]),
        }
    }

    fn metadata(&mut self, decl: &MetadataDecl, place: &Place) -> Option<Metadata> {
        let request = self.request(&decl.request, place.clone().down("request"), &[]);
        let field = Type::record([("field", Type::Any)]);
        let kind = Template::compile(&Value::from(decl.r#type.as_str()), &place.clone().down("type"), &field, self.findings);
        let before = self.findings.len();
        let mut condition = |text: &Option<String>, key: &str, types: &Type| {
            text.as_ref().and_then(|text| Condition::compile(text, &place.clone().down(key), types, self.findings))
        };
        let [create, update] = [(&decl.create, "create"), (&decl.update, "update")].map(|(text, key)| condition(text, key, &field));
        let [required, unique] = [(&decl.required, "required"), (&decl.unique, "unique")].map(|(text, key)| condition(text, key, &field));
        let closed = condition(&decl.closed, "closed", &field);
        let active = condition(&decl.active, "active", &Type::record([("value", Type::Any)]));
        let sound = self.findings.len() == before;
        let compiled = Metadata { decl: decl.clone(), request: request?, kind: kind?, create, update, required, unique, active, closed };
        sound.then_some(compiled)
    }

    fn booking(&mut self, decl: &BookingDecl, place: Place) -> Option<Booking> {
        let types = self.types(&[]);
        let resource = Template::compile(&Value::from(decl.resource.as_str()), &place.clone().down("resource"), &types, self.findings);
        let look = self.request(&decl.look, place.clone().down("look"), &["start", "end"]);
        let withdraw = self.request(&decl.withdraw, place.down("withdraw"), &["id"]);
        Some(Booking { resource: resource?, look: look?, withdraw: withdraw? })
    }
}

/// Compiles a request; `types` is what its templates see.
pub(super) fn request(decl: &RequestDecl, place: Place, types: &Type, limits: &LimitsDecl, findings: &mut Vec<Finding>) -> Option<Request> {
    let method = decl.method.to_uppercase();
    if !METHODS.contains(&method.as_str()) {
        let finding = Finding::new(Code::NotAllowed, format!("`{}` is no method", decl.method), place.clone().down("method"));
        findings.push(finding.suggest(&method, METHODS));
        return None;
    }
    if !decl.path.starts_with('/') {
        let finding = Finding::new(Code::NotAllowed, "a path begins with `/`", place.clone().down("path"));
        findings.push(finding.help("the host comes from `base_url`, never from a template"));
    }
    if let Some(bucket) = &decl.bucket
        && !limits.bucket.contains_key(bucket)
    {
        let names: Vec<&str> = limits.bucket.keys().map(String::as_str).collect();
        let finding = Finding::new(Code::UnknownKey, format!("`limits.bucket` has no `{bucket}`"), place.clone().down("bucket"));
        findings.push(finding.suggest(bucket, names));
    }
    let template = |value: &Value, at: Place, findings: &mut Vec<Finding>| Template::compile(value, &at, types, findings);
    let path = template(&Value::from(decl.path.as_str()), place.clone().down("path"), findings);
    let query =
        decl.query.iter().map(|(key, value)| Some((key.clone(), template(value, place.clone().down("query").down(key), findings)?)));
    let query: Option<Vec<_>> = query.collect();
    let headers = decl.headers.iter().map(|(key, value)| {
        Some((key.clone(), template(&Value::from(value.as_str()), place.clone().down("headers").down(key), findings)?))
    });
    let headers: Option<Vec<_>> = headers.collect();
    let body = match &decl.body {
        Some(body) => Some(template(body, place.down("body"), findings)?),
        None => None,
    };
    Some(Request { method, path: path?, query: query?, headers: headers?, body, bucket: decl.bucket.clone() })
}

/// What the templates of a write's request see beside the object.
fn write_names(request: &str) -> &'static [&'static str] {
    match request {
        "link" | "unlink" => &["id", "other", "to", "association"],
        "merge" => &["id", "other"],
        _ => &["marker", "id", "fields", "associations"],
    }
}

/// Where an origin of a file and key path stands.
pub(super) fn origin_of<T>(typed: &Typed<T>, place: &Place) -> Origin {
    Origin { file: arc(&typed.document.file), line: typed.document.line(&place.path) }
}
