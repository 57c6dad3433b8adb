//! Every stand-in under its shipped manifest: each way in, each identity, each fault. No vendor is named here, so a
//! new one is tested as soon as it has a stand-in and a manifest.

use std::sync::Arc;
use std::time::Duration;

use aftercall_config::decl::{ConnectorDecl, ErrorClass, GrantKind};
use aftercall_config::project::Connection;
use aftercall_plan::matching::Query;
use aftercall_sandbox::{FaultKind, FaultSpec, NAMES, Sandbox, vendor};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{Check, Connections, Failure, Http, Landed, MemoryTokens, Outgoing};
use super::tiny::{connection, secrets};
use super::write::{create, update};

pub(super) struct Standin {
    pub(super) sandbox: Sandbox,
    pub(super) connection: Arc<Connection>,
    pub(super) connections: Connections,
}

impl Standin {
    /// A stand-in, let in by the manifest's way with this number, if it has so many.
    pub(super) async fn start(name: &str, way: usize) -> Option<Self> {
        let path = format!("{}/../../mappings/{name}/connector.toml", env!("CARGO_MANIFEST_DIR"));
        let manifest = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        // The answer to every request within a second keeps the faults short.
        let manifest = manifest.lines().filter(|l| !l.starts_with("timeout_s")).collect::<Vec<_>>().join("\n");
        let manifest = manifest.replacen("\ntitle", "\ntimeout_s = 1\ntitle", 1);
        let decl: ConnectorDecl = toml::from_str(&manifest).expect("a manifest");
        let grant = decl.auth.get(way)?;
        let sandbox = Sandbox::start(vendor(name).expect("a stand-in"), 0).await.expect("a port");
        let origin = sandbox.origin();
        let mut settings: Vec<String> = decl.required_settings.iter().map(|s| format!("{s} = \"primary\"")).collect();
        if decl.settings.contains_key("token_url") {
            settings.push(format!("token_url = \"{origin}/token\""));
        }
        let needs: Vec<String> = grant.needs.iter().map(|n| format!("{n} = \"file:{n}\"")).collect();
        let lines = format!("base_url = \"{origin}\"\nauth = {{ {} }}\nsettings = {{ {} }}", needs.join(", "), settings.join(", "));
        let connection = connection(&manifest, name, &lines);
        let http = Arc::new(Http::new().expect("a client"));
        let connections = Connections::new(http, secrets(), Arc::new(MemoryTokens::default()));
        Some(Self { sandbox, connection, connections })
    }

    fn fixed(&self) -> bool {
        self.connection.grant.as_ref().is_none_or(|g| matches!(g.kind, GrantKind::Token | GrantKind::Basic))
    }

    /// The first field with this role.
    pub(super) fn role(&self, object: &str, role: &str) -> Option<String> {
        self.connection.connector.decl.object.get(object)?.roles.get(role)?.first().cloned()
    }

    fn contact(&self, marker: &str) -> Option<Outgoing> {
        let text = |role: &str, value: &str| Some((self.role("contact", role)?, json!(value)));
        let email = format!("{marker}@x.example");
        let fields = [text("last_name", "Ex"), text("phone", "+15125550142"), text("email", &email)];
        let fields: Vec<(String, Value)> = fields.into_iter().flatten().collect();
        let borrowed: Vec<(&str, Value)> = fields.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        self.connection.connector.decl.object.get("contact")?;
        Some(create("contact", "contact", marker, &borrowed))
    }

    /// The object that takes time, as an entry from this hour to the next.
    fn slot(&self, marker: &str, hour: i64) -> Option<(String, Outgoing)> {
        let (name, object) = self.connection.connector.decl.object.iter().find(|(_, o)| o.booking.is_some())?;
        let booking = object.booking.as_ref()?;
        let fields = [(booking.start.as_str(), json!(at(hour).to_string())), (booking.end.as_str(), json!(at(hour + 1).to_string()))];
        Some((name.clone(), create("slot", name, marker, &fields)))
    }

    /// Something to write: a contact where the system knows people, else an appointment.
    fn any(&self, marker: &str) -> Outgoing {
        self.contact(marker).or_else(|| Some(self.slot(marker, 0)?.1)).expect("something to write")
    }

    pub(super) async fn send(&self, out: Outgoing) -> Result<Landed, Failure> {
        self.connections.writer().send(&self.connection, vec![out]).await.remove(0).result
    }

    /// Records of all kinds; what has no id is no record.
    fn records(&self) -> usize {
        let records = self.sandbox.records();
        let all = records.as_object().into_iter().flatten().flat_map(|(_, list)| list.as_array().into_iter().flatten());
        all.filter(|record| record.get("id").is_some() || record.get("Id").is_some()).count()
    }
}

