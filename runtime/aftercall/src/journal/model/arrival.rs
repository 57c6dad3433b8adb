//! What intake hands over, and what it is told.

use jiff::Timestamp;
use serde::Serialize;

use super::{CallSeq, Json};

/// One thing that a source delivered: always kept, whatever it turned out to be.
#[derive(Clone)]
pub struct Arrival {
    /// Name of the source in the config.
    pub source: String,
    /// What makes a second delivery of the same event recognisable within its source: the platform's event id, call id
    /// plus event type, or a digest of the body. The same key with the same body is a repetition, whatever was made of it;
    /// the same key with another body *and* another outcome is a correction, and amends the call.
    pub event_key: String,
    /// The raw payload, byte for byte.
    pub body: Vec<u8>,
    /// When it came in; also the time of everything that the journal does on account of it.
    pub received_at: Timestamp,
    /// What intake made of it.
    pub kind: ArrivalKind,
}

/// What intake made of a payload.
#[derive(Clone)]
pub enum ArrivalKind {
    /// A finished call, or a new word about one.
    Call(NewCall),
    /// Authentic, but not understood: it waits for a better source mapping. The same event accepted later as a `Call`
    /// becomes that call.
    Unrecognised {
        /// What was missing, without personal data.
        reason: String,
    },
    /// Understood, and not for us (a status event, a call that the source's filter leaves out).
    Ignored {
        /// The rule that left it out.
        reason: String,
    },
}

/// A call outcome on its way into the queue.
#[derive(Clone)]
pub struct NewCall {
    /// Our id of the call, unique across all sources (intake puts the source's name in, or uses ids that cannot meet).
    pub id: String,
    /// The caller's identities as opaque keys, hashed already. Empty: the call gets a lane of its own (a withheld number).
    /// Their order does not matter.
    pub lane_keys: Vec<String>,
    /// The canonical call outcome.
    pub outcome: Json,
    /// The words by which people look for it, apart by spaces; made in `intake`.
    pub words: String,
    /// When the call began, if the source says so.
    pub started_at: Option<Timestamp>,
    /// The config version that mapped the payload.
    pub config_version: String,
    /// Digest of the canonical outcome: what tells a repetition from an amendment.
    pub digest: String,
    /// Whether a better word about this call is expected ("call ended" before "call analysed"). It is worked at `due_at`
    /// all the same, should that word never come.
    pub provisional: bool,
    /// The earliest time to work it: `received_at`, or later for a provisional call.
    pub due_at: Timestamp,
}

/// What became of an arrival, in the order of the arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Accepted {
    /// A call that the journal did not know.
    New {
        /// Its place in the order of arrival.
        seq: CallSeq,
    },
    /// Known already: the same event again, the same outcome under another event, or a provisional word that came late. A
    /// repetition that is not provisional makes a provisional call due.
    Duplicate {
        /// The call, unless the event was not about one.
        seq: Option<CallSeq>,
    },
    /// Another outcome of a known call. The old one is kept as a revision, and the call is due (again).
    Amended {
        /// The call.
        seq: CallSeq,
        /// The number of the outcome that counts now; the first one was 1.
        revision: i64,
    },
    /// Unrecognised or ignored, and kept.
    Kept,
}
