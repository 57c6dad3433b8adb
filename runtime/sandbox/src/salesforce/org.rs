//! One org: its schema, its records, its settings, and the time of the request at hand.
//!
//! Not for HTTP or tokens.

use jiff::Timestamp;

use super::{
    cell::Cell,
    id::Id,
    objects,
    schema::Schema,
    store::{Row, Store},
};

/// What the standard duplicate rule on Contact does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DuplicateRule {
    Off,
    /// Refuses, unless the request says `allowSave=true`.
    Alert,
    /// Refuses.
    Block,
}

/// What `POST /_sandbox/configure` changes.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) duplicate_rule: DuplicateRule,
    /// How long search does not find what was just written.
    pub(crate) index_lag_ms: i64,
    /// How many writes still fail with UNABLE_TO_LOCK_ROW.
    pub(crate) row_lock_next: u32,
    /// The `n` of `api-usage=used/n`.
    pub(crate) api_limit: u64,
    /// What a before-save flow of the office sets: table, field, value.
    pub(crate) flow: Vec<(usize, usize, Option<Cell>)>,
}

impl std::default::Default for Settings {
    fn default() -> Self {
        Self { duplicate_rule: DuplicateRule::Off, index_lag_ms: 2_000, row_lock_next: 0, api_limit: 100_000, flow: Vec::new() }
    }
}

pub(crate) struct Org {
    pub(crate) schema: Schema,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    /// The clock of the request at hand, in milliseconds since 1970.
    pub(crate) now_ms: i64,
    /// Who is logged in; owns what has no other owner.
    pub(crate) user: Id,
    cases: u64,
    /// When fields last changed, in seconds since 1970.
    pub(crate) schema_changed: i64,
    /// The users are as they were at the start, so `records` leaves them out.
    pub(crate) users_untouched: bool,
}

impl Org {
    pub(crate) fn new() -> Self {
        let schema = objects::schema();
        let mut org = Self {
            store: Store::new(&schema),
            schema,
            settings: Settings::default(),
            now_ms: Timestamp::now().as_millisecond(),
            user: Id::nth("005", 1),
            cases: 1_000,
            schema_changed: Timestamp::now().as_second(),
            users_untouched: true,
        };
        org.make_users();
        org
    }

    /// Seconds since 1970 of the request at hand.
    pub(crate) fn now(&self) -> i64 {
        self.now_ms.div_euclid(1_000)
    }

    pub(crate) fn next_case_number(&mut self) -> String {
        self.cases += 1;
        format!("{:08}", self.cases)
    }

    /// The table of an object that is always there.
    pub(crate) fn table(&self, name: &str) -> usize {
        self.schema.find(name).unwrap_or_default()
    }

    /// The record that an id names, if it is there, with its table.
    pub(crate) fn follow(&self, id: Id) -> Option<(usize, &Row)> {
        let table = self.schema.by_prefix(id.prefix())?;
        Some((table, self.store.live(table, id)?))
    }

    fn make_users(&mut self) {
        let table = self.table("User");
        for (id, first, last, email) in objects::USERS {
            let text = |value: &str| serde_json::Value::from(value);
            let alias = first.chars().take(8).collect::<String>().to_lowercase();
            let body = [
                ("Id", *id),
                ("FirstName", *first),
                ("LastName", *last),
                ("Email", *email),
                ("Username", *email),
                ("Alias", alias.as_str()),
                ("TimeZoneSidKey", "America/New_York"),
                ("UserType", "Standard"),
            ];
            let body = body.into_iter().map(|(key, value)| (key.to_owned(), text(value))).collect();
            let loaded = self.load_record(table, &body);
            debug_assert_eq!(loaded, Ok(()), "the users of the table above are well formed");
        }
        self.users_untouched = true;
    }

    /// Fills in what the system keeps about a record.
    pub(crate) fn stamp(&self, table: usize, row: &mut Row, created: bool) {
        let object = &self.schema.objects[table];
        let now = Cell::Time(self.now());
        let set = |row: &mut Row, name: &str, cell: &Cell| {
            if let Some(field) = object.slot(name) {
                row.set(field, Some(cell.clone()));
            }
        };
        if created {
            set(row, "Id", &Cell::Id(row.id));
            set(row, "CreatedDate", &now);
            set(row, "CreatedById", &Cell::Id(self.user));
            set(row, "IsDeleted", &Cell::Bool(false));
        }
        set(row, "LastModifiedDate", &now);
        set(row, "LastModifiedById", &Cell::Id(self.user));
        set(row, "SystemModstamp", &now);
    }
}
