//! What people answered: appended, and of a new record completed once it is there.

use jiff::Timestamp;
use rusqlite::params;

use super::super::{
    super::model::{CallSeq, NewAnswer},
    fault::Fault,
    queue::Tx,
    row::Us,
};

/// Who says it, why and when: of the intervention around it.
pub(super) struct Said<'a> {
    pub(super) actor: &'a str,
    pub(super) reason: &'a str,
    pub(super) at: Timestamp,
}

/// One more answer of the call.
pub(super) fn append(tx: &mut Tx<'_>, call: CallSeq, said: &Said<'_>, answer: &NewAnswer) -> Result<(), Fault> {
    tx.conn
        .prepare_cached(
            "INSERT INTO answers (call, number, kind, contact, other, identity, actor, reason, at)
             SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM answers WHERE call = ?1",
        )?
        .execute(params![call, answer.kind.word(), answer.contact, answer.other, answer.identity, said.actor, said.reason, Us(said.at)])?;
    Ok(())
}

/// The record that the call's last answer has led to, where it did not name one.
pub(super) fn led_to(tx: &mut Tx<'_>, call: CallSeq, contact: &str) -> Result<(), Fault> {
    tx.conn
        .prepare_cached(
            "UPDATE answers SET contact = ?2
             WHERE call = ?1 AND contact IS NULL AND number = (SELECT max(number) FROM answers WHERE call = ?1)",
        )?
        .execute(params![call, contact])?;
    Ok(())
}
