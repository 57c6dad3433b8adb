//! What goes back of what we wrote, and what is left alone and why: the journal's receipts against what stands in the systems now. Reads only.
//!
//! Not for doing it: `word` gives what a person's word puts on record, and a worker carries that out as `work::revert` says.

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::lock::{Lock, path_of};
use aftercall_config::project::{Object, Project};
use aftercall_config::source::Files;
use aftercall_plan::context::Record as CrmRecord;
use aftercall_plan::record::field;
use aftercall_plan::revert::{Alone, Back, MadeRecord, RevertDocument, RevertField, RevertRecord, Stands, Wrote, last_asked, way_back};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::Value;

use crate::connect::Reader;
use crate::journal::{self, CallStatus, Journal, Landed, LandedFilter, LandedRow, REVERT, Record, Story, Way};
use crate::trail::{Line, of_row};
use crate::work::{Goes, goes_back};

/// Writes that are read from the journal at once.
const AT_ONCE: usize = 500;
/// Records that are read from systems at once.
const SIDE_BY_SIDE: usize = 8;

/// What is asked about. A version or a call is there.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Written under this config version.
    pub version: Option<String>,
    /// Written by this call, by its whole id.
    pub call: Option<String>,
    /// Written by this pipeline.
    pub pipeline: Option<String>,
    /// Written there.
    pub connection: Option<String>,
    /// Written at or after.
    pub since: Option<Timestamp>,
    /// Written before.
    pub until: Option<Timestamp>,
}

/// What goes back.
pub struct WayBack {
    /// As it is told.
    pub document: RevertDocument,
    /// What a person's word would put on record, by call.
    goes: Vec<(Story, Vec<Goes>)>,
}

/// A record, by connection, object and id.
type Of = (String, String, String);

/// What was written into one record.
#[derive(Default)]
struct Written {
    url: Option<String>,
    /// By field, the oldest first, each with the write that it was of.
    fields: BTreeMap<String, Vec<Wrote>>,
    /// Fields that are none: links and merged records.
    moved: Vec<Line>,
}

impl WayBack {
    /// Looks what there is, and reads what stands there now.
    ///
    /// Errors: those of the journal. A record that cannot be read is left alone.
    pub async fn of(
        project: &Project,
        files: &Files,
        journal: &dyn Journal,
        reader: &Reader,
        wanted: &Wanted,
    ) -> Result<Self, journal::Error> {
        let rows = asked(journal, wanted).await?;
        let mut document = RevertDocument { version: 1, ..RevertDocument::default() };
        document.counts.erased = rows.iter().filter(|row| row.receipt.is_none()).count();
        document.made = made(project, &rows);
        let numbers: BTreeSet<i64> = rows.iter().map(|row| row.place.row).collect();
        let mut seen: BTreeSet<Of> = BTreeSet::new();
        let mut written: Vec<(Of, Written)> = Vec::new();
        for of in rows.iter().filter(|row| row.op != "create").map(of) {
            if seen.insert(of.clone()) {
                let known = history(journal, &of, &numbers).await?;
                written.push((of, known));
            }
        }
        let stories = stories(journal, &written, &project.phone_region).await?;
        let reads = written.iter().map(|(of, known)| async move {
            let fields: Vec<String> = known.fields.keys().cloned().collect();
            read(project, reader, of, &fields).await
        });
        let read: Vec<Result<Option<CrmRecord>, Alone>> = stream::iter(reads).buffered(SIDE_BY_SIDE).collect().await;
        let needed = Needed { project, files };
        let mut goes: BTreeMap<String, Vec<Goes>> = BTreeMap::new();
        for ((of, known), read) in written.iter().zip(&read) {
            let told = tell(project, &needed, of, known, read, &stories);
            for (record, backs) in told {
                if !backs.is_empty() {
                    let (connection, object, id) = of.clone();
                    let one = Goes { write: record.write.clone(), connection, object, record: id, url: record.url.clone(), fields: backs };
                    goes.entry(record.call.clone()).or_default().push(one);
                }
                document.records.push(record);
            }
        }
        document.count();
        let goes = goes.into_iter().filter_map(|(call, goes)| Some((stories.get(&call)?.clone(), goes))).collect();
        Ok(Self { document, goes })
    }

