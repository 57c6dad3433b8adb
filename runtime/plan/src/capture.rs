//! What became of what was captured: of each value of a number of calls, whether it stands in a field of its own, only in a text beside others, or
//! nowhere; and which line brings it there, or which one would.
//!
//! The config says which fields a value goes to, and the receipts say what came of those. Not for which lines tests have used: that is `trial`.

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::PolicyDecl;
use aftercall_config::functions::present;
use aftercall_config::project::{FieldRule, Pipeline, Project};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scope::CALL_KEYS;

/// What of an outcome nobody captured: what it is known by, and what every call has.
const NOT_CAPTURED: [&str; 3] = ["id", "source", "direction"];

/// One call, with what came of its writes.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Its pipeline; absent before it is planned.
    pub pipeline: Option<String>,
    /// Whether there is still work to do.
    pub waits: bool,
    /// What was captured.
    pub outcome: CallOutcome,
    /// Its writes by name.
    pub writes: Vec<(String, Wrote)>,
}

/// What came of a write.
#[derive(Clone, Debug, Default)]
pub struct Wrote {
    /// Whether nothing more happens to it by itself, and it did not land.
    pub gave_up: bool,
    /// Its receipt.
    pub receipt: Vec<ReceiptLine>,
}

/// A line of a receipt, as far as it is looked at.
#[derive(Clone, Debug, Deserialize)]
pub struct ReceiptLine {
    /// The field.
    pub field: String,
    /// What came of it.
    pub state: String,
}

/// What became of one value in the calls of one pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CaptureLine {
    /// The pipeline; absent for calls that no pipeline has planned.
    pub pipeline: Option<String>,
    /// The value, as a template names it: `captured.language`.
    pub value: String,
    /// In how many calls it was captured. The numbers below add up to it.
    pub calls: u64,
    /// In so many it stands in a field of its own.
    pub field: u64,
    /// In so many only in a text, beside others.
    pub text: u64,
    /// In so many it is still on its way.
    pub waiting: u64,
    /// In so many nowhere, since a policy kept what stood in the field.
    pub kept: u64,
    /// In so many nowhere, since the system refused it or dropped it, or the write was given up.
    pub refused: u64,
    /// In so many nowhere, since no line of the config brought it anywhere.
    pub nowhere: u64,
    /// The lines that bring it somewhere now, those with a field of its own first.
    pub ways: Vec<Way>,
    /// What to write to give it a field of its own, where no line does.
    pub advice: Option<Advice>,
}

/// A line that brings a value somewhere.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Way {
    /// The write of the pipeline.
    pub write: String,
    /// The field.
    pub field: String,
    /// Whether the value has it for itself.
    pub alone: bool,
    /// The line, as `FILE:LINE`.
    pub origin: String,
}

/// What to write.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Advice {
    /// The file.
    pub file: String,
    /// The write of it under which the line stands.
    pub write: String,
    /// The line; the field's name is the operator's to put in.
    pub line: String,
}

/// Where a value is at best, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Field,
    Text,
    Waiting,
    Kept,
    Refused,
    Nowhere,
}

