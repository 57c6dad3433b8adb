//! Calls as the journal recorded them: outcome, context and plan, to be planned again as they were.
//!
//! Not for which calls: the command line and the pages choose.

use aftercall_config::call::CallOutcome;
use aftercall_plan::model::Booking;
use aftercall_plan::revisions::Recorded;
use serde::Deserialize;

use crate::journal::{Json, PlannedCall};

/// A call as it was recorded, not looked into yet.
pub(crate) struct Recording {
    /// Its place among the calls.
    number: u64,
    /// The outcome.
    call: CallOutcome,
    /// The context and the plan.
    plan: Option<(Json, Json)>,
    /// The pipeline that it took.
    pipeline: String,
    /// The version of the config under which it was planned; empty where it was not.
    pub(crate) config: String,
}

/// What is needed of a plan on record.
#[derive(Deserialize)]
struct PlanPart {
    decision: DecisionPart,
    writes: Vec<WritePart>,
}

#[derive(Deserialize)]
struct DecisionPart {
    contact: Option<String>,
}

#[derive(Deserialize)]
struct WritePart {
    id: String,
    booking: Option<Booking>,
}

impl Recording {
    /// A call of the journal; one whose outcome is no longer kept or cannot be read is left out.
    pub(crate) fn of(call: PlannedCall, number: &mut u64) -> Option<Self> {
        let outcome: CallOutcome = call.outcome.read().ok()?;
        *number += 1;
        Some(Self::with(outcome, Some(call), *number - 1))
    }

    /// A call with what the journal has of it.
    pub(crate) fn with(call: CallOutcome, known: Option<PlannedCall>, number: u64) -> Self {
        let plan = known.and_then(|known| known.plan);
        let (pipeline, config) = plan.as_ref().map(|plan| (plan.pipeline.clone(), plan.config_version.clone())).unwrap_or_default();
        Self { number, call, plan: plan.map(|plan| (plan.context, plan.plan)), pipeline, config }
    }

    /// Looks into it: the costly part, which is done beside the reading.
    pub(crate) fn understood(&self) -> Recorded {
        let (context, plan) = match &self.plan {
            Some((context, plan)) => (context.read().ok(), plan.read::<PlanPart>().ok()),
            None => (None, None),
        };
        let (contact, writes) = plan.map(|plan| (plan.decision.contact, plan.writes)).unwrap_or_default();
        let looked = writes.into_iter().filter_map(|write| {
            let booking = write.booking?;
            Some((write.id, (booking.start, booking.end)))
        });
        Recorded {
            call: self.call.clone(),
            context,
            pipeline: self.pipeline.clone(),
            contact,
            looked: looked.collect(),
            number: self.number,
        }
    }
}
