//! Pipelines: mappings found and merged, names resolved, templates and conditions compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::Value;

use super::connector::origin_of;
use super::scope::pipeline_types;
use super::{Typed, Written};
use crate::condition::Condition;
use crate::decl::{FieldDecl, IdentityKind, MappingDecl, MatchDecl, PipelineDecl, PolicyDecl, ProjectDecl, RetryDecl, WriteDecl};
use crate::finding::{Code, Finding, Place};
use crate::project::{Connection, Due, FieldRule, LinkRule, Object, Origin, Pick, Pipeline, RouteRule, Target, WriteRule};
use crate::source::path;
use crate::template::Template;
use crate::types::Type;

/// Error classes that `[retry.CLASS]` may name.
const CLASSES: [&str; 12] = [
    "default", "transient", "busy", "rate_limited", "quota", "auth_expired", "auth_revoked", "invalid", "conflict", "not_found", "unreachable", "timeout",
];

/// Resolves one pipeline; `None` where it cannot run.
pub(super) fn resolve(
    typed: &Typed<PipelineDecl>,
    project: &ProjectDecl,
    connections: &IndexMap<String, Arc<Connection>>,
    written: &Written,
    findings: &mut Vec<Finding>,
) -> Option<Pipeline> {
    let decl = &typed.decl;
    let place = typed.document.place(&[]);
    for (index, source) in decl.source.iter().enumerate() {
        if !project.source.contains_key(source) {
            let at = place.clone().down("source").item(index);
            let names: Vec<&str> = project.source.keys().map(String::as_str).collect();
            let message = format!("`aftercall.toml` has no source `{source}`");
            findings.push(Finding::new(Code::UnknownSource, message, at).suggest(source, names));
        }
    }
    let connection = find_connection(&decl.connection, place.clone().down("connection"), project, connections, findings)?;
    let types = pipeline_types(&connection.connector.decl, false);
    let when = condition(decl.when.as_deref(), place.clone().down("when"), &types, findings);
    let matching_name = &decl.r#match.r#use;
    let matching = match written.matches.get(matching_name) {
        Some(rules) => {
            check_match(rules, findings);
            Some(rules)
        }
        None => {
            if !written.broken.iter().any(|f| f == &format!("mappings/match/{matching_name}.toml")) {
                let at = typed.document.place(&path(["match", "use"]));
                let names: Vec<&str> = written.matches.keys().map(String::as_str).collect();
                let message = format!("there are no match rules `{matching_name}`");
                findings.push(Finding::new(Code::UnknownMatch, message, at).suggest(matching_name, names));
            }
            None
        }
    };
    let mut routes = IndexMap::new();
    for (name, rules) in &decl.route {
        let at = place.clone().down("route").down(name);
        let mut resolved = Vec::new();
        let mut open: Option<usize> = None;
        for (index, rule) in rules.iter().enumerate() {
            let here = at.clone().item(index);
            if let Some(first) = open {
                let message = format!("rule {} of this route always holds, so this one is never reached", first + 1);
                findings.push(Finding::new(Code::Unreachable, message, here.clone().key()).help("give the earlier rule a `when`, or put it last"));
            }
            if rule.when.is_none() {
                open = open.or(Some(index));
            }
            let owners = rule.owner.as_ref().map(|o| o.0.as_slice()).unwrap_or_default();
            let owners = owners.iter().enumerate().filter_map(|(i, owner)| {
                let place = here.clone().down("owner");
                let place = if owners.len() > 1 { place.item(i) } else { place };
                Template::compile(&Value::from(owner.as_str()), &place, &types, findings)
            });
            let owners = owners.collect();
            let when = condition(rule.when.as_deref(), here.clone().down("when"), &types, findings);
            let due = rule.due.as_ref().and_then(|text| due(text, &here.clone().down("due"), &types, findings));
            if let Some(priority) = &rule.priority
                && !["high", "normal", "low"].contains(&priority.as_str())
            {
                let message = format!("a priority is not `{priority}`");
                findings.push(Finding::new(Code::NotAllowed, message, here.clone().down("priority")).suggest(priority, ["high", "normal", "low"]));
            }
            resolved.push(RouteRule { when, owners, due, priority: rule.priority.clone(), origin: origin_of(typed, &here) });
        }
        routes.insert(name.clone(), resolved);
    }
    check_retry(&decl.retry, &place, findings);
    let mut writes: Vec<WriteRule> = Vec::new();
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, write) in decl.write.iter().enumerate() {
        let at = place.clone().down("write").item(index);
        if let Some(first) = ids.insert(&write.id, index) {
            let message = format!("write {} is called `{}` too", first + 1, write.id);
            findings.push(Finding::new(Code::TwiceNamed, message, at.clone().down("id")));
        }
        let context = WriteContext { typed, project, connections, written, pipeline: &connection, routes: &decl.route };
        if let Some(rule) = context.write(write, &at, findings) {
            writes.push(rule);
        }
    }
    link_writes(typed, decl, &mut writes, written, findings);
    let read_fields = read_fields(&connection, &writes);
    let matching_file: Arc<str> = format!("mappings/match/{matching_name}.toml").into();
    Some(Pipeline {
        name: decl.name.clone(),
        sources: decl.source.clone(),
        when,
        connection,
        matching: Arc::new(matching?.decl.clone()),
        matching_file,
        on_ambiguous: decl.r#match.on_ambiguous,
        on_no_identity: decl.r#match.on_no_identity,
        writes,
        routes,
        retry: decl.retry.clone().into_iter().collect(),
        read_fields,
        origin: origin_of(typed, &place.down("name")),
    })
}

