//! Tests of SOQL, as a client sends it.

use serde_json::{Value, json};

use crate::salesforce::tests::Front;

fn org() -> Front {
    let mut front = Front::new();
    let records = json!({
        "Account": [{"Id": "001000000000001AAA", "Name": "Acme", "Phone": "312-555-0100"}],
        "Contact": [
            {"Id": "003000000000001AAA", "FirstName": "Ann", "LastName": "O'Brien", "Phone": "(312) 555-0142", "Email": "ann@example.com",
             "AccountId": "001000000000001AAA", "DoNotCall": true, "Caller_Key__c": "k1", "Birthdate": "1990-05-01"},
            {"Id": "003000000000002AAA", "FirstName": "Bob", "LastName": "Brown_1", "MobilePhone": "+13125550143", "Caller_Key__c": "k2"},
            {"Id": "003000000000003AAA", "LastName": "Zed", "Email": "zed@example.com"},
        ],
        "Task": [
            {"Id": "00T000000000001AAA", "WhoId": "003000000000001AAA", "Subject": "First", "Status": "Completed", "CallDurationInSeconds": 60,
             "CreatedDate": "2026-11-20T10:00:00Z"},
            {"Id": "00T000000000002AAA", "WhoId": "003000000000001AAA", "Subject": "Second", "ActivityDate": "2026-12-01",
             "CreatedDate": "2026-11-21T10:00:00Z"},
        ],
        "Opportunity": [{"Id": "006000000000001AAA", "Name": "Deal", "StageName": "Qualification", "CloseDate": "2026-12-24", "Amount": 1200.5}],
        "OpportunityContactRole": [{"OpportunityId": "006000000000001AAA", "ContactId": "003000000000001AAA"}],
    });
    crate::vendor::Vendor::load(&mut front.org, &records).expect("loads");
    front
}

/// Checks which records a condition on Contact finds, by the last digit of their ids.
#[track_caller]
fn finds(condition: &str, expected: &str) {
    let (status, answer) = org().query(&format!("SELECT Id FROM Contact WHERE {condition}"));
    assert_eq!(status, 200, "{answer}");
    let records = answer["records"].as_array().expect("records");
    let ids: String = records.iter().filter_map(|record| record["Id"].as_str()?.chars().nth(14)).collect();
    assert_eq!(ids, expected, "{condition}");
}

/// Checks the error of a query: code, the last line of its message, and where it points.
#[track_caller]
fn fails(query: &str, code: &str, words: &str, column: &str) {
    let (status, answer) = org().query(query);
    let message = answer[0]["message"].as_str().unwrap_or_default();
    assert_eq!((status, answer[0]["errorCode"].as_str()), (400, Some(code)), "{answer}");
    assert!(message.contains(words) && message.contains(column), "{message}");
}

#[test]
fn conditions() {
    finds("Phone = '(312) 555-0142'", "1");
    finds("Phone IN ('x', '(312) 555-0142') OR MobilePhone IN ('+13125550143') OR Email = 'ZED@example.com'", "123");
    finds("LastName = 'O\\'Brien' AND DoNotCall = true", "1");
    finds("lastname = 'o\\'brien'", "1");
    finds("Id = '003000000000002' OR AccountId = '001000000000001AAA'", "12");
    finds("Email = null", "2");
    finds("Email != null AND (NOT LastName = 'Zed')", "1");
    finds("Email != 'ann@example.com'", "23");
    finds("Caller_Key__c NOT IN ('k1')", "23");
    finds("LastName LIKE 'b%'", "2");
    finds("LastName LIKE '%\\_1'", "2");
    finds("LastName LIKE 'Z_d'", "3");
    finds("Account.Name = 'acme'", "1");
    finds("Birthdate < 1990-05-02 AND Birthdate >= 1990-05-01", "1");
    finds("(Phone = 'x' OR LastName = 'Zed') AND Email LIKE '%@example.com'", "3");
    finds("Id IN (SELECT WhoId FROM Task WHERE CallDurationInSeconds > 59)", "1");
    finds("LastName > 'a' ORDER BY LastName DESC", "312");
    finds("LastName != '' ORDER BY Email NULLS LAST LIMIT 2 OFFSET 1", "32");
    finds("LastName != '' ORDER BY Email", "213");
    finds("CreatedDate = TODAY", "");
    finds("CreatedDate >= LAST_N_DAYS:100000 LIMIT 1", "1");
}

