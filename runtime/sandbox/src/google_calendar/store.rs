//! The calendars and their events, and what free/busy knows of them.
//!
//! Not for what a write may do (`write`) or for lists (`list`).

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    event::{Event, Status, stamp},
    problem::Problem,
    repeat,
};

/// The zone of calendars that say no other.
pub(super) const ZONE: &str = "America/Chicago";

/// What the account may do with a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    FreeBusy,
    Reader,
    Writer,
    Owner,
}

impl Access {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::FreeBusy => "freeBusyReader",
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Owner => "owner",
        }
    }

    pub(super) fn named(word: &str) -> Option<Self> {
        [Self::FreeBusy, Self::Reader, Self::Writer, Self::Owner].into_iter().find(|access| access.word() == word)
    }
}

/// One calendar.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) id: String,
    pub(super) summary: String,
    pub(super) zone_name: String,
    pub(super) zone: TimeZone,
    pub(super) access: Access,
    pub(super) primary: bool,
    pub(super) events: BTreeMap<String, Event>,
    /// When any event was last written.
    pub(super) updated: Timestamp,
    /// Events by time of start, so that a day is found in a year of bookings.
    by_start: BTreeMap<(Timestamp, String), ()>,
    by_ical: HashMap<String, Vec<String>>,
    /// Repeating events are few and are looked at whatever the time.
    repeating: Vec<String>,
    /// The length of the longest event there has been: how far before a window its events can begin.
    longest: SignedDuration,
    /// Events as free/busy knows them, and what it does not know yet.
    busy: BTreeMap<String, Event>,
    waiting: VecDeque<(Timestamp, Event)>,
}

