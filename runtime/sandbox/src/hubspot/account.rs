//! The account around the records: owners, pipelines, account details.
//!
//! Source: HubSpot's guides on owners, pipelines and account information; the ids of the default
//! pipelines are those of a new account. Not for properties, which are `property` and `metadata`.

use serde_json::{Value, json};

use super::{kind::Kind, problem::Problem, store::Store};
use crate::{
    vendor::{Request, Response},
    wire,
};

/// The account's id.
pub(super) const HUB_ID: u64 = 1_234_567;

/// A user that records can be assigned to.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) id: String,
    email: String,
    first: String,
    last: String,
    user_id: u64,
}

impl Owner {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id, "email": self.email, "type": "PERSON", "firstName": self.first, "lastName": self.last,
            "userId": self.user_id, "userIdIncludingInactive": self.user_id,
            "createdAt": super::EPOCH, "updatedAt": super::EPOCH, "archived": false,
        })
    }
}

/// The owners of a fresh account. An owner's id is never its user id.
pub(super) fn owners() -> Vec<Owner> {
    [
        ("7001", "ana@acme.example", "Ana", "Front Desk"),
        ("7002", "ben@acme.example", "Ben", "Sales"),
        ("7003", "office.manager@acme.example", "Olivia", "Manager"),
    ]
    .into_iter()
    .zip(90_001..)
    .map(|((id, email, first, last), user_id)| Owner {
        id: id.to_owned(),
        email: email.to_owned(),
        first: first.to_owned(),
        last: last.to_owned(),
        user_id,
    })
    .collect()
}

/// An owner from `load`: `{"id": "7004", "email": "..."}`.
pub(super) fn parse_owner(value: &Value) -> Result<Owner, String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = text("id").ok_or("owners: `id` is missing")?;
    let user_id = id.parse::<u64>().map_err(|_| format!("owners: `id` {id} is not a number"))? + 83_000;
    Ok(Owner {
        email: text("email").ok_or("owners: `email` is missing")?,
        first: text("firstName").unwrap_or_default(),
        last: text("lastName").unwrap_or_default(),
        id,
        user_id,
    })
}

/// A stage of a pipeline.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) id: &'static str,
    pub(super) label: &'static str,
    pub(super) closed: bool,
    /// Of deals; empty for tickets.
    pub(super) probability: &'static str,
}

/// A pipeline of deals or tickets.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) id: &'static str,
    pub(super) label: &'static str,
    pub(super) stages: &'static [Stage],
}

const fn step(id: &'static str, label: &'static str, closed: bool, probability: &'static str) -> Stage {
    Stage { id, label, closed, probability }
}

pub(super) const DEAL_PIPELINES: &[Pipeline] = &[Pipeline {
    id: "default",
    label: "Sales Pipeline",
    stages: &[
        step("appointmentscheduled", "Appointment Scheduled", false, "0.2"),
        step("qualifiedtobuy", "Qualified To Buy", false, "0.4"),
        step("presentationscheduled", "Presentation Scheduled", false, "0.6"),
        step("decisionmakerboughtin", "Decision Maker Bought-In", false, "0.8"),
        step("contractsent", "Contract Sent", false, "0.9"),
        step("closedwon", "Closed Won", true, "1.0"),
        step("closedlost", "Closed Lost", true, "0.0"),
    ],
}];

pub(super) const TICKET_PIPELINES: &[Pipeline] = &[Pipeline {
    id: "0",
    label: "Support Pipeline",
    stages: &[
        step("1", "New", false, ""),
        step("2", "Waiting on contact", false, ""),
        step("3", "Waiting on us", false, ""),
        step("4", "Closed", true, ""),
    ],
}];

/// The pipelines of a kind; none for kinds without stages.
pub(super) fn pipelines(kind: Kind) -> &'static [Pipeline] {
    match kind {
        Kind::Deal => DEAL_PIPELINES,
        Kind::Ticket => TICKET_PIPELINES,
        _ => &[],
    }
}

/// Whether the pipeline has a stage of that id.
pub(super) fn stage_in(pipeline: &Pipeline, id: &str) -> bool {
    pipeline.stages.iter().any(|stage| stage.id == id)
}

