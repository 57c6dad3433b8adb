//! What was read about a caller, recorded with the call so that it can be planned again offline.

use std::collections::BTreeMap;

use aftercall_config::decl::KeyId;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything that planning needs and cannot know by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// Records that may be the caller's, as the system returned them; the order carries no meaning.
    pub candidates: Vec<Record>,
    /// By which keys the system was searched, a request each.
    pub searched: Vec<KeyId>,
    /// The search could not be trusted to be complete: it failed, was cut off, or the index lags.
    pub incomplete: Option<String>,
    /// What this caller's lane already knows: connection → id of the contact that an earlier call matched, or made.
    pub known: BTreeMap<String, KnownContact>,
    /// Lists about the matched contact, by name: `open_opportunities`, `open_tickets`. Newest first, as the system orders them.
    pub lists: IndexMap<String, Vec<Record>>,
    /// Lists of each candidate that came along with the search: candidate id → lists. The matched one's become `lists`.
    pub candidate_lists: BTreeMap<String, IndexMap<String, Vec<Record>>>,
    /// What stands in the calendar at the times that writes want: write id → entries.
    pub bookings: BTreeMap<String, Vec<Busy>>,
    /// Colleagues: `connection/email` → the system's id; null when the system knows nobody by that address.
    pub users: BTreeMap<String, Option<String>>,
    /// Turns taken in routes with several owners: `pipeline/route/rule` → number, from 0.
    pub turns: BTreeMap<String, u64>,
    /// What we wrote last: `connection/object/id` → field → value and the call that wrote it.
    pub written: BTreeMap<String, BTreeMap<String, Written>>,
    /// Records that an earlier revision of this same call has made already: write id → record id.
    pub own: BTreeMap<String, String>,
    /// Those records as they stand now, where they were read. Of the others, what we wrote last is taken for what stands there.
    pub own_records: Vec<Record>,
    /// What those records are linked to, as far as we made the links: write id → link → record id. Filled in where a person has answered,
    /// so that links to another contact are moved.
    pub own_links: BTreeMap<String, BTreeMap<String, String>>,
    /// What this call wrote and a person has put back: the same version does not write it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub put_back: Vec<PutBack>,
    /// What a person answered in a review of this call; it outweighs all evidence.
    pub answered: Option<Answered>,
    /// What people answered about other calls of this caller's numbers and addresses. The order carries no meaning.
    pub remembered: Vec<Remembered>,
    /// How often a person asked for this call to be written as new records. It goes into the markers.
    pub generation: u32,
    /// When this was read.
    pub read_at: Timestamp,
}

/// A person's answer to "whose record is this?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// This record is the caller's. It should be among the candidates, so that its fields are known.
    Contact(String),
    /// The caller has no record yet.
    New,
    /// Two records are one person: the call goes to the first, and the other goes into it where the system merges on request.
    Merge {
        /// The record that stays.
        id: String,
        /// The record that goes.
        other: String,
    },
}

impl Answered {
    /// The record that is the caller's.
    pub fn contact(&self) -> Option<&str> {
        match self {
            Self::Contact(id) | Self::Merge { id, .. } => Some(id),
            Self::New => None,
        }
    }
}

/// What a person answered about an earlier call: good for later ones of the same person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The record.
    pub contact: String,
    /// The call that it was answered for.
    pub call: String,
    /// When.
    pub at: Timestamp,
    /// For whom.
    pub of: Asker,
}

/// A caller, as far as an answer about one call can hold for another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asker {
    /// The connection in which the answer's record is.
    pub connection: String,
    /// Numbers, as E.164.
    pub phones: Vec<String>,
    /// Addresses in lower case.
    pub emails: Vec<String>,
    /// The name that was said, folded: without titles, accents and the like.
    pub name: Option<String>,
}

/// A contact that an earlier call of the lane matched or made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownContact {
    /// The record.
    pub id: String,
    /// The call that matched or made it.
    pub call: String,
    /// The fields that we wrote, for where the search does not find the record yet.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

impl Asker {
    /// Whether an answer about the one holds for the other: they share a number or an address, and have the same name, or neither has one.
    /// Two people on one number have two names, so another name is somebody else.
    pub fn is_like(&self, other: &Self) -> bool {
        let shares = |a: &[String], b: &[String]| a.iter().any(|one| b.contains(one));
        self.connection == other.connection
            && self.name == other.name
            && (shares(&self.phones, &other.phones) || shares(&self.emails, &other.emails))
    }
}

/// One record of a system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The system's id.
    pub id: String,
    /// The object, by the name that mappings use.
    pub object: String,
    /// Fields as the system returned them.
    pub fields: Map<String, Value>,
}

/// A field that this call wrote, and that a person has put back since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// `connection/object/id` of the record.
    pub record: String,
    /// The field, by the system's name.
    pub field: String,
    /// The config version that had asked for it.
    pub version: String,
    /// Who, and why, in words.
    pub said: String,
}

/// Something that takes a time in a calendar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Busy {
    /// The entry's id.
    pub id: String,
    /// From.
    pub start: Timestamp,
    /// To, exclusive.
    pub end: Timestamp,
    /// What a person sees.
    pub title: Option<String>,
}

/// A value that we wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// The value as we sent it.
    pub value: Value,
    /// The call that it came from.
    pub call: String,
    /// When that call began.
    pub started_at: Timestamp,
}