fn find_connection(
    name: &str,
    at: Place,
    project: &ProjectDecl,
    connections: &IndexMap<String, Arc<Connection>>,
    findings: &mut Vec<Finding>,
) -> Option<Arc<Connection>> {
    if let Some(found) = connections.get(name) {
        return Some(found.clone());
    }
    // A connection that is declared and broken has its own finding.
    if !project.connection.contains_key(name) {
        let names: Vec<&str> = project.connection.keys().map(String::as_str).collect();
        findings.push(Finding::new(Code::UnknownConnection, format!("`aftercall.toml` has no connection `{name}`"), at).suggest(name, names));
    }
    None
}

fn condition(text: Option<&str>, at: Place, types: &Type, findings: &mut Vec<Finding>) -> Option<Condition> {
    text.and_then(|text| Condition::compile(text, &at, types, findings))
}

fn check_match(rules: &Typed<MatchDecl>, findings: &mut Vec<Finding>) {
    let place = rules.document.place(&[]);
    let decide = &rules.decl.decide;
    if decide.margin < 0.0 {
        findings.push(Finding::new(Code::Threshold, "a margin below 0 lets a weaker candidate win", place.clone().down("decide").down("margin")));
    }
    let best: f64 = rules.decl.compare.iter().map(|c| c.equal.max(0.0)).sum();
    if best < decide.accept {
        let message = format!("no candidate can reach {}: all comparisons together give {best}", decide.accept);
        findings.push(Finding::new(Code::Threshold, message, place.clone().down("decide").down("accept")).help("lower `accept`, or raise the weights"));
    }
    for (index, compare) in rules.decl.compare.iter().enumerate() {
        if compare.equal < compare.differ {
            let at = place.clone().down("compare").item(index).down("differ");
            findings.push(Finding::new(Code::Threshold, "differing counts for more than being equal", at));
        }
    }
}

