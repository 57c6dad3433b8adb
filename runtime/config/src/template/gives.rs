//! What a template can give, as far as that is known before any call: these values, or something of a sort.
//!
//! Not for whether a field takes it: that is `resolve`'s. Where nothing is certain the sort is [`Sort::Any`], and nobody complains.

use serde_json::Value;

use super::{ArgNode, Call, Node, Template};
use crate::functions::{Arg, present};
use crate::types::Type;

/// What a template can give; absent it may be as well.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gives {
    /// Values that are known in full.
    pub(crate) values: Vec<Value>,
    /// Others, each sort once; empty where `values` are all.
    pub(crate) others: Vec<Sort>,
}

/// A sort of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Anything at all.
    Any,
    /// What somebody said or is called: words, as long as they please.
    Words,
    /// Text that was put together; perhaps a number, and as long as its parts.
    Built,
    /// Text with an end to its length: an id, a number to call, a time as people write it.
    Short,
    /// A moment, as ISO 8601.
    Moment,
    /// A day, as YYYY-MM-DD.
    Day,
    /// A number.
    Number,
    /// True or false.
    Truth,
    /// A list or a group.
    Group,
}

/// More values than this are not worked out.
const MOST: usize = 64;

impl Gives {
    fn one(sort: Sort) -> Self {
        Self { values: Vec::new(), others: vec![sort] }
    }

    fn known(values: impl IntoIterator<Item = Value>) -> Self {
        let mut known = Self::default();
        values.into_iter().filter(present).for_each(|value| known.add(value));
        known
    }

    fn add(&mut self, value: Value) {
        if !self.values.contains(&value) {
            self.values.push(value);
        }
    }

    fn or(mut self, other: Self) -> Self {
        other.values.into_iter().for_each(|value| self.add(value));
        for sort in other.others {
            if !self.others.contains(&sort) {
                self.others.push(sort);
            }
        }
        self
    }
}

impl Template {
    /// What it can give where the place offers `types`.
    pub(crate) fn gives(&self, types: &Type) -> Gives {
        node(&self.0, types)
    }
}

fn node(node: &Node, types: &Type) -> Gives {
    match node {
        Node::Fixed(Value::Array(_) | Value::Object(_)) => Gives::one(Sort::Group),
        Node::Fixed(value) => Gives::known([value.clone()]),
        Node::Path(names) => path(names, types),
        Node::Call(call) => function(call, types),
        Node::Text(_) => Gives::one(Sort::Built),
        Node::List(_) | Node::Table { .. } => Gives::one(Sort::Group),
    }
}

fn path(names: &[String], types: &Type) -> Gives {
    let last = names.last().map_or("", String::as_str);
    match types.at(names) {
        Ok(Type::Choice(options)) => Gives::known(options.iter().map(|option| Value::from(option.as_str()))),
        Ok(Type::Number) => Gives::one(Sort::Number),
        Ok(Type::Bool) => Gives::one(Sort::Truth),
        Ok(Type::List(_) | Type::Record(..)) => Gives::one(Sort::Group),
        // Times are text to conditions and templates, and known by their names.
        Ok(Type::Text) => Gives::one(match last {
            "started_at" | "ended_at" | "start" | "end" | "due" | "starts_at" | "ends_at" => Sort::Moment,
            "due_date" => Sort::Day,
            "id" | "key" | "owner" | "account" | "national" | "carrier_id" | "phone" | "callback_phone" | "line" | "url" | "email"
            | "updated" | "last_touch" | "next_activity" | "source" | "timezone" | "priority" | "verdict" => Sort::Short,
            _ => Sort::Words,
        }),
        Ok(Type::Any) | Err(_) => Gives::one(Sort::Any),
    }
}

fn arg(arg: &ArgNode, types: &Type) -> Gives {
    match arg {
        ArgNode::Fixed(value) => Gives::known([value.clone()]),
        ArgNode::Path(names) => path(names, types),
        ArgNode::Call(call) => function(call, types),
    }
}

