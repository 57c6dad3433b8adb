//! Writing: what `work` has committed to do goes out, once, and each write gets its own answer.
//!
//! In packs where the system takes them, else each for itself, side by side where nothing ties them together. Not for
//! retries: a refusal by an expired token is asked again, and a pack that is refused as a whole is taken apart (both are
//! certain to have written nothing); all else goes back to `work`.

use std::fmt;
use std::sync::Arc;

use aftercall_config::decl::{ErrorClass, IdentityKind};
use aftercall_config::functions::text;
use aftercall_config::project::{Connection, Object, Request};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::classify::Effect;
use super::connections::Inner;
use super::exchange::{Asking, exchange};
use super::failure::Failure;
use super::pack;
use super::pointer;
use super::read::{Reader, given_back, known, object, proven};
use super::request::{Rendered, render, scope};

/// One write that goes out. `Debug` names its fields and shows no value.
#[derive(Clone, PartialEq)]
pub struct Outgoing {
    /// The write's name, once in a batch.
    pub write_id: String,
    /// The object, by the name that mappings use.
    pub object: String,
    /// What happens to it.
    pub op: OutgoingOp,
    /// Fields in order; dots in a name nest.
    pub fields: Vec<(String, Value)>,
    /// Links by the connector's name, with the other end.
    pub links: Vec<(String, LinkTarget)>,
}

/// What happens to the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingOp {
    /// A new record, which the system will know by this marker where it can.
    Create {
        /// The marker.
        marker: String,
    },
    /// An existing record.
    Update {
        /// Its id.
        id: String,
    },
}

/// The other end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// A record that is there.
    Id(String),
    /// The record that another write of the same batch makes, by its `write_id`.
    Ref(String),
}

/// What came of one write.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The write.
    pub write_id: String,
    /// What came of it.
    pub result: Result<Landed, Failure>,
    /// What was asked, as 32 hexadecimal digits over method, path and body; empty where nothing was sent.
    pub request_digest: String,
}

/// What the system confirmed. `Debug` shows no value.
#[derive(Clone, PartialEq)]
pub struct Landed {
    /// The record.
    pub id: String,
    /// The page where a person sees it.
    pub url: Option<String>,
    /// The system's answer; null where it says nothing more.
    pub body: Value,
    /// False where the record was there already: an update, an upsert that met it, or our own earlier attempt.
    pub created: bool,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&String> = self.fields.iter().map(|(name, _)| name).collect();
        let Self { write_id, object, op, links, .. } = self;
        f.debug_struct("Outgoing")
            .field("write_id", write_id)
            .field("object", object)
            .field("op", op)
            .field("fields", &fields)
            .field("links", links)
            .finish()
    }
}

impl fmt::Debug for Landed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, url, created, .. } = self;
        f.debug_struct("Landed").field("id", id).field("url", url).field("created", created).finish_non_exhaustive()
    }
}

/// Writes to systems. Only `work` takes one, after the journal holds the intent.
#[derive(Clone)]
pub struct Writer {
    pub(super) inner: Arc<Inner>,
    pub(super) deadline: Option<Instant>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// One write of a batch, with its place in the manifest.
pub(super) struct Part<'a> {
    pub(super) out: &'a Outgoing,
    pub(super) object: &'a Object,
    pub(super) request: &'a Request,
    /// Writes of the batch that it refers to.
    pub(super) needs: Vec<usize>,
    /// Writes of the batch that go first because they change the same record.
    pub(super) after: Vec<usize>,
}

/// How one write names the record that another one makes.
pub(super) type Names<'a> = &'a (dyn Fn(usize) -> String + Sync);

