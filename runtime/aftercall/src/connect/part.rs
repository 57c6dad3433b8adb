//! One write of a batch with its place in the manifest: its request, and what it waits for.
//!
//! Not for sending: see `write` and `pack`.

use aftercall_config::project::{Connection, Object, Request};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::outgoing::{LinkTarget, Outgoing, OutgoingOp};
use super::pointer;
use super::read::{known, object};
use super::request::{Rendered, render, scope};

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

impl Part<'_> {
    /// The request of this write.
    ///
    /// Errors: `invalid` for a link that the manifest does not have, or a request without the id that it needs.
    pub(super) fn render(&self, connection: &Connection, base_url: &str, name: Names<'_>) -> Result<Rendered, Failure> {
        let place = self.place(connection, base_url, name, !self.object.create_is_upsert)?;
        render(self.request, &scope(connection, base_url, Some(self.object), &place))
    }

    /// What the templates of this write see.
    ///
    /// Shape: `keyed` says that our key stands among the fields of a new record, and not in the address. Errors: as for `render`.
    pub(super) fn place(
        &self,
        connection: &Connection,
        base_url: &str,
        name: Names<'_>,
        keyed: bool,
    ) -> Result<Map<String, Value>, Failure> {
        let mut fields = Map::new();
        for (field, value) in &self.out.fields {
            let value = if value.is_null() { &self.object.empty } else { value };
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
                if let Some(identity) = self.object.decl.identity.as_ref().filter(|_| keyed) {
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
            OutgoingOp::Merge { id, other } => {
                place.insert("id".to_owned(), json!(id));
                place.insert("other".to_owned(), json!(other));
            }
        }
        place.insert("fields".to_owned(), Value::Object(fields));
        if !associations.is_empty() {
            place.insert("associations".to_owned(), Value::Array(associations));
        }
        Ok(place)
    }
}

/// A write with its place in the manifest.
pub(super) fn part<'a>(connection: &'a Connection, batch: &'a [Outgoing], index: usize) -> Result<Part<'a>, Failure> {
    let out = &batch[index];
    let object = known(connection, &out.object)?;
    let (request, key) = match &out.op {
        OutgoingOp::Create { marker } => (&object.create, marker),
        OutgoingOp::Update { id } => (&object.update, id),
        OutgoingOp::Merge { id, .. } => (&object.merge, id),
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
pub(super) fn order(parts: &[Option<Part<'_>>], mut circle: impl FnMut(usize)) -> Vec<usize> {
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

/// What is done, for logs and messages.
pub(super) fn verb(out: &Outgoing) -> &'static str {
    match out.op {
        OutgoingOp::Create { .. } => "create",
        OutgoingOp::Update { .. } => "update",
        OutgoingOp::Merge { .. } => "merge",
    }
}
