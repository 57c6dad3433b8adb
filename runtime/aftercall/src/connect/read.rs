//! Reading: who might the caller be, what else is known, what stands in the calendar.
//!
//! Reads are safe, so short trouble is ridden out here: up to three tries. Not for durable waiting, and without any
//! operation that writes: what plans holds a [`Reader`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aftercall_config::decl::{ErrorClass, FindDecl};
use aftercall_config::functions::{present, text, truthy};
use aftercall_config::project::{Connection, Object, Request};
use aftercall_plan::context::Record;
use aftercall_plan::matching::Query;
use futures_util::future::join_all;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::classify::Effect;
use super::connections::Inner;
use super::crowd;
use super::exchange::{Asking, Reply, exchange};
use super::failure::Failure;
use super::pointer;
use super::request::{render, scope};

/// Waits between the tries of a read.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// How many merges are followed, one after the other. More is a system that turns in a circle.
const MAX_MERGES: usize = 5;

/// No further try begins so long after the first.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Records, each once, as the system orders them.
    pub candidates: Vec<Record>,
    /// Lists that came along: candidate id → name → records.
    pub candidate_lists: BTreeMap<String, IndexMap<String, Vec<Record>>>,
    /// Why there may be more, as a phrase.
    pub incomplete: Option<String>,
}

/// Whether a record of ours is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// It is.
    Found(Record),
    /// It is not, so far: a write whose answer was lost may still come.
    Absent,
    /// The manifest gives no way to look.
    CannotTell,
}

/// Reads from systems. Cheap to clone; has no operation that writes.
///
/// This is what a dry run holds, so that it cannot write: a matter of types, and not of a flag.
///
/// ```compile_fail,E0599
/// async fn writes(reader: aftercall::connect::Reader, connection: std::sync::Arc<aftercall_config::project::Connection>) {
///     reader.send(&connection, Vec::new()).await;
/// }
/// ```
///
/// What a worker holds can, and a dry run is not given one:
///
/// ```no_run
/// async fn writes(writer: aftercall::connect::Writer, connection: std::sync::Arc<aftercall_config::project::Connection>) {
///     writer.send(&connection, Vec::new()).await;
/// }
/// ```
#[derive(Clone)]
pub struct Reader {
    pub(super) inner: Arc<Inner>,
}

impl Found {
    /// What an answer to a search says. Errors: it has no rows where they are declared.
    pub(super) fn read(decl: &FindDecl, body: &Value) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut without_id = false;
        for row in rows(body, &decl.rows)? {
            let Some(record) = record(row, &decl.object, &decl.id, &decl.fields) else {
                without_id = true;
                continue;
            };
            if found.candidates.iter().any(|known| known.id == record.id) {
                continue;
            }
            let mut lists = IndexMap::new();
            for (name, list) in &decl.related {
                // A list without rows is null, or not there at all.
                let rows = pointer::one(row, &list.rows).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                lists.insert(name.clone(), records(rows, &list.object, &list.id, &list.fields));
            }
            if !lists.is_empty() {
                found.candidate_lists.insert(record.id.clone(), lists);
            }
            found.candidates.push(record);
        }
        let more = decl.more.as_ref().and_then(|more| pointer::one(body, more));
        if more.is_some_and(|more| truthy(&Some(more.clone()))) {
            found.incomplete = Some("the search found more records than it gave".to_owned());
        } else if without_id {
            found.incomplete = Some("the search gave a record without an id".to_owned());
        }
        Ok(found)
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Searches the caller: one request, or none in a system that knows no people.
    ///
    /// Shape: `fields` says which fields of which object are wanted, by the names that mappings use.
    /// Errors: what the system refuses, and an answer without the declared rows: never mistaken for "nobody".
    pub async fn find(
        &self,
        connection: &Arc<Connection>,
        query: &Query,
        fields: &IndexMap<String, Vec<String>>,
    ) -> Result<Found, Failure> {
        let connector = &connection.connector;
        let (Some(decl), Some(request)) = (&connector.decl.find, &connector.find) else { return Ok(Found::default()) };
        let fields = self.fields(connection, fields);
        if let Some(found) = crowd::find::find(&self.inner, connection, query, &fields).await {
            return found;
        }
        let place = crowd::find::place(&[query], &fields, true).ok_or_else(|| Failure::invalid("the search cannot be written"))?;
        let reply = self.ask(connection, "find", request, connector.objects.get(&decl.object), &place).await?;
        Found::read(decl, &reply.body)
    }

