//! What people did: appended.

use rusqlite::params;

use super::super::{super::model::Deed, fault::Fault, queue::Tx, row::Us};

/// See [`Journal::deed_put`](super::super::super::api::Journal::deed_put).
pub(crate) fn deed_put(tx: &mut Tx<'_>, deed: &Deed) -> Result<(), Fault> {
    let Deed { at, who, way, what, call, write, target, reason } = deed;
    tx.conn
        .prepare_cached("INSERT INTO deeds (at, who, way, what, call, write, target, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![Us(*at), who, way, what, call, write, target, reason])?;
    Ok(())
}
