//! The OpenAPI document of what programs may ask: its shapes come from the Rust types.

use aftercall_config::difference::DiffDocument;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::api::Wish;
use super::filter::{DECISIONS, MOST};
use super::reconciliation::Wanted;
use super::{connections, versions};
use crate::journal::{CallStatus, CallSummary, LogCounts, Story, TokenRow, UserRow};
use crate::reconcile::{MOST_NEWEST, NEWEST, Report};
use crate::trail::Line;

/// A page of the call log.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape; the answer itself is made by the view")]
struct Log {
    /// The version of this shape.
    version: u32,
    /// How many calls there are of the time, source, pipeline and decision that were asked for, whatever else was.
    counts: LogCounts,
    /// The calls, newest first.
    calls: Vec<CallSummary>,
    /// What to send as `after` for the next page; null where there is nothing more.
    next: Option<i64>,
    /// Whether the page ended because so many calls were looked at: it may be empty, and there may be more all the same.
    cut: bool,
}

/// One call's whole story.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape; the answer itself is made by the view")]
struct OneCall {
    /// The version of this shape.
    version: u32,
    /// The story.
    story: Story,
}

/// A page of the trail.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape; the answer itself is made by the view")]
struct Trail {
    /// The version of this shape.
    version: u32,
    /// Its lines, newest first. The fields of one write stay together, so there may be some more than asked for.
    trail: Vec<Line>,
    /// What to send as `after` for the next page; null where there is nothing more.
    next: Option<String>,
}

/// Who may come in.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape; the answer itself is made by the handler")]
struct People {
    /// The version of this shape.
    version: u32,
    /// The users, by name.
    users: Vec<UserRow>,
    /// The tokens of programs, by name, without what they are.
    tokens: Vec<TokenRow>,
}

/// What has been put on record.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape; the answer itself is made by the handler")]
struct Done {
    /// The version of this shape.
    version: u32,
    /// The call.
    call: String,
    /// Where it stands now.
    status: CallStatus,
}

/// A look that has begun. What comes of it is in the report.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape; the answer itself is made by the handler")]
struct Begun {
    /// The version of this shape.
    version: u32,
    /// The source.
    source: String,
    /// The first day.
    from: String,
    /// The last day, included.
    to: String,
}

/// Why there is no answer.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape; the answer itself is made by `Refusal`")]
struct Refused {
    /// A sentence for people.
    error: String,
    /// A word for programs: `bad_request`, `not_found`, `conflict`, `role_too_low`, `no_users`, `sign_in`, `token`,
    /// `no_role`, `kept_out`, `no_rule`, `cross_site`, `no_proof`, `journal`.
    code: String,
}

/// The document.
pub(crate) fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    let paths = paths(&mut generator);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "aftercall", "version": "1",
            "description": "The call log: what came in, what was written, field by field, and what a person can do about it. Calls are taken in at POST /v1/calls/{source}.",
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

/// The document as it stands in `schema/api/openapi.json`.
pub fn text() -> String {
    format!("{:#}\n", document())
}

