//! Every action of every connector that ships, with each of its requests sent twice, and with each answer lost once: what stands in the system
//! in the end is the same as with once.
//!
//! The actions come from the manifests: a request that a manifest declares and no run has sent is a failure, so a new connector is covered
//! as soon as it has a stand-in, and a new mechanism cannot be forgotten. Writes go the way of `work`; what only a person sets off (links
//! that move, a merge, a time that is given back) goes through the same `Writer` and is asked for again until it has landed, as `work` does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercall::connect::{Answer, Connections, Http, LinkTarget, MemoryTokens, Outgoing, OutgoingOp, Prepared, SendError, Transport};
use aftercall::journal::CallStatus;
use aftercall_config::project::Connection;
use aftercall_plan::context::Record;
use aftercall_plan::matching::Query;
use aftercall_sandbox::{FaultKind, FaultSpec, Sandbox};
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support::{Inside, call, repository, slot};

/// The header by which the wire knows which request of the manifest it carries.
const ACTION: &str = "x-action";

/// What happens to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Calm,
    /// Each arrives twice; the first answer comes back.
    TwiceFirst,
    /// Each arrives twice; the second answer comes back.
    TwiceSecond,
    /// The answer to this one, counted from 0, is lost.
    Lost(usize),
}

/// The network, with its weather.
struct Wire {
    http: Http,
    weather: Weather,
    /// The actions carried so far, in order.
    carried: Mutex<Vec<String>>,
}

impl Wire {
    fn new(weather: Weather) -> Arc<Self> {
        Arc::new(Self { http: Http::new().expect("a client"), weather, carried: Mutex::default() })
    }

    fn carried(&self) -> Vec<String> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Transport for Wire {
    fn send(&self, request: Prepared) -> futures_util::future::BoxFuture<'_, Result<Answer, SendError>> {
        let action = request.headers.get(ACTION).and_then(|action| action.to_str().ok()).unwrap_or("token").to_owned();
        let number = {
            let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
            carried.push(action);
            carried.len() - 1
        };
        Box::pin(async move {
            let first = self.http.send(request.clone()).await;
            match self.weather {
                Weather::Calm => first,
                Weather::TwiceFirst => self.http.send(request).await.and(first),
                Weather::TwiceSecond => self.http.send(request).await,
                Weather::Lost(lost) if lost == number => Err(SendError::Lost("the wire was cut".to_owned())),
                Weather::Lost(_) => first,
            }
        })
    }
}

/// A manifest, each request with its own name in a header. Gives the names, too.
fn marked(table: &mut toml::Table, path: &str, actions: &mut BTreeSet<String>) {
    if table.contains_key("method") && table.contains_key("path") && !path.ends_with("item") {
        actions.insert(path.to_owned());
        let headers = table.entry("headers").or_insert_with(|| toml::Table::new().into());
        if let Some(headers) = headers.as_table_mut() {
            headers.insert(ACTION.to_owned(), path.into());
        }
        return;
    }
    for (key, value) in table.iter_mut() {
        if let Some(inner) = value.as_table_mut() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            marked(inner, &path, actions);
        }
    }
}

/// An office that has nothing but this system.
struct Office {
    folder: TempDir,
    sandbox: Sandbox,
    connection: String,
    actions: BTreeSet<String>,
}

