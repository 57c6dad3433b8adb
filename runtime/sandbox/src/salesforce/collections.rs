//! `composite/sobjects`: up to 200 records in one call, each with its own result.
//!
//! Not for different calls in one: those are `composite`. The vendor's chunks by type are not modelled.

use serde_json::{Map, Value, json};

use super::{
    Salesforce,
    call::{Answer, Call},
    error::ApiError,
    id::Id,
    rest::{no_column, not_allowed},
    save::Upserted,
};

/// Most records of one write.
const WRITES: usize = 200;
/// Most records of one read.
const READS: usize = 2_000;

/// What became of one record.
type Item = Result<(Id, Option<bool>), ApiError>;

impl Salesforce {
    pub(crate) fn collections(&mut self, rest: &[&str], call: &Call) -> Result<Answer, ApiError> {
        match (call.method.as_str(), rest) {
            ("POST", []) => self.each(call, |this, record| {
                let table = this.table_of(record)?;
                let id = this.org.create(table, record, &call.options)?;
                Ok((id, None))
            }),
            ("PATCH", []) => self.each(call, |this, record| {
                let table = this.table_of(record)?;
                let mut record = record.clone();
                let id =
                    take(&mut record, "Id").ok_or_else(|| ApiError::save("MISSING_ARGUMENT", "Id not specified in an update call", &[]))?;
                let at = this.place_of(table, &id)?;
                let id = this.org.update(table, at, &record, &call.options)?;
                Ok((id, None))
            }),
            ("PATCH", [object, field]) => {
                let table = self.org.schema.find(object).ok_or_else(ApiError::not_found)?;
                let key = self.key_field(table, field)?;
                self.each(call, |this, record| this.upsert_item(table, key, record, call))
            }
            ("DELETE", []) => self.delete_many(call),
            ("GET" | "POST", [object]) => {
                let table = self.org.schema.find(object).ok_or_else(ApiError::not_found)?;
                self.read_many(table, call)
            }
            _ => Err(not_allowed(&call.method)),
        }
    }

