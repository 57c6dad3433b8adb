//! What a person asks for, put on record and carried out: by the service that has the journal, or by ourselves.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::talk::{self, talk as say};
use crate::journal::{
    self, CallSeq, CallStatus, Intervention, Journal, Record, Seen, SqliteJournal, Story, Way, config_beside, intervene_beside,
};
use crate::service::Service;
use crate::work::Parts;

/// How long a worker that has the call in hand is waited for.
const IN_HAND: Duration = Duration::from_secs(70);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// What is asked for one call.
pub(super) struct Word {
    /// The call.
    pub(super) call: CallSeq,
    /// Its id.
    pub(super) id: String,
    /// How it stood when it was decided, where that matters.
    pub(super) seen: Option<Seen>,
    /// What it is, in a word.
    pub(super) what: &'static str,
    /// What changes.
    pub(super) records: Vec<Record>,
}

/// Puts it on record, and waits until none of the calls waits any more or patience is over. The stories of the calls, in their order.
///
/// Errors: the project does not load, or the journal fails.
pub(super) async fn intervene(
    folder: &Path,
    by: Option<&str>,
    reason: &str,
    words: Vec<Word>,
    patience: Duration,
) -> anyhow::Result<Vec<Story>> {
    let actor = talk::who(by);
    let said = |word: &Word| Intervention {
        call: word.call,
        actor: actor.clone(),
        way: Way::Cli,
        what: word.what,
        reason: reason.to_owned(),
        now: Timestamp::now(),
        seen: word.seen.clone(),
        records: word.records.clone(),
    };
    let (project, files) = talk::project(folder)?;
    let path = folder.join(&project.store_path);
    let (version, parts) = (project.version.0.clone(), Parts::default().of(&project, &files));
    match Service::open(folder, project, &files).await {
        Ok(service) => {
            for word in &words {
                told_or_changed(service.journal.intervene(said(word)).await.map(drop))?;
            }
            let over = CancellationToken::new();
            let working = tokio::spawn({
                let (worker, over) = (service.worker.clone(), over.clone());
                async move { worker.run(&over, false).await }
            });
            let told = settled(service.journal.as_ref(), &words, patience).await;
            over.cancel();
            working.await?;
            told
        }
        Err(error) if matches!(error.downcast_ref(), Some(journal::Error::InUse { .. })) => {
            say("a service works this journal; it carries this out\n");
            // The service may have been started under an older config than the one that is asked for.
            if words.iter().any(|word| word.records.iter().any(|record| matches!(record, Record::Version { .. }))) {
                let (path, version, parts) = (path.clone(), version, parts);
                tokio::task::spawn_blocking(move || config_beside(&path, &version, &parts, Timestamp::now())).await??;
            }
            for word in &words {
                told_or_changed(beside(&path, || said(word)).await)?;
            }
            settled(&SqliteJournal::open_read_only(&path)?, &words, patience).await
        }
        Err(error) => Err(error),
    }
}

/// Tells a running service, as soon as it has no hand on the call.
async fn beside(path: &Path, word: impl Fn() -> Intervention) -> Result<(), journal::Error> {
    let end = tokio::time::Instant::now() + IN_HAND;
    loop {
        let (path, word) = (path.to_owned(), word());
        // A panic in there is ours, and goes on here.
        match tokio::task::spawn_blocking(move || intervene_beside(&path, word))
            .await
            .unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()))
        {
            Err(journal::Error::Leased { .. }) if tokio::time::Instant::now() < end => tokio::time::sleep(LOOK).await,
            other => return other.map(drop),
        }
    }
}

/// Somebody else, or the service, was quicker: it is said, and the other calls go on.
fn told_or_changed(told: Result<(), journal::Error>) -> Result<(), journal::Error> {
    match told {
        Err(error @ journal::Error::Changed { .. }) => {
            say(&format!("{error}; nothing was done about it\n"));
            Ok(())
        }
        told => told,
    }
}

/// The calls' stories, once none waits any more or patience is over.
async fn settled(journal: &dyn Journal, words: &[Word], patience: Duration) -> anyhow::Result<Vec<Story>> {
    let end = tokio::time::Instant::now() + patience;
    let mut stories = Vec::with_capacity(words.len());
    for word in words {
        loop {
            let story = journal.call(word.id.clone()).await?.ok_or_else(|| anyhow::anyhow!("the journal has lost {}", word.id))?;
            if story.call.status != CallStatus::Waiting || tokio::time::Instant::now() >= end {
                stories.push(story);
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(stories)
}
