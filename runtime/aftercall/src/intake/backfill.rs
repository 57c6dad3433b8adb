//! What was never delivered: a platform's own list of calls is read to its end, and what the journal does not know takes the way in that a
//! webhook would have taken.
//!
//! A listed call and a delivered one are the same by the platform's id. A call that is known stays as it is: what a list says of it may be
//! less than what came. Everything is committed call by call, so a run that was broken off is gone on with by running again.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::ErrorClass;
use aftercall_config::project::{Listing, Project, Source};
use futures_util::future::BoxFuture;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tokio_util::sync::CancellationToken;

use super::arrival::{Verdict, count, pipeline_of, take_payload};
use crate::connect::{Failure, ListRow, ListTime, Reader};
use crate::journal::{self, Accepted, Arrival, ArrivalKind, Journal, ListedDay, Look, LookEnd, Missing};
use crate::meters::{Recent, meters, recent};

/// What has just ended is left to its webhook for so long, where the list cannot tell whether a call is analysed.
const JUST_ENDED: SignedDuration = SignedDuration::from_mins(5);

/// How often one request is asked after the platform was away or wanted less of us, beyond what the connection does by itself: two minutes.
pub const PATIENT: u32 = 6;
/// The same where a person waits for what is said: seconds.
pub const WATCHED: u32 = 3;

/// The longest wait between two such tries, whatever the platform asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// The most pages of one run: a list that never ends is a fault of its declaration.
const MOST_PAGES: usize = 100_000;

/// The most days of which it is put on record what a list had.
const MOST_DAYS: usize = 400;
/// The most missing calls that are put on record, the oldest first. More are found again by the next look, when these have come.
const MOST_MISSING: usize = 10_000;

/// Puts one arrival into the journal, wherever it is open.
pub type Put = Arc<dyn Fn(Arrival) -> BoxFuture<'static, Result<Accepted, journal::Error>> + Send + Sync>;

/// The put for a journal of this process. A full queue is a matter of moments.
pub fn put_into(journal: Arc<dyn Journal>) -> Put {
    Arc::new(move |arrival| {
        let journal = journal.clone();
        Box::pin(async move {
            loop {
                match journal.accept(vec![arrival.clone()]).await {
                    Err(journal::Error::Busy { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => return other.map(|mut accepted| accepted.pop().unwrap_or(Accepted::Kept)),
                }
            }
        })
    })
}

/// One look at a platform's list.
pub struct Backfill<'a> {
    /// The project as it is now.
    pub project: &'a Project,
    /// The source.
    pub source: &'a Source,
    /// Its list.
    pub list: &'a Listing,
    /// What asks the platform.
    pub reader: &'a Reader,
    /// What says which calls are known; absent where there is no journal yet, for a dry run.
    pub journal: Option<&'a dyn Journal>,
    /// How a call goes in; absent for a dry run.
    pub put: Option<Put>,
    /// How often one request is asked before the platform counts as failing: [`PATIENT`] or [`WATCHED`].
    pub tries: u32,
    /// A caller's identities; see [`take_payload`].
    pub lane_keys: &'a (dyn Fn(&CallOutcome) -> Vec<String> + Sync),
}

/// What a run found and did. Ids are the platform's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backfilled {
    /// Finished calls on the list.
    pub finished: u64,
    /// Calls that are under way, or have just ended.
    pub under_way: u64,
    /// Finished calls that the journal knew.
    pub known: u64,
    /// Calls that were taken in or, in a dry run, would be; oldest first.
    pub taken: Vec<String>,
    /// Known calls of which the list had the word that was still expected.
    pub completed: Vec<String>,
    /// Calls that the source's rules leave out.
    pub ignored: Vec<String>,
    /// Calls that were not understood, and why. They are kept.
    pub unrecognised: Vec<(String, String)>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Whether the list was read to its end.
    pub read: bool,
    /// Finished calls on the list, by the day of the project's zone on which they began.
    pub days: BTreeMap<Date, u64>,
    /// Calls that are missing still, with when they began.
    pub missing: BTreeMap<String, (Timestamp, Option<&'static str>)>,
    /// Calls that were taken in from the list, by day.
    pub fetched: BTreeMap<Date, u64>,
}

impl Backfilled {
    /// What of it the journal keeps. `trouble` says why it did not come to its end.
    pub fn look(
        &self,
        source: &str,
        time: ListTime,
        began_at: Timestamp,
        now: Timestamp,
        zone: &TimeZone,
        trouble: Option<String>,
    ) -> Look {
        let stopped = self.stopped.then(|| "it was stopped before its end".to_owned());
        let missing = self.missing.iter().map(|(id, (started_at, kept))| Missing { id: id.clone(), started_at: *started_at, kept: *kept });
        let mut missing: Vec<Missing> = missing.collect();
        missing.sort_by_key(|call| call.started_at);
        missing.truncate(MOST_MISSING);
        let end = LookEnd {
            trouble: trouble.or(stopped),
            listed: self.read.then(|| self.listed(time, began_at, zone)),
            missing,
            fetched: self.fetched.iter().map(|(day, calls)| (day.to_string(), *calls)).collect(),
        };
        Look { source: source.to_owned(), since: time.since, until: time.until, began_at, now, end: Some(end) }
    }

    /// Every day of the time, those without calls among them.
    fn listed(&self, time: ListTime, looked_at: Timestamp, zone: &TimeZone) -> Vec<ListedDay> {
        let at = |day: Date| day.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).ok();
        let mut day = time.since.to_zoned(zone.clone()).date();
        let mut all = Vec::new();
        while all.len() < MOST_DAYS && at(day).is_some_and(|from| from <= time.until) {
            let Ok(next) = day.checked_add(1.day()) else { break };
            let from = at(day).is_some_and(|from| time.since <= from);
            // Who asks for all until now asks a moment before it is looked at.
            let passed = looked_at.checked_sub(JUST_ENDED).unwrap_or(looked_at);
            let to = at(next).is_some_and(|to| time.until >= to.min(passed));
            all.push(ListedDay { day: day.to_string(), whole: from && to, calls: self.days.get(&day).copied().unwrap_or_default() });
            day = next;
        }
        all
    }
}

