//! What is remembered between calls: what we wrote, whom we created, whose turn it is, who is who.
//!
//! Two of them: the journal's for a real run, and one for a dry run that looks and keeps nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_plan::context::{KnownContact, Written};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::gather::{Memory, Trouble, WrittenMap};
use crate::journal::{Journal, Json, Lookup};

/// How long a colleague's id stays good. People join and leave in days, not in minutes.
const USER_AGE: SignedDuration = SignedDuration::from_hours(12);
/// How long "nobody by that address" stays good: somebody is about to mend it.
const NOBODY_AGE: SignedDuration = SignedDuration::from_mins(5);

type Users = Mutex<BTreeMap<(String, String), (Option<String>, Timestamp)>>;

/// Remembers in the journal, with the colleagues at hand.
pub struct JournalMemory {
    journal: Arc<dyn Journal>,
    users: Users,
}

impl JournalMemory {
    /// Over a journal.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, users: Mutex::default() }
    }
}

fn fresh(found: &(Option<String>, Timestamp), now: Timestamp) -> bool {
    let age = now.duration_since(found.1);
    age < if found.0.is_some() { USER_AGE } else { NOBODY_AGE }
}

async fn written(journal: &dyn Journal, connection: &str, object: &str, ids: Vec<String>) -> Result<WrittenMap, Trouble> {
    let mut map = WrittenMap::new();
    for row in journal.written(connection.to_owned(), object.to_owned(), ids).await? {
        let value = row.value.read().unwrap_or(Value::Null);
        let started_at = row.call_started_at.unwrap_or(row.written_at);
        let entry = Written { value, call: row.call, started_at };
        map.entry(format!("{connection}/{object}/{}", row.record_id)).or_default().insert(row.field, entry);
    }
    Ok(map)
}

async fn recent(journal: &dyn Journal, connection: &str, object: &str, since: Timestamp) -> Result<Vec<KnownContact>, Trouble> {
    let rows = journal.recent_created(connection.to_owned(), object.to_owned(), since).await?;
    let known = rows.into_iter().map(|row| KnownContact {
        id: row.record_id,
        call: String::new(),
        fields: row.identity.read().unwrap_or_default(),
    });
    Ok(known.collect())
}

/// A key as the journal keeps it: 64 bits of its hash, so that no address stands in the index.
pub(super) fn hashed(key: &str) -> i64 {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().take(8).fold(0, |all, byte| (all << 8) | i64::from(*byte))
}

/// More than this share a key with the caller: namesakes, whom nobody reads one by one.
const MAX_PEOPLE: usize = 50;

async fn people(journal: &dyn Journal, connection: &str, keys: BTreeSet<String>) -> Result<Vec<String>, Trouble> {
    Ok(journal.people_find(connection.to_owned(), keys.iter().map(|key| hashed(key)).collect(), MAX_PEOPLE).await?)
}

impl Memory for JournalMemory {
    fn people<'a>(&'a self, connection: &'a str, keys: BTreeSet<String>) -> BoxFuture<'a, Result<Vec<String>, Trouble>> {
        Box::pin(people(self.journal.as_ref(), connection, keys))
    }

