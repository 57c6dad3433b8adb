//! SOSL and `parameterizedSearch`: words and phone numbers, found only after the index has caught up.
//!
//! Not for queries. Relevance, stemming, operators inside FIND and snippets are not modelled.

use serde_json::{Value, json};

use super::{
    Salesforce,
    call::{Answer, Call},
    error::ApiError,
    org::Org,
    rest::body_of,
    schema::Kind,
    soql::{
        bind::{Binder, Column, Query, Scope},
        parse::{Name, Parser},
    },
    store::{Row, last_digits},
};

/// Most records of one search.
const MOST: usize = 2_000;
/// Objects that are searched when a search names none.
const SEARCHED: &[&str] = &["Account", "Contact", "Lead", "Opportunity", "Case", "Task", "Event", "User"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    All,
    Name,
    Email,
    Phone,
}

impl Group {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "ALL" | "SIDEBAR" => Some(Self::All),
            "NAME" => Some(Self::Name),
            "EMAIL" => Some(Self::Email),
            "PHONE" => Some(Self::Phone),
            _ => None,
        }
    }
}

impl Salesforce {
    pub(crate) fn search(&mut self, call: &Call) -> Result<Answer, ApiError> {
        let text = call.get("q").unwrap_or_default();
        let open = text.find('{').filter(|open| text[..*open].trim().eq_ignore_ascii_case("FIND"));
        let (Some(open), Some(close)) = (open, open.and_then(|open| closing(text, open))) else {
            return Err(ApiError::new(400, "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces."));
        };
        let term = unescape(&text[open + 1..close]);
        let rest = &text[close + 1..];
        let mut parser = Parser::new(rest)?;
        let mut group = Group::All;
        if parser.eat_word("IN") {
            group = Group::parse(parser.name()?.text).ok_or_else(|| parser.unexpected())?;
            if !parser.eat_word("FIELDS") {
                return Err(parser.unexpected());
            }
        }
        let mut queries = Vec::new();
        if parser.eat_word("RETURNING") {
            loop {
                queries.push(self.returning(rest, &mut parser)?);
                if !parser.eat(",") {
                    break;
                }
            }
        }
        let tail = parser.tail()?;
        let queries = if queries.is_empty() { self.everywhere()? } else { queries };
        self.org.find_term(&term, group, &queries, tail.limit.unwrap_or(MOST).min(MOST), call.options.version)
    }

    pub(crate) fn parameterized_search(&mut self, call: &Call) -> Result<Answer, ApiError> {
        let empty = serde_json::Map::new();
        let body = if call.method == "GET" { &empty } else { body_of(call)? };
        let text = |name: &str| body.get(name).and_then(Value::as_str).or_else(|| call.get(name));
        let term = text("q").unwrap_or_default();
        let group = Group::parse(text("in").unwrap_or("ALL")).unwrap_or(Group::All);
        let names = |value: Option<&Value>| -> Vec<String> {
            value.and_then(Value::as_array).into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
        };
        let shared = names(body.get("fields"));
        let mut queries = Vec::new();
        for object in body.get("sobjects").and_then(Value::as_array).into_iter().flatten() {
            let own = names(object.get("fields"));
            let fields = if own.is_empty() { &shared } else { &own };
            let fields = if fields.is_empty() { "Id".to_owned() } else { fields.join(",") };
            let filter = object["where"].as_str().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
            let limit = object["limit"].as_u64().map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
            // The same grammar as RETURNING, so it is read by the same code.
            let clause = format!("{}({fields}{filter}{limit})", object["name"].as_str().unwrap_or_default());
            queries.push(self.returning(&clause, &mut Parser::new(&clause)?)?);
        }
        let queries = if queries.is_empty() { self.everywhere()? } else { queries };
        let limit = body.get("overallLimit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        self.org.find_term(term, group, &queries, limit.unwrap_or(MOST).min(MOST), call.options.version)
    }

    fn everywhere(&self) -> Result<Vec<Query>, ApiError> {
        SEARCHED.iter().map(|name| self.returning(name, &mut Parser::new(name)?)).collect()
    }

    /// One object of a RETURNING clause.
    fn returning<'a>(&self, text: &'a str, parser: &mut Parser<'a>) -> Result<Query, ApiError> {
        let binder = Binder { org: &self.org, query: text };
        let object = parser.name()?;
        let Some(table) = self.org.schema.find(object.text) else {
            return Err(binder.no_object(object));
        };
        let scope = Scope { table, names: [Some(self.org.schema.objects[table].name), None] };
        let id = Column::Path(binder.path(&scope, Name { text: "Id", at: 0 })?);
        if !parser.eat("(") {
            return Ok(Query { columns: vec![id], ..binder.tail(&scope, &super::soql::parse::Tail::default())? });
        }
        let mut columns = Vec::new();
        loop {
            columns.push(Column::Path(binder.path(&scope, parser.name()?)?));
            if !parser.eat(",") {
                break;
            }
        }
        let query = binder.tail(&scope, &parser.tail()?)?;
        parser.need(")")?;
        Ok(Query { columns, ..query })
    }
}

