//! One request and its meaning: let in, in its turn, sent once, classified.
//!
//! The only repetition here is the one after a token that had expired: a refusal that is certain. All other repeating
//! belongs to `read` (reads are safe) and to `work` (writes wait in the journal).

use std::sync::Arc;

use aftercall_config::decl::ErrorClass;
use aftercall_config::project::Connection;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::Instant;

use super::auth::Pass;
use super::classify::{self, Effect};
use super::connections::{Account, Inner};
use super::failure::Failure;
use super::http::{Answer, SendError};
use super::limit::MAX_WAIT;
use super::request::{Rendered, prepare};
use crate::meters::{Recent, course, meters, recent};

/// A request in the making.
pub(super) struct Asking<'a> {
    pub(super) connection: &'a Arc<Connection>,
    /// What it is, for the log: an operation and an object's name, never a value.
    pub(super) what: &'a str,
    pub(super) effect: Effect,
    pub(super) bucket: Option<&'a str>,
    /// It was sent before, and failed.
    pub(super) again: bool,
    /// It only asks whether the system is back.
    pub(super) probe: bool,
    /// Nothing may be under way beyond this moment.
    pub(super) deadline: Option<Instant>,
}

/// An answer that was no refusal.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Null where there was no body.
    pub(super) body: Value,
    /// Of the request: what was asked.
    pub(super) digest: String,
    /// Where it was asked.
    pub(super) base_url: String,
}

/// A failure, with the digest of what was asked where something was.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    pub(super) digest: String,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, digest: String::new() }
    }
}

/// Sends what `render` makes for a base address, and says what came of it.
pub(super) async fn exchange(
    inner: &Inner,
    asking: &Asking<'_>,
    render: &(dyn Fn(&str) -> Result<Rendered, Failure> + Sync),
) -> Result<Reply, Refused> {
    let account = inner.account(asking.connection);
    if !asking.probe {
        inner.admit(asking.connection, &account)?;
    }
    let mut pass = account.auth.pass().await.map_err(|failure| account.not_let_in(failure))?;
    let mut renewed = false;
    loop {
        let base_url = pass.base_url.as_deref().unwrap_or(&asking.connection.base_url).to_owned();
        let rendered = render(&base_url)?;
        let digest = rendered.digest();
        let refused = |failure| Refused { failure, digest: digest.clone() };
        let answer = send(inner, &account, asking, &pass, &base_url, &rendered).await.map_err(refused)?;
        if (200..300).contains(&answer.status) {
            account.limiter.went_through(asking.bucket);
            account.breaker.answered();
            return match body(&answer) {
                Ok(body) => Ok(Reply { status: answer.status, headers: answer.headers, body, digest, base_url }),
                Err(failure) if asking.effect == Effect::Read => Err(refused(failure.of_read())),
                Err(failure) => Err(refused(failure)),
            };
        }
        let decl = &asking.connection.connector.decl;
        let failure = classify::failure(decl, asking.effect, answer.status, &answer.headers, &answer.body);
        course().failed(&asking.connection.id, failure.class.as_str());
        match failure.class {
            ErrorClass::RateLimited | ErrorClass::Quota => account.limiter.hold(asking.bucket, failure.class, failure.retry_after),
            ErrorClass::AuthExpired if !renewed => {
                renewed = true;
                pass = account.auth.renew(Some(&pass)).await.map_err(|failure| refused(account.not_let_in(failure)))?;
                continue;
            }
            _ => account.limiter.went_through(asking.bucket),
        }
        account.breaker.heard(&failure);
        return Err(refused(failure));
    }
}

/// Sends once, in its turn.
async fn send(
    inner: &Inner,
    account: &Account,
    asking: &Asking<'_>,
    pass: &Pass,
    base_url: &str,
    rendered: &Rendered,
) -> Result<Answer, Failure> {
    let connection = asking.connection;
    let mut prepared = prepare(connection, base_url, rendered)?;
    pass.stamp(&mut prepared.headers);
    account.limiter.may_repeat(asking.again)?;
    let latest = asking.deadline.and_then(|deadline| deadline.checked_sub(prepared.timeout));
    let patience = Instant::now() + MAX_WAIT;
    let turn = account.limiter.turn(asking.bucket, latest.map_or(patience, |latest| latest.min(patience))).await?;
    // The last look before the first byte: whoever took over our lane must not meet a request of ours.
    if asking.deadline.is_some() && latest.is_none_or(|latest| Instant::now() > latest) {
        return Err(Failure::unsent(ErrorClass::Busy, "not sent: the answer could not be awaited within the lease"));
    }
    // While it stood in line, the system may have been found away.
    if !asking.probe {
        inner.admit(connection, account)?;
    }
    account.count();
    let begun = Instant::now();
    let result = inner.world.transport.send(prepared).await;
    drop(turn);
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (connection, what) = (connection.id.as_str(), asking.what);
    measured(connection, begun, &result);
    match result {
        Ok(answer) => {
            tracing::debug!(connection, what, status = answer.status, ms, "answered");
            account.limiter.heard(&answer.headers);
            Ok(answer)
        }
        Err(SendError::NeverSent(reason)) => {
            tracing::debug!(connection, what, ms, "not reached");
            let failure = Failure::unsent(ErrorClass::Unreachable, format!("not reached: {reason}"));
            course().failed(connection, failure.class.as_str());
            account.breaker.heard(&failure);
            Err(failure)
        }
        Err(SendError::Lost(reason)) => {
            tracing::debug!(connection, what, ms, "no answer");
            let failure = Failure::lost(format!("the answer was lost: {reason}"));
            course().failed(connection, failure.class.as_str());
            account.breaker.heard(&failure);
            Err(if asking.effect == Effect::Read { failure.of_read() } else { failure })
        }
    }
}

/// Counts a request. A refusal of what we sent is a failed one as well: whoever asks for the share of errors means both.
fn measured(connection: &str, begun: Instant, result: &Result<Answer, SendError>) {
    let (word, went) = match result {
        Ok(answer) => match answer.status {
            200..300 => ("2xx", true),
            300..400 => ("3xx", false),
            400..500 => ("4xx", false),
            _ => ("5xx", false),
        },
        Err(SendError::NeverSent(_)) => ("unreached", false),
        Err(SendError::Lost(_)) => ("lost", false),
    };
    meters().requests.add(&[connection, word], 1);
    meters().request_seconds.took(&[connection], begun.elapsed().as_secs_f64());
    course().took(connection, begun.elapsed());
    recent().note(if went { Recent::Answered } else { Recent::Failed }, connection, 1);
}

/// The body of a success. Errors: something that is no JSON, so what it confirms cannot be read.
fn body(answer: &Answer) -> Result<Value, Failure> {
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&answer.body).map_err(|_| Failure::lost("the answer is no JSON").with(|f| f.status = Some(answer.status)))
}