    /// What a person's word puts on record, for each call: the call as it stood, and what changes.
    pub fn word(&self, who: &str, way: Way, reason: &str, now: Timestamp) -> Vec<(&Story, Vec<Record>)> {
        self.goes.iter().map(|(story, goes)| (story, goes_back(story, goes, who, way, reason, now))).collect()
    }
}

fn of(row: &LandedRow) -> Of {
    (row.connection.clone(), row.object.clone(), row.record_id.clone())
}

/// All pages of what has landed and fits the filter.
async fn landed(journal: &dyn Journal, filter: LandedFilter) -> Result<Vec<LandedRow>, journal::Error> {
    let (mut all, mut after): (Vec<LandedRow>, Option<Landed>) = (Vec::new(), None);
    loop {
        let page = journal.landed(LandedFilter { after, limit: AT_ONCE, ..filter.clone() }).await?;
        let more = page.len() == AT_ONCE;
        after = page.last().map(|row| row.place);
        all.extend(page);
        if !more {
            return Ok(all);
        }
    }
}

/// What is to go back, the oldest first.
async fn asked(journal: &dyn Journal, wanted: &Wanted) -> Result<Vec<LandedRow>, journal::Error> {
    let Wanted { version, call, since, until, .. } = wanted.clone();
    let mut rows = landed(journal, LandedFilter { version, call, since, until, ..LandedFilter::default() }).await?;
    let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    rows.retain(|row| row.op != REVERT && fits(&wanted.pipeline, &row.pipeline) && fits(&wanted.connection, &row.connection));
    rows.sort_by_key(|row| (row.at, row.place.row));
    Ok(rows)
}

/// The records that were made, each once.
fn made(project: &Project, rows: &[LandedRow]) -> Vec<MadeRecord> {
    let mut seen: BTreeSet<Of> = BTreeSet::new();
    let new = rows.iter().filter(|row| row.op == "create" && seen.insert(of(row)));
    new.map(|row| MadeRecord {
        call: row.call.clone(),
        write: row.write.clone(),
        connection: row.connection.clone(),
        object: row.object.clone(),
        record: row.record_id.clone(),
        url: row.record_url.clone(),
        appointment: object(project, &row.connection, &row.object).is_some_and(|object| object.booking.is_some()),
    })
    .collect()
}

fn object<'a>(project: &'a Project, connection: &str, object: &str) -> Option<&'a Object> {
    project.connections.get(connection)?.connector.objects.get(object)
}

/// All that we ever wrote into a record; what is to go back is marked.
async fn history(journal: &dyn Journal, of: &Of, asked: &BTreeSet<i64>) -> Result<Written, journal::Error> {
    let mut rows = landed(journal, LandedFilter { record_id: Some(of.2.clone()), ..LandedFilter::default() }).await?;
    rows.retain(|row| (&row.connection, &row.object) == (&of.0, &of.1));
    rows.sort_by_key(|row| (row.at, row.place.row));
    let mut known = Written::default();
    for row in &rows {
        let is_asked = asked.contains(&row.place.row);
        known.url = row.record_url.clone().or(known.url);
        for line in of_row(row) {
            let Some(name) = line.field.clone() else { continue };
            if matches!(line.policy.as_deref(), Some("link" | "merge")) {
                known.moved.extend(is_asked.then_some(line));
                continue;
            }
            known.fields.entry(name).or_default().push(Wrote {
                call: row.call.clone(),
                write: row.write.clone(),
                version: row.config_version.clone(),
                origin: line.origin.unwrap_or_default(),
                before: line.before,
                value: line.found.or(line.after).unwrap_or_default(),
                created: row.op == "create",
                asked: is_asked,
                back: row.op == REVERT,
            });
        }
    }
    // What was only ever written with the record is told of by the record.
    known.fields.retain(|_, history| history.iter().any(|one| one.asked && !one.created));
    Ok(known)
}

/// The calls that wrote last of what is asked about.
async fn stories(journal: &dyn Journal, written: &[(Of, Written)], region: &str) -> Result<BTreeMap<String, Story>, journal::Error> {
    let histories = written.iter().flat_map(|(_, known)| known.fields.values());
    let ids: BTreeSet<String> = histories.filter_map(|history| Some(last_asked(history, region)?.call.clone())).collect();
    let mut stories = BTreeMap::new();
    for id in ids {
        if let Some(story) = journal.call(id.clone()).await? {
            stories.insert(id, story);
        }
    }
    Ok(stories)
}