impl Writer {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, deadline: None }
    }

    /// A writer that has nothing under way beyond this moment: what could not be answered by then is not sent, and fails
    /// as `busy`, certain. For the end of a lease.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// What may only read, over the same accounts.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.inner))
    }

    /// Sends a batch; the results stand in its order.
    ///
    /// A write whose `Ref` did not land is not sent and comes back `innocent`. A failure that is not `certain` leaves open
    /// whether the write took effect.
    pub async fn send(&self, connection: &Arc<Connection>, batch: Vec<Outgoing>) -> Vec<Sent> {
        let mut results: Vec<Option<Sent>> = batch.iter().map(|_| None).collect();
        let mut parts = Vec::with_capacity(batch.len());
        for (index, out) in batch.iter().enumerate() {
            let part = part(connection, &batch, index);
            parts.push(part.map_err(|failure| results[index] = Some(unsent(out, failure))).ok());
        }
        let order = order(&parts, |index| results[index] = Some(unsent(&batch[index], Failure::invalid("writes refer to each other in a circle"))));
        match (&connection.connector.decl.pack, &connection.connector.pack) {
            (Some(decl), Some((request, item))) if order.len() > 1 => {
                let pack = pack::Pack { writer: self, connection, parts: &parts, decl, request, item };
                for chunk in order.chunks(decl.max.max(1) as usize) {
                    pack.send(chunk, &mut results).await;
                }
            }
            _ => self.each(connection, &parts, order, &mut results).await,
        }
        let missing = |out: &Outgoing| unsent(out, Failure::unsent(ErrorClass::Busy, "not sent"));
        results.into_iter().zip(&batch).map(|(sent, out)| sent.unwrap_or_else(|| missing(out))).collect()
    }

    /// Each write by itself: at once where nothing ties it to another.
    pub(super) async fn each(
        &self,
        connection: &Arc<Connection>,
        parts: &[Option<Part<'_>>],
        mut open: Vec<usize>,
        results: &mut [Option<Sent>],
    ) {
        let mut running = FuturesUnordered::new();
        loop {
            let mut waiting = Vec::new();
            for index in std::mem::take(&mut open) {
                let Some(part) = &parts[index] else { continue };
                if part.needs.iter().chain(&part.after).any(|needed| results[*needed].is_none()) {
                    waiting.push(index);
                } else if let Some(failed) = part.needs.iter().find(|needed| landed_id(results, **needed).is_none()) {
                    results[index] = Some(unsent(part.out, held_up(parts, *failed)));
                } else {
                    let ids: Vec<(usize, String)> = part.needs.iter().filter_map(|n| Some((*n, landed_id(results, *n)?))).collect();
                    running.push(async move {
                        let name = |needed| ids.iter().find(|(index, _)| *index == needed).map(|(_, id)| id.clone()).unwrap_or_default();
                        (index, self.alone(connection, part, &name).await)
                    });
                }
            }
            open = waiting;
            match running.next().await {
                Some((index, sent)) => results[index] = Some(sent),
                None if open.iter().any(|index| ready(parts, results, *index)) => {}
                None => break,
            }
        }
    }

    /// One write in a request of its own.
    pub(super) async fn alone(&self, connection: &Arc<Connection>, part: &Part<'_>, name: Names<'_>) -> Sent {
        let what = format!("{} {}", verb(part.out), part.out.object);
        let bucket = part.request.bucket.as_deref();
        let asking = Asking { connection, what: &what, effect: Effect::Write, bucket, deadline: self.deadline };
        let rendered = |base: &str| part.render(connection, base, name);
        let (result, request_digest) = match exchange(&self.inner, &asking, &rendered).await {
            Ok(reply) => (landed(connection, part, reply.status, reply.body, &reply.base_url), reply.digest),
            Err(refused) => (self.settle(connection, part, refused.failure).await, refused.digest),
        };
        Sent { write_id: part.out.write_id.clone(), result, request_digest }
    }

    /// A refusal, or a success after all: the record that is there already may be our own, from an attempt whose answer
    /// never came.
    pub(super) async fn settle(&self, connection: &Arc<Connection>, part: &Part<'_>, failure: Failure) -> Result<Landed, Failure> {
        let (OutgoingOp::Create { marker }, ErrorClass::Duplicate, Some(identity)) =
            (&part.out.op, failure.class, &part.object.decl.identity)
        else {
            return Err(failure);
        };
        let own_id = identity.kind == IdentityKind::ClientId;
        let id = match (own_id, &failure.existing_id) {
            (true, None) => marker.clone(),
            (true, Some(id)) if id == marker => marker.clone(),
            (false, Some(id)) => id.clone(),
            _ => return Err(failure),
        };
        let ours = |body: Value| {
            let account = self.inner.account(connection);
            let base_url = account.auth.base_url().unwrap_or_else(|| connection.base_url.clone());
            Landed { url: url(connection, part.object, &id, &body, &base_url), id: id.clone(), body, created: false }
        };
        let Some(request) = &part.object.read else {
            let said = own_id && identity.proof.is_none() || failure.fields.contains(&identity.field);
            return if said { Ok(ours(Value::Null)) } else { Err(failure) };
        };
        let wanted = [identity.field.clone()];
        let read = self.reader().body_of(connection, &part.out.object, part.object, request, &id, &wanted).await;
        // The create was refused for certain; only whether an earlier one landed is open, and that is for the next try.
        let Some(body) = read? else { return Err(failure) };
        if own_id {
            // No `existing_id` in either case: the record that has our id is nobody to write to.
            if !proven(identity.proof.as_deref(), &body, marker) {
                let message = format!("the id `{id}` is taken by a record that is not ours");
                return Err(Failure { existing_id: None, message, ..failure });
            }
            if given_back(part.object, &body) {
                let message = format!("`{id}` is there, but it was cancelled or withdrawn, and its id cannot be used again");
                return Err(Failure { existing_id: None, message, ..failure });
            }
            return Ok(ours(body));
        }
        let fields = pointer::one(&body, &part.object.read_fields).unwrap_or(&Value::Null);
        let carries = pointer::dotted(fields, &identity.field).is_some_and(|value| text(value) == *marker);
        if carries { Ok(ours(body)) } else { Err(failure) }
    }
}

