//! Who: the owner of a rule, in turn where there are several, looked up where they are named by address.

use aftercall_config::functions::{present, text};
use aftercall_config::project::{Connection, RouteRule};
use aftercall_config::template::Scope;
use serde_json::Value;

use crate::context::Context;
use crate::plan::Need;

/// An owner, or why there is none.
#[derive(Debug, Default)]
pub(super) struct Owner {
    /// The system's own id.
    pub(super) id: Option<Value>,
    /// Who, for people: an address, or what the system knows them by. Also of somebody whom the system does not know.
    pub(super) who: Option<String>,
    /// The same in a sentence, with whose turn it is.
    pub(super) words: Option<String>,
    /// What a person should know.
    pub(super) note: Option<String>,
}

/// Decides the owner. `turn` is the key of the rule's turns in the context.
pub(super) fn decide(rule: &RouteRule, connection: &Connection, scope: &Scope, context: &Context, turn: &str) -> Result<Owner, Need> {
    let (template, taken) = match rule.owners.as_slice() {
        [] => return Ok(Owner::default()),
        [one] => (one, None),
        several => {
            let number = *context.turns.get(turn).ok_or_else(|| Need::Turn(turn.to_owned()))?;
            let count = several.len() as u64;
            let at = usize::try_from(number % count).unwrap_or_default();
            (&several[at], Some(number % count + 1))
        }
    };
    let by_turn = |words: String| match taken {
        Some(turn) => format!("{words}, whose turn it is ({turn} of {}),", rule.owners.len()),
        None => words,
    };
    let Some(value) = template.eval(scope).filter(present) else {
        return Ok(Owner { note: Some("the route's owner has no value for this call, so nobody is named".to_owned()), ..Owner::default() });
    };
    let written = text(&value);
    let Some(email) = written.strip_prefix("user:") else {
        return Ok(Owner { id: Some(value), words: Some(by_turn(written.clone())), who: Some(written), note: None });
    };
    let email = email.trim().to_lowercase();
    if connection.connector.users.is_none() {
        let system = &connection.connector.decl.title;
        let note = Some(format!("{email} cannot be looked up in {system}, so nobody is named"));
        return Ok(Owner { note, who: Some(email), ..Owner::default() });
    }
    match context.users.get(&format!("{}/{email}", connection.id)) {
        None => Err(Need::User { connection: connection.id.clone(), email }),
        Some(None) => Ok(Owner {
            note: Some(format!("`{}` knows nobody by the address {email}, so nobody is named", connection.id)),
            who: Some(email),
            ..Owner::default()
        }),
        Some(Some(id)) => {
            Ok(Owner { id: Some(Value::String(id.clone())), words: Some(by_turn(email.clone())), who: Some(email), note: None })
        }
    }
}
