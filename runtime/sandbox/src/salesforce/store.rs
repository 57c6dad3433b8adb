//! Rows, their indexes, and the undo log that makes all-or-none requests cheap.
//!
//! Not for rules: whoever calls `insert` or `replace` has checked the values.

use std::collections::HashMap;

use super::{cell::Cell, id::Id, schema::Schema};

/// One record: its id and the values that are not null, ordered by field.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: Id,
    cells: Vec<(u16, Cell)>,
    pub(crate) deleted: bool,
    /// Milliseconds since 1970 of the last change to what search looks at.
    pub(crate) searchable_ms: i64,
}

impl Row {
    pub(crate) fn new(id: Id) -> Self {
        Self { id, cells: Vec::new(), deleted: false, searchable_ms: 0 }
    }

    pub(crate) fn get(&self, field: usize) -> Option<&Cell> {
        let at = self.cells.binary_search_by_key(&slot(field), |cell| cell.0).ok()?;
        Some(&self.cells[at].1)
    }

    pub(crate) fn text(&self, field: usize) -> Option<&str> {
        self.get(field).and_then(Cell::as_text)
    }

    pub(crate) fn is_true(&self, field: usize) -> bool {
        self.get(field) == Some(&Cell::Bool(true))
    }

    pub(crate) fn set(&mut self, field: usize, cell: Option<Cell>) {
        match (self.cells.binary_search_by_key(&slot(field), |cell| cell.0), cell) {
            (Ok(at), Some(cell)) => self.cells[at].1 = cell,
            (Ok(at), None) => {
                self.cells.remove(at);
            }
            (Err(at), Some(cell)) => self.cells.insert(at, (slot(field), cell)),
            (Err(_), None) => {}
        }
    }

    fn cells(&self) -> impl Iterator<Item = (usize, &Cell)> {
        self.cells.iter().map(|(field, cell)| (usize::from(*field), cell))
    }
}

/// Objects here have some fifty fields.
fn slot(field: usize) -> u16 {
    u16::try_from(field).unwrap_or(u16::MAX)
}

/// What an index looks up by: text without case, or a reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Text(Box<str>),
    Id(Id),
}

impl Key {
    pub(crate) fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(Self::text(text)),
            Cell::Id(id) => Some(Self::Id(*id)),
            _ => None,
        }
    }

    pub(crate) fn text(text: &str) -> Self {
        if text.is_ascii() {
            let mut text: Box<str> = text.into();
            text.make_ascii_lowercase();
            return Self::Text(text);
        }
        Self::Text(text.to_lowercase().into())
    }
}

type Index = HashMap<Key, Vec<u32>>;

/// All records of one object, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    by_id: HashMap<Id, u32>,
    /// One per indexed field.
    indexes: HashMap<usize, Index>,
    /// Phone fields by their last ten digits, for search.
    digits: HashMap<Box<str>, Vec<u32>>,
}

/// How to take one step back.
enum Undo {
    Insert { table: usize },
    Replace { table: usize, at: u32, old: Row },
}

/// The point to which [`Store::rollback`] goes back.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

/// The records of the org.
pub(crate) struct Store {
    tables: Vec<Table>,
    /// Fields whose digits are indexed, per table.
    phones: Vec<Vec<usize>>,
    undo: Vec<Undo>,
    /// How many requests that may roll back are under way, one inside the other.
    depth: usize,
    serial: u64,
}

impl Store {
    pub(crate) fn new(schema: &Schema) -> Self {
        let mut store = Self { tables: Vec::new(), phones: Vec::new(), undo: Vec::new(), depth: 0, serial: 0 };
        for object in &schema.objects {
            let mut table = Table::default();
            let mut phones = Vec::new();
            for (at, field) in object.fields.iter().enumerate() {
                if field.indexed {
                    table.indexes.insert(at, Index::new());
                }
                if field.kind == super::schema::Kind::Phone {
                    phones.push(at);
                }
            }
            store.tables.push(table);
            store.phones.push(phones);
        }
        store
    }

    /// Indexes a field that was added later.
    pub(crate) fn add_index(&mut self, table: usize, field: usize) {
        let table = &mut self.tables[table];
        let mut index = Index::new();
        for (at, row) in (0_u32..).zip(&table.rows) {
            if let Some(key) = row.get(field).and_then(Key::of)
                && !row.deleted
            {
                index.entry(key).or_default().push(at);
            }
        }
        table.indexes.insert(field, index);
    }

