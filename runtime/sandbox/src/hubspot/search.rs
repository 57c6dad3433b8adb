//! `POST /crm/v3/objects/{type}/search`.
//!
//! Source: HubSpot's guide "search the CRM". It reads the index only, never the records, so a record
//! that has just been written, changed or deleted answers as it was.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    index::{Doc, Index},
    kind::Kind,
    problem::Problem,
    property::{Schema, Type},
    render::{self, Ask},
    value,
};

/// The longest body, in characters.
const LONGEST_BODY: usize = 3_000;
/// How deep paging reaches.
const DEEPEST: usize = 10_000;

/// What a filter compares.
#[derive(Clone, Copy, Debug)]
enum Subject<'a> {
    Property(&'a str, Type),
    /// `associations.{type}`
    Association(Kind),
}

/// One filter, read and checked.
#[derive(Debug)]
struct Filter<'a> {
    subject: Subject<'a>,
    operator: &'a str,
    value: &'a str,
    high: &'a str,
    values: Vec<&'a str>,
}

/// One search, read and checked.
struct Search<'a> {
    kind: Kind,
    groups: Vec<Vec<Filter<'a>>>,
    words: Vec<String>,
    sort: Option<(&'a str, Type, bool)>,
    limit: usize,
    after: usize,
}

/// Answers one search. The caller has let due changes into the index.
pub(super) fn search(index: &Index, schema: &Schema, kind: Kind, body: &[u8]) -> Result<Value, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::bad_json("not UTF-8"))?;
    if text.chars().nth(LONGEST_BODY).is_some() {
        return Err(Problem::validation(format!("The request body is longer than {LONGEST_BODY} characters")));
    }
    let body: Value = if text.trim().is_empty() {
        json!({})
    } else {
        serde_json::from_str(text).map_err(|error| Problem::bad_json(&error.to_string()))?
    };
    let search = read(schema, kind, &body)?;
    let found = run(index, &search);
    let names = body.get("properties").and_then(Value::as_array).into_iter().flatten();
    let ask = Ask::named(schema, names.filter_map(Value::as_str));
    let results: Vec<Value> = found
        .iter()
        .skip(search.after)
        .take(search.limit)
        .map(|(id, doc)| {
            let view = render::View { kind, id: *id, values: &doc.values, created: doc.created, updated: doc.updated, archived: None };
            view.json(&ask)
        })
        .collect();
    let end = search.after + results.len();
    let mut answer = json!({"total": found.len(), "results": results});
    if end < found.len() && search.limit > 0 {
        answer["paging"] = json!({"next": {"after": end.to_string()}});
    }
    Ok(answer)
}

fn read<'a>(schema: &'a Schema, kind: Kind, body: &'a Value) -> Result<Search<'a>, Problem> {
    let list = |value: &'a Value, key: &str| -> &'a [Value] { value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice) };
    let groups = list(body, "filterGroups");
    if groups.len() > 5 {
        return Err(Problem::validation("The maximum number of filter groups is 5"));
    }
    // A bare `filters` is one group.
    let bare = [body];
    let groups: Vec<&Value> = if groups.is_empty() && body.get("filters").is_some() { bare.to_vec() } else { groups.iter().collect() };
    let mut count = 0;
    let mut read_groups = Vec::with_capacity(groups.len());
    for group in groups {
        let filters = list(group, "filters");
        count += filters.len();
        if filters.len() > 6 || count > 18 {
            return Err(Problem::validation("A filter group takes at most 6 filters, a search at most 18"));
        }
        read_groups.push(filters.iter().map(|filter| read_filter(schema, filter)).collect::<Result<Vec<_>, _>>()?);
    }
    let limit = whole(body, "limit", 10)?;
    if limit > 200 {
        return Err(Problem::validation("limit must be at most 200"));
    }
    let after = whole(body, "after", 0)?;
    if after + limit > DEEPEST {
        return Err(Problem::validation(format!("after: paging reaches at most {DEEPEST} results")));
    }
    let sorts = list(body, "sorts");
    if sorts.len() > 1 {
        return Err(Problem::validation("Only one sort is supported"));
    }
    let sort = match sorts.first() {
        None => None,
        Some(sort) => {
            let name = sort.as_str().or_else(|| sort.get("propertyName")?.as_str()).unwrap_or_default();
            let property = schema.get(name).ok_or_else(|| unknown(name))?;
            let down = sort.get("direction").and_then(Value::as_str) == Some("DESCENDING");
            Some((&*property.name, property.kind, down))
        }
    };
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let words = query.split_whitespace().map(str::to_lowercase).collect();
    Ok(Search { kind, groups: read_groups, words, sort, limit, after })
}

