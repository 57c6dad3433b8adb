//! A plan as a diff that a sales manager can approve.

use std::fmt::Write as _;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::PolicyDecl;
use aftercall_plan::document::{PlanDocument, PlanError, PlannedCall, Requests};
use aftercall_plan::model::{FieldChange, FieldVerdict, Op, Plan, Write};
use aftercall_plan::plan::RequestCount;

use super::words::{bold, cut, dim, green, many, pad, red, status, value, yellow};

/// A plan as text. `all` shows what stays as it is, too.
pub fn text(plan: &Plan, call: &CallOutcome, requests: &[RequestCount], all: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", heading(plan, call));
    let _ = writeln!(out, "  {}  {}", status(plan.decision.verdict.as_str()), plan.decision.because);
    if let Some(review) = &plan.decision.review {
        let _ = writeln!(out, "  {}   {review}", yellow("review"));
    }
    for write in &plan.writes {
        out.push_str(&write_text(write, all));
    }
    let mut said: Vec<&str> = Vec::new();
    for note in &plan.notes {
        // Two writes of one route say the same.
        if said.contains(&note.text.as_str()) {
            continue;
        }
        said.push(&note.text);
        let at = note.origin.as_ref().map(|o| format!("  {}", dim(&o.to_string()))).unwrap_or_default();
        let _ = writeln!(out, "  {} {}{at}", yellow("note"), note.text);
    }
    if !requests.is_empty() {
        let parts: Vec<String> = requests
            .iter()
            .map(|r| format!("{} {} + {}", r.connection, many(r.reads as usize, "read"), many(r.writes as usize, "write")))
            .collect();
        let _ = writeln!(out, "  {}", dim(&format!("requests: {}", parts.join(", "))));
    }
    out
}

/// A plan in a line: who, and what happens where.
pub fn line(plan: &Plan, call: &CallOutcome, requests: &[RequestCount]) -> String {
    let writes: Vec<String> = plan
        .writes
        .iter()
        .filter_map(|w| match &w.op {
            Op::Create { .. } => Some(green(&format!("+{}", w.id))),
            Op::Update { .. } | Op::Merge { .. } => Some(yellow(&format!("~{}", w.id))),
            Op::Blocked { .. } => Some(red(&format!("!{}", w.id))),
            Op::Nothing { .. } | Op::Skipped { .. } => None,
        })
        .collect();
    let count: u32 = requests.iter().map(|r| r.reads + r.writes).sum();
    let verdict = status(plan.decision.verdict.as_str());
    format!("{}  {verdict}: {}  {}\n", heading(plan, call), writes.join(" "), dim(&many(count as usize, "request")))
}

