//! What was expected against what came: each difference with its place in the test, the line of the config that decided, and what would mend the
//! expectation.
//!
//! Not for how it looks: that is the edge's `view`.

use std::collections::BTreeMap;

use aftercall_config::config_test::ConfigTest;
use aftercall_config::decl::{TestDecl, TestFieldDecl, TestFieldIs, TestOp, TestWriteDecl};
use aftercall_config::functions::{text, timestamp};
use aftercall_config::project::{Origin, Project};
use aftercall_config::source::{KeyPath, Step};
use serde_json::{Map, Value, json};

use super::run::Ran;
use crate::model::{FieldChange, FieldVerdict, LinkTo, Op, Plan, Write};

/// One expectation that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// Its key path inside the test.
    pub at: KeyPath,
    /// What it is about: `contact.FirstName`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Why, where the plan says so.
    pub because: Option<String>,
    /// The line of the config that decided.
    pub origin: Option<Origin>,
    /// What would make the expectation hold.
    pub fix: Fix,
}

/// How an expectation is brought up to date.
#[derive(Clone, Debug, PartialEq)]
pub enum Fix {
    /// This value stands at the place.
    Set(Value),
    /// The expectation goes.
    Remove,
    /// One more `[[test.expect.write]]`.
    Add(Value),
    /// Only a person can tell.
    Nobody,
}

/// The id of a colleague in a test: the one that it names, `None` for somebody whom the system does not know, else `user:ADDRESS`.
pub fn user_id(test: &TestDecl, connection: &str, email: &str) -> Option<String> {
    let named =
        test.users.iter().find(|(who, _)| who.eq_ignore_ascii_case(email) || who.eq_ignore_ascii_case(&format!("{connection}/{email}")));
    match named {
        Some((_, id)) => Some(id.clone()).filter(|id| !id.is_empty()),
        None => Some(format!("user:{email}")),
    }
}

/// Holds a test's expectations against what came. Empty where all of them hold.
pub fn judge(project: &Project, test: &ConfigTest, ran: &Ran) -> Vec<Miss> {
    let mut judge = Judge { project, test: &test.decl, misses: Vec::new() };
    judge.all(ran);
    judge.misses
}

/// Everything that came, as expectations: what a new test is written with. Texts longer than `longest` are expected by their beginning.
pub fn expectation(project: &Project, ran: &Ran, longest: usize) -> Value {
    let mut expect = Map::new();
    let Some((pipeline, plan)) = ran.pipeline.as_ref().zip(ran.plan.as_ref()) else { return json!({"pipeline": "none"}) };
    expect.insert("pipeline".to_owned(), json!(pipeline.name));
    expect.insert("match".to_owned(), json!(plan.decision.verdict.as_str()));
    if let Some(contact) = &plan.decision.contact {
        expect.insert("contact".to_owned(), json!(contact));
    }
    let requests: Map<String, Value> = ran.requests.iter().map(|r| (r.connection.clone(), json!(r.reads + r.writes))).collect();
    expect.insert("requests".to_owned(), Value::Object(requests));
    expect.insert("exact".to_owned(), json!(true));
    let writes: Vec<Value> =
        plan.writes.iter().filter(|write| !matches!(write.op, Op::Merge { .. })).map(|w| of_write(project, w, longest)).collect();
    expect.insert("write".to_owned(), Value::Array(writes));
    Value::Object(expect)
}

fn of_write(project: &Project, write: &Write, longest: usize) -> Value {
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(write.id));
    out.insert("op".to_owned(), json!(op(write).as_str()));
    if let Some(record) = record(write) {
        out.insert("record".to_owned(), json!(record));
    }
    if let Some(routed) = write.routed.as_ref().filter(|_| is_done(write)) {
        let owner = routed.owner.as_ref().map(text);
        for (key, value) in [("owner", &owner), ("due", &routed.due), ("priority", &routed.priority)] {
            if let Some(value) = value {
                out.insert(key.to_owned(), json!(value));
            }
        }
    }
    let links: Map<String, Value> = write.links.iter().map(|link| (link.link.clone(), json!(other_end(&link.to)))).collect();
    if !links.is_empty() {
        out.insert("links".to_owned(), Value::Object(links));
    }
    let marker = identity(project, write);
    let mut fields = Map::new();
    for change in &write.fields {
        if Some(change.field.as_str()) != marker && !fields.contains_key(&change.field) && change.verdict != FieldVerdict::Absent {
            fields.insert(change.field.clone(), of_field(change, longest));
        }
    }
    if !fields.is_empty() && is_done(write) {
        out.insert("fields".to_owned(), Value::Object(fields));
    }
    Value::Object(out)
}

