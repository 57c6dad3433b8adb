//! The demo's world: an example that ships, copied to a folder of its own, and the stand-ins that it speaks to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::ConnectorDecl;
use aftercall_config::project::Source;
use aftercall_config::source::Document;
use aftercall_sandbox::Sandbox;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::intake::take;
use crate::journal::ArrivalKind;
use crate::service::Service;

/// The ports that the examples are written for, in the order of `aftercall sandbox salesforce hubspot google-calendar --port 9001`.
const SYSTEMS: [(&str, u16); 3] = [("salesforce", 9001), ("hubspot", 9002), ("google-calendar", 9003)];

/// A project with its stand-ins.
pub(super) struct World {
    root: PathBuf,
    /// Removed at the end unless it is kept.
    temporary: bool,
    sandboxes: Vec<Sandbox>,
    crm: usize,
}

/// One payload of a voice platform.
pub(super) struct Payload {
    /// The file's name.
    pub(super) file: String,
    /// The platform.
    pub(super) source: String,
    /// Which part of the scenario it belongs to.
    pub(super) group: String,
    /// As it arrives.
    pub(super) body: Vec<u8>,
}

impl Payload {
    pub(super) fn source(&self, service: &Service) -> anyhow::Result<Arc<Source>> {
        service.project.sources.get(&self.source).cloned().ok_or_else(|| anyhow::anyhow!("the example has no source {}", self.source))
    }

    /// What the payload says, in our own form.
    pub(super) fn outcome(&self, service: &Service) -> anyhow::Result<CallOutcome> {
        let source = self.source(service)?;
        match take(&service.project, &source, self.body.clone(), Timestamp::now(), &|_| Vec::new()).arrival.kind {
            ArrivalKind::Call(call) => Ok(call.outcome.read()?),
            _ => anyhow::bail!("{} is no finished call", self.file),
        }
    }
}

impl World {
    /// Starts fresh stand-ins and copies the example, pointed at them.
    pub(super) async fn start(example: &str, keep: Option<&Path>) -> anyhow::Result<Self> {
        let root = match keep {
            Some(dir) => dir.join(example),
            None => std::env::temp_dir().join(format!("aftercall-demo-{}-{example}", std::process::id())),
        };
        anyhow::ensure!(!root.join("aftercall.toml").exists(), "{} holds a project already; choose another folder", root.display());
        let mut sandboxes = Vec::new();
        for (name, _) in SYSTEMS {
            let vendor = aftercall_sandbox::vendor(name).ok_or_else(|| anyhow::anyhow!("no stand-in for {name}"))?;
            sandboxes.push(Sandbox::start(vendor, 0).await?);
        }
        let crm = usize::from(example == "hubspot-desk");
        let world = Self { root, temporary: keep.is_none(), sandboxes, crm };
        world.copy(example)?;
        let records: Value = serde_json::from_slice(&file("front-desk", "records.json")?)?;
        let records = if crm == 0 { records } else { as_hubspot(&records) };
        world.crm().load(&records).map_err(|e| anyhow::anyhow!("loading records: {e}"))?;
        Ok(world)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn crm(&self) -> &Sandbox {
        &self.sandboxes[self.crm]
    }

    pub(super) fn calendar(&self) -> &Sandbox {
        &self.sandboxes[2]
    }

    pub(super) fn addresses(&self) -> String {
        self.sandboxes.iter().map(|s| format!("  {:<16} {}\n", s.name(), s.origin())).collect()
    }

    /// The example's files, with the stand-ins' addresses for the ports that it was written for, and credentials from files.
    fn copy(&self, example: &str) -> anyhow::Result<()> {
        for (path, bytes) in crate::load::example(example) {
            let mut text = String::from_utf8_lossy(bytes).into_owned();
            if path.ends_with(".toml") {
                for ((_, port), sandbox) in SYSTEMS.iter().zip(&self.sandboxes) {
                    text = text.replace(&format!("http://127.0.0.1:{port}"), &sandbox.origin());
                }
                text = text.replace("\"env:", "\"file:secrets/");
            }
            write(&self.root.join(path), text.as_bytes())?;
        }
        let text = std::fs::read_to_string(self.root.join("aftercall.toml"))?;
        let project = Document::parse("aftercall.toml", &text.into(), &mut Vec::new()).value;
        for connection in project["connection"].as_object().into_iter().flatten().map(|(_, c)| c) {
            let path = format!("mappings/{}/connector.toml", connection["system"].as_str().unwrap_or_default());
            let shipped = crate::load::shipped();
            let Some(text) = shipped.get(&path) else { continue };
            let connector: ConnectorDecl = serde_json::from_value(Document::parse(&path, text, &mut Vec::new()).value)?;
            let known = connector.starter.map(|s| s.auth).unwrap_or_default();
            for (key, reference) in connection["auth"].as_object().into_iter().flatten() {
                if let (Some(file), Some(value)) = (reference.as_str().and_then(|r| r.strip_prefix("file:")), known.get(key)) {
                    write(&self.root.join(file), value.as_bytes())?;
                }
            }
        }
        Ok(())
    }

    /// The payloads of the scenario, in order.
    pub(super) fn payloads(&self) -> anyhow::Result<Vec<Payload>> {
        let index: Vec<Value> = serde_json::from_slice(&file("front-desk", "calls/index.json")?)?;
        index
            .iter()
            .map(|entry| {
                let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
                let body = file("front-desk", &format!("calls/{}", text("file")))?;
                Ok(Payload { file: text("file"), source: text("source"), group: text("group"), body })
            })
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, bytes).map_err(|e| anyhow::anyhow!("writing {}: {e}", path.display()))
}

fn file(example: &str, name: &str) -> anyhow::Result<Vec<u8>> {
    let found = crate::load::example(example).into_iter().find(|(path, _)| path == name);
    found.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| anyhow::anyhow!("the example {example} has no {name}"))
}

/// The same people and deals, as the other CRM keeps them.
fn as_hubspot(records: &Value) -> Value {
    let rows = |object: &str| records[object].as_array().cloned().unwrap_or_default();
    let deal_of: Map<String, Value> = rows("OpportunityContactRole")
        .iter()
        .filter_map(|role| Some((role["OpportunityId"].as_str()?.to_owned(), role["ContactId"].clone())))
        .collect();
    let id = |value: &Value| -> String {
        value.as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect::<String>().trim_start_matches('0').to_owned()
    };
    let contacts: Vec<Value> = rows("Contact")
        .iter()
        .map(|c| {
            let mut properties = Map::new();
            for (ours, theirs) in [
                ("FirstName", "firstname"),
                ("LastName", "lastname"),
                ("Phone", "phone"),
                ("MobilePhone", "mobilephone"),
                ("Email", "email"),
            ] {
                if let Some(value) = c[ours].as_str() {
                    properties.insert(theirs.to_owned(), json!(value));
                }
            }
            properties.insert("hubspot_owner_id".to_owned(), json!("7001"));
            json!({ "id": id(&c["Id"]), "properties": properties })
        })
        .collect();
    let deals: Vec<Value> = rows("Opportunity")
        .iter()
        .map(|o| {
            let contact = deal_of.get(o["Id"].as_str().unwrap_or_default()).map(id);
            json!({
                "id": id(&o["Id"]), "properties": { "dealname": o["Name"], "dealstage": "appointmentscheduled", "pipeline": "default" },
                "associations": { "contacts": contact.into_iter().collect::<Vec<_>>() },
            })
        })
        .collect();
    json!({ "contacts": contacts, "deals": deals })
}