impl Part<'_> {
    /// The request of this write.
    ///
    /// Errors: `invalid` for a link that the manifest does not have, or a request without the id that it needs.
    pub(super) fn render(&self, connection: &Connection, base_url: &str, name: Names<'_>) -> Result<Rendered, Failure> {
        let mut fields = Map::new();
        for (field, value) in &self.out.fields {
            pointer::put(&mut fields, field, value.clone());
        }
        let mut needs = self.needs.iter();
        let mut associations = Vec::new();
        for (link, target) in &self.out.links {
            let id = match target {
                LinkTarget::Id(id) => id.clone(),
                LinkTarget::Ref(_) => needs.next().map(|index| name(*index)).unwrap_or_default(),
            };
            let decl = self.object.decl.links.get(link);
            let decl = decl.ok_or_else(|| Failure::invalid(format!("`{}` has no link `{link}`", self.out.object)))?;
            if id.is_empty() {
                return Err(Failure::invalid(format!("the link `{link}` leads to no id")));
            }
            if let Some(field) = &decl.field {
                pointer::put(&mut fields, field, json!(id));
            } else if let Some(template) = self.object.associations.get(link) {
                let place = object([("id", json!(id))]);
                associations.extend(template.eval(&scope(connection, base_url, Some(self.object), &place)));
            }
        }
        let mut place = Map::new();
        match &self.out.op {
            OutgoingOp::Create { marker } => {
                if let Some(identity) = self.object.decl.identity.as_ref().filter(|_| !self.object.create_is_upsert) {
                    pointer::put(&mut fields, &identity.field, json!(marker));
                    let proof = identity.proof.as_ref().filter(|path| !path.starts_with('/'));
                    if let Some(proof) = proof {
                        pointer::put(&mut fields, proof, json!(marker));
                    }
                }
                place.insert("marker".to_owned(), json!(marker));
            }
            OutgoingOp::Update { id } => {
                place.insert("id".to_owned(), json!(id));
            }
        }
        place.insert("fields".to_owned(), Value::Object(fields));
        if !associations.is_empty() {
            place.insert("associations".to_owned(), Value::Array(associations));
        }
        render(self.request, &scope(connection, base_url, Some(self.object), &place))
    }
}

