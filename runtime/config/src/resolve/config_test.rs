//! Config tests: what they give and expect is there in the project.
//!
//! Not for whether what they expect comes about: `aftercall test` tells that.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::Typed;
use crate::config_test::ConfigTest;
use crate::decl::{ConfigTestDecl, TestDecl, TestRecordDecl, TestWriteDecl};
use crate::finding::{Code, Finding, Place};
use crate::functions::timestamp;
use crate::project::{Connection, Pipeline, Project, WriteRule};

/// Where a call can stand at the end, as the call log says it.
const STATUSES: [&str; 7] = ["landed", "partial", "dead", "review", "skipped", "held", "waiting"];
/// Where a write can stand at the end, as a call's story says it.
const STATES: [&str; 10] = ["applied", "planned", "intent", "waiting", "unknown", "rejected", "skipped", "blocked", "held", "dead"];

/// The tests of these files that are without fault. What is wrong with the others is told.
pub(super) fn resolve(
    files: &BTreeMap<String, Arc<Typed<ConfigTestDecl>>>,
    project: &Project,
    findings: &mut Vec<Finding>,
) -> Vec<ConfigTest> {
    let mut tests = Vec::new();
    for typed in files.values() {
        let document = typed.document.clone();
        let all = typed.document.place(&[]).down("test");
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, decl) in typed.decl.test.iter().enumerate() {
            let before = findings.len();
            let at = all.clone().item(index);
            if let Some(first) = names.insert(&decl.name, index) {
                let line = typed.document.line(&all.clone().item(first).path);
                let message = format!("another test is called `{}`, on line {line}", decl.name);
                findings.push(
                    Finding::new(Code::TwiceNamed, message, at.clone().down("name")).help("a test has its name for itself in its file"),
                );
            }
            let now = Check { project, at: &at, test: decl, findings }.all();
            let sound = findings.len() == before && !typed.left_out.iter().any(|out| out.path.starts_with(&at.path));
            if let Some(now) = now.filter(|_| sound) {
                tests.push(ConfigTest { decl: decl.clone(), now, document: document.clone(), index });
            }
        }
    }
    tests
}

/// One test being checked.
struct Check<'a> {
    project: &'a Project,
    at: &'a Place,
    test: &'a TestDecl,
    findings: &'a mut Vec<Finding>,
}