/// What came of a field, as it would be expected.
fn of_field(change: &FieldChange, longest: usize) -> Value {
    let after = change.after.clone().unwrap_or_default();
    match change.verdict {
        FieldVerdict::Write | FieldVerdict::Same => match after.as_str().filter(|text| text.chars().count() > longest) {
            // A line says enough of a long text, and whoever reads the test sees it whole.
            Some(long) => json!({"contains": long.lines().next().unwrap_or_default().chars().take(longest).collect::<String>().trim_end()}),
            // A table of the words of an expectation would be taken for one.
            None if after.is_object() => json!({"value": after}),
            None => after,
        },
        verdict => json!({"is": is(verdict).as_str()}),
    }
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

fn is(verdict: FieldVerdict) -> TestFieldIs {
    match verdict {
        FieldVerdict::Write => TestFieldIs::Written,
        FieldVerdict::Same => TestFieldIs::Same,
        FieldVerdict::Kept => TestFieldIs::Kept,
        FieldVerdict::Conflict => TestFieldIs::Conflict,
        FieldVerdict::Absent => TestFieldIs::Absent,
    }
}

fn op(write: &Write) -> TestOp {
    match write.op {
        Op::Create { .. } => TestOp::Create,
        Op::Update { .. } => TestOp::Update,
        Op::Merge { .. } => TestOp::Merge,
        Op::Nothing { .. } => TestOp::Nothing,
        Op::Blocked { .. } => TestOp::Blocked,
        Op::Skipped { .. } => TestOp::Skipped,
    }
}

fn is_done(write: &Write) -> bool {
    matches!(write.op, Op::Create { .. } | Op::Update { .. } | Op::Merge { .. })
}

fn record(write: &Write) -> Option<&str> {
    match &write.op {
        Op::Update { id } | Op::Merge { id, .. } | Op::Nothing { id: Some(id), .. } => Some(id),
        _ => None,
    }
}

fn because(write: &Write) -> Option<&str> {
    match &write.op {
        Op::Nothing { because, .. } | Op::Blocked { because } | Op::Skipped { because } => Some(because),
        _ => None,
    }
}

fn other_end(to: &LinkTo) -> &str {
    match to {
        LinkTo::Id(id) => id,
        LinkTo::Write(write) => write,
    }
}

/// The field that carries our marker, which nobody writes into a test.
fn identity<'p>(project: &'p Project, write: &Write) -> Option<&'p str> {
    let object = project.connections.get(&write.connection)?.connector.objects.get(&write.object)?;
    object.decl.identity.as_ref().map(|identity| identity.field.as_str())
}

/// As typed: a number is no text, but 1 is 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| equal(a, b))),
        _ => a == b,
    }
}

struct Judge<'a> {
    project: &'a Project,
    test: &'a TestDecl,
    misses: Vec<Miss>,
}

