//! What is told about a caller while the call is under way: from what was read so far to the answer, and its text.
//!
//! Pure. Of somebody who is not certainly the caller nothing is told, neither a name nor an id. Not for reading: see `work` at the edge.

use aftercall_config::call::CallOutcome;
use aftercall_config::caller::{CallerContext, CallerVerdict, Missing, Named};
use aftercall_config::functions::{present, text, truthy};
use aftercall_config::project::{Pipeline, Project};
use aftercall_config::template::Scope;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::context::{Context, Record};
use crate::decision::{MatchDecision, Verdict};
use crate::record::field;
use crate::scope;

/// What has been read about a caller so far.
#[derive(Clone, Debug, Default)]
pub struct SoFar {
    /// What the search gave, and the lists that have come.
    pub context: Context,
    /// Who called; absent while the search has not answered.
    pub decision: Option<MatchDecision>,
    /// What has not come, and why.
    pub missing: Vec<Missing>,
}

/// The answer for a caller, as far as it is known.
///
/// Shape: `read_ms` and `from_cache` are left for whoever read.
pub fn tell(project: &Project, pipeline: &Pipeline, call: &CallOutcome, so_far: &SoFar) -> CallerContext {
    let verdict = so_far.decision.as_ref().map_or(CallerVerdict::Unknown, |decision| verdict(decision.verdict));
    let candidates = so_far.decision.iter().flat_map(|d| &d.candidates).filter(|c| c.bits > 0.0).count();
    let mut told = CallerContext {
        version: 1,
        pipeline: pipeline.name.clone(),
        connection: pipeline.connection.id.clone(),
        verdict,
        because: because(verdict, so_far, candidates),
        candidates,
        missing: so_far.missing.clone(),
        ..CallerContext::default()
    };
    if let Some(contact) = certain(so_far) {
        about(&mut told, pipeline, &so_far.context, contact);
    }
    let mut data = seen(project, call, &told);
    if told.contact.is_some() {
        for (name, condition) in &pipeline.context.flags {
            told.flags.insert(name.clone(), condition.holds(&Value::Object(data.clone())));
        }
        data.insert("flags".to_owned(), json!(told.flags));
    }
    told.text = pipeline.context.text.text(&Scope::new(Value::Object(data))).trim().to_owned();
    told
}

/// The answer where there is nobody to search for, or nothing to search in.
pub fn nobody(verdict: CallerVerdict, because: &str) -> CallerContext {
    CallerContext {
        version: 1,
        verdict,
        because: because.to_owned(),
        text: "Nothing is known about the caller: ask for their name.".to_owned(),
        ..CallerContext::default()
    }
}

/// What the text about a caller sees, and the answer to a platform.
pub fn seen(project: &Project, call: &CallOutcome, told: &CallerContext) -> Map<String, Value> {
    let all = scope::of_call(project, call);
    let mut data: Map<String, Value> = all.into_iter().filter(|(name, _)| name == "caller" || name == "project").collect();
    let mut contact = told.contact.clone().unwrap_or_default();
    contact.insert("is_new".to_owned(), Value::Bool(told.verdict == CallerVerdict::New));
    data.insert("contact".to_owned(), Value::Object(contact));
    data.insert("account".to_owned(), json!(told.account));
    data.insert("owner".to_owned(), json!(told.owner));
    data.insert("flags".to_owned(), json!(told.flags));
    data.insert("last_touch".to_owned(), json!(told.last_touch));
    data.insert("next_activity".to_owned(), json!(told.next_activity));
    data.insert("context".to_owned(), json!(told.context));
    data.insert("missing".to_owned(), json!(told.missing));
    data.insert("match".to_owned(), json!({"verdict": told.verdict.as_str(), "because": told.because}));
    data
}

fn verdict(verdict: Verdict) -> CallerVerdict {
    match verdict {
        Verdict::Matched => CallerVerdict::Matched,
        Verdict::New => CallerVerdict::New,
        Verdict::Ambiguous => CallerVerdict::Ambiguous,
        Verdict::NoIdentity => CallerVerdict::NoIdentity,
    }
}

/// The record that is certainly the caller's. What a pipeline calls the likeliest is good enough for a review, and not for telling.
fn certain(so_far: &SoFar) -> Option<&Record> {
    let decision = so_far.decision.as_ref().filter(|d| d.verdict == Verdict::Matched)?;
    so_far.context.candidates.iter().find(|record| Some(&record.id) == decision.contact.as_ref())
}

/// Why, without a word about anybody who is not the caller: the decision's own sentence names whom it rejected.
fn because(verdict: CallerVerdict, so_far: &SoFar, candidates: usize) -> String {
    match verdict {
        CallerVerdict::Matched => so_far.decision.iter().map(|d| d.because.clone()).collect(),
        CallerVerdict::New if candidates == 0 => "nobody has this number or address".to_owned(),
        CallerVerdict::New => "whoever has this number or address is somebody else".to_owned(),
        CallerVerdict::Ambiguous if candidates > 1 => format!("{candidates} records fit, and none of them certainly"),
        CallerVerdict::Ambiguous => "no record is certainly the caller's".to_owned(),
        CallerVerdict::NoIdentity => "there is neither a number nor an e-mail address to search by".to_owned(),
        CallerVerdict::Unknown => so_far.missing.first().map_or_else(|| "the search has not answered".to_owned(), |m| m.because.clone()),
    }
}

