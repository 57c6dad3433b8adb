//! Tests of the Salesforce stand-in through its front door: requests in, answers out.

use serde_json::json;

use super::*;

/// An org with someone logged in.
pub(crate) struct Front {
    pub(crate) org: Salesforce,
    token: String,
    pub(crate) now: Timestamp,
    headers: Vec<(String, String)>,
}

pub(crate) const DATA: &str = "/services/data/v67.0";
const LOGIN: &str = "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=sandbox-refresh";

impl Front {
    pub(crate) fn new() -> Self {
        let now = Timestamp::from_second(1_795_305_600).expect("in range");
        let mut front = Self { org: Salesforce::new(), token: String::new(), now, headers: Vec::new() };
        front.log_in();
        front
    }

    pub(crate) fn log_in(&mut self) -> (u16, Value) {
        let answer = self.send("POST", "/services/oauth2/token", LOGIN.to_owned());
        self.token = answer.1["access_token"].as_str().unwrap_or_default().to_owned();
        answer
    }

    fn send(&mut self, method: &str, path: &str, body: String) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers = self.headers.clone();
        headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: crate::text::form(query),
            headers,
            body: body.into(),
            origin: "http://127.0.0.1:1".to_owned(),
        };
        let response = self.org.handle(&request, self.now);
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// A call below the data root, without query parameters in need of encoding.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("{DATA}/{path}"), body)
    }

    #[track_caller]
    pub(crate) fn create(&mut self, object: &str, body: &Value) -> String {
        let (status, answer) = self.call("POST", &format!("sobjects/{object}"), body);
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().expect("an id").to_owned()
    }

    #[track_caller]
    pub(crate) fn get(&mut self, object: &str, id: &str) -> Value {
        let (status, answer) = self.call("GET", &format!("sobjects/{object}/{id}"), &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn query(&mut self, soql: &str) -> (u16, Value) {
        let encoded = soql.replace('%', "%25").replace('+', "%2B").replace('&', "%26");
        self.call("GET", &format!("query?q={encoded}"), &Value::Null)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Checks that a create is refused with this code and these words.
#[track_caller]
fn refuses(object: &str, body: &Value, code: &str, words: &str) {
    let (status, answer) = Front::new().call("POST", &format!("sobjects/{object}"), body);
    assert_eq!((status, answer[0]["errorCode"].as_str()), (400, Some(code)), "{answer}");
    let message = answer[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains(words), "{message}");
}

#[test]
fn bad_records_are_refused_in_the_vendors_words() {
    let long = "x".repeat(41);
    refuses("Contact", &json!({}), "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]");
    refuses("Opportunity", &json!({"Name": "x", "CloseDate": "2026-12-01"}), "REQUIRED_FIELD_MISSING", "[StageName]");
    refuses("Contact", &json!({"Nope": 1}), "INVALID_FIELD", "No such column 'Nope' on sobject of type Contact");
    refuses("Contact", &json!({"LastName": "x", "Name": "y"}), "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Name.");
    refuses("Contact", &json!({"LastName": "x", "FirstName": long}), "STRING_TOO_LONG", "(max length=40)");
    refuses("Contact", &json!({"LastName": "x", "Email": "nope"}), "INVALID_EMAIL_ADDRESS", "Email: invalid email address: nope");
    refuses(
        "Contact",
        &json!({"LastName": "x", "Preferred_Language__c": "Klingon"}),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Preferred Language: bad value for restricted picklist field: Klingon",
    );
    refuses("Contact", &json!({"LastName": 5}), "JSON_PARSER_ERROR", "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5");
    refuses("Contact", &json!({"LastName": "x", "AccountId": "12"}), "MALFORMED_ID", "id value of incorrect type: 12");
    refuses("Contact", &json!({"LastName": "x", "AccountId": "003000000000001AAA"}), "MALFORMED_ID", "incorrect type");
    refuses(
        "Contact",
        &json!({"LastName": "x", "AccountId": "001000000000001AAA"}),
        "INVALID_CROSS_REFERENCE_KEY",
        "invalid cross reference id",
    );
    refuses("Event", &json!({"Subject": "x", "StartDateTime": "2026-11-24T15:00:00Z"}), "REQUIRED_FIELD_MISSING", "EndDateTime");
    refuses(
        "Event",
        &json!({"StartDateTime": "2026-11-24T15:00:00Z", "EndDateTime": "2026-11-24T14:00:00Z"}),
        "FIELD_INTEGRITY_EXCEPTION",
        "end date",
    );
    assert_eq!(Front::new().call("POST", "sobjects/Nope", &json!({})).0, 404);
}

#[test]
fn what_follows_from_values_is_kept() {
    let mut front = Front::new();
    let account = front.create("Account", &json!({"Name": "Acme"}));
    let contact = front.create("Contact", &json!({"FirstName": "Ann", "LastName": "Example", "AccountId": account, "Phone": "1"}));
    assert_eq!(front.get("Contact", &contact)["Name"], "Ann Example");
    let deal =
        front.create("Opportunity", &json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-01", "ContactId": contact}));
    front.call("PATCH", &format!("sobjects/Opportunity/{deal}"), &json!({"StageName": "Closed Won"}));
    let read = front.get("Opportunity", &deal);
    assert_eq!((&read["IsClosed"], &read["IsWon"], &read["Probability"]), (&json!(true), &json!(true), &json!(100.0)));
    let roles = front.query("SELECT ContactId, IsPrimary FROM OpportunityContactRole").1;
    assert_eq!((&roles["records"][0]["ContactId"], &roles["records"][0]["IsPrimary"]), (&json!(contact), &json!(true)));
    let case = front.create("Case", &json!({"ContactId": contact, "Subject": "Leak", "Status": "Closed"}));
    let read = front.get("Case", &case);
    assert_eq!((&read["CaseNumber"], &read["AccountId"], &read["IsClosed"]), (&json!("00001001"), &json!(account), &json!(true)));
    let task = front
        .create("Task", &json!({"WhoId": contact, "WhatId": case, "Subject": "Call", "Status": "Completed", "ActivityDate": "2026-11-20"}));
    assert_eq!(front.get("Task", &task)["AccountId"], json!(account));
    assert_eq!(front.get("Contact", &contact)["LastActivityDate"], "2026-11-20");
    assert_eq!(front.get("Account", &account)["LastActivityDate"], "2026-11-20");
    let body = json!({"TaskSubtype": "Call"});
    let (status, answer) = front.call("PATCH", &format!("sobjects/Task/{task}"), &body);
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("INVALID_FIELD_FOR_INSERT_UPDATE")));
    let lead = front.create("Lead", &json!({"LastName": "Lee", "Company": "Lee Ltd"}));
    let (_, answer) = front.call("POST", "sobjects/Task", &json!({"WhoId": lead, "WhatId": account}));
    assert_eq!(answer[0]["errorCode"], "FIELD_INTEGRITY_EXCEPTION");
}

#[test]
fn upsert_creates_updates_and_refuses_to_guess() {
    let mut front = Front::new();
    let path = "sobjects/Contact/Caller_Key__c/1312%2F5550142";
    let (status, created) = front.call("PATCH", path, &json!({"LastName": "Example"}));
    assert_eq!((status, &created["created"]), (201, &json!(true)));
    let (status, updated) = front.call("PATCH", path, &json!({"Title": "Owner"}));
    assert_eq!((status, &updated["created"], &updated["id"]), (200, &json!(false), &created["id"]));
    let (_, read) = front.call("GET", path, &Value::Null);
    assert_eq!((&read["Title"], &read["Caller_Key__c"]), (&json!("Owner"), &json!("1312/5550142")));
    let (_, answer) = front.call("PATCH", path, &json!({"Caller_Key__c": "x"}));
    assert_eq!(answer[0]["errorCode"], "INVALID_FIELD");
    assert_eq!(front.call("PATCH", "sobjects/Contact/Caller_Key__c/none?updateOnly=true", &json!({})).0, 404);
    assert_eq!(front.call("PATCH", "sobjects/Contact/Title/x", &json!({})).1[0]["errorCode"], "NOT_FOUND");
    for _ in 0..2 {
        front.create("Contact", &json!({"LastName": "Twin", "Email": "twin@example.com"}));
    }
    let (status, urls) = front.call("PATCH", "sobjects/Contact/Email/twin@example.com", &json!({"Title": "x"}));
    assert_eq!((status, urls.as_array().map(Vec::len)), (300, Some(2)));
    let (_, answer) = front.call("POST", "sobjects/Contact", &json!({"LastName": "Other", "Caller_Key__c": "1312/5550142"}));
    let short = &created["id"].as_str().expect("an id")[..15];
    assert_eq!(answer[0]["message"], json!(format!("duplicate value found: Caller_Key__c duplicates value on record with id: {short}")));
}

#[test]
fn deleted_records_are_gone() {
    let mut front = Front::new();
    let id = front.create("Contact", &json!({"LastName": "Gone", "Caller_Key__c": "k"}));
    let path = format!("sobjects/Contact/{id}");
    assert_eq!(front.call("DELETE", &path, &Value::Null).0, 204);
    assert_eq!(front.call("GET", &path, &Value::Null).1[0]["errorCode"], "NOT_FOUND");
    let (status, answer) = front.call("PATCH", &path, &json!({"Title": "x"}));
    assert_eq!((status, &answer[0]["errorCode"]), (404, &json!("ENTITY_IS_DELETED")));
    assert_eq!(front.query("SELECT Id FROM Contact WHERE Caller_Key__c = 'k'").1["totalSize"], 0);
    let (_, answer) = front.call("POST", "sobjects/Task", &json!({"WhoId": id}));
    assert_eq!(answer[0]["errorCode"], "ENTITY_IS_DELETED");
    front.create("Contact", &json!({"LastName": "New", "Caller_Key__c": "k"}));
}

#[test]
fn duplicates_are_detected_when_the_rule_is_on() {
    let twin = json!({"FirstName": "Anne", "LastName": "Example", "MobilePhone": "+1 312 555 0142"});
    let start = |rule: &str| {
        let mut front = Front::new();
        front.org.configure(&json!({"duplicate_rule": rule})).expect("a setting");
        front.create("Contact", &json!({"FirstName": "Ann", "LastName": "Example", "Phone": "(312) 555-0142"}));
        front
    };
    let (status, answer) = start("alert").call("POST", "sobjects/Contact", &twin);
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("DUPLICATES_DETECTED")));
    let result = &answer[0]["duplicateResult"];
    assert_eq!(result["allowSave"], true);
    assert!(result["matchResults"][0]["matchRecords"][0]["record"]["Id"].as_str().is_some_and(|id| id.starts_with("003")));
    let allow = |front: Front| front.with("sforce-duplicate-rule-header", "allowSave=true; includeRecordDetails=false");
    assert_eq!(allow(start("alert")).call("POST", "sobjects/Contact", &twin).0, 201);
    assert_eq!(allow(start("block")).call("POST", "sobjects/Contact", &twin).0, 400);
    assert_eq!(start("off").call("POST", "sobjects/Contact", &twin).0, 201);
}