impl Office {
    /// `packs`: whether the system's way of many writes in one request is used, where it has one.
    async fn open(system: &str, packs: bool) -> Self {
        let sandbox = Sandbox::start(aftercall_sandbox::vendor(system).expect("a stand-in"), 0).await.expect("a port");
        let folder = TempDir::with_prefix("aftercall-twice-").expect("a folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        let mappings = repository().join("mappings").join(system);
        let text = std::fs::read_to_string(mappings.join("connector.toml")).expect("a manifest");
        let mut manifest: toml::Table = text.parse().expect("TOML");
        if !packs {
            manifest.remove("pack");
        }
        manifest.insert("settle_s".to_owned(), 1.into());
        let mut actions = BTreeSet::new();
        marked(&mut manifest, "", &mut actions);
        // What every object declares for itself is never asked for in the common form.
        write(&format!("mappings/{system}/connector.toml"), &manifest.to_string());
        let starter = manifest["starter"].as_table().expect("a starter").clone();
        let connection = starter["connection"].as_str().expect("a name").to_owned();
        let mut auth = toml::Table::new();
        for (name, value) in starter["auth"].as_table().into_iter().flatten() {
            write(&format!("secrets/{name}"), value.as_str().unwrap_or_default());
            auth.insert(name.clone(), format!("file:secrets/{name}").into());
        }
        write("secrets/calls", "token");
        let mut settings = toml::Table::new();
        for (name, value) in starter.get("settings").and_then(toml::Value::as_table).into_iter().flatten() {
            settings.insert(name.clone(), value.as_str().unwrap_or_default().replace("{origin}", &sandbox.origin()).into());
        }
        let path = starter.get("path").and_then(toml::Value::as_str).unwrap_or_default();
        let wide: toml::Table = "concurrency = 1\nrate = []\n".parse().expect("TOML");
        let project = json!({
            "name": "twice", "timezone": "America/Chicago", "phone_region": "US", "store": {"url": "sqlite:state/aftercall.db"},
            "connection": {&connection: {"system": system, "base_url": format!("{}{path}", sandbox.origin()), "auth": auth, "settings": settings, "limits": wide, "breaker": {"open_for": "100ms"}}},
            "source": {"json": {"secret": "file:secrets/calls"}},
        });
        write("aftercall.toml", &toml::to_string(&project).expect("TOML"));
        let mut pipeline = format!("name = \"desk\"\nconnection = \"{connection}\"\n");
        if manifest.contains_key("find") {
            pipeline.push_str("[match]\nuse = \"person\"\non_ambiguous = \"create-and-review\"\non_no_identity = \"create\"\n");
        }
        let mut files: Vec<String> =
            std::fs::read_dir(&mappings).expect("mappings").flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        // The caller's own record comes first: the others belong to it.
        files.sort_by_key(|file| (!file.starts_with("contact"), file.clone()));
        for file in files.iter().filter(|file| *file != "connector.toml") {
            let text = std::fs::read_to_string(mappings.join(file)).expect("a mapping");
            let mapping: toml::Table = text.parse().expect("TOML");
            let object = mapping["object"].as_str().expect("an object");
            // Of a record without an identity nobody can tell whether it is there: a lost answer waits for a person, and that is another story.
            if !manifest["object"][object].as_table().is_some_and(|object| object.contains_key("identity")) {
                continue;
            }
            let id = file.trim_end_matches(".toml").replace('-', "_");
            pipeline.push_str(&format!("[[write]]\nid = \"{id}\"\nmapping = \"{system}/{}\"\n", file.trim_end_matches(".toml")));
            if text.contains("route.") {
                pipeline.push_str("route = \"desk\"\n");
            }
        }
        pipeline.push_str("[[route.desk]]\nowner = \"user:ana@acme.example\"\ndue = \"next business day 10:00\"\n");
        for class in ["default", "busy", "rate_limited"] {
            pipeline.push_str(&format!("[retry.{class}]\ninitial = \"50ms\"\nmax_interval = \"100ms\"\nrespect_retry_after = false\n"));
        }
        write("pipelines/desk.toml", &pipeline);
        if let Some((_, records)) = held(system) {
            sandbox.load(&records).expect("they load");
        }
        Self { folder, sandbox, connection, actions }
    }
}

/// A contact with what no call makes, by its id, in systems that are asked about it separately.
fn held(system: &str) -> Option<(&'static str, Value)> {
    let deal = json!({"dealname": "Held", "dealstage": "appointmentscheduled", "pipeline": "default"});
    let records = json!({
        "contacts": [{"id": "100900", "properties": {"lastname": "Held", "phone": "+15125559900"}}],
        "deals": [{"id": "100950", "properties": deal, "associations": {"contacts": ["100900"]}}],
    });
    (system == "hubspot").then_some(("100900", records))
}

fn first_word(id: &str, hour: i8) -> Value {
    let caller = json!({"phone": "+15125590101", "name": "Tess Newman", "email": "tess@newman.example"});
    call(
        id,
        json!({"outcome": "complaint", "started_at": "2026-11-20T17:02:11Z", "caller": caller, "appointment": slot(hour), "follow_up": {"reason": "Ring back"}}),
    )
}

/// Everything that the system can be asked to do, under this weather. The records in the end, and what was carried.
async fn day(system: &str, packs: bool, weather: Weather) -> (Value, Vec<String>, BTreeSet<String>) {
    let office = Office::open(system, packs).await;
    let wire = Wire::new(weather);
    let inside = Inside::open(office.folder.path(), wire.clone(), Arc::new(Timestamp::now)).await;
    let landed = async |count: usize| {
        let calls = inside.settle(Duration::from_secs(30)).await;
        let open: Vec<_> =
            calls.iter().filter(|call| call.status != CallStatus::Landed).map(|c| (&c.id, c.status, &c.status_reason)).collect();
        assert!(open.is_empty() && calls.len() == count, "{system}, {weather:?}: {open:?}");
    };
    // New records, each in its way; then the same call in other words, and the same caller once more.
    inside.take(&first_word("c-1", 9)).await;
    landed(1).await;
    let mut amended = first_word("c-1", 9);
    amended["summary"] = json!("Asked when the office is open, and was not pleased.");
    inside.take(&amended).await;
    landed(1).await;
    let mut again = first_word("c-2", 11);
    again["caller"]["callback_phone"] = json!("+15125590199");
    inside.take(&again).await;
    landed(2).await;
    let mut other = first_word("c-3", 14);
    other["caller"] = json!({"phone": "+15125590777", "name": "Bruno Lindmon", "email": "bruno@lindmon.example"});
    inside.take(&other).await;
    landed(3).await;

    let connection = inside.project.connections[&office.connection].clone();
    let made = async |call: &str, object: &str| {
        let story = inside.story(call).await;
        story.writes.iter().find(|write| write.object == object).and_then(|write| write.record_id.clone())
    };
    // What moves when a person says whose record it is.
    let find = connection.connector.decl.find.as_ref().map(|find| find.object.clone());
    if let Some(contact) = &find {
        let (Some(one), Some(two)) = (made("json:c-1", contact).await, made("json:c-3", contact).await) else {
            panic!("{system} has no contacts")
        };
        for (object, known) in &connection.connector.objects {
            let Some(record) = made("json:c-3", object).await.filter(|_| object != contact) else { continue };
            for (link, _) in known.decl.links.iter().filter(|(_, link)| link.to == *contact) {
                let (links, leaves) = (vec![(link.clone(), LinkTarget::Id(one.clone()))], vec![(link.clone(), two.clone())]);
                until_landed(&inside, &connection, out(object, OutgoingOp::Update { id: record.clone() }, links, leaves)).await;
            }
        }
        if connection.connector.objects[contact].merge.is_some() {
            let merge = OutgoingOp::Merge { id: one.clone(), other: two.clone() };
            until_landed(&inside, &connection, out(contact, merge, Vec::new(), Vec::new())).await;
        }
    }
    for (object, _) in connection.connector.objects.iter().filter(|(_, known)| known.booking.is_some()) {
        let event = made("json:c-3", object).await.expect("an appointment");
        for tries in 0.. {
            match inside.connections.writer().withdraw(&connection, object, &event).await {
                Ok(()) => break,
                Err(failure) => assert!(tries < 3, "{system}, {weather:?}: withdraw: {failure}"),
            }
        }
    }
    reads(&inside, &connection, find.as_deref(), &made("json:c-1", find.as_deref().unwrap_or_default()).await).await;
    if let Some(contact) = &find {
        let mut known = Vec::new();
        for call in ["json:c-1", "json:c-3"] {
            known.extend(made(call, contact).await);
        }
        known.extend(held(system).map(|(id, _)| id.to_owned()));
        together(&inside, &connection, contact, &known).await;
    }
    if weather == Weather::Calm {
        is_it_back(&office, &connection, wire.clone()).await;
    }
    let mut actions = office.actions;
    // What makes records that nobody can tell apart, and nothing else, has no second time: it waits for a person, see `outages`.
    if connection.connector.objects.values().filter(|known| known.decl.identity.is_some()).all(|known| known.create_is_upsert) {
        actions.remove("write.create");
    }
    (canonical(&office.sandbox.records()), wire.carried(), actions)
}

fn out(object: &str, op: OutgoingOp, links: Vec<(String, LinkTarget)>, leaves: Vec<(String, String)>) -> Outgoing {
    Outgoing { write_id: "moved".to_owned(), object: object.to_owned(), op, fields: Vec::new(), links, leaves, again: false }
}

/// As `work` does: what is not certain, and what has changed meanwhile, is asked for again.
async fn until_landed(inside: &Inside, connection: &Arc<Connection>, out: Outgoing) {
    for tries in 0.. {
        match inside.connections.writer().send(connection, vec![out.clone()]).await.remove(0).result {
            Ok(_) => return,
            Err(failure) => assert!(tries < 3, "{out:?}: {failure}: {}", failure.message),
        }
    }
}

/// Reads that no call needs: everybody, a record that is gone, a look for a marker.
async fn reads(inside: &Inside, connection: &Arc<Connection>, contact: Option<&str>, id: &Option<String>) {
    let reader = inside.connections.reader();
    let connector = &connection.connector;
    for (object, known) in &connector.objects {
        if known.decl.identity.is_some() {
            reader.probe(connection, object, "acabcdefghijklmnopqrstuv0123456789").await.expect("a look");
        }
        reader.described(connection, object).await.expect("what it tells of its fields");
    }
    let (Some(contact), Some(id)) = (contact, id) else { return };
    let fields: Vec<String> = connector.objects[contact].decl.roles.values().flatten().cloned().collect();
    let fields = IndexMap::from([(contact.to_owned(), fields)]);
    reader.everybody(connection, None, &fields).await.expect("everybody");
    let record = Record { id: id.clone(), object: contact.to_owned(), fields: Map::new() };
    reader.related(connection, &record, &[], &fields).await.expect("lists");
    let last = id.rfind(|c: char| c.is_ascii_digit()).expect("a number in an id");
    let nobody = format!("{}{}{}", &id[..last], if &id[last..=last] == "9" { "8" } else { "9" }, &id[last + 1..]);
    let nobody = format!("{}7{}", &nobody[..last - 1], &nobody[last..]);
    reader.read(connection, contact, &nobody, &[]).await.expect("a read");
}

/// What calls of a crowd ask, two of them here: new contacts and changed ones in one request each, searches, and lists about contacts.
async fn together(inside: &Inside, connection: &Arc<Connection>, contact: &str, known: &[String]) {
    let roles = &connection.connector.objects[contact].decl.roles;
    let field = |role: &str, value: &str| (roles[role][0].clone(), json!(value));
    let write = |op: OutgoingOp, last_name: &str, phone: &str| {
        let fields = vec![field("last_name", last_name), field("phone", phone)];
        Outgoing { fields, ..out(contact, op, Vec::new(), Vec::new()) }
    };
    let (phones, crowd) = (["+15125559001", "+15125559002"], inside.connections.crowd());
    let both = async |writes: [Outgoing; 2]| -> Vec<String> {
        for _ in 0..4 {
            let members = [crowd.enter(), crowd.enter()];
            let sends = members.into_iter().zip(writes.clone()).map(|(member, write)| {
                let writer = inside.connections.writer();
                member.work(async move { writer.send(connection, vec![write]).await.remove(0).result })
            });
            let landed: Result<Vec<_>, _> = futures_util::future::join_all(sends).await.into_iter().collect();
            if let Ok(landed) = landed {
                return landed.into_iter().map(|landed| landed.id).collect();
            }
        }
        panic!("{writes:?} did not land")
    };
    let new = |n: usize| write(OutgoingOp::Create { marker: format!("acmany{n}") }, "Many", phones[n]);
    let ids = both([new(0), new(1)]).await;
    let changed = |n: usize| write(OutgoingOp::Update { id: ids[n].clone() }, "Changed", phones[n]);
    assert_eq!(both([changed(0), changed(1)]).await, ids);
    let fields = IndexMap::from([(contact.to_owned(), roles.values().flatten().cloned().collect::<Vec<_>>())]);
    let members = [crowd.enter(), crowd.enter()];
    let finds = members.into_iter().zip(phones).map(|(member, phone)| {
        let national = vec![phone.trim_start_matches("+1").to_owned()];
        let query =
            Query { e164: vec![phone.to_owned()], phones: vec![phone.to_owned()], digits: national.clone(), national, ..Query::default() };
        let (reader, fields) = (inside.connections.reader(), &fields);
        member.work(async move { reader.find(connection, &query, fields).await.expect("a search") })
    });
    futures_util::future::join_all(finds).await;
    let members: Vec<_> = known.iter().map(|_| crowd.enter()).collect();
    let lists = members.into_iter().zip(known).map(|(member, id)| {
        let record = Record { id: id.clone(), object: contact.to_owned(), fields: Map::new() };
        let (reader, fields) = (inside.connections.reader(), &fields);
        member.work(async move { reader.related(connection, &record, &[], fields).await.expect("lists") })
    });
    futures_util::future::join_all(lists).await;
}

/// The small read that asks whether a system is back, over a connection that has just found it away.
async fn is_it_back(office: &Office, connection: &Arc<Connection>, wire: Arc<Wire>) {
    let fresh = Connections::new(wire, office.folder.path(), Arc::new(MemoryTokens::default()));
    let away = || fresh.left_alone(&office.connection).is_some();
    office.sandbox.fault(FaultSpec::new(FaultKind::Down));
    for (object, known) in connection.connector.objects.iter().filter(|(_, known)| known.decl.identity.is_some()).cycle().take(20) {
        if !away() && known.read.is_some() {
            let _ = fresh.reader().read(connection, object, "acabcdefghijklmnopqrstuv0123456789", &[]).await;
        }
    }
    assert!(away(), "a system that is down is left alone");
    office.sandbox.clear_faults();
    while away() {
        if let Some(next) = fresh.probe_due().await {
            tokio::time::sleep_until(next).await;
        }
    }
}

/// Records as they can be held against those of another run: ids by the order in which they came, and nothing of when.
fn canonical(records: &Value) -> Value {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (object, list) in records.as_object().into_iter().flatten() {
        for row in list.as_array().into_iter().flatten() {
            let id = row.get("id").or_else(|| row.get("Id")).and_then(Value::as_str);
            if let Some(id) = id {
                let number = names.len();
                names.entry(id.to_owned()).or_insert_with(|| format!("{object} {number}"));
            }
        }
    }
    let mut all = records.clone();
    rename(&mut all, &names);
    all
}

fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    /// What counts writes and not what they say.
    const COUNTS: [&str; 3] = ["sequence", "etag", "iCalUID"];
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !COUNTS.contains(&name.as_str()));
            members.values_mut().for_each(|inner| rename(inner, names));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| rename(inner, names)),
        Value::String(text) => {
            let parsed = text.parse::<Timestamp>().or_else(|_| text.replace("+0000", "Z").parse::<Timestamp>());
            let recent = |time: Timestamp| time.duration_since(Timestamp::now()).abs() < SignedDuration::from_hours(1);
            if let Some(name) = names.get(text.as_str()) {
                text.clone_from(name);
            } else if parsed.is_ok_and(recent) {
                "just now".clone_into(text);
            } else {
                for (id, name) in names.iter().filter(|(id, _)| id.len() > 6) {
                    *text = text.replace(id.as_str(), name);
                }
            }
        }
        _ => {}
    }
}