/// Everything about the caller's own record.
fn about(told: &mut CallerContext, pipeline: &Pipeline, context: &Context, contact: &Record) {
    let values = described(pipeline, contact);
    let take = |role: &str| values.get(role).cloned().filter(present).map(|value| text(&value));
    let account = Named { id: take("account"), name: take("account_name") };
    let owner = Named { id: take("owner"), name: take("owner_name") };
    told.last_touch = take("last_touch");
    told.next_activity = take("next_activity");
    let account = Named { name: account.name.or_else(|| values.get("company").map(text)), ..account };
    told.account = Some(account).filter(|a| *a != Named::default());
    told.owner = Some(owner).filter(|o| *o != Named::default());
    let object = pipeline.connection.connector.objects.get(&contact.object);
    let flags = object.into_iter().flat_map(|object| &object.decl.flags);
    told.flags = flags.map(|(name, of)| (name.clone(), says_so(field(&contact.fields, of)))).collect();
    told.contact = Some(values);
    let lists = scope::lists_of(context, &contact.id).into_iter();
    told.context =
        lists.map(|(name, rows)| (name.to_owned(), rows.into_iter().map(|r| described(pipeline, r)).collect())).collect::<IndexMap<_, _>>();
}

/// Whether a field says yes; systems write it as a boolean or as a word.
fn says_so(value: Option<&Value>) -> bool {
    let word = value.and_then(Value::as_str).map(str::to_lowercase);
    !matches!(word.as_deref(), Some("false" | "no" | "0")) && truthy(&value.cloned())
}

/// A record as templates see it, of its fields only those that were asked for: a row may carry its lists along.
fn described(pipeline: &Pipeline, record: &Record) -> Map<String, Value> {
    let mut about = scope::described(pipeline, record);
    let wanted = pipeline.read_fields.get(&record.object).map(Vec::as_slice).unwrap_or_default();
    if let Some(fields) = about.get_mut("fields").and_then(Value::as_object_mut) {
        fields.retain(|name, _| wanted.iter().any(|field| field == name || field.split('.').next() == Some(name)));
    }
    about
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::decide;
    use crate::testing::{call, context, front_desk, person, project, record, with};

    fn told(project: &Project, candidates: Vec<Record>) -> CallerContext {
        let mut read = context(candidates);
        read.lists.insert("open_deals".to_owned(), vec![record("deal", "d1", json!({"Name": "Whitening", "Stage": "New"}))]);
        let decision = decide(project, front_desk(project), &call(), &read);
        tell(project, front_desk(project), &call(), &SoFar { context: read, decision: Some(decision), missing: Vec::new() })
    }

    fn ann(id: &str) -> Record {
        let fields =
            json!({"FirstName": "Ann", "LastName": "Lee", "MobilePhone": "312-555-0142", "OwnerId": "u-cy", "Extra": {"records": []}});
        person(id, fields)
    }

    #[test]
    fn a_known_caller() {
        let told = told(project(), vec![ann("p1")]);
        assert_eq!((told.verdict, told.candidates), (CallerVerdict::Matched, 1));
        let contact = told.contact.expect("a contact");
        assert_eq!((&contact["id"], &contact["name"]), (&json!("p1"), &json!("Ann Lee")));
        assert_eq!(contact["fields"].get("Extra"), None, "what nobody asked for is left out");
        assert_eq!(told.owner, Some(Named { id: Some("u-cy".to_owned()), name: None }));
        assert_eq!(told.context["open_deals"][0]["name"], "Whitening");
        assert!(told.text.starts_with("The caller is Ann Lee."), "{}", told.text);
    }

    #[test]
    fn whoever_is_not_certain_is_not_told_about() {
        let told = told(project(), vec![ann("p1"), ann("p2")]);
        assert_eq!((told.verdict, told.candidates), (CallerVerdict::Ambiguous, 2));
        let text = serde_json::to_string(&told).expect("JSON");
        for word in ["Ann", "Lee", "p1", "p2", "u-cy", "Whitening"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn flags_and_text_of_ones_own() {
        let own = "[context]\ntext = \"{{contact.first_name}}: {{flags.ours}}\"\nflags.ours = 'contact.owner == \"u-cy\"'";
        let project = with(&[("pipelines/front-desk.toml", "", own)]);
        let told = told(&project, vec![ann("p1")]);
        assert_eq!((told.text.as_str(), told.flags["ours"]), ("Ann: true", true));
    }

    #[test]
    fn before_anything_was_read() {
        let missing = vec![Missing { what: "contact".to_owned(), because: "late".to_owned() }];
        let told = tell(project(), front_desk(project()), &call(), &SoFar { missing, ..SoFar::default() });
        assert_eq!((told.verdict, told.because.as_str()), (CallerVerdict::Unknown, "late"));
        assert!(told.text.contains("Not known just now: contact."), "{}", told.text);
    }

    #[test]
    fn words_that_say_no() {
        for (value, expected) in
            [(json!(true), true), (json!("true"), true), (json!("false"), false), (json!(""), false), (json!(0), false)]
        {
            assert_eq!(says_so(Some(&value)), expected, "{value}");
        }
        assert!(!says_so(None));
    }
}
