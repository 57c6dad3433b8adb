//! What moves when a person says whose record it is: links of a record that is there, and one record into another.
//!
//! Each step says the same when it is said twice, so that a write whose answer was lost is simply sent again.

use std::sync::Arc;

use aftercall_config::decl::ErrorClass;
use aftercall_config::project::{Connection, Request};
use serde_json::{Value, json};

use super::classify::Effect;
use super::exchange::{Asking, exchange};
use super::failure::Failure;
use super::landed::url;
use super::outgoing::{Landed, LinkTarget, OutgoingOp, Sent};
use super::part::{Names, Part};
use super::pointer;
use super::read::object;
use super::request::{render, scope};
use super::write::Writer;

impl Part<'_> {
    /// Whether it takes more than the request for the record: a merge, or links that have requests of their own.
    pub(super) fn moves(&self) -> bool {
        match &self.out.op {
            OutgoingOp::Create { .. } => false,
            OutgoingOp::Update { .. } => self.out.links.iter().any(|(link, _)| self.object.associations.contains_key(link)),
            OutgoingOp::Merge { .. } => true,
        }
    }

    /// Whether nothing of the record itself changes.
    fn only_links(&self) -> bool {
        let in_a_field = |link: &String| self.object.decl.links.get(link).is_some_and(|decl| decl.field.is_some());
        self.moves() && self.out.fields.is_empty() && !self.out.links.iter().any(|(link, _)| in_a_field(link))
    }
}

impl Writer {
    /// What needs no request for the record: a change of nothing but links, and a merge that has happened.
    ///
    /// Errors: whether it has happened cannot be read; nothing was sent then.
    pub(super) async fn needless(&self, connection: &Arc<Connection>, part: &Part<'_>) -> Result<Option<Landed>, Failure> {
        let account = self.inner.account(connection);
        let landed = |id: &String| {
            let base_url = account.auth.base_url().unwrap_or_else(|| connection.base_url.clone());
            let url = url(connection, part.object, id, &Value::Null, &base_url);
            Landed { id: id.clone(), url, body: Value::Null, created: false }
        };
        match &part.out.op {
            OutgoingOp::Update { id } if part.only_links() => Ok(Some(landed(id))),
            OutgoingOp::Merge { id, other } => {
                let Some(read) = &part.object.read else { return Ok(None) };
                let body = self.reader().body_of(connection, &part.out.object, part.object, read, other, &[]).await?;
                // A record that was merged away is gone, or answers under the name of the one that stayed.
                let gone = body.is_none_or(|body| pointer::first_text(&body, &part.object.id).is_some_and(|found| found != *other));
                Ok(gone.then(|| landed(id)))
            }
            _ => Ok(None),
        }
    }

    /// Links a record that landed to where it belongs, then takes the old links away.
    pub(super) async fn relinked(&self, connection: &Arc<Connection>, part: &Part<'_>, name: Names<'_>, sent: Sent) -> Sent {
        if sent.result.is_err() || !part.moves() {
            return sent;
        }
        match self.relink(connection, part, name).await {
            Ok(()) => sent,
            Err(failure) => Sent { result: Err(failure), ..sent },
        }
    }

    async fn relink(&self, connection: &Arc<Connection>, part: &Part<'_>, name: Names<'_>) -> Result<(), Failure> {
        let mut needs = part.needs.iter();
        for (link, target) in &part.out.links {
            let other = match target {
                LinkTarget::Id(id) => id.clone(),
                LinkTarget::Ref(_) => needs.next().map(|index| name(*index)).unwrap_or_default(),
            };
            self.one_link(connection, part, part.object.link.as_ref(), link, &other).await?;
        }
        for (link, other) in &part.out.leaves {
            match self.one_link(connection, part, part.object.unlink.as_ref(), link, other).await {
                // The record at its other end is gone, and the link with it.
                Err(failure) if failure.class == ErrorClass::NotFound => {}
                done => done?,
            }
        }
        Ok(())
    }

    async fn one_link(
        &self,
        connection: &Arc<Connection>,
        part: &Part<'_>,
        request: Option<&Request>,
        link: &str,
        other: &str,
    ) -> Result<(), Failure> {
        let (OutgoingOp::Update { id }, Some(template)) = (&part.out.op, part.object.associations.get(link)) else { return Ok(()) };
        let request = request.ok_or_else(|| Failure::invalid(format!("the link `{link}` of a record that is there cannot be moved")))?;
        let to = part.object.decl.links.get(link).and_then(|decl| connection.connector.objects.get(&decl.to));
        let what = format!("link {} of {}", link, part.out.object);
        let bucket = request.bucket.as_deref();
        let asking = Asking { connection, what: &what, effect: Effect::Write, bucket, again: false, probe: false, deadline: self.deadline };
        let rendered = |base: &str| {
            let association = template.eval(&scope(connection, base, Some(part.object), &object([("id", json!(other))])));
            let place = object([
                ("id", json!(id)),
                ("other", json!(other)),
                ("to", json!(to.map(|to| to.decl.name.as_str()))),
                ("association", association.unwrap_or_default()),
            ]);
            render(request, &scope(connection, base, Some(part.object), &place))
        };
        exchange(&self.inner, &asking, &rendered).await.map(drop).map_err(|refused| refused.failure)
    }
}