fn check_retry(retry: &IndexMap<String, RetryDecl>, place: &Place, findings: &mut Vec<Finding>) {
    for (class, policy) in retry {
        let at = place.clone().down("retry").down(class);
        if !CLASSES.contains(&class.as_str()) {
            findings.push(Finding::new(Code::UnknownKey, format!("there is no error class `{class}`"), at.clone().key()).suggest(class, CLASSES));
        }
        for (key, text) in [("initial", &policy.initial), ("max_interval", &policy.max_interval), ("max_elapsed", &policy.max_elapsed)] {
            if let Some(text) = text
                && duration(text).is_none()
            {
                let message = format!("`{text}` is no duration");
                findings.push(Finding::new(Code::Quantity, message, at.clone().down(key)).help("write durations as `2s`, `10m`, `72h` or `3d`"));
            }
        }
        if policy.factor.is_some_and(|f| !(1.0..=100.0).contains(&f)) {
            findings.push(Finding::new(Code::Quantity, "`factor` lies between 1 and 100", at.down("factor")));
        }
    }
}

/// `2s`, `500ms`, `10m`, `72h`, `3d` as a duration.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_alphabetic())?;
    let number: f64 = text[..split].trim().parse().ok().filter(|n: &f64| n.is_finite() && (0.0..1e9).contains(n))?;
    let unit = match text[split..].trim() {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86400.0,
        _ => return None,
    };
    SignedDuration::try_from_secs_f64(number * unit).ok()
}

fn due(text: &str, at: &Place, types: &Type, findings: &mut Vec<Finding>) -> Option<Due> {
    if text.contains("{{") {
        return Template::compile(&Value::from(text), at, types, findings).map(Due::At);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let parsed = match words.as_slice() {
        ["in", number, "business", unit] => duration(&format!("{number}{unit}")).filter(|_| unit.starts_with("hour") || unit.starts_with("min")).map(Due::InBusiness),
        ["in", number, "day" | "days"] => number.parse().ok().map(Due::InDays),
        ["in", number, unit] => duration(&format!("{number}{unit}")).map(Due::In),
        ["next", "business", "day", time] => super::project::time_of_day(time).map(Due::NextBusinessDay),
        _ => None,
    };
    if parsed.is_none() {
        let finding = Finding::new(Code::Due, format!("`{text}` is no due date"), at.clone());
        findings.push(finding.help("write `in 4 business hours`, `in 30 minutes`, `in 2 days`, `next business day 10:00`, or `{{follow_up.due}}`"));
    }
    parsed
}

struct WriteContext<'a> {
    typed: &'a Typed<PipelineDecl>,
    project: &'a ProjectDecl,
    connections: &'a IndexMap<String, Arc<Connection>>,
    written: &'a Written,
    pipeline: &'a Arc<Connection>,
    routes: &'a IndexMap<String, Vec<crate::decl::RouteDecl>>,
}

