//! What came of one write: what a success confirms, and refusals that are successes after all.
//!
//! Not for sending: see `write` and `pack`.

use std::sync::Arc;

use aftercall_config::decl::{ErrorClass, IdentityKind};
use aftercall_config::functions::text;
use aftercall_config::project::{Connection, Object};
use serde_json::{Value, json};

use super::failure::Failure;
use super::outgoing::{Landed, OutgoingOp};
use super::part::Part;
use super::pointer;
use super::read::{Reader, given_back, object, proven};
use super::request::scope;
use super::write::Writer;

impl Writer {
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
                return Err(failure.with(|f| {
                    f.existing_id = None;
                    f.message = message;
                }));
            }
            if given_back(part.object, &body) {
                let message = format!("`{id}` is there, but it was cancelled or withdrawn, and its id cannot be used again");
                return Err(failure.with(|f| {
                    f.existing_id = None;
                    f.message = message;
                }));
            }
            return Ok(ours(body));
        }
        let fields = pointer::one(&body, &part.object.read_fields).unwrap_or(&Value::Null);
        let carries = pointer::dotted(fields, &identity.field).is_some_and(|value| text(value) == *marker);
        if carries { Ok(ours(body)) } else { Err(failure) }
    }
}

impl Reader {
    /// The page where a person sees a record; `None` where only the system's own answers name it.
    pub fn page(&self, connection: &Arc<Connection>, object: &str, id: &str) -> Option<String> {
        let base_url = self.inner.account(connection).auth.base_url().unwrap_or_else(|| connection.base_url.clone());
        url(connection, connection.connector.objects.get(object)?, id, &Value::Null, &base_url)
    }
}

/// What a success confirms.
///
/// Errors: an answer without an id, so that nobody knows what was made.
pub(super) fn landed(connection: &Connection, part: &Part<'_>, status: u16, body: Value, base_url: &str) -> Result<Landed, Failure> {
    let (id, created) = match &part.out.op {
        OutgoingOp::Update { id } | OutgoingOp::Merge { id, .. } => (Some(id.clone()), false),
        OutgoingOp::Create { marker } => {
            let chosen = part.object.decl.identity.as_ref().is_some_and(|identity| identity.kind == IdentityKind::ClientId);
            let id = pointer::first_text(&body, &part.object.id).or_else(|| chosen.then(|| marker.clone()));
            (id, !part.object.create_is_upsert || status == 201)
        }
    };
    let id =
        id.ok_or_else(|| Failure::lost(format!("the answer names no id at `{}`", part.object.id)).with(|f| f.status = Some(status)))?;
    Ok(Landed { url: url(connection, part.object, &id, &body, base_url), id, body, created })
}

pub(super) fn url(connection: &Connection, known: &Object, id: &str, record: &Value, base_url: &str) -> Option<String> {
    let place = object([("id", json!(id)), ("record", record.clone())]);
    let url = known.url.as_ref()?.text(&scope(connection, base_url, Some(known), &place));
    // A page that a system names itself goes into links: no other scheme may come in that way.
    Some(url).filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}
