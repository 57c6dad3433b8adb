//! The records: what exists, who holds a unique value, who is associated with whom.
//!
//! Not for what a write may do (`write`) and not for search, which sees all this later (`index`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::{
    account::{self, Owner, Pipeline},
    index::{Change, Doc, Index},
    kind::{self, KINDS, Kind, Relation},
    property::{Schema, schema},
    value,
};

/// The values of one record; a property that was never set is absent, a cleared one too.
pub(super) type Values = BTreeMap<Arc<str>, String>;

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) values: Arc<Values>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) archived: Option<Timestamp>,
}

/// All records of one kind.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: Schema,
    pub(super) live: BTreeMap<u64, Record>,
    pub(super) archived: BTreeMap<u64, Record>,
    /// For each unique property: lower-case value to record.
    unique: HashMap<Arc<str>, HashMap<String, u64>>,
    /// Ids that were merged away, and the record that survives.
    merged: HashMap<u64, u64>,
}

/// Everything the account holds.
#[derive(Debug)]
pub(super) struct Store {
    tables: Vec<Table>,
    /// From a record to the records of one kind, with the type ids of the association.
    links: HashMap<(Kind, u64, Kind), BTreeMap<u64, Vec<u32>>>,
    pub(super) index: Index,
    pub(super) owners: Vec<Owner>,
    pub(super) owner_ids: Vec<String>,
    /// The status of a taken unique value: 409, or 400 as older accounts answer.
    pub(super) unique_conflict: u16,
    next: u64,
}

impl Store {
    pub(super) fn new() -> Self {
        let mut tables: Vec<Table> = KINDS
            .into_iter()
            .map(|kind| Table {
                schema: schema(kind),
                live: BTreeMap::new(),
                archived: BTreeMap::new(),
                unique: HashMap::new(),
                merged: HashMap::new(),
            })
            .collect();
        for (kind, pipelines, pipeline, stage) in [
            (Kind::Deal, account::DEAL_PIPELINES, "pipeline", "dealstage"),
            (Kind::Ticket, account::TICKET_PIPELINES, "hs_pipeline", "hs_pipeline_stage"),
        ] {
            let schema = &mut tables[kind.index()].schema;
            let text = |label: &str, value: &str| (label.to_owned(), value.to_owned());
            if let Some(property) = schema.get_mut(pipeline) {
                property.options = pipelines.iter().map(|one| text(one.label, one.id)).collect();
            }
            if let Some(property) = schema.get_mut(stage) {
                let stages = pipelines.iter().flat_map(|one: &Pipeline| one.stages);
                property.options = stages.map(|one| text(one.label, one.id)).collect();
            }
        }
        let owners = account::owners();
        let owner_ids = owners.iter().map(|owner| owner.id.clone()).collect();
        Self { tables, links: HashMap::new(), index: Index::new(), owners, owner_ids, unique_conflict: 409, next: 501 }
    }