fn at(hour: i64) -> Timestamp {
    "2027-03-02T15:00:00Z".parse::<Timestamp>().expect("a time") + jiff::SignedDuration::from_hours(hour)
}

/// An id of the same form that nobody has.
fn other(id: &str) -> String {
    let last = id.rfind(|c: char| c.is_ascii_digit());
    last.map_or_else(|| format!("{id}0"), |at| format!("{}{}{}", &id[..at], if &id[at..=at] == "9" { "8" } else { "9" }, &id[at + 1..]))
}

#[track_caller]
fn check(result: &Result<Landed, Failure>, class: ErrorClass, certain: bool) {
    let failure = result.as_ref().expect_err("a failure");
    assert_eq!((failure.class, failure.certain), (class, certain), "{failure:?}: {}", failure.message);
}

#[tokio::test]
async fn every_way_in_and_every_identity() {
    for name in NAMES {
        for way in 0..9 {
            let Some(it) = Standin::start(name, way).await else { break };
            let empty = it.records();
            let first = it.send(it.any("acfirst1")).await.unwrap_or_else(|f| panic!("{name} {way}: {f}: {}", f.message));
            assert!(first.created, "{name} {way}");
            // The same again is the same record.
            let again = it.send(it.any("acfirst1")).await.unwrap_or_else(|f| panic!("{name} {way}: {f}: {}", f.message));
            assert!(!again.created, "{name} {way}");
            assert!(again.id.starts_with(&first.id) || first.id.starts_with(&again.id), "{} {}", first.id, again.id);
            assert_eq!(it.records(), empty + 1, "{name} {way}");
            assert_ne!(it.send(it.any("acsecond")).await.expect("landed").id, first.id);
        }
    }
}

#[tokio::test]
async fn lost_answers_end_in_one_record() {
    for name in NAMES {
        let it = Standin::start(name, 0).await.expect("a way in");
        let empty = it.records();
        for (kind, marker) in [(FaultKind::CommitThenDrop, "acdrop"), (FaultKind::Timeout, "aclate2"), (FaultKind::ApplyLate, "aclate")] {
            it.send(it.any("acstart")).await.expect("landed");
            it.sandbox.fault(FaultSpec::next(kind, 1).delayed_ms(300));
            check(&it.send(it.any(marker)).await, ErrorClass::Timeout, false);
            tokio::time::sleep(Duration::from_millis(400)).await;
            it.send(it.any(marker)).await.unwrap_or_else(|f| panic!("{name} {kind:?}: {f}: {}", f.message));
        }
        assert_eq!(it.records(), empty + 4, "{name}");
    }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for name in NAMES {
        let it = Standin::start(name, 0).await.expect("a way in");
        it.send(it.any("acstart")).await.expect("landed");
        let before = it.records();
        it.sandbox.fault(FaultSpec::next(FaultKind::ServerError, 1));
        check(&it.send(it.any("ac500")).await, ErrorClass::Transient, false);
        it.sandbox.fault(FaultSpec::next(FaultKind::Unavailable, 1));
        check(&it.send(it.any("ac503")).await, ErrorClass::Transient, false);
        it.sandbox.fault(FaultSpec::next(FaultKind::Down, 1));
        check(&it.send(it.any("acdead")).await, ErrorClass::Timeout, false);
        it.sandbox.fault(FaultSpec::next(FaultKind::RateLimited, 1));
        let limited = it.send(it.any("ac429")).await.expect_err("too fast");
        assert!(matches!(limited.class, ErrorClass::RateLimited | ErrorClass::Quota), "{name}: {limited:?}");
        assert!(limited.certain);
        assert_eq!(it.records(), before, "{name}");
        let it = Standin::start(name, 0).await.expect("a way in");
        let landed = it.send(it.any("acfirst")).await.expect("landed");
        let wrong = update("w", &it.any("acfirst").object, &other(&landed.id), &[]);
        let failure = it.send(wrong).await.expect_err("no such record");
        assert_eq!((failure.class, failure.certain), (ErrorClass::NotFound, true), "{name}: {}", failure.message);
    }
}

