//! Alerts: measured every second, told once when they begin and once when they are over.
//!
//! `measure` looks, `step` decides, and the journal has an alert's state and its messages in one commit, so a restart neither forgets nor
//! repeats. `send` brings the messages out. Not for what is wrong with one call: that is its status.

mod measure;
mod send;
mod step;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use send::{message, send, trial};

use self::measure::{Measured, Moment};
use self::step::{Step, step};
use crate::journal::{self, AlertChange, AlertRow, Json, NewNotice};
use crate::service::Service;
use aftercall_config::upkeep::AlertRule;

/// How often everything is measured.
const EVERY: Duration = Duration::from_secs(1);

/// Watches until told to stop. A reload's alerts count from then on; those that hold already and still stand there are not told again.
pub async fn watch(service: Arc<Service>, stop: CancellationToken) {
    loop {
        if let Err(error) = look(&service, Timestamp::now()).await {
            tracing::warn!(%error, "the journal does not say whether an alert holds");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn look(service: &Service, now: Timestamp) -> Result<(), journal::Error> {
    let project = service.versions.live();
    let rules = &project.upkeep.alerts;
    let standing = service.upkeep.alerts().await?;
    for row in standing.iter().filter(|row| !rules.iter().any(|rule| rule.name == row.name)) {
        tracing::warn!(alert = %row.name, "this alert is not in the project any more; nobody is told that it is over");
        service.upkeep.alert_put(AlertChange { name: row.name.clone(), state: None, notices: Vec::new(), now }).await?;
    }
    if rules.is_empty() {
        return Ok(());
    }
    let moment = Moment::now(service, now).await?;
    for rule in rules {
        let measured = measure::measure(service, &moment, &rule.when).await?;
        let row = standing.iter().find(|row| row.name == rule.name);
        let step = step(row, rule, rule.when.holds(measured.value), now);
        if let Some(change) = change(&project.name, rule, row, step, &measured, now) {
            service.upkeep.alert_put(change).await?;
        }
    }
    Ok(())
}

/// What is put on record, where anything is.
fn change(project: &str, rule: &AlertRule, row: Option<&AlertRow>, step: Step, measured: &Measured, now: Timestamp) -> Option<AlertChange> {
    let since = row.map_or(now, |row| row.since);
    let body = body(project, rule, measured, since, now);
    let tell = |kind: &str| {
        let notice = |notifier: &String| NewNotice { notifier: notifier.clone(), kind: kind.to_owned(), body: Json::from(body.clone()) };
        rule.notify.iter().map(notice).collect::<Vec<_>>()
    };
    let on = |quiet_since: Option<Timestamp>, told: bool| {
        let said = match row {
            Some(row) if !told => row.said.clone(),
            _ => Json::from(body.clone()),
        };
        let told_at = row.filter(|_| !told).map_or(now, |row| row.told_at);
        Some(AlertRow { name: rule.name.clone(), since, quiet_since, told_at, said })
    };
    let (state, notices) = match step {
        Step::Nothing | Step::On => return None,
        Step::Begin => {
            tracing::error!(alert = %rule.name, when = %rule.when.source, value = measured.said, "an alert begins");
            (on(None, true), tell("begun"))
        }
        Step::Remind => (on(None, true), tell("still")),
        Step::Quiet => (on(Some(now), false), Vec::new()),
        Step::Again => (on(None, false), Vec::new()),
        Step::Over => {
            let lasted_s = now.duration_since(since).as_secs();
            tracing::warn!(alert = %rule.name, when = %rule.when.source, lasted_s, "an alert is over");
            (None, tell("over"))
        }
    };
    Some(AlertChange { name: rule.name.clone(), state, notices, now })
}

/// What is said, for programs; `view` makes it a text.
fn body(project: &str, rule: &AlertRule, measured: &Measured, since: Timestamp, now: Timestamp) -> Value {
    json!({
        "project": project, "alert": rule.name, "when": rule.when.source, "value": measured.said, "since": since, "now": now,
        "lasted_s": now.duration_since(since).as_secs(), "lines": measured.lines, "first": measured.first, "commands": measured.commands,
        "declared": rule.origin.to_string(),
    })
}