/// A number that may come as text, as `after` does.
fn whole(body: &Value, key: &str, default: usize) -> Result<usize, Problem> {
    let bad = || Problem::validation(format!("{key} is not a number"));
    match body.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::String(text)) if text.is_empty() => Ok(default),
        Some(Value::String(text)) => text.parse().map_err(|_| bad()),
        Some(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()).ok_or_else(bad),
    }
}

fn unknown(name: &str) -> Problem {
    let message = format!("Property \"{name}\" does not exist");
    let mut problem = Problem::validation("There was a problem with the request.");
    problem.errors = vec![json!({"message": message, "code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": [name]}})];
    problem
}

fn read_filter<'a>(schema: &'a Schema, filter: &'a Value) -> Result<Filter<'a>, Problem> {
    let text = |key: &str| filter.get(key).and_then(Value::as_str);
    let name = text("propertyName").ok_or_else(|| Problem::bad_json("propertyName is missing"))?;
    let operator = text("operator").ok_or_else(|| Problem::bad_json("operator is missing"))?;
    let subject = match name.strip_prefix("associations.") {
        Some(with) => Subject::Association(Kind::named(with).ok_or_else(|| super::unknown_type(with))?),
        None => {
            let property = schema.get(name).ok_or_else(|| unknown(name))?;
            Subject::Property(&property.name, property.kind)
        }
    };
    let values: Vec<&str> = filter.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let missing = |what: &str| Err(Problem::validation(format!("operator {operator} of {name} needs {what}")));
    match operator {
        "EQ" | "NEQ" | "LT" | "LTE" | "GT" | "GTE" | "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN" => {
            if text("value").is_none() {
                return missing("a value");
            }
        }
        "BETWEEN" => {
            if text("value").is_none() || text("highValue").is_none() {
                return missing("a value and a highValue");
            }
        }
        "IN" | "NOT_IN" => {
            if values.is_empty() {
                return missing("values");
            }
        }
        "HAS_PROPERTY" | "NOT_HAS_PROPERTY" => {}
        other => return Err(Problem::bad_json(&format!("{other} is not an operator"))),
    }
    Ok(Filter { subject, operator, value: text("value").unwrap_or_default(), high: text("highValue").unwrap_or_default(), values })
}

/// All that match, in the order of the answer.
fn run<'i>(index: &'i Index, search: &Search<'_>) -> Vec<(u64, &'i Doc)> {
    let kind = search.kind;
    let mut found: Vec<(u64, &Doc)> = Vec::new();
    if search.groups.is_empty() {
        found.extend(index.docs(kind));
    }
    for group in &search.groups {
        // The filter that an index answers with the fewest records, if there is one.
        let narrow = group.iter().filter_map(|filter| candidates(index, kind, filter)).min_by_key(BTreeSet::len);
        let all = |id: u64, doc: &Doc| group.iter().all(|filter| matches(index, kind, filter, id, doc));
        match narrow {
            Some(ids) => {
                let docs = ids.into_iter().filter_map(|id| Some((id, index.doc(kind, id)?)));
                found.extend(docs.filter(|(id, doc)| all(*id, doc)));
            }
            None => found.extend(index.docs(kind).filter(|(id, doc)| all(*id, doc))),
        }
    }
    if search.groups.len() > 1 {
        found.sort_unstable_by_key(|(id, _)| *id);
        found.dedup_by_key(|(id, _)| *id);
    }
    if !search.words.is_empty() {
        found.retain(|(_, doc)| speaks_of(kind, doc, &search.words));
    }
    if let Some((name, kind, down)) = search.sort {
        found.sort_by(|(_, one), (_, other)| {
            let (one, other) = (one.values.get(name), other.values.get(name));
            match (one, other) {
                // Records without the value come last, in either direction.
                (Some(one), Some(other)) if down => compare(kind, other, one),
                (Some(one), Some(other)) => compare(kind, one, other),
                (one, other) => other.is_some().cmp(&one.is_some()),
            }
        });
    }
    found
}

/// What an index says about a filter: a set that holds all records that match it.
fn candidates(index: &Index, kind: Kind, filter: &Filter<'_>) -> Option<BTreeSet<u64>> {
    let values: Vec<&str> = match filter.operator {
        "EQ" => vec![filter.value],
        "IN" => filter.values.clone(),
        _ => return None,
    };
    match filter.subject {
        Subject::Association(with) => {
            let ids = values.iter().filter_map(|value| value.parse().ok());
            Some(ids.filter_map(|id| index.linked(kind, with, id)).flatten().copied().collect())
        }
        Subject::Property("hs_object_id", _) => Some(values.iter().filter_map(|value| value.parse().ok()).collect()),
        Subject::Property(name, _) => {
            let mut out = BTreeSet::new();
            for value in values {
                out.extend(index.lookup(kind, name, &value.to_lowercase())?.into_iter().flatten().copied());
            }
            Some(out)
        }
    }
}

