//! Days of calls held against what platforms had, what may be duplicates, and what became of what was captured: read once, for page, API and command
//! line.
//!
//! Not for looking at a platform's list: what was seen there stands in the journal. And not for what any of it looks like.

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::capture::{CaptureLine, Captured, Wrote, capture};
use aftercall_plan::decision::MatchDecision;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use schemars::JsonSchema;
use serde::Serialize;

use crate::connect::{ListTime, Reader};
use crate::journal::{self, CallStatus, CapturedCall, Day, LookRow, MissingRow, Received, Several, Suspects, Upkeep, WriteState};
use crate::service::{NoList, list_of};

/// The most days at once.
const MOST_DAYS: usize = 31;
/// How many days there are where nobody says.
const DAYS: i64 = 7;
/// The most missing calls that are told.
const MOST_MISSING: usize = 1_000;
/// The most of each kind that makes duplicates suspected.
const MOST_SUSPECTS: usize = 100;
/// The most records of one suspicion.
const MOST_TWINS: usize = 4;
/// Of how many of the newest calls it is told what became of what they captured, where nobody says.
pub const NEWEST: usize = 200;
/// The most of them.
pub const MOST_NEWEST: usize = 10_000;

/// Days of the project's zone, the last one included.
#[derive(Clone, Debug)]
pub struct Range {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// Each of them.
    pub days: Vec<Day>,
}

impl Range {
    /// Understands two days, such as `2026-11-27`, `today` or `yesterday`; what is empty counts from the other, seven days in all.
    ///
    /// Errors: a sentence that says what may be written.
    pub fn read(from: &str, to: &str, zone: &TimeZone, now: Timestamp) -> Result<Self, String> {
        let today = now.to_zoned(zone.clone()).date();
        let day = |text: &str| match text.trim() {
            "" => Ok(None),
            "today" => Ok(Some(today)),
            "yesterday" => Ok(today.yesterday().ok()),
            text => text.parse::<Date>().map(Some).map_err(|_| {
                let short: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
                format!("`{short}` is no day; write 2026-11-27, `today` or `yesterday`")
            }),
        };
        let last = day(to)?.unwrap_or(today);
        let first = day(from)?.unwrap_or_else(|| last.checked_sub((DAYS - 1).days()).unwrap_or(last));
        let begins = |day: Date| day.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).map_err(|_| format!("there is no day {day}"));
        let mut days = Vec::new();
        let mut day = first;
        while day <= last {
            if days.len() == MOST_DAYS {
                return Err(format!("these are more than {MOST_DAYS} days: ask for fewer at once"));
            }
            let next = day.tomorrow().map_err(|_| format!("there is no day after {day}"))?;
            days.push(Day { name: day.to_string(), from: begins(day)?, to: begins(next)? });
            day = next;
        }
        if days.is_empty() {
            return Err(format!("the first day, {first}, is after the last, {last}"));
        }
        Ok(Self { first, last, days })
    }

    /// From when to when.
    fn ends(&self) -> (Timestamp, Timestamp) {
        let from = self.days.first().map_or(Timestamp::UNIX_EPOCH, |day| day.from);
        (from, self.days.last().map_or(from, |day| day.to))
    }

    /// What a platform's list is asked for: these days, as far as they have passed. `None`: they have not begun.
    pub fn listed(&self, now: Timestamp) -> Option<ListTime> {
        let (since, until) = self.ends();
        (since < now).then(|| ListTime { since, until: until.min(now) })
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The version of this shape.
    pub version: u32,
    /// The first day.
    pub from: String,
    /// The last day, included.
    pub to: String,
    /// The zone of the days.
    pub timezone: String,
    /// Every source, and how its list stands.
    pub sources: Vec<SourceLine>,
    /// Day by day, the newest first, a line for each source that had anything.
    pub days: Vec<DayLine>,
    /// Calls that platforms' lists have and that never came, the oldest first.
    pub missing: Vec<MissingRow>,
    /// What may be duplicates in a system, the newest first.
    pub duplicates: Vec<Duplicate>,
    /// What became of what was captured.
    pub coverage: Coverage,
}