#[test]
fn parents_and_children() {
    let (_, answer) = org().query(
        "SELECT Name, Account.Name, Account.Owner.Email, (SELECT Subject, Who.Name, Who.Type FROM Tasks ORDER BY CreatedDate DESC LIMIT 5), \
         (SELECT Id FROM Cases), (SELECT Opportunity.Name, Opportunity.Amount FROM OpportunityContactRoles) \
         FROM Contact c WHERE c.Caller_Key__c = 'k1'",
    );
    let record = &answer["records"][0];
    assert_eq!(record["attributes"], json!({"type": "Contact", "url": "/services/data/v67.0/sobjects/Contact/003000000000001AAA"}));
    assert_eq!(record["Account"]["Name"], "Acme");
    assert_eq!(record["Account"]["Owner"]["Email"], "ana@acme.example");
    assert_eq!(record["Tasks"]["records"][0]["Subject"], "Second");
    assert_eq!(record["Tasks"]["records"][1]["Who"]["Name"], "Ann O'Brien");
    assert_eq!(record["Tasks"]["records"][1]["Who"]["Type"], "Contact");
    assert_eq!(record["Tasks"]["totalSize"], 2);
    assert_eq!(record["Cases"], Value::Null);
    assert_eq!(record["OpportunityContactRoles"]["records"][0]["Opportunity"]["Amount"], 1200.5);
}

#[test]
fn counts_and_pages() {
    let mut front = org();
    assert_eq!(front.query("SELECT COUNT() FROM Contact").1, json!({"totalSize": 3, "done": true, "records": []}));
    let many: Vec<_> = (0..2_500).map(|at| json!({"LastName": format!("n{at}"), "Company": "c"})).collect();
    crate::vendor::Vendor::load(&mut front.org, &json!({"Lead": many})).expect("loads");
    let (_, first) = front.query("SELECT Id FROM Lead");
    assert_eq!((&first["totalSize"], &first["done"]), (&json!(2_500), &json!(false)));
    let next = first["nextRecordsUrl"].as_str().expect("a next page");
    let path = next.strip_prefix("/services/data/v67.0/").expect("below the root").to_owned();
    let (_, second) = front.call("GET", &path, &Value::Null);
    assert_eq!((second["records"].as_array().map(Vec::len), &second["done"]), (Some(500), &json!(true)));
    assert_eq!(front.call("GET", "query/01gnope-1", &Value::Null).1[0]["errorCode"], "INVALID_QUERY_LOCATOR");
}

#[test]
fn errors_point_into_the_query() {
    fails("SELECT Id,Nope__c FROM Contact", "INVALID_FIELD", "No such column 'Nope__c' on entity 'Contact'.", "Row:1:Column:11");
    fails("SELECT Id FROM Contct", "INVALID_TYPE", "sObject type 'Contct' is not supported.", "Row:1:Column:16");
    fails("SELECT Id FRM Contact", "MALFORMED_QUERY", "unexpected token: 'FRM'", "Row:1:Column:11");
    fails("SELECT Id FROM Contact WHERE LastName = 'x", "MALFORMED_QUERY", "expecting '''", "Row:1");
    fails(
        "SELECT Id FROM Contact WHERE LastName = 'x' AND Phone = 'y' OR Email = 'z'",
        "MALFORMED_QUERY",
        "unexpected token: 'OR'",
        "Column:61",
    );
    fails(
        "SELECT Id FROM Contact WHERE LastName = 5",
        "INVALID_FIELD",
        "must be of type string and should be enclosed in quotes",
        "Column:41",
    );
    fails("SELECT Id FROM Contact WHERE DoNotCall = 'true'", "INVALID_FIELD", "must be of type boolean and should not be", "Column:42");
    fails("SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime", "Column:44");
    fails("SELECT Id FROM Contact WHERE AccountId = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x", "Column:42");
    fails(
        "SELECT Id FROM Contact WHERE Description = 'x'",
        "INVALID_FIELD",
        "field 'Description' can not be filtered in a query call",
        "Column:30",
    );
    fails("SELECT Id, (SELECT Id FROM Nopes) FROM Contact", "INVALID_TYPE", "Didn't understand relationship 'Nopes'", "Column:28");
    fails("SELECT Nope.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Nope' in field path", "Column:8");
}
