//! What the worker says of its calls in numbers and spans.
//!
//! Not for deciding anything by them.

use aftercall_config::project::Pipeline;
use aftercall_plan::model::{Plan, Write};
use jiff::Timestamp;

use super::revert::is_open;
use crate::journal::{CallStatus, Claim, WriteState};
use crate::meters::meters;
use crate::trace::{Span, span, wanted};

/// From when to when.
type Time = (Timestamp, Timestamp);

/// A call was worked as far as it goes now; counted where that is its end. One of which something went back has had its end before.
pub(super) fn settled(pipeline: &str, claim: &Claim, status: CallStatus, now: Timestamp) {
    if !status.is_final() || claim.writes.iter().any(is_open) {
        return;
    }
    meters().settled.add(&[pipeline, status.word()], 1);
    if matches!(status, CallStatus::Landed | CallStatus::Partial | CallStatus::Review) {
        meters().landed_seconds.took(&[pipeline], now.duration_since(claim.call.received_at).as_secs_f64());
    }
}

/// The same as a span, whatever came of it.
pub(super) fn worked(pipeline: &str, claim: &Claim, status: CallStatus, (from, to): Time) {
    let about = [("aftercall.pipeline", pipeline), ("aftercall.status", status.word()), ("aftercall.config", &claim.call.config_version)];
    span(&Span {
        call: &claim.call.id,
        name: "work",
        from,
        to,
        failed: matches!(status, CallStatus::Dead | CallStatus::Partial),
        about: &about,
    });
}

/// The caller was looked for, and it is decided who they are.
pub(super) fn matched(claim: &Claim, pipeline: &Pipeline, plan: Option<&Plan>, (from, to): Time) {
    if !wanted() {
        return;
    }
    let verdict = plan.and_then(|plan| serde_json::to_value(plan.decision.verdict).ok());
    let verdict = verdict.as_ref().and_then(|verdict| verdict.as_str()).unwrap_or("unread");
    let about = [
        ("aftercall.pipeline", pipeline.name.as_str()),
        ("aftercall.connection", pipeline.connection.id.as_str()),
        ("aftercall.verdict", verdict),
    ];
    span(&Span { call: &claim.call.id, name: "match", from, to, failed: plan.is_none(), about: &about });
}

/// The plan is on record.
pub(super) fn planned(claim: &Claim, plan: &Plan, (from, to): Time) {
    let writes = plan.writes.len().to_string();
    let about =
        [("aftercall.pipeline", plan.pipeline.as_str()), ("aftercall.config", plan.config.0.as_str()), ("aftercall.writes", &writes)];
    span(&Span { call: &claim.call.id, name: "plan", from, to, failed: false, about: &about });
}

/// A write was sent, and this is where it stands now; `class` is the error's, or `none`.
pub(super) fn attempted(claim: &Claim, write: &Write, (state, class): (WriteState, &str), (from, to): Time) {
    meters().attempts.add(&[&write.connection, &write.object], 1);
    meters().writes.add(&[&write.connection, &write.object, state.word(), class], 1);
    let about = [
        ("aftercall.write", write.id.as_str()),
        ("aftercall.connection", &write.connection),
        ("aftercall.object", &write.object),
        ("aftercall.state", state.word()),
        ("aftercall.class", class),
    ];
    span(&Span { call: &claim.call.id, name: "write", from, to, failed: class != "none", about: &about });
}
