//! Letting go of what is older than `[store] keep` says: in small portions with a rest between, so that intake always comes first.

use std::sync::Arc;
use std::time::Duration;

use aftercall_config::upkeep::Keep;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::journal::{self, Place, Purging, Upkeep};
use crate::service::Service;

/// Payloads and calls in one commit: a few milliseconds.
const PORTION: usize = 100;
/// Between two commits.
const REST: Duration = Duration::from_millis(50);
/// Between two rounds: what is kept for a month may be kept for an hour more.
const ROUND: Duration = Duration::from_hours(1);

/// Lets go, round after round, until told to stop. A reload's times count at the next round.
pub async fn keep(service: Arc<Service>, stop: CancellationToken) {
    let mut swapped = service.versions.swapped();
    loop {
        swapped.mark_unchanged();
        let keep = service.versions.live().upkeep.keep.clone();
        match round(service.upkeep.as_ref(), &keep, Timestamp::now(), &stop).await {
            Ok((0, 0, 0)) => {}
            Ok((payloads, calls, others)) => tracing::info!(payloads, calls, others, "let go of what is older than it is to be kept"),
            Err(error) => tracing::warn!(%error, "what is older than it is to be kept stays for now"),
        }
        let times = [keep.payloads, keep.calls, keep.lookups, keep.created, keep.configs, keep.notices];
        // Who keeps something for a minute wants it gone after a minute.
        let pause = times.into_iter().flatten().min().map_or(ROUND, |least| least.clamp(Duration::from_secs(1), ROUND));
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = swapped.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One round. Gives how many payloads, calls and other rows went.
async fn round(upkeep: &dyn Upkeep, keep: &Keep, now: Timestamp, stop: &CancellationToken) -> Result<(u64, u64, u64), journal::Error> {
    let before = |time: Option<Duration>| now.checked_sub(SignedDuration::try_from(time?).ok()?).ok();
    let mut purging = Purging {
        now,
        payloads: before(keep.payloads),
        calls: before(keep.calls),
        lookups: before(keep.lookups),
        created: before(keep.created),
        configs: before(keep.configs),
        notices: before(keep.notices),
        from: Place::default(),
        limit: PORTION,
    };
    let mut gone = (0, 0, 0);
    if *keep == Keep::default() {
        return Ok(gone);
    }
    while !stop.is_cancelled() {
        let purged = upkeep.purge(purging.clone()).await?;
        gone = (gone.0 + purged.payloads, gone.1 + purged.calls, gone.2 + purged.others);
        if !purged.more || purged.next == purging.from {
            break;
        }
        purging.from = purged.next;
        tokio::time::sleep(REST).await;
    }
    Ok(gone)
}
