//! The trail as it is asked for: what people did, and who or what wrote which field of which record, over what, under which config version.
//!
//! Nothing of it is kept twice: fields come out of the receipts that `record` commits, and what people did has a line of its own. Not for
//! what it looks like: that is `view::trail`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::journal::{DeedFilter, DeedRow, Error, Journal, Landed, LandedFilter, LandedRow};

/// States of a receipt's field that say that we wrote it. What was `changed` by the system afterwards was written all the same.
const WRITTEN: [&str; 3] = ["landed", "changed", "missing"];

/// What is asked for. Everything left out: all of it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Fields of this record.
    pub record: Option<String>,
    /// Fields of this name.
    pub field: Option<String>,
    /// About this call, by its whole id.
    pub call: Option<String>,
    /// What this person or token did.
    pub who: Option<String>,
    /// Fields that were written under this config version.
    pub version: Option<String>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Whether a line tells of a field or of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A field was written.
    Field,
    /// Somebody did something.
    Deed,
}

/// A line of the trail.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What it tells of.
    pub kind: Kind,
    /// Who or what: a person, a token, a pipeline.
    pub who: String,
    /// By which way: `web`, `api`, `cli`; `pipeline` where no person did it. Of a field, the person is whoever put it back.
    pub way: String,
    /// What: `create`, `update`, `merge`, `revert` of a field's record; what a person did.
    pub what: String,
    /// The call.
    pub call: Option<String>,
    /// The write.
    pub write: Option<String>,
    /// The connection.
    pub connection: Option<String>,
    /// The object.
    pub object: Option<String>,
    /// The record; of a deed, what it was about.
    pub record: Option<String>,
    /// Where a person finds the record.
    pub url: Option<String>,
    /// The field.
    pub field: Option<String>,
    /// What stood there before.
    pub before: Option<Value>,
    /// What was written.
    pub after: Option<Value>,
    /// What the system made of it, where that is something else.
    pub found: Option<Value>,
    /// The policy that let it be written.
    pub policy: Option<String>,
    /// The line that asked, as `FILE:LINE`.
    pub origin: Option<String>,
    /// The config version.
    pub version: Option<String>,
    /// Why, in a person's words.
    pub reason: Option<String>,
}

/// Where a page ends. Goes through an address as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    deed: Option<i64>,
    landed: Option<Landed>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(deed) = self.deed {
            write!(f, "d{deed}")?;
        }
        match self.landed {
            Some(Landed { key, row }) => write!(f, "w{key}.{row}"),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for Cursor {
    /// It is not one of ours.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (deed, landed) = text.split_once('w').map_or((text, None), |(deed, landed)| (deed, Some(landed)));
        let number = |text: &str| text.parse::<i64>().map_err(drop);
        let deed = match deed {
            "" => None,
            deed => Some(number(deed.strip_prefix('d').ok_or(())?)?),
        };
        let landed = match landed {
            None => None,
            Some(landed) => {
                let (key, row) = landed.split_once('.').ok_or(())?;
                Some(Landed { key: number(key)?, row: number(row)? })
            }
        };
        Ok(Self { deed, landed })
    }
}

/// A page of the trail, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its lines. A write's fields stay together, so there may be some more than asked for, or none although there are more pages.
    pub lines: Vec<Line>,
    /// Where the next one begins; absent where there is none.
    pub next: Option<Cursor>,
}

/// One page: so many writes and deeds at most are read.
///
/// Errors: those of the journal.
pub async fn page(journal: &dyn Journal, asked: &Asked, after: Cursor, limit: usize) -> Result<Page, Error> {
    let about_fields = asked.record.is_some() || asked.field.is_some() || asked.version.is_some();
    let deeds = if about_fields {
        Vec::new()
    } else {
        let Asked { who, call, since, until, .. } = asked.clone();
        journal.deeds(DeedFilter { who, call, since, until, after: after.deed, limit }).await?
    };
    let landed = if asked.who.is_some() {
        Vec::new()
    } else {
        let Asked { record: record_id, call, version, since, until, .. } = asked.clone();
        journal.landed(LandedFilter { record_id, call, version, since, until, after: after.landed, limit }).await?
    };
    let more = deeds.len() == limit || landed.len() == limit || deeds.len() + landed.len() > limit;
    let (mut deeds, mut landed) = (deeds.into_iter().peekable(), landed.into_iter().peekable());
    let (mut lines, mut next) = (Vec::new(), after);
    for _ in 0..limit {
        let deed_first = match (deeds.peek(), landed.peek()) {
            (Some(deed), Some(row)) => deed.at >= row.at,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        if let Some(deed) = deeds.next_if(|_| deed_first) {
            next.deed = Some(deed.id);
            lines.push(of_deed(deed));
        } else if let Some(row) = landed.next() {
            next.landed = Some(row.place);
            lines.extend(of_row(&row).into_iter().filter(|line| asked.field.is_none() || line.field == asked.field));
        }
    }
    Ok(Page { lines, next: more.then_some(next) })
}

fn of_deed(deed: DeedRow) -> Line {
    let DeedRow { id: _, at, who, way, what, call, write, target, reason } = deed;
    Line {
        at,
        kind: Kind::Deed,
        who,
        way: way.word().to_owned(),
        what,
        call,
        write,
        connection: None,
        object: None,
        record: target,
        url: None,
        field: None,
        before: None,
        after: None,
        found: None,
        policy: None,
        origin: None,
        version: None,
        reason: reason.filter(|reason| !reason.is_empty()),
    }
}

/// The fields that a write has written, by its receipt.
pub fn of_row(row: &LandedRow) -> Vec<Line> {
    let receipt: Vec<Value> = row.receipt.as_ref().and_then(|receipt| receipt.read().ok()).unwrap_or_default();
    let written = receipt.into_iter().filter(|field| field["state"].as_str().is_some_and(|state| WRITTEN.contains(&state)));
    let text = |field: &Value, key: &str| field[key].as_str().map(str::to_owned);
    // What goes back does so because a person said it.
    let asked: Value = row.request.as_ref().and_then(|request| request.read().ok()).unwrap_or_default();
    let there = |field: &Value, key: &str| field.get(key).filter(|value| !value.is_null()).cloned();
    written
        .map(|field| Line {
            at: row.at,
            kind: Kind::Field,
            who: text(&asked, "who").unwrap_or_else(|| row.pipeline.clone()),
            way: text(&asked, "way").unwrap_or_else(|| "pipeline".to_owned()),
            what: row.op.clone(),
            call: Some(row.call.clone()),
            write: Some(row.write.clone()),
            connection: Some(row.connection.clone()),
            object: Some(row.object.clone()),
            record: Some(row.record_id.clone()),
            url: row.record_url.clone(),
            before: there(&field, "before"),
            after: there(&field, "value"),
            found: field.get("found").cloned(),
            policy: text(&field, "policy"),
            origin: text(&field, "origin"),
            field: text(&field, "field"),
            version: Some(row.config_version.clone()),
            reason: text(&asked, "reason").filter(|reason| !reason.is_empty()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_an_address() {
        let landed = Some(Landed { key: 1_790_000_000_000_000, row: 7 });
        for cursor in
            [Cursor::default(), Cursor { deed: Some(3), landed: None }, Cursor { deed: None, landed }, Cursor { deed: Some(3), landed }]
        {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["x", "d", "w1", "dw1.2", "d1w2.", "1w2.3"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(()), "{wrong}");
        }
    }
}