impl Check<'_> {
    /// Checks everything; gives the moment of planning.
    fn all(&mut self) -> Option<Timestamp> {
        let now = self.time(&self.test.now, self.at.clone().down("now"));
        self.call();
        for (index, record) in self.test.record.iter().enumerate() {
            self.record(record, &self.at.clone().down("record").item(index));
        }
        for (index, busy) in self.test.busy.iter().enumerate() {
            let at = self.at.clone().down("busy").item(index);
            self.connection(&busy.connection, at.clone().down("connection"));
            self.time(&busy.start, at.clone().down("start"));
            self.time(&busy.end, at.down("end"));
        }
        for (index, fault) in self.test.fault.iter().enumerate() {
            self.connection(&fault.connection, self.at.clone().down("fault").item(index).down("connection"));
        }
        for turn in self.test.turns.keys() {
            self.turn(turn, self.at.clone().down("turns").down(turn).key());
        }
        self.expected();
        now
    }

    fn find(&mut self, code: Code, message: String, at: Place) -> &mut Finding {
        self.findings.push(Finding::new(code, message, at));
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// A name that must be one of these.
    fn named<'n>(&mut self, code: Code, message: String, at: Place, name: &str, names: impl IntoIterator<Item = &'n str>) {
        self.findings.push(Finding::new(code, message, at).suggest(name, names));
    }

    fn time(&mut self, text: &str, at: Place) -> Option<Timestamp> {
        let time = timestamp(&Value::from(text));
        if time.is_none() {
            self.find(Code::TestTime, format!("`{text}` is no time"), at).help =
                Some("write a time with its offset, such as `2026-11-24T15:02:00Z` or `2026-11-24T09:02:00-06:00`".to_owned());
        }
        time
    }

    /// A test is about one call.
    fn call(&mut self) {
        let test = self.test;
        let given = [
            ("call", test.call.is_some()),
            ("call_file", test.call_file.is_some()),
            ("payload", test.payload.is_some()),
            ("payload_file", test.payload_file.is_some()),
        ];
        let given: Vec<&str> = given.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect();
        match given.as_slice() {
            [] => {
                self.find(Code::TestCall, format!("the test `{}` has no call", test.name), self.at.clone().down("name")).help =
                    Some("write `[test.call]`, or `call_file = \"tests/calls/NAME.json\"`, or `payload_file` with `source`".to_owned());
            }
            [_] => {}
            [first, second, ..] => {
                let message = format!("the test has a `{second}` beside its `{first}`");
                self.find(Code::TestCall, message, self.at.clone().down(second).key()).help =
                    Some("a test is about one call: leave one of them out".to_owned());
            }
        }
        let payload = test.payload.is_some() || test.payload_file.is_some();
        let names: Vec<&str> = self.project.sources.keys().map(String::as_str).collect();
        match &test.source {
            None if payload => {
                let key = if test.payload.is_some() { "payload" } else { "payload_file" };
                self.find(Code::TestCall, "nothing says which source maps this payload".to_owned(), self.at.clone().down(key).key()).help =
                    Some("add `source = \"NAME\"`, as in `[source.NAME]` of `aftercall.toml`".to_owned());
            }
            Some(source) if payload && !names.contains(&source.as_str()) => {
                let message = format!("the project has no source `{source}`");
                self.named(Code::TestGiven, message, self.at.clone().down("source"), source, names);
            }
            _ => {}
        }
    }

    fn connection(&mut self, name: &str, at: Place) -> Option<Arc<Connection>> {
        let project = self.project;
        let found = project.connections.get(name);
        if found.is_none() {
            let names = project.connections.keys().map(String::as_str);
            self.named(Code::TestGiven, format!("the project has no connection `{name}`"), at, name, names);
        }
        found.cloned()
    }

    /// The connection that was named, or those in which callers are looked for.
    fn connections(&mut self, name: Option<&String>, at: &Place) -> Vec<Arc<Connection>> {
        match name {
            Some(name) => self.connection(name, at.clone().down("connection")).into_iter().collect(),
            None => self.project.pipelines.iter().map(|pipeline| pipeline.connection.clone()).collect(),
        }
    }

    fn object(&mut self, connections: &[Arc<Connection>], name: &str, at: Place) {
        if connections.is_empty() || connections.iter().any(|c| c.connector.objects.contains_key(name)) {
            return;
        }
        let connection = &connections[0];
        let names: Vec<&str> = connection.connector.objects.keys().map(String::as_str).collect();
        let message = format!("{} has no object `{name}`", connection.connector.decl.title);
        self.named(Code::TestGiven, message, at, name, names);
    }

    fn record(&mut self, record: &TestRecordDecl, at: &Place) {
        let connections = self.connections(record.connection.as_ref(), at);
        if let Some(object) = &record.object {
            self.object(&connections, object, at.clone().down("object"));
        }
        if let Some(list) = &record.list {
            let lists = |c: &Connection| {
                let decl = &c.connector.decl;
                decl.find.iter().flat_map(|find| find.related.keys()).chain(decl.related.keys()).cloned().collect::<Vec<_>>()
            };
            let names: Vec<String> = connections.iter().flat_map(|c| lists(c)).collect();
            if !connections.is_empty() && !names.contains(list) {
                let message = format!("there is no list `{list}` about a caller");
                self.named(Code::TestGiven, message, at.clone().down("list"), list, names.iter().map(String::as_str));
            }
        }
        if let Some(of) = record.of.as_ref().filter(|of| !self.test.record.iter().any(|other| other.id == **of)) {
            let names: Vec<&str> = self.test.record.iter().map(|other| other.id.as_str()).collect();
            self.named(Code::TestGiven, format!("the test has no record `{of}`"), at.clone().down("of"), of, names);
        }
        if let Some(own) = &record.own {
            self.writes(own, at.clone().down("own"));
        }
        for (field, written) in &record.written {
            if let Some(time) = written.get("at").and_then(Value::as_str) {
                self.time(time, at.clone().down("written").down(field).down("at"));
            }
        }
    }

    fn turn(&mut self, key: &str, at: Place) {
        let routes: Vec<String> = self
            .project
            .pipelines
            .iter()
            .flat_map(|pipeline| {
                let rules = |(name, rules): (&String, &Vec<_>)| -> Vec<String> {
                    (0..rules.len()).map(|rule| format!("{}/{name}/{rule}", pipeline.name)).collect()
                };
                pipeline.routes.iter().flat_map(rules).collect::<Vec<_>>()
            })
            .collect();
        if !routes.iter().any(|route| route == key) {
            self.named(Code::TestGiven, format!("there is no route rule `{key}`"), at, key, routes.iter().map(String::as_str));
        }
    }

    /// The pipelines that the test may be about: the one that it expects, or all.
    fn pipelines(&self) -> Vec<Arc<Pipeline>> {
        let wanted = self.test.expect.pipeline.as_deref();
        self.project.pipelines.iter().filter(|p| wanted.is_none_or(|name| name == p.name)).cloned().collect()
    }

    /// The writes of that name.
    fn writes(&mut self, id: &str, at: Place) -> Vec<WriteRule> {
        let pipelines = self.pipelines();
        let all = || pipelines.iter().flat_map(|pipeline| pipeline.writes.iter());
        let found: Vec<WriteRule> = all().filter(|rule| rule.id == id).cloned().collect();
        // A pipeline that there is not has its own finding.
        if found.is_empty() && !pipelines.is_empty() {
            let names: Vec<&str> = all().map(|rule| rule.id.as_str()).collect();
            let message = match pipelines.as_slice() {
                [one] => format!("the pipeline `{}` has no write `{id}`", one.name),
                _ => format!("no pipeline has a write `{id}`"),
            };
            self.named(Code::TestWrite, message, at, id, names);
        }
        found
    }

    fn expected(&mut self) {
        let expect = &self.test.expect;
        let at = self.at.clone().down("expect");
        if let Some(name) = expect.pipeline.as_ref().filter(|name| *name != "none" && self.project.pipeline(name).is_none()) {
            let names: Vec<&str> = self.project.pipelines.iter().map(|p| p.name.as_str()).chain(["none"]).collect();
            self.named(Code::TestWrite, format!("there is no pipeline `{name}`"), at.clone().down("pipeline"), name, names);
        }
        for connection in expect.requests.keys() {
            self.connection(connection, at.clone().down("requests").down(connection).key());
        }
        for (index, write) in expect.write.iter().enumerate() {
            self.write(write, &at.clone().down("write").item(index));
        }
        for (index, held) in expect.record.iter().enumerate() {
            let here = at.clone().down("record").item(index);
            let connections = self.connections(held.connection.as_ref(), &here);
            self.object(&connections, &held.object, here.clone().down("object"));
            self.needs_fault("record", here);
        }
        self.at_the_end(expect.status.as_ref(), "status", &STATUSES, at.down("status"));
    }

    fn write(&mut self, write: &TestWriteDecl, at: &Place) {
        let rules = self.writes(&write.id, at.clone().down("id"));
        if let Some(name) = &write.connection {
            self.connection(name, at.clone().down("connection"));
        }
        if let Some(object) = &write.object {
            let connections: Vec<Arc<Connection>> = rules.iter().map(|rule| rule.connection.clone()).collect();
            self.object(&connections, object, at.clone().down("object"));
        }
        if !rules.is_empty() {
            let fields: Vec<&str> = rules.iter().flat_map(fields).collect();
            for field in write.fields.keys().filter(|field| !fields.contains(&field.as_str())) {
                let message = format!("`{}` writes no field `{field}`", write.id);
                self.named(Code::TestField, message, at.clone().down("fields").down(field).key(), field, fields.iter().copied());
            }
            let links: Vec<&str> = rules.iter().flat_map(|rule| rule.links.iter().map(|link| link.link.as_str())).collect();
            for link in write.links.keys().filter(|link| !links.contains(&link.as_str())) {
                let message = format!("`{}` has no link `{link}`", write.id);
                self.named(Code::TestField, message, at.clone().down("links").down(link).key(), link, links.iter().copied());
            }
        }
        if let Some(due) = write.due.as_ref().filter(|due| due.parse::<jiff::civil::Date>().is_err() || due.contains('T')) {
            self.time(due, at.clone().down("due"));
        }
        self.at_the_end(write.state.as_ref(), "state", &STATES, at.clone().down("state"));
    }

    /// What is known only when a call was delivered.
    fn at_the_end(&mut self, word: Option<&String>, key: &str, words: &[&str], at: Place) {
        let Some(word) = word else { return };
        if words.contains(&word.as_str()) {
            self.needs_fault(key, at.key());
        } else {
            self.named(Code::TestGiven, format!("there is no {key} `{word}`"), at, word, words.iter().copied());
        }
    }

    fn needs_fault(&mut self, key: &str, at: Place) {
        if self.test.fault.is_empty() {
            self.find(Code::TestGiven, format!("a test that delivers nothing has no `{key}` at the end"), at).help =
                Some("add a `[[test.fault]]`: such a test is delivered to stand-ins".to_owned());
        }
    }
}

/// The fields that a write can end in.
fn fields(rule: &WriteRule) -> impl Iterator<Item = &str> {
    let identity = rule.connection.connector.objects.get(&rule.object).and_then(|object| object.decl.identity.as_ref());
    let own = rule.fields.iter().flat_map(|field| std::iter::once(&field.field).chain(&field.else_to));
    own.map(String::as_str).chain(identity.map(|identity| identity.field.as_str()))
}
