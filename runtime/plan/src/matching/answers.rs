//! What people answered before: whether it holds for this caller too.
//!
//! Not for weighing: an answer is no sum. It holds, or it does not.

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project};

use super::{Identity, Sought};
use crate::context::{Asker, Context, Remembered};
use crate::decision::Evidence;

/// Who asks in this call: what an answer about it is remembered by.
pub fn asker(project: &Project, pipeline: &Pipeline, call: &CallOutcome) -> Asker {
    let rules = &pipeline.matching;
    let identity = Identity::of(&rules.values, &project.phone_region, call);
    of(pipeline, &identity, &Sought::of(rules, &project.phone_region, &call.caller))
}

pub(super) fn of(pipeline: &Pipeline, identity: &Identity, sought: &Sought) -> Asker {
    let name = sought.name.as_ref().filter(|name| !name.is_empty());
    let suffix = |name: &crate::normalise::PersonName| name.suffix.map(|one| format!(" {one}")).unwrap_or_default();
    Asker {
        connection: pipeline.connection.id.clone(),
        phones: identity.phones.iter().map(|phone| phone.e164.clone()).collect(),
        emails: identity.emails.clone(),
        name: name.map(|name| format!("{} {}{}", name.first_joined(), name.last_joined(), suffix(name))),
    }
}

/// The answer that holds for this caller, about a record that was read. Of several the latest counts.
pub(super) fn holds<'a>(asker: &Asker, context: &'a Context) -> Option<&'a Remembered> {
    let there = |id: &str| context.candidates.iter().any(|record| record.id == id);
    let fit = context.remembered.iter().filter(|one| one.of.is_like(asker) && there(&one.contact));
    fit.max_by(|a, b| (a.at, &a.call, &a.contact).cmp(&(b.at, &b.call, &b.contact)))
}

/// The line of the sum: it adds nothing, for it needs no sum.
pub(super) fn line(answer: &Remembered) -> Evidence {
    Evidence {
        on: "answered".to_owned(),
        caller: Some(answer.call.clone()),
        record: Some(answer.at.strftime("%Y-%m-%d").to_string()),
        level: "known".to_owned(),
        bits: 0.0,
    }
}