    /// One page of everybody whom the system knows, and what asks for the next; `None` in a system that does not say how.
    ///
    /// Shape: `after` is what the page before gave; `fields` as for `find`. Errors: as for `find`.
    pub async fn everybody(
        &self,
        connection: &Arc<Connection>,
        after: Option<&str>,
        fields: &IndexMap<String, Vec<String>>,
    ) -> Result<Option<(Vec<Record>, Option<String>)>, Failure> {
        let connector = &connection.connector;
        let (Some(decl), Some(request)) = (&connector.decl.find, &connector.all) else { return Ok(None) };
        let Some(all) = &decl.all else { return Ok(None) };
        let place = object([("after", json!(after)), ("fields", self.fields(connection, fields))]);
        let reply = self.ask(connection, "all", request, connector.objects.get(&decl.object), &place).await?;
        let people = records(rows(&reply.body, &decl.rows)?, &decl.object, &decl.id, &decl.fields);
        let next = match &all.next {
            Some(at) => pointer::first_text(&reply.body, at),
            None => people.last().map(|last| last.id.clone()),
        };
        let next = next.filter(|next| after != Some(next));
        Ok(Some((people, next)))
    }

    /// Reads what else is declared about a contact, all lists at once: name → records, in the manifest's order.
    ///
    /// Shape: `names` limits it to these; empty means all. Errors: the first list's that failed.
    pub async fn related(
        &self,
        connection: &Arc<Connection>,
        contact: &Record,
        names: &[String],
        fields: &IndexMap<String, Vec<String>>,
    ) -> Result<IndexMap<String, Vec<Record>>, Failure> {
        let connector = &connection.connector;
        let fields = self.fields(connection, fields);
        let place = object([("contact", self.contact(connection, contact)), ("fields", fields.clone())]);
        let wanted = connector.related.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
        let reads = wanted.filter_map(|(name, request)| Some((name, request, connector.decl.related.get(name)?)));
        let (place, fields) = (&place, &fields);
        let lists = join_all(reads.map(async |(name, request, decl)| -> Result<_, Failure> {
            if let Some(list) = crowd::related::list(&self.inner, connection, name, &contact.id, fields).await {
                return Ok((name.clone(), list?));
            }
            let reply = self.ask(connection, name, request, connector.objects.get(&decl.object), place).await?;
            let rows = rows(&reply.body, &decl.rows)?;
            Ok((name.clone(), records(rows, &decl.object, &decl.id, &decl.fields)))
        }));
        lists.await.into_iter().collect()
    }

    /// The system's id for a colleague, or `None` when it knows nobody by that address.
    pub async fn user(&self, connection: &Arc<Connection>, email: &str) -> Result<Option<String>, Failure> {
        match crowd::user::user(&self.inner, connection, email).await {
            Some(found) => found,
            None => self.user_alone(connection, email).await,
        }
    }

