//! Many writes in one request, and who of them gets which part of the answer.
//!
//! Not for choosing what goes together: a batch is filled up in its order.

use std::sync::{Arc, Mutex, PoisonError};

use aftercall_config::decl::{ErrorClass, PackDecl};
use aftercall_config::functions::like;
use aftercall_config::project::{Connection, Request};
use aftercall_config::template::Template;
use serde_json::{Value, json};

use super::classify::{self, Effect};
use super::crowd;
use super::exchange::{Asking, Reply, exchange};
use super::failure::Failure;
use super::landed::landed;
use super::outgoing::{Landed, Sent};
use super::part::Part;
use super::pointer;
use super::read::object;
use super::request::{render, scope};
use super::write::{Writer, held_up, landed_id, unsent};
use crate::meters::course;
use crate::plant::{Plant, planted};

/// How many requests a batch of so many writes takes at least.
pub fn requests_needed(connection: &Connection, writes: usize) -> usize {
    match &connection.connector.decl.pack {
        Some(pack) => writes.div_ceil(pack.max.max(1) as usize),
        None => writes,
    }
}

/// The way in which one connector packs.
pub(super) struct Pack<'a> {
    pub(super) writer: &'a Writer,
    pub(super) connection: &'a Arc<Connection>,
    pub(super) parts: &'a [Option<Part<'a>>],
    pub(super) decl: &'a PackDecl,
    pub(super) request: &'a Request,
    pub(super) item: &'a Template,
}

/// A write inside the request.
struct Inside<'a> {
    index: usize,
    part: &'a Part<'a>,
    name: String,
}

