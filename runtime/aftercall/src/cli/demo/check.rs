//! The demo's own verdict: what the stand-ins hold, compared with what the calls said. Every check is said aloud.

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::call::CallOutcome;
use serde_json::Value;

use super::super::talk::{self, data};
use super::DynJournal;
use super::world::{Payload, World};
use crate::journal::{CallFilter, CallStatus};
use crate::service::Service;

/// Says what was compared; counts what does not hold.
#[derive(Default)]
struct Checks {
    failed: usize,
}

impl Checks {
    fn that(&mut self, holds: bool, what: &str, found: &str) {
        if holds {
            data(&format!("  {} {what}\n", talk::green("✓")));
        } else {
            self.failed += 1;
            data(&format!("  {} {what}: {found}\n", talk::red("✗")));
        }
    }

    fn count(&mut self, expected: usize, found: usize, what: &str) {
        self.that(expected == found, &format!("{what}: {found}"), &format!("expected {expected}"));
    }
}

fn rows(records: &Value, object: &str) -> Vec<Value> {
    records[object].as_array().cloned().unwrap_or_default()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// Numbers of a record by their last ten digits.
fn digits(value: &str) -> Option<String> {
    let digits: String = value
        .split(['x', '('])
        .find(|part| part.chars().filter(char::is_ascii_digit).count() >= 10)
        .unwrap_or(value)
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    (digits.len() >= 10).then(|| digits[digits.len() - 10..].to_owned())
}

/// Numbers and addresses that stand in more than one record.
fn shared(contacts: &[Value], phones: &[&str], email: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for contact in contacts {
        let id = text(contact, "Id").to_owned() + text(contact, "id");
        let fields = contact.get("properties").unwrap_or(contact);
        let keys =
            phones.iter().filter_map(|p| digits(text(fields, p))).chain(Some(text(fields, email).to_lowercase()).filter(|e| !e.is_empty()));
        for key in keys {
            seen.entry(key).or_default().insert(id.clone());
        }
    }
    seen.into_iter()
        .filter(|(_, ids)| ids.len() > 1)
        .map(|(key, ids)| format!("{key} in {}", ids.into_iter().collect::<Vec<_>>().join(", ")))
        .collect()
}

async fn statuses(journal: &DynJournal, checks: &mut Checks, calls: usize) -> anyhow::Result<()> {
    let all = journal.calls(CallFilter { limit: 1000, ..CallFilter::default() }).await?;
    let other: Vec<String> = all.iter().filter(|c| c.status != CallStatus::Landed).map(|c| format!("{} is {}", c.id, c.status)).collect();
    checks.that(
        other.is_empty() && all.len() == calls,
        &format!("all {calls} calls landed"),
        &format!("{} calls; {}", all.len(), other.join(", ")),
    );
    Ok(())
}

fn outcomes(service: &Service, payloads: &[Payload]) -> anyhow::Result<Vec<CallOutcome>> {
    payloads.iter().map(|p| p.outcome(service)).collect()
}

/// Salesforce and Google Calendar.
pub(super) async fn front_desk(world: &World, service: &Service, payloads: &[Payload]) -> anyhow::Result<usize> {
    let mut checks = Checks::default();
    let calls = outcomes(service, payloads)?;
    statuses(service.journal.as_ref(), &mut checks, calls.len()).await?;
    let records = world.crm().records();
    let contacts = rows(&records, "Contact");
    checks.count(7, contacts.len(), "contacts: the 6 that were there and the one new caller of the burst");
    let twice = shared(&contacts, &["Phone", "MobilePhone", "HomePhone", "OtherPhone"], "Email");
    checks.that(twice.is_empty(), "no number and no address stands in two contacts", &twice.join("; "));
    let tasks = rows(&records, "Task");
    let log: Vec<&Value> = tasks.iter().filter(|t| text(t, "TaskSubtype") == "Call").collect();
    let logged: BTreeSet<&str> = log.iter().map(|t| text(t, "CallObject")).collect();
    let missing: Vec<&str> = calls.iter().map(|c| c.id.as_str()).filter(|id| !logged.contains(id)).collect();
    checks.count(calls.len(), log.len(), "call log entries, one for each call");
    checks.that(missing.is_empty(), "each call has its entry", &missing.join(", "));
    checks.that(log.iter().all(|t| !text(t, "WhoId").is_empty()), "each entry hangs on a contact", "one does not");
    let nora = contacts.iter().find(|c| text(c, "LastName") == "Whitfield" && text(c, "FirstName") == "Nora");
    let email = nora.map(|c| text(c, "Email")).unwrap_or_default();
    checks.that(!email.is_empty(), "the known caller's new e-mail was captured", "it was not");
    let escalation = tasks.iter().filter(|t| text(t, "TaskSubtype") != "Call" && text(t, "Priority") == "High").collect::<Vec<_>>();
    let manager = "005Sb0000000003IAA";
    let owned = escalation.iter().all(|t| text(t, "OwnerId") == manager && !text(t, "ActivityDate").is_empty());
    checks.that(
        escalation.len() == 1 && owned,
        "the escalation is one task, of high priority, with the office manager, and has a due date",
        &format!("{} such tasks", escalation.len()),
    );
    let withheld = calls.iter().find(|c| c.caller.phone.is_none() && c.caller.email.is_some());
    let entry = withheld.and_then(|c| log.iter().find(|t| text(t, "CallObject") == c.id));
    let who = entry.and_then(|t| contacts.iter().find(|c| text(c, "Id") == text(t, "WhoId"))).map(|c| text(c, "Email").to_lowercase());
    let said = withheld.and_then(|c| c.caller.email.clone()).map(|e| e.to_lowercase());
    checks.that(who.is_some() && who == said, "the withheld number was found by its e-mail", "it was not");
    appointments(world, &mut checks, &calls);
    let waits = service.connections.requests();
    let token = service.connections.token_requests();
    let parts: Vec<String> = waits.iter().map(|(name, n)| format!("{name} {n}")).collect();
    data(&format!("  requests sent: {}, tokens {token}\n", parts.join(", ")));
    Ok(checks.failed)
}

fn appointments(world: &World, checks: &mut Checks, calls: &[CallOutcome]) {
    let booked = calls.iter().filter(|c| c.appointment.is_some()).count();
    let records = world.calendar().records();
    let events: Vec<Value> = rows(&records, "events").into_iter().filter(|e| text(e, "status") != "cancelled").collect();
    checks.count(booked, events.len(), "appointments in the calendar, one for each call that agreed on one");
}

/// HubSpot and Google Calendar.
pub(super) async fn hubspot_desk(world: &World, service: &Service, payloads: &[Payload]) -> anyhow::Result<usize> {
    let mut checks = Checks::default();
    let calls = outcomes(service, payloads)?;
    statuses(service.journal.as_ref(), &mut checks, calls.len()).await?;
    let records = world.crm().records();
    let contacts = rows(&records, "contacts");
    checks.count(7, contacts.len(), "contacts");
    let twice = shared(&contacts, &["phone", "mobilephone"], "email");
    checks.that(twice.is_empty(), "no number and no address stands in two contacts", &twice.join("; "));
    checks.count(calls.len(), rows(&records, "calls").len(), "call log entries");
    let follow_ups =
        calls.iter().filter(|c| c.follow_up.is_some() || matches!(c.outcome.as_deref(), Some("complaint" | "escalated"))).count();
    checks.count(follow_ups, rows(&records, "tasks").len(), "tasks, one for each follow-up");
    appointments(world, &mut checks, &calls);
    Ok(checks.failed)
}