/// A write with its place in the manifest.
fn part<'a>(connection: &'a Connection, batch: &'a [Outgoing], index: usize) -> Result<Part<'a>, Failure> {
    let out = &batch[index];
    let object = known(connection, &out.object)?;
    let (request, key) = match &out.op {
        OutgoingOp::Create { marker } => (&object.create, marker),
        OutgoingOp::Update { id } => (&object.update, id),
    };
    let request = request.as_ref().ok_or_else(|| Failure::invalid(format!("`{}` cannot be {}d", out.object, verb(out))))?;
    if key.is_empty() {
        return Err(Failure::invalid(format!("the {} of `{}` has neither marker nor id", verb(out), out.object)));
    }
    if batch[..index].iter().any(|other| other.write_id == out.write_id) {
        return Err(Failure::invalid(format!("the batch has two writes `{}`", out.write_id)));
    }
    let mut needs = Vec::new();
    for (_, target) in &out.links {
        if let LinkTarget::Ref(write_id) = target {
            let at = batch.iter().position(|other| other.write_id == *write_id);
            needs.push(at.ok_or_else(|| Failure::invalid(format!("the batch has no write `{write_id}`")))?);
        }
    }
    let same = |other: &Outgoing| matches!(out.op, OutgoingOp::Update { .. }) && other.object == out.object && other.op == out.op;
    let after = batch[..index].iter().enumerate().filter(|(_, other)| same(other)).map(|(at, _)| at).collect();
    Ok(Part { out, object, request, needs, after })
}

/// The batch's order, moved only where a write refers to a later one.
fn order(parts: &[Option<Part<'_>>], mut circle: impl FnMut(usize)) -> Vec<usize> {
    let mut open: Vec<usize> = (0..parts.len()).filter(|index| parts[*index].is_some()).collect();
    let mut order: Vec<usize> = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let needed = |index: usize| parts[index].iter().flat_map(|part| part.needs.iter().chain(&part.after));
        let next = open.iter().position(|index| needed(*index).all(|n| order.contains(n) || parts[*n].is_none()));
        let Some(next) = next else {
            open.into_iter().for_each(&mut circle);
            break;
        };
        order.push(open.remove(next));
    }
    order
}

fn ready(parts: &[Option<Part<'_>>], results: &[Option<Sent>], index: usize) -> bool {
    parts[index].iter().flat_map(|part| part.needs.iter().chain(&part.after)).all(|needed| results[*needed].is_some())
}

/// The id of a write that landed.
pub(super) fn landed_id(results: &[Option<Sent>], index: usize) -> Option<String> {
    results[index].as_ref()?.result.as_ref().ok().map(|landed| landed.id.clone())
}

/// What a success confirms.
///
/// Errors: an answer without an id, so that nobody knows what was made.
pub(super) fn landed(connection: &Connection, part: &Part<'_>, status: u16, body: Value, base_url: &str) -> Result<Landed, Failure> {
    let (id, created) = match &part.out.op {
        OutgoingOp::Update { id } => (Some(id.clone()), false),
        OutgoingOp::Create { marker } => {
            let chosen = part.object.decl.identity.as_ref().is_some_and(|identity| identity.kind == IdentityKind::ClientId);
            let id = pointer::first_text(&body, &part.object.id).or_else(|| chosen.then(|| marker.clone()));
            (id, !part.object.create_is_upsert || status == 201)
        }
    };
    let id = id.ok_or_else(|| Failure { status: Some(status), ..Failure::lost(format!("the answer names no id at `{}`", part.object.id)) })?;
    Ok(Landed { url: url(connection, part.object, &id, &body, base_url), id, body, created })
}

fn url(connection: &Connection, known: &Object, id: &str, record: &Value, base_url: &str) -> Option<String> {
    let place = object([("id", json!(id)), ("record", record.clone())]);
    let url = known.url.as_ref()?.text(&scope(connection, base_url, Some(known), &place));
    // A page that a system names itself goes into links: no other scheme may come in that way.
    Some(url).filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

/// A write that was not sent.
pub(super) fn unsent(out: &Outgoing, failure: Failure) -> Sent {
    Sent { write_id: out.write_id.clone(), result: Err(failure), request_digest: String::new() }
}

/// Why a write was not sent: the one that it refers to did not land.
pub(super) fn held_up(parts: &[Option<Part<'_>>], needed: usize) -> Failure {
    let name = parts[needed].as_ref().map_or("another write", |part| part.out.write_id.as_str());
    Failure::innocent(format!("not sent: `{name}` did not land"))
}

fn verb(out: &Outgoing) -> &'static str {
    match out.op {
        OutgoingOp::Create { .. } => "create",
        OutgoingOp::Update { .. } => "update",
    }
}