    /// A number never given before.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) fn row(&self, table: usize, at: u32) -> &Row {
        &self.tables[table].rows[at as usize]
    }

    /// The place of a record, deleted or not.
    pub(crate) fn place(&self, table: usize, id: Id) -> Option<u32> {
        self.tables[table].by_id.get(&id).copied()
    }

    /// A record that is there.
    pub(crate) fn live(&self, table: usize, id: Id) -> Option<&Row> {
        self.place(table, id).map(|at| self.row(table, at)).filter(|row| !row.deleted)
    }

    pub(crate) fn rows(&self, table: usize) -> impl Iterator<Item = (u32, &Row)> {
        (0_u32..).zip(&self.tables[table].rows).filter(|(_, row)| !row.deleted)
    }

    /// The same with the deleted ones.
    pub(crate) fn all_rows(&self, table: usize) -> impl Iterator<Item = (u32, &Row)> {
        (0_u32..).zip(&self.tables[table].rows)
    }

    /// Records with this value, or `None` when the field has no index.
    pub(crate) fn look_up(&self, table: usize, field: usize, key: &Key) -> Option<&[u32]> {
        let index = self.tables[table].indexes.get(&field)?;
        Some(index.get(key).map_or(&[], Vec::as_slice))
    }

    /// Records that have these last ten digits in a phone field.
    pub(crate) fn by_digits(&self, table: usize, digits: &str) -> &[u32] {
        self.tables[table].digits.get(digits).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn phones(&self, table: usize) -> &[usize] {
        &self.phones[table]
    }

    pub(crate) fn insert(&mut self, table: usize, row: Row) {
        let at = u32::try_from(self.tables[table].rows.len()).unwrap_or(u32::MAX);
        self.tables[table].by_id.insert(row.id, at);
        if !row.deleted {
            self.link(table, at, &row);
        }
        self.tables[table].rows.push(row);
        if self.depth > 0 {
            self.undo.push(Undo::Insert { table });
        }
    }

    /// Puts a row in the place of another, keeping the indexes right.
    pub(crate) fn replace(&mut self, table: usize, at: u32, row: Row) {
        let old = self.swap(table, at, row);
        if self.depth > 0 {
            self.undo.push(Undo::Replace { table, at, old });
        }
    }

    /// Starts something that may have to be rolled back.
    pub(crate) fn begin(&mut self) -> Mark {
        self.depth += 1;
        Mark(self.undo.len())
    }

    /// Keeps what was done since the mark.
    pub(crate) fn commit(&mut self, _: Mark) {
        self.depth -= 1;
        if self.depth == 0 {
            self.undo.clear();
        }
    }

    /// Undoes what was done since the mark.
    pub(crate) fn rollback(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            match self.undo.pop() {
                Some(Undo::Insert { table }) => {
                    // Steps are taken back in reverse, so the row that was added last is the last one.
                    if let Some(row) = self.tables[table].rows.pop() {
                        let at = u32::try_from(self.tables[table].rows.len()).unwrap_or(u32::MAX);
                        self.tables[table].by_id.remove(&row.id);
                        if !row.deleted {
                            self.unlink(table, at, &row);
                        }
                    }
                }
                Some(Undo::Replace { table, at, old }) => {
                    self.swap(table, at, old);
                }
                None => break,
            }
        }
        self.depth -= 1;
    }

    /// Touches only the indexes of fields that change: some lists, such as an owner's, are long.
    fn swap(&mut self, table: usize, at: u32, row: Row) -> Row {
        let old = self.tables[table].rows[at as usize].clone();
        match (old.deleted, row.deleted) {
            (false, false) => self.relink(table, at, &old, &row),
            (false, true) => self.unlink(table, at, &old),
            (true, false) => self.link(table, at, &row),
            (true, true) => {}
        }
        self.tables[table].rows[at as usize] = row;
        old
    }

    fn relink(&mut self, table: usize, at: u32, old: &Row, new: &Row) {
        let phones = &self.phones[table];
        let table = &mut self.tables[table];
        let mut rung = false;
        for (field, cell) in old.cells().filter(|(field, cell)| new.get(*field) != Some(cell)) {
            rung |= phones.contains(&field);
            if let (Some(index), Some(key)) = (table.indexes.get_mut(&field), Key::of(cell)) {
                take(index, &key, at);
            }
        }
        for (field, cell) in new.cells().filter(|(field, cell)| old.get(*field) != Some(cell)) {
            rung |= phones.contains(&field);
            if let (Some(index), Some(key)) = (table.indexes.get_mut(&field), Key::of(cell)) {
                index.entry(key).or_default().push(at);
            }
        }
        if rung {
            table.forget_digits(phones, at, old);
            table.learn_digits(phones, at, new);
        }
    }

    fn link(&mut self, table: usize, at: u32, row: &Row) {
        let phones = &self.phones[table];
        let table = &mut self.tables[table];
        for (field, cell) in row.cells() {
            if let (Some(index), Some(key)) = (table.indexes.get_mut(&field), Key::of(cell)) {
                index.entry(key).or_default().push(at);
            }
        }
        table.learn_digits(phones, at, row);
    }

    fn unlink(&mut self, table: usize, at: u32, row: &Row) {
        let phones = &self.phones[table];
        let table = &mut self.tables[table];
        for (field, cell) in row.cells() {
            if let (Some(index), Some(key)) = (table.indexes.get_mut(&field), Key::of(cell)) {
                take(index, &key, at);
            }
        }
        table.forget_digits(phones, at, row);
    }
}

impl Table {
    fn learn_digits(&mut self, phones: &[usize], at: u32, row: &Row) {
        for text in phones.iter().filter_map(|field| row.text(*field)) {
            for key in std::iter::once(last_digits(text)).chain(is_odd(text).then(|| ODD.to_owned())) {
                let list = self.digits.entry(key.into()).or_default();
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
    }

    fn forget_digits(&mut self, phones: &[usize], at: u32, row: &Row) {
        for text in phones.iter().filter_map(|field| row.text(*field)) {
            take(&mut self.digits, last_digits(text).as_str(), at);
            if is_odd(text) {
                take(&mut self.digits, ODD, at);
            }
        }
    }
}

/// Removes from the end backwards: what is undone was added last.
fn take<K, Q>(index: &mut HashMap<K, Vec<u32>>, key: &Q, at: u32)
where
    K: std::hash::Hash + Eq + std::borrow::Borrow<Q>,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(list) = index.get_mut(key) {
        if let Some(found) = list.iter().rposition(|entry| *entry == at) {
            list.swap_remove(found);
        }
        if list.is_empty() {
            index.remove(key);
        }
    }
}

/// Under this stand numbers whose last ten digits may not be all of them: two in one field, or an extension.
pub(crate) const ODD: &str = "odd";

fn is_odd(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.len() > 10 && !(digits.len() == 11 && digits.starts_with('1'))
}

/// The digits of a phone number, at most the last ten.
pub(crate) fn last_digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let from = digits.len().saturating_sub(10);
    digits[from..].to_owned()
}