pub(super) fn heading(plan: &Plan, call: &CallOutcome) -> String {
    let name = call.caller.name.clone().or_else(|| call.caller.first_name.clone());
    let who = [name, call.caller.phone.clone(), call.caller.email.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let who = if who.is_empty() { "unknown caller".to_owned() } else { value(&serde_json::Value::from(who), 70) };
    let outcome = call.outcome.as_deref().unwrap_or("no outcome");
    format!("{}  {who}  {}  {}", bold(&cut(&plan.call, 60)), outcome, dim(&plan.pipeline))
}

fn write_text(write: &Write, all: bool) -> String {
    let mut out = String::new();
    let name = pad(&format!("{}/{}", write.connection, write.id), 24);
    let tail = dim(&format!("{}  {}", write.guarantee.as_str(), write.origin));
    let line = match &write.op {
        Op::Create { .. } => format!("{} {}", green("+"), format_args!("{name} {} a new {}", green("create"), write.object)),
        Op::Update { id } => format!("{} {}", yellow("~"), format_args!("{name} {} {} {id}", yellow("update"), write.object)),
        Op::Merge { id, other } => format!("{} {name} {} {} {other} into {id}", yellow("~"), yellow("merge"), write.object),
        Op::Nothing { because, .. } => format!("= {name} nothing to do: {because}"),
        Op::Blocked { because } => format!("{} {name} {}: {because}", red("!"), red("blocked")),
        Op::Skipped { because } => format!("  {name} skipped: {because}"),
    };
    let done = matches!(write.op, Op::Create { .. } | Op::Update { .. });
    if !done && !all {
        let _ = writeln!(out, "  {}", dim(&line));
        return out;
    }
    let _ = writeln!(out, "  {line}   {tail}");
    if let Some(booking) = &write.booking {
        let _ = writeln!(out, "      takes {} from {} to {}", booking.resource, booking.start, booking.end);
    }
    let width = write.fields.iter().filter(|f| all || shown(f)).map(|f| f.field.chars().count()).max().unwrap_or(0).min(34);
    for field in write.fields.iter().filter(|f| all || shown(f)) {
        let _ = writeln!(out, "      {}", field_text(field, width));
    }
    for link in &write.links {
        let to = match &link.to {
            aftercall_plan::model::LinkTo::Id(id) => id.clone(),
            aftercall_plan::model::LinkTo::Write(write) => format!("the record of `{write}`"),
        };
        let _ = writeln!(out, "      {} {} → {to}", green("+"), pad(&link.link, width));
    }
    let hidden = |verdict| write.fields.iter().filter(|f| f.verdict == verdict).count();
    let (same, absent) = (hidden(FieldVerdict::Same), hidden(FieldVerdict::Absent));
    let never = write.fields.iter().filter(|f| f.verdict == FieldVerdict::Kept && f.policy == PolicyDecl::Never).count();
    if !all && same + absent + never > 0 {
        let mut parts = Vec::new();
        if same > 0 {
            parts.push(format!("{same} there already"));
        }
        if absent > 0 {
            parts.push(format!("{absent} not in this call"));
        }
        if never > 0 {
            parts.push(format!("{never} never touched once there"));
        }
        let _ = writeln!(out, "      {}", dim(&parts.join(", ")));
    }
    out
}

/// What changes, and what would have changed but for a policy that looked at the value. `never` looks at nothing.
pub(super) fn shown(field: &FieldChange) -> bool {
    match field.verdict {
        FieldVerdict::Same | FieldVerdict::Absent => false,
        FieldVerdict::Kept => field.policy != PolicyDecl::Never,
        FieldVerdict::Write | FieldVerdict::Conflict => true,
    }
}

fn field_text(field: &FieldChange, width: usize) -> String {
    let name = pad(&cut(&field.field, 34), width);
    let before = field.before.as_ref().map(|v| value(v, 40));
    let after = field.after.as_ref().map(|v| value(v, 60)).unwrap_or_default();
    let because = field.because.as_ref().map(|b| format!(" ({b})")).unwrap_or_default();
    let tail = dim(&format!("{}  {}", field.policy.as_str(), field.origin));
    match (field.verdict, before) {
        (FieldVerdict::Write, None) => format!("{} {name} {}{because}   {tail}", green("+"), green(&after)),
        (FieldVerdict::Write, Some(before)) => format!("{} {name} {} → {}{because}   {tail}", yellow("~"), dim(&before), yellow(&after)),
        (FieldVerdict::Same, before) => format!("= {name} {}{because}   {tail}", before.unwrap_or(after)),
        (FieldVerdict::Kept, before) => format!("  {name} {} kept{because}, the call says {after}   {tail}", before.unwrap_or_default()),
        (FieldVerdict::Conflict, before) => {
            format!("{} {name} {} kept{because}, the call says {after}   {tail}", red("!"), before.unwrap_or_default())
        }
        (FieldVerdict::Absent, _) => format!("  {name} not in this call   {tail}"),
    }
}

/// Plans as a versioned document.
pub fn document(plans: &[(Plan, Vec<RequestCount>)], errors: &[(u64, String)]) -> PlanDocument {
    let requests = |counts: &[RequestCount]| {
        let count = |r: &RequestCount| Requests { connection: r.connection.clone(), reads: r.reads, writes: r.writes };
        counts.iter().map(count).collect()
    };
    PlanDocument {
        version: 1,
        calls: plans.iter().map(|(plan, counts)| PlannedCall { plan: plan.clone(), requests: requests(counts) }).collect(),
        errors: errors.iter().map(|(line, message)| PlanError { line: *line, message: message.clone() }).collect(),
    }
}

/// What a batch of plans would do, in a line.
pub fn summary(plans: &[(Plan, Vec<RequestCount>)]) -> String {
    let count = |f: fn(&Op) -> bool| plans.iter().flat_map(|(p, _)| &p.writes).filter(|w| f(&w.op)).count();
    let creates = count(|op| matches!(op, Op::Create { .. }));
    let updates = count(|op| matches!(op, Op::Update { .. }));
    let blocked = count(|op| matches!(op, Op::Blocked { .. }));
    let reviews = plans.iter().filter(|(p, _)| p.decision.review.is_some()).count();
    let requests: usize = plans.iter().flat_map(|(_, r)| r).map(|r| (r.reads + r.writes) as usize).sum();
    let mut out = format!("{}: {} to create, {} to update", many(plans.len(), "call"), creates, updates);
    if blocked > 0 {
        let _ = write!(out, ", {}", red(&format!("{blocked} blocked")));
    }
    if reviews > 0 {
        let _ = write!(out, ", {} for a person", reviews);
    }
    let _ = write!(out, "; {}", many(requests, "request"));
    out
}