/// All weathers for a system.
fn every_action(system: &'static str, packs: bool) -> (BTreeSet<String>, BTreeSet<String>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (calm, carried, actions) = day(system, packs, Weather::Calm).await;
        let mut weathers = vec![Weather::TwiceFirst, Weather::TwiceSecond];
        weathers.extend((0..carried.len()).map(Weather::Lost));
        let mut seen: BTreeSet<String> = carried.iter().cloned().collect();
        for some in weathers.chunks(16) {
            let days = some.iter().map(|weather| async move { (*weather, tokio::spawn(day(system, packs, *weather)).await) });
            for (weather, done) in futures_util::future::join_all(days).await {
                let (records, carried, _) = done.unwrap_or_else(|_| panic!("{system}, packs {packs}, {weather:?} came to no end"));
                let what =
                    if let Weather::Lost(number) = weather { carried.get(number).cloned().unwrap_or_default() } else { String::new() };
                let (is, wanted) = (pretty(&records), pretty(&calm));
                let differ = is.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
                assert!(is == wanted, "{system}, packs {packs}, {weather:?} {what}: {differ:?} in\n{is}");
                seen.extend(carried);
            }
        }
        (actions, seen)
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// Story: whatever the network does to a request of any connector that ships, what stands there is the same, and no action is left out.
#[test]
fn every_action_twice() {
    std::thread::scope(|threads| {
        for system in aftercall_sandbox::NAMES {
            threads.spawn(move || {
                let (actions, mut seen) = every_action(system, true);
                if actions.contains("pack.request") {
                    seen.extend(every_action(system, false).1);
                }
                let unseen: Vec<&String> = actions.difference(&seen).collect();
                assert!(unseen.is_empty(), "mappings/{system}/connector.toml declares requests that this story never sends: {unseen:?}");
            });
        }
    });
}