/// The stage of that id in any of the pipelines.
pub(super) fn stage(pipelines: &'static [Pipeline], id: &str) -> Option<&'static Stage> {
    pipelines.iter().flat_map(|pipeline| pipeline.stages).find(|stage| stage.id == id)
}

fn stage_json(order: usize, stage: &Stage) -> Value {
    let metadata = if stage.probability.is_empty() {
        json!({"ticketState": if stage.closed { "CLOSED" } else { "OPEN" }, "isClosed": stage.closed.to_string()})
    } else {
        json!({"isClosed": stage.closed.to_string(), "probability": stage.probability})
    };
    json!({
        "label": stage.label, "displayOrder": order, "metadata": metadata, "id": stage.id,
        "createdAt": super::EPOCH, "updatedAt": super::EPOCH, "archived": false, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    })
}

fn pipeline_json(order: usize, pipeline: &Pipeline) -> Value {
    let stages: Vec<Value> = pipeline.stages.iter().enumerate().map(|(order, stage)| stage_json(order, stage)).collect();
    json!({
        "label": pipeline.label, "displayOrder": order, "id": pipeline.id, "stages": stages,
        "createdAt": super::EPOCH, "updatedAt": super::EPOCH, "archived": false,
    })
}

/// `GET /crm/v3/pipelines/{type}`, one pipeline, or its stages.
pub(super) fn get_pipelines(rest: &[String]) -> Result<Response, Problem> {
    let name = rest.first().map_or("", String::as_str);
    let kind = Kind::named(name).ok_or_else(|| super::unknown_type(name))?;
    let all = pipelines(kind);
    let one = |id: &str| {
        let found = all.iter().enumerate().find(|(_, pipeline)| pipeline.id == id);
        found.ok_or_else(|| Problem::new(404, Some("OBJECT_NOT_FOUND"), format!("Pipeline {id} does not exist")))
    };
    match &rest[1..] {
        [] => {
            let results: Vec<Value> = all.iter().enumerate().map(|(order, pipeline)| pipeline_json(order, pipeline)).collect();
            Ok(wire::json(200, &json!({"results": results})))
        }
        [id] => one(id).map(|(order, pipeline)| wire::json(200, &pipeline_json(order, pipeline))),
        [id, stages] if stages == "stages" => {
            one(id).map(|(order, pipeline)| wire::json(200, &json!({"results": pipeline_json(order, pipeline)["stages"]})))
        }
        _ => Err(Problem::not_found()),
    }
}

/// `GET /crm/v3/owners`, all, by email, or one by id.
pub(super) fn get_owners(store: &Store, request: &Request, rest: &[String]) -> Result<Response, Problem> {
    if let Some(id) = rest.first() {
        let by_user = wire::query(request, "idProperty").is_some_and(|name| name == "userId");
        let found = store.owners.iter().find(|owner| if by_user { owner.user_id.to_string() == *id } else { owner.id == *id });
        return found.map(|owner| wire::json(200, &owner.json())).ok_or_else(Problem::not_found);
    }
    let limit: usize = match wire::query(request, "limit").unwrap_or("100").parse() {
        Ok(limit) if (1..=500).contains(&limit) => limit,
        _ => return Err(Problem::validation("limit must be between 1 and 500")),
    };
    let after: usize = wire::query(request, "after").and_then(|after| after.parse().ok()).unwrap_or(0);
    let email = wire::query(request, "email").filter(|email| !email.is_empty());
    let archived = wire::query(request, "archived") == Some("true");
    let all: Vec<&Owner> =
        store.owners.iter().filter(|owner| !archived && email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email))).collect();
    let page: Vec<Value> = all.iter().skip(after).take(limit).map(|owner| owner.json()).collect();
    let mut body = json!({"results": page});
    if after + limit < all.len() {
        body["paging"] = json!({"next": {"after": (after + limit).to_string()}});
    }
    Ok(wire::json(200, &body))
}

/// `GET /account-info/v3/details`.
pub(super) fn details() -> Response {
    wire::json(
        200,
        &json!({
            "portalId": HUB_ID, "accountType": "DEVELOPER_TEST", "timeZone": "US/Central", "companyCurrency": "USD",
            "additionalCurrencies": [], "utcOffset": "-06:00", "utcOffsetMilliseconds": -21_600_000,
            "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
        }),
    )
}