    pub(super) fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind.index()]
    }

    pub(super) fn schema_mut(&mut self, kind: Kind) -> &mut Schema {
        &mut self.tables[kind.index()].schema
    }

    /// A record that is not archived; a merged-away id finds the survivor.
    pub(super) fn get(&self, kind: Kind, id: u64) -> Option<&Record> {
        let table = self.table(kind);
        table.live.get(&id).or_else(|| table.live.get(table.merged.get(&id)?))
    }

    /// The same, by the text of a path or body.
    pub(super) fn find(&self, kind: Kind, id: &str) -> Option<&Record> {
        self.get(kind, id.parse().ok()?)
    }

    /// The record that holds this value of a unique property.
    pub(super) fn holder(&self, kind: Kind, property: &str, value: &str) -> Option<u64> {
        self.table(kind).unique.get(property)?.get(value.trim().to_lowercase().as_str()).copied()
    }

    /// The next id; explicit ids of loaded records are stepped over.
    pub(super) fn fresh_id(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    /// Makes sure that ids made from now on are higher.
    pub(super) fn reserve(&mut self, id: u64) {
        self.next = self.next.max(id.saturating_add(1));
    }

    /// Puts a record in place of what has its id, with its unique values, and tells the index.
    pub(super) fn put(&mut self, kind: Kind, record: Record, now: Timestamp) {
        let id = record.id;
        let old = self.tables[kind.index()].live.get(&id).map(|old| Arc::clone(&old.values));
        if let Some(old) = old {
            self.claim(kind, id, &old, false);
        }
        self.claim(kind, id, &Arc::clone(&record.values), true);
        let doc = Doc { values: Arc::clone(&record.values), created: record.created, updated: record.updated };
        self.index.push(now, Change::Put(kind, id, doc));
        self.tables[kind.index()].live.insert(id, record);
    }

    /// Takes or gives up the unique values of a record.
    fn claim(&mut self, kind: Kind, id: u64, values: &Values, take: bool) {
        let table = &mut self.tables[kind.index()];
        for (name, value) in values {
            let emails = kind == Kind::Contact && &**name == "hs_additional_emails";
            if !emails && !table.schema.get(name).is_some_and(|property| property.unique) {
                continue;
            }
            let under: Arc<str> = if emails { "email".into() } else { Arc::clone(name) };
            let held = table.unique.entry(under).or_default();
            for part in value.split(if emails { ';' } else { '\0' }) {
                let key = part.trim().to_lowercase();
                if take {
                    held.insert(key, id);
                } else if held.get(&key) == Some(&id) {
                    held.remove(&key);
                }
            }
        }
    }

    /// Sets the time of a record's last change, as a loaded record has it.
    pub(super) fn date(&mut self, kind: Kind, id: u64, updated: Timestamp, now: Timestamp) {
        let Some(mut record) = self.table(kind).live.get(&id).cloned() else { return };
        record.updated = updated;
        self.settle(kind, &mut record);
        self.put(kind, record, now);
    }

    /// Moves a record to the recycling bin: its unique values are free and its associations gone.
    pub(super) fn archive(&mut self, kind: Kind, id: u64, now: Timestamp) {
        let Some(mut record) = self.remove(kind, id, now) else { return };
        record.archived = Some(now);
        record.updated = now;
        self.tables[kind.index()].archived.insert(id, record);
    }

    fn remove(&mut self, kind: Kind, id: u64, now: Timestamp) -> Option<Record> {
        let record = self.tables[kind.index()].live.remove(&id)?;
        self.claim(kind, id, &record.values, false);
        self.index.push(now, Change::Drop(kind, id));
        for to in KINDS {
            let others: Vec<u64> = self.linked(kind, id, to).map(|(other, _)| other).collect();
            for other in others {
                self.unlink(kind, id, to, other, now);
            }
        }
        Some(record)
    }

    /// Merges `other` into `primary`: the primary's values win, blanks are filled, associations move over.
    pub(super) fn merge(&mut self, kind: Kind, primary: u64, other: u64, now: Timestamp) {
        let moved: Vec<(Kind, u64, Vec<u32>)> =
            KINDS.into_iter().flat_map(|to| self.linked(kind, other, to).map(move |(id, types)| (to, id, types.to_vec()))).collect();
        let Some(gone) = self.remove(kind, other, now) else { return };
        let Some(mut record) = self.table(kind).live.get(&primary).cloned() else { return };
        let values = Arc::make_mut(&mut record.values);
        for (name, value) in gone.values.iter() {
            let known = self.tables[kind.index()].schema.get(name);
            if known.is_some_and(|property| !property.read_only && !property.unique) {
                values.entry(Arc::clone(name)).or_insert_with(|| value.clone());
            }
        }
        match gone.values.get("email") {
            Some(email) if values.contains_key("email") => {
                let more = values.entry("hs_additional_emails".into()).or_default();
                *more = more.split(';').filter(|part| !part.is_empty()).chain([email.as_str()]).collect::<Vec<_>>().join(";");
            }
            Some(email) => {
                values.insert("email".into(), email.clone());
            }
            None => {}
        }
        let merged = values.entry("hs_merged_object_ids".into()).or_default();
        let ids: Vec<String> = merged.split(';').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        *merged = ids.into_iter().chain([other.to_string()]).collect::<Vec<_>>().join(";");
        record.updated = now;
        self.settle(kind, &mut record);
        self.put(kind, record, now);
        let table = &mut self.tables[kind.index()];
        for survivor in table.merged.values_mut() {
            if *survivor == other {
                *survivor = primary;
            }
        }
        table.merged.insert(other, primary);
        for (to, id, types) in moved {
            for relation in types.into_iter().filter_map(|id| kind::relation(kind, id)) {
                if (to, id) != (kind, primary) && !(relation.primary && self.has_primary(kind, primary, to)) {
                    self.link(relation, primary, id, now);
                }
            }
        }
    }

    /// The records of one kind that a record is associated with, and the type ids; in order of id.
    pub(super) fn linked(&self, from: Kind, id: u64, to: Kind) -> impl Iterator<Item = (u64, &[u32])> {
        self.links.get(&(from, id, to)).into_iter().flatten().map(|(other, types)| (*other, types.as_slice()))
    }

    pub(super) fn has_primary(&self, from: Kind, id: u64, to: Kind) -> bool {
        let primary = kind::relations(from, to).find(|relation| relation.primary).map(|relation| relation.id);
        primary.is_some_and(|primary| self.linked(from, id, to).any(|(_, types)| types.contains(&primary)))
    }

    /// Associates two records. A primary association takes the place of another one, and the plain one goes with it.
    pub(super) fn link(&mut self, relation: Relation, from: u64, to: u64, now: Timestamp) {
        if relation.primary {
            // The primary company is one for each contact, deal or ticket, whichever end is written.
            let (near, far, held, id) = if relation.to == Kind::Company {
                (relation.from, relation.to, from, relation)
            } else {
                let back = kind::relation(relation.to, relation.inverse).unwrap_or(relation);
                (relation.to, relation.from, to, back)
            };
            let others: Vec<u64> =
                self.linked(near, held, far).filter(|(_, types)| types.contains(&id.id)).map(|(other, _)| other).collect();
            for other in others {
                self.drop_type(near, held, far, other, id.id);
                self.drop_type(far, other, near, held, id.inverse);
            }
            if let Some(plain) = kind::plain(relation.from, relation.to) {
                self.link(plain, from, to, now);
            }
        }
        self.add_type(relation.from, from, relation.to, to, relation.id);
        self.add_type(relation.to, to, relation.from, from, relation.inverse);
        self.index.push(now, Change::Link((relation.from, from), (relation.to, to)));
        self.count(relation.from, from, relation.to, to, now);
        self.count(relation.to, to, relation.from, from, now);
    }

    /// Removes every association between two records.
    pub(super) fn unlink(&mut self, from: Kind, from_id: u64, to: Kind, to_id: u64, now: Timestamp) {
        for (near, near_id, far, far_id) in [(from, from_id, to, to_id), (to, to_id, from, from_id)] {
            if let Some(held) = self.links.get_mut(&(near, near_id, far)) {
                held.remove(&far_id);
                if held.is_empty() {
                    self.links.remove(&(near, near_id, far));
                }
            }
        }
        self.index.push(now, Change::Unlink((from, from_id), (to, to_id)));
        self.count(from, from_id, to, to_id, now);
        self.count(to, to_id, from, from_id, now);
    }

    fn add_type(&mut self, from: Kind, id: u64, to: Kind, other: u64, kind: u32) {
        let types = self.links.entry((from, id, to)).or_default().entry(other).or_default();
        if !types.contains(&kind) {
            types.push(kind);
        }
    }

    fn drop_type(&mut self, from: Kind, id: u64, to: Kind, other: u64, kind: u32) {
        if let Some(types) = self.links.get_mut(&(from, id, to)).and_then(|held| held.get_mut(&other)) {
            types.retain(|held| *held != kind);
        }
    }

    /// Keeps what is calculated from associations: the number of deals and the time of the last contact.
    fn count(&mut self, kind: Kind, id: u64, to: Kind, other: u64, now: Timestamp) {
        if !matches!(kind, Kind::Contact | Kind::Deal) {
            return;
        }
        let mut news: Vec<(&str, String)> = Vec::new();
        let Some(record) = self.table(kind).live.get(&id) else { return };
        match to {
            Kind::Deal if kind == Kind::Contact => {
                let deals = self.links.get(&(kind, id, to)).map_or(0, BTreeMap::len);
                news.push(("num_associated_deals", if deals == 0 { String::new() } else { deals.to_string() }));
            }
            Kind::Call | Kind::Meeting | Kind::Note | Kind::Task => {
                let time = self.get(to, other).and_then(|activity| value::instant(activity.values.get("hs_timestamp")?));
                let names: &[&str] = match to {
                    Kind::Call | Kind::Meeting => &["notes_last_contacted", "notes_last_updated"],
                    _ => &["notes_last_updated"],
                };
                for name in names {
                    let before = record.values.get(*name).and_then(|text| value::instant(text));
                    // A meeting that is still to come is no contact yet.
                    let over = to == Kind::Call || time.is_some_and(|time| time <= now);
                    if time > before && over {
                        news.extend(time.map(|time| (*name, value::print(time))));
                    }
                }
            }
            _ => {}
        }
        news.retain(|(name, value)| record.values.get(*name).map_or("", String::as_str) != value);
        if news.is_empty() {
            return;
        }
        let mut record = record.clone();
        let values = Arc::make_mut(&mut record.values);
        for (name, value) in news {
            if value.is_empty() {
                values.remove(name);
            } else {
                values.insert(name.into(), value);
            }
        }
        record.updated = now;
        self.settle(kind, &mut record);
        self.put(kind, record, now);
    }

    /// Brings what is calculated from a record's own values up to date, its times and id too.
    pub(super) fn settle(&self, kind: Kind, record: &mut Record) {
        let values = Arc::make_mut(&mut record.values);
        let mut set = |name: &str, value: Option<String>| match value {
            Some(value) => {
                values.insert(self.name(kind, name), value);
            }
            None => {
                values.remove(name);
            }
        };
        set("hs_object_id", Some(record.id.to_string()));
        set(kind.created(), Some(value::print(record.created)));
        set(kind.modified(), Some(value::print(record.updated)));
        let values = &*record.values;
        let derived: Vec<(&str, Option<String>)> = match kind {
            Kind::Contact => {
                let of = |name: &str, how: fn(&str) -> Option<String>| values.get(name).and_then(|phone| how(phone));
                vec![
                    ("hs_calculated_phone_number", of("phone", value::international)),
                    ("hs_calculated_mobile_number", of("mobilephone", value::international)),
                    ("hs_searchable_calculated_phone_number", of("phone", value::national_digits)),
                    ("hs_searchable_calculated_mobile_number", of("mobilephone", value::national_digits)),
                ]
            }
            Kind::Deal => {
                let stage = account::stage(account::DEAL_PIPELINES, values.get("dealstage").map_or("", String::as_str));
                let closed = stage.is_some_and(|stage| stage.closed);
                let won = closed && stage.is_some_and(|stage| stage.probability == "1.0");
                vec![("hs_is_closed", Some(closed.to_string())), ("hs_is_closed_won", Some(won.to_string()))]
            }
            Kind::Ticket => {
                let stage = values.get("hs_pipeline_stage").map_or("", String::as_str);
                let closed = account::stage(account::TICKET_PIPELINES, stage).is_some_and(|stage| stage.closed);
                vec![("hs_is_closed", Some(closed.to_string()))]
            }
            Kind::Task => {
                let done = values.get("hs_task_status").is_some_and(|status| status == "COMPLETED");
                vec![("hs_task_is_completed", Some(u8::from(done).to_string()))]
            }
            _ => Vec::new(),
        };
        let values = Arc::make_mut(&mut record.values);
        for (name, value) in derived {
            match value {
                Some(value) => values.insert(self.name(kind, name), value),
                None => values.remove(name),
            };
        }
    }

    /// The shared text of a property's name, so that records do not each hold one.
    pub(super) fn name(&self, kind: Kind, name: &str) -> Arc<str> {
        self.table(kind).schema.get_key_value(name).map_or_else(|| name.into(), |(name, _)| Arc::clone(name))
    }
}
