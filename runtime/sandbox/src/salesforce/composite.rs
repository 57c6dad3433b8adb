//! `composite`, `composite/graph` and `composite/batch`: many calls in one, with references between them.
//!
//! Not for many records in one call: those are `collections`. The wording of the limits is not the vendor's.

use serde_json::{Map, Value, json};

use super::{
    Salesforce,
    call::{Answer, Call},
    error::ApiError,
    save::Options,
};
use crate::text;

/// Most subrequests of a composite or a batch.
const SUBREQUESTS: usize = 25;
/// Of these, queries and collections.
const QUERIES: usize = 5;
const GRAPHS: usize = 75;
const NODES: usize = 500;
/// After so many failed graphs the rest is halted.
const FAILED_GRAPHS: usize = 14;

const ROLLED_BACK: &str = "The transaction was rolled back since another operation in the same transaction failed.";

/// What ran so far: reference, whether it went well, body.
type Done = Vec<(String, bool, Value)>;

impl Salesforce {
    pub(crate) fn composite(&mut self, call: &Call) -> Result<Answer, ApiError> {
        let requests = list(&call.body, "compositeRequest")?;
        check_count(requests.len(), SUBREQUESTS, "subrequests")?;
        let queries = requests.iter().filter(|request| is_query(request)).count();
        check_count(queries, QUERIES, "query or sObject Collections subrequests")?;
        check_references(requests)?;
        let all_or_none = call.body["allOrNone"] == Value::Bool(true);
        let (answers, _) = self.run_all(requests, all_or_none, false, call);
        Ok(Answer::ok(json!({ "compositeResponse": answers })))
    }

    pub(crate) fn graphs(&mut self, call: &Call) -> Result<Answer, ApiError> {
        let graphs = list(&call.body, "graphs")?;
        check_count(graphs.len(), GRAPHS, "graphs")?;
        let nodes: usize = graphs.iter().map(|graph| graph["compositeRequest"].as_array().map_or(0, Vec::len)).sum();
        check_count(nodes, NODES, "nodes")?;
        let mut failed = 0;
        let mut answers = Vec::with_capacity(graphs.len());
        for graph in graphs {
            let requests = list(graph, "compositeRequest")?;
            check_references(requests)?;
            let (responses, good) = if failed >= FAILED_GRAPHS {
                (requests.iter().map(|request| halted(&reference(request), ROLLED_BACK)).collect(), false)
            } else {
                self.run_all(requests, true, true, call)
            };
            failed += usize::from(!good);
            answers.push(json!({
                "graphId": graph["graphId"],
                "graphResponse": { "compositeResponse": responses },
                "isSuccessful": good,
            }));
        }
        Ok(Answer::ok(json!({ "graphs": answers })))
    }

    pub(crate) fn batch(&mut self, call: &Call) -> Result<Answer, ApiError> {
        let requests = list(&call.body, "batchRequests")?;
        check_count(requests.len(), SUBREQUESTS, "subrequests")?;
        let halts = call.body["haltOnError"] == Value::Bool(true);
        let mut failed = false;
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            if failed && halts {
                let error = ApiError::new(412, "BATCH_PROCESSING_HALTED", "Batch processing halted per request");
                results.push(json!({ "statusCode": 412, "result": [error.to_json()] }));
                continue;
            }
            // Unlike a composite, each of these counts.
            self.used += 1;
            let url = request["url"].as_str().unwrap_or_default();
            let url = match url.trim_start_matches('/') {
                bare if bare.starts_with('v') => format!("/services/data/{bare}"),
                full => format!("/{full}"),
            };
            let answer = match subcall(request, &url, &request["richInput"], call) {
                Ok(inner) => self.dispatch(&inner),
                Err(error) => error.into(),
            };
            failed |= answer.is_error();
            results.push(json!({ "statusCode": answer.status, "result": answer.body }));
        }
        Ok(Answer::ok(json!({ "hasErrors": failed, "results": results })))
    }

    /// Runs subrequests in order. All or none undoes them when one fails; otherwise only those that refer to a
    /// failed one are halted.
    fn run_all(&mut self, requests: &[Value], all_or_none: bool, records_only: bool, call: &Call) -> (Vec<Value>, bool) {
        let mark = self.org.store.begin();
        let mut done = Done::with_capacity(requests.len());
        let mut answers = Vec::with_capacity(requests.len());
        for (at, request) in requests.iter().enumerate() {
            let reference = reference(request);
            let answer = match self.prepare(request, &done, call) {
                Ok(inner) if records_only && inner.path.first().is_none_or(|part| part != "sobjects") => {
                    ApiError::new(400, "INVALID_INPUT", "only sObject record resources are supported in a graph").into()
                }
                Ok(inner) if inner.path.first().is_some_and(|part| part == "composite") && !is_collection(&inner) => {
                    ApiError::new(400, "INVALID_INPUT", "this resource is not supported in a composite request").into()
                }
                Ok(inner) => self.dispatch(&inner),
                Err(error) => error.into(),
            };
            let failed = answer.is_error();
            let rendered = render(&reference, &answer);
            done.push((reference, !failed, answer.body.unwrap_or_default()));
            answers.push(rendered);
            if failed && all_or_none {
                self.org.store.rollback(mark);
                let halt = |request: &Value| halted(&self::reference(request), ROLLED_BACK);
                let before = requests[..at].iter().map(halt);
                let culprit = answers.pop().unwrap_or_default();
                let all = before.chain([culprit]).chain(requests[at + 1..].iter().map(halt)).collect();
                return (all, false);
            }
        }
        self.org.store.commit(mark);
        let good = done.iter().all(|(_, good, _)| *good);
        (answers, good)
    }

    /// The call behind a subrequest, with its references filled in.
    fn prepare(&self, request: &Value, done: &Done, call: &Call) -> Result<Call, ApiError> {
        let url = request["url"].as_str().unwrap_or_default();
        let mut inner = subcall(request, url, &request["body"], call)?;
        for part in &mut inner.path {
            fill(part, done)?;
        }
        for (_, value) in &mut inner.query {
            fill(value, done)?;
        }
        fill_value(&mut inner.body, done)?;
        Ok(inner)
    }
}