impl Pack<'_> {
    /// Sends these writes in one request and puts down what came of each.
    pub(super) async fn send(&self, chunk: &[usize], results: &mut [Option<Sent>]) {
        let mut inside: Vec<Inside<'_>> = Vec::with_capacity(chunk.len());
        for index in chunk {
            let Some(part) = &self.parts[*index] else { continue };
            let lacks = |needed: &&usize| landed_id(results, **needed).is_none() && inside.iter().all(|i| i.index != **needed);
            match part.needs.iter().find(lacks) {
                Some(failed) => results[*index] = Some(unsent(part.out, held_up(self.parts, *failed))),
                None => {
                    let name = name(&part.out.write_id, &inside);
                    inside.push(Inside { index: *index, part, name });
                }
            }
        }
        // What a caller said must not be read as a reference, and no system has a way to say so. By itself nothing is one.
        // What moves takes more than one request, and is looked at before.
        let apart = inside.iter().any(|i| i.part.moves());
        let spoken = apart || inside.iter().any(|i| i.part.out.says(&self.decl.reference_before));
        if inside.len() < 2 || spoken {
            let order = inside.iter().map(|i| i.index).collect();
            return self.writer.each(self.connection, self.parts, order, results).await;
        }
        let known: Vec<Option<String>> = (0..results.len()).map(|index| landed_id(results, index)).collect();
        // The digests of the single writes come to light while rendering, which may happen twice around an expired token.
        let digests: Mutex<Vec<String>> = Mutex::default();
        let what = format!("pack of {}", inside.len());
        let bucket = self.request.bucket.as_deref();
        let (connection, deadline) = (self.connection, self.writer.deadline);
        let again = inside.iter().any(|i| i.part.out.again);
        let asking = Asking { connection, what: &what, effect: Effect::Write, bucket, again, probe: false, deadline };
        let refer = |index: usize| match (inside.iter().find(|i| i.index == index), &known[index]) {
            (Some(i), _) => format!("{}{}{}", self.decl.reference_before, i.name, self.decl.reference_after),
            (None, Some(id)) => id.clone(),
            (None, None) => String::new(),
        };
        let rendered = |base: &str| {
            let mut items = Vec::with_capacity(inside.len());
            let mut hashes = Vec::with_capacity(inside.len());
            for i in &inside {
                let inner = i.part.render(connection, base, &refer)?;
                hashes.push(inner.digest());
                let mut place = object([("method", json!(inner.method)), ("path", json!(inner.path)), ("ref", json!(i.name))]);
                place.extend(inner.body.map(|body| ("body".to_owned(), body)));
                items.extend(self.item.eval(&scope(connection, base, None, &place)));
            }
            *digests.lock().unwrap_or_else(PoisonError::into_inner) = hashes;
            let place = object([("items", Value::Array(items))]);
            render(self.request, &scope(connection, base, None, &place))
        };
        let gate = crowd::gate(&self.writer.inner, connection).await;
        let answer = exchange(&self.writer.inner, &asking, &rendered).await;
        drop(gate);
        let digests = digests.into_inner().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(reply) => {
                for (i, digest) in inside.iter().zip(digests) {
                    let result = self.result(&reply, i).await;
                    results[i.index] = Some(Sent { write_id: i.part.out.write_id.clone(), result, request_digest: digest });
                }
            }
            // Nothing was written and the data is at fault, but whose? Each by itself shows it.
            Err(refused) if refused.failure.of_the_data() => {
                tracing::debug!(connection = %connection.id, failure = %refused.failure, "taking a refused pack apart");
                let order = inside.iter().map(|i| i.index).collect();
                self.writer.each(connection, self.parts, order, results).await;
            }
            Err(refused) => {
                let sent = !refused.digest.is_empty();
                for (at, i) in inside.iter().enumerate() {
                    let request_digest = digests.get(at).filter(|_| sent).cloned().unwrap_or_default();
                    let result = Err(refused.failure.clone());
                    results[i.index] = Some(Sent { write_id: i.part.out.write_id.clone(), result, request_digest });
                }
            }
        }
    }

    /// What the answer says about one write.
    async fn result(&self, reply: &Reply, inside: &Inside<'_>) -> Result<Landed, Failure> {
        let results = pointer::one(&reply.body, &self.decl.results).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let named = |result: &&Value| pointer::first_text(result, &self.decl.result_ref).as_deref() == Some(inside.name.as_str());
        let by_place = planted(Plant::PackAnswersByPlace).then(|| results.last()).flatten();
        let Some(result) = by_place.or_else(|| results.iter().find(named)) else {
            return Err(Failure::lost("the answer says nothing about this write"));
        };
        let status = pointer::first_text(result, &self.decl.result_status).and_then(|text| text.parse::<u16>().ok());
        let Some(status) = status else { return Err(Failure::lost("the answer gives this write no status")) };
        let body = pointer::one(result, &self.decl.result_body).cloned().unwrap_or(Value::Null);
        if (200..300).contains(&status) || (planted(Plant::RefusalIsSuccess) && status == 400) {
            return landed(self.connection, inside.part, status, body, &reply.base_url);
        }
        let decl = &self.connection.connector.decl;
        let failure = classify::of_value(decl, Effect::Write, status, &reply.headers, &body, "");
        if failure.code.as_ref().is_some_and(|code| self.decl.innocent.iter().any(|pattern| like(code, pattern))) {
            return Err(failure.with(|f| {
                f.class = ErrorClass::Busy;
                f.certain = true;
                f.innocent = true;
            }));
        }
        course().failed(&self.connection.id, failure.class.as_str());
        if matches!(failure.class, ErrorClass::RateLimited | ErrorClass::Quota) {
            let limiter = &self.writer.inner.account(self.connection).limiter;
            limiter.hold(self.request.bucket.as_deref(), failure.class, failure.retry_after);
        }
        self.writer.settle(self.connection, inside.part, failure).await
    }
}

/// A name for a write inside the request: letters, digits and underscores, as all systems take them.
fn name(write_id: &str, taken: &[Inside<'_>]) -> String {
    let plain: String = write_id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    // A name may have to begin with a letter.
    let plain = if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { plain } else { format!("w{plain}") };
    let mut name = plain.clone();
    let mut number = 2;
    while taken.iter().any(|i| i.name == name) {
        name = format!("{plain}_{number}");
        number += 1;
    }
    name
}
