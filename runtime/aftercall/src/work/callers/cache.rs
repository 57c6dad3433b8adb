//! What was read about callers, kept for a while: bounded, one reading for all who ask at once, and dropped when we write.
//!
//! Not for reading: it hands out a place to publish to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::reading::Reading;

/// Callers that are kept at most. One takes some kilobytes.
const MOST: usize = 1000;
/// For how long it is remembered that we wrote to a contact: beyond the lag that any search has.
const WRITTEN: Duration = Duration::from_secs(900);

/// What makes two questions the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Where it is read.
    pub(super) connection: String,
    /// Config version and pipeline: by which rules.
    pub(super) rules: String,
    /// Numbers and addresses, normalised and sorted.
    pub(super) identities: Vec<String>,
    /// The caller's name in every form, which weighs in the decision.
    pub(super) names: String,
}

struct Entry {
    seen: watch::Receiver<Reading>,
    begun: Instant,
}

impl Entry {
    /// Whether it still answers: being read just now, or read not long ago and wholly.
    fn serves(&self, keep: Duration) -> bool {
        let reading = self.seen.borrow();
        match reading.done {
            Some(done) => reading.whole && done.elapsed() < keep,
            // A reader that is gone without an end fell over.
            None => self.seen.has_changed().is_ok(),
        }
    }
}

/// What was read about callers.
#[derive(Default)]
pub(super) struct Cache {
    entries: Mutex<HashMap<Key, Entry>>,
    /// Contacts that we wrote to a moment ago, by connection: a search may lag behind.
    written: Mutex<HashMap<(String, String), Instant>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    /// A view of the reading for `key`, and whether it was whole already; `start` begins one where there is none that serves.
    pub(super) fn seen(&self, key: Key, keep: Duration, start: impl FnOnce(watch::Sender<Reading>)) -> (watch::Receiver<Reading>, bool) {
        let mut entries = held(&self.entries);
        if let Some(entry) = entries.get(&key).filter(|entry| entry.serves(keep)) {
            let done = entry.seen.borrow().is_done();
            return (entry.seen.clone(), done);
        }
        if entries.len() >= MOST {
            entries.retain(|_, entry| entry.serves(keep));
        }
        if entries.len() >= MOST
            && let Some(oldest) = entries.iter().min_by_key(|(_, entry)| entry.begun).map(|(key, _)| key.clone())
        {
            entries.remove(&oldest);
        }
        let (publish, seen) = watch::channel(Reading::default());
        entries.insert(key, Entry { seen: seen.clone(), begun: Instant::now() });
        start(publish);
        (seen, false)
    }

    /// Drops what is kept about these contacts and identities of a connection, and all that is being read there: it may be from before.
    pub(super) fn forget(&self, connection: &str, contacts: &[&str], identities: &[String]) {
        let mut written = held(&self.written);
        written.retain(|_, at| at.elapsed() < WRITTEN);
        written.extend(contacts.iter().map(|id| ((connection.to_owned(), (*id).to_owned()), Instant::now())));
        drop(written);
        held(&self.entries).retain(|key, entry| {
            let reading = entry.seen.borrow();
            let same = key.identities.iter().any(|identity| identities.contains(identity));
            let about = reading.so_far.context.candidates.iter().any(|record| contacts.contains(&record.id.as_str()));
            key.connection != connection || (reading.is_done() && !same && !about)
        });
    }

    /// Whether we wrote to a contact within `lag`.
    pub(super) fn written_within(&self, connection: &str, contact: &str, lag: Duration) -> bool {
        held(&self.written).get(&(connection.to_owned(), contact.to_owned())).is_some_and(|at| at.elapsed() < lag)
    }
}

#[cfg(test)]
mod tests {
    use aftercall_plan::context::Record;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn key(identity: &str) -> Key {
        Key { connection: "crm".to_owned(), rules: "v/p".to_owned(), identities: vec![identity.to_owned()], names: String::new() }
    }

    /// Asks for a key; what begins is finished at once, with this contact.
    fn ask(cache: &Cache, identity: &str, contact: &str) -> bool {
        let (_, from_cache) = cache.seen(key(identity), MINUTE, |publish| {
            publish.send_modify(|reading| {
                reading.so_far.context.candidates.push(Record { id: contact.to_owned(), ..Record::default() });
                (reading.done, reading.whole) = (Some(Instant::now()), true);
            });
        });
        from_cache
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_good_for_a_while() {
        let cache = Cache::default();
        assert_eq!((ask(&cache, "+1", "a"), ask(&cache, "+1", "a"), ask(&cache, "+2", "b")), (false, true, false));
        tokio::time::advance(MINUTE).await;
        assert!(!ask(&cache, "+1", "a"));
    }

    #[tokio::test]
    async fn all_who_ask_at_once_share_one_reading() {
        let cache = Cache::default();
        let mut publish = None;
        cache.seen(key("+1"), MINUTE, |p| publish = Some(p));
        cache.seen(key("+1"), Duration::ZERO, |_| panic!("a second reading"));
        // A reader that fell over is no reader.
        drop(publish);
        let mut again = false;
        cache.seen(key("+1"), MINUTE, |_| again = true);
        assert!(again);
    }

    #[tokio::test]
    async fn what_we_write_is_read_anew() {
        let cache = Cache::default();
        ask(&cache, "+1", "a");
        ask(&cache, "+2", "b");
        cache.forget("other", &["a"], &["+1".to_owned()]);
        assert!(ask(&cache, "+1", "a"), "another connection");
        cache.forget("crm", &["a"], &[]);
        assert_eq!((ask(&cache, "+1", "a"), ask(&cache, "+2", "b")), (false, true), "by the contact");
        cache.forget("crm", &[], &["+2".to_owned()]);
        assert!(!ask(&cache, "+2", "b"), "by the identity");
        assert!(cache.written_within("crm", "a", MINUTE) && !cache.written_within("crm", "b", MINUTE));
        let mut publish = None;
        cache.seen(key("+3"), MINUTE, |p| publish = Some(p));
        cache.forget("crm", &["z"], &[]);
        let mut again = false;
        cache.seen(key("+3"), MINUTE, |_| again = true);
        assert!(again, "what is being read may be from before");
    }

    #[tokio::test]
    async fn only_so_many_are_kept() {
        let cache = Cache::default();
        for number in 0..=MOST {
            ask(&cache, &format!("+{number}"), "a");
        }
        assert_eq!(held(&cache.entries).len(), MOST);
        assert!(!ask(&cache, "+0", "a"), "the oldest went");
    }
}