/// A source.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SourceLine {
    /// Its name.
    pub source: String,
    /// The platform's name.
    pub title: String,
    /// Whether its list of calls can be asked.
    pub list: ListState,
    /// What keeps it from that, and what to write.
    pub because: Option<String>,
    /// How often what is missing is taken in by itself, in seconds; absent where it is only said.
    pub fetched_every_s: Option<u64>,
    /// The last look at it.
    pub last_look: Option<LookRow>,
    /// How many calls of these days are missing.
    pub missing: u64,
}

/// Whether a platform's own list of calls can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListState {
    /// It can.
    Connected,
    /// There are no credentials for it.
    NoCredentials,
    /// The platform has none that we can ask.
    None,
}

/// A source's calls of a day.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DayLine {
    /// The day.
    pub day: String,
    /// The source.
    pub source: String,
    /// Finished calls that began on this day, as the platform's list had them; absent where it was not looked at.
    pub listed: Option<u64>,
    /// Whether all of the day was looked at, as far as it had passed.
    pub listed_whole: bool,
    /// When it was looked at.
    pub looked_at: Option<Timestamp>,
    /// How many of them never came, until now.
    pub missing: u64,
    /// How many of them were taken in from the list.
    pub fetched: u64,
    /// Calls that came in on this day.
    pub received: u64,
    /// Where they stand.
    pub status: BTreeMap<CallStatus, u64>,
    /// Deliveries of this day that nobody understood.
    pub unrecognised: u64,
}

impl DayLine {
    /// How many stand there.
    pub fn of(&self, status: CallStatus) -> u64 {
        self.status.get(&status).copied().unwrap_or_default()
    }
}

/// Records of a system of which several may be one person.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Duplicate {
    /// What makes it suspected.
    pub kind: Suspicion,
    /// The newest call that saw it.
    pub call: String,
    /// When.
    pub at: Timestamp,
    /// How many calls of these days saw it.
    pub calls: u64,
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// Why, in a sentence. Not for viewers.
    pub because: Option<String>,
    /// The records.
    pub records: Vec<Twin>,
}

/// What makes a duplicate suspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// Several records fit one caller.
    SeveralFit,
    /// The system refused a new record, since it has one like it.
    Refused,
    /// A person said that they are one, and they have not become one.
    SaidToBeOne,
}

/// One of several records.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Twin {
    /// Its id.
    pub record_id: String,
    /// Where a person finds it.
    pub record_url: Option<String>,
    /// Its name. Not for viewers.
    pub name: Option<String>,
    /// Whether the call made it.
    pub made: bool,
}

/// What became of what was captured.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Coverage {
    /// How many calls it is told of: the newest of these days.
    pub calls: usize,
    /// How many it would be at most.
    pub newest: usize,
    /// The values, by pipeline; what is lost comes first.
    pub values: Vec<CaptureLine>,
}

impl Report {
    /// Reads it. `newest` bounds the calls of which it is told what became of what they captured.
    ///
    /// Errors: those of the journal.
    pub async fn read(
        upkeep: &dyn Upkeep,
        project: &Project,
        reader: &Reader,
        range: &Range,
        newest: usize,
    ) -> Result<Self, journal::Error> {
        let (since, until) = range.ends();
        let found = upkeep.reconciled(range.days.clone(), MOST_MISSING).await?;
        let suspects = upkeep.suspects(since, until, MOST_SUSPECTS).await?;
        let calls = upkeep.captured(since, until, newest).await?;
        let mut missing: BTreeMap<(String, String), u64> = BTreeMap::new();
        for call in &found.missing {
            if let Some(day) = range.days.iter().find(|day| (day.from..day.to).contains(&call.started_at)) {
                *missing.entry((day.name.clone(), call.source.clone())).or_default() += 1;
            }
        }
        let named: BTreeSet<&(String, String)> = found.received.keys().chain(found.listed.keys()).chain(missing.keys()).collect();
        let line = |key: &(String, String)| {
            let Received { calls: status, unrecognised } = found.received.get(key).cloned().unwrap_or_default();
            let listed = found.listed.get(key);
            DayLine {
                day: key.0.clone(),
                source: key.1.clone(),
                listed: listed.map(|listed| listed.calls),
                listed_whole: listed.is_some_and(|listed| listed.whole),
                looked_at: listed.map(|listed| listed.looked_at),
                missing: missing.get(key).copied().unwrap_or_default(),
                fetched: listed.map_or(0, |listed| listed.fetched),
                received: status.values().sum(),
                status,
                unrecognised,
            }
        };
        let mut days: Vec<DayLine> = named.into_iter().map(line).collect();
        days.sort_by(|a, b| b.day.cmp(&a.day).then_with(|| a.source.cmp(&b.source)));
        let sources = project.sources.keys().map(|name| source(project, name, &found.looks, &found.missing)).collect();
        let captured: Vec<Captured> = calls.iter().map(of_call).collect();
        Ok(Self {
            version: 1,
            from: range.first.to_string(),
            to: range.last.to_string(),
            timezone: project.timezone.iana_name().unwrap_or("UTC").to_owned(),
            sources,
            days,
            missing: found.missing,
            duplicates: duplicates(project, reader, suspects),
            coverage: Coverage { calls: captured.len(), newest, values: capture(project, &captured) },
        })
    }

