//! Where a person is named: in calls of their lanes, and wherever else their number or address stands.
//!
//! Reads every text once, outside of any transaction that writes, so it holds up nobody. Not for taking anything out.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::super::{
    super::model::{CallSeq, Erasing, LaneId},
    fault::Fault,
};

/// What names a person.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Calls, in order of arrival.
    pub(crate) calls: BTreeSet<CallSeq>,
    /// Payloads of no call.
    pub(crate) payloads: Vec<i64>,
    /// Look-ups by connection, kind and key.
    pub(crate) lookups: Vec<(String, String, String)>,
    /// Reports of reloads, which may hold values of calls that a version was tried with.
    pub(crate) reloads: Vec<i64>,
    /// What we wrote last, by connection, object, record and field.
    pub(crate) fields: Vec<(String, String, String, String)>,
}

impl Named {
    /// How much there is beside calls.
    pub(crate) fn beside(&self) -> u64 {
        (self.payloads.len() + self.lookups.len() + self.reloads.len() + self.fields.len()) as u64
    }
}

/// Looks everywhere.
pub(crate) fn naming(conn: &Connection, whom: &Erasing) -> Result<Named, Fault> {
    let mut named = Named::default();
    for key in &whom.keys {
        let lane: Option<LaneId> =
            conn.prepare_cached("SELECT lane FROM identities WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
        let mut calls = conn.prepare_cached("SELECT seq FROM calls WHERE lane = ?1 AND erased_at IS NULL")?;
        for seq in calls.query_map([lane], |row| row.get(0))? {
            named.calls.insert(seq?);
        }
    }
    let names = |text: &[u8]| names(text, whom);
    for sql in [
        "SELECT call, outcome FROM outcomes",
        "SELECT call, context FROM plans",
        "SELECT call, receipt FROM writes WHERE receipt IS NOT NULL",
    ] {
        each(conn, sql, |row| {
            if names(row.get_ref(1)?.as_bytes().unwrap_or_default()) {
                named.calls.insert(row.get(0)?);
            }
            Ok(())
        })?;
    }
    each(conn, "SELECT id, call, body FROM payloads WHERE body IS NOT NULL", |row| {
        if names(row.get_ref(2)?.as_bytes().unwrap_or_default()) {
            match row.get::<_, Option<CallSeq>>(1)? {
                Some(call) => drop(named.calls.insert(call)),
                None => named.payloads.push(row.get(0)?),
            }
        }
        Ok(())
    })?;
    each(conn, "SELECT connection, kind, key, value FROM lookups", |row| {
        if names(row.get_ref(3)?.as_bytes().unwrap_or_default()) || names(row.get_ref(2)?.as_bytes().unwrap_or_default()) {
            named.lookups.push((row.get(0)?, row.get(1)?, row.get(2)?));
        }
        Ok(())
    })?;
    each(conn, "SELECT id, detail FROM reloads WHERE detail IS NOT NULL", |row| {
        if names(row.get_ref(1)?.as_bytes().unwrap_or_default()) {
            named.reloads.push(row.get(0)?);
        }
        Ok(())
    })?;
    each(conn, "SELECT connection, object, record_id, field, value FROM fields_written", |row| {
        if names(row.get_ref(4)?.as_bytes().unwrap_or_default()) {
            named.fields.push((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        }
        Ok(())
    })?;
    Ok(named)
}

fn each(conn: &Connection, sql: &str, mut look: impl FnMut(&rusqlite::Row<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        look(row)?;
    }
    Ok(())
}

/// Whether a text holds the number, however it is written, or the address.
fn names(text: &[u8], whom: &Erasing) -> bool {
    let address = whom.address.as_ref().is_some_and(|address| {
        let address = address.as_bytes();
        text.windows(address.len().max(1)).any(|part| part.eq_ignore_ascii_case(address))
    });
    address || whom.digits.as_ref().is_some_and(|digits| number(text, digits.as_bytes()))
}

/// Whether these digits stand in a text one after the other, with nothing between them but what people write between digits; at most two such
/// characters at a time, so that two numbers in a row are not one.
fn number(text: &[u8], digits: &[u8]) -> bool {
    let Some(first) = digits.first() else { return false };
    let starts = text.iter().enumerate().filter(|(_, byte)| *byte == first).map(|(at, _)| at);
    starts.into_iter().any(|start| {
        let (mut at, mut gap) = (start, 0);
        for digit in digits {
            while let Some(b' ' | b'-' | b'.' | b'(' | b')' | b'/') = text.get(at) {
                (at, gap) = (at + 1, gap + 1);
                if gap > 2 {
                    return false;
                }
            }
            if text.get(at) != Some(digit) {
                return false;
            }
            (at, gap) = (at + 1, 0);
        }
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let whom = Erasing { digits: Some("5125550142".to_owned()), address: Some("nora@example.com".to_owned()), ..Erasing::default() };
        assert_eq!(names(text.as_bytes(), &whom), expected, "{text}");
    }

    #[test]
    fn a_number_in_any_spelling() {
        check("+15125550142", true);
        check("call (512) 555-0142, please", true);
        check("512.555.0142", true);
        check("512 555 0143", false);
        check("512, 5550142", false);
        check("\"Nora@Example.com\"", true);
        check("nora@example.org", false);
    }
}