fn list<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], ApiError> {
    match body[name].as_array() {
        Some(list) if !list.is_empty() => Ok(list),
        _ => Err(ApiError::new(400, "INVALID_INPUT", format!("{name} must hold at least one request"))),
    }
}

fn check_count(count: usize, most: usize, what: &str) -> Result<(), ApiError> {
    if count <= most {
        return Ok(());
    }
    Err(ApiError::new(400, "LIMIT_EXCEEDED", format!("Limit exceeded: at most {most} {what} are allowed, not {count}")))
}

fn check_references(requests: &[Value]) -> Result<(), ApiError> {
    for (at, request) in requests.iter().enumerate() {
        let name = request["referenceId"].as_str().unwrap_or_default();
        let mut bytes = name.bytes();
        let good =
            bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !good {
            return Err(ApiError::new(400, "INVALID_INPUT", format!("Invalid referenceId: '{name}'")));
        }
        if requests[..at].iter().any(|other| other["referenceId"] == *name) {
            return Err(ApiError::new(400, "INVALID_INPUT", format!("Duplicate referenceId: '{name}'")));
        }
    }
    Ok(())
}

fn reference(request: &Value) -> String {
    request["referenceId"].as_str().unwrap_or_default().to_owned()
}

fn is_query(request: &Value) -> bool {
    let url = request["url"].as_str().unwrap_or_default();
    let path = url.split('?').next().unwrap_or_default();
    Call::split(path).is_some_and(|(_, path)| {
        matches!(path.first().map(String::as_str), Some("query" | "queryAll"))
            || (path.len() > 1 && path[0] == "composite" && path[1] == "sobjects")
    })
}

fn is_collection(call: &Call) -> bool {
    call.path.get(1).is_some_and(|part| part == "sobjects")
}

fn subcall(request: &Value, url: &str, body: &Value, outer: &Call) -> Result<Call, ApiError> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (version, path) = Call::split(path).ok_or_else(ApiError::not_found)?;
    let query = text::form(query);
    let update_only = query.iter().any(|(name, value)| name == "updateOnly" && value == "true");
    let mut call = Call {
        method: request["method"].as_str().unwrap_or("GET").to_ascii_uppercase(),
        path,
        query,
        body: body.clone(),
        options: Options { version, update_only, allow_duplicates: outer.options.allow_duplicates, unmodified_since: None },
        modified_since: None,
        batch_size: outer.batch_size,
    };
    for (name, value) in request["httpHeaders"].as_object().into_iter().flatten() {
        call.header(&name.to_ascii_lowercase(), value.as_str().unwrap_or_default());
    }
    Ok(call)
}

fn render(reference: &str, answer: &Answer) -> Value {
    let mut headers = Map::new();
    if let Some(location) = &answer.location {
        headers.insert("Location".to_owned(), Value::from(location.as_str()));
    }
    json!({
        "body": answer.body,
        "httpHeaders": headers,
        "httpStatusCode": answer.status,
        "referenceId": reference,
    })
}

fn halted(reference: &str, message: &str) -> Value {
    let error = ApiError::new(400, "PROCESSING_HALTED", message);
    let body = json!([{ "errorCode": error.code, "message": error.message }]);
    json!({ "body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": reference })
}