    /// The same for who may not see whom it is about, nor what a system said.
    pub fn for_viewer(mut self) -> Self {
        for one in &mut self.duplicates {
            one.because = None;
            one.records.iter_mut().for_each(|twin| twin.name = None);
        }
        self
    }
}

fn source(project: &Project, name: &str, looks: &[LookRow], missing: &[MissingRow]) -> SourceLine {
    let (list, because) = match list_of(project, name) {
        Ok(_) => (ListState::Connected, None),
        Err(why @ NoList::NoCredentials { .. }) => (ListState::NoCredentials, Some(why.to_string())),
        Err(_) => {
            (ListState::None, Some("this platform has no list of calls that we can ask; what came in is all that is known".to_owned()))
        }
    };
    let of = project.sources.get(name);
    SourceLine {
        source: name.to_owned(),
        title: of.map_or_else(|| name.to_owned(), |source| source.title.clone()),
        list,
        because,
        fetched_every_s: of.and_then(|source| Some(source.list.as_ref()?.every?.as_secs())),
        last_look: looks.iter().find(|look| look.source == name).cloned(),
        missing: missing.iter().filter(|call| call.source == name).count() as u64,
    }
}

fn of_call(call: &CapturedCall) -> Captured {
    let writes = call.writes.iter().map(|(write, state, receipt)| {
        let receipt = receipt.as_ref().and_then(|receipt| receipt.read().ok()).unwrap_or_default();
        let gave_up = matches!(state, WriteState::Dead | WriteState::Rejected | WriteState::Skipped);
        (write.clone(), Wrote { gave_up, receipt })
    });
    Captured {
        pipeline: call.pipeline.clone(),
        waits: call.status == CallStatus::Waiting,
        outcome: call.outcome.read().unwrap_or_default(),
        writes: writes.collect(),
    }
}

fn duplicates(project: &Project, reader: &Reader, suspects: Suspects) -> Vec<Duplicate> {
    let mut all: Vec<Duplicate> = suspects.several.into_iter().filter_map(|one| several(project, reader, &one)).collect();
    all.extend(suspects.refused.into_iter().map(|one| Duplicate {
        kind: Suspicion::Refused,
        call: one.call,
        at: one.at,
        calls: 1,
        connection: one.connection,
        object: one.object,
        because: Some(one.message).filter(|said| !said.is_empty()),
        records: Vec::new(),
    }));
    for one in suspects.said {
        let Some((pipeline, object)) = one.pipeline.as_deref().and_then(|name| person(project, name)) else { continue };
        let twin = |id: &str| Twin {
            record_id: id.to_owned(),
            record_url: reader.page(&pipeline.connection, object, id),
            name: None,
            made: false,
        };
        all.push(Duplicate {
            kind: Suspicion::SaidToBeOne,
            call: one.call,
            at: one.at,
            calls: 1,
            connection: pipeline.connection.id.clone(),
            object: object.to_owned(),
            because: Some(format!("{} said so", one.actor)),
            records: vec![twin(&one.contact), twin(&one.other)],
        });
    }
    all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.call.cmp(&b.call)));
    // The same records, seen by an older call, are one suspicion.
    let mut seen: Vec<(BTreeSet<String>, Duplicate)> = Vec::new();
    for one in all {
        let ids: BTreeSet<String> = one.records.iter().map(|twin| twin.record_id.clone()).collect();
        match seen.iter_mut().find(|(known, first)| !ids.is_empty() && *known == ids && first.connection == one.connection) {
            Some((_, first)) => first.calls += 1,
            None => seen.push((ids, one)),
        }
    }
    seen.into_iter().map(|(_, one)| one).take(MOST_SUSPECTS).collect()
}