impl Judge<'_> {
    fn all(&mut self, ran: &Ran) {
        let expect = &self.test.expect;
        let root = vec![key("expect")];
        let at = |name: &str| [root.as_slice(), &[key(name)]].concat();
        let pipeline = ran.pipeline.as_ref().map_or("none", |pipeline| pipeline.name.as_str());
        let took = ran.pipeline.as_ref().map(|pipeline| pipeline.origin.clone());
        if let Some(wanted) = expect.pipeline.as_ref().filter(|wanted| *wanted != pipeline) {
            self.plain(at("pipeline"), "pipeline", &json!(wanted), json!(pipeline), None, took);
            // Everything else follows from it.
            return;
        }
        let Some(plan) = &ran.plan else {
            if expect.pipeline.is_none() && (!expect.write.is_empty() || expect.r#match.is_some()) {
                let why = Some("no pipeline takes this call".to_owned());
                self.miss(
                    at("pipeline"),
                    "pipeline",
                    "one that takes the call".to_owned(),
                    "none".to_owned(),
                    why,
                    None,
                    Fix::Set(json!("none")),
                );
            }
            return;
        };
        let decision = &plan.decision;
        let why = Some(decision.because.clone());
        if let Some(wanted) = expect.r#match.filter(|wanted| wanted.as_str() != decision.verdict.as_str()) {
            self.plain(at("match"), "match", &json!(wanted.as_str()), json!(decision.verdict.as_str()), why.clone(), None);
        }
        if let Some(wanted) = expect.contact.as_ref().filter(|wanted| Some(*wanted) != decision.contact.as_ref()) {
            match &decision.contact {
                Some(contact) => self.plain(at("contact"), "contact", &json!(wanted), json!(contact), why.clone(), None),
                None => self.miss(at("contact"), "contact", wanted.clone(), "no record".to_owned(), why.clone(), None, Fix::Remove),
            }
        }
        if let Some(wanted) = expect.review.filter(|wanted| *wanted != decision.review.is_some()) {
            self.plain(at("review"), "review", &json!(wanted), json!(!wanted), decision.review.clone().or(why), None);
        }
        for (connection, wanted) in &expect.requests {
            let got = ran.requests.iter().find(|r| r.connection == *connection);
            let count = got.map_or(0, |r| r.reads + r.writes);
            if count != *wanted {
                let why = got.map(|r| format!("{} to read, {} to write", r.reads, r.writes));
                let path = [at("requests").as_slice(), &[key(connection)]].concat();
                self.plain(path, &format!("requests to {connection}"), &json!(wanted), json!(count), why, None);
            }
        }
        for (index, wanted) in expect.write.iter().enumerate() {
            let here = [at("write").as_slice(), &[Step::Index(index)]].concat();
            match plan.writes.iter().find(|write| write.id == wanted.id) {
                Some(write) => self.write(wanted, write, &here),
                None => {
                    let got = format!("the pipeline `{pipeline}` has no such write");
                    self.miss([here.as_slice(), &[key("id")]].concat(), &wanted.id, "a write".to_owned(), got, None, None, Fix::Nobody);
                }
            }
        }
        if expect.exact {
            self.nothing_else(plan, &root);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one miss, in their order")]
    fn miss(&mut self, at: KeyPath, what: &str, expected: String, got: String, because: Option<String>, origin: Option<Origin>, fix: Fix) {
        self.misses.push(Miss { at, what: what.to_owned(), expected, got, because, origin, fix });
    }

    /// A value against another.
    fn plain(&mut self, at: KeyPath, what: &str, expected: &Value, got: Value, because: Option<String>, origin: Option<Origin>) {
        self.miss(at, what, expected.to_string(), got.to_string(), because, origin, Fix::Set(got));
    }

    fn write(&mut self, wanted: &TestWriteDecl, write: &Write, at: &KeyPath) {
        let below = |name: &str| [at.as_slice(), &[key(name)]].concat();
        let origin = Some(write.origin.clone());
        let why = because(write).map(str::to_owned);
        let name = |what: &str| format!("{}.{what}", write.id);
        if let Some(expected) = wanted.op.filter(|expected| *expected != op(write)) {
            self.plain(below("op"), &name("op"), &json!(expected.as_str()), json!(op(write).as_str()), why.clone(), origin.clone());
            if !is_done(write) {
                // What it would say is of no interest: it is not done.
                return;
            }
        }
        if let Some(expected) = wanted.because.as_ref().filter(|part| !why.as_ref().is_some_and(|why| why.contains(*part))) {
            let got = why.clone().map_or(Value::Null, Value::from);
            let fix = why.clone().map_or(Fix::Remove, |why| Fix::Set(json!(why)));
            self.miss(below("because"), &name("because"), json!(expected).to_string(), got.to_string(), None, origin.clone(), fix);
        }
        for (what, expected, got) in [("connection", &wanted.connection, &write.connection), ("object", &wanted.object, &write.object)] {
            if let Some(expected) = expected.as_ref().filter(|expected| *expected != got) {
                self.plain(below(what), &name(what), &json!(expected), json!(got), None, origin.clone());
            }
        }
        if let Some(expected) = wanted.record.as_ref().filter(|expected| Some(expected.as_str()) != record(write)) {
            match record(write) {
                Some(got) => self.plain(below("record"), &name("record"), &json!(expected), json!(got), why.clone(), origin.clone()),
                None => {
                    let got = "no record that is there".to_owned();
                    self.miss(below("record"), &name("record"), json!(expected).to_string(), got, why.clone(), origin.clone(), Fix::Remove);
                }
            }
        }
        self.routed(wanted, write, &below);
        for (link, expected) in &wanted.links {
            let path = [below("links").as_slice(), &[key(link)]].concat();
            match write.links.iter().find(|one| one.link == *link) {
                Some(one) if other_end(&one.to) == expected => {}
                Some(one) => self.plain(path, &name(link), &json!(expected), json!(other_end(&one.to)), None, Some(one.origin.clone())),
                None => {
                    self.miss(path, &name(link), json!(expected).to_string(), "no link".to_owned(), None, origin.clone(), Fix::Remove);
                }
            }
        }
        for (field, expected) in &wanted.fields {
            let path = [below("fields").as_slice(), &[key(field)]].concat();
            self.field(field, expected, write, path);
        }
    }

    /// Owner, due date and priority, as the write's route decided them.
    fn routed(&mut self, wanted: &TestWriteDecl, write: &Write, below: &dyn Fn(&str) -> KeyPath) {
        let routed = write.routed.as_ref();
        let origin = routed.map(|routed| routed.origin.clone()).or_else(|| Some(write.origin.clone()));
        let owner = routed.and_then(|routed| routed.owner.as_ref()).map(text);
        let (due, date) = (routed.and_then(|r| r.due.clone()), routed.and_then(|r| r.due_date.clone()));
        let priority = routed.and_then(|routed| routed.priority.clone());
        let same_owner = |wanted: &String| {
            let named = wanted.strip_prefix("user:").and_then(|email| user_id(self.test, &write.connection, email));
            owner.as_ref().is_some_and(|owner| owner == wanted || Some(owner) == named.as_ref())
        };
        let moment = |text: &String| timestamp(&Value::from(text.as_str()));
        let same_due = |wanted: &String| {
            if wanted.contains('T') { due.as_ref().is_some_and(|due| moment(due) == moment(wanted)) } else { date.as_ref() == Some(wanted) }
        };
        let day = wanted.due.as_ref().is_some_and(|due| !due.contains('T'));
        let parts = [
            ("owner", &wanted.owner, wanted.owner.as_ref().is_none_or(same_owner), owner.clone()),
            ("due", &wanted.due, wanted.due.as_ref().is_none_or(same_due), if day { date.clone() } else { due.clone() }),
            ("priority", &wanted.priority, wanted.priority.is_none() || wanted.priority == priority, priority.clone()),
        ];
        for (what, expected, holds, got) in parts {
            let Some(expected) = expected.as_ref().filter(|_| !holds) else { continue };
            let fix = got.clone().map_or(Fix::Remove, |got| Fix::Set(json!(got)));
            let got = got.map_or_else(
                || if routed.is_some() { "none".to_owned() } else { "no route decides it".to_owned() },
                |got| json!(got).to_string(),
            );
            self.miss(below(what), &format!("{}.{what}", write.id), json!(expected).to_string(), got, None, origin.clone(), fix);
        }
    }

    fn field(&mut self, name: &str, expected: &TestFieldDecl, write: &Write, at: KeyPath) {
        let what = format!("{}.{name}", write.id);
        let (said, wanted) = (expected_words(expected), expected);
        let rank = |change: &&FieldChange| match change.verdict {
            FieldVerdict::Write => 0,
            FieldVerdict::Same => 1,
            FieldVerdict::Absent => 3,
            _ => 2,
        };
        let Some(change) = write.fields.iter().filter(|change| change.field == name).min_by_key(rank) else {
            let elsewhere = matches!(wanted.is, Some(TestFieldIs::Absent));
            if !elsewhere {
                let why = because(write).map(str::to_owned);
                self.miss(at, &what, said, "nothing goes into it".to_owned(), why, Some(write.origin.clone()), Fix::Remove);
            }
            return;
        };
        let verdict = is(change.verdict);
        let value = change.after.clone().unwrap_or_default();
        let brought = matches!(verdict, TestFieldIs::Written | TestFieldIs::Same);
        let holds = wanted.is.is_none_or(|is| is == verdict)
            && wanted.value.as_ref().is_none_or(|wanted| equal(wanted, &value))
            && wanted.contains.as_ref().is_none_or(|part| text(&value).contains(part.as_str()))
            && (wanted.is.is_some() || brought);
        if holds {
            return;
        }
        let mut got = if change.after.is_some() { value.to_string() } else { "nothing".to_owned() };
        let mut why = change.because.clone();
        if !brought || wanted.is.is_some_and(|is| is != verdict) {
            let before = change.before.as_ref().map(|before| format!(", where {before} stands")).unwrap_or_default();
            why = why.or_else(|| (verdict == TestFieldIs::Absent).then(|| "the call has no such value".to_owned()));
            got = if change.after.is_some() { format!("{} ({}{before})", got, verdict.as_str()) } else { verdict.as_str().to_owned() };
        }
        let fix = fixed(wanted, change);
        self.miss(at, &what, said, got, why, Some(change.origin.clone()), Fix::Set(fix));
    }

    fn nothing_else(&mut self, plan: &Plan, root: &KeyPath) {
        let expect = &self.test.expect;
        for write in &plan.writes {
            let wanted = expect.write.iter().enumerate().find(|(_, wanted)| wanted.id == write.id);
            let Some((index, wanted)) = wanted else {
                if is_done(write) {
                    let at = [root.as_slice(), &[key("exact")]].concat();
                    let got = format!("{} of {}", op(write).as_str(), write.object);
                    let fix = Fix::Add(of_write(self.project, write, usize::MAX));
                    self.miss(at, &write.id, "not written".to_owned(), got, None, Some(write.origin.clone()), fix);
                }
                continue;
            };
            if wanted.fields.is_empty() {
                continue;
            }
            let marker = identity(self.project, write);
            let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
            for change in write.fields.iter().filter(|change| change.verdict == FieldVerdict::Write) {
                let name = change.field.as_str();
                if wanted.fields.contains_key(name) || Some(name) == marker || seen.insert(name, ()).is_some() {
                    continue;
                }
                let at = [root.as_slice(), &[key("write"), Step::Index(index), key("fields"), key(name)]].concat();
                let got = change.after.clone().unwrap_or_default().to_string();
                let fix = Fix::Set(of_field(change, usize::MAX));
                self.miss(at, &format!("{}.{name}", write.id), "not written".to_owned(), got, None, Some(change.origin.clone()), fix);
            }
        }
    }
}

/// An expectation of a field, in words.
fn expected_words(wanted: &TestFieldDecl) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(wanted.value.as_ref().map(Value::to_string));
    parts.extend(wanted.contains.as_ref().map(|part| format!("a text with {}", json!(part))));
    if let Some(is) = wanted.is {
        parts.push(if parts.is_empty() { is.as_str().to_owned() } else { format!("({})", is.as_str()) });
    }
    parts.join(" ")
}

/// The expectation in the form that it had, with what came.
fn fixed(wanted: &TestFieldDecl, change: &FieldChange) -> Value {
    let brought = matches!(change.verdict, FieldVerdict::Write | FieldVerdict::Same);
    if wanted.plain && brought {
        return of_field(change, usize::MAX);
    }
    let mut table = Map::new();
    if wanted.is.is_some() || !brought {
        table.insert("is".to_owned(), json!(is(change.verdict).as_str()));
    }
    if let Some(after) = change.after.as_ref().filter(|_| (wanted.value.is_some() && !wanted.plain) || wanted.contains.is_some()) {
        table.insert("value".to_owned(), after.clone());
    }
    Value::Object(table)
}
