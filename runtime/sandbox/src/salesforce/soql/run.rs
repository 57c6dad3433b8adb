//! Finds the records of a query: through an index where one fits, else by looking at all.
//!
//! Not for the shape of the answer: that is `render`.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    bind::{Filter, Leaf, Order, Path, Query, Test, Wild},
    parse::Op,
};
use crate::salesforce::{
    cell::Cell,
    id::Id,
    org::Org,
    schema::Kind,
    store::{self, Key, Row},
};

/// Records that a filter can only be true for.
enum Places<'a> {
    Id(Option<u32>),
    Index(&'a [u32]),
    Many(Vec<u32>),
}

impl Places<'_> {
    fn as_slice(&self) -> &[u32] {
        match self {
            Self::Id(place) => place.as_slice(),
            Self::Index(places) => places,
            Self::Many(places) => places,
        }
    }
}

impl Org {
    /// The records of a query in its order, within its limit. `parent` narrows a child subquery: the field
    /// that names the parent, and the parent.
    pub(crate) fn find_rows(&self, query: &Query, parent: Option<(usize, Id)>) -> Vec<u32> {
        let table = query.table;
        if query.all && parent.is_none() {
            // No index holds deleted records.
            return self.narrow(query, self.store.all_rows(table).map(|(at, _)| at));
        }
        let places = match parent {
            Some((link, id)) => self.store.look_up(table, link, &Key::Id(id)).map(Places::Index),
            None => query.filter.as_ref().and_then(|filter| self.places(table, filter)),
        };
        let child = |at: &u32| parent.is_none_or(|(link, id)| self.store.row(table, *at).get(link) == Some(&Cell::Id(id)));
        match &places {
            Some(places) => {
                let mut places = places.as_slice().to_vec();
                places.sort_unstable();
                places.dedup();
                self.narrow(query, places.into_iter().filter(child))
            }
            None => self.narrow(query, self.store.rows(table).map(|(at, _)| at).filter(child)),
        }
    }

    /// The records of a query among those that something else has found.
    pub(crate) fn find_rows_among(&self, query: &Query, places: Vec<u32>) -> Vec<u32> {
        self.narrow(query, places.into_iter())
    }

    /// Filter, order, offset and limit, in that order.
    fn narrow(&self, query: &Query, places: impl Iterator<Item = u32>) -> Vec<u32> {
        let table = query.table;
        let fits = |at: &u32| {
            let row = self.store.row(table, *at);
            (query.all || !row.deleted) && query.filter.as_ref().is_none_or(|filter| self.fits(table, row, filter))
        };
        // Without an order the first ones will do.
        let enough = if query.order.is_empty() { query.limit.map(|limit| limit.saturating_add(query.offset)) } else { None };
        let mut found: Vec<u32> = places.filter(fits).take(enough.unwrap_or(usize::MAX)).collect();
        if !query.order.is_empty() {
            self.sort(table, &mut found, &query.order);
        }
        if query.offset > 0 {
            found.drain(..query.offset.min(found.len()));
        }
        found.truncate(query.limit.unwrap_or(usize::MAX));
        found
    }

    fn sort(&self, table: usize, found: &mut [u32], order: &[Order]) {
        let keys = |at: &u32| -> Vec<Option<Cell>> {
            let row = self.store.row(table, *at);
            order.iter().map(|order| self.value(table, row, &order.path).map(Cow::into_owned)).collect()
        };
        let mut keyed: Vec<_> = found.iter().map(|at| (keys(at), *at)).collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let pairs = order.iter().zip(a.iter().zip(b));
            pairs.fold(Ordering::Equal, |result, (order, (a, b))| result.then_with(|| compare(order, a.as_ref(), b.as_ref())))
        });
        for (to, (_, at)) in found.iter_mut().zip(keyed) {
            *to = at;
        }
    }

    /// The value at the end of a path; a parent that is not there makes it null.
    pub(crate) fn value<'a>(&'a self, table: usize, row: &'a Row, path: &Path) -> Option<Cow<'a, Cell>> {
        let (table, row) = path.steps.iter().try_fold((table, row), |(_, row), step| self.follow(row.get(step.field)?.as_id()?))?;
        self.leaf(table, row, path)
    }

    pub(crate) fn leaf<'a>(&'a self, table: usize, row: &'a Row, path: &Path) -> Option<Cow<'a, Cell>> {
        let object = &self.schema.objects[table];
        match path.leaf {
            Leaf::Field(field) => row.get(field).map(Cow::Borrowed),
            Leaf::Named if path.name == "Type" => Some(Cow::Owned(Cell::Text(object.name.into()))),
            // A case has no name of its own; its number stands in.
            Leaf::Named if path.name == "Name" && object.name == "Case" => row.get(object.slot("CaseNumber")?).map(Cow::Borrowed),
            Leaf::Named => row.get(object.find(&path.name)?).map(Cow::Borrowed),
        }
    }

    /// Where a filter can be true, by index; `None` when only looking at all records tells.
    fn places(&self, table: usize, filter: &Filter) -> Option<Places<'_>> {
        match filter {
            Filter::And(all) => {
                let places = all.iter().filter_map(|filter| self.places(table, filter));
                places.min_by_key(|places| places.as_slice().len())
            }
            Filter::Or(all) => {
                let mut union = Vec::new();
                for filter in all {
                    union.extend_from_slice(self.places(table, filter)?.as_slice());
                }
                Some(Places::Many(union))
            }
            Filter::Test(path, Test::Compare(Op::Equal, cell)) => self.places_of(table, path, cell),
            Filter::Test(path, Test::In { not: false, values, null: false }) => {
                let mut union = Vec::new();
                for cell in values {
                    union.extend_from_slice(self.places_of(table, path, cell)?.as_slice());
                }
                Some(Places::Many(union))
            }
            Filter::Test(path, Test::Null(true)) if path.kind == Kind::Id && path.steps.is_empty() => Some(Places::Many(Vec::new())),
            Filter::Test(path, Test::Like(pattern)) if path.kind == Kind::Phone && path.steps.is_empty() => {
                let digits = digits(pattern)?;
                let mut union = self.store.by_digits(table, &digits).to_vec();
                union.extend_from_slice(self.store.by_digits(table, store::ODD));
                Some(Places::Many(union))
            }
            Filter::Test(..) | Filter::Not(_) => None,
        }
    }

    fn places_of(&self, table: usize, path: &Path, cell: &Cell) -> Option<Places<'_>> {
        let Leaf::Field(field) = path.leaf else { return None };
        if !path.steps.is_empty() {
            return None;
        }
        match cell {
            Cell::Id(id) if path.kind == Kind::Id => Some(Places::Id(self.store.place(table, *id))),
            cell => self.store.look_up(table, field, &Key::of(cell)?).map(Places::Index),
        }
    }

    fn fits(&self, table: usize, row: &Row, filter: &Filter) -> bool {
        match filter {
            Filter::And(all) => all.iter().all(|filter| self.fits(table, row, filter)),
            Filter::Or(all) => all.iter().any(|filter| self.fits(table, row, filter)),
            Filter::Not(inner) => !self.fits(table, row, inner),
            Filter::Test(path, test) => holds(test, self.value(table, row, path).as_deref()),
        }
    }
}

