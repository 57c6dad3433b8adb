//! Laws that hold for every call and every record: checked over many made-up ones.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aftercall_config::call::{Appointment, CallOutcome, Caller, FollowUp};
use aftercall_config::decl::PolicyDecl;
use aftercall_config::project::Project;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::{apply, context, front_desk, now, project, with};
use crate::context::{Busy, Context, KnownContact, Record, Written};
use crate::model::{FieldVerdict, Op, Plan};
use crate::plan::plan;
use crate::policy::value;

fn number() -> impl Strategy<Value = &'static str> {
    select(vec![
        "+13125550142",
        "(312) 555-0142",
        "312.555.0143",
        "312-555-0144 x5",
        "anonymous",
        "junk",
        "5555555555",
        "+44 20 7946 0958",
        "",
    ])
}

fn address() -> impl Strategy<Value = &'static str> {
    select(vec!["ann@example.com", "Ann@Example.com", "bob@example.com", "noemail@example.com", "ann at example", ""])
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["Wants a cleaning.", "", "  ", "Wants a cleaning.\r\nAsked about whitening."]).prop_map(str::to_owned),
        "\\PC{0,90}",
        "([a-zé]{1,9}[ \\n]){0,60}",
    ]
}

fn maybe<T: Clone + std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(of)
}

prop_compose! {
    fn caller()(phone in maybe(number()), callback in maybe(number()), email in maybe(address()), name in maybe("\\PC{0,20}")) -> Caller {
        let own = |text: &str| text.to_owned();
        Caller { phone: phone.map(own), callback_phone: callback.map(own), email: email.map(own), name, ..Caller::default() }
    }
}

prop_compose! {
    fn calls()(
        caller in caller(),
        summary in maybe(text()),
        outcome in maybe(select(vec!["booked", "complaint", "message"])),
        language in maybe(select(vec!["English", "Spanish"])),
        start in maybe(select(vec!["2026-11-30T09:00:00-06:00", "2026-11-30T15:15:00Z", "2026-12-01T10:00:00", "tomorrow"])),
        follow_up in maybe(text()),
        started in maybe(select(vec!["2026-11-24T15:50:00Z", "2026-11-23T08:00:00-06:00"])),
    ) -> CallOutcome {
        CallOutcome {
            id: "c1".to_owned(),
            source: "json".to_owned(),
            started_at: started.map(str::to_owned),
            duration_s: Some(61.5),
            outcome: outcome.map(str::to_owned),
            summary,
            caller,
            captured: language.map(|language| ("language".to_owned(), Value::from(language))).into_iter().collect(),
            appointment: start.map(|start| Appointment { start: start.to_owned(), ..Appointment::default() }),
            follow_up: follow_up.map(|reason| FollowUp { reason: Some(reason), ..FollowUp::default() }),
            ..CallOutcome::default()
        }
    }
}

prop_compose! {
    fn fields()(
        numbers in proptest::collection::vec(maybe(number()), 3),
        email in maybe(address()),
        first in maybe(select(vec!["Ann", "Bob", ""])),
        description in maybe(text()),
        language in maybe(select(vec!["English", "French"])),
        owner in maybe(select(vec!["u-cy", ""])),
    ) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<String>| value.map(|value| fields.insert(name.to_owned(), Value::String(value)));
        for (name, number) in ["Phone", "MobilePhone", "OtherPhone"].into_iter().zip(numbers) {
            put(name, number.map(str::to_owned));
        }
        put("Email", email.map(str::to_owned));
        put("FirstName", first.map(str::to_owned));
        put("Description", description);
        put("Language", language.map(str::to_owned));
        put("OwnerId", owner.map(str::to_owned));
        fields
    }
}

fn people() -> impl Strategy<Value = Vec<Record>> {
    let one = (select(vec!["p1", "p2", "p3"]), fields());
    proptest::collection::vec(one.prop_map(|(id, fields)| Record { id: id.to_owned(), object: "contact".to_owned(), fields }), 0..5)
}

fn deals() -> impl Strategy<Value = Vec<Record>> {
    let one = (select(vec!["d1", "d2"]), maybe(select(vec!["New", "Qualified", "Won", "Lost"])));
    let deal = |(id, stage): (&str, Option<&str>)| super::record("deal", id, serde_json::json!({ "Stage": stage }));
    proptest::collection::vec(one.prop_map(deal), 0..3)
}

