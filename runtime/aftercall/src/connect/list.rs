//! A voice platform's own list of calls: one page, and one call whole.
//!
//! Not for what to do with them: that is `intake`'s backfill.

use aftercall_config::functions::{present, timestamp};
use aftercall_config::project::Listing;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::pointer;
use super::read::{Reader, rows};

/// One page of a list of calls.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// The calls, in the platform's order.
    pub rows: Vec<ListRow>,
    /// What asks for the next page; absent after the last.
    pub next: Option<String>,
}

/// A call as the list shows it. `Debug` shows its id and its times.
#[derive(Clone)]
pub struct ListRow {
    /// The platform's id of it; empty where the row has none.
    pub id: String,
    /// When it began, where that can be read.
    pub started: Option<Timestamp>,
    /// When it ended, where the list says so.
    pub ended: Option<Timestamp>,
    /// Whether it is over.
    pub finished: bool,
    /// The row itself.
    pub row: Value,
}

impl std::fmt::Debug for ListRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, started, ended, finished, row: _ } = self;
        f.debug_struct("ListRow").field("id", id).field("started", started).field("ended", ended).field("finished", finished).finish()
    }
}

/// The time that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListTime {
    /// Calls that began then or later.
    pub since: Timestamp,
    /// Calls that began then or earlier.
    pub until: Timestamp,
}

impl ListTime {
    fn place(self) -> Map<String, Value> {
        let place = json!({
            "since": self.since.to_string(), "since_s": self.since.as_second(),
            "until": self.until.to_string(), "until_s": self.until.as_second(),
        });
        match place {
            Value::Object(place) => place,
            _ => Map::new(),
        }
    }
}

impl Reader {
    /// One page of the platform's calls. `after` is what the page before gave.
    ///
    /// Errors: what the platform refuses, and an answer without the declared rows: never mistaken for "no calls".
    pub async fn listed(&self, list: &Listing, time: ListTime, after: Option<&str>) -> Result<ListPage, Failure> {
        let mut place = time.place();
        place.insert("after".to_owned(), json!(after));
        let body = self.ask(&list.account, "list of calls", &list.page, None, &place).await?.body;
        let decl = &list.decl;
        let at = |row: &Value, place: &str| pointer::one(row, place).and_then(timestamp);
        let found: Vec<ListRow> = rows(&body, &decl.rows)?
            .iter()
            .map(|row| ListRow {
                id: pointer::first_text(row, &decl.id).unwrap_or_default(),
                started: at(row, &decl.started),
                ended: decl.ended.as_ref().and_then(|place| at(row, place)),
                finished: list.finished.holds(&json!({"row": row})),
                row: row.clone(),
            })
            .collect();
        let next = match (&decl.next, &decl.next_in_row) {
            (Some(place), _) => pointer::first_text(&body, place),
            (None, Some(place)) => found.last().and_then(|last| pointer::first_text(&last.row, place)),
            (None, None) => None,
        };
        Ok(ListPage { rows: found, next })
    }

    /// The payload that a webhook would have brought of this call.
    ///
    /// Errors: what the platform refuses; `not_found` where it has forgotten the call meanwhile.
    pub async fn delivered(&self, list: &Listing, time: ListTime, row: &ListRow) -> Result<Value, Failure> {
        let call = match &list.call {
            None => row.row.clone(),
            Some(request) => {
                let mut place = time.place();
                place.insert("id".to_owned(), json!(row.id));
                place.insert("row".to_owned(), row.row.clone());
                self.ask(&list.account, "call", request, None, &place).await?.body
            }
        };
        let scope = aftercall_config::template::Scope::new(json!({"row": row.row, "call": call}));
        list.payload.eval(&scope).filter(present).ok_or_else(|| Failure::invalid("the answer is no call"))
    }
}