/// The table: by pipeline, what is lost first. Judged by the lines of the project as it is now and the receipts as they are.
pub fn capture<'a>(project: &Project, calls: impl IntoIterator<Item = &'a Captured>) -> Vec<CaptureLine> {
    let mut ways: BTreeMap<Option<&str>, Vec<Line<'_>>> = BTreeMap::new();
    let mut table: BTreeMap<(Option<&str>, String), BTreeMap<Place, u64>> = BTreeMap::new();
    let mut brought: BTreeMap<(Option<&str>, String), BTreeSet<usize>> = BTreeMap::new();
    for call in calls {
        let pipeline = call.pipeline.as_deref();
        let lines = ways
            .entry(pipeline)
            .or_insert_with(|| pipeline.and_then(|name| project.pipeline(name)).map(|pipeline| lines(pipeline)).unwrap_or_default());
        let all = values(&call.outcome);
        for path in &all {
            let key = (pipeline, template_name(path));
            let mut best = if call.waits { Place::Waiting } else { Place::Nowhere };
            for (at, line) in lines.iter().enumerate() {
                let Some(alone) = line.brings(path).filter(|alone| !alone || line.is_first(path, &all)) else { continue };
                brought.entry(key.clone()).or_default().insert(at);
                best = best.min(line.place(call, alone));
            }
            *table.entry(key).or_default().entry(best).or_default() += 1;
        }
    }
    let mut all: Vec<CaptureLine> = table
        .into_iter()
        .map(|(key, places)| {
            let of = |place| places.get(&place).copied().unwrap_or_default();
            let lines = ways.get(&key.0).map(Vec::as_slice).unwrap_or_default();
            let path: Vec<String> = path_of(&key.1);
            let mut own: Vec<Way> = brought.get(&key).into_iter().flatten().filter_map(|at| lines[*at].way(&path)).collect();
            own.sort_by_key(|way| !way.alone);
            let is_given = own.iter().any(|way| way.alone);
            let advice = key.0.filter(|_| !is_given).and_then(|name| project.pipeline(name)).and_then(|p| advice(p, &key.1));
            CaptureLine {
                pipeline: key.0.map(str::to_owned),
                value: key.1,
                calls: places.values().sum(),
                field: of(Place::Field),
                text: of(Place::Text),
                waiting: of(Place::Waiting),
                kept: of(Place::Kept),
                refused: of(Place::Refused),
                nowhere: of(Place::Nowhere),
                ways: own,
                advice,
            }
        })
        .collect();
    // What is lost in most calls comes first; then what is only in a text.
    all.sort_by(|a, b| {
        let lost = |line: &CaptureLine| (line.nowhere + line.refused + line.kept, line.text, line.calls);
        a.pipeline.cmp(&b.pipeline).then_with(|| lost(b).cmp(&lost(a))).then_with(|| a.value.cmp(&b.value))
    });
    all
}

/// A line of the config that brings values somewhere.
struct Line<'p> {
    write: &'p str,
    rule: &'p FieldRule,
    paths: BTreeSet<Vec<String>>,
    behind: BTreeSet<Vec<String>>,
    together: bool,
}

fn lines(pipeline: &Pipeline) -> Vec<Line<'_>> {
    let rules = pipeline.writes.iter().flat_map(|write| write.fields.iter().map(move |rule| (write.id.as_str(), rule.as_ref())));
    rules
        .map(|(write, rule)| {
            let brings = rule.value.brings();
            let [paths, behind] = [brings.paths, brings.behind].map(|paths| paths.into_iter().map(in_outcome).collect::<BTreeSet<_>>());
            // What is added below what stands there stands beside it.
            let together = brings.together || rule.on_update == PolicyDecl::Append;
            Line { write, rule, paths, behind, together }
        })
        .filter(|line| !line.paths.is_empty())
        .collect()
}

impl Line<'_> {
    /// Whether it brings a value, and then whether the value has the field for itself.
    fn brings(&self, value: &[String]) -> Option<bool> {
        let is_whole_name = value == ["caller", "name"];
        let brings = |path: &Vec<String>| value.starts_with(path) || path.starts_with(value) || (is_whole_name && is_part_of_name(path));
        let exact = |path: &Vec<String>| path.len() >= value.len();
        let path = self.paths.iter().find(|path| brings(path))?;
        Some(!self.together && exact(path))
    }

    /// Whether nothing that comes before it in the same line is there: `{{default a b}}` brings `b` where there is no `a`.
    fn is_first(&self, value: &Vec<String>, there: &[Vec<String>]) -> bool {
        !self.behind.contains(value) || !self.paths.difference(&self.behind).any(|path| there.contains(path))
    }

    /// What came of it in a call.
    fn place(&self, call: &Captured, alone: bool) -> Place {
        let Some((_, wrote)) = call.writes.iter().find(|(write, _)| write == self.write) else {
            return if call.waits { Place::Waiting } else { Place::Nowhere };
        };
        let is_ours = |line: &&ReceiptLine| line.field == self.rule.field || self.rule.else_to.contains(&line.field);
        let of = |line: &ReceiptLine| match line.state.as_str() {
            "landed" | "changed" | "same" if alone => Place::Field,
            "landed" | "changed" | "same" => Place::Text,
            "kept" | "conflict" => Place::Kept,
            "refused" | "missing" => Place::Refused,
            "planned" if wrote.gave_up => Place::Refused,
            "planned" => Place::Waiting,
            _ => Place::Nowhere,
        };
        wrote.receipt.iter().filter(is_ours).map(of).min().unwrap_or(if call.waits { Place::Waiting } else { Place::Nowhere })
    }

    fn way(&self, value: &[String]) -> Option<Way> {
        let alone = self.brings(value)?;
        Some(Way { write: self.write.to_owned(), field: self.rule.field.clone(), alone, origin: self.rule.origin.to_string() })
    }
}