    /// Writes each record of a request; all or none undoes the good ones when one fails.
    fn each(&mut self, call: &Call, mut write: impl FnMut(&mut Self, &Map<String, Value>) -> Item) -> Result<Answer, ApiError> {
        let records = call.body["records"].as_array().map_or(&[][..], Vec::as_slice);
        if records.is_empty() {
            return Err(ApiError::new(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required"));
        }
        check_count(records.len(), WRITES)?;
        let all_or_none = call.body["allOrNone"] == Value::Bool(true);
        let mark = self.org.store.begin();
        let items: Vec<Item> = records
            .iter()
            .map(|record| {
                let record = record.as_object().ok_or_else(|| ApiError::json_parser("a record is an object"))?;
                write(self, record)
            })
            .collect();
        Ok(self.finish(mark, items, all_or_none))
    }

    fn finish(&mut self, mark: super::store::Mark, items: Vec<Item>, all_or_none: bool) -> Answer {
        let undo = all_or_none && items.iter().any(Result::is_err);
        if undo {
            self.org.store.rollback(mark);
        } else {
            self.org.store.commit(mark);
        }
        let rendered = items.into_iter().map(|item| match item {
            Ok(_) if undo => {
                let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
                let error = ApiError::save("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, &[]);
                json!({ "success": false, "errors": [error.to_item_json()] })
            }
            Ok((id, None)) => json!({ "id": id.to_string(), "success": true, "errors": [] }),
            Ok((id, Some(created))) => {
                json!({ "id": id.to_string(), "success": true, "errors": [], "created": created })
            }
            Err(error) => json!({ "success": false, "errors": [error.to_item_json()] }),
        });
        Answer::ok(Value::Array(rendered.collect()))
    }

    fn upsert_item(&mut self, table: usize, key: usize, record: &Map<String, Value>, call: &Call) -> Item {
        let mut record = record.clone();
        let name = self.org.schema.objects[table].fields[key].name.clone();
        let value = take(&mut record, &name).unwrap_or_default();
        if value.is_empty() {
            return Err(ApiError::save("MISSING_ARGUMENT", format!("{name} not specified"), &[]));
        }
        match self.org.upsert(table, key, &value, &record, &call.options)? {
            Upserted::Created(id) => Ok((id, Some(true))),
            Upserted::Updated(id) => Ok((id, Some(false))),
            Upserted::Several(_) => {
                let message = format!("{name}: more than one record found for external id field: {value}");
                Err(ApiError::save("DUPLICATE_EXTERNAL_ID", message, &[]))
            }
        }
    }

    fn delete_many(&mut self, call: &Call) -> Result<Answer, ApiError> {
        let ids: Vec<&str> = call.get("ids").unwrap_or_default().split(',').filter(|id| !id.is_empty()).collect();
        check_count(ids.len(), WRITES)?;
        let mark = self.org.store.begin();
        let items = ids
            .into_iter()
            .map(|text| {
                let id = Id::parse(text).ok_or_else(|| bad_id(text))?;
                let table = self.org.schema.by_prefix(id.prefix()).ok_or_else(|| bad_id(text))?;
                let at = self.place_of(table, text)?;
                self.org.delete(table, at, &call.options).map(|()| (id, None))
            })
            .collect();
        Ok(self.finish(mark, items, call.get("allOrNone") == Some("true")))
    }

    /// Records in the order of their ids; null for one that is not there.
    fn read_many(&self, table: usize, call: &Call) -> Result<Answer, ApiError> {
        let list = |name: &str| -> Vec<String> {
            let in_body = call.body[name].as_array().into_iter().flatten().filter_map(|item| item.as_str());
            let in_query = call.get(name).into_iter().flat_map(|text| text.split(','));
            in_body.chain(in_query).map(|item| item.trim().to_owned()).collect()
        };
        let (ids, names) = (list("ids"), list("fields"));
        check_count(ids.len(), READS)?;
        let object = &self.org.schema.objects[table];
        let fields: Vec<usize> =
            names.iter().map(|name| object.find(name).ok_or_else(|| no_column(name, object.name))).collect::<Result<_, _>>()?;
        let records = ids.iter().map(|id| {
            let Some(row) = Id::parse(id).and_then(|id| self.org.store.live(table, id)) else {
                return Value::Null;
            };
            let mut out = Map::new();
            out.insert("attributes".to_owned(), self.org.attributes(table, row, call.options.version));
            out.insert("Id".to_owned(), Value::String(row.id.to_string()));
            for at in &fields {
                out.insert(object.fields[*at].name.clone(), row.get(*at).map_or(Value::Null, |cell| cell.to_json()));
            }
            Value::Object(out)
        });
        Ok(Answer::ok(Value::Array(records.collect())))
    }

    fn table_of(&self, record: &Map<String, Value>) -> Result<usize, ApiError> {
        let name = record.get("attributes").and_then(|attributes| attributes["type"].as_str()).unwrap_or_default();
        self.org.schema.find(name).ok_or_else(|| ApiError::save("INVALID_TYPE", format!("sObject type '{name}' is not supported."), &[]))
    }

    fn place_of(&self, table: usize, text: &str) -> Result<u32, ApiError> {
        let id = Id::parse(text).ok_or_else(|| bad_id(text))?;
        let missing = || ApiError::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
        self.org.store.place(table, id).ok_or_else(missing)
    }
}

fn bad_id(text: &str) -> ApiError {
    ApiError::save("MALFORMED_ID", format!("bad id {text}"), &[])
}

fn check_count(count: usize, most: usize) -> Result<(), ApiError> {
    if count <= most {
        return Ok(());
    }
    let message = format!("record limit reached. cannot submit more than {most} records into this call");
    Err(ApiError::new(400, "EXCEEDED_ID_LIMIT", message))
}

/// Takes a key out of a record; the vendor does not mind its case.
fn take(record: &mut Map<String, Value>, name: &str) -> Option<String> {
    let key = record.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    match record.shift_remove(&key)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::salesforce::tests::Front;

    #[test]
    fn each_record_has_its_own_result() {
        let mut front = Front::new();
        let contact = |body: Value| {
            let mut body = body;
            body["attributes"] = json!({"type": "Contact"});
            body
        };
        let records = json!([contact(json!({"LastName": "Example"})), contact(json!({"FirstName": "x"}))]);
        let (status, answer) = front.call("POST", "composite/sobjects", &json!({ "records": records }));
        assert_eq!(status, 200);
        assert_eq!(answer[0]["success"], true);
        let error =
            json!({"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": ["LastName"]});
        assert_eq!(answer[1], json!({"success": false, "errors": [error]}));
        let id = answer[0]["id"].clone();

        let (_, answer) = front.call("POST", "composite/sobjects", &json!({ "allOrNone": true, "records": records }));
        assert_eq!(answer[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
        assert_eq!(front.query("SELECT COUNT() FROM Contact").1["totalSize"], 1);

        let records = json!([contact(json!({"id": id, "Title": "Owner"})), contact(json!({"Title": "x"}))]);
        let (_, answer) = front.call("PATCH", "composite/sobjects", &json!({ "records": records }));
        assert_eq!(answer[0]["success"], true);
        assert_eq!(answer[1]["errors"][0]["statusCode"], "MISSING_ARGUMENT");

        let records =
            json!([contact(json!({"Caller_Key__c": "a", "LastName": "A"})), contact(json!({"Caller_Key__c": "a", "Title": "T"}))]);
        let (_, answer) = front.call("PATCH", "composite/sobjects/Contact/Caller_Key__c", &json!({ "records": records }));
        assert_eq!((&answer[0]["created"], &answer[1]["created"]), (&json!(true), &json!(false)));

        let (_, answer) =
            front.call("POST", "composite/sobjects/Contact", &json!({"ids": [id, "003000000000009AAA"], "fields": ["Title"]}));
        assert_eq!((&answer[0]["Title"], &answer[1]), (&json!("Owner"), &Value::Null));
        let ids = id.as_str().expect("an id");
        let (_, answer) = front.call("DELETE", &format!("composite/sobjects?ids={ids},nonsense"), &Value::Null);
        assert_eq!((&answer[0]["success"], &answer[1]["errors"][0]["statusCode"]), (&json!(true), &json!("MALFORMED_ID")));
        let (status, answer) = front.call("POST", "composite/sobjects", &json!({ "records": [] }));
        assert_eq!((status, &answer[0]["message"]), (400, &json!("At least 1 record is required")));
    }
}