fn busy() -> impl Strategy<Value = Vec<Busy>> {
    let one = (0_i64..30, 1_i64..4, select(vec!["x", "y"])).prop_map(|(from, hours, id)| {
        let start = "2026-11-30T10:00:00Z".parse::<Timestamp>().unwrap_or_default() + SignedDuration::from_hours(from);
        Busy { id: id.to_owned(), start, end: start + SignedDuration::from_hours(hours), title: None }
    });
    proptest::collection::vec(one, 0..2)
}

prop_compose! {
    fn contexts()(
        people in people(),
        deals in deals(),
        busy in busy(),
        incomplete in maybe(Just("timed out".to_owned())),
        known in maybe((select(vec!["p1", "p9"]), fields())),
        wrote in maybe((text(), select(vec!["json:c0", "json:c9"]), select(vec!["2026-11-20T10:00:00Z", "2026-11-25T10:00:00Z"]))),
        turn in 0_u64..9,
    ) -> Context {
        let written = wrote.map(|(value, call, at)| {
            let written = Written { value: Value::String(value), call: call.to_owned(), started_at: at.parse().unwrap_or_default() };
            ("crm/contact/p1".to_owned(), [("Language".to_owned(), written)].into_iter().collect())
        });
        Context {
            incomplete,
            known: known.map(|(id, fields)| ("crm".to_owned(), KnownContact { id: id.to_owned(), call: "json:c0".to_owned(), fields })).into_iter().collect(),
            candidate_lists: people.iter().map(|p| (p.id.clone(), IndexMap::from([("open_deals".to_owned(), deals.clone())]))).collect(),
            bookings: [("appointment".to_owned(), busy)].into_iter().collect(),
            turns: [("front-desk/front_desk/2".to_owned(), turn)].into_iter().collect(),
            written: written.into_iter().collect(),
            ..context(people)
        }
    }
}

/// The fixture, and the fixture with the other answers to "several fit" and "nobody".
#[derive(Clone, Copy, Debug)]
enum Answers {
    Create,
    Best,
    Hold,
}

impl Answers {
    fn project(self) -> &'static Project {
        const FILE: &str = "pipelines/front-desk.toml";
        static BEST: LazyLock<Project> = LazyLock::new(|| {
            with(&[(FILE, "create-and-review", "best-and-review"), (FILE, "on_no_identity = \"create\"", "on_no_identity = \"skip\"")])
        });
        static HOLD: LazyLock<Project> = LazyLock::new(|| with(&[(FILE, "create-and-review", "hold")]));
        match self {
            Self::Create => project(),
            Self::Best => &BEST,
            Self::Hold => &HOLD,
        }
    }
}

fn answers() -> impl Strategy<Value = Answers> {
    select(vec![Answers::Create, Answers::Best, Answers::Hold])
}

fn made(project: &Project, call: &CallOutcome, context: &Context) -> Result<Plan, TestCaseError> {
    plan(project, front_desk(project), call, context, now()).map_err(|need| TestCaseError::fail(format!("{need:?}")))
}

