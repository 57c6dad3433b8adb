//! Writes of one kind to one object, of many calls, in one request; each gets its own answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_config::decl::{ErrorClass, WriteManyDecl};
use aftercall_config::functions::truthy;
use aftercall_config::project::{Connection, WriteMany};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Door, Lines, Together, Waiting, halves, in_crowd, join};
use crate::connect::classify::{self, Effect};
use crate::connect::connections::Inner;
use crate::connect::exchange::{Asking, Reply, exchange};
use crate::connect::failure::Failure;
use crate::connect::landed::landed;
use crate::connect::outgoing::{LinkTarget, Outgoing, OutgoingOp, Sent};
use crate::connect::part::{Names, Part, part, verb};
use crate::connect::pointer;
use crate::connect::read::object;
use crate::connect::request::{render, scope, timeout};
use crate::connect::write::Writer;
use crate::meters::course;

/// Writes of one kind to one object in one account.
pub(in crate::connect) struct Writes {
    most: usize,
}

pub(in crate::connect) struct Write {
    connection: Arc<Connection>,
    /// Its links lead to records that are there.
    out: Outgoing,
    deadline: Option<Instant>,
}

/// What the answer says about one write: the status that it would have had by itself, and its body.
pub(in crate::connect) struct Answered {
    status: u16,
    body: Value,
    base_url: String,
}

/// The way in which many such writes go together.
fn many<'a>(part: &Part<'a>) -> Option<&'a WriteMany> {
    let many = match part.out.op {
        OutgoingOp::Create { .. } => &part.object.create_many,
        OutgoingOp::Update { .. } => &part.object.update_many,
        OutgoingOp::Merge { .. } => return None,
    };
    many.as_ref().filter(|_| !part.moves() && part.object.booking.is_none())
}

/// Whether all of these go out with other calls' writes just now.
pub(in crate::connect) fn gathered<'a>(mut parts: impl Iterator<Item = &'a Part<'a>>) -> bool {
    in_crowd() && parts.all(|part| many(part).is_some())
}

impl Writer {
    /// One write, with those of other calls where that is possible now. `None`: it goes by itself.
    pub(in crate::connect) async fn together(&self, connection: &Arc<Connection>, part: &Part<'_>, name: Names<'_>) -> Option<Sent> {
        if !in_crowd() {
            return None;
        }
        let decl = &many(part)?.decl;
        let mut needs = part.needs.iter();
        let links = part.out.links.iter().map(|(link, target)| {
            let id = match target {
                LinkTarget::Id(id) => id.clone(),
                LinkTarget::Ref(_) => needs.next().map(|index| name(*index)).unwrap_or_default(),
            };
            (link.clone(), LinkTarget::Id(id))
        });
        let out = Outgoing { links: links.collect(), ..part.out.clone() };
        // What a newer config says has a line of its own.
        let key = format!("{}/{}/{}/{}", connection.id, out.object, verb(&out), decl.max);
        let kind = || Writes { most: decl.max.max(1) as usize };
        let ask = Write { connection: Arc::clone(connection), out, deadline: self.deadline };
        let (answered, request_digest) = join(&self.inner, key, kind, ask).await?;
        let result = match answered {
            Ok(Answered { status, body, base_url }) => landed(connection, part, status, body, &base_url),
            Err(failure) => self.settle(connection, part, failure).await,
        };
        Some(Sent { write_id: part.out.write_id.clone(), result, request_digest })
    }
}

/// What nobody may stand in a request twice by: the record, or the key that it will have.
fn record(out: &Outgoing) -> &str {
    match &out.op {
        OutgoingOp::Create { marker } => marker,
        OutgoingOp::Update { id } | OutgoingOp::Merge { id, .. } => id,
    }
}

