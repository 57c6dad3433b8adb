//! A planned write in the words of the journal, and in those of the connection that sends it.

use aftercall_plan::model::{FieldVerdict, Guarantee, Link, LinkTo, Op, Write};

use super::progress::{Progress, Standing, depends_on, receipt, sends};
use crate::connect::{LinkTarget, Outgoing, OutgoingOp};
use crate::journal::{Json, NewWrite, SlotAsk, WriteState};
use crate::plant::{Plant, planted};

/// Whether it may be sent a second time: an update by id says the same again, a create is known by its key, and of some writes the
/// pipeline would rather have two than none.
pub(super) fn repeatable(write: &Write) -> bool {
    matches!(write.op, Op::Update { .. }) || matches!(write.guarantee, Guarantee::Exact | Guarantee::AtLeastOnce)
}

/// Whether the record that a create has made can be looked for by its marker.
pub(super) fn findable(write: &Write) -> bool {
    matches!(write.op, Op::Create { .. }) && write.guarantee == Guarantee::Reconciled
}

/// The state of a write that was never sent.
pub(super) fn first_state(write: &Write) -> WriteState {
    match write.op {
        Op::Create { .. } | Op::Update { .. } | Op::Merge { .. } => WriteState::Planned,
        Op::Nothing { .. } | Op::Skipped { .. } => WriteState::Skipped,
        Op::Blocked { .. } => WriteState::Held,
    }
}

/// As the journal takes it.
pub(super) fn new_write(write: &Write, state: WriteState, progress: &Progress) -> NewWrite {
    let (op, marker) = match &write.op {
        Op::Create { marker } => ("create", Some(marker.clone())),
        Op::Update { .. } => ("update", None),
        Op::Merge { .. } => ("merge", None),
        Op::Nothing { .. } => ("nothing", None),
        Op::Blocked { .. } => ("blocked", None),
        Op::Skipped { .. } => ("skipped", None),
    };
    // A time that is booked already stays claimed when the call is planned again.
    let slots = write.booking.iter().filter(|_| sends(write) || matches!(write.op, Op::Nothing { id: Some(_), .. }));
    NewWrite {
        write: write.id.clone(),
        connection: write.connection.clone(),
        object: write.object.clone(),
        op: op.to_owned(),
        marker,
        generation: 0,
        record_id: match &write.op {
            Op::Update { id } | Op::Nothing { id: Some(id), .. } | Op::Merge { id, .. } => Some(id.clone()),
            _ => None,
        },
        guarantee: write.guarantee.as_str().to_owned(),
        depends_on: depends_on(write).into_iter().chain(write.after.iter().cloned()).collect(),
        state,
        request_digest: None,
        request: None,
        receipt: Some(Json::from(receipt(write, progress))),
        slots: slots.map(|b| SlotAsk { resource: b.resource.clone(), starts_at: b.start, ends_at: b.end }).collect(),
    }
}

/// As the connection sends it, without what it has refused; `ready` go out together with it.
pub(super) fn outgoing(write: &Write, standing: &Standing, ready: &[String]) -> Outgoing {
    let refused = standing.get(&write.id).map(|p| &p.refused);
    let fields = write
        .fields
        .iter()
        .filter(|f| f.verdict == FieldVerdict::Write && refused.is_none_or(|r| !r.contains_key(&f.field)))
        .filter_map(|f| Some((f.field.clone(), f.after.clone()?)))
        .collect();
    let target = |link: &Link| match &link.to {
        LinkTo::Id(id) => Some(LinkTarget::Id(id.clone())),
        LinkTo::Write(other) if ready.contains(other) => Some(LinkTarget::Ref(other.clone())),
        LinkTo::Write(other) => standing.get(other).and_then(|p| p.record_id.clone()).map(LinkTarget::Id),
    };
    Outgoing {
        write_id: write.id.clone(),
        object: write.object.clone(),
        op: match &write.op {
            Op::Update { id } => OutgoingOp::Update { id: id.clone() },
            Op::Create { marker } if planted(Plant::MarkerFromTheClock) => OutgoingOp::Create {
                marker: format!("{marker}{}", ready.len() + standing.values().map(|p| p.attempt as usize).sum::<usize>()),
            },
            Op::Create { marker } => OutgoingOp::Create { marker: marker.clone() },
            Op::Merge { id, other } => OutgoingOp::Merge { id: id.clone(), other: other.clone() },
            _ => OutgoingOp::Create { marker: String::new() },
        },
        fields,
        links: write
            .links
            .iter()
            .filter(|_| !planted(Plant::LinksAreForgotten))
            .filter_map(|link| Some((link.link.clone(), target(link)?)))
            .collect(),
        again: standing.get(&write.id).is_some_and(|p| p.since.is_some()),
        leaves: write.links.iter().filter_map(|link| Some((link.link.clone(), link.from.clone()?))).collect(),
    }
}