fn bytes(plan: &Plan) -> String {
    serde_json::to_string(plan).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_same_input_gives_the_same_bytes(answers in answers(), call in calls(), context in contexts(), turned in any::<prop::sample::Index>()) {
        let first = bytes(&made(answers.project(), &call, &context)?);
        prop_assert_eq!(&bytes(&made(answers.project(), &call, &context.clone())?), &first);
        // Whatever the order of the candidates.
        let mut other = context.clone();
        if !other.candidates.is_empty() {
            let by = turned.index(other.candidates.len());
            other.candidates.rotate_left(by);
            other.candidates.reverse();
        }
        prop_assert_eq!(&bytes(&made(answers.project(), &call, &other)?), &first);
        // And after a way through the journal.
        let stored = serde_json::to_string(&context).unwrap_or_default();
        let read: Context = serde_json::from_str(&stored).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&bytes(&made(answers.project(), &call, &read)?), &first);
        let back: Plan = serde_json::from_str(&first).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(bytes(&back), first);
    }

    #[test]
    fn planning_again_after_applying_changes_nothing(answers in answers(), call in calls(), context in contexts()) {
        // A system that shows a record twice shows it the same twice.
        let mut context = context;
        let mut seen = BTreeSet::new();
        context.candidates.retain(|record| seen.insert(record.id.clone()));
        let first = made(answers.project(), &call, &context)?;
        let again = made(answers.project(), &call, &apply(answers.project(), &call, &first, &context))?;
        for write in &again.writes {
            prop_assert!(!matches!(write.op, Op::Create { .. } | Op::Update { .. }), "{:#?}\nafter\n{:#?}", write, first);
            for field in &write.fields {
                prop_assert_ne!(field.verdict, FieldVerdict::Write);
            }
        }
    }

    #[test]
    fn nothing_is_overwritten_that_must_not_be(answers in answers(), call in calls(), context in contexts()) {
        let plan = made(answers.project(), &call, &context)?;
        for write in &plan.writes {
            let mut taken = BTreeSet::new();
            for field in write.fields.iter().filter(|field| field.verdict == FieldVerdict::Write) {
                prop_assert!(taken.insert(field.field.clone()), "two lines write {}", field.field);
                let before = field.before.as_ref().filter(|before| !value::is_empty(before));
                let after = field.after.as_ref();
                prop_assert!(after.is_some_and(|after| !value::is_empty(after)), "a field is blanked");
                match field.policy {
                    PolicyDecl::Fill => prop_assert!(before.is_none()),
                    PolicyDecl::Append => {
                        let old = before.and_then(Value::as_str).unwrap_or_default().trim_end();
                        prop_assert!(after.and_then(Value::as_str).is_some_and(|new| new.starts_with(old)));
                    }
                    PolicyDecl::Never => prop_assert!(false, "never means never"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn nothing_is_silent(answers in answers(), call in calls(), context in contexts()) {
        let plan = made(answers.project(), &call, &context)?;
        let pipeline = front_desk(answers.project());
        prop_assert_eq!(plan.writes.len(), pipeline.writes.len());
        for rule in &pipeline.writes {
            let write = plan.writes.iter().find(|write| write.id == rule.id).ok_or_else(|| TestCaseError::fail("a write is missing"))?;
            match &write.op {
                Op::Create { .. } | Op::Update { .. } | Op::Nothing { .. } => {
                    for field in &rule.fields {
                        let states = write.fields.iter().filter(|change| change.origin == field.origin).count();
                        prop_assert_eq!(states, 1, "{} has {} states", field.field, states);
                    }
                }
                Op::Merge { id, other } => prop_assert!(id != other),
                Op::Blocked { because } | Op::Skipped { because } => prop_assert!(!because.is_empty() && write.fields.is_empty()),
            }
            for field in &write.fields {
                let silent = matches!(field.verdict, FieldVerdict::Kept | FieldVerdict::Conflict) && field.because.is_none();
                prop_assert!(!silent, "{} is kept without a reason", field.field);
            }
        }
    }

    #[test]
    fn text_fits_and_is_whole(answers in answers(), call in calls(), context in contexts()) {
        let plan = made(answers.project(), &call, &context)?;
        let limits = [("call", "Subject", 40), ("call", "Body", 60), ("contact", "Description", 400)];
        for (write, name, limit) in limits {
            let fields = plan.writes.iter().filter(|w| w.id == write).flat_map(|w| &w.fields);
            for field in fields.filter(|field| field.field == name && field.verdict == FieldVerdict::Write) {
                let text = field.after.as_ref().and_then(Value::as_str).unwrap_or_default();
                // What was there before may be longer than what we would write.
                prop_assert!(text.chars().count() <= limit, "{} characters: {}", text.chars().count(), text);
            }
        }
    }

    #[test]
    fn due_while_somebody_is_there(call in calls(), context in contexts(), second in 1_760_000_000_i64..1_830_000_000) {
        let now = Timestamp::from_second(second).unwrap_or_default();
        let project = project();
        let plan = plan(project, front_desk(project), &call, &context, now).map_err(|need| TestCaseError::fail(format!("{need:?}")))?;
        for field in plan.writes.iter().flat_map(|write| &write.fields).filter(|field| field.field == "Due") {
            let Some(due) = field.after.as_ref().and_then(Value::as_str) else { continue };
            let due: Timestamp = due.parse().map_err(|_| TestCaseError::fail(due.to_owned()))?;
            let due = due.to_zoned(project.timezone.clone());
            prop_assert!(due.timestamp() >= now);
            prop_assert!(project.hours.days.contains(&due.weekday()) && !project.hours.holidays.contains(&due.date()));
            prop_assert!(due.time() >= project.hours.from && due.time() <= project.hours.to);
        }
    }
}
