//! [`Upkeep`] of the embedded store: which transaction goes to which thread.

use futures_util::FutureExt as _;
use jiff::Timestamp;

use super::{
    super::{
        api::Answer,
        model::{
            AlertChange, AlertRow, CapturedCall, Day, Lately, Look, NoticeRow, NoticeTried, Purged, Purging, Reconciled, Suspects, Vitals,
        },
        upkeep::Upkeep,
    },
    SqliteJournal, read, write,
};

impl Upkeep for SqliteJournal {
    fn pulse(&self, now: Timestamp) -> Answer<'_, ()> {
        self.write("commit", move |tx| write::pulse(tx, now))
    }

    fn vitals(&self) -> Answer<'_, Vitals> {
        self.read("count what is open", read::vitals)
    }

    fn lately(&self, since: Timestamp) -> Answer<'_, Lately> {
        self.read("count what went wrong", move |conn| read::lately(conn, since))
    }

    fn alerts(&self) -> Answer<'_, Vec<AlertRow>> {
        self.read("list alerts", read::alerts)
    }

    fn alert_put(&self, change: AlertChange) -> Answer<'_, ()> {
        self.write("record an alert", move |tx| write::alert_put(tx, &change))
    }

    fn notices(&self, open: bool, limit: usize) -> Answer<'_, Vec<NoticeRow>> {
        self.read("list messages", move |conn| read::notices(conn, open, limit))
    }

    fn notice_tried(&self, tried: NoticeTried) -> Answer<'_, ()> {
        self.write("record a message", move |tx| write::notice_tried(tx, &tried))
    }

    fn look_put(&self, look: Look) -> Answer<'_, ()> {
        self.write("record a look at a list", move |tx| write::look_put(tx, &look))
    }

    fn reconciled(&self, days: Vec<Day>, most: usize) -> Answer<'_, Reconciled> {
        self.read("hold calls against lists", move |conn| read::reconciled(conn, &days, most))
    }

    fn suspects(&self, since: Timestamp, until: Timestamp, most: usize) -> Answer<'_, Suspects> {
        self.read("look for duplicates", move |conn| read::suspects(conn, since, until, most))
    }

    fn captured(&self, since: Timestamp, until: Timestamp, most: usize) -> Answer<'_, Vec<CapturedCall>> {
        self.read("read what was captured", move |conn| read::captured(conn, since, until, most))
    }

    fn purge(&self, purging: Purging) -> Answer<'_, Purged> {
        async move {
            // Which configs nothing names takes a look at every call: not where everybody waits.
            let unused = match purging.configs.filter(|_| purging.from == Default::default()) {
                Some(before) => self.read("look for unused configs", move |conn| read::unused_configs(conn, before)).await?,
                None => Vec::new(),
            };
            self.write("let go of what is old", move |tx| write::purge(tx, &purging, &unused)).await
        }
        .boxed()
    }
}