/// A run that did not come to its end. What was taken in until then is safe, and running again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The platform.
    #[error("{title}'s list of calls: {message}")]
    Platform {
        /// The platform's name.
        title: String,
        /// What it means.
        class: ErrorClass,
        /// What it says, in a sentence.
        message: String,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

impl Backfill<'_> {
    /// Reads the list to its end and takes in what is missing, oldest first.
    ///
    /// Errors: [`BackfillError`], with what was done until then in `done`.
    pub async fn run(&self, time: ListTime, now: Timestamp, stop: &CancellationToken, done: &mut Backfilled) -> Result<(), BackfillError> {
        let mut missing = self.missing(time, now, stop, done).await?;
        // Calls of one caller are worked in the order in which they came in.
        missing.sort_by_key(|row| row.started);
        done.read = !done.stopped;
        done.missing = missing.iter().map(|row| (row.id.clone(), (began(row, time), None))).collect();
        for row in missing {
            if stop.is_cancelled() {
                done.stopped = true;
                return Ok(());
            }
            match &self.put {
                None => done.taken.push(row.id),
                Some(put) => self.take_in(&row, time, put, stop, done).await?,
            }
        }
        Ok(())
    }

    /// The finished calls of the time that the journal does not know for good.
    async fn missing(
        &self,
        time: ListTime,
        now: Timestamp,
        stop: &CancellationToken,
        done: &mut Backfilled,
    ) -> Result<Vec<ListRow>, BackfillError> {
        let mut missing = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let Some(page) = self.patiently(stop, || self.reader.listed(self.list, time, after.as_deref())).await? else {
                done.stopped = true;
                break;
            };
            let mut news = false;
            for mut row in page.rows {
                if row.id.is_empty() {
                    done.unrecognised.push((String::new(), format!("a call without an id at `{}`", self.list.decl.id)));
                    continue;
                }
                if !seen.insert(row.id.clone()) {
                    continue;
                }
                news = true;
                if row.started.is_some_and(|started| started < time.since || started > time.until) {
                    continue;
                }
                if !row.finished || row.ended.is_some_and(|ended| now.duration_since(ended) < JUST_ENDED) {
                    done.under_way += 1;
                    continue;
                }
                done.finished += 1;
                *done.days.entry(self.day(&row, time)).or_default() += 1;
                if self.is_known(&row.id).await? {
                    done.known += 1;
                } else {
                    if self.list.call.is_some() {
                        row.row = serde_json::Value::Null;
                    }
                    missing.push(row);
                }
            }
            match page.next {
                Some(next) if news && Some(&next) != after.as_ref() => after = Some(next),
                _ => break,
            }
        }
        Ok(missing)
    }

    /// The day on which a call began, as far as the list says.
    fn day(&self, row: &ListRow, time: ListTime) -> Date {
        began(row, time).to_zoned(self.project.timezone.clone()).date()
    }

    /// Whether the last word about a call is in the journal.
    async fn is_known(&self, id: &str) -> Result<bool, BackfillError> {
        let Some(journal) = self.journal else { return Ok(false) };
        let id = format!("{}:{id}", self.source.name);
        match journal.call(id.clone()).await {
            Ok(story) => Ok(story.is_some_and(|story| story.call.id == id && !story.call.provisional)),
            Err(journal::Error::AmbiguousPrefix { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn take_in(
        &self,
        row: &ListRow,
        time: ListTime,
        put: &Put,
        stop: &CancellationToken,
        done: &mut Backfilled,
    ) -> Result<(), BackfillError> {
        let Some(payload) = self.patiently(stop, || self.reader.delivered(self.list, time, row)).await? else {
            done.stopped = true;
            return Ok(());
        };
        let body = payload.to_string().into_bytes();
        let mut taken = take_payload(self.project, self.source, body, &payload, Timestamp::now(), self.lane_keys);
        if !matches!(taken.arrival.kind, ArrivalKind::Call(_)) {
            // Known by the call's id, since addresses in it may differ each time; and whoever understands it later finds it there.
            taken.arrival.event_key = format!("call:{}", row.id);
        }
        let pipeline = pipeline_of(self.project, &taken.arrival);
        let accepted = put(taken.arrival).await?;
        count(&self.source.name, &pipeline, &taken.verdict, accepted);
        if matches!((&taken.verdict, accepted), (Verdict::Call { .. }, Accepted::New { .. })) {
            meters().missed.add(&[&self.source.name], 1);
            recent().note(Recent::NeverDelivered, &self.source.name, 1);
        }
        let id = row.id.clone();
        let kept = match taken.verdict {
            Verdict::Unrecognised { .. } => Some("not_understood"),
            Verdict::Ignored => Some("ignored"),
            Verdict::Call { .. } => None,
        };
        match done.missing.get_mut(&id).zip(kept) {
            Some((missing, kept)) => missing.1 = Some(kept),
            None => drop(done.missing.remove(&id)),
        }
        match (taken.verdict, accepted) {
            (Verdict::Unrecognised { reason }, _) => done.unrecognised.push((id, reason)),
            (Verdict::Ignored, _) => done.ignored.push(id),
            (Verdict::Call { .. }, Accepted::New { .. }) => {
                *done.fetched.entry(self.day(row, time)).or_default() += 1;
                done.taken.push(id);
            }
            (Verdict::Call { .. }, Accepted::Amended { .. }) => done.completed.push(id),
            // Its webhook came in between.
            (Verdict::Call { .. }, Accepted::Duplicate { .. } | Accepted::Kept) => done.known += 1,
        }
        Ok(())
    }

    /// Asks until there is an answer, through short trouble and at the platform's pace. `None`: stopped.
    async fn patiently<T, F>(&self, stop: &CancellationToken, mut ask: impl FnMut() -> F) -> Result<Option<T>, BackfillError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut tried = 0;
        loop {
            let failure = tokio::select! {
                answer = ask() => match answer {
                    Ok(answer) => return Ok(Some(answer)),
                    Err(failure) => failure,
                },
                () = stop.cancelled() => return Ok(None),
            };
            tried += 1;
            if !passes(failure.class) || tried >= self.tries {
                return Err(self.failed(&failure));
            }
            let wait = failure.retry_after.unwrap_or(Duration::from_secs(1 << tried.min(6))).min(LONGEST_WAIT);
            tracing::info!(source = %self.source.name, %failure, wait_s = wait.as_secs(), "the list of calls is asked again");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return Ok(None),
            }
        }
    }

    fn failed(&self, failure: &Failure) -> BackfillError {
        let section = &self.list.account.id;
        let message = match failure.class {
            ErrorClass::AuthExpired | ErrorClass::AuthRevoked => {
                format!("not let in: {}; `{section}` names the key under `auth`", failure.message)
            }
            ErrorClass::Unreachable => format!("{}: {}", self.list.account.base_url, failure.message),
            class => format!("{}: {}", class.as_str(), failure.message),
        };
        BackfillError::Platform { title: self.source.title.clone(), class: failure.class, message }
    }
}

/// When a call began, as far as the list says.
fn began(row: &ListRow, time: ListTime) -> Timestamp {
    row.started.or(row.ended).unwrap_or(time.until)
}

/// Whether it is a matter of waiting.
fn passes(class: ErrorClass) -> bool {
    use ErrorClass as E;
    matches!(class, E::RateLimited | E::Quota | E::Transient | E::Timeout | E::Busy | E::Unreachable)
}
