//! A test in which a system fails: its call goes the real road of delivery, to stand-ins on this machine that hold the test's records, with a
//! journal in a folder of its own. Nothing leaves the machine: every connection is turned to its stand-in.
//!
//! Not for what the plan says: that is judged in memory like that of any other test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aftercall_config::call::CallOutcome;
use aftercall_config::config_test::ConfigTest;
use aftercall_config::decl::{BreakerDecl, ConnectorDecl, RetryDecl, TestBusyDecl, TestHeldDecl};
use aftercall_config::project::{Connection, Connector, Pipeline, Project, SecretRef, Source};
use aftercall_config::source::{Files, Step};
use aftercall_plan::trial::{Fix, Miss};
use aftercall_sandbox::{FaultKind, FaultSpec, Sandbox, Seed};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::intake::take_payload;
use crate::journal::Story;
use crate::service::{Service, lane_keys};

/// How long a call may take, repetitions included. Far beyond what it does take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long is waited before a repetition: a stand-in is well again at once.
const SOON: &str = "20ms";
/// What is said of a write that the call's plan does not have.
const UNPLANNED: &str = "not planned";

/// Delivers the call and holds what came against what was expected.
///
/// Errors: a sentence; a system without a stand-in, a record that the stand-in does not take, or trouble of ours.
pub(super) fn deliver(
    project: &Project,
    files: &Files,
    test: &ConfigTest,
    call: &CallOutcome,
    pipeline: &Pipeline,
) -> Result<Vec<Miss>, String> {
    let runtime = super::super::talk::runtime().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let desk = Desk::start(project, test, pipeline).await?;
        let story = desk.work(files, test, call).await.map_err(|e| format!("{e:#}"))?;
        Ok(desk.judge(test, pipeline, &story))
    })
}