impl WriteContext<'_> {
    fn write(&self, write: &WriteDecl, at: &Place, findings: &mut Vec<Finding>) -> Option<WriteRule> {
        let connection = match &write.connection {
            Some(name) => find_connection(name, at.clone().down("connection"), self.project, self.connections, findings)?,
            None => self.pipeline.clone(),
        };
        let Some(mapping) = self.written.mappings.get(&write.mapping) else {
            if !self.written.broken.iter().any(|f| f == &format!("mappings/{}.toml", write.mapping)) {
                let names: Vec<&str> = self.written.mappings.keys().map(String::as_str).collect();
                let at = at.clone().down("mapping");
                let message = format!("there is no mapping `{}`", write.mapping);
                let mut finding = Finding::new(Code::UnknownMapping, message, at).suggest(&write.mapping, names.iter().copied());
                if finding.help.is_none() {
                    let system = &connection.connector.decl.system;
                    let own: Vec<&str> = names.into_iter().filter(|n| n.starts_with(&format!("{system}/"))).collect();
                    finding.help = Some(format!("for {system} there is: {}", own.join(", ")));
                }
                findings.push(finding);
            }
            return None;
        };
        let system = &connection.connector.decl.system;
        if &mapping.decl.system != system {
            let message = format!("the mapping is for `{}`, and connection `{}` is a `{system}`", mapping.decl.system, connection.id);
            let finding = Finding::new(Code::SystemMismatch, message, at.clone().down("mapping"));
            findings.push(finding.help("name another mapping, or give this write a `connection`"));
            return None;
        }
        let Some(object) = connection.connector.objects.get(&mapping.decl.object) else {
            let names: Vec<&str> = connection.connector.objects.keys().map(String::as_str).collect();
            let message = format!("{} has no object `{}`", connection.connector.decl.title, mapping.decl.object);
            let at = mapping.document.place(&path(["object"]));
            findings.push(Finding::new(Code::UnknownObject, message, at).suggest(&mapping.decl.object, names));
            return None;
        };
        let types = pipeline_types(&self.pipeline.connector.decl, false);
        let routed = pipeline_types(&self.pipeline.connector.decl, true);
        if let Some(route) = &write.route
            && !self.routes.contains_key(route)
        {
            let names: Vec<&str> = self.routes.keys().map(String::as_str).collect();
            let message = format!("this pipeline has no route `{route}`");
            findings.push(Finding::new(Code::UnknownRoute, message, at.clone().down("route")).suggest(route, names));
        }
        let when = condition(write.when.as_deref(), at.clone().down("when"), &types, findings);
        let target = write.target.as_ref().and_then(|text| self.target(text, &mapping.decl.object, &at.clone().down("target"), findings));
        let is_contact = self.pipeline.connector.decl.find.as_ref().is_some_and(|f| f.object == mapping.decl.object) && connection.id == self.pipeline.id;
        self.check_requests(object, write, is_contact, &connection, at, findings);
        // Without a route, a mapping's `route.owner` is simply absent, so the same mapping serves with and without.
        let mut fields: IndexMap<&str, FieldRule> = IndexMap::new();
        let base = mapping.document.place(&path(["fields"]));
        for (name, field) in &mapping.decl.fields {
            if let Some(rule) = self.field(name, field, origin_of(mapping, &base.clone().down(name)), base.clone().down(name), &routed, findings) {
                fields.insert(name, rule);
            }
        }
        for (name, field) in &write.fields {
            let here = at.clone().down("fields").down(name);
            if let Some(rule) = self.field(name, field, origin_of(self.typed, &here), here, &routed, findings) {
                fields.insert(name, rule);
            }
        }
        if let Some(identity) = &object.decl.identity {
            for (name, rule) in &fields {
                if *name == identity.field {
                    let message = format!("`{name}` carries aftercall's own marker");
                    let at = Place::span(&rule.origin.file, 0..0);
                    let at = if mapping.decl.fields.contains_key(*name) { base.clone().down(name).key() } else { at };
                    findings.push(Finding::new(Code::Policy, message, at).help("leave this field out; it is filled in by itself"));
                }
            }
        }
        Some(WriteRule {
            id: write.id.clone(),
            connection: connection.clone(),
            object: mapping.decl.object.clone(),
            target,
            when,
            route: write.route.clone(),
            fields: fields.into_values().collect(),
            links: Vec::new(),
            origin: origin_of(self.typed, at),
            mapping_file: mapping.document.file.clone(),
        })
    }

    fn check_requests(&self, object: &Object, write: &WriteDecl, is_contact: bool, connection: &Connection, at: &Place, findings: &mut Vec<Finding>) {
        let title = &connection.connector.decl.title;
        let name = &object.decl.name;
        let at = at.clone().down("mapping");
        if write.target.is_none() && object.create.is_none() {
            findings.push(Finding::new(Code::MissingRequest, format!("{title} has no request that creates `{name}`"), at.clone()));
        }
        if (write.target.is_some() || is_contact) && object.update.is_none() {
            findings.push(Finding::new(Code::MissingRequest, format!("{title} has no request that updates `{name}`"), at.clone()));
        }
        if write.target.is_none() && object.decl.identity.is_none() {
            let message = format!("{title} cannot tell a second `{name}` from the first: a lost answer waits for a person");
            findings.push(Finding::new(Code::GuaranteeAsk, message, at).help("give the object an `identity` in the connector, if the system has a field for it"));
        }
    }

    fn target(&self, text: &str, object: &str, at: &Place, findings: &mut Vec<Finding>) -> Option<Target> {
        let decl = &self.pipeline.connector.decl;
        let lists: IndexMap<&str, &str> = decl
            .find
            .iter()
            .flat_map(|f| f.related.iter().map(|(n, r)| (n.as_str(), r.object.as_str())))
            .chain(decl.related.iter().map(|(n, r)| (n.as_str(), r.object.as_str())))
            .collect();
        let parts: Vec<&str> = text.split('.').collect();
        let pick = match parts.last() {
            Some(&"newest") => Some(Pick::Newest),
            Some(&"only") => Some(Pick::Only),
            _ => None,
        };
        let (["context", list, _], Some(pick)) = (parts.as_slice(), pick) else {
            let finding = Finding::new(Code::UnknownTarget, format!("`{text}` is no target"), at.clone());
            findings.push(finding.help("write `context.LIST.newest` or `context.LIST.only`"));
            return None;
        };
        match lists.get(list) {
            None => {
                let message = format!("{} reads no list `{list}`", decl.title);
                findings.push(Finding::new(Code::UnknownTarget, message, at.clone()).suggest(list, lists.keys().copied()));
                None
            }
            Some(of) if *of != object => {
                let message = format!("`{list}` holds `{of}` records, and the mapping is for `{object}`");
                findings.push(Finding::new(Code::UnknownTarget, message, at.clone()));
                None
            }
            Some(_) => Some(Target { list: (*list).to_owned(), pick }),
        }
    }

    fn field(&self, name: &str, decl: &FieldDecl, origin: Origin, at: Place, types: &Type, findings: &mut Vec<Finding>) -> Option<FieldRule> {
        // A table names its template under `value`; a plain value is the template.
        let value_at = if is_table(self, &at) { at.clone().down("value") } else { at.clone() };
        let value = Template::compile(&decl.value, &value_at, types, findings);
        let on_create = decl.on_create.unwrap_or(decl.policy);
        let on_update = decl.on_update.unwrap_or(decl.policy);
        let policies = [on_create, on_update];
        if policies.contains(&PolicyDecl::Advance) && decl.order.len() < 2 {
            findings.push(Finding::new(Code::Policy, format!("`{name}` advances, but its `order` has fewer than two values"), at.clone().key()).help("write `order = [\"first\", \"second\", ...]`"));
        }
        if !policies.contains(&PolicyDecl::Advance) && !decl.order.is_empty() {
            findings.push(Finding::new(Code::Policy, "`order` is for the policy `advance`", at.clone().down("order").key()).help("write `policy = \"advance\"`"));
        }
        if !policies.contains(&PolicyDecl::Fill) && !decl.else_to.is_empty() {
            findings.push(Finding::new(Code::Policy, "`else_to` is for the policy `fill`", at.clone().down("else_to").key()).help("write `policy = \"fill\"`"));
        }
        if !policies.contains(&PolicyDecl::Append) && decl.separator.is_some() {
            findings.push(Finding::new(Code::Policy, "`separator` is for the policy `append`", at.clone().down("separator").key()));
        }
        Some(FieldRule {
            field: name.to_owned(),
            value: value?,
            on_create,
            on_update,
            else_to: decl.else_to.clone(),
            map: decl.map.clone(),
            order: decl.order.clone(),
            max_chars: decl.max_chars,
            separator: decl.separator.clone().unwrap_or_else(|| "\n".to_owned()),
            required: decl.required,
            origin,
        })
    }
}