fn matches(index: &Index, kind: Kind, filter: &Filter<'_>, id: u64, doc: &Doc) -> bool {
    let (name, data) = match filter.subject {
        Subject::Property(name, data) => (name, data),
        Subject::Association(with) => {
            let has = |value: &str| value.parse().is_ok_and(|other| index.linked(kind, with, other).is_some_and(|ids| ids.contains(&id)));
            return match filter.operator {
                "EQ" => has(filter.value),
                "NEQ" => !has(filter.value),
                "IN" => filter.values.iter().any(|value| has(value)),
                "NOT_IN" => !filter.values.iter().any(|value| has(value)),
                "HAS_PROPERTY" => index.linked(with, kind, id).is_some(),
                "NOT_HAS_PROPERTY" => index.linked(with, kind, id).is_none(),
                _ => false,
            };
        }
    };
    let Some(held) = doc.values.get(name) else {
        return filter.operator == "NOT_HAS_PROPERTY";
    };
    let against = |value: &str| compare(data, held, value);
    match filter.operator {
        "EQ" => against(filter.value) == Ordering::Equal,
        "NEQ" => against(filter.value) != Ordering::Equal,
        "LT" => against(filter.value) == Ordering::Less,
        "LTE" => against(filter.value) != Ordering::Greater,
        "GT" => against(filter.value) == Ordering::Greater,
        "GTE" => against(filter.value) != Ordering::Less,
        "BETWEEN" => against(filter.value) != Ordering::Less && against(filter.high) != Ordering::Greater,
        "IN" => filter.values.iter().any(|value| listed(data, held, value)),
        "NOT_IN" => !filter.values.iter().any(|value| listed(data, held, value)),
        "HAS_PROPERTY" => true,
        "CONTAINS_TOKEN" => has_token(held, filter.value),
        "NOT_CONTAINS_TOKEN" => !has_token(held, filter.value),
        _ => false,
    }
}

/// Text is compared without case, options with it; numbers and times by what they mean.
fn compare(kind: Type, held: &str, value: &str) -> Ordering {
    match kind {
        Type::Number => {
            let number = |text: &str| text.trim().parse::<f64>().unwrap_or(f64::NAN);
            number(held).partial_cmp(&number(value)).unwrap_or(Ordering::Less)
        }
        Type::Datetime | Type::Date => value::instant(held).cmp(&value::instant(value)),
        Type::Enumeration => held.cmp(value),
        Type::Text | Type::Phone | Type::Bool => held.to_lowercase().cmp(&value.to_lowercase()),
    }
}

/// The rule of IN and NOT_IN: the values of text properties must be given in lower case.
fn listed(kind: Type, held: &str, value: &str) -> bool {
    match kind {
        Type::Text | Type::Phone => held.to_lowercase() == value,
        _ => compare(kind, held, value) == Ordering::Equal,
    }
}

fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphanumeric()).filter(|token| !token.is_empty()).map(str::to_lowercase)
}

/// Whether a text has a token; `*` at either end of the wanted one stands for anything.
fn has_token(held: &str, wanted: &str) -> bool {
    let open = (wanted.starts_with('*'), wanted.ends_with('*'));
    let parts: Vec<String> = tokens(wanted).collect();
    let held: Vec<String> = tokens(held).collect();
    match parts.as_slice() {
        [] => wanted.contains('*') && !held.is_empty(),
        [part] => held.iter().any(|token| match open {
            (true, true) => token.contains(part),
            (true, false) => token.ends_with(part),
            (false, true) => token.starts_with(part),
            (false, false) => token == part,
        }),
        // Several tokens, as in an address, must follow one another.
        parts => held.windows(parts.len()).any(|window| window == parts),
    }
}

/// Whether every word starts a token of the searchable properties.
fn speaks_of(kind: Kind, doc: &Doc, words: &[String]) -> bool {
    let texts = || kind.searchable().iter().filter_map(|name| doc.values.get(*name));
    words.iter().all(|word| {
        texts().any(|text| {
            let text = text.to_lowercase();
            text.starts_with(word.as_str()) || tokens(&text).any(|token| token.starts_with(word.as_str()))
        })
    })
}