fn fill_value(value: &mut Value, done: &Done) -> Result<(), ApiError> {
    match value {
        Value::String(text) => {
            // A whole reference keeps the type of what it names.
            let whole = text.strip_prefix("@{").and_then(|rest| rest.strip_suffix('}'));
            match whole.filter(|inner| !inner.contains("@{")) {
                Some(inner) => *value = look_up(inner, done)?,
                None => fill(text, done)?,
            }
            Ok(())
        }
        Value::Array(list) => list.iter_mut().try_for_each(|value| fill_value(value, done)),
        Value::Object(map) => map.values_mut().try_for_each(|value| fill_value(value, done)),
        _ => Ok(()),
    }
}

fn fill(text: &mut String, done: &Done) -> Result<(), ApiError> {
    while let Some(from) = text.find("@{") {
        let Some(length) = text[from..].find('}') else { break };
        let value = look_up(&text[from + 2..from + length], done)?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.replace_range(from..=from + length, &value);
    }
    Ok(())
}

/// The value that `contact.id` or `contact.records[0].Id` names.
fn look_up(path: &str, done: &Done) -> Result<Value, ApiError> {
    let name = path.split(['.', '[']).next().unwrap_or_default();
    let missing = || {
        let field = path[name.len()..].trim_start_matches('.');
        let message = format!("Invalid reference specified. No value for {field} found in {name}");
        ApiError::new(400, "PROCESSING_HALTED", message)
    };
    let (_, good, body) = done
        .iter()
        .find(|(reference, ..)| reference == name)
        .ok_or_else(|| ApiError::new(400, "PROCESSING_HALTED", format!("Invalid reference specified. No reference {name} found")))?;
    if !good {
        return Err(missing());
    }
    let pointer = path[name.len()..].replace(['.', '['], "/").replace(']', "");
    match body.pointer(&pointer) {
        Some(value) if !value.is_null() => Ok(value.clone()),
        _ => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::tests::{DATA, Front};

    fn post(reference: &str, object: &str, body: &Value) -> Value {
        json!({ "method": "POST", "url": format!("{DATA}/sobjects/{object}"), "referenceId": reference, "body": body })
    }

    fn get(reference: &str, url: &str) -> Value {
        json!({ "method": "GET", "url": format!("{DATA}/{url}"), "referenceId": reference })
    }

    /// Runs a composite and gives the statuses and the first error codes.
    #[track_caller]
    fn run(front: &mut Front, all_or_none: bool, requests: &[Value]) -> (Vec<u64>, Vec<String>, Value) {
        let body = json!({ "allOrNone": all_or_none, "compositeRequest": requests });
        let (status, answer) = front.call("POST", "composite", &body);
        assert_eq!(status, 200, "{answer}");
        let answers = answer["compositeResponse"].as_array().expect("answers");
        let statuses = answers.iter().filter_map(|answer| answer["httpStatusCode"].as_u64()).collect();
        let code = |answer: &Value| answer["body"][0]["errorCode"].as_str().unwrap_or_default().to_owned();
        (statuses, answers.iter().map(code).collect(), answer)
    }

    #[test]
    fn references_reach_urls_queries_and_bodies() {
        let mut front = Front::new();
        let (statuses, _, answer) = run(
            &mut front,
            true,
            &[
                post("contact", "Contact", &json!({"LastName": "Example", "Caller_Key__c": "k"})),
                post("call", "Task", &json!({"WhoId": "@{contact.id}", "Subject": "Call of @{contact.id}"})),
                get("found", "query/?q=SELECT+Id,LastName+FROM+Contact+WHERE+Id='@{contact.id}'"),
                json!({"method": "PATCH", "url": format!("{DATA}/sobjects/Contact/@{{found.records[0].Id}}"), "referenceId": "name",
                       "body": {"FirstName": "@{found.records[0].LastName}"}}),
                get("read", "sobjects/Contact/@{contact.id}?fields=Name"),
            ],
        );
        assert_eq!(statuses, [201, 201, 200, 204, 200], "{answer}");
        let answers = &answer["compositeResponse"];
        assert_eq!(answers[4]["body"]["Name"], "Example Example");
        assert_eq!(answers[3]["body"], Value::Null);
        let location = answers[0]["httpHeaders"]["Location"].as_str().unwrap_or_default();
        assert!(location.starts_with("/services/data/v67.0/sobjects/Contact/003"), "{location}");
    }

    #[test]
    fn all_or_none_leaves_nothing_behind() {
        let mut front = Front::new();
        let old = front.create("Contact", &json!({"LastName": "Old", "Caller_Key__c": "old", "Phone": "1"}));
        let before = crate::vendor::Vendor::records(&front.org);
        let (statuses, codes, _) = run(
            &mut front,
            true,
            &[
                post("contact", "Contact", &json!({"LastName": "Example", "Caller_Key__c": "k"})),
                json!({"method": "PATCH", "url": format!("{DATA}/sobjects/Contact/{old}"), "referenceId": "old",
                       "body": {"Phone": "2", "Caller_Key__c": "new"}}),
                post("call", "Task", &json!({"WhoId": old, "Status": "Completed", "ActivityDate": "2026-11-20"})),
                json!({"method": "DELETE", "url": format!("{DATA}/sobjects/Contact/{old}"), "referenceId": "gone"}),
                post("deal", "Opportunity", &json!({"Name": "Deal"})),
                post("last", "Contact", &json!({"LastName": "Never"})),
            ],
        );
        assert_eq!(statuses, [400; 6]);
        let halted = "PROCESSING_HALTED";
        assert_eq!(codes, [halted, halted, halted, halted, "REQUIRED_FIELD_MISSING", halted]);
        assert_eq!(crate::vendor::Vendor::records(&front.org), before);
        // The indexes went back too.
        for (condition, count) in
            [("Phone = '1'", 1), ("Phone = '2'", 0), ("Caller_Key__c = 'old'", 1), ("Caller_Key__c IN ('new', 'k')", 0)]
        {
            let (_, answer) = front.query(&format!("SELECT Id FROM Contact WHERE {condition}"));
            assert_eq!(answer["totalSize"], count, "{condition}");
        }
    }

    #[test]
    fn without_it_only_dependents_are_halted() {
        let mut front = Front::new();
        let (statuses, codes, answer) = run(
            &mut front,
            false,
            &[
                post("bad", "Contact", &json!({"FirstName": "x"})),
                post("call", "Task", &json!({"WhoId": "@{bad.id}"})),
                post("good", "Contact", &json!({"LastName": "Example"})),
                get("none", "query?q=SELECT+Id+FROM+Lead"),
                get("after", "query?q=SELECT+Id+FROM+Task+WHERE+WhoId='@{none.records[0].Id}'"),
            ],
        );
        assert_eq!(statuses, [400, 400, 201, 200, 400]);
        assert_eq!(codes, ["REQUIRED_FIELD_MISSING", "PROCESSING_HALTED", "", "", "PROCESSING_HALTED"]);
        let message = &answer["compositeResponse"][1]["body"][0]["message"];
        assert_eq!(message, "Invalid reference specified. No value for id found in bad");
    }

    #[test]
    fn limits_are_kept() {
        let mut front = Front::new();
        let many = |count: usize, url: &str| -> Vec<Value> { (0..count).map(|at| get(&format!("r{at}"), url)).collect() };
        for (requests, status) in [
            (many(26, "limits"), 400),
            (many(25, "limits"), 200),
            (many(6, "query?q=SELECT+Id+FROM+Lead"), 400),
            (vec![get("a", "limits"), get("a", "limits")], 400),
            (vec![get("a.b", "limits")], 400),
        ] {
            assert_eq!(front.call("POST", "composite", &json!({ "compositeRequest": requests })).0, status);
        }
    }

    #[test]
    fn each_graph_is_a_transaction() {
        let mut front = Front::new();
        let graph = |id: &str, last: &Value| {
            let contact = post("contact", "Contact", &json!({"LastName": id}));
            json!({ "graphId": id, "compositeRequest": [contact, post("call", "Task", last)] })
        };
        let graphs = [graph("good", &json!({"WhoId": "@{contact.id}"})), graph("bad", &json!({"WhoId": "nonsense"}))];
        let (_, answer) = front.call("POST", "composite/graph", &json!({ "graphs": graphs }));
        assert_eq!((&answer["graphs"][0]["isSuccessful"], &answer["graphs"][1]["isSuccessful"]), (&json!(true), &json!(false)));
        let (_, found) = front.query("SELECT LastName FROM Contact");
        assert_eq!((&found["totalSize"], &found["records"][0]["LastName"]), (&json!(1), &json!("good")));
        let query = json!({"graphId": "q", "compositeRequest": [get("a", "query?q=SELECT+Id+FROM+Lead")]});
        let (_, answer) = front.call("POST", "composite/graph", &json!({ "graphs": [query] }));
        assert_eq!(answer["graphs"][0]["isSuccessful"], false);
    }

    #[test]
    fn a_batch_goes_on_unless_told() {
        let mut front = Front::new();
        let requests = json!([
            {"method": "POST", "url": "v67.0/sobjects/Contact", "richInput": {}},
            {"method": "GET", "url": "v67.0/limits"},
        ]);
        let (_, answer) = front.call("POST", "composite/batch", &json!({ "batchRequests": requests }));
        assert_eq!((&answer["hasErrors"], &answer["results"][1]["statusCode"]), (&json!(true), &json!(200)));
        let (_, answer) = front.call("POST", "composite/batch", &json!({ "batchRequests": requests, "haltOnError": true }));
        assert_eq!(answer["results"][1]["statusCode"], 412);
    }
}