/// The ten digits of a pattern that asks for them in their order and for nothing else. Without a leading 1, which a country code may be.
fn digits(pattern: &[Wild]) -> Option<String> {
    let mut digits = String::new();
    for wild in pattern {
        match wild {
            Wild::Any => {}
            Wild::Char(digit) if digit.is_ascii_digit() => digits.push(*digit),
            _ => return None,
        }
    }
    (digits.len() == 10 && !digits.starts_with('1')).then_some(digits)
}

/// Unlike SQL, `!=` and `NOT IN` hold for null.
fn holds(test: &Test, value: Option<&Cell>) -> bool {
    let Some(value) = value else {
        return match test {
            Test::Null(null) => *null,
            Test::Compare(op, _) | Test::Range(op, ..) => *op == Op::NotEqual,
            Test::Like(_) => false,
            Test::In { not, null, .. } => not != null,
        };
    };
    match test {
        Test::Null(null) => !null,
        Test::Compare(op, other) => value.compare(other).is_some_and(|order| match op {
            Op::Equal => order.is_eq(),
            Op::NotEqual => order.is_ne(),
            Op::Less => order.is_lt(),
            Op::LessOrEqual => order.is_le(),
            Op::Greater => order.is_gt(),
            Op::GreaterOrEqual => order.is_ge(),
            Op::Like => false,
        }),
        Test::Range(op, first, last) => {
            let from_first = value.compare(first).is_some_and(Ordering::is_ge);
            let to_last = value.compare(last).is_some_and(Ordering::is_le);
            match op {
                Op::Equal => from_first && to_last,
                Op::NotEqual => !(from_first && to_last),
                Op::Less => !from_first,
                Op::LessOrEqual => to_last,
                Op::Greater => !to_last,
                Op::GreaterOrEqual => from_first,
                Op::Like => false,
            }
        }
        Test::Like(pattern) => match value {
            Cell::Text(text) => is_like(&text.to_lowercase(), pattern),
            Cell::Id(id) => is_like(&id.to_string().to_lowercase(), pattern),
            _ => false,
        },
        Test::In { not, values, .. } => values.iter().any(|other| value.compare(other) == Some(Ordering::Equal)) != *not,
    }
}

fn is_like(text: &str, pattern: &[Wild]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut step) = (0, 0);
    // Where the last `%` stands, and how far it has reached.
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(step) {
            Some(Wild::Any) => {
                retry = Some((step, at));
                step += 1;
            }
            Some(Wild::One) => {
                at += 1;
                step += 1;
            }
            Some(Wild::Char(c)) if *c == text[at] => {
                at += 1;
                step += 1;
            }
            _ => match retry {
                Some((any, reached)) => {
                    retry = Some((any, reached + 1));
                    at = reached + 1;
                    step = any + 1;
                }
                None => return false,
            },
        }
    }
    pattern[step..].iter().all(|wild| *wild == Wild::Any)
}

fn compare(order: &Order, a: Option<&Cell>, b: Option<&Cell>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => {
            if order.nulls_last {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Some(_), None) => {
            if order.nulls_last {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Some(a), Some(b)) => {
            let ordering = a.compare(b).unwrap_or(Ordering::Equal);
            if order.descending { ordering.reverse() } else { ordering }
        }
    }
}
