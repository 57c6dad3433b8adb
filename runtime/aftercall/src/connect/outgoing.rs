//! What goes out and what comes back: the words between `work` and this room.
//!
//! Not for how: see `part` and `write`.

use std::fmt;

use serde_json::Value;

use super::failure::Failure;

/// One write that goes out. `Debug` names its fields and shows no value.
#[derive(Clone, PartialEq)]
pub struct Outgoing {
    /// The write's name, once in a batch.
    pub write_id: String,
    /// The object, by the name that mappings use.
    pub object: String,
    /// What happens to it.
    pub op: OutgoingOp,
    /// Fields in order; dots in a name nest.
    pub fields: Vec<(String, Value)>,
    /// Links by the connector's name, with the other end.
    pub links: Vec<(String, LinkTarget)>,
    /// Links that go because `links` has another one in their place: the connector's name, and the other end until now.
    pub leaves: Vec<(String, String)>,
    /// It went out before, and failed.
    pub again: bool,
}

/// What happens to the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingOp {
    /// A new record, which the system will know by this marker where it can.
    Create {
        /// The marker.
        marker: String,
    },
    /// An existing record.
    Update {
        /// Its id.
        id: String,
    },
    /// One record of two.
    Merge {
        /// The record that stays.
        id: String,
        /// The record that goes.
        other: String,
    },
}

/// The other end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// A record that is there.
    Id(String),
    /// The record that another write of the same batch makes, by its `write_id`.
    Ref(String),
}

/// What came of one write.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The write.
    pub write_id: String,
    /// What came of it.
    pub result: Result<Landed, Failure>,
    /// What was asked, as 32 hexadecimal digits over method, path and body; empty where it never came to a request.
    pub request_digest: String,
}

impl Outgoing {
    /// Whether these words stand in a value.
    pub(super) fn says(&self, words: &str) -> bool {
        !words.is_empty() && self.fields.iter().any(|(_, value)| value.to_string().contains(words))
    }
}

/// What the system confirmed. `Debug` shows no value.
#[derive(Clone, PartialEq)]
pub struct Landed {
    /// The record.
    pub id: String,
    /// The page where a person sees it.
    pub url: Option<String>,
    /// The system's answer; null where it says nothing more.
    pub body: Value,
    /// False where the record was there already: an update, an upsert that met it, or our own earlier attempt.
    pub created: bool,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&String> = self.fields.iter().map(|(name, _)| name).collect();
        let Self { write_id, object, op, links, leaves, .. } = self;
        f.debug_struct("Outgoing")
            .field("write_id", write_id)
            .field("object", object)
            .field("op", op)
            .field("fields", &fields)
            .field("links", links)
            .field("leaves", leaves)
            .finish()
    }
}

impl fmt::Debug for Landed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, url, created, .. } = self;
        f.debug_struct("Landed").field("id", id).field("url", url).field("created", created).finish_non_exhaustive()
    }
}