    pub(super) async fn user_alone(&self, connection: &Arc<Connection>, email: &str) -> Result<Option<String>, Failure> {
        let connector = &connection.connector;
        let (Some(decl), Some(request)) = (&connector.decl.users, &connector.users) else { return Ok(None) };
        let place = object([("email", json!(email))]);
        match self.ask(connection, "users", request, None, &place).await {
            Ok(reply) => Ok(rows(&reply.body, &decl.rows)?.iter().find_map(|row| pointer::first_text(row, &decl.id))),
            Err(failure) if failure.class == ErrorClass::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// One record by id, or `None` when it is gone. A record that was merged into another is that one, under its own id.
    ///
    /// Shape: `fields` are wanted beside those that the manifest always reads. Errors: also an object without a `read`.
    pub async fn read(&self, connection: &Arc<Connection>, object: &str, id: &str, fields: &[String]) -> Result<Option<Record>, Failure> {
        let known = known(connection, object)?;
        let request = known.read.as_ref().ok_or_else(|| Failure::invalid(format!("`{object}` has no `read`")))?;
        let mut id = id.to_owned();
        for _ in 0..MAX_MERGES {
            if let Some(body) = self.body_of(connection, object, known, request, &id, fields).await? {
                let now = known.read_id.as_ref().and_then(|at| pointer::first_text(&body, at));
                let fields = pointer::one(&body, &known.read_fields).and_then(Value::as_object).cloned().unwrap_or_default();
                return Ok(Some(Record { id: now.unwrap_or(id), object: object.to_owned(), fields }));
            }
            match self.merged(connection, known, &id).await? {
                Some(into) if into != id => id = into,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The record that a record which is gone was merged into, where the system tells.
    async fn merged(&self, connection: &Arc<Connection>, known: &Object, id: &str) -> Result<Option<String>, Failure> {
        let Some(look) = &known.merged else { return Ok(None) };
        match self.ask(connection, "merged", &look.request, Some(known), &object([("id", json!(id))])).await {
            Ok(reply) => Ok(rows(&reply.body, &look.rows)?.iter().find_map(|row| pointer::first_text(row, &look.id))),
            Err(failure) if failure.class == ErrorClass::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the record that a create with this marker would have made is there.
    ///
    /// Errors: the look itself failed. A record under our id whose proof names somebody else's marker is not ours.
    pub async fn probe(&self, connection: &Arc<Connection>, object: &str, marker: &str) -> Result<Probe, Failure> {
        use aftercall_config::decl::IdentityKind::ClientId;
        let known = known(connection, object)?;
        if let Some(look) = &known.look {
            let place = self::object([("marker", json!(marker))]);
            return match self.ask(connection, "look", &look.request, Some(known), &place).await {
                Ok(reply) => Ok(rows(&reply.body, &look.rows)?
                    .iter()
                    .find_map(|row| record(row, object, &look.id, &known.read_fields))
                    .map_or(Probe::Absent, Probe::Found)),
                Err(failure) if failure.class == ErrorClass::NotFound => Ok(Probe::Absent),
                Err(failure) => Err(failure),
            };
        }
        let identity = known.decl.identity.as_ref().filter(|identity| identity.kind == ClientId);
        let (Some(identity), Some(request)) = (identity, &known.read) else { return Ok(Probe::CannotTell) };
        let Some(body) = self.body_of(connection, object, known, request, marker, &[]).await? else { return Ok(Probe::Absent) };
        if !proven(identity.proof.as_deref(), &body, marker) || given_back(known, &body) {
            return Ok(Probe::Absent);
        }
        let fields = pointer::one(&body, &known.read_fields).and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Probe::Found(Record { id: marker.to_owned(), object: object.to_owned(), fields }))
    }

    /// The whole answer to a `read`, or `None` when the record is gone.
    pub(super) async fn body_of(
        &self,
        connection: &Arc<Connection>,
        name: &str,
        known: &Object,
        request: &Request,
        id: &str,
        fields: &[String],
    ) -> Result<Option<Value>, Failure> {
        if id.is_empty() {
            return Err(Failure::invalid(format!("a `{name}` without an id cannot be read")));
        }
        let mut wanted = known.decl.select.clone();
        wanted.extend(fields.iter().filter(|field| !known.decl.select.contains(field)).cloned());
        let place = object([("id", json!(id)), ("fields", json!(wanted))]);
        match self.ask(connection, "read", request, Some(known), &place).await {
            Ok(reply) => Ok(Some(reply.body)),
            Err(failure) if failure.class == ErrorClass::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// One read, with up to three tries.
    pub(super) async fn ask(
        &self,
        connection: &Arc<Connection>,
        what: &str,
        request: &Request,
        object: Option<&Object>,
        place: &Map<String, Value>,
    ) -> Result<Reply, Failure> {
        let _gate = crowd::gate(&self.inner, connection).await;
        let bucket = request.bucket.as_deref();
        let mut asking = Asking { connection, what, effect: Effect::Read, bucket, again: false, probe: false, deadline: None };
        let begun = Instant::now();
        let mut waits = WAITS.into_iter();
        loop {
            let rendered = |base: &str| render(request, &scope(connection, base, object, place));
            let failure = match exchange(&self.inner, &asking, &rendered).await {
                Ok(reply) => return Ok(reply),
                Err(refused) => refused.failure,
            };
            // Without a status only a lost answer is worth another try: the rest is ours, and known at once.
            let passes = match failure.class {
                ErrorClass::Transient | ErrorClass::RateLimited | ErrorClass::Busy => failure.status.is_some(),
                ErrorClass::Timeout => true,
                _ => false,
            };
            let (true, Some(wait)) = (passes && begun.elapsed() < PATIENCE, waits.next()) else { return Err(failure) };
            // The pace holds everybody back after `rate_limited`; any other wait that the system asks for is kept here.
            let asked = failure.retry_after.filter(|_| failure.class != ErrorClass::RateLimited).unwrap_or_default();
            if begun.elapsed() + asked > PATIENCE {
                return Err(failure);
            }
            tracing::debug!(connection = %connection.id, what, %failure, "read again");
            sleep(wait.max(asked)).await;
            asking.again = true;
        }
    }

    /// `fields.OBJECT`: what the project wants and what the manifest always reads.
    fn fields(&self, connection: &Connection, wanted: &IndexMap<String, Vec<String>>) -> Value {
        let mut out = Map::new();
        for (name, object) in &connection.connector.objects {
            let mut fields = object.decl.select.clone();
            for field in wanted.get(name).into_iter().flatten() {
                if !fields.contains(field) {
                    fields.push(field.clone());
                }
            }
            out.insert(name.clone(), json!(fields));
        }
        Value::Object(out)
    }

    /// What templates see as `contact`: id, object, fields, and the roles by their names.
    fn contact(&self, connection: &Connection, contact: &Record) -> Value {
        let fields = Value::Object(contact.fields.clone());
        let mut out = Map::new();
        let roles = connection.connector.objects.get(&contact.object).map(|object| &object.decl.roles);
        for (role, names) in roles.into_iter().flatten() {
            if let Some(value) = names.iter().filter_map(|name| pointer::dotted(&fields, name)).find(|value| present(value)) {
                out.insert(role.clone(), value.clone());
            }
        }
        out.insert("id".to_owned(), json!(contact.id));
        out.insert("object".to_owned(), json!(contact.object));
        out.insert("fields".to_owned(), fields);
        Value::Object(out)
    }
}

/// An object that the connector must have.
pub(super) fn known<'a>(connection: &'a Connection, object: &str) -> Result<&'a Object, Failure> {
    let system = &connection.connector.decl.system;
    connection.connector.objects.get(object).ok_or_else(|| Failure::invalid(format!("`{system}` has no object `{object}`")))
}

/// The rows of an answer; null is no rows. Errors: there is no such place, so the answer is not what was asked for.
pub(super) fn rows<'a>(body: &'a Value, at: &str) -> Result<&'a [Value], Failure> {
    match pointer::one(body, at) {
        Some(Value::Array(rows)) => Ok(rows),
        Some(Value::Null) => Ok(&[]),
        Some(row @ Value::Object(_)) => Ok(std::slice::from_ref(row)),
        _ => Err(Failure::invalid(format!("the answer has no rows at `{at}`"))),
    }
}

/// A row as a record; `None` without an id.
fn record(row: &Value, object: &str, id: &str, fields: &str) -> Option<Record> {
    let id = pointer::first_text(row, id)?;
    let fields = pointer::one(row, fields).and_then(Value::as_object).cloned().unwrap_or_default();
    Some(Record { id, object: object.to_owned(), fields })
}

/// Rows as records, each once: what plays two parts for a contact comes twice.
pub(super) fn records(rows: &[Value], object: &str, id: &str, fields: &str) -> Vec<Record> {
    let mut out: Vec<Record> = Vec::with_capacity(rows.len());
    for record in rows.iter().filter_map(|row| record(row, object, id, fields)) {
        if out.iter().all(|known| known.id != record.id) {
            out.push(record);
        }
    }
    out
}

/// Whether a record under our id carries our marker; without a declared proof the id is proof enough.
pub(super) fn proven(proof: Option<&str>, body: &Value, marker: &str) -> bool {
    proof.is_none_or(|path| pointer::dotted(body, path).is_some_and(|value| text(value) == marker))
}

/// Whether an appointment is there but takes no time: cancelled, or withdrawn by us.
pub(super) fn given_back(object: &Object, body: &Value) -> bool {
    let free = object.decl.booking.as_ref().map(|booking| &booking.free);
    free.into_iter().flatten().any(|(at, value)| pointer::first_text(body, at).as_ref() == Some(value))
}

/// A JSON object of these values.
pub(super) fn object<const N: usize>(values: [(&str, Value); N]) -> Map<String, Value> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
