//! Brings the messages of alerts out: in their order, each until it is taken or a day is over.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::connect::{Message, NotTold, Transport, tell};
use crate::journal::{self, NoticeRow, NoticeTried};
use crate::meters::meters;
use crate::service::Service;
use crate::view::alert::{subject, text};

/// How often is looked for messages.
const EVERY: Duration = Duration::from_millis(500);
/// Waits between attempts; the last one again and again.
const WAITS_S: [i64; 6] = [2, 10, 60, 300, 1800, 3600];
/// What could not be told in this time is not news any more.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(24);
/// Messages looked at in one go.
const MOST: usize = 200;

/// Sends until told to stop.
pub async fn send(service: Arc<Service>, transport: Arc<dyn Transport>, stop: CancellationToken) {
    loop {
        if let Err(error) = due(&service, transport.as_ref(), Timestamp::now()).await {
            tracing::warn!(%error, "the journal does not say whom to tell");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// The first open message of each who is to be told: what comes after waits, so that nobody hears of an end before its beginning.
async fn due(service: &Service, transport: &dyn Transport, now: Timestamp) -> Result<(), journal::Error> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let open = service.upkeep.notices(true, MOST).await?;
    let first = open.into_iter().filter(|notice| seen.insert(notice.notifier.clone()) && notice.next_at <= now);
    let tried = join_all(first.map(|notice| one(service, transport, notice, now))).await;
    for tried in tried {
        service.upkeep.notice_tried(tried).await?;
    }
    Ok(())
}

async fn one(service: &Service, transport: &dyn Transport, notice: NoticeRow, now: Timestamp) -> NoticeTried {
    let project = service.versions.live();
    let tried = |next_at, trouble: Option<String>| NoticeTried { id: notice.id, now, next_at, trouble };
    let Some(notifier) = project.upkeep.notifiers.get(&notice.notifier) else {
        return tried(None, Some(format!("the project has no `[notify.{}]` any more", notice.notifier)));
    };
    let (alert, name) = (notice.alert.as_str(), notice.notifier.as_str());
    match tell(transport, service.root(), notifier, &message(&notice)).await {
        Ok(()) => {
            meters().notices.add(&[name, "sent"], 1);
            tracing::info!(alert, notifier = name, kind = %notice.kind, "told");
            tried(None, None)
        }
        Err(NotTold { why, for_good, after }) => {
            meters().notices.add(&[name, "failed"], 1);
            let wait = WAITS_S[(notice.attempts as usize).min(WAITS_S.len() - 1)];
            let wait = after.and_then(|after| i64::try_from(after.as_secs()).ok()).map_or(wait, |after| wait.max(after.min(3600)));
            let at = now + SignedDuration::from_secs(wait);
            let given_up = for_good || at.duration_since(notice.made_at) > GIVE_UP;
            if given_up {
                tracing::error!(alert, notifier = name, why, "nobody could be told, and it is given up");
            } else {
                tracing::error!(alert, notifier = name, why, again_s = wait, "nobody could be told; it is tried again");
            }
            tried((!given_up).then_some(at), Some(why))
        }
    }
}

/// A message as it goes out. Its id is the same at each attempt, and another one for each message.
pub fn message(notice: &NoticeRow) -> Message {
    let data: Value = notice.body.read().unwrap_or_default();
    let digest = Sha256::digest(format!("{}/{}/{}/{}/{}", data["project"], notice.alert, notice.notifier, notice.kind, notice.made_at));
    let id: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Message {
        id: format!("msg_{id}"),
        kind: format!("alert.{}", notice.kind),
        subject: subject(&notice.kind, &data),
        text: text(&notice.kind, &data),
        data,
        at: notice.made_at,
    }
}

/// Tells somebody that this is a trial. Errors: why they could not be told.
pub async fn trial(
    transport: &dyn Transport,
    root: &Path,
    notifier: &aftercall_config::upkeep::Notifier,
    project: &str,
    name: &str,
    now: Timestamp,
) -> Result<(), NotTold> {
    let notice = NoticeRow {
        id: 0,
        alert: "trial".to_owned(),
        notifier: name.to_owned(),
        kind: "trial".to_owned(),
        body: journal::Json::from(serde_json::json!({"project": project, "alert": "trial", "now": now})),
        made_at: now,
        attempts: 0,
        next_at: now,
        done_at: None,
        trouble: None,
    };
    tell(transport, root, notifier, &message(&notice)).await
}
