//! Reads back what was written, where the pipeline asks for it: a system may confirm a value and keep another, or none.
//!
//! Not for deciding whether a write landed: it did, and a person sees in the receipt what became of each field.

use aftercall_config::decl::VerifyDecl;
use aftercall_plan::model::{FieldVerdict, Op, Plan, Write};
use aftercall_plan::policy::value::same;
use aftercall_plan::record::field;
use serde_json::{Value, json};

use super::perform::{Hand, event, spread};
use super::progress::{Standing, receipt};
use crate::journal::{Json, Record, WriteChange, WriteState};

/// One write in so many, where a sample is asked for.
const SAMPLE: f64 = 20.0;

impl Hand<'_> {
    /// What has landed since the call was taken up, and is to be read back.
    pub(super) fn to_verify<'p>(&self, plan: &'p Plan, standing: &Standing) -> Vec<&'p Write> {
        let landed_before = |write: &Write| self.claim.writes.iter().any(|row| row.write == write.id && row.state == WriteState::Applied);
        let fresh = |write: &&Write| {
            let there = standing.get(&write.id).is_some_and(|p| p.state == WriteState::Applied && p.read_back.is_none());
            there && matches!(write.op, Op::Create { .. } | Op::Update { .. }) && !landed_before(write)
        };
        let asked = |write: &&Write| match self.rule(write).map(|rule| rule.verify) {
            Some(VerifyDecl::Always) => true,
            Some(VerifyDecl::Sample) => spread(&format!("{}/{}", self.claim.call.id, write.id), 0) * SAMPLE < 1.0,
            Some(VerifyDecl::Never) => false,
            // What goes back is of no rule, and nobody looks there again by themselves.
            None => self.puts_back(write),
        };
        plan.writes.iter().filter(fresh).filter(asked).collect()
    }

    /// Reads these back, and puts down what stands in each field.
    pub(super) async fn verify(&self, writes: Vec<&Write>, standing: &mut Standing) -> Vec<Record> {
        let mut records = Vec::new();
        for write in writes {
            let (connection, Some(progress)) = (self.connection_of(write), standing.get_mut(&write.id)) else { continue };
            let Some(id) = progress.record_id.clone() else { continue };
            let sent = write.fields.iter().filter(|f| f.verdict == FieldVerdict::Write && !progress.refused.contains_key(&f.field));
            let sent: Vec<(&str, &Value)> = sent.filter_map(|f| Some((f.field.as_str(), f.after.as_ref()?))).collect();
            let names: Vec<String> = sent.iter().map(|(name, _)| (*name).to_owned()).collect();
            match self.worker.connections.reader().read(&connection, &write.object, &id, &names).await {
                Ok(record) => {
                    let there = record.map(|record| record.fields).unwrap_or_default();
                    for (name, value) in sent {
                        let found = field(&there, name).cloned().unwrap_or(Value::Null);
                        if !same(&found, value, &self.project.phone_region) {
                            progress.found.insert(name.to_owned(), found);
                        }
                    }
                    progress.read_back = Some(Ok(()));
                }
                Err(failure) => progress.read_back = Some(Err(failure.to_string())),
            }
            let differs: Vec<&String> = progress.found.keys().collect();
            let data = json!({"differs": differs, "failure": progress.read_back.as_ref().and_then(|read| read.as_ref().err())});
            records.push(event("read_back", Some(&write.id), &data));
            let receipt = Some(Json::from(receipt(write, progress)));
            records.push(Record::Write(WriteChange { receipt, ..WriteChange::to(write.id.clone(), WriteState::Applied) }));
        }
        records
    }
}