#[test]
fn locks_and_preconditions_fail_as_asked() {
    let mut front = Front::new();
    let id = front.create("Contact", &json!({"LastName": "Example"}));
    front.org.configure(&json!({"row_lock_next": 1})).expect("a setting");
    let path = format!("sobjects/Contact/{id}");
    let (status, answer) = front.call("PATCH", &path, &json!({"Title": "x"}));
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("UNABLE_TO_LOCK_ROW")));
    assert_eq!(front.call("PATCH", &path, &json!({"Title": "x"})).0, 204);
    let mut front = front.with("if-unmodified-since", "Mon, 10 Aug 2015 12:00:00 GMT");
    assert_eq!(front.call("PATCH", &path, &json!({"Title": "y"})).0, 412);
}

#[test]
fn tokens_expire_are_refreshed_and_revoked() {
    let mut front = Front::new();
    assert_eq!(front.call("GET", "limits", &Value::Null).0, 200);
    front.org.expire_tokens();
    let (status, answer) = front.call("GET", "limits", &Value::Null);
    assert_eq!((status, &answer), (401, &json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])));
    let (status, answer) = front.log_in();
    assert_eq!((status, &answer["instance_url"], &answer["expires_in"]), (200, &json!("http://127.0.0.1:1"), &Value::Null));
    assert_eq!(front.call("GET", "limits", &Value::Null).0, 200);
    front.org.revoke_tokens();
    let (status, answer) = front.log_in();
    assert_eq!((status, &answer), (400, &json!({"error": "invalid_grant", "error_description": "expired access/refresh token"})));
    front.org.reset();
    assert_eq!(front.log_in().0, 200);
}

