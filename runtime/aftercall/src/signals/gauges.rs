//! What is looked at when somebody asks: how much waits, how systems stand, which config is at work.

use jiff::Timestamp;

use crate::journal::{self, ReloadFilter, ReloadRow, ReloadState};
use crate::meters::meters;
use crate::service::Service;

/// What stands on the disk is refused: since when; absent where it is not.
///
/// Errors: those of the journal.
pub(super) async fn refused(service: &Service) -> Result<Option<ReloadRow>, journal::Error> {
    let judged = vec![ReloadState::Accepted, ReloadState::Refused, ReloadState::Unchanged];
    let last = service.journal.reloads(ReloadFilter { id: None, states: judged, limit: 1 }).await?.pop();
    Ok(last.filter(|row| row.state == ReloadState::Refused))
}

/// Sets everything that is not counted as it happens. Errors: those of the journal; what could be looked at is set.
pub(super) async fn look(service: &Service) -> Result<(), journal::Error> {
    let meters = meters();
    let (project, now) = (service.versions.live(), Timestamp::now());
    meters.info.clear();
    meters.info.set(&[env!("CARGO_PKG_VERSION"), &project.version.0], 1.0);
    for level in [
        &meters.circuit_open,
        &meters.circuit_seconds,
        &meters.token,
        &meters.in_flight,
        &meters.in_line,
        &meters.window_left,
        &meters.allowance,
        &meters.allowance_left,
        &meters.parked,
    ] {
        level.clear();
    }
    for (id, standing) in service.connections.standings() {
        let name = [id.as_str()];
        let open = standing.left_alone.map(|(time, _)| time.as_secs_f64());
        meters.circuit_open.set(&name, f64::from(u8::from(open.is_some())));
        meters.circuit_seconds.set(&name, open.unwrap_or_default());
        for state in ["none", "valid", "ending", "refused"] {
            meters.token.set(&[&id, state], f64::from(u8::from(standing.credentials == state)));
        }
        meters.in_flight.set(&name, standing.usage.in_flight as f64);
        meters.in_line.set(&name, standing.usage.waiting as f64);
        if let Some(left) = standing.usage.remaining {
            meters.window_left.set(&name, left as f64);
        }
        if let Some((used, most)) = standing.usage.allowance {
            meters.allowance.set(&name, most as f64);
            meters.allowance_left.set(&name, most.saturating_sub(used) as f64);
        }
        // A rate of something that was never there is no rate: it begins at nothing.
        meters.requests.add(&[&id, "2xx"], 0);
    }
    let vitals = service.upkeep.vitals().await?;
    meters.backlog.set(&[], vitals.waiting as f64);
    meters.backlog_age.set(&[], vitals.oldest_waiting.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0)));
    meters.dead.set(&[], vitals.dead as f64);
    meters.asking.set(&[], vitals.asking as f64);
    meters.unrecognised.set(&[], vitals.unrecognised as f64);
    for (connection, waiting) in service.journal.parked().await? {
        meters.parked.set(&[&connection], waiting as f64);
    }
    let holding = service.upkeep.alerts().await?;
    meters.firing.clear();
    for rule in &project.upkeep.alerts {
        meters.firing.set(&[&rule.name], f64::from(u8::from(holding.iter().any(|row| row.name == rule.name))));
    }
    meters.config_refused.set(&[], f64::from(u8::from(refused(service).await?.is_some())));
    Ok(())
}
