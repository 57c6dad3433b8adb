//! Names and literals to fields and values, with the vendor's words for what does not exist.
//!
//! Not for running a query: that is `run`.

use jiff::{ToSpan as _, civil::Date};

use super::{
    lex::{pointing, unescape},
    parse::{Cond, Item, Literal, LiteralKind, Name, Op, Order as OrderText, Select, Tail, parse},
};
use crate::salesforce::{
    cell::{self, Cell},
    error::ApiError,
    id::Id,
    org::Org,
    schema::{Kind, Object},
};

/// Fields that any record behind a polymorphic reference can be asked for.
const NAME_FIELDS: &[&str] = &["Id", "Name", "FirstName", "LastName", "Email", "Phone", "Title", "Type", "Username", "IsActive"];

/// A query whose names all exist.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) table: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) count: bool,
    /// Deleted records count: `queryAll`.
    pub(crate) all: bool,
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Column {
    Path(Path),
    /// A child subquery: its name in the answer, the query, and the child's field that names the parent.
    Child {
        relation: &'static str,
        query: Query,
        link: usize,
    },
}

/// A field, maybe of a parent.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Step>,
    pub(crate) leaf: Leaf,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// From a record to its parent.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The reference field.
    pub(crate) field: usize,
    /// The parent's name in the answer.
    pub(crate) relation: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Leaf {
    Field(usize),
    /// By name, because the parent's object is not known before the record is.
    Named,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) path: Path,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Test(Path, Test),
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Null(bool),
    Compare(Op, Cell),
    /// A date literal: the first and the last day or second.
    Range(Op, Cell, Cell),
    /// Lower-case pattern.
    Like(Vec<Wild>),
    In {
        not: bool,
        values: Vec<Cell>,
        null: bool,
    },
}

/// One place of a LIKE pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wild {
    Any,
    One,
    Char(char),
}

/// Reads a query. Subqueries in `IN (SELECT ...)` are run at once.
pub(crate) fn read(org: &Org, text: &str) -> Result<Query, ApiError> {
    let select = parse(text)?;
    Binder { org, query: text }.select(&select)
}

pub(crate) struct Binder<'a> {
    pub(crate) org: &'a Org,
    pub(crate) query: &'a str,
}