fn function(call: &Call, types: &Type) -> Gives {
    let args: Vec<Gives> = call.args.iter().map(|one| arg(one, types)).collect();
    match call.function {
        "default" => return args.into_iter().fold(Gives::default(), Gives::or),
        "choose" => return args.into_iter().skip(1).fold(Gives::default(), Gives::or),
        _ => {}
    }
    if let Some(known) = worked_out(call, &args) {
        return known;
    }
    Gives::one(match call.function {
        "eq" | "and" | "or" | "not" | "like" => Sort::Truth,
        "milliseconds" | "round" | "epoch_ms" => Sort::Number,
        "date" => Sort::Day,
        "utc" | "local" | "plus_seconds" => Sort::Moment,
        "time" | "minutes" | "digits" | "truncate" => Sort::Short,
        "without" | "only" | "each_value" => Sort::Group,
        // What was short is short in capitals, too.
        "upper" | "lower" | "capitalize" | "words" | "trim" => match args.first().map(|one| one.others.as_slice()) {
            Some([sort @ (Sort::Short | Sort::Words)]) => *sort,
            _ => Sort::Built,
        },
        "text" | "html" | "encode" | "quoted" | "quoted_all" | "join" | "concat" | "spread" => Sort::Built,
        _ => Sort::Any,
    })
}

/// Every result there can be, where all that goes in is known; each value may be absent as well.
fn worked_out(call: &Call, args: &[Gives]) -> Option<Gives> {
    if args.iter().any(|one| !one.others.is_empty()) {
        return None;
    }
    let mut rows: Vec<Vec<Arg>> = vec![Vec::new()];
    for (gives, given) in args.iter().zip(&call.args) {
        let fixed = matches!(given, ArgNode::Fixed(_));
        let choices: Vec<Arg> = gives.values.iter().cloned().map(Some).chain((!fixed).then_some(None)).collect();
        rows = rows.into_iter().flat_map(|row| choices.iter().map(move |one| [row.clone(), vec![one.clone()]].concat())).collect();
        if rows.len() > MOST {
            return None;
        }
    }
    Some(Gives::known(rows.iter().filter_map(|row| (call.call)(row))))
}

/// Where a text stands between quotes of a template, as a part of it.
pub(crate) fn literal(source: &str, text: &str) -> Option<std::ops::Range<usize>> {
    ['\'', '"'].iter().find_map(|quote| {
        let quoted = format!("{quote}{text}{quote}");
        source.find(&quoted).map(|at| at + 1..at + 1 + text.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Place;
    use crate::resolve::pipeline_types;
    use serde_json::json;

    #[track_caller]
    fn check(source: &str, values: Value, others: &[Sort]) {
        let types = pipeline_types(&crate::decl::ConnectorDecl::default(), true);
        let mut findings = Vec::new();
        let template = Template::compile(&Value::from(source), &Place::file("x.toml"), &types, &mut findings);
        let gives = template.unwrap_or_else(|| panic!("{findings:?}")).gives(&types);
        assert_eq!((Value::from(gives.values), gives.others.as_slice()), (values, others), "{source}");
    }

    #[test]
    fn what_is_certain() {
        check("Busy", json!(["Busy"]), &[]);
        check("{{summary}}", json!([]), &[Sort::Words]);
        check("{{call.duration_s}}", json!([]), &[Sort::Number]);
        check("{{captured.any}}", json!([]), &[Sort::Any]);
        check("{{call.id}} of {{call.source}}", json!([]), &[Sort::Built]);
        check("{{default caller.last_name 'Unknown'}}", json!(["Unknown"]), &[Sort::Words]);
        check("{{choose (eq call.direction 'inbound') 'Phone' ''}}", json!(["Phone"]), &[]);
        check("{{upper call.direction}}", json!(["INBOUND", "OUTBOUND"]), &[]);
        check("{{default route.due_date (date follow_up.due project.timezone)}}", json!([]), &[Sort::Day]);
        check("{{utc (default route.due follow_up.due)}}", json!([]), &[Sort::Moment]);
        check("{{lower caller.email}}", json!([]), &[Sort::Short]);
    }

    #[test]
    fn where_a_literal_stands() {
        assert_eq!(literal("{{choose a 'Yes' 'No'}}", "No"), Some(18..20));
        assert_eq!(literal("{{a}}", "No"), None);
    }
}