    fn keep_people<'a>(
        &'a self,
        connection: &'a str,
        people: Vec<(String, Option<BTreeSet<String>>)>,
    ) -> BoxFuture<'a, Result<(), Trouble>> {
        let people = people.into_iter().map(|(id, keys)| (id, keys.map(|keys| keys.iter().map(|key| hashed(key)).collect()))).collect();
        Box::pin(async move { Ok(self.journal.people_put(connection.to_owned(), people).await?) })
    }

    fn written<'a>(&'a self, connection: &'a str, object: &'a str, ids: Vec<String>) -> BoxFuture<'a, Result<WrittenMap, Trouble>> {
        Box::pin(written(self.journal.as_ref(), connection, object, ids))
    }

    fn recent<'a>(&'a self, connection: &'a str, object: &'a str, since: Timestamp) -> BoxFuture<'a, Result<Vec<KnownContact>, Trouble>> {
        Box::pin(recent(self.journal.as_ref(), connection, object, since))
    }

    fn turn<'a>(&'a self, route: &'a str, call: &'a str) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            let turn = self.journal.take_turn(route.to_owned(), call.to_owned()).await?;
            Ok(u64::try_from(turn).unwrap_or_default())
        })
    }

    fn user<'a>(&'a self, connection: &'a str, email: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Option<Option<String>>, Trouble>> {
        Box::pin(async move {
            let key = (connection.to_owned(), email.to_owned());
            let at_hand = self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            if let Some(found) = at_hand.filter(|found| fresh(found, now)) {
                return Ok(Some(found.0));
            }
            let kept = self.journal.lookup_get(connection.to_owned(), "user".to_owned(), email.to_owned()).await?;
            let Some(found) = kept.map(|l| (l.value.read().ok().flatten(), l.fetched_at)).filter(|found| fresh(found, now)) else {
                return Ok(None);
            };
            self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
            Ok(Some(found.0))
        })
    }

    fn keep_user<'a>(
        &'a self,
        connection: &'a str,
        email: &'a str,
        id: Option<String>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(async move {
            let key = (connection.to_owned(), email.to_owned());
            self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (id.clone(), now));
            let value = Json::from(id.map_or(Value::Null, Value::from));
            let lookup =
                Lookup { connection: connection.to_owned(), kind: "user".to_owned(), key: email.to_owned(), value, fetched_at: now };
            Ok(self.journal.lookup_put(lookup).await?)
        })
    }
}

/// A dry run's memory: looks into the journal where there is one, and keeps what it learns to itself.
#[derive(Default)]
pub struct DryMemory {
    journal: Option<Arc<dyn Journal>>,
    users: Users,
    turns: Mutex<BTreeMap<String, BTreeMap<String, u64>>>,
}

impl DryMemory {
    /// Over a journal, if the project has one.
    pub fn new(journal: Option<Arc<dyn Journal>>) -> Self {
        Self { journal, ..Self::default() }
    }
}

impl Memory for DryMemory {
    fn people<'a>(&'a self, connection: &'a str, keys: BTreeSet<String>) -> BoxFuture<'a, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            match &self.journal {
                Some(journal) => people(journal.as_ref(), connection, keys).await,
                None => Ok(Vec::new()),
            }
        })
    }

    fn keep_people<'a>(&'a self, _: &'a str, _: Vec<(String, Option<BTreeSet<String>>)>) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn written<'a>(&'a self, connection: &'a str, object: &'a str, ids: Vec<String>) -> BoxFuture<'a, Result<WrittenMap, Trouble>> {
        Box::pin(async move {
            match &self.journal {
                Some(journal) => written(journal.as_ref(), connection, object, ids).await,
                None => Ok(WrittenMap::new()),
            }
        })
    }

    fn recent<'a>(&'a self, connection: &'a str, object: &'a str, since: Timestamp) -> BoxFuture<'a, Result<Vec<KnownContact>, Trouble>> {
        Box::pin(async move {
            match &self.journal {
                Some(journal) => recent(journal.as_ref(), connection, object, since).await,
                None => Ok(Vec::new()),
            }
        })
    }

    /// The turn that the call has taken or would get: the next one, and the ones after it for the calls behind it in the same dry run.
    fn turn<'a>(&'a self, route: &'a str, call: &'a str) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            let next = match &self.journal {
                Some(journal) => {
                    let (turn, is_taken) = journal.peek_turn(route.to_owned(), call.to_owned()).await?;
                    let turn = u64::try_from(turn).unwrap_or_default();
                    if is_taken {
                        return Ok(turn);
                    }
                    turn
                }
                None => 0,
            };
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = turns.entry(route.to_owned()).or_default();
            let count = taken.len() as u64;
            Ok(*taken.entry(call.to_owned()).or_insert(next + count))
        })
    }

    fn user<'a>(&'a self, connection: &'a str, email: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Option<Option<String>>, Trouble>> {
        let key = (connection.to_owned(), email.to_owned());
        let found = self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        Box::pin(std::future::ready(Ok(found.filter(|f| fresh(f, now)).map(|f| f.0))))
    }

    fn keep_user<'a>(
        &'a self,
        connection: &'a str,
        email: &'a str,
        id: Option<String>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Trouble>> {
        let key = (connection.to_owned(), email.to_owned());
        self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (id, now));
        Box::pin(std::future::ready(Ok(())))
    }
}