impl Writes {
    /// Asks for all, and answers each.
    async fn go(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) {
        let Some(connection) = together.first().map(|waiting| Arc::clone(&waiting.ask.connection)) else { return };
        // Whose lease ends before the answer could be awaited, and what cannot be written, holds up nobody else.
        let latest = Instant::now() + timeout(&connection);
        let sendable = |waiting: &Waiting<Self>| {
            let Write { connection, out, deadline } = &waiting.ask;
            let readable =
                part(connection, std::slice::from_ref(out), 0).and_then(|part| part.place(connection, &connection.base_url, &none, true));
            readable.is_ok() && deadline.is_none_or(|deadline| latest < deadline)
        };
        let (together, others): (Vec<_>, Vec<_>) = together.into_iter().partition(sendable);
        others.into_iter().for_each(Waiting::goes_alone);
        if together.len() < 2 {
            return together.into_iter().for_each(Waiting::goes_alone);
        }
        let parts: Vec<Part<'_>> =
            together.iter().filter_map(|waiting| part(&connection, std::slice::from_ref(&waiting.ask.out), 0).ok()).collect();
        let many = parts.first().and_then(many);
        let (Some(many), true) = (many, parts.len() == together.len()) else {
            drop(parts);
            return together.into_iter().for_each(Waiting::goes_alone);
        };
        let digests: Mutex<Vec<String>> = Mutex::default();
        let what = format!("{} of {} {}", verb(parts[0].out), parts.len(), parts[0].out.object);
        let deadline = together.iter().filter_map(|waiting| waiting.ask.deadline).min();
        let again = parts.iter().any(|part| part.out.again);
        let bucket = many.request.bucket.as_deref();
        let asking = Asking { connection: &connection, what: &what, effect: Effect::Write, bucket, again, probe: false, deadline };
        let rendered = |base: &str| {
            let mut items = Vec::with_capacity(parts.len());
            let mut hashes = Vec::with_capacity(parts.len());
            for (at, part) in parts.iter().enumerate() {
                hashes.push(part.render(&connection, base, &none)?.digest());
                let mut place = part.place(&connection, base, &none, true)?;
                place.insert("ref".to_owned(), json!(at.to_string()));
                items.extend(many.item.eval(&scope(&connection, base, Some(part.object), &place)));
            }
            *digests.lock().unwrap_or_else(PoisonError::into_inner) = hashes;
            render(&many.request, &scope(&connection, base, Some(parts[0].object), &object([("items", Value::Array(items))])))
        };
        let answer = exchange(&inner, &asking, &rendered).await;
        let digests = digests.into_inner().unwrap_or_else(PoisonError::into_inner);
        let answers: Vec<Result<Answered, Failure>> = match answer {
            Ok(reply) => (0..parts.len()).map(|at| answered(&inner, &connection, many, &reply, at, parts.len())).collect(),
            // Nothing was written and the data is at fault, but whose?
            Err(refused) if refused.failure.of_the_data() => {
                tracing::debug!(connection = %connection.id, failure = %refused.failure, writes = parts.len(), "taking refused writes apart");
                drop(parts);
                return halves(&self, &inner, together).await;
            }
            Err(refused) => parts.iter().map(|_| Err(refused.failure.clone())).collect(),
        };
        drop(parts);
        // Without digests nothing came to a request.
        let mut digests = digests.into_iter();
        for (waiting, answer) in together.into_iter().zip(answers) {
            waiting.gets((answer, digests.next().unwrap_or_default()));
        }
    }
}

impl Together for Writes {
    type Ask = Write;
    type Got = (Result<Answered, Failure>, String);
    const READS: bool = false;

    fn lines(door: &Door) -> &Lines<Self> {
        &door.writes
    }

    fn most(&self) -> usize {
        self.most
    }

    fn pick(&self, line: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
        let mut picked: Vec<Waiting<Self>> = Vec::new();
        let mut rest = VecDeque::new();
        while let Some(waiting) = line.pop_front() {
            let fits = |first: &Waiting<Self>| Arc::ptr_eq(&first.ask.connection, &waiting.ask.connection);
            let twice = picked.iter().chain(&rest).any(|other| record(&other.ask.out) == record(&waiting.ask.out));
            if picked.len() < self.most && !twice && picked.first().is_none_or(fits) {
                picked.push(waiting);
            } else {
                rest.push_back(waiting);
            }
        }
        *line = rest;
        picked
    }

    fn send(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) -> BoxFuture<'static, ()> {
        Box::pin(self.go(inner, together))
    }

    fn lost() -> Self::Got {
        (Err(Failure::lost("the request was given up")), String::new())
    }
}

/// Nothing refers to another write here.
fn none(_: usize) -> String {
    String::new()
}

/// What the answer says about the write at this place.
fn answered(
    inner: &Inner,
    connection: &Arc<Connection>,
    many: &WriteMany,
    reply: &Reply,
    at: usize,
    of: usize,
) -> Result<Answered, Failure> {
    let decl: &WriteManyDecl = &many.decl;
    let name = at.to_string();
    let list = |at: &str| pointer::one(&reply.body, at).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let results = list(&decl.results);
    let result = match &decl.result_ref {
        Some(place) => results.iter().find(|result| pointer::first_text(result, place).as_ref() == Some(&name)),
        // By their order only where none can be missing.
        None => results.get(at).filter(|_| results.len() == of),
    };
    let says = |result: &Value, place: &str| truthy(&pointer::one(result, place).cloned());
    let refusal = match (result, &decl.result_ok) {
        (Some(result), Some(ok)) if !says(result, ok) => {
            Some(pointer::one(result, &decl.errors).cloned().unwrap_or_else(|| Value::Object(Map::new())))
        }
        (Some(result), _) => {
            let created = decl.created.as_ref().is_some_and(|place| says(result, place));
            return Ok(Answered { status: if created { 201 } else { 200 }, body: result.clone(), base_url: reply.base_url.clone() });
        }
        (None, _) => decl
            .error_ref
            .as_ref()
            .and_then(|place| list(&decl.errors).iter().find(|error| pointer::texts(error, place).contains(&name)).cloned()),
    };
    let Some(refusal) = refusal else { return Err(Failure::lost("the answer says nothing about this write")) };
    let kind = decl.error_kind.as_ref().and_then(|place| pointer::first_text(&refusal, place));
    let status = kind.and_then(|kind| decl.error_status.get(&kind).copied()).unwrap_or(400);
    let failure = classify::of_value(&connection.connector.decl, Effect::Write, status, &reply.headers, &refusal, "");
    course().failed(&connection.id, failure.class.as_str());
    if matches!(failure.class, ErrorClass::RateLimited | ErrorClass::Quota) {
        inner.account(connection).limiter.hold(many.request.bucket.as_deref(), failure.class, failure.retry_after);
    }
    Err(failure)
}
