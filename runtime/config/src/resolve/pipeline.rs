//! Pipelines: mappings found and merged, names resolved, templates and conditions compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::common::{Common, Placed, Types};
use super::connector::origin_of;
use super::lock::{self, Locked};
use super::mapping::Connectors;
use super::retry::{self, duration};
use super::scope::call_only_types;
use super::{Typed, Written};
use crate::condition::Condition;
use crate::decl::{GuaranteeDecl, IdentityKind, MappingDecl, PipelineDecl, ProjectDecl, RouteDecl, VerifyDecl, WriteDecl};
use crate::finding::{Code, Finding, Place, listed, nearest};
use crate::project::{Connection, Due, LinkRule, Object, Pick, Pipeline, RouteRule, Target, WriteRule};
use crate::rules::MatchRules;
use crate::source::{Document, path};
use crate::template::Template;
use crate::types::Type;

/// Resolves one pipeline; `None` where it cannot run. What does not depend on its connection is checked even then, and without a
/// project file, too.
pub(super) fn resolve(
    typed: &Typed<PipelineDecl>,
    project: Option<&Typed<ProjectDecl>>,
    connections: &IndexMap<String, Arc<Connection>>,
    connectors: &Connectors<'_>,
    written: &Written,
    common: &Common<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Pipeline> {
    let decl = &typed.decl;
    let place = typed.document.place(&[]);
    // A source that is misspelled in the project file is missed here for that alone.
    let known = |name: &String| written.sources.contains_key(name) || written.is_broken(&format!("mappings/{name}/source.toml"));
    let sources = project.filter(|p| p.whole(&["source"]) && p.decl.source.keys().all(known)).map(|p| &p.decl.source);
    for (index, source) in decl.source.iter().enumerate() {
        if let Some(sources) = sources.filter(|sources| !sources.contains_key(source)) {
            let at = place.clone().down("source").item(index);
            let names: Vec<&str> = sources.keys().map(String::as_str).collect();
            let message = format!("`aftercall.toml` has no source `{source}`");
            let finding = Finding::new(Code::UnknownSource, message, at);
            findings.push(if names.is_empty() {
                finding.help(format!("add `[source.{source}]` there"))
            } else {
                finding.suggest(source, names)
            });
        }
    }
    let connection = find_connection(&decl.connection, connections, project, place.clone().down("connection"), findings);
    let types = common.types(connection.as_ref(), written);
    let context = WriteContext { typed, project, connections, connectors, written, pipeline: connection.as_ref(), common, types: &types };
    let when = pipeline_condition(decl.when.as_deref(), place.clone().down("when"), findings);
    let matching = find_rules(typed, written, common.rules, findings);
    let mut routes = IndexMap::new();
    for (name, rules) in &decl.route {
        let resolved = route(typed, rules, &place.clone().down("route").down(name), &types.plain, findings);
        routes.insert(name.clone(), resolved);
        // A write whose route is misspelled may mean this one.
        let astray = decl.write.iter().filter_map(|w| w.route.as_ref()).any(|r| !decl.route.contains_key(r));
        if typed.untouched("write") && !astray && !decl.write.iter().any(|w| w.route.as_ref() == Some(name)) {
            let finding =
                Finding::new(Code::Unreachable, format!("no write uses the route `{name}`"), place.clone().down("route").down(name).key());
            findings.push(finding.help(format!("give the write that it is for `route = \"{name}\"`")));
        }
    }
    retry::check(&decl.retry, &place, findings);
    let told =
        super::context::resolve(&decl.context, context.pipeline.map(|c| &c.connector.decl), &place.clone().down("context"), findings);
    let mut writes: Vec<WriteRule> = Vec::new();
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, write) in decl.write.iter().enumerate() {
        let at = place.clone().down("write").item(index);
        if let Some(first) = ids.insert(&write.id, index) {
            let line = typed.document.line(&place.clone().down("write").item(first).down("id").path);
            let message = format!("another write is called `{}`, on line {line}", write.id);
            findings.push(
                Finding::new(Code::TwiceNamed, message, at.clone().down("id"))
                    .help("a write has its name for itself: it goes into the marker"),
            );
        }
        if let Some(rule) = context.write(write, &at, findings) {
            writes.push(rule);
        }
    }
    // A write that is missing because something else is wrong with it is not missed by links.
    let complete = writes.len() == decl.write.len() && typed.whole(&["write"]);
    link_writes(typed, decl, &mut writes, complete, written, findings);
    for rule in &writes {
        let Some((index, write)) = decl.write.iter().enumerate().find(|(_, write)| write.id == rule.id) else { continue };
        let Some(mapping) = written.mappings.get(&write.mapping).filter(|mapping| mapping.untouched("fields")) else { continue };
        if rule.target.is_some() != write.target.is_some() || !typed.untouched("write") {
            continue;
        }
        let at = place.clone().down("write").item(index).down("mapping");
        lock::covered(rule, Locked::of(&rule.connection, written), mapping, &at, findings);
    }
    let connection = connection?;
    if let Some(locked) = Locked::of(&connection, written) {
        locked.reads(&decl.context.fields, &place.clone().down("context").down("fields"), findings);
    }
    let read_fields = read_fields(&connection, &writes, &decl.context.fields);
    let matching_file: Arc<str> = format!("mappings/match/{}.toml", decl.r#match.r#use).into();
    Some(Pipeline {
        name: decl.name.clone(),
        sources: decl.source.clone(),
        when,
        connection,
        matching: matching?,
        matching_file,
        on_ambiguous: decl.r#match.on_ambiguous,
        on_no_identity: decl.r#match.on_no_identity,
        writes,
        routes,
        retry: decl.retry.clone().into_iter().collect(),
        read_fields,
        context: told,
        origin: origin_of(typed, &place.down("name")),
    })
}

fn find_rules(
    typed: &Typed<PipelineDecl>,
    written: &Written,
    rules: &super::matching::Rules,
    findings: &mut Vec<Finding>,
) -> Option<Arc<MatchRules>> {
    let name = &typed.decl.r#match.r#use;
    match written.matches.get(name) {
        // Rules of which a part is missing contradict themselves for that alone; those are not among the resolved.
        Some(_) => rules.get(name).cloned(),
        None => {
            if !written.is_broken(&format!("mappings/match/{name}.toml")) {
                let at = typed.document.place(&path(["match", "use"]));
                let names: Vec<&str> = written.matches.keys().map(String::as_str).collect();
                let message = format!("there are no match rules `{name}`");
                findings.push(Finding::new(Code::UnknownMatch, message, at).suggest(name, names));
            }
            None
        }
    }
}

/// The condition of a pipeline, which decides before the caller is looked up.
fn pipeline_condition(text: Option<&str>, at: Place, findings: &mut Vec<Finding>) -> Option<Condition> {
    let before = findings.len();
    let condition = condition(text, at, call_only_types(), findings);
    for finding in findings[before..].iter_mut().filter(|f| f.code == Code::ConditionVariable) {
        let word = finding.at.part.clone().and_then(|part| text?.get(part)).unwrap_or_default();
        if ["contact", "context", "match"].contains(&word) {
            finding.message = format!("`{word}` is not known yet when a call chooses its pipeline");
            finding.help = Some("the caller is looked up afterwards: give the `[[write]]` or the route this condition".to_owned());
        }
    }
    condition
}

fn route(typed: &Typed<PipelineDecl>, rules: &[RouteDecl], at: &Place, types: &Type, findings: &mut Vec<Finding>) -> Vec<RouteRule> {
    let mut resolved = Vec::new();
    let mut open: Option<u32> = None;
    for (index, rule) in rules.iter().enumerate() {
        let here = at.clone().item(index);
        if let Some(line) = open {
            let message = format!("the rule on line {line} always holds, so this one is never reached");
            findings
                .push(Finding::new(Code::Unreachable, message, here.clone().key()).help("give the earlier rule a `when`, or put it last"));
        }
        // A `when` that was misspelled is one all the same.
        if rule.when.is_none() && typed.untouched("route") {
            open = open.or_else(|| Some(typed.document.line(&here.path)));
        }
        let owners = rule.owner.as_ref().map(|o| o.0.as_slice()).unwrap_or_default();
        let owner_at = here.clone().down("owner");
        let listed = typed.document.at(&owner_at.path).is_some_and(Value::is_array);
        let owners = owners.iter().enumerate().filter_map(|(i, owner)| {
            let place = if listed { owner_at.clone().item(i) } else { owner_at.clone() };
            if owner.trim().is_empty() || owner.trim() == "user:" {
                let finding = Finding::new(Code::NotAllowed, "an owner is missing here", place);
                findings.push(finding.help("write `user:ann@acme.example`, the system's own id, or leave `owner` out"));
                return None;
            }
            Template::compile(&Value::from(owner.as_str()), &place, types, findings)
        });
        let owners = owners.collect();
        let when = condition(rule.when.as_deref(), here.clone().down("when"), types, findings);
        let due = rule.due.as_ref().and_then(|text| due(text, &here.clone().down("due"), types, findings));
        if let Some(priority) = &rule.priority
            && !["high", "normal", "low"].contains(&priority.as_str())
        {
            let message = format!("there is no priority `{priority}`");
            findings
                .push(Finding::new(Code::NotAllowed, message, here.clone().down("priority")).suggest(priority, ["high", "normal", "low"]));
        }
        resolved.push(RouteRule { when, owners, due, priority: rule.priority.clone(), origin: origin_of(typed, &here) });
    }
    resolved
}

fn condition(text: Option<&str>, at: Place, types: &Type, findings: &mut Vec<Finding>) -> Option<Condition> {
    text.and_then(|text| Condition::compile(text, &at, types, findings))
}

fn due(text: &str, at: &Place, types: &Type, findings: &mut Vec<Finding>) -> Option<Due> {
    if text.contains("{{") {
        return Template::compile(&Value::from(text), at, types, findings).map(Due::At);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let parsed = match words.as_slice() {
        ["in", number, "business", unit] => {
            duration(&format!("{number}{unit}")).filter(|_| unit.starts_with("hour") || unit.starts_with("min")).map(Due::InBusiness)
        }
        ["in", number, "day" | "days"] => number.parse().ok().map(Due::InDays),
        ["in", number, unit] => duration(&format!("{number}{unit}")).map(Due::In),
        ["next", "business", "day", time] => super::project::time_of_day(time).map(Due::NextBusinessDay),
        _ => None,
    };
    if parsed.is_none() {
        let finding = Finding::new(Code::Due, format!("`{text}` is no due date"), at.clone());
        let help = match words.as_slice() {
            ["next", "business", "day", _] => "the time of day is written as in `next business day 10:00`",
            ["next", "business", "day"] => "say at what time: `next business day 10:00`",
            ["in", _, "business", "day" | "days"] => {
                "business days are not counted: write `in 16 business hours`, or `next business day 10:00`"
            }
            ["in", "a" | "an" | "one", ..] => "write numbers as digits: `in 1 hour`",
            _ => "write `in 4 business hours`, `in 30 minutes`, `in 2 days`, `next business day 10:00`, or `{{follow_up.due}}`",
        };
        findings.push(finding.help(help));
    }
    parsed
}

/// A connection by its name.
fn find_connection(
    name: &str,
    connections: &IndexMap<String, Arc<Connection>>,
    project: Option<&Typed<ProjectDecl>>,
    at: Place,
    findings: &mut Vec<Finding>,
) -> Option<Arc<Connection>> {
    if let Some(found) = connections.get(name) {
        return Some(found.clone());
    }
    // A connection that is declared and broken has its own finding.
    let declared = project.filter(|p| p.whole(&["connection"])).map(|p| &p.decl.connection);
    if let Some(declared) = declared.filter(|declared| !declared.contains_key(name)) {
        let names: Vec<&str> = declared.keys().map(String::as_str).collect();
        let finding = Finding::new(Code::UnknownConnection, format!("`aftercall.toml` has no connection `{name}`"), at);
        findings.push(if names.is_empty() {
            finding.help(format!("add `[connection.{name}]` there"))
        } else {
            finding.suggest(name, names)
        });
    }
    None
}

struct WriteContext<'a> {
    typed: &'a Typed<PipelineDecl>,
    project: Option<&'a Typed<ProjectDecl>>,
    connections: &'a IndexMap<String, Arc<Connection>>,
    connectors: &'a Connectors<'a>,
    written: &'a Written,
    /// The pipeline's own connection, where that is known.
    pipeline: Option<&'a Arc<Connection>>,
    common: &'a Common<'a>,
    /// What conditions and templates of this pipeline see.
    types: &'a Types,
}

impl WriteContext<'_> {
    fn find_mapping(
        &self,
        write: &WriteDecl,
        connection: Option<&Connection>,
        at: Place,
        findings: &mut Vec<Finding>,
    ) -> Option<&Typed<MappingDecl>> {
        let mapping = self.written.mappings.get(&write.mapping).map(|mapping| &**mapping);
        if mapping.is_none() && !self.written.is_broken(&format!("mappings/{}.toml", write.mapping)) {
            let names: Vec<&str> = self.written.mappings.keys().map(String::as_str).collect();
            let mut finding = Finding::new(Code::UnknownMapping, format!("there is no mapping `{}`", write.mapping), at);
            // Those of the same system are the likely ones; the others only where none of them is near.
            let system = connection.map_or("", |c| c.connector.decl.system.as_str());
            let own: Vec<&str> = names.iter().copied().filter(|n| n.starts_with(&format!("{system}/"))).collect();
            let near = nearest(&write.mapping, own.iter().copied()).or_else(|| nearest(&write.mapping, names.iter().copied()));
            finding.help = match near {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None if !own.is_empty() => Some(format!("for {system} there is: {}", listed(own))),
                None => Some(format!("a mapping is a file: `mappings/{}.toml`", write.mapping)),
            };
            findings.push(finding);
        }
        mapping
    }

    fn write(&self, write: &WriteDecl, at: &Place, findings: &mut Vec<Finding>) -> Option<WriteRule> {
        let connection = match &write.connection {
            Some(name) => find_connection(name, self.connections, self.project, at.clone().down("connection"), findings),
            None => self.pipeline.cloned(),
        };
        let routes = &self.typed.decl.route;
        if let Some(route) = write.route.as_ref().filter(|route| !routes.contains_key(*route) && self.typed.whole(&["route"])) {
            let names: Vec<&str> = routes.keys().map(String::as_str).collect();
            let finding = Finding::new(Code::UnknownRoute, format!("this pipeline has no route `{route}`"), at.clone().down("route"));
            findings.push(if names.is_empty() { finding.help(format!("add `[[route.{route}]]`")) } else { finding.suggest(route, names) });
        }
        let when = condition(write.when.as_deref(), at.clone().down("when"), &self.types.plain, findings);
        let mapping = self.find_mapping(write, connection.as_deref(), at.clone().down("mapping"), findings);
        retry::check(&write.retry, at, findings);
        // Without a route, a mapping's `route.owner` is simply absent, so the same mapping serves with and without.
        let mut fields: Vec<Arc<Placed>> = Vec::new();
        if let Some(mapping) = mapping {
            let common = self.common.fields(&write.mapping, mapping, self.pipeline, self.types);
            findings.extend(common.findings.iter().cloned());
            fields.clone_from(&common.fields);
        }
        for (name, field) in &write.fields {
            let place = at.clone().down("fields").down(name);
            let rule = super::mapping::field(name, field, &self.typed.document, place.clone(), &self.types.routed, findings);
            let Some(rule) = rule else { continue };
            let own = Arc::new(Placed { rule: Arc::new(rule), place });
            // The write's own takes the place of the mapping's.
            match fields.iter_mut().find(|placed| placed.rule.field == *name) {
                Some(placed) => *placed = own,
                None => fields.push(own),
            }
        }
        let (connection, mapping) = (connection?, mapping?);
        let system = &connection.connector.decl.system;
        if &mapping.decl.system != system {
            // A mapping whose system is not known has its own finding.
            if mapping.whole(&["system"]) && self.connectors.contains_key(mapping.decl.system.as_str()) {
                let message =
                    format!("this mapping is for `{}`, and the connection `{}` is to `{system}`", mapping.decl.system, connection.id);
                let finding = Finding::new(Code::SystemMismatch, message, at.clone().down("mapping"));
                findings.push(finding.help("name another mapping, or give this write a `connection`"));
            }
            return None;
        }
        let Some(object) = connection.connector.objects.get(&mapping.decl.object) else {
            let names: Vec<&str> = connection.connector.objects.keys().map(String::as_str).collect();
            let message = format!("{} has no object `{}`", connection.connector.decl.title, mapping.decl.object);
            let at = mapping.document.place(&path(["object"]));
            findings.push(Finding::new(Code::UnknownObject, message, at).suggest(&mapping.decl.object, names));
            return None;
        };
        let target = write.target.as_ref().and_then(|text| self.target(text, &mapping.decl.object, &at.clone().down("target"), findings));
        let is_contact = self
            .pipeline
            .is_some_and(|p| p.id == connection.id && p.connector.decl.find.as_ref().is_some_and(|f| f.object == mapping.decl.object));
        self.check_requests(object, write, is_contact, &connection, at, findings);
        if let Some(identity) = &object.decl.identity
            && let Some(placed) = fields.iter().find(|placed| placed.rule.field == identity.field)
        {
            let message = format!("`{}` carries aftercall's own marker", identity.field);
            findings.push(
                Finding::new(Code::Policy, message, placed.place.clone().key()).help("leave this field out; it is filled in by itself"),
            );
        }
        let rule = WriteRule {
            id: write.id.clone(),
            connection: connection.clone(),
            object: mapping.decl.object.clone(),
            target,
            when,
            route: write.route.clone(),
            fields: fields.iter().map(|placed| placed.rule.clone()).collect(),
            links: Vec::new(),
            retry: write.retry.clone().into_iter().collect(),
            verify: write.verify,
            at_least_once: write.guarantee == Some(GuaranteeDecl::AtLeastOnce),
            origin: origin_of(self.typed, at),
            mapping_file: mapping.document.file.clone(),
        };
        // A target that is not understood has its own finding, and whether records are made is not known.
        if rule.target.is_some() == write.target.is_some() {
            self.check_lock(&rule, &fields, &mapping.document, &at.clone().down("mapping"), findings);
        }
        Some(rule)
    }

    /// Holds a write against the lock of its connection, where there is one.
    fn check_lock(&self, rule: &WriteRule, fields: &[Arc<Placed>], mapping: &Document, at: &Place, findings: &mut Vec<Finding>) {
        match Locked::of(&rule.connection, self.written) {
            Some(locked) => {
                let document = |place: &Place| if place.file == mapping.file { mapping } else { &self.typed.document };
                let fields = fields.iter().map(|placed| (&*placed.rule, &placed.place, document(&placed.place)));
                locked.fields(rule, fields, &self.types.routed, at, findings);
            }
            None => lock::other_system(&rule.connection, self.written, at, findings),
        }
    }

    fn check_requests(
        &self,
        object: &Object,
        write: &WriteDecl,
        is_contact: bool,
        connection: &Connection,
        at: &Place,
        findings: &mut Vec<Finding>,
    ) {
        let title = &connection.connector.decl.title;
        let name = &object.decl.name;
        let guarantee_at = at.clone().down("guarantee");
        let at = at.clone().down("mapping");
        let file = &connection.connector.file;
        let mut lacks = |verb: &str, section: &str| {
            // One gap in the connector is one finding, whatever number of writes meet it.
            let message = format!("{title} has no request that {verb} `{name}`");
            let help = format!("add `[write.{section}]` to `{file}`");
            if !findings.iter().any(|f| f.code == Code::MissingRequest && f.at.file == at.file && f.help.as_ref() == Some(&help)) {
                findings.push(Finding::new(Code::MissingRequest, message, at.clone()).help(help));
            }
        };
        if write.target.is_none() && object.create.is_none() {
            lacks("creates", "create");
        }
        if (write.target.is_some() || is_contact) && object.update.is_none() {
            lacks("updates", "update");
        }
        if write.verify != VerifyDecl::Never && object.read.is_none() {
            lacks("reads", "read");
        }
        let unsure = match object.decl.identity.as_ref().map(|identity| identity.kind) {
            None => Some("give the object an `identity` in the connector, if the system has a field for it"),
            Some(IdentityKind::Marker) if object.look.is_none() => {
                Some("add `[write.look]` to the connector: what carries a mark can be looked for")
            }
            Some(_) => None,
        };
        if let Some(help) = unsure.filter(|_| write.target.is_none()) {
            let (becomes, at) = match write.guarantee {
                None => ("a lost answer waits for a person", at),
                Some(GuaranteeDecl::AtLeastOnce) => ("after a lost answer it may be there twice", guarantee_at),
            };
            let message = format!("{title} cannot tell a second `{name}` from the first: {becomes}");
            findings.push(Finding::new(Code::GuaranteeAsk, message, at).help(help));
        }
    }

    fn target(&self, text: &str, object: &str, at: &Place, findings: &mut Vec<Finding>) -> Option<Target> {
        let decl = &self.pipeline?.connector.decl;
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
            let list = parts.iter().find_map(|part| lists.keys().find(|list| *list == part)).copied();
            let list = list.or_else(|| if lists.len() == 1 { lists.keys().next().copied() } else { None }).unwrap_or("LIST");
            findings.push(
                finding.help(format!("write `context.{list}.newest`, or `context.{list}.only` to do nothing where there are several")),
            );
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
                let finding = Finding::new(Code::UnknownTarget, message, at.clone());
                findings.push(finding.help(format!("name a mapping of the object `{of}`, or another list")));
                None
            }
            Some(_) => Some(Target { list: (*list).to_owned(), pick }),
        }
    }
}