/// The record as it is now; `Err` says why nothing of it goes back.
async fn read(project: &Project, reader: &Reader, of: &Of, fields: &[String]) -> Result<Option<CrmRecord>, Alone> {
    let (name, kind, id) = of;
    let unreadable = |because: String| Alone::Unreadable { because };
    let connection = project.connections.get(name).ok_or_else(|| unreadable(format!("the project has no connection `{name}`")))?;
    let known = object(project, name, kind).ok_or_else(|| unreadable(format!("the connector has no object `{kind}`")))?;
    if known.booking.is_some() {
        return Err(Alone::Appointment);
    }
    if known.read.is_none() {
        return Err(unreadable(format!("the connector cannot read a `{kind}`")));
    }
    if fields.is_empty() {
        return Ok(None);
    }
    reader.read(connection, kind, id, fields).await.map_err(|failure| unreadable(format!("{failure}: {}", failure.message)))
}

/// What a system takes no record without: as its lock says, or the mappings.
struct Needed<'a> {
    project: &'a Project,
    files: &'a Files,
}

impl Needed<'_> {
    fn is(&self, of: &Of, name: &str) -> bool {
        let locked = || {
            let lock = Lock::parse(self.files.get(&path_of(&of.0))?).ok()?;
            let object = object(self.project, &of.0, &of.1)?;
            Some(lock.objects.get(&object.decl.name)?.fields.get(name)?.required)
        };
        let rules = self.project.pipelines.iter().flat_map(|pipeline| &pipeline.writes);
        let mut rules = rules.filter(|rule| rule.connection.id == of.0 && rule.object == of.1);
        rules.any(|rule| rule.fields.iter().any(|rule| rule.field == name && rule.required)) || locked().unwrap_or(false)
    }
}

/// One record, once for each write that wrote fields of it last, with what goes back.
fn tell(
    project: &Project,
    needed: &Needed<'_>,
    of: &Of,
    known: &Written,
    read: &Result<Option<CrmRecord>, Alone>,
    stories: &BTreeMap<String, Story>,
) -> Vec<(RevertRecord, Vec<Back>)> {
    let mut told: BTreeMap<(String, String), (RevertRecord, Vec<Back>)> = BTreeMap::new();
    let record = |call: &str, write: &str| RevertRecord {
        call: call.to_owned(),
        write: write.to_owned(),
        connection: of.0.clone(),
        object: of.1.clone(),
        record: of.2.clone(),
        url: known.url.clone(),
        fields: Vec::new(),
    };
    for (name, history) in &known.fields {
        // Whoever wrote since is the reason, and not the place.
        let Some(last) = last_asked(history, &project.phone_region) else { continue };
        let stands = Stands { record: read.as_ref().ok().and_then(Option::as_ref), region: &project.phone_region };
        let at_work = stories.get(&last.call).is_none_or(|story| story.call.status == CallStatus::Waiting);
        let way = match read {
            Err(alone) => Err(alone.clone()),
            Ok(_) => way_back(name, history, &of.2, &stands, !needed.is(of, name)),
        };
        let way = if at_work && way.is_ok() { Err(Alone::AtWork) } else { way };
        let now = stands.record.and_then(|record| field(&record.fields, name).cloned());
        let entry = (last.call.clone(), last.write.clone());
        let (record, backs) = told.entry(entry).or_insert_with(|| (record(&last.call, &last.write), Vec::new()));
        record.fields.push(RevertField {
            field: name.clone(),
            now,
            ours: Some(last.value.clone()).filter(|value| !value.is_null()),
            goes_back: way.is_ok(),
            to: way.as_ref().ok().map(|back| back.to.clone()).filter(|value| !value.is_null()),
            alone: way.as_ref().err().cloned(),
            origin: last.origin.clone(),
            state: None,
            because: None,
        });
        backs.extend(way);
    }
    for line in &known.moved {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (call, write) = (text(&line.call), text(&line.write));
        let (record, _) = told.entry((call.clone(), write.clone())).or_insert_with(|| (record(&call, &write), Vec::new()));
        record.fields.push(RevertField {
            field: text(&line.field),
            now: None,
            ours: line.after.clone().filter(|value: &Value| !value.is_null()),
            goes_back: false,
            to: None,
            alone: Some(Alone::Moved),
            origin: text(&line.origin),
            state: None,
            because: None,
        });
    }
    told.into_values().collect()
}