/// A name is taken apart before a template sees it; who has its parts has the name.
fn is_part_of_name(path: &[String]) -> bool {
    matches!(path, [caller, part] if caller == "caller" && matches!(part.as_str(), "first_name" | "last_name"))
}

/// A template's name of a value, as the outcome has it.
fn in_outcome(path: Vec<String>) -> Vec<String> {
    match path.as_slice() {
        [call, key, ..] if call == "call" && CALL_KEYS.contains(&key.as_str()) => path[1..].to_vec(),
        [caller, national] if caller == "caller" && national == "national" => vec![caller.clone(), "phone".to_owned()],
        _ => path,
    }
}

/// The values that a call has, by their places in the outcome. A captured value is one, whatever is in it.
fn values(outcome: &CallOutcome) -> Vec<Vec<String>> {
    let Ok(Value::Object(all)) = serde_json::to_value(outcome) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in all.into_iter().filter(|(name, _)| !NOT_CAPTURED.contains(&name.as_str())) {
        match value {
            Value::Object(inner) => {
                found.extend(inner.into_iter().filter(|(_, value)| present(value)).map(|(key, _)| vec![name.clone(), key]));
            }
            value if present(&value) => found.push(vec![name]),
            _ => {}
        }
    }
    found
}

/// As a template names it: what is about the call itself stands under `call`.
fn template_name(path: &[String]) -> String {
    let under = path.len() == 1 && CALL_KEYS.contains(&path[0].as_str());
    let name = path.join(".");
    if under { format!("call.{name}") } else { name }
}

/// The reverse. The key of a captured value may have a dot in it.
fn path_of(name: &str) -> Vec<String> {
    match name.split_once('.') {
        Some((group, key)) => in_outcome(vec![group.to_owned(), key.to_owned()]),
        None => vec![name.to_owned()],
    }
}

