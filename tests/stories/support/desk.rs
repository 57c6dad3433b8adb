//! A front desk: an example that ships, copied to a folder of its own and connected to stand-ins of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aftercall_sandbox::Sandbox;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{PATIENCE, Ran, Running, aftercall, eventually, repository, rows, secret};

/// Carries the stand-ins of all stories, so that a story itself may block.
static STAND_INS: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("stand-ins").enable_all().build().expect("a runtime")
});

/// A fresh stand-in.
pub(crate) fn stand_in(name: &str) -> Sandbox {
    let vendor = aftercall_sandbox::vendor(name).expect("a stand-in of this name");
    STAND_INS.block_on(Sandbox::start(vendor, 0)).expect("a free port")
}

/// The ports that the examples are written for.
const SYSTEMS: [(&str, u16); 3] = [("salesforce", 9001), ("hubspot", 9002), ("google-calendar", 9003)];

/// What the stand-ins take, and what the stories' payloads are signed with, by the name that the examples give it.
fn known_secrets() -> Vec<(&'static str, String)> {
    let sandbox = |what: &str| format!("sandbox-{what}");
    vec![
        ("SF_CLIENT_ID", sandbox("client")),
        ("SF_CLIENT_SECRET", sandbox("secret")),
        ("SF_REFRESH_TOKEN", sandbox("refresh")),
        ("GOOGLE_CLIENT_ID", sandbox("client")),
        ("GOOGLE_CLIENT_SECRET", sandbox("secret")),
        ("GOOGLE_REFRESH_TOKEN", sandbox("refresh")),
        ("HUBSPOT_TOKEN", "pat-sandbox".to_owned()),
        ("VAPI_SECRET", secret("vapi")),
        ("RETELL_SECRET", secret("retell")),
        ("ELEVENLABS_SECRET", secret("elevenlabs")),
        ("BLAND_SECRET", secret("bland")),
        ("CALLS_TOKEN", secret("json")),
    ]
}

/// A project with its stand-ins.
pub(crate) struct Desk {
    folder: TempDir,
    /// The CRM's stand-in.
    pub(crate) crm: Sandbox,
    /// The calendar's stand-in.
    pub(crate) calendar: Sandbox,
}

/// A copy of a project in a folder of its own, connected to the stand-ins at these addresses, by name, with its secrets as files.
pub(crate) fn project(from: &Path, origins: &[(String, String)]) -> TempDir {
    let folder = TempDir::with_prefix("aftercall-story-").expect("a folder for the story");
    copy_folder(from, folder.path(), &|text| {
        let mut text = text.replace("\"env:", "\"file:secrets/");
        for (name, port) in SYSTEMS {
            if let Some((_, origin)) = origins.iter().find(|(stand_in, _)| stand_in == name) {
                text = text.replace(&format!("http://127.0.0.1:{port}"), origin);
            }
        }
        text
    });
    std::fs::create_dir_all(folder.path().join("secrets")).expect("a folder in the project");
    for (name, value) in known_secrets() {
        // As an editor leaves it, with a line break.
        std::fs::write(folder.path().join("secrets").join(name), format!("{value}\n")).expect("a secret");
    }
    folder
}

impl Desk {
    /// `examples/front-desk`, its CRM holding `records.json`.
    pub(crate) fn salesforce() -> Self {
        let desk = Self::copy("front-desk", "salesforce");
        desk.crm.load(&records()).expect("the example's records load");
        desk
    }

    /// `examples/hubspot-desk`, its CRM holding the same people and deals.
    pub(crate) fn hubspot() -> Self {
        let desk = Self::copy("hubspot-desk", "hubspot");
        desk.crm.load(&as_hubspot(&records())).expect("the example's records load");
        desk
    }

    fn copy(example: &str, crm: &'static str) -> Self {
        let (crm, calendar) = (stand_in(crm), stand_in("google-calendar"));
        let origins = [&crm, &calendar].map(|s| (s.name().to_owned(), s.origin()));
        let folder = project(&repository().join("examples").join(example), &origins);
        Self { folder, crm, calendar }
    }