/// Whether a field was written as a table.
fn is_table(context: &WriteContext<'_>, at: &Place) -> bool {
    let documents = context.written.mappings.values().map(|m| &m.document).chain(std::iter::once(&context.typed.document));
    documents.into_iter().find(|d| d.file == at.file).is_some_and(|d| d.has(&at.clone().down("value").path))
}

/// Links are resolved last: they point to other writes.
fn link_writes(typed: &Typed<PipelineDecl>, decl: &PipelineDecl, writes: &mut [WriteRule], written: &Written, findings: &mut Vec<Finding>) {
    let known: Vec<(String, String, String)> = writes.iter().map(|w| (w.id.clone(), w.connection.id.clone(), w.object.clone())).collect();
    for rule in writes.iter_mut() {
        let Some((index, write)) = decl.write.iter().enumerate().find(|(_, w)| w.id == rule.id) else { continue };
        let mapping: Option<&Typed<MappingDecl>> = written.mappings.get(&write.mapping);
        let object = &rule.connection.connector.objects[&rule.object];
        let from_mapping = mapping.into_iter().flat_map(|m| {
            m.decl.links.iter().enumerate().map(move |(i, text)| {
                let at = m.document.place(&path(["links"])).item(i);
                (text, origin_of(m, &at), at, true)
            })
        });
        let from_write = write.links.iter().enumerate().map(|(i, text)| {
            let at = typed.document.place(&path(["write"])).item(index).down("links").item(i);
            (text, origin_of(typed, &at), at, false)
        });
        let mut links: IndexMap<String, LinkRule> = IndexMap::new();
        for (text, origin, at, optional) in from_mapping.chain(from_write) {
            let (name, target) = match text.split_once('=') {
                Some((name, target)) => (name.trim(), Some(target.trim())),
                None => (text.as_str(), None),
            };
            let Some(link) = object.decl.links.get(name) else {
                let names: Vec<&str> = object.decl.links.keys().map(String::as_str).collect();
                let message = format!("`{}` has no link `{name}`", rule.object);
                findings.push(Finding::new(Code::UnknownLink, message, at).suggest(name, names));
                continue;
            };
            let fits = |id: &str, connection: &str, of: &str| connection == rule.connection.id && of == link.to && id != rule.id && target.is_none_or(|t| t == id);
            match known.iter().find(|(id, connection, of)| fits(id, connection, of)) {
                Some((id, ..)) => {
                    links.insert(name.to_owned(), LinkRule { link: name.to_owned(), write: id.clone(), origin });
                }
                // A mapping offers its links to every pipeline; only the contact must not be missing.
                None if optional && link.to != "contact" => {}
                None => {
                    let message = match target {
                        Some(target) => format!("no write `{target}` of this pipeline makes a `{}` in the same system", link.to),
                        None => format!("no write of this pipeline makes the `{}` that this links to", link.to),
                    };
                    let at = if optional { typed.document.place(&path(["write"])).item(index).down("mapping") } else { at };
                    findings.push(Finding::new(Code::UnknownLink, message, at).help(format!("add a write whose mapping is of the object `{}`", link.to)));
                }
            }
        }
        rule.links = links.into_values().collect();
    }
}

/// What must be read of each object before planning: the connector's own fields, and every field that a policy compares with.
fn read_fields(connection: &Connection, writes: &[WriteRule]) -> IndexMap<String, Vec<String>> {
    let mut fields: IndexMap<String, Vec<String>> = IndexMap::new();
    for (name, object) in &connection.connector.objects {
        let list = fields.entry(name.clone()).or_default();
        list.extend(object.decl.select.iter().cloned());
        list.extend(object.decl.roles.values().flatten().cloned());
        for write in writes.iter().filter(|w| w.connection.id == connection.id && &w.object == name) {
            let contact = connection.connector.decl.find.as_ref().is_some_and(|f| &f.object == name);
            if write.target.is_some() || contact {
                list.extend(write.fields.iter().flat_map(|f| std::iter::once(&f.field).chain(&f.else_to)).cloned());
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|f| seen.insert(f.clone()));
    }
    fields
}

/// The guarantee that an object's identity gives, as the word in plans.
pub fn guarantee(object: &Object) -> &'static str {
    match object.decl.identity.as_ref().map(|i| i.kind) {
        Some(IdentityKind::UniqueKey | IdentityKind::ClientId) => "exact",
        Some(IdentityKind::Marker) => "reconciled",
        None => "ask",
    }
}