fn content(schema: Value, description: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn paths(generator: &mut SchemaGenerator) -> Value {
    let refused = generator.subschema_for::<Refused>().to_value();
    let answers = |schema: Value| {
        let refused = |description: &str| content(refused.clone(), description);
        json!({
            "200": content(schema, "What was asked for."), "400": refused("It cannot be understood; the sentence says what may be written."),
            "401": refused("No token, or none that counts."), "403": refused("Whoever asks may not."), "404": refused("There is no such call."), "409": refused("The call is not where it would have to be."),
            "503": refused("The journal cannot answer just now."),
        })
    };
    let (log, one, done) = (
        answers(generator.subschema_for::<Log>().to_value()),
        answers(generator.subschema_for::<OneCall>().to_value()),
        answers(generator.subschema_for::<Done>().to_value()),
    );
    let trail = answers(generator.subschema_for::<Trail>().to_value());
    let connections = answers(generator.subschema_for::<connections::Listing>().to_value());
    let config = answers(generator.subschema_for::<versions::Listing>().to_value());
    let config_diff = answers(generator.subschema_for::<versions::Difference>().to_value());
    let effect = answers(generator.subschema_for::<DiffDocument>().to_value());
    let people = answers(generator.subschema_for::<People>().to_value());
    let wish = json!({ "required": true, "content": { "application/json": { "schema": generator.subschema_for::<Wish>().to_value() } } });
    let report = answers(generator.subschema_for::<Report>().to_value());
    let begun = answers(generator.subschema_for::<Begun>().to_value());
    let wanted =
        json!({ "required": true, "content": { "application/json": { "schema": generator.subschema_for::<Wanted>().to_value() } } });
    let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" }, "description": "The call's id, or the beginning of it." }]);
    json!({
        "/v1/log/calls": { "get": { "operationId": "calls", "summary": "The call log", "parameters": parameters(), "responses": log } },
        "/v1/connections": { "get": { "operationId": "connections", "summary": "How each system stands, and how its answers went over time", "responses": connections } },
        "/v1/config": { "get": { "operationId": "config", "summary": "The config version at work, and those before", "responses": config } },
        "/v1/config/diff": { "get": { "operationId": "config_diff", "summary": "What differs between two config versions, file by file", "parameters": two(), "responses": config_diff } },
        "/v1/config/effect": { "get": { "operationId": "config_effect", "summary": "What a config version would have done to a day's newest 500 calls that another did not", "parameters": of_effect(), "responses": effect } },
        "/v1/people": { "get": { "operationId": "people", "summary": "Who signs in, and which programs have tokens", "responses": people } },
        "/v1/audit": { "get": { "operationId": "audit", "summary": "Who or what wrote which field of which record, and what people did", "parameters": of_trail(), "responses": trail } },
        "/v1/reconciliation": { "get": { "operationId": "reconciliation", "summary": "Day by day what platforms had, what came in and where it stands; what may be duplicates; what became of what was captured", "parameters": of_reconciliation(), "responses": report } },
        "/v1/reconciliation/look": { "post": { "operationId": "look", "summary": "Begin to hold a platform's list against the journal", "requestBody": wanted, "responses": begun } },
        "/v1/reconciliation/fetch": { "post": { "operationId": "fetch", "summary": "Begin to take in what a platform's list has and never came", "requestBody": wanted, "responses": begun } },
        "/v1/log/calls/{id}": { "get": { "operationId": "call", "summary": "One call's whole story", "parameters": id, "responses": one } },
        "/v1/log/calls/{id}/retry": { "post": { "operationId": "retry", "summary": "Work it again", "parameters": id, "requestBody": wish, "responses": done } },
        "/v1/log/calls/{id}/resolve": { "post": { "operationId": "resolve", "summary": "Say that it needs no more work, and why", "parameters": id, "requestBody": wish, "responses": done } },
    })
}

fn two() -> Value {
    json!([
        { "name": "from", "in": "query", "required": true, "schema": { "type": "string" }, "description": "A config version." },
        { "name": "to", "in": "query", "schema": { "type": "string" }, "description": "Another; left out: the one at work." },
    ])
}

fn of_effect() -> Value {
    let mut parameters = two();
    if let Some(all) = parameters.as_array_mut() {
        all.push(json!({ "name": "day", "in": "query", "schema": { "type": "string" }, "description": "The day whose calls are meant, such as 2026-11-27; left out: yesterday." }));
    }
    parameters
}

fn of_reconciliation() -> Value {
    let of =
        |name: &str, description: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" }, "description": description });
    json!([
        of("from", "The first day of the project's zone: 2026-11-27, `today` or `yesterday`; left out: seven days in all."),
        of("to", "The last day, included; left out: today. At most 31 days at once."),
        of("day", "One day; in place of `from` and `to`."),
        { "name": "newest", "in": "query", "schema": { "type": "integer", "minimum": 0, "maximum": MOST_NEWEST, "default": NEWEST }, "description": "Of how many of the newest calls it is told what became of what they captured." },
    ])
}

fn of_trail() -> Value {
    let of =
        |name: &str, description: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" }, "description": description });
    json!([
        of("record", "Fields of this record, by its id."),
        of("field", "Fields of this name."),
        of("call", "About this call, by its whole id."),
        of("who", "What this person or token did; not together with `record`, `field` or `version`."),
        of("version", "Fields that were written under this config version."),
        of("since", "On or after this day of the project's zone, at or after this moment, or so long ago: `2h`."),
        of("until", "Before this day, moment or while ago."),
        of("after", "The `next` of the page before."),
        { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1, "maximum": 500, "default": 50 }, "description": "At most so many writes and deeds." },
    ])
}

fn parameters() -> Value {
    let status: Vec<&str> = CallStatus::ALL.iter().map(|status| status.word()).collect();
    let of =
        |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "query", "schema": schema, "description": description });
    let text = || json!({ "type": "string" });
    json!([
        of("day", text(), "A day in the project's zone, such as 2026-11-27, or `today`, `yesterday`, `all`; in place of `from` and `to`."),
        of("from", text(), "Received on or after this day, or at or after this moment."),
        of("to", text(), "Received on or before this day, or before this moment."),
        of("q", text(), "A name, a number in any spelling, an e-mail address, a call's id or a record's id."),
        of("status", json!({ "type": "array", "items": { "enum": status } }), "Any of these; given once for each."),
        of("source", text(), "Delivered by this source."),
        of("pipeline", text(), "Planned by this pipeline."),
        of("connection", text(), "With a write to this connection."),
        of("decision", json!({ "enum": DECISIONS }), "With this match decision."),
        of("after", json!({ "type": "integer" }), "The `next` of the page before."),
        of("limit", json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": 50 }), "At most so many calls."),
    ])
}
