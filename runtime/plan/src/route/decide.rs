//! The first rule that holds decides owner, due date and priority.

use aftercall_config::project::{Connection, Origin, Pipeline, Project};
use aftercall_config::template::Scope;
use jiff::Timestamp;
use serde_json::Value;

use super::{due, owner};
use crate::context::Context;
use crate::plan::Need;

/// What a route decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// The owner as the system knows them; absent where the rule names none or the system does not know them.
    pub owner: Option<Value>,
    /// Who that is for people: an address or the system's id, also where the system does not know them.
    pub who: Option<String>,
    /// By when, RFC 3339 with the offset of the project's zone.
    pub due: Option<String>,
    /// The same as a date in the project's zone.
    pub due_date: Option<String>,
    /// Priority as written.
    pub priority: Option<String>,
    /// The line of the rule.
    pub origin: Origin,
    /// Why, in a sentence: the rule, the turn, the time.
    pub because: String,
    /// What a person should know: an owner whom the system does not know.
    pub notes: Vec<String>,
}

/// Decides a route for a write to `connection`.
///
/// Shape: `None` where no rule holds. Several owners are taken in turn by `context.turns`; `user:EMAIL` is looked up in
/// `context.users`. Dates are in the project's zone and hours, counted from `now`.
/// Errors: what must be fetched first; the caller records it in the context and asks again.
pub fn decide(
    project: &Project,
    pipeline: &Pipeline,
    name: &str,
    connection: &Connection,
    scope: &Scope,
    context: &Context,
    now: Timestamp,
) -> Result<Option<Routed>, Need> {
    let rules = pipeline.routes.get(name).map_or(&[][..], Vec::as_slice);
    let holds = |condition: &aftercall_config::condition::Condition| condition.holds(scope.data());
    let Some((index, rule)) = rules.iter().enumerate().find(|(_, rule)| rule.when.as_ref().is_none_or(holds)) else {
        return Ok(None);
    };
    let turn = format!("{}/{name}/{index}", pipeline.name);
    let owner = owner::decide(rule, connection, scope, context, &turn)?;
    let mut notes: Vec<String> = owner.note.into_iter().collect();
    let due = match &rule.due {
        Some(wanted) => match due::due(wanted, scope, &project.hours, &project.timezone, now) {
            Some(due) => Some(due),
            None => {
                notes.push("the route names no time that can be read, so nothing is due".to_owned());
                None
            }
        },
        None => None,
    };
    let written = due.as_ref().map(|due| due.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
    let who = owner.words.unwrap_or_else(|| "nobody in particular".to_owned());
    let when = due.as_ref().map(|due| format!(" by {}", due.strftime("%a %Y-%m-%d %H:%M"))).unwrap_or_default();
    let why = match &rule.when {
        Some(condition) => format!("rule {} of route `{name}`: {}", index + 1, condition.source()),
        None => format!("rule {} of route `{name}`", index + 1),
    };
    Ok(Some(Routed {
        owner: owner.id,
        who: owner.who,
        due_date: due.as_ref().map(|due| due.date().to_string()),
        due: written,
        priority: rule.priority.clone(),
        origin: rule.origin.clone(),
        because: format!("goes to {who}{when} ({why})"),
        notes,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::context::Context;
    use crate::testing::{context, front_desk, now, project, with};

    fn of(project: &Project, data: Value, context: &Context) -> Result<Option<Routed>, Need> {
        let connection = &front_desk(project).connection;
        decide(project, front_desk(project), "front_desk", connection, &Scope::new(data), context, now())
    }

    #[track_caller]
    fn check(data: Value, context: &Context, owner: Option<&str>, due: &str, because: &str) {
        let routed = of(project(), data, context).expect("nothing is missing").expect("a rule holds");
        assert_eq!((routed.owner.as_ref().and_then(Value::as_str), routed.due.as_deref().unwrap_or_default()), (owner, due));
        assert_eq!(routed.because, because);
    }

    #[test]
    fn the_first_rule_that_holds() {
        let read = context(vec![]);
        let because =
            "goes to office.manager@acme.example by Tue 2026-11-24 11:00 (rule 1 of route `front_desk`: outcome == \"complaint\")";
        check(json!({"outcome": "complaint", "contact": {"owner": "u-cy"}}), &read, Some("u-om"), "2026-11-24T11:00:00-06:00", because);
        let because = "goes to u-cy by Wed 2026-11-25 10:00 (rule 2 of route `front_desk`: has(contact.owner))";
        check(json!({"contact": {"owner": "u-cy"}}), &read, Some("u-cy"), "2026-11-25T10:00:00-06:00", because);
    }

    #[test]
    fn by_turns() {
        let turn = |number| Context { turns: [("front-desk/front_desk/2".to_owned(), number)].into_iter().collect(), ..context(vec![]) };
        let ana = "goes to ana@acme.example, whose turn it is (1 of 2), by Tue 2026-11-24 14:00 (rule 3 of route `front_desk`)";
        let ben = "goes to u-ben, whose turn it is (2 of 2), by Tue 2026-11-24 14:00 (rule 3 of route `front_desk`)";
        check(json!({}), &turn(0), Some("u-ana"), "2026-11-24T14:00:00-06:00", ana);
        check(json!({}), &turn(1), Some("u-ben"), "2026-11-24T14:00:00-06:00", ben);
        check(json!({}), &turn(6), Some("u-ana"), "2026-11-24T14:00:00-06:00", ana);
        assert_eq!(of(project(), json!({}), &Context::default()), Err(Need::Turn("front-desk/front_desk/2".to_owned())));
    }

    #[test]
    fn somebody_whom_nobody_knows() {
        let complaint = || json!({"outcome": "complaint"});
        let email = "office.manager@acme.example".to_owned();
        assert_eq!(of(project(), complaint(), &Context::default()), Err(Need::User { connection: "crm".to_owned(), email }));
        let gone = Context { users: [("crm/office.manager@acme.example".to_owned(), None)].into_iter().collect(), ..Context::default() };
        let routed = of(project(), complaint(), &gone).expect("nothing is missing").expect("a rule holds");
        assert_eq!(routed.owner, None);
        assert_eq!(routed.notes, ["`crm` knows nobody by the address office.manager@acme.example, so nobody is named"]);
        assert_eq!((routed.priority.as_deref(), routed.due_date.as_deref()), (Some("high"), Some("2026-11-24")));
        let blind = with(&[(
            "mappings/crm/connector.toml",
            "[users]\nrows = \"/rows\"\nid = \"/id\"\n\n[users.request]\nmethod = \"GET\"\npath = \"/users\"\nquery.email = \"{{email}}\"\n",
            "",
        )]);
        let routed = of(&blind, complaint(), &Context::default()).expect("nothing is missing").expect("a rule holds");
        assert_eq!(routed.notes, ["office.manager@acme.example cannot be looked up in A small CRM, so nobody is named"]);
    }

    #[test]
    fn no_rule_holds() {
        let file = "pipelines/front-desk.toml";
        let last =
            "[[route.front_desk]]\nowner = [\"user:ana@acme.example\", \"u-ben\"]\ndue = \"in 4 business hours\"\npriority = \"normal\"";
        let project = with(&[(file, last, "")]);
        assert_eq!(of(&project, json!({}), &Context::default()), Ok(None));
    }
}