/// What gives a value a field of its own: a line under the write of the person, or else under the first.
fn advice(pipeline: &Pipeline, value: &str) -> Option<Advice> {
    let person = pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.as_str());
    let of_person =
        pipeline.writes.iter().find(|write| Some(write.object.as_str()) == person && write.connection.id == pipeline.connection.id);
    let write = of_person.or(pipeline.writes.first())?;
    let is_plain = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let expression = match value.split_once('.') {
        // No template can name it.
        Some((_, key)) if key.contains(['\'', '"', '\\', '{', '}']) || key.contains(char::is_control) => return None,
        Some((group, key)) if !is_plain(key) => format!("{{{{get {group} '{key}'}}}}"),
        _ => format!("{{{{{value}}}}}"),
    };
    let line = format!("fields.NAME_OF_THE_FIELD = {{ value = \"{expression}\", policy = \"fill\" }}");
    Some(Advice { file: pipeline.origin.file.to_string(), write: write.id.clone(), line })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn wrote(lines: &[(&str, &str)]) -> Wrote {
        let receipt = lines.iter().map(|(field, state)| ReceiptLine { field: (*field).to_owned(), state: (*state).to_owned() }).collect();
        Wrote { gave_up: false, receipt }
    }

    fn call(contact: &[(&str, &str)]) -> Captured {
        let mut outcome = testing::call();
        outcome.captured.insert("pet name".to_owned(), json!("Rex"));
        outcome.captured.insert("owner's wish".to_owned(), json!("none"));
        let log = wrote(&[("Subject", "landed"), ("Body", "landed"), ("Seconds", "landed")]);
        Captured {
            pipeline: Some("front-desk".to_owned()),
            waits: false,
            outcome,
            writes: vec![("contact".to_owned(), wrote(contact)), ("call".to_owned(), log)],
        }
    }

    fn line(calls: &[Captured], value: &str) -> CaptureLine {
        let table = capture(testing::project(), calls);
        table.iter().find(|line| line.value == value).cloned().unwrap_or_else(|| panic!("no {value} in {table:#?}"))
    }

    /// Field, text, waiting, kept, refused, nowhere.
    #[track_caller]
    fn check(calls: &[Captured], value: &str, expected: [u64; 6]) {
        let found = line(calls, value);
        let CaptureLine { field, text, waiting, kept, refused, nowhere, .. } = found;
        assert_eq!([field, text, waiting, kept, refused, nowhere], expected, "{value}: {found:#?}");
        assert_eq!(expected.iter().sum::<u64>(), found.calls, "the parts are the whole");
    }

    const ALL: [(&str, &str); 5] =
        [("FirstName", "landed"), ("Phone", "kept"), ("Email", "refused"), ("Language", "same"), ("Description", "landed")];

    #[test]
    fn each_value_is_somewhere_once() {
        let calls = [call(&ALL)];
        check(&calls, "captured.language", [1, 0, 0, 0, 0, 0]);
        check(&calls, "caller.name", [1, 0, 0, 0, 0, 0]);
        check(&calls, "caller.phone", [0, 0, 0, 1, 0, 0]);
        check(&calls, "caller.email", [0, 0, 0, 0, 1, 0]);
        check(&calls, "call.duration_s", [1, 0, 0, 0, 0, 0]);
        check(&calls, "captured.pet name", [0, 0, 0, 0, 0, 1]);
        // Its own field in the call log counts for more than the lines of the contact's description.
        check(&calls, "summary", [1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_stands_in_for_another_is_not_there_beside_it() {
        let project = testing::with(&[("mappings/crm/call.toml", "", "At = \"{{default call.started_at call.ended_at}}\"")]);
        let mut both = call(&ALL);
        both.writes[1].1.receipt.push(ReceiptLine { field: "At".to_owned(), state: "landed".to_owned() });
        both.outcome.ended_at = Some("2026-11-24T15:55:00Z".to_owned());
        let mut one = both.clone();
        one.outcome.started_at = None;
        let table = capture(&project, &[both, one]);
        let of = |value: &str| table.iter().find(|line| line.value == value).map(|line| (line.field, line.nowhere));
        assert_eq!((of("call.started_at"), of("call.ended_at")), (Some((1, 0)), Some((1, 1))));
    }

    #[test]
    fn what_is_appended_is_a_text() {
        let mut one = call(&ALL);
        one.writes.truncate(1);
        check(&[one], "summary", [0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn another_field_takes_what_the_first_has_no_room_for() {
        check(&[call(&[("MobilePhone", "landed")])], "caller.phone", [1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_under_way_is_not_lost() {
        let planned = || call(&[("Language", "planned")]);
        check(&[Captured { waits: true, ..planned() }], "captured.language", [0, 0, 1, 0, 0, 0]);
        let mut dead = planned();
        dead.writes[0].1.gave_up = true;
        check(&[dead, planned()], "captured.language", [0, 0, 1, 0, 1, 0]);
        let unplanned = Captured { pipeline: None, waits: true, writes: Vec::new(), ..planned() };
        check(&[unplanned], "captured.language", [0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn a_value_without_a_field_is_told_how_to_get_one() {
        let calls = [call(&ALL)];
        let advice = line(&calls, "captured.pet name").advice.expect("advice");
        assert_eq!((advice.file.as_str(), advice.write.as_str()), ("pipelines/front-desk.toml", "contact"));
        assert_eq!(advice.line, "fields.NAME_OF_THE_FIELD = { value = \"{{get captured 'pet name'}}\", policy = \"fill\" }");
        assert_eq!(line(&calls, "captured.owner's wish").advice, None, "no template can name it");
        let given = line(&calls, "captured.language");
        assert_eq!((given.advice, given.ways[0].field.as_str(), given.ways[0].alone), (None, "Language", true));
        assert!(given.ways[0].origin.contains("contact.toml:"));
    }
}
