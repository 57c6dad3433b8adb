//! The stand-in as a client meets it: requests in, answers out.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::HubSpot;
use crate::vendor::{Refusal, Request, Response, Vendor};

/// An account, a clock and a token.
struct Client {
    hub: HubSpot,
    now: Timestamp,
    token: String,
}

impl Client {
    fn new() -> Self {
        let now = "2026-11-22T10:00:00Z".parse().expect("a time");
        Self { hub: HubSpot::new(), now, token: "pat-sandbox".to_owned() }
    }

    fn wait(&mut self, millis: i64) {
        self.now += SignedDuration::from_millis(millis);
    }

    fn raw(&mut self, method: &str, target: &str, kind: &str, body: &str) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: crate::text::form(query),
            headers: vec![("authorization".to_owned(), format!("Bearer {}", self.token)), ("content-type".to_owned(), kind.to_owned())],
            body: body.to_owned().into_bytes().into(),
            origin: "http://127.0.0.1:9002".to_owned(),
        };
        self.hub.handle(&request, self.now)
    }

    /// The answer's body, which must come with this status.
    #[track_caller]
    fn send(&mut self, status: u16, method: &str, target: &str, body: Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.raw(method, target, "application/json", &text);
        let answer = String::from_utf8_lossy(&response.body).into_owned();
        assert_eq!(response.status, status, "{method} {target}: {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    #[track_caller]
    fn make(&mut self, kind: &str, properties: Value) -> String {
        let made = self.send(201, "POST", &format!("/crm/v3/objects/{kind}"), json!({"properties": properties}));
        made["id"].as_str().expect("an id").to_owned()
    }

    /// The ids a search finds.
    #[track_caller]
    fn search(&mut self, kind: &str, body: Value) -> Vec<String> {
        let found = self.send(200, "POST", &format!("/crm/v3/objects/{kind}/search"), body);
        let results = found["results"].as_array().expect("results");
        results.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
    }
}

fn eq(name: &str, value: &str) -> Value {
    json!({"filterGroups": [{"filters": [{"propertyName": name, "operator": "EQ", "value": value}]}]})
}

#[test]
fn a_contact_is_made_read_changed_and_archived() {
    let mut client = Client::new();
    let id = client.make("contacts", json!({"email": "Ann@Example.com", "phone": "+13125550142"}));
    let path = "/crm/v3/objects/contacts/ann%40example.com?idProperty=email&properties=phone,nope,lastname";
    let found = client.send(200, "GET", path, Value::Null);
    assert_eq!(found["id"], id.as_str());
    assert_eq!(found["properties"]["phone"], "+13125550142");
    assert_eq!(found["properties"]["lastname"], Value::Null);
    assert!(found["properties"].get("nope").is_none());
    client.wait(1000);
    let path = format!("/crm/objects/2026-03/0-1/{id}");
    let changed = client.send(200, "PATCH", &path, json!({"properties": {"phone": "", "firstname": "Ann"}}));
    assert_eq!(changed["updatedAt"], "2026-11-22T10:00:01.000Z");
    assert_eq!(changed["properties"]["phone"], Value::Null);
    client.send(204, "DELETE", &path, Value::Null);
    client.send(404, "GET", &path, Value::Null);
    assert_eq!(client.send(200, "GET", &format!("{path}?archived=true"), Value::Null)["archived"], true);
    client.make("contacts", json!({"email": "ann@example.com"}));
}

#[test]
fn bad_values_fail_the_whole_request() {
    let mut client = Client::new();
    let bad = json!({"properties": {"email": "nope", "nope": "1", "createdate": "1"}});
    let answer = client.send(400, "POST", "/crm/v3/objects/contacts", bad);
    assert_eq!(answer["category"], "VALIDATION_ERROR");
    let codes: Vec<&str> = answer["errors"].as_array().expect("errors").iter().filter_map(|e| e["code"].as_str()).collect();
    assert_eq!(codes, ["INVALID_EMAIL", "PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"]);
    let answer = client.send(400, "POST", "/crm/v3/objects/tasks", json!({"properties": {"hs_task_subject": "x"}}));
    assert_eq!(answer["message"], "Error creating TASK. Some required properties were not set.");
    assert_eq!(answer["context"]["properties"], json!(["hs_timestamp"]));
    let answer = client.send(400, "POST", "/crm/v3/objects/butterflies", json!({}));
    assert_eq!(answer["message"], "Unable to infer object type from: butterflies");
    client.send(400, "POST", "/crm/v3/objects/contacts", json!({"properties": {"email": {}}}));
    assert_eq!(client.raw("POST", "/crm/v3/objects/contacts", "text/plain", "{}").status, 415);
}

#[test]
fn addresses_and_keys_are_unique() {
    let mut client = Client::new();
    let id = client.make("contacts", json!({"email": "ann@example.com", "hs_additional_emails": "a@x.example"}));
    for email in ["ANN@example.com", "a@x.example"] {
        let body = json!({"properties": {"email": email}});
        let answer = client.send(409, "POST", "/crm/v3/objects/contacts", body);
        assert_eq!(answer["message"], format!("Contact already exists. Existing ID: {id}"));
        assert_eq!(answer["category"], "CONFLICT");
    }
    let call = json!({"hs_timestamp": "1795363200000", "aftercall_key": "k1"});
    let id = client.make("calls", call.clone());
    let answer = client.send(409, "POST", "/crm/v3/objects/calls", json!({"properties": call}));
    assert!(answer["message"].as_str().expect("text").ends_with(&format!("Existing ID: {id}")));
    client.hub.configure(&json!({"unique_conflict": 400})).expect("a setting");
    let answer = client.send(400, "POST", "/crm/v3/objects/calls", json!({"properties": call}));
    assert_eq!(answer["errors"][0]["code"], "CONFLICTING_UNIQUE_VALUE");
    // A custom unique property, made by an administrator now.
    let property = json!({"name": "badge", "label": "Badge", "type": "string", "fieldType": "text",
        "groupName": "contactinformation", "hasUniqueValue": true});
    client.send(201, "POST", "/crm/v3/properties/contacts", property.clone());
    client.send(409, "POST", "/crm/v3/properties/contacts", property);
    client.make("contacts", json!({"firstname": "Bo", "badge": "7"}));
    client.send(200, "GET", "/crm/v3/objects/contacts/7?idProperty=badge", Value::Null);
    client.send(400, "GET", "/crm/v3/objects/contacts/7?idProperty=firstname", Value::Null);
}

#[test]
fn search_lags_and_reading_does_not() {
    let mut client = Client::new();
    let id = client.make("contacts", json!({"firstname": "Ann", "phone": "(312) 555-0142"}));
    client.send(200, "GET", &format!("/crm/v3/objects/contacts/{id}"), Value::Null);
    let query = eq("hs_searchable_calculated_phone_number", "3125550142");
    assert!(client.search("contacts", query.clone()).is_empty());
    client.wait(2000);
    assert_eq!(client.search("contacts", query.clone()), [id.as_str()]);
    client.send(204, "DELETE", &format!("/crm/v3/objects/contacts/{id}"), Value::Null);
    assert_eq!(client.search("contacts", query.clone()), [id.as_str()], "deleted, but the index does not know");
    client.wait(2000);
    assert!(client.search("contacts", query).is_empty());
}

#[test]
fn operators_follow_the_guide() {
    let mut client = Client::new();
    client.hub.configure(&json!({"index_lag_ms": 0})).expect("a setting");
    let ann = client.make("contacts", json!({"firstname": "Ann", "lastname": "Lee", "email": "ann@one.example"}));
    let bob = client.make("contacts", json!({"firstname": "Bob", "lifecyclestage": "lead"}));
    let mut check = |filter: Value, expected: &[&String]| {
        let found = client.search("contacts", json!({"filterGroups": [{"filters": [filter]}]}));
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    };
    check(json!({"propertyName": "firstname", "operator": "EQ", "value": "ANN"}), &[&ann]);
    check(json!({"propertyName": "firstname", "operator": "IN", "values": ["ann", "bob"]}), &[&ann, &bob]);
    check(json!({"propertyName": "firstname", "operator": "IN", "values": ["Ann"]}), &[]);
    check(json!({"propertyName": "email", "operator": "HAS_PROPERTY"}), &[&ann]);
    check(json!({"propertyName": "email", "operator": "NOT_HAS_PROPERTY"}), &[&bob]);
    check(json!({"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "*one*"}), &[&ann]);
    check(json!({"propertyName": "lifecyclestage", "operator": "EQ", "value": "LEAD"}), &[]);
    check(json!({"propertyName": "createdate", "operator": "GTE", "value": "2026-11-22T10:00:00Z"}), &[&ann, &bob]);
    check(json!({"propertyName": "createdate", "operator": "BETWEEN", "value": "0", "highValue": "5"}), &[]);
    let sorted = json!({"sorts": [{"propertyName": "firstname", "direction": "DESCENDING"}], "limit": 1});
    assert_eq!(client.search("contacts", sorted), [bob.as_str()]);
    assert_eq!(client.search("contacts", json!({"query": "lee ann"})), [ann.as_str()]);
    assert_eq!(client.search("contacts", json!({"limit": 1, "after": "1"})), [bob.as_str()]);
    let group = json!({"filters": []});
    for bad in [
        json!({"filterGroups": vec![group.clone(); 6]}),
        eq("nope", "1"),
        json!({"limit": 201}),
        json!({"query": "x".repeat(3000)}),
        json!({"filterGroups": [{"filters": [{"propertyName": "email", "operator": "LIKE", "value": "x"}]}]}),
    ] {
        client.send(400, "POST", "/crm/v3/objects/contacts/search", bad);
    }
}

#[test]
fn batches_with_traces_fail_one_by_one() {
    let mut client = Client::new();
    let id = client.make("contacts", json!({"email": "ann@example.com"}));
    let inputs = |traced: bool| {
        let one = |trace: &str, email: &str| {
            let mut input = json!({"properties": {"email": email}});
            if traced {
                input["objectWriteTraceId"] = json!(trace);
            }
            input
        };
        json!({"inputs": [one("a", "ann@example.com"), one("b", "bo@x.example"), one("c", "cy@x.example")]})
    };
    let path = "/crm/v3/objects/contacts/batch/create";
    let answer = client.send(409, "POST", path, inputs(false));
    assert_eq!(answer["message"], "Contact already exists");
    assert_eq!(client.hub.records()["contacts"].as_array().map(Vec::len), Some(1));
    let answer = client.send(207, "POST", path, inputs(true));
    assert_eq!(answer["numErrors"], 1);
    assert_eq!(answer["errors"][0]["context"], json!({"objectWriteTraceId": ["a"], "existingId": [id]}));
    assert_eq!(answer["results"][0]["objectWriteTraceId"], "c", "not in the order of the inputs");
    let many = json!({"inputs": vec![json!({"properties": {}}); 101]});
    client.send(400, "POST", path, many);
    let read = json!({"idProperty": "email", "inputs": [{"id": "bo@x.example"}, {"id": "no@x.example"}]});
    let answer = client.send(207, "POST", "/crm/v3/objects/contacts/batch/read", read);
    assert_eq!(answer["errors"][0]["context"]["ids"], json!(["no@x.example"]));
    let twice = json!({"inputs": [{"id": "512"}, {"id": "512"}]});
    let answer = client.send(400, "POST", "/crm/v3/objects/contacts/batch/read", twice);
    assert_eq!(answer["message"], "Duplicate IDs found in batch input: [512]. IDs must be unique");
}

#[test]
fn upserts_say_what_is_new() {
    let mut client = Client::new();
    let upsert = |outcome: &str| {
        let input = |key: &str| {
            json!({"id": key, "idProperty": "aftercall_key", "properties":
            {"hs_timestamp": "2026-11-22T16:00:00Z", "hs_call_title": outcome}})
        };
        json!({"inputs": [input("k1"), input("k2")]})
    };
    let path = "/crm/v3/objects/calls/batch/upsert";
    let first = client.send(200, "POST", path, upsert("Booked"));
    assert_eq!((&first["results"][0]["new"], &first["results"][1]["new"]), (&json!(true), &json!(true)));
    let second = client.send(200, "POST", path, upsert("Cancelled"));
    assert_eq!(second["results"][0]["new"], false);
    assert_eq!(second["results"][0]["id"], first["results"][0]["id"]);
    assert_eq!(client.hub.records()["calls"][0]["properties"]["hs_call_title"], "Cancelled");
}

#[test]
fn associations_hold_both_ways() {
    let mut client = Client::new();
    client.hub.configure(&json!({"index_lag_ms": 0})).expect("a setting");
    let ann = client.make("contacts", json!({"firstname": "Ann"}));
    let deal = client.make("deals", json!({"dealname": "Roof", "dealstage": "contractsent"}));
    let link =
        |id: &str, kind: u32| json!({"to": {"id": id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]});
    let call = |associations: Value| json!({"properties": {"hs_timestamp": "2026-11-22T09:00:00Z"}, "associations": associations});
    client.send(400, "POST", "/crm/v3/objects/calls", call(json!([link(&ann, 202)])));
    client.send(400, "POST", "/crm/v3/objects/calls", call(json!([link("99999", 194)])));
    let made = client.send(201, "POST", "/crm/v3/objects/calls", call(json!([link(&ann, 194), link(&deal, 206)])));
    let path = format!("/crm/v4/objects/contacts/{ann}/associations/calls");
    let listed = client.send(200, "GET", &path, Value::Null);
    assert_eq!(listed["results"][0]["toObjectId"], made["id"]);
    assert_eq!(listed["results"][0]["associationTypes"][0]["typeId"], 193);
    assert_eq!(client.search("calls", eq("associations.contact", &ann)).len(), 1);
    client.send(200, "PUT", &format!("/crm/v4/objects/deals/{deal}/associations/default/contacts/{ann}"), Value::Null);
    let found = client.search(
        "deals",
        json!({"filterGroups": [{"filters": [
        {"propertyName": "associations.contact", "operator": "EQ", "value": ann},
        {"propertyName": "hs_is_closed", "operator": "EQ", "value": "false"}]}]}),
    );
    assert_eq!(found, [deal.as_str()]);
    let path = format!("/crm/v3/objects/contacts/{ann}?associations=deals,tickets&properties=num_associated_deals,notes_last_contacted");
    let contact = client.send(200, "GET", &path, Value::Null);
    assert_eq!(contact["associations"], json!({"deals": {"results": [{"id": deal, "type": "contact_to_deal"}]}}));
    assert_eq!(contact["properties"]["num_associated_deals"], "1");
    assert_eq!(contact["properties"]["notes_last_contacted"], "2026-11-22T09:00:00.000Z");
    let answer = client.send(207, "POST", "/crm/v4/associations/contacts/companies/batch/read", json!({"inputs": [{"id": ann}]}));
    assert_eq!(answer["errors"][0]["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
}

#[test]
fn the_third_version_names_its_types() {
    let mut client = Client::new();
    let ann = client.make("contacts", json!({"firstname": "Ann"}));
    let note = client.make("notes", json!({"hs_timestamp": "0"}));
    let path = format!("/crm/v3/objects/notes/{note}/associations/contacts/{ann}/note_to_contact");
    client.send(200, "PUT", &path, Value::Null);
    let listed = client.send(200, "GET", &format!("/crm/v3/objects/contacts/{ann}/associations/notes"), Value::Null);
    assert_eq!(listed["results"], json!([{"id": note, "type": "contact_to_note"}]));
    let body = json!({"inputs": [{"id": ann}]});
    let read = client.send(200, "POST", "/crm/v3/associations/contacts/notes/batch/read", body);
    assert_eq!(read["results"][0]["to"], listed["results"]);
    let types = client.send(200, "GET", "/crm/v3/associations/notes/contacts/types", Value::Null);
    assert_eq!(types["results"], json!([{"id": "202", "name": "note_to_contact"}]));
}

#[test]
fn the_first_company_is_the_primary_one() {
    let mut client = Client::new();
    let ann = client.make("contacts", json!({"firstname": "Ann"}));
    let one = client.make("companies", json!({"name": "One"}));
    let two = client.make("companies", json!({"name": "Two"}));
    for company in [&one, &two] {
        client.send(200, "PUT", &format!("/crm/v4/objects/contacts/{ann}/associations/default/companies/{company}"), Value::Null);
    }
    let types = |client: &mut Client, place: usize| {
        let list = client.send(200, "GET", &format!("/crm/v4/objects/0-1/{ann}/associations/0-2"), Value::Null);
        let mut ids: Vec<u64> =
            list["results"][place]["associationTypes"].as_array().expect("types").iter().filter_map(|t| t["typeId"].as_u64()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(types(&mut client, 0), [1, 279]);
    assert_eq!(types(&mut client, 1), [279]);
    let spec = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]);
    client.send(201, "PUT", &format!("/crm/v4/objects/contacts/{ann}/associations/companies/{two}"), spec);
    assert_eq!(types(&mut client, 0), [279]);
    assert_eq!(types(&mut client, 1), [1, 279]);
}

#[test]
fn a_merged_id_answers_under_the_survivor() {
    let mut client = Client::new();
    let ann = client.make("contacts", json!({"email": "ann@one.example"}));
    let other = client.make("contacts", json!({"email": "ann@two.example", "phone": "312-555-0142"}));
    let task = client.send(
        201,
        "POST",
        "/crm/v3/objects/tasks",
        json!({"properties": {"hs_timestamp": "0"},
        "associations": [{"to": {"id": other}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}]}]}),
    );
    let body = json!({"primaryObjectId": ann, "objectIdToMerge": other});
    client.send(200, "POST", "/crm/v3/objects/contacts/merge", body);
    let path = format!("/crm/v3/objects/contacts/{other}?properties=phone,hs_additional_emails&associations=tasks");
    let found = client.send(200, "GET", &path, Value::Null);
    assert_eq!(found["id"], ann.as_str());
    assert_eq!(found["properties"]["phone"], "312-555-0142");
    assert_eq!(found["associations"]["tasks"]["results"][0]["id"], task["id"]);
    let path = "/crm/v3/objects/contacts/ann@two.example?idProperty=email";
    assert_eq!(client.send(200, "GET", path, Value::Null)["id"], ann.as_str());
}

#[test]
fn stages_move_forward_and_belong_to_a_pipeline() {
    let mut client = Client::new();
    let id = client.make("contacts", json!({"firstname": "Ann", "lifecyclestage": "customer"}));
    let path = format!("/crm/v3/objects/contacts/{id}");
    let answer = client.send(200, "PATCH", &path, json!({"properties": {"lifecyclestage": "lead"}}));
    assert_eq!(answer["properties"]["lifecyclestage"], "customer");
    client.send(400, "POST", "/crm/v3/objects/deals", json!({"properties": {"dealname": "x", "dealstage": "1"}}));
    let deal = client.make("deals", json!({"dealname": "x", "dealstage": "closedlost"}));
    let path = format!("/crm/v3/objects/deals/{deal}?properties=hs_is_closed,pipeline");
    let found = client.send(200, "GET", &path, Value::Null);
    assert_eq!((&found["properties"]["hs_is_closed"], &found["properties"]["pipeline"]), (&json!("true"), &json!("default")));
    let pipelines = client.send(200, "GET", "/crm/v3/pipelines/tickets", Value::Null);
    assert_eq!(pipelines["results"][0]["stages"][3]["metadata"]["ticketState"], "CLOSED");
}

#[test]
fn tokens_end_and_are_refreshed() {
    let mut client = Client::new();
    let form = "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=";
    let token = |client: &mut Client, version: &str, refresh: &str| {
        let path = format!("/oauth/{version}/token");
        let response = client.raw("POST", &path, "application/x-www-form-urlencoded", &format!("{form}{refresh}"));
        (response.status, serde_json::from_slice::<Value>(&response.body).expect("JSON"))
    };
    let (status, body) = token(&mut client, "v3", "sandbox-refresh");
    assert_eq!((status, &body["expires_in"]), (200, &json!(1800)));
    let (status, bad) = token(&mut client, "v1", "other");
    assert_eq!((status, &bad["status"]), (400, &json!("BAD_REFRESH_TOKEN")));
    client.token = body["access_token"].as_str().expect("a token").to_owned();
    client.send(200, "GET", "/crm/v3/owners", Value::Null);
    client.hub.expire_tokens();
    let answer = client.send(401, "GET", "/crm/v3/owners", Value::Null);
    assert_eq!(answer["category"], "EXPIRED_AUTHENTICATION");
    client.token = "pat-sandbox".to_owned();
    client.send(200, "GET", "/crm/v3/owners", Value::Null);
    client.hub.configure(&json!({"static_token": false})).expect("a setting");
    assert_eq!(client.send(401, "GET", "/crm/v3/owners", Value::Null)["category"], "INVALID_AUTHENTICATION");
    let (_, body) = token(&mut client, "v1", "sandbox-refresh");
    client.token = body["access_token"].as_str().expect("a token").to_owned();
    client.wait(1_800_000);
    client.send(401, "GET", "/crm/v3/owners", Value::Null);
    client.hub.revoke_tokens();
    assert_eq!(token(&mut client, "v3", "sandbox-refresh").0, 400);
}

#[test]
fn limits_hold_when_they_are_asked_for() {
    let mut client = Client::new();
    client.hub.configure(&json!({"enforce_limits": true, "burst_limit": 8})).expect("settings");
    for _ in 0..5 {
        client.search("contacts", json!({}));
    }
    let answer = client.send(429, "POST", "/crm/v3/objects/contacts/search", json!({}));
    assert_eq!(answer["policyName"], "SECONDLY");
    let response = client.raw("GET", "/crm/v3/owners", "", "");
    let remaining = response.headers.iter().find(|(name, _)| name == "X-HubSpot-RateLimit-Remaining");
    assert_eq!(remaining.map(|(_, value)| value.as_str()), Some("1"));
    client.send(200, "GET", "/crm/v3/owners", Value::Null);
    let answer = client.send(429, "GET", "/crm/v3/owners", Value::Null);
    assert_eq!(answer["policyName"], "TEN_SECONDLY_ROLLING");
    client.wait(10_000);
    let found = client.send(200, "GET", "/crm/v3/owners?email=BEN@acme.example&limit=1", Value::Null);
    assert_eq!(found["results"][0]["id"], "7002");
    assert_eq!(client.hub.refuse(Refusal::RateLimited).status, 429);
    assert_eq!(client.hub.refuse(Refusal::Unavailable).content_type, "text/html; charset=utf-8");
}

#[test]
fn records_load_again() {
    let mut client = Client::new();
    let records = json!({
        "contacts": [{"id": "512", "email": "ann@example.com", "phone": "+1 312 555 0142", "createdate": "2020-01-01T00:00:00Z"}],
        "deals": [{"id": "901", "properties": {"dealname": "Roof", "dealstage": "contractsent"}, "associations": {"contacts": ["512"]}}],
    });
    client.hub.load(&records).expect("loads");
    assert_eq!(client.search("deals", eq("associations.contact", "512")), ["901"]);
    assert_eq!(client.search("contacts", eq("createdate", "2020-01-01")), ["512"]);
    let all = client.hub.records();
    client.hub.reset();
    client.hub.load(&all).expect("loads what it answered");
    assert_eq!(client.hub.records(), all);
    assert_eq!(client.make("contacts", json!({"firstname": "Bo"})), "902");
    let bad = client.hub.load(&json!({"contacts": [{"frist": "x"}]})).expect_err("is refused");
    assert!(bad.contains("frist"), "{bad}");
}