impl Org {
    fn find_term(&self, term: &str, group: Group, queries: &[Query], limit: usize, version: u32) -> Result<Answer, ApiError> {
        let term = term.trim().trim_matches('"');
        if term.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
            let message = format!("search term must be longer than one character: {term}");
            return Err(ApiError::new(400, "MALFORMED_SEARCH", message));
        }
        let mut records = Vec::new();
        for query in queries {
            // A filter, an order and a limit of its own apply to what the index gives.
            let rows = self.find_rows_among(query, self.hits(query.table, term, group));
            records.extend(rows.into_iter().map(|at| self.render(query, at, version)));
        }
        records.truncate(limit);
        Ok(Answer::ok(json!({ "searchRecords": records })))
    }

    /// Records that the index knows and that fit the term.
    fn hits(&self, table: usize, term: &str, group: Group) -> Vec<u32> {
        let indexed_until = self.now_ms - self.settings.index_lag_ms;
        let caught_up = |at: &u32| self.store.row(table, *at).searchable_ms <= indexed_until;
        let mut hits = Vec::new();
        let digits: String = term.chars().filter(char::is_ascii_digit).collect();
        if matches!(group, Group::Phone | Group::All) && digits.len() >= 4 && !term.contains(char::is_alphabetic) {
            let near = self.store.by_digits(table, &last_digits(&digits));
            hits.extend(near.iter().copied().filter(|at| self.rings(table, self.store.row(table, *at), &digits)));
        }
        if group != Group::Phone {
            let words = words(term);
            let fields: Vec<usize> = self.schema.objects[table]
                .visible()
                .filter(|(_, field)| match group {
                    Group::Name => matches!(field.name.as_str(), "Name" | "Subject" | "CaseNumber" | "Company"),
                    Group::Email => field.kind == Kind::Email,
                    _ => matches!(field.kind, Kind::Email | Kind::Text | Kind::TextArea | Kind::Combobox),
                })
                .map(|(at, _)| at)
                .collect();
            hits.extend(self.store.rows(table).filter(|(_, row)| says(row, &fields, &words)).map(|(at, _)| at));
        }
        hits.retain(caught_up);
        hits.sort_unstable();
        hits.dedup();
        hits
    }

    /// The same digits, or the same but for a country code that the search leaves out.
    fn rings(&self, table: usize, row: &Row, digits: &str) -> bool {
        let phones = self.store.phones(table).iter().filter_map(|field| row.text(*field));
        phones
            .map(|phone| phone.chars().filter(char::is_ascii_digit).collect::<String>())
            .any(|phone| phone == digits || (digits.len() >= 10 && phone.len() <= digits.len() + 3 && phone.ends_with(digits)))
    }
}

/// All words stand in the fields; one with `*` at its end may stand at the start of a longer one.
fn says(row: &Row, fields: &[usize], words: &[String]) -> bool {
    let said: Vec<String> = fields.iter().filter_map(|field| row.text(*field)).flat_map(self::words).collect();
    words.iter().all(|word| match word.strip_suffix('*') {
        Some(start) => said.iter().any(|said| said.starts_with(start)),
        None => said.contains(word),
    })
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '*').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn closing(text: &str, open: usize) -> Option<usize> {
    let mut escaped = false;
    text[open..].char_indices().find_map(|(at, c)| {
        let closes = c == '}' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(open + at)
    })
}

fn unescape(term: &str) -> String {
    let mut out = String::with_capacity(term.len());
    let mut chars = term.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}