#[tokio::test]
async fn tokens_that_end() {
    for name in NAMES {
        for way in 0..9 {
            let Some(it) = Standin::start(name, way).await else { break };
            if it.fixed() {
                continue;
            }
            it.send(it.any("acfirst")).await.expect("landed");
            let tokens = it.connections.token_requests();
            it.sandbox.fault(FaultSpec::new(FaultKind::ExpireToken));
            let all = (0..20).map(|i| {
                let (reader, connection) = (it.connections.reader(), Arc::clone(&it.connection));
                tokio::spawn(async move {
                    match connection.connector.objects.iter().find(|(_, o)| o.booking.is_some()) {
                        Some((slot, _)) => reader.look(&connection, slot, at(0), at(1)).await.map(|_| ()),
                        None => reader.user(&connection, &format!("u{i}@x.example")).await.map(|_| ()),
                    }
                })
            });
            for one in all.collect::<Vec<_>>() {
                one.await.expect("a task").unwrap_or_else(|f| panic!("{name} {way}: {f}: {}", f.message));
            }
            assert_eq!(it.connections.token_requests(), tokens + 1, "{name} {way}");
            it.send(it.any("acnine")).await.expect("landed");
            it.sandbox.fault(FaultSpec::new(FaultKind::RevokeToken));
            let revoked = it.send(it.any("aclast")).await;
            // An assertion is good for a new token as long as its account is: not every stand-in revokes it.
            if it.connection.grant.as_ref().is_some_and(|g| g.kind == GrantKind::RefreshToken) {
                check(&revoked, ErrorClass::AuthRevoked, true);
            }
        }
    }
}

#[tokio::test]
async fn a_contact_is_found_and_read() {
    for name in NAMES {
        let it = Standin::start(name, 0).await.expect("a way in");
        let Some(contact) = it.contact("acfind") else { continue };
        let landed = it.send(contact).await.expect("landed");
        assert!(landed.url.is_none_or(|url| url.starts_with("http")));
        let (reader, fields) = (it.connections.reader(), IndexMap::from([("contact".to_owned(), it.fields("contact"))]));
        let record = reader.read(&it.connection, "contact", &landed.id, &it.fields("contact")).await.expect("read").expect("there");
        let last_name = it.role("contact", "last_name").expect("a role");
        assert_eq!(record.fields.get(&last_name), Some(&json!("Ex")), "{name}: {:?}", record.fields);
        let query = Query {
            phones: vec!["+15125550142".to_owned(), "(512) 555-0142".to_owned()],
            e164: vec!["+15125550142".to_owned()],
            national: vec!["5125550142".to_owned()],
            emails: vec!["acfind@x.example".to_owned()],
            ..Query::default()
        };
        let found = reader.find(&it.connection, &query, &fields).await.unwrap_or_else(|f| panic!("{name}: {f}: {}", f.message));
        let lag = it.connection.connector.decl.find.as_ref().map_or(0, |f| f.lag_s);
        if lag == 0 {
            assert_eq!(found.candidates.iter().map(|c| &c.id).collect::<Vec<_>>(), [&landed.id], "{name}");
        }
        let related = reader.related(&it.connection, &record, &[], &fields).await;
        assert!(related.is_ok_and(|lists| lists.values().all(Vec::is_empty)), "{name}");
        assert_eq!(reader.user(&it.connection, "nobody@x.example").await, Ok(None), "{name}");
        assert_eq!(reader.read(&it.connection, "contact", &other(&landed.id), &[]).await, Ok(None), "{name}");
    }
}

#[tokio::test]
async fn a_time_is_taken_once() {
    for name in NAMES {
        let it = Standin::start(name, 0).await.expect("a way in");
        let Some((object, slot)) = it.slot("acslot1", 0) else { continue };
        let (reader, writer) = (it.connections.reader(), it.connections.writer());
        let look = async || reader.look(&it.connection, &object, at(0), at(1)).await.expect("a look").len();
        assert_eq!(look().await, 0, "{name}");
        let ours = it.send(slot.clone()).await.expect("landed");
        assert_eq!(look().await, 1, "{name}");
        let check = async || reader.book_check(&it.connection, &object, &ours.id, at(0), at(1)).await.expect("a look");
        assert_eq!(check().await, Check::Clear, "{name}");
        let theirs = it.send(it.slot("acslot2", 0).expect("a slot").1).await.expect("landed");
        assert!(matches!(check().await, Check::Taken { by } if by.id == theirs.id), "{name}");
        writer.withdraw(&it.connection, &object, &ours.id).await.expect("withdrawn");
        writer.withdraw(&it.connection, &object, &ours.id).await.expect("withdrawn already");
        assert_eq!(look().await, 1, "{name}");
        // What was withdrawn does not count as booked when the same write comes again.
        let again = it.send(slot).await.expect_err("withdrawn");
        assert_eq!((again.class, &again.existing_id), (ErrorClass::Duplicate, &None), "{name}");
    }
}

impl Standin {
    pub(super) fn fields(&self, object: &str) -> Vec<String> {
        let roles = self.connection.connector.decl.object.get(object).map(|o| o.roles.clone()).unwrap_or_default();
        roles.into_values().flatten().collect()
    }
}