    /// Tries again at once where the examples wait for seconds: a story need not.
    pub(crate) fn impatient(self) -> Self {
        let soon = "initial = \"50ms\"\nmax_interval = \"200ms\"\n";
        for connection in ["crm", "calendar"] {
            let breaker = "open_for = \"200ms\"\nopen_max = \"400ms\"\nrevoked_for = \"200ms\"\n";
            self.add("aftercall.toml", &format!("\n[connection.{connection}.breaker]\n{breaker}"));
        }
        self.add("pipelines/front-desk.toml", &format!("\n[retry.default]\n{soon}[retry.auth_revoked]\n{soon}[retry.busy]\n{soon}"));
        self
    }

    /// The project's folder.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.root().join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder in the project");
        }
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("writing {}: {e}", path.display()));
        path
    }

    /// Changes a file of the project; what is replaced must be there.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let file = self.root().join(path);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("reading {path}: {e}"));
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// Adds to the end of a file of the project.
    pub(crate) fn add(&self, path: &str, more: &str) {
        let text = std::fs::read_to_string(self.root().join(path)).unwrap_or_else(|e| panic!("reading {path}: {e}"));
        self.write(path, &(text + more));
    }

    /// Runs `aftercall ARGS` in the project.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        aftercall(self.root(), args, b"")
    }

    /// `aftercall sync` over these calls, to the end.
    #[track_caller]
    pub(crate) fn sync(&self, calls: &[Value]) -> Ran {
        aftercall(self.root(), &["sync", "-", "--wait", "60s"], &lines(calls))
    }

    /// `aftercall sync` over one payload of the example.
    #[track_caller]
    pub(crate) fn sync_payload(&self, file: &str, source: &str) -> Ran {
        self.run(&["sync", &format!("calls/{file}"), "--source", source, "--wait", "60s"])
    }

    /// `aftercall plan` over these calls, as JSON.
    #[track_caller]
    pub(crate) fn plan(&self, calls: &[Value]) -> Value {
        let ran = aftercall(self.root(), &["plan", "-", "--format", "json"], &lines(calls)).exits(0);
        ran.json()
    }

    /// Starts the service.
    #[track_caller]
    pub(crate) fn serve(&self) -> Running {
        Running::start(self.root())
    }

    /// The call log, as JSON.
    #[track_caller]
    pub(crate) fn calls(&self) -> Value {
        self.run(&["calls", "--format", "json", "--limit", "1000"]).exits(0).json()
    }

    /// Each call's status, by its id.
    #[track_caller]
    pub(crate) fn statuses(&self) -> BTreeMap<String, String> {
        let calls = self.calls();
        let word = |call: &Value, key: &str| call[key].as_str().unwrap_or_default().to_owned();
        calls["calls"].as_array().into_iter().flatten().map(|call| (word(call, "id"), word(call, "status"))).collect()
    }

    /// One call's whole story, as JSON.
    #[track_caller]
    pub(crate) fn story(&self, id: &str) -> Value {
        self.run(&["show", id, "--format", "json"]).exits(0).json()["story"].take()
    }

    /// A call's status, from its story.
    #[track_caller]
    pub(crate) fn status(&self, id: &str) -> String {
        self.story(id)["call"]["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until so many calls are there and none of them waits any more.
    #[track_caller]
    pub(crate) fn settled(&self, calls: usize) -> BTreeMap<String, String> {
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            let statuses = self.statuses();
            if statuses.len() >= calls && statuses.values().all(|status| status != "waiting") {
                assert_eq!(statuses.len(), calls, "{statuses:?}");
                return statuses;
            }
            assert!(std::time::Instant::now() < end, "{calls} calls did not settle: {statuses:?}\n{}", self.run(&["calls"]).seen());
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// Rows of the CRM.
    pub(crate) fn crm_rows(&self, object: &str) -> Vec<Value> {
        rows(&self.crm.records(), object)
    }

    /// Entries of the call log in Salesforce.
    pub(crate) fn logged(&self) -> Vec<Value> {
        self.crm_rows("Task").into_iter().filter(|task| task["TaskSubtype"] == "Call").collect()
    }

    /// To-dos in Salesforce.
    pub(crate) fn to_dos(&self) -> Vec<Value> {
        self.crm_rows("Task").into_iter().filter(|task| task["TaskSubtype"] != "Call").collect()
    }

    /// Events in the calendar that stand.
    pub(crate) fn events(&self) -> Vec<Value> {
        rows(&self.calendar.records(), "events").into_iter().filter(|event| event["status"] != "cancelled").collect()
    }

    /// Waits until the CRM's stand-in was asked so often for something whose path holds this.
    #[track_caller]
    pub(crate) fn asked(&self, path: &str, times: usize) {
        let what = format!("{times} requests for {path}");
        eventually(&what, || (self.crm.requests().iter().filter(|r| r.path.contains(path)).count() >= times).then_some(()));
    }

    /// How often a stand-in was asked for a token.
    pub(crate) fn token_requests(stand_in: &Sandbox) -> usize {
        stand_in.requests().iter().filter(|r| r.path.ends_with("/token")).count()
    }
}

/// Calls as JSONL.
fn lines(calls: &[Value]) -> Vec<u8> {
    calls.iter().map(|call| format!("{call}\n")).collect::<String>().into_bytes()
}

/// What the example's CRM holds before the first call.
fn records() -> Value {
    let text = std::fs::read_to_string(repository().join("examples/front-desk/records.json")).expect("the example has records");
    serde_json::from_str(&text).expect("they are JSON")
}

fn copy_folder(from: &Path, to: &Path, change: &dyn Fn(&str) -> String) {
    std::fs::create_dir_all(to).expect("a folder in the project");
    let entries = std::fs::read_dir(from).unwrap_or_else(|e| panic!("reading {}: {e}", from.display()));
    for entry in entries.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            // What a person who tried the example left there is not part of it; and a lock would judge what stories do to mappings.
            if entry.file_name() != "state" && entry.file_name() != "schema" {
                copy_folder(&path, &target, change);
            }
        } else {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()));
            let text = if path.extension().is_some_and(|e| e == "toml") { change(&text) } else { text };
            std::fs::write(&target, text).expect("a file in the project");
        }
    }
}

