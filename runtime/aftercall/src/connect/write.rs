//! Writing: what `work` has committed to do goes out, once, and each write gets its own answer.
//!
//! In packs where the system takes them, else each for itself, side by side where nothing ties them together; with the writes of other calls
//! while many calls are worked at once (`crowd`). Not for
//! retries: a refusal by an expired token is asked again, and a pack that is refused as a whole is taken apart (both are
//! certain to have written nothing); all else goes back to `work`.

use std::fmt;
use std::sync::Arc;

use aftercall_config::decl::ErrorClass;
use aftercall_config::project::Connection;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::classify::Effect;
use super::connections::Inner;
use super::crowd::{self, write::gathered};
use super::exchange::{Asking, exchange};
use super::failure::Failure;
use super::landed::landed;
use super::outgoing::{Outgoing, Sent};
use super::pack;
use super::part::{Names, Part, order, part, verb};
use super::read::Reader;

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
        let order =
            order(&parts, |index| results[index] = Some(unsent(&batch[index], Failure::invalid("writes refer to each other in a circle"))));
        match (&connection.connector.decl.pack, &connection.connector.pack) {
            (Some(decl), Some((request, item))) if order.len() > 1 && !gathered(parts.iter().flatten()) => {
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
                        match self.together(connection, part, &name).await {
                            Some(sent) => (index, sent),
                            None => (index, self.alone(connection, part, &name).await),
                        }
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

    /// One write in requests of its own: the record, then what moves with it.
    pub(super) async fn alone(&self, connection: &Arc<Connection>, part: &Part<'_>, name: Names<'_>) -> Sent {
        match self.needless(connection, part).await {
            Ok(Some(landed)) => {
                let sent = Sent { write_id: part.out.write_id.clone(), result: Ok(landed), request_digest: String::new() };
                return self.relinked(connection, part, name, sent).await;
            }
            Ok(None) => {}
            Err(failure) => return unsent(part.out, failure),
        }
        let sent = self.record(connection, part, name).await;
        self.relinked(connection, part, name, sent).await
    }

    /// The request for the record.
    async fn record(&self, connection: &Arc<Connection>, part: &Part<'_>, name: Names<'_>) -> Sent {
        let what = format!("{} {}", verb(part.out), part.out.object);
        let bucket = part.request.bucket.as_deref();
        let _gate = crowd::gate(&self.inner, connection).await;
        let asking =
            Asking { connection, what: &what, effect: Effect::Write, bucket, again: part.out.again, probe: false, deadline: self.deadline };
        let rendered = |base: &str| part.render(connection, base, name);
        let (result, request_digest) = match exchange(&self.inner, &asking, &rendered).await {
            Ok(reply) => (landed(connection, part, reply.status, reply.body, &reply.base_url), reply.digest),
            Err(refused) => (self.settle(connection, part, refused.failure).await, refused.digest),
        };
        Sent { write_id: part.out.write_id.clone(), result, request_digest }
    }
}

fn ready(parts: &[Option<Part<'_>>], results: &[Option<Sent>], index: usize) -> bool {
    parts[index].iter().flat_map(|part| part.needs.iter().chain(&part.after)).all(|needed| results[*needed].is_some())
}

/// The id of a write that landed.
pub(super) fn landed_id(results: &[Option<Sent>], index: usize) -> Option<String> {
    results[index].as_ref()?.result.as_ref().ok().map(|landed| landed.id.clone())
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
