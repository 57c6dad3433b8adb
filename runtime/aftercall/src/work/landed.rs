//! What is put on record of a write that has landed: its receipt, what we wrote last into each field, and the caller's record.
//!
//! Not for sending, nor for deciding what an answer means: that is `perform`.

use aftercall_config::functions::timestamp;
use aftercall_config::project::WriteRule;
use aftercall_plan::context::KnownContact;
use aftercall_plan::matching;
use aftercall_plan::model::{FieldVerdict, Op, Write};
use aftercall_plan::policy::value::is_empty;
use serde_json::{Value, json};

use super::memory::hashed;
use super::perform::{Hand, event};
use super::progress::{Progress, receipt};
use crate::journal::{Created, FieldWritten, Json, Record, WriteChange, WriteState};

impl Hand<'_> {
    /// Whether a create has met a record of ours that may hold what was said before. What is on record tells nothing about that: an attempt
    /// that was refused for certain came after the one of which nobody knows, and stands in its place.
    pub(super) fn met_older_words(&self, write: &Write, progress: &Progress, created: bool) -> bool {
        let Op::Create { .. } = write.op else { return false };
        let takes_words = |rule: &WriteRule| rule.connection.connector.objects.get(&rule.object).is_some_and(|o| o.create_is_upsert);
        !created && !progress.stale && self.claim.call.revision > 1 && !self.rule(write).is_some_and(takes_words)
    }

    /// A write has landed: its receipt, what we wrote last into each field, and what the next call of this caller has to know.
    pub(super) async fn landed(
        &self,
        write: &Write,
        progress: &Progress,
        id: &str,
        url: Option<String>,
        created: bool,
        records: &mut Vec<Record>,
    ) {
        let mut change = WriteChange::to(write.id.clone(), WriteState::Applied);
        change.record_id = Some(id.to_owned());
        change.record_url = url;
        change.receipt = Some(Json::from(receipt(write, progress)));
        records.push(Record::Write(change));
        records.push(event("landed", Some(&write.id), &json!({"record": id, "created": created})));
        if let Some(unwrote) = self.unwrote(write, progress, id) {
            records.extend(unwrote);
            return;
        }
        if progress.stale {
            records.extend(self.as_it_stands(write, id).await);
        } else {
            let written = write.fields.iter().filter(|f| f.verdict == FieldVerdict::Write && !progress.refused.contains_key(&f.field));
            records.extend(written.filter_map(|field| Some(self.wrote(write, id, &field.field, field.after.as_ref()?))));
        }
        self.stands(write, id, created, records);
    }

    fn wrote(&self, write: &Write, id: &str, field: &str, value: &Value) -> Record {
        Record::Field(FieldWritten {
            connection: write.connection.clone(),
            object: write.object.clone(),
            record_id: id.to_owned(),
            field: field.to_owned(),
            value: Json::from(value),
            call_started_at: self.call.started_at.as_ref().and_then(|t| timestamp(&Value::from(t.as_str()))),
            config_version: self.project.version.0.clone(),
        })
    }

    /// What a record of ours holds that was written with older words: those are ours, too, or the newer ones would be kept out as if a
    /// person had written the older ones. What cannot be read stays nobody's.
    pub(super) async fn as_it_stands(&self, write: &Write, id: &str) -> Vec<Record> {
        let Some(rule) = self.rule(write) else { return Vec::new() };
        let fields: Vec<String> = write.fields.iter().filter(|f| f.verdict == FieldVerdict::Write).map(|f| f.field.clone()).collect();
        match self.worker.connections.reader().read(&rule.connection, &write.object, id, &fields).await {
            Ok(record) => {
                let there =
                    record.iter().flat_map(|record| &record.fields).filter(|(name, value)| fields.contains(name) && !is_empty(value));
                there.map(|(name, value)| self.wrote(write, id, name, value)).collect()
            }
            Err(failure) => {
                tracing::warn!(call = %self.claim.call.id, write = %write.id, %failure, "a record of ours cannot be read; its fields count as a person's");
                Vec::new()
            }
        }
    }

    /// The record of a write is there: what the next call of this caller has to know of it.
    pub(super) fn stands(&self, write: &Write, id: &str, created: bool, records: &mut Vec<Record>) {
        if let Op::Merge { other, .. } = &write.op {
            let (connection, object) = (write.connection.clone(), write.object.clone());
            records.push(Record::Gone { connection, object, record_id: other.clone() });
        } else if self.is_contact(write) {
            let fields: serde_json::Map<String, Value> =
                write.fields.iter().filter_map(|f| Some((f.field.clone(), f.after.clone().or_else(|| f.before.clone())?))).collect();
            if created && matches!(write.op, Op::Create { .. }) {
                records.push(Record::Created(Created {
                    connection: write.connection.clone(),
                    object: write.object.clone(),
                    record_id: id.to_owned(),
                    identity: Json::from(Value::Object(fields.clone())),
                    created_at: self.worker.now(),
                }));
            }
            if let Some(connection) = self.project.connections.get(&write.connection).filter(|connection| connection.index) {
                let record = aftercall_plan::context::Record { id: id.to_owned(), object: write.object.clone(), fields: fields.clone() };
                let keys = matching::index_keys(&self.project, &self.pipeline, &record).iter().map(|key| hashed(key)).collect();
                records.push(Record::Person { connection: connection.id.clone(), id: id.to_owned(), keys });
            }
            records.push(Record::Link { connection: write.connection.clone(), record: Json::of(&self.known(id, fields)).ok() });
        }
    }

    pub(super) fn is_contact(&self, write: &Write) -> bool {
        let connection = &self.pipeline.connection;
        write.connection == connection.id && connection.connector.decl.find.as_ref().is_some_and(|f| f.object == write.object)
    }

    /// The caller's record as the next call of this caller shall know it.
    pub(super) fn known(&self, id: &str, fields: serde_json::Map<String, Value>) -> KnownContact {
        KnownContact { id: id.to_owned(), call: self.claim.call.id.clone(), fields }
    }
}