impl Binder<'_> {
    fn select(&self, select: &Select<'_>) -> Result<Query, ApiError> {
        let Some(table) = self.org.schema.find(select.from.text) else {
            return Err(self.no_object(select.from));
        };
        self.select_from(table, select)
    }

    pub(crate) fn no_object(&self, name: Name<'_>) -> ApiError {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
             '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            name.text
        );
        pointing("INVALID_TYPE", self.query, name.at, message)
    }

    fn select_from(&self, table: usize, select: &Select<'_>) -> Result<Query, ApiError> {
        let object = &self.org.schema.objects[table];
        let scope = Scope { table, names: [Some(object.name), select.alias] };
        let mut columns = Vec::with_capacity(select.items.len());
        for item in &select.items {
            match item {
                Item::Field(name) => columns.push(Column::Path(self.path(&scope, *name)?)),
                Item::Child(child) => columns.push(self.child(object, child)?),
                Item::Fields(which) => columns.extend(self.fields(object, *which)?),
            }
        }
        let query = self.tail(&scope, &select.tail)?;
        Ok(Query { columns, count: select.count, ..query })
    }

    /// Everything but the columns.
    pub(crate) fn tail(&self, scope: &Scope<'_>, tail: &Tail<'_>) -> Result<Query, ApiError> {
        if tail.offset > 2_000 {
            let message = "Maximum SOQL offset allowed is 2000";
            return Err(ApiError::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message));
        }
        Ok(Query {
            table: scope.table,
            columns: Vec::new(),
            count: false,
            all: false,
            filter: tail.filter.as_ref().map(|cond| self.filter(scope, cond)).transpose()?,
            order: tail.order.iter().map(|order| self.order(scope, order)).collect::<Result<_, _>>()?,
            limit: tail.limit,
            offset: tail.offset,
        })
    }

    fn child(&self, object: &Object, child: &Select<'_>) -> Result<Column, ApiError> {
        let found = object.children.iter().find(|children| children.relation.eq_ignore_ascii_case(child.from.text));
        let Some(children) = found else {
            let message = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
                 WSDL or the describe call for the appropriate names.",
                child.from.text
            );
            return Err(pointing("INVALID_TYPE", self.query, child.from.at, message));
        };
        let table = self.org.table(children.object);
        let link = self.org.schema.objects[table].slot(children.field).unwrap_or_default();
        let query = self.select_from(table, child)?;
        Ok(Column::Child { relation: children.relation, query, link })
    }

    fn fields(&self, object: &Object, which: Name<'_>) -> Result<Vec<Column>, ApiError> {
        let wanted: fn(bool) -> bool = match which.text.to_ascii_uppercase().as_str() {
            "ALL" => |_| true,
            "STANDARD" => |custom| !custom,
            "CUSTOM" => |custom| custom,
            _ => return Err(pointing("MALFORMED_QUERY", self.query, which.at, format!("unexpected token: '{}'", which.text))),
        };
        let fields = object.visible().filter(|(_, field)| wanted(field.is_custom()));
        let path = |at: usize, name: &str, kind| Path { steps: Vec::new(), leaf: Leaf::Field(at), name: name.to_owned(), kind };
        Ok(fields.map(|(at, field)| Column::Path(path(at, &field.name, field.kind))).collect())
    }

    pub(crate) fn path(&self, scope: &Scope<'_>, name: Name<'_>) -> Result<Path, ApiError> {
        let mut parts: Vec<&str> = name.text.split('.').collect();
        if parts.len() > 1 && scope.names.iter().flatten().any(|scope| scope.eq_ignore_ascii_case(parts[0])) {
            parts.remove(0);
        }
        let last = parts.pop().unwrap_or_default();
        let mut table = Some(scope.table);
        let mut steps = Vec::with_capacity(parts.len());
        for part in parts {
            let object = table.map(|table| &self.org.schema.objects[table]);
            let Some((object, field)) = object.and_then(|object| Some((object, object.relation(part)?))) else {
                let message = format!(
                    "Didn't understand relationship '{part}' in field path. If you are attempting to use a custom \
                     relationship, be sure to append the '__r' after the custom relationship name. Please reference \
                     your WSDL or the describe call for the appropriate names."
                );
                return Err(pointing("INVALID_FIELD", self.query, name.at, message));
            };
            let reference = &object.fields[field];
            let relation = reference.relation.clone().unwrap_or_default();
            steps.push(Step { field, relation });
            table = match reference.refers_to.as_slice() {
                [one] => self.org.schema.find(one),
                _ => None,
            };
        }
        let entity = table.map_or("Name", |table| self.org.schema.objects[table].name);
        let found = match table {
            Some(table) => {
                let object = &self.org.schema.objects[table];
                object.find(last).map(|at| {
                    let field = &object.fields[at];
                    Path { steps, leaf: Leaf::Field(at), name: field.name.clone(), kind: field.kind }
                })
            }
            None => NAME_FIELDS.iter().find(|known| known.eq_ignore_ascii_case(last)).map(|known| {
                let kind = match *known {
                    "Id" => Kind::Id,
                    "IsActive" => Kind::Boolean,
                    _ => Kind::Text,
                };
                Path { steps, leaf: Leaf::Named, name: (*known).to_owned(), kind }
            }),
        };
        found.ok_or_else(|| {
            let message = format!(
                "No such column '{last}' on entity '{entity}'. If you are attempting to use a custom field, be sure to \
                 append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
                 appropriate names."
            );
            pointing("INVALID_FIELD", self.query, name.at, message)
        })
    }

    fn order(&self, scope: &Scope<'_>, order: &OrderText<'_>) -> Result<Order, ApiError> {
        let path = self.path(scope, order.name)?;
        self.check_filterable(scope, &path, order.name, "sorted")?;
        Ok(Order { path, descending: order.descending, nulls_last: order.nulls_last })
    }

    fn check_filterable(&self, scope: &Scope<'_>, path: &Path, name: Name<'_>, verb: &str) -> Result<(), ApiError> {
        let field = match (path.steps.as_slice(), &path.leaf) {
            ([], Leaf::Field(at)) => &self.org.schema.objects[scope.table].fields[*at],
            _ => return Ok(()),
        };
        if field.is_filterable() {
            return Ok(());
        }
        let message = format!("field '{}' can not be {verb} in a query call", field.name);
        Err(pointing("INVALID_FIELD", self.query, name.at, message))
    }

    fn filter(&self, scope: &Scope<'_>, cond: &Cond<'_>) -> Result<Filter, ApiError> {
        let all = |list: &[Cond<'_>]| list.iter().map(|cond| self.filter(scope, cond)).collect::<Result<Vec<_>, _>>();
        Ok(match cond {
            Cond::And(list) => Filter::And(all(list)?),
            Cond::Or(list) => Filter::Or(all(list)?),
            Cond::Not(inner) => Filter::Not(Box::new(self.filter(scope, inner)?)),
            Cond::Compare { name, op, value } => {
                let path = self.path(scope, *name)?;
                self.check_filterable(scope, &path, *name, "filtered")?;
                let test = self.test(&path, *op, value)?;
                Filter::Test(path, test)
            }
            Cond::In { name, not, values } => {
                let path = self.path(scope, *name)?;
                self.check_filterable(scope, &path, *name, "filtered")?;
                let mut cells = Vec::with_capacity(values.len());
                let mut null = false;
                for value in values {
                    match self.value(&path, value)? {
                        Some(cell) => cells.push(cell),
                        None => null = true,
                    }
                }
                Filter::Test(path, Test::In { not: *not, values: cells, null })
            }
            Cond::InSelect { name, not, select } => {
                let path = self.path(scope, *name)?;
                let inner = self.select(select)?;
                let [Column::Path(column)] = inner.columns.as_slice() else {
                    let message = "a semi join sub-select can only select one field";
                    return Err(pointing("MALFORMED_QUERY", self.query, select.from.at, message));
                };
                let rows = self.org.find_rows(&inner, None);
                let values = rows.iter().filter_map(|at| {
                    let row = self.org.store.row(inner.table, *at);
                    self.org.value(inner.table, row, column).map(|cell| cell.into_owned())
                });
                Filter::Test(path, Test::In { not: *not, values: values.collect(), null: false })
            }
        })
    }

    fn test(&self, path: &Path, op: Op, value: &Literal<'_>) -> Result<Test, ApiError> {
        if op == Op::Like {
            return match value.kind {
                LiteralKind::Text(text) if path.kind.is_text() || path.kind == Kind::Id => {
                    pattern(text).map(Test::Like).ok_or_else(|| self.illegal_escape(value))
                }
                LiteralKind::Text(_) => {
                    let message = format!("invalid operator on {} field", path.kind.name());
                    Err(pointing("INVALID_FIELD", self.query, value.at, message))
                }
                _ => Err(self.wrong_type(path, value)),
            };
        }
        if let LiteralKind::Date(word, count) = value.kind {
            let (first, last) = self.range(word, count).ok_or_else(|| self.wrong_type(path, value))?;
            return match path.kind {
                Kind::Date => Ok(Test::Range(op, Cell::Date(first), Cell::Date(last))),
                Kind::DateTime => {
                    let end = last.tomorrow().map_or(i64::MAX, cell::start_of_day) - 1;
                    Ok(Test::Range(op, Cell::Time(cell::start_of_day(first)), Cell::Time(end)))
                }
                _ => Err(self.wrong_type(path, value)),
            };
        }
        Ok(match (op, self.value(path, value)?) {
            (Op::NotEqual, None) => Test::Null(false),
            (_, None) => Test::Null(true),
            (op, Some(cell)) => Test::Compare(op, cell),
        })
    }

    /// The days that a date literal names, in UTC.
    fn range(&self, word: &str, count: i64) -> Option<(Date, Date)> {
        let today = cell::day(self.org.now());
        let off = |days: i64| today.checked_add(days.days()).ok();
        Some(match word.to_ascii_uppercase().as_str() {
            "TODAY" => (today, today),
            "YESTERDAY" => (off(-1)?, off(-1)?),
            "TOMORROW" => (off(1)?, off(1)?),
            "LAST_N_DAYS" => (off(-count)?, today),
            "NEXT_N_DAYS" => (off(1)?, off(count)?),
            "LAST_90_DAYS" => (off(-90)?, today),
            "NEXT_90_DAYS" => (off(1)?, off(90)?),
            "THIS_MONTH" => (today.first_of_month(), today.last_of_month()),
            "THIS_YEAR" => (today.first_of_year(), today.last_of_year()),
            _ => return None,
        })
    }

    /// The value of a literal for a field; `None` is null.
    fn value(&self, path: &Path, literal: &Literal<'_>) -> Result<Option<Cell>, ApiError> {
        let wrong = || self.wrong_type(path, literal);
        let cell = match literal.kind {
            LiteralKind::Null => return Ok(None),
            LiteralKind::Bool(value) if path.kind == Kind::Boolean => Cell::Bool(value),
            LiteralKind::Text(text) => {
                let text = unescape(text).ok_or_else(|| self.illegal_escape(literal))?;
                match path.kind {
                    Kind::Id | Kind::Reference if text.is_empty() => return Ok(None),
                    Kind::Id | Kind::Reference => match Id::parse(&text) {
                        Some(id) => Cell::Id(id),
                        None => {
                            let message = format!("invalid ID field: {text}");
                            return Err(pointing("INVALID_QUERY_FILTER_OPERATOR", self.query, literal.at, message));
                        }
                    },
                    kind if kind.is_text() && text.is_empty() => return Ok(None),
                    kind if kind.is_text() => Cell::Text(text.into()),
                    _ => return Err(wrong()),
                }
            }
            LiteralKind::Bare(text) => match path.kind {
                Kind::Date => Cell::Date(cell::parse_date(text).ok_or_else(wrong)?),
                Kind::DateTime => Cell::Time(cell::parse_time(text).ok_or_else(wrong)?),
                Kind::Int | Kind::Double | Kind::Currency | Kind::Percent => Cell::Number(text.parse().map_err(|_| wrong())?),
                _ => return Err(wrong()),
            },
            LiteralKind::Bool(_) | LiteralKind::Date(..) => return Err(wrong()),
        };
        Ok(Some(cell))
    }

    fn illegal_escape(&self, literal: &Literal<'_>) -> ApiError {
        pointing("MALFORMED_QUERY", self.query, literal.at, "illegal character escape in a string literal")
    }

    fn wrong_type(&self, path: &Path, literal: &Literal<'_>) -> ApiError {
        let (kind, quotes) = match path.kind {
            Kind::DateTime => ("dateTime", "should not"),
            Kind::Id | Kind::Reference => ("ID", "should"),
            kind if kind.is_text() => ("string", "should"),
            kind => (kind.name(), "should not"),
        };
        let message =
            format!("value of filter criterion for field '{}' must be of type {kind} and {quotes} be enclosed in quotes", path.name);
        pointing("INVALID_FIELD", self.query, literal.at, message)
    }
}

/// Where names are looked up.
pub(crate) struct Scope<'a> {
    pub(crate) table: usize,
    /// The object and its alias, which may stand before a field.
    pub(crate) names: [Option<&'a str>; 2],
}

/// A LIKE pattern in lower case; `\%` and `\_` are the characters themselves.
fn pattern(text: &str) -> Option<Vec<Wild>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\\' => 2.min(rest.len()),
            c => c.len_utf8(),
        };
        let (piece, tail) = rest.split_at_checked(length)?;
        match piece {
            "%" => out.push(Wild::Any),
            "_" => out.push(Wild::One),
            piece => out.extend(unescape(piece)?.to_lowercase().chars().map(Wild::Char)),
        }
        rest = tail;
    }
    Some(out)
}
