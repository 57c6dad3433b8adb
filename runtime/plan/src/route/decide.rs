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
    let who = owner.words.map_or_else(|| "nobody in particular".to_owned(), |words| format!("{words}"));
    let when = due.as_ref().map(|due| format!(" by {}", due.strftime("%a %Y-%m-%d %H:%M"))).unwrap_or_default();
    let why = match &rule.when {
        Some(condition) => format!("rule {} of route `{name}`: {}", index + 1, condition.source()),
        None => format!("rule {} of route `{name}`", index + 1),
    };
    Ok(Some(Routed {
        owner: owner.id,
        due_date: due.as_ref().map(|due| due.date().to_string()),
        due: written,
        priority: rule.priority.clone(),
        origin: rule.origin.clone(),
        because: format!("goes to {who}{when} ({why})"),
        notes,
    }))
}