/// Links are resolved last: they point to other writes.
fn link_writes(
    typed: &Typed<PipelineDecl>,
    decl: &PipelineDecl,
    writes: &mut [WriteRule],
    complete: bool,
    written: &Written,
    findings: &mut Vec<Finding>,
) {
    let known: Vec<(String, String, String)> = writes.iter().map(|w| (w.id.clone(), w.connection.id.clone(), w.object.clone())).collect();
    for rule in writes.iter_mut() {
        let Some((index, write)) = decl.write.iter().enumerate().find(|(_, w)| w.id == rule.id) else { continue };
        let mapping: Option<&Typed<MappingDecl>> = written.mappings.get(&write.mapping).map(|mapping| &**mapping);
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
            let fits = |id: &str, connection: &str, of: &str| {
                connection == rule.connection.id && of == link.to && id != rule.id && target.is_none_or(|t| t == id)
            };
            match known.iter().find(|(id, connection, of)| fits(id, connection, of)) {
                Some((id, ..)) => {
                    links.insert(name.to_owned(), LinkRule { link: name.to_owned(), write: id.clone(), origin });
                }
                // A mapping offers its links to every pipeline; only the contact must not be missing.
                None if optional && link.to != "contact" => {}
                None if !complete => {}
                None => {
                    let (message, help) = match (target, optional) {
                        (Some(target), _) => (
                            format!("no write `{target}` of this pipeline makes a `{}` in the same system", link.to),
                            format!("name a write whose mapping is of the object `{}`", link.to),
                        ),
                        (None, true) => (
                            format!("`{}` links to a `{}`, and no write of this pipeline makes one", write.mapping, link.to),
                            format!("add a `[[write]]` whose mapping is of the object `{}`", link.to),
                        ),
                        (None, false) => (
                            format!("no write of this pipeline makes the `{}` that this links to", link.to),
                            format!("add a `[[write]]` whose mapping is of the object `{}`", link.to),
                        ),
                    };
                    let at = if optional { typed.document.place(&path(["write"])).item(index).down("mapping") } else { at };
                    let finding = Finding::new(Code::UnknownLink, message, at);
                    let near =
                        target.and_then(|t| nearest(t, known.iter().filter(|(_, _, of)| of == &link.to).map(|(id, ..)| id.as_str())));
                    findings.push(finding.help(near.map_or(help, |near| format!("did you mean `{near}`?"))));
                }
            }
        }
        rule.links = links.into_values().collect();
    }
}

/// What must be read of each object before planning: the connector's own fields, and every field that a policy compares with.
fn read_fields(connection: &Connection, writes: &[WriteRule], told: &[String]) -> IndexMap<String, Vec<String>> {
    let mut fields: IndexMap<String, Vec<String>> = IndexMap::new();
    for (name, object) in &connection.connector.objects {
        let list = fields.entry(name.clone()).or_default();
        list.extend(object.decl.select.iter().cloned());
        list.extend(object.decl.roles.values().flatten().chain(object.decl.flags.values()).cloned());
        let contact = connection.connector.decl.find.as_ref().is_some_and(|f| &f.object == name);
        if contact {
            list.extend(told.iter().cloned());
        }
        for write in writes.iter().filter(|w| w.connection.id == connection.id && &w.object == name) {
            if write.target.is_some() || contact {
                list.extend(write.fields.iter().flat_map(|f| std::iter::once(&f.field).chain(&f.else_to)).cloned());
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|f| seen.insert(f.clone()));
    }
    fields
}