#[test]
fn other_grants_and_clients() {
    #[track_caller]
    fn check(form: &str, status: u16, error: &str) {
        let answer = Front::new().send("POST", "/services/oauth2/token", form.to_owned());
        assert_eq!((answer.0, answer.1["error"].as_str().unwrap_or_default()), (status, error), "{form}");
    }
    check("grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret", 200, "");
    check("grant_type=client_credentials&client_id=sandbox-client&client_secret=no", 400, "invalid_client");
    check("grant_type=client_credentials&client_id=no&client_secret=sandbox-secret", 400, "invalid_client_id");
    check("grant_type=password&client_id=sandbox-client&client_secret=sandbox-secret", 400, "unsupported_grant_type");
    // {"iss":"sandbox-client","sub":"ana@acme.example"}
    let claims = "eyJpc3MiOiJzYW5kYm94LWNsaWVudCIsInN1YiI6ImFuYUBhY21lLmV4YW1wbGUifQ";
    check(&format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=e30.{claims}.x"), 200, "");
}

#[test]
fn search_lags_behind_writes_and_reads_phone_numbers_by_digits() {
    let mut front = Front::new();
    front.create("Contact", &json!({"LastName": "Example", "MobilePhone": "+1 (312) 555-0142"}));
    let find = "search?q=FIND {312\\-555\\-0142} IN PHONE FIELDS RETURNING Contact(Id, Name WHERE LastName LIKE 'ex%25')";
    assert_eq!(front.call("GET", find, &Value::Null).1, json!({"searchRecords": []}));
    front.now = front.now.checked_add(jiff::SignedDuration::from_millis(2_000)).expect("in range");
    let (_, answer) = front.call("GET", find, &Value::Null);
    assert_eq!(answer["searchRecords"][0]["Name"], "Example");
    let body = json!({"q": "exam*", "in": "NAME", "sobjects": [{"name": "Contact", "fields": ["Id", "MobilePhone"]}]});
    let (_, answer) = front.call("POST", "parameterizedSearch", &body);
    assert_eq!(answer["searchRecords"][0]["MobilePhone"], "+1 (312) 555-0142");
    let (_, answer) = front.call("POST", "parameterizedSearch", &json!({"q": "nobody"}));
    assert_eq!(answer, json!({"searchRecords": []}));
}

#[test]
fn records_come_out_as_they_went_in() {
    let mut front = Front::new();
    assert_eq!(front.org.records(), json!({}));
    let records = json!({"Account": [{"Id": "001000000000001AAA", "Name": "Acme"}], "Contact": [{"LastName": "Example", "AccountId": "001000000000001"}]});
    front.org.load(&records).expect("loads");
    let out = front.org.records();
    assert_eq!(out["Contact"][0]["AccountId"], "001000000000001AAA");
    let mut other = Front::new();
    other.org.load(&out).expect("loads");
    assert_eq!(other.org.records(), out);
    assert_eq!(front.org.load(&json!({"Contact": [{"Nope": 1}]})), Err("`Contact` has no field `Nope`".to_owned()));
    assert!(front.org.configure(&json!({"nope": 1})).is_err());
}

#[test]
fn an_admin_may_add_and_hide_fields() {
    let mut front = Front::new();
    let field = json!({"name": "Tier__c", "type": "picklist", "values": ["Gold"], "restricted": true});
    let settings = json!({"custom_fields": {"Contact": [field]}, "hidden_fields": {"Task": ["Call_Key__c"]}});
    front.org.configure(&settings).expect("settings");
    let id = front.create("Contact", &json!({"LastName": "Example", "Tier__c": "Gold"}));
    assert_eq!(front.get("Contact", &id)["Tier__c"], "Gold");
    assert_eq!(front.call("PATCH", "sobjects/Task/Call_Key__c/x", &json!({})).0, 404);
    let (_, described) = front.call("GET", "sobjects/Task/describe", &Value::Null);
    let fields = described["fields"].as_array().expect("fields");
    assert!(fields.iter().all(|field| field["name"] != "Call_Key__c"));
}

#[test]
fn parents_may_be_named_by_their_key() {
    let mut front = Front::new();
    let contact = front.create("Contact", &json!({"LastName": "Example", "Caller_Key__c": "k"}));
    let who = |key: &str| json!({"Who": {"attributes": {"type": "Contact"}, "Caller_Key__c": key}, "Subject": "Call"});
    let task = front.create("Task", &who("k"));
    assert_eq!(front.get("Task", &task)["WhoId"], json!(contact));
    let (_, answer) = front.call("POST", "sobjects/Task", &who("none"));
    assert_eq!(answer[0]["errorCode"], "INVALID_FIELD");
}

#[test]
fn an_event_keeps_its_times_together() {
    let mut front = Front::new();
    let times = json!({"StartDateTime": "2026-11-24T15:00:00Z", "EndDateTime": "2026-11-24T15:30:30Z"});
    let event = front.create("Event", &times);
    let path = format!("sobjects/Event/{event}");
    let mut check = |change: Value, end: &str, minutes: i64| {
        assert_eq!(front.call("PATCH", &path, &change).0, 204);
        let read = front.get("Event", &event);
        assert_eq!((&read["EndDateTime"], &read["DurationInMinutes"]), (&json!(end), &json!(minutes)), "{change}");
    };
    check(json!({"Subject": "Cleaning"}), "2026-11-24T15:30:30.000+0000", 30);
    check(json!({"StartDateTime": "2026-11-25T10:00:00-05:00"}), "2026-11-25T15:30:00.000+0000", 30);
    check(json!({"DurationInMinutes": 60}), "2026-11-25T16:00:00.000+0000", 60);
    check(json!({"EndDateTime": "2026-11-25T15:45:00Z"}), "2026-11-25T15:45:00.000+0000", 45);
}

#[test]
fn an_all_day_event_has_a_day() {
    let mut front = Front::new();
    let event = front.create("Event", &json!({"IsAllDayEvent": true, "ActivityDate": "2026-11-24", "Subject": "Closed"}));
    let read = front.get("Event", &event);
    assert_eq!((&read["StartDateTime"], &read["DurationInMinutes"]), (&json!("2026-11-24T00:00:00.000+0000"), &json!(1440)));
}
