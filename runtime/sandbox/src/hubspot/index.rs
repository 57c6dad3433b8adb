//! What search sees: an inverted index that follows the records at a distance.
//!
//! HubSpot's search lags behind writes ("a few moments"), so changes wait here until their time has
//! come, as they were when they were made. Not for the search request itself: that is `search`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    kind::{KINDS, Kind},
    store::Values,
};

/// A record as it was when it was written.
#[derive(Clone, Debug)]
pub(super) struct Doc {
    pub(super) values: Arc<Values>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A change on its way into the index.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Put(Kind, u64, Doc),
    Drop(Kind, u64),
    Link((Kind, u64), (Kind, u64)),
    Unlink((Kind, u64), (Kind, u64)),
}

/// One kind's part of the index.
#[derive(Debug, Default)]
struct Part {
    docs: BTreeMap<u64, Doc>,
    /// For each indexed property: lower-case value to records.
    by: HashMap<Arc<str>, HashMap<String, BTreeSet<u64>>>,
    /// Unique properties that were made later; they are looked up too.
    more: HashSet<Arc<str>>,
}

/// The index of all kinds.
#[derive(Debug)]
pub(super) struct Index {
    parts: Vec<Part>,
    links: HashMap<(Kind, u64, Kind), BTreeSet<u64>>,
    waiting: VecDeque<(Timestamp, Change)>,
    /// How long a change waits.
    pub(super) lag: SignedDuration,
}

/// Properties that are looked up rather than scanned, beside the unique ones.
const INDEXED: &[&str] = &[
    "email",
    "phone",
    "mobilephone",
    "hs_searchable_calculated_phone_number",
    "hs_searchable_calculated_mobile_number",
    "hs_calculated_phone_number",
    "hs_calculated_mobile_number",
    "domain",
    "aftercall_key",
];

impl Index {
    pub(super) fn new() -> Self {
        Self {
            parts: KINDS.map(|_| Part::default()).into(),
            links: HashMap::new(),
            waiting: VecDeque::new(),
            lag: SignedDuration::from_millis(2000),
        }
    }

    /// Takes a change in; it shows after the lag.
    pub(super) fn push(&mut self, now: Timestamp, change: Change) {
        self.waiting.push_back((now, change));
    }

    /// Lets in every change whose time has come; with `all` the others too.
    pub(super) fn settle(&mut self, now: Timestamp, all: bool) {
        while let Some((written, _)) = self.waiting.front() {
            if !all && written.saturating_add(self.lag).is_ok_and(|shown| shown > now) {
                break;
            }
            if let Some((_, change)) = self.waiting.pop_front() {
                self.apply(change);
            }
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(kind, id, doc) => {
                let part = &mut self.parts[kind.index()];
                if let Some(old) = part.docs.remove(&id) {
                    part.forget(id, &old);
                }
                for (name, value) in doc.values.iter() {
                    if INDEXED.contains(&&**name) || part.more.contains(name) {
                        let values = part.by.entry(Arc::clone(name)).or_default();
                        values.entry(value.to_lowercase()).or_default().insert(id);
                    }
                }
                part.docs.insert(id, doc);
            }
            Change::Drop(kind, id) => {
                let part = &mut self.parts[kind.index()];
                if let Some(old) = part.docs.remove(&id) {
                    part.forget(id, &old);
                }
            }
            Change::Link(one, other) => {
                self.links.entry((one.0, one.1, other.0)).or_default().insert(other.1);
                self.links.entry((other.0, other.1, one.0)).or_default().insert(one.1);
            }
            Change::Unlink(one, other) => {
                for (near, far) in [(one, other), (other, one)] {
                    let key = (near.0, near.1, far.0);
                    if let Some(ids) = self.links.get_mut(&key) {
                        ids.remove(&far.1);
                        if ids.is_empty() {
                            self.links.remove(&key);
                        }
                    }
                }
            }
        }
    }

    /// The records of a kind whose indexed property has this lower-case value; `None` if it is not indexed.
    pub(super) fn lookup(&self, kind: Kind, property: &str, value: &str) -> Option<Option<&BTreeSet<u64>>> {
        let part = &self.parts[kind.index()];
        (INDEXED.contains(&property) || part.more.contains(property)).then(|| part.by.get(property)?.get(value))
    }

    /// Looks this property up from now on; no record may have a value of it yet.
    pub(super) fn also(&mut self, kind: Kind, property: Arc<str>) {
        self.parts[kind.index()].more.insert(property);
    }

    /// The records of `kind` that are associated with one record of another kind.
    pub(super) fn linked(&self, kind: Kind, with: Kind, id: u64) -> Option<&BTreeSet<u64>> {
        self.links.get(&(with, id, kind))
    }

    /// The record as search knows it.
    pub(super) fn doc(&self, kind: Kind, id: u64) -> Option<&Doc> {
        self.parts[kind.index()].docs.get(&id)
    }

    /// All records of a kind, oldest first.
    pub(super) fn docs(&self, kind: Kind) -> impl Iterator<Item = (u64, &Doc)> {
        self.parts[kind.index()].docs.iter().map(|(id, doc)| (*id, doc))
    }
}

impl Part {
    fn forget(&mut self, id: u64, old: &Doc) {
        for (name, value) in old.values.iter() {
            let Some(values) = self.by.get_mut(name) else { continue };
            let key = value.to_lowercase();
            if let Some(ids) = values.get_mut(&key) {
                ids.remove(&id);
                if ids.is_empty() {
                    values.remove(&key);
                }
            }
        }
    }
}