/// The stand-ins of a test and its folder.
struct Desk {
    folder: PathBuf,
    project: Project,
    stand_ins: BTreeMap<String, Sandbox>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Desk {
    async fn start(project: &Project, test: &ConfigTest, pipeline: &Pipeline) -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("aftercall-test-{}-{number}", std::process::id()));
        let mut desk = Self { folder, project: project.clone(), stand_ins: BTreeMap::new() };
        let used = std::iter::once(&pipeline.connection).chain(pipeline.writes.iter().map(|write| &write.connection));
        for connection in used {
            if desk.stand_ins.contains_key(&connection.id) {
                continue;
            }
            let system = &connection.connector.decl.system;
            let vendor = aftercall_sandbox::vendor(system)
                .ok_or_else(|| format!("there is no stand-in for {system}, and a test with a `[[test.fault]]` needs one"))?;
            let stand_in = Sandbox::start(vendor, 0).await.map_err(|e| format!("starting the stand-in for {system}: {e}"))?;
            desk.stand_ins.insert(connection.id.clone(), stand_in);
        }
        desk.turn_to_stand_ins()?;
        desk.fill(test, pipeline)?;
        for fault in &test.decl.fault {
            let kind: FaultKind = serde_json::from_value(json!(fault.kind.as_str())).map_err(|e| e.to_string())?;
            // A token is refused once and at once; anything else waits for its requests.
            let next = (kind != FaultKind::ExpireToken).then(|| fault.times.unwrap_or(1));
            let spec = FaultSpec { next, path: fault.path.clone(), method: fault.method.clone(), ..FaultSpec::new(kind) };
            let stand_in = desk.stand_ins.get(&fault.connection);
            stand_in.ok_or_else(|| format!("the pipeline `{}` writes nothing to `{}`", pipeline.name, fault.connection))?.fault(spec);
        }
        Ok(desk)
    }

    /// The project with every connection turned to its stand-in, and impatient.
    fn turn_to_stand_ins(&mut self) -> Result<(), String> {
        let write = |path: &Path, text: &str| {
            path.parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(path, text))
                .map_err(|e| format!("{}: {e}", path.display()))
        };
        let mut turned: BTreeMap<String, Arc<Connection>> = BTreeMap::new();
        for (id, stand_in) in &self.stand_ins {
            let Some(connection) = self.project.connections.get(id) else { continue };
            let mut own = Connection::clone(connection);
            let decl = &connection.connector.decl;
            let starter = decl.starter.clone().ok_or_else(|| format!("{} does not say how its stand-in is reached", decl.system))?;
            own.base_url = format!("{}{}", stand_in.origin(), starter.path);
            if let Value::Object(settings) = &mut own.settings {
                for (name, value) in starter.settings {
                    let value = value.as_str().map_or(value.clone(), |text| json!(text.replace("{origin}", &stand_in.origin())));
                    settings.insert(name, value);
                }
            }
            own.grant = decl.auth.iter().find(|grant| grant.needs.iter().all(|need| starter.auth.contains_key(need))).cloned();
            own.credentials.clear();
            for (name, secret) in &starter.auth {
                let file = format!("secrets/{id}/{name}");
                write(&self.folder.join(&file), secret)?;
                own.credentials.insert(name.clone(), SecretRef::File(file));
            }
            let soon = || Some("100ms".to_owned());
            own.breaker = BreakerDecl { open_for: soon(), open_max: soon(), revoked_for: soon(), ..own.breaker };
            // What is not there by now will not come: stand-ins do nothing late.
            let decl = ConnectorDecl { settle_s: Some(0), ..connection.connector.decl.clone() };
            own.connector = Arc::new(Connector { decl, ..Connector::clone(&connection.connector) });
            turned.insert(id.clone(), Arc::new(own));
        }
        let turn = |connection: &Arc<Connection>| turned.get(&connection.id).unwrap_or(connection).clone();
        let project = &mut self.project;
        project.store_path = "state.db".to_owned();
        project.store_key = None;
        project.connections = project.connections.iter().map(|(id, connection)| (id.clone(), turn(connection))).collect();
        for pipeline in &mut project.pipelines {
            let mut own = Pipeline::clone(pipeline);
            own.connection = turn(&own.connection);
            own.retry.entry("default".to_owned()).or_default();
            hurry(&mut own.retry);
            for write in &mut own.writes {
                write.connection = turn(&write.connection);
                hurry(&mut write.retry);
            }
            *pipeline = Arc::new(own);
        }
        Ok(())
    }

    /// Puts the test's records where they belong.
    fn fill(&self, test: &ConfigTest, pipeline: &Pipeline) -> Result<(), String> {
        let callers = pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.clone()).unwrap_or_default();
        let contact = test.decl.record.iter().find(|record| record.list.is_none()).map(|record| record.id.as_str());
        // Contacts first: other records are tied to them.
        let mut records: Vec<_> = test.decl.record.iter().collect();
        records.sort_by_key(|record| record.list.is_some());
        for record in records {
            let connection = record.connection.as_ref().unwrap_or(&pipeline.connection.id);
            let object = record.object.as_ref().unwrap_or(&callers);
            let (Some(stand_in), Some(name)) = (self.stand_ins.get(connection), self.name_of(connection, object)) else { continue };
            let fields: Map<String, Value> = record.fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            let of = record.list.as_ref().and_then(|_| record.of.as_deref().or(contact));
            let seed = Seed { object: &name, id: &record.id, fields: &fields, contact: of };
            stand_in.seed(&seed).map_err(|e| format!("the stand-in for `{connection}` does not take {}: {e}", record.id))?;
        }
        test.decl.busy.iter().enumerate().try_for_each(|(number, busy)| self.take_time(busy, number))
    }

    /// Puts an entry into a calendar, in the fields that the connector's bookings go by.
    fn take_time(&self, busy: &TestBusyDecl, number: usize) -> Result<(), String> {
        let objects = self.project.connections.get(&busy.connection).map(|connection| &connection.connector.objects);
        let booked = objects.and_then(|all| all.values().find_map(|object| Some((&object.decl.name, object.decl.booking.as_ref()?))));
        let (Some((name, booking)), Some(stand_in)) = (booked, self.stand_ins.get(&busy.connection)) else { return Ok(()) };
        let mut fields = Map::new();
        fields.insert(booking.start.clone(), json!(busy.start));
        fields.insert(booking.end.clone(), json!(busy.end));
        if let Some((title, pointer)) = busy.title.as_ref().zip(booking.row_title.as_ref()) {
            fields.insert(pointer.trim_start_matches('/').replace('/', "."), json!(title));
        }
        let id = busy.id.clone().unwrap_or_else(|| format!("taken{number}"));
        let seed = Seed { object: name, id: &id, fields: &fields, contact: None };
        stand_in.seed(&seed).map_err(|e| format!("the stand-in for `{}` does not take the entry at {}: {e}", busy.connection, busy.start))
    }

    /// The system's name of an object.
    fn name_of(&self, connection: &str, object: &str) -> Option<String> {
        Some(self.project.connections.get(connection)?.connector.objects.get(object)?.decl.name.clone())
    }

    /// Takes the call in and works it to the end.
    async fn work(&self, files: &Files, test: &ConfigTest, call: &CallOutcome) -> anyhow::Result<Story> {
        let service = Service::open(&self.folder, self.project.clone(), files).await?;
        let plain = crate::load::shipped_source("json").ok_or_else(|| anyhow::anyhow!("the source for plain calls does not load"))?;
        let source = Source { name: call.source.clone(), ..Source::clone(&plain) };
        let payload = serde_json::to_value(call)?;
        let body = serde_json::to_vec(call)?;
        let taken = take_payload(&service.project, &source, body, &payload, Timestamp::now(), &|call| lane_keys(&service.project, call));
        service.journal.accept(vec![taken.arrival]).await?;
        service.settle(PATIENCE, &CancellationToken::new()).await?;
        let id = format!("{}:{}", call.source, call.id);
        service.journal.call(id).await?.ok_or_else(|| anyhow::anyhow!("the call of `{}` was not taken in", test.decl.name))
    }

    fn judge(&self, test: &ConfigTest, pipeline: &Pipeline, story: &Story) -> Vec<Miss> {
        let expect = &test.decl.expect;
        let mut misses = Vec::new();
        let mut ended = |at: Vec<Step>, what: String, wanted: &Option<String>, got: &str, because: Option<String>| {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != got) {
                let fix = if got == UNPLANNED { Fix::Nobody } else { Fix::Set(json!(got)) };
                let expected = json!(wanted).to_string();
                misses.push(Miss { at, what, expected, got: json!(got).to_string(), because, origin: None, fix });
            }
        };
        let key = |name: &str| Step::Key(name.to_owned());
        ended(
            vec![key("expect"), key("status")],
            "status".to_owned(),
            &expect.status,
            story.call.status.word(),
            story.call.status_reason.clone(),
        );
        for (index, wanted) in expect.write.iter().enumerate() {
            let at = vec![key("expect"), key("write"), Step::Index(index), key("state")];
            let row = story.writes.iter().find(|row| row.write == wanted.id);
            ended(at, format!("{}.state", wanted.id), &wanted.state, row.map_or(UNPLANNED, |row| row.state.word()), None);
        }
        for (index, wanted) in expect.record.iter().enumerate() {
            let count = self.count(wanted, pipeline);
            let expected = wanted.count.unwrap_or(1);
            if count != expected {
                misses.push(Miss {
                    at: vec![key("expect"), key("record"), Step::Index(index), key("count")],
                    what: format!("records of {}", wanted.object),
                    expected: expected.to_string(),
                    got: count.to_string(),
                    because: (!wanted.fields.is_empty()).then(|| format!("of those with {}", json!(wanted.fields))),
                    origin: None,
                    fix: Fix::Set(json!(count)),
                });
            }
        }
        misses
    }

    fn count(&self, wanted: &TestHeldDecl, pipeline: &Pipeline) -> u32 {
        let connection = wanted.connection.as_ref().unwrap_or(&pipeline.connection.id);
        let (Some(stand_in), Some(name)) = (self.stand_ins.get(connection), self.name_of(connection, &wanted.object)) else { return 0 };
        let fits = |row: &Map<String, Value>| wanted.fields.iter().all(|(field, value)| row.get(field) == Some(value));
        u32::try_from(stand_in.held(&name).iter().filter(|row| fits(row)).count()).unwrap_or(u32::MAX)
    }
}

/// Repetitions follow at once, in every class; how often, and what becomes of what is given up, stays as it is.
fn hurry(retry: &mut BTreeMap<String, RetryDecl>) {
    for policy in retry.values_mut() {
        policy.initial = Some(SOON.to_owned());
        policy.max_interval = Some(SOON.to_owned());
        policy.schedule = None;
        policy.backoff = None;
        policy.respect_retry_after = Some(false);
    }
}