impl Calendar {
    pub(super) fn new(id: &str, summary: &str, zone_name: &str, access: Access, primary: bool) -> Self {
        Self {
            id: id.to_owned(),
            summary: summary.to_owned(),
            zone_name: zone_name.to_owned(),
            zone: TimeZone::get(zone_name).unwrap_or(TimeZone::UTC),
            access,
            primary,
            events: BTreeMap::new(),
            updated: Timestamp::UNIX_EPOCH,
            by_start: BTreeMap::new(),
            by_ical: HashMap::new(),
            repeating: Vec::new(),
            longest: SignedDuration::ZERO,
            busy: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Puts an event in place of what has its id.
    pub(super) fn put(&mut self, event: Event, now: Timestamp) {
        if let Some(old) = self.events.get(&event.id) {
            self.by_start.remove(&(old.start.instant(&self.zone), old.id.clone()));
        }
        let start = event.start.instant(&self.zone);
        self.longest = self.longest.max(event.end.instant(&self.zone).duration_since(start));
        self.by_start.insert((start, event.id.clone()), ());
        let same = self.by_ical.entry(event.ical_uid.clone()).or_default();
        if !same.contains(&event.id) {
            same.push(event.id.clone());
        }
        if !event.recurrence().is_empty() && !self.repeating.contains(&event.id) {
            self.repeating.push(event.id.clone());
        }
        self.updated = self.updated.max(event.updated);
        self.waiting.push_back((now, event.clone()));
        self.events.insert(event.id.clone(), event);
    }

    /// An event that was ever there, or an instance of a series, by id.
    pub(super) fn find(&self, id: &str) -> Option<Event> {
        if let Some(event) = self.events.get(id) {
            return Some(event.clone());
        }
        let (master, _) = id.rsplit_once('_')?;
        let master = self.events.get(master)?;
        repeat::instances(master, &self.zone, None).into_iter().find(|one| one.id == id && one.id != master.id)
    }

    /// The events that may touch a window, series as they are, in order of start; all for an open window.
    pub(super) fn around(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Vec<&Event> {
        let low = from.and_then(|from| from.checked_sub(self.longest).ok()).unwrap_or(Timestamp::MIN);
        let high = to.unwrap_or(Timestamp::MAX);
        if low >= high {
            return Vec::new();
        }
        let near = self.by_start.range((low, String::new())..(high, String::new())).map(|((_, id), ())| id);
        let early = self.repeating.iter().filter(|id| self.events.get(*id).is_some_and(|event| event.start.instant(&self.zone) < low));
        early.chain(near).filter_map(|id| self.events.get(id)).collect()
    }

    /// The events with that iCalendar id.
    pub(super) fn with_ical(&self, uid: &str) -> Vec<&Event> {
        self.by_ical.get(uid).into_iter().flatten().filter_map(|id| self.events.get(id)).collect()
    }

    /// A series laid out as instances, without those that were changed one by one.
    pub(super) fn expand(&self, event: &Event, before: Option<Timestamp>) -> Vec<Event> {
        expand(&self.events, event, &self.zone, before)
    }

    /// The times that are taken within a window, merged and in order, as free/busy knows them.
    pub(super) fn busy(&mut self, from: Timestamp, to: Timestamp, lag: SignedDuration, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        while let Some((written, _)) = self.waiting.front() {
            if written.saturating_add(lag).is_ok_and(|known| known > now) {
                break;
            }
            if let Some((_, event)) = self.waiting.pop_front() {
                self.busy.insert(event.id.clone(), event);
            }
        }
        let span = |event: &Event| (event.start.instant(&self.zone), event.end.instant(&self.zone));
        let mut all: Vec<(Timestamp, Timestamp)> = Vec::new();
        for event in self.busy.values().filter(|event| event.blocks()) {
            if event.recurrence().is_empty() {
                all.push(span(event));
            } else {
                all.extend(expand(&self.busy, event, &self.zone, Some(to)).iter().map(span));
            }
        }
        all.retain(|(start, end)| *start < to && *end > from);
        for (start, end) in &mut all {
            (*start, *end) = ((*start).max(from), (*end).min(to));
        }
        all.sort_unstable();
        let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (start, end) in all {
            match merged.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                _ => merged.push((start, end)),
            }
        }
        merged
    }

    /// Lets free/busy know everything now.
    pub(super) fn settle(&mut self) {
        for (_, event) in self.waiting.drain(..) {
            self.busy.insert(event.id.clone(), event);
        }
    }

    /// The entry of the calendar list.
    pub(super) fn json(&self) -> Value {
        let mut out = json!({
            "kind": "calendar#calendarListEntry", "etag": "\"1700000000000000\"", "id": self.id,
            "summary": self.summary, "timeZone": self.zone_name, "colorId": "14",
            "backgroundColor": "#9fe1e7", "foregroundColor": "#000000", "selected": true,
            "accessRole": self.access.word(), "defaultReminders": [],
            "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
        });
        if self.primary {
            out["primary"] = json!(true);
        }
        out
    }
}

fn expand(events: &BTreeMap<String, Event>, event: &Event, zone: &TimeZone, before: Option<Timestamp>) -> Vec<Event> {
    let mut all = repeat::instances(event, zone, before);
    all.retain(|one| one.id == event.id || !events.contains_key(&one.id));
    all
}

/// A notice that would have gone to guests.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) calendar: String,
    pub(super) event: String,
    pub(super) action: &'static str,
    pub(super) send_updates: String,
    pub(super) to: Vec<String>,
    pub(super) at: Timestamp,
}

impl Notice {
    pub(super) fn json(&self) -> Value {
        json!({
            "calendarId": self.calendar, "eventId": self.event, "action": self.action,
            "sendUpdates": self.send_updates, "to": self.to, "at": stamp(self.at),
        })
    }
}

/// All calendars of the account.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) calendars: Vec<Calendar>,
    /// What writes asked to be sent, in order.
    pub(super) notices: Vec<Notice>,
    version: u64,
    made: u64,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            calendars: vec![
                Calendar::new("front-desk@acme.example", "Front desk", ZONE, Access::Owner, true),
                Calendar::new("tech-1@acme.example", "Technician 1", ZONE, Access::Writer, false),
            ],
            notices: Vec::new(),
            version: 0,
            made: 0,
        }
    }

    /// A calendar by its id, or `primary`; ids do not mind case.
    pub(super) fn calendar(&mut self, id: &str) -> Result<&mut Calendar, Problem> {
        let found = self.calendars.iter_mut().find(|one| one.id.eq_ignore_ascii_case(id) || (one.primary && id == "primary"));
        found.ok_or_else(Problem::not_found)
    }

    /// The next version.
    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// The version of the last write.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// An id as the service makes them: 26 characters of base32hex, and the same in every run.
    pub(super) fn fresh_id(&mut self) -> String {
        self.made += 1;
        let mut out = String::with_capacity(26);
        let mut state = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..26 {
            // Steps of splitmix64; only the spread of its bits matters here.
            state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state ^= state >> 27;
            let place = usize::try_from(state >> 59).unwrap_or(0);
            out.push(char::from(b"0123456789abcdefghijklmnopqrstuv"[place]));
        }
        out
    }
}

/// Whether an event is still on.
pub(super) fn is_on(event: &Event) -> bool {
    event.status != Status::Cancelled
}
