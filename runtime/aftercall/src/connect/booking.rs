//! Appointments: what stands in the calendar, the second look, and giving a time back.
//!
//! A calendar takes two entries for one time without a word. So whoever books looks, writes, and looks again; who then
//! sees somebody else withdraws. Not for deciding that: see `work`.

use std::sync::Arc;

use aftercall_config::decl::{BookingDecl, ErrorClass};
use aftercall_config::functions::timestamp;
use aftercall_config::project::{Booking, Connection};
use aftercall_plan::context::Busy;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::classify::Effect;
use super::exchange::{Asking, exchange};
use super::failure::Failure;
use super::pointer;
use super::read::{Reader, known, object, rows};
use super::request::{render, scope};
use super::write::Writer;

/// What the second look shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// Nobody else is there.
    Clear,
    /// Somebody is.
    Taken {
        /// Who: the first that the system names.
        by: Busy,
    },
}

impl Reader {
    /// What takes time between `start` and `end`, as the system orders it. Entries that are declared to take none are left out.
    ///
    /// Errors: also an object without a booking. An entry whose times cannot be read counts for the whole time asked
    /// about: unknown is not free.
    pub async fn look(&self, connection: &Arc<Connection>, name: &str, start: Timestamp, end: Timestamp) -> Result<Vec<Busy>, Failure> {
        let (decl, booking) = booking(connection, name)?;
        let known = known(connection, name)?;
        let place = object([("start", json!(start.to_string())), ("end", json!(end.to_string()))]);
        let reply = self.ask(connection, "look", &booking.look, Some(known), &place).await?;
        let zone = connection.settings.get("timezone").and_then(Value::as_str);
        let zone = zone.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
        let mut found = Vec::new();
        for row in rows(&reply.body, &decl.rows)? {
            if decl.free.iter().any(|(at, value)| pointer::first_text(row, at).as_ref() == Some(value)) {
                continue;
            }
            let time = |at: &[String]| at.iter().find_map(|p| moment(pointer::one(row, p)?, &zone));
            let busy = Busy {
                id: pointer::first_text(row, &decl.id).unwrap_or_default(),
                start: time(&decl.row_start).unwrap_or(start),
                end: time(&decl.row_end).unwrap_or(end),
                title: decl.row_title.as_ref().and_then(|at| pointer::first_text(row, at)),
            };
            if busy.start < end && busy.end > start {
                found.push(busy);
            }
        }
        Ok(found)
    }

    /// The second look, after our own entry `id` stands: is anybody else there?
    pub async fn book_check(
        &self,
        connection: &Arc<Connection>,
        name: &str,
        id: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Check, Failure> {
        let found = self.look(connection, name, start, end).await?;
        Ok(found.into_iter().find(|busy| busy.id != id).map_or(Check::Clear, |by| Check::Taken { by }))
    }
}

impl Writer {
    /// Gives a time back. What is gone already is given back; the answer to a repeated withdrawal is the same.
    pub async fn withdraw(&self, connection: &Arc<Connection>, name: &str, id: &str) -> Result<(), Failure> {
        let (_, booking) = booking(connection, name)?;
        let known = known(connection, name)?;
        if id.is_empty() {
            return Err(Failure::invalid(format!("a `{name}` without an id cannot be withdrawn")));
        }
        let place = object([("id", json!(id))]);
        let bucket = booking.withdraw.bucket.as_deref();
        let asking =
            Asking { connection, what: "withdraw", effect: Effect::Write, bucket, again: false, probe: false, deadline: self.deadline };
        let rendered = |base: &str| render(&booking.withdraw, &scope(connection, base, Some(known), &place));
        match exchange(&self.inner, &asking, &rendered).await {
            Ok(_) => Ok(()),
            Err(refused) if refused.failure.class == ErrorClass::NotFound || refused.failure.status == Some(410) => Ok(()),
            Err(refused) => Err(refused.failure),
        }
    }
}

fn booking<'a>(connection: &'a Connection, name: &str) -> Result<(&'a BookingDecl, &'a Booking), Failure> {
    let object = known(connection, name)?;
    match (&object.decl.booking, &object.booking) {
        (Some(decl), Some(booking)) => Ok((decl, booking)),
        _ => Err(Failure::invalid(format!("`{name}` takes no time in a calendar"))),
    }
}

/// A time with its offset, or the first moment of a day in the calendar's zone.
fn moment(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(text) = value.as_str()
        && text.len() == 10
        && let Ok(date) = text.parse::<Date>()
    {
        return date.to_zoned(zone.clone()).ok().map(|day| day.timestamp());
    }
    timestamp(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, zone: &str, expected: &str) {
        let zone = TimeZone::get(zone).expect("a zone");
        assert_eq!(moment(&value, &zone).map(|t| t.to_string()).unwrap_or_default(), expected);
    }

    #[test]
    fn moments() {
        check(json!("2026-11-24"), "UTC", "2026-11-24T00:00:00Z");
        check(json!("2026-11-24"), "America/Chicago", "2026-11-24T06:00:00Z");
        check(json!("2026-11-24T09:00:00-08:00"), "America/Chicago", "2026-11-24T17:00:00Z");
        check(json!("soon"), "UTC", "");
        check(json!(null), "UTC", "");
    }
}
