//! The systems of a test: records in memory that answer searches, reads by id and looks at a time.
//!
//! A search is answered as for many callers at once (`matching::fits`): whoever fits is returned, and compared again when it comes to deciding.

use aftercall_config::decl::{TestDecl, TestRecordDecl};
use aftercall_config::functions::timestamp;
use aftercall_config::project::{Pipeline, Project};
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::context::{Answered, Busy, Context, KnownContact, Record, Written};
use crate::matching::{self, Query};
use crate::model::{Op, Plan};

/// Who wrote what a test gives as written, where it does not say.
const EARLIER: &str = "json:an-earlier-call";
/// When that call began: so long before the moment of the test.
const BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// What a test gives, to the pipeline that takes its call.
pub(super) struct World<'a> {
    pub(super) project: &'a Project,
    pub(super) pipeline: &'a Pipeline,
    pub(super) test: &'a TestDecl,
    pub(super) now: Timestamp,
}

impl<'a> World<'a> {
    /// What is known before anything is searched.
    pub(super) fn context(&self) -> Context {
        let mut context = Context { read_at: self.now, ..Context::default() };
        context.answered = self.test.answer.as_ref().map(|answer| match answer.as_str() {
            "new" => Answered::New,
            id => Answered::Contact(id.to_owned()),
        });
        for decl in &self.test.record {
            let connection = self.connection(decl);
            if decl.known {
                let fields = decl.written.iter().map(|(field, value)| (field.clone(), self.written(value).value)).collect();
                let known = KnownContact { id: decl.id.clone(), call: EARLIER.to_owned(), fields };
                context.known.insert(connection.to_owned(), known);
            }
            if let Some(own) = &decl.own {
                context.own.insert(own.clone(), decl.id.clone());
                context.own_records.push(self.record(decl));
            }
            if !decl.written.is_empty() {
                let key = format!("{connection}/{}/{}", self.object(decl), decl.id);
                let written = decl.written.iter().map(|(field, value)| (field.clone(), self.written(value)));
                context.written.entry(key).or_default().extend(written);
            }
        }
        context
    }

    fn connection(&self, decl: &'a TestRecordDecl) -> &'a str {
        decl.connection.as_deref().unwrap_or(&self.pipeline.connection.id)
    }

    fn object(&self, decl: &'a TestRecordDecl) -> &'a str {
        decl.object.as_deref().or_else(|| Some(self.callers()?.0)).unwrap_or_default()
    }

    /// The object in which callers are looked for.
    fn callers(&self) -> Option<(&'a str, &'a aftercall_config::project::Object)> {
        let connector = &self.pipeline.connection.connector;
        let name = &connector.decl.find.as_ref()?.object;
        Some((name, connector.objects.get(name)?))
    }

    fn record(&self, decl: &'a TestRecordDecl) -> Record {
        let fields = decl.fields.iter().map(|(field, value)| (field.clone(), value.clone())).collect();
        Record { id: decl.id.clone(), object: self.object(decl).to_owned(), fields }
    }

    fn written(&self, value: &Value) -> Written {
        let told =
            value.as_object().filter(|told| told.contains_key("value") && told.keys().all(|k| ["value", "by", "at"].contains(&k.as_str())));
        let before = self.now.checked_sub(BEFORE).unwrap_or(self.now);
        let Some(told) = told else { return Written { value: value.clone(), call: EARLIER.to_owned(), started_at: before } };
        Written {
            value: told.get("value").cloned().unwrap_or_default(),
            call: told.get("by").and_then(Value::as_str).unwrap_or(EARLIER).to_owned(),
            started_at: told.get("at").and_then(timestamp).unwrap_or(before),
        }
    }

    /// Records in which callers are looked for.
    fn people(&self) -> impl Iterator<Item = (&'a TestRecordDecl, Record)> + '_ {
        let object = self.callers().map(|(name, _)| name);
        let here = move |decl: &&TestRecordDecl| {
            decl.list.is_none() && self.connection(decl) == self.pipeline.connection.id && Some(self.object(decl)) == object
        };
        self.test.record.iter().filter(here).map(|decl| (decl, self.record(decl)))
    }

    /// One search.
    pub(super) fn search(&self, query: &Query, context: &mut Context) {
        let Some((_, object)) = self.callers() else { return };
        for (decl, record) in self.people() {
            let fits = decl.found || matching::fits(&object.decl, query, true, &record);
            add(context, fits.then_some(record));
        }
        context.incomplete = self.test.incomplete.clone();
    }

    /// What a search may not show yet and is read by id: the lane's contact, and whom a person has named.
    pub(super) fn behind(&self, context: &mut Context) {
        let answered = context.answered.as_ref().and_then(Answered::contact).map(str::to_owned);
        for (decl, record) in self.people() {
            add(context, (decl.known || Some(&decl.id) == answered.as_ref()).then_some(record));
        }
    }

    /// Lists about the contact, each in the order of the test.
    pub(super) fn lists(&self, contact: &str) -> IndexMap<String, Vec<Record>> {
        let mut lists: IndexMap<String, Vec<Record>> = IndexMap::new();
        for decl in &self.test.record {
            if let Some(list) = decl.list.as_ref().filter(|_| decl.of.as_deref().is_none_or(|of| of == contact)) {
                lists.entry(list.clone()).or_default().push(self.record(decl));
            }
        }
        lists
    }

    /// Looks at the times that a plan wants and that were not looked at yet; true when there was one.
    pub(super) fn look(&self, plan: &Plan, context: &mut Context) -> bool {
        let mut looked = false;
        for write in plan.writes.iter().filter(|write| write.booking.is_some() && !matches!(write.op, Op::Skipped { .. })) {
            if !context.bookings.contains_key(&write.id) {
                context.bookings.insert(write.id.clone(), self.busy(&write.connection));
                looked = true;
            }
        }
        looked
    }

    fn busy(&self, connection: &str) -> Vec<Busy> {
        let mut all = Vec::new();
        for (at, decl) in self.test.busy.iter().enumerate().filter(|(_, decl)| decl.connection == connection) {
            let time = |text: &String| timestamp(&Value::from(text.as_str()));
            if let (Some(start), Some(end)) = (time(&decl.start), time(&decl.end)) {
                let id = decl.id.clone().unwrap_or_else(|| format!("somebody-else-{at}"));
                all.push(Busy { id, start, end, title: decl.title.clone() });
            }
        }
        all
    }
}

fn add(context: &mut Context, record: Option<Record>) {
    if let Some(record) = record.filter(|record| !context.candidates.iter().any(|known| known.id == record.id)) {
        context.candidates.push(record);
    }
}