/// A pipeline with the object that holds people in its connection.
fn person<'p>(project: &'p Project, pipeline: &str) -> Option<(&'p Pipeline, &'p str)> {
    let pipeline = project.pipeline(pipeline)?;
    Some((pipeline.as_ref(), pipeline.connection.connector.decl.find.as_ref()?.object.as_str()))
}

/// Records that fit one caller, and the one that was made for them meanwhile. Those that hardly fit are left out.
fn several(project: &Project, reader: &Reader, one: &Several) -> Option<Duplicate> {
    let (pipeline, object) = person(project, &one.pipeline)?;
    let decision: MatchDecision = one.decision.read().ok()?;
    let strong = decision.review_from.unwrap_or(decision.accept).min(decision.accept);
    let connection = &pipeline.connection;
    let twin = |id: &str, name: Option<&String>| Twin {
        record_id: id.to_owned(),
        record_url: reader.page(connection, object, id),
        name: name.cloned(),
        made: name.is_none(),
    };
    let made = one.made.iter().filter(|(to, what, _)| *to == connection.id && what == object).map(|(.., id)| twin(id, None));
    let fit = decision.candidates.iter().filter(|candidate| candidate.bits >= strong).map(|c| twin(&c.id, Some(&c.name)));
    let mut records: Vec<Twin> = fit.chain(made).take(MOST_TWINS).collect();
    let mut seen = BTreeSet::new();
    records.retain(|twin| seen.insert(twin.record_id.clone()));
    (records.len() > 1).then(|| Duplicate {
        kind: Suspicion::SeveralFit,
        call: one.call.clone(),
        at: one.received_at,
        calls: 1,
        connection: connection.id.clone(),
        object: object.to_owned(),
        because: Some(decision.because),
        records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: &str, to: &str) -> Result<Range, String> {
        let zone = TimeZone::get("America/Chicago").expect("a zone");
        Range::read(from, to, &zone, "2026-11-28T03:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn days_are_the_projects() {
        // It is still the 27th in Chicago.
        let week = read("", "").expect("days");
        assert_eq!((week.first.to_string(), week.last.to_string(), week.days.len()), ("2026-11-21".to_owned(), "2026-11-27".to_owned(), 7));
        assert_eq!(week.days[6].from.to_string(), "2026-11-27T06:00:00Z");
        assert_eq!(read("yesterday", "today").expect("days").days.len(), 2);
        // The day on which clocks are set back has an hour more.
        let day = read("2026-11-01", "2026-11-01").expect("a day");
        assert_eq!(day.days[0].to.duration_since(day.days[0].from).as_hours(), 25);
    }

    #[test]
    fn what_are_no_days_is_said() {
        for (from, to, said) in
            [("x", "", "`x` is no day"), ("2026-11-02", "2026-11-01", "is after the last"), ("2026-01-01", "", "more than 31 days")]
        {
            let error = read(from, to).expect_err("it is refused");
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_day_that_has_not_passed_is_looked_at_as_far_as_it_has() {
        let now: Timestamp = "2026-11-28T03:00:00Z".parse().expect("a time");
        let today = read("today", "today").expect("a day");
        assert_eq!(today.listed(now).map(|time| time.until), Some(now));
        assert_eq!(read("2026-12-01", "2026-12-01").expect("a day").listed(now), None);
    }
}