/// The same people and deals, as the other CRM keeps them.
fn as_hubspot(records: &Value) -> Value {
    let id = |value: &Value| {
        value.as_str().unwrap_or_default().trim_matches(|c: char| !c.is_ascii_digit()).trim_start_matches("00").replace("5e", "5")
    };
    let contacts: Vec<Value> = rows(records, "Contact")
        .iter()
        .map(|contact| {
            let names = [
                ("FirstName", "firstname"),
                ("LastName", "lastname"),
                ("Phone", "phone"),
                ("MobilePhone", "mobilephone"),
                ("Email", "email"),
            ];
            let properties: Map<String, Value> = names
                .iter()
                .filter(|(ours, _)| contact[*ours].is_string())
                .map(|(ours, theirs)| ((*theirs).to_owned(), contact[*ours].clone()))
                .collect();
            json!({ "id": id(&contact["Id"]), "properties": properties })
        })
        .collect();
    let deals: Vec<Value> = rows(records, "Opportunity")
        .iter()
        .zip(rows(records, "OpportunityContactRole"))
        .map(|(deal, role)| {
            json!({
                "id": id(&deal["Id"]), "properties": { "dealname": deal["Name"], "dealstage": "appointmentscheduled", "pipeline": "default" },
                "associations": { "contacts": [id(&role["ContactId"])] },
            })
        })
        .collect();
    json!({ "contacts": contacts, "deals": deals })
}
