//! Routes over many calls: who gets how much, what falls through, which rules nobody uses, and how long callers wait.
//!
//! Not for replaying a call (`revisions`), nor for a single decision (`explain`).

use std::collections::BTreeMap;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Origin, Project};
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::explain::{About, Explained, ExplainedCall, why};
use super::is_open;
use crate::scope::call_key;

/// What `aftercall route simulate --format json` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadDocument {
    /// Version of this shape: 1. Members may be added without another number; none changes its meaning.
    pub version: u32,
    /// The config version whose routes these are.
    pub config: String,
    /// How many calls there are.
    pub calls: LoadCalls,
    /// How many follow-ups these routes give, to anybody or nobody.
    pub follow_ups: u64,
    /// By owner; who has the most first.
    pub owners: Vec<OwnerLoad>,
    /// Whom nobody calls back, although somebody should: in order of arrival.
    pub fell_through: Vec<Fallen>,
    /// Every rule of every route in the order of the files, also those that no call used.
    pub rules: Vec<RuleUse>,
    /// When the calls came, by the project's hours.
    pub hours: Hours,
    /// From the moment of planning until a follow-up is due, of those that are due at all.
    pub wait: Option<Wait>,
}

/// How many calls there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadCalls {
    /// Routed by these rules.
    pub simulated: u64,
    /// Of these, routed although something that the rules look at was not recorded.
    pub incomplete: u64,
    /// Left out: nothing was recorded of what was read about them.
    pub not_recorded: u64,
    /// Left out: no pipeline takes them.
    pub not_taken: u64,
}

/// What one owner gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnerLoad {
    /// The connection.
    pub connection: String,
    /// Who: an address, or what the system knows them by; null where nobody is named.
    pub who: Option<String>,
    /// How many follow-ups.
    pub follow_ups: u64,
    /// How many new contacts are theirs to look after.
    pub contacts: u64,
    /// Follow-ups by priority; what has none stands under `none`.
    pub priorities: BTreeMap<String, u64>,
    /// The day on which the most are due, `2026-11-26`.
    pub busiest_day: Option<String>,
    /// How many are due on that day.
    pub on_busiest_day: u64,
}

/// A call that somebody should have followed up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fallen {
    /// `source:id` of the call.
    pub call: String,
    /// The write whose route it is; null where no write with a route is done.
    pub write: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// Why, as a sentence.
    pub because: String,
}

/// How often a rule decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuleUse {
    /// The pipeline.
    pub pipeline: String,
    /// The route.
    pub route: String,
    /// Its number in the route, from 1.
    pub rule: usize,
    /// The line.
    pub origin: Origin,
    /// Its condition as written; null where it always holds.
    pub when: Option<String>,
    /// How many follow-ups it decided.
    pub follow_ups: u64,
    /// For how many new contacts it decided who looks after them.
    pub contacts: u64,
}

/// When the calls came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hours {
    /// While somebody was there.
    pub open: u64,
    /// On an open day, before or after hours.
    pub before_or_after: u64,
    /// On a day of the week on which nobody is there.
    pub closed_day: u64,
    /// On a holiday, by its date.
    pub holidays: BTreeMap<String, u64>,
}

/// How long callers wait, in minutes of the clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    /// Half of them wait less.
    pub median_minutes: i64,
    /// One of ten waits longer.
    pub p90_minutes: i64,
    /// The longest.
    pub longest_minutes: i64,
    /// The call that waits longest.
    pub longest: String,
}

/// What an owner gets, and how much of it is due on each day.
type Owned = (OwnerLoad, BTreeMap<Date, u64>);

/// Counts calls, one after the other.
pub struct Load<'a> {
    project: &'a Project,
    document: LoadDocument,
    owners: BTreeMap<(String, Option<String>), Owned>,
    waits: Vec<(i64, String)>,
}

impl<'a> Load<'a> {
    /// Begins with no call.
    pub fn new(project: &'a Project) -> Self {
        let rules = project.pipelines.iter().flat_map(|pipeline| {
            pipeline.routes.iter().flat_map(|(route, rules)| {
                rules.iter().enumerate().map(|(at, rule)| RuleUse {
                    pipeline: pipeline.name.clone(),
                    route: route.clone(),
                    rule: at + 1,
                    origin: rule.origin.clone(),
                    when: rule.when.as_ref().map(|when| when.source().to_owned()),
                    follow_ups: 0,
                    contacts: 0,
                })
            })
        });
        let document = LoadDocument { version: 1, config: project.version.to_string(), rules: rules.collect(), ..LoadDocument::default() };
        Self { project, document, owners: BTreeMap::new(), waits: Vec::new() }
    }

    /// Counts a call that no pipeline takes.
    pub fn not_taken(&mut self, call: &CallOutcome) {
        self.document.calls.not_taken += 1;
        self.unanswered(call, "no pipeline takes this call");
    }

    /// Counts a call of which nothing was recorded.
    pub fn not_recorded(&mut self) {
        self.document.calls.not_recorded += 1;
    }

    /// Counts a call that was routed at `planned`.
    pub fn add(&mut self, call: &CallOutcome, planned: Timestamp, told: &ExplainedCall, complete: bool) {
        self.document.calls.simulated += 1;
        self.document.calls.incomplete += u64::from(!complete);
        self.count_hours(planned, told.open);
        for one in told.routes.iter().filter(|one| one.about == About::Contact && one.not_done.is_none() && one.new) {
            self.owner(&told.pipeline, one).0.contacts += 1;
        }
        let follow_ups: Vec<&Explained> = told.routes.iter().filter(|one| one.about == About::FollowUp).collect();
        for one in follow_ups.iter().filter(|one| one.not_done.is_none()) {
            self.follow_up(&told.pipeline, &told.call, planned, one);
        }
        if follow_ups.iter().all(|one| one.not_done.is_some()) {
            let blocked = follow_ups.iter().find_map(|one| Some(format!("`{}` is not done: {}", one.write, one.not_done.as_ref()?)));
            self.unanswered(call, &blocked.unwrap_or_else(|| format!("pipeline `{}` has no write with a route", told.pipeline)));
        }
    }

    /// Counts for the rule and the owner of a decision.
    fn owner(&mut self, pipeline: &str, one: &Explained) -> &mut Owned {
        let of = |rule: &&mut RuleUse| rule.pipeline == pipeline && rule.route == one.route && Some(rule.rule) == one.taken;
        if let Some(rule) = self.document.rules.iter_mut().find(of) {
            match one.about {
                About::Contact => rule.contacts += 1,
                About::FollowUp => rule.follow_ups += 1,
            }
        }
        let owned = self.owners.entry((one.connection.clone(), id(one))).or_default();
        // One rule may name an address, and another the system's id of the same person: the address is what people know.
        let is_address = |who: &Option<String>| who.as_ref().is_some_and(|who| who.contains('@'));
        if owned.0.who.is_none() || !is_address(&owned.0.who) && is_address(&one.who) {
            owned.0.who = named(one);
        }
        owned
    }

    fn follow_up(&mut self, pipeline: &str, call: &str, planned: Timestamp, one: &Explained) {
        self.document.follow_ups += 1;
        let zone = self.project.timezone.clone();
        let (load, days) = self.owner(pipeline, one);
        load.follow_ups += 1;
        *load.priorities.entry(one.priority.clone().unwrap_or_else(|| "none".to_owned())).or_default() += 1;
        let due: Option<Timestamp> = one.due.as_ref().and_then(|due| due.parse().ok());
        if let Some(due) = due {
            *days.entry(due.to_zoned(zone).date()).or_default() += 1;
            self.waits.push((due.duration_since(planned).as_mins(), call.to_owned()));
        }
        let because = match (one.taken, named(one)) {
            (None, _) => Some(one.because.clone()),
            (Some(_), None) => Some(one.notes.first().cloned().unwrap_or_else(|| one.because.clone())),
            (Some(_), Some(_)) if due.is_none() => one.notes.first().cloned(),
            _ => None,
        };
        if let Some(because) = because {
            let (write, route) = (Some(one.write.clone()), Some(one.route.clone()));
            self.document.fell_through.push(Fallen { call: call.to_owned(), write, route, because });
        }
    }

    /// A call without a follow-up fell through where the caller was promised one.
    fn unanswered(&mut self, call: &CallOutcome, because: &str) {
        if call.follow_up.is_some() {
            let because = format!("the caller was promised a follow-up, and {because}");
            self.document.fell_through.push(Fallen { call: call_key(call), write: None, route: None, because });
        }
    }

    fn count_hours(&mut self, planned: Timestamp, open: bool) {
        let (day, hours) = (planned.to_zoned(self.project.timezone.clone()).date(), &mut self.document.hours);
        if open {
            hours.open += 1;
        } else if is_open(day, &self.project.hours) {
            hours.before_or_after += 1;
        } else if why(day, &self.project.hours) == "holiday" {
            *hours.holidays.entry(day.to_string()).or_default() += 1;
        } else {
            hours.closed_day += 1;
        }
    }

    /// What they come to.
    pub fn document(mut self) -> LoadDocument {
        let owners = self.owners.into_iter().map(|((connection, _), (load, days))| {
            let busiest = days.into_iter().max_by_key(|(day, number)| (*number, std::cmp::Reverse(*day)));
            let (busiest_day, on_busiest_day) = busiest.map(|(day, number)| (Some(day.to_string()), number)).unwrap_or_default();
            OwnerLoad { connection, busiest_day, on_busiest_day, ..load }
        });
        self.document.owners = owners.collect();
        self.document.owners.sort_by_key(|owner| std::cmp::Reverse((owner.follow_ups, owner.contacts)));
        self.waits.sort();
        let at = |part: usize| self.waits.get((self.waits.len().saturating_sub(1)) * part / 100).map(|(minutes, _)| *minutes);
        self.document.wait = self.waits.last().map(|(longest_minutes, call)| Wait {
            median_minutes: at(50).unwrap_or_default(),
            p90_minutes: at(90).unwrap_or_default(),
            longest_minutes: *longest_minutes,
            longest: call.clone(),
        });
        self.document
    }
}

/// Who gets it; nobody where the system does not know the owner.
fn named(one: &Explained) -> Option<String> {
    let owner = one.owner.as_ref()?;
    one.who.clone().or_else(|| owner.as_str().map(str::to_owned))
}

/// The system's id of who gets it, as text.
fn id(one: &Explained) -> Option<String> {
    one.owner.as_ref().map(aftercall_config::functions::text)
}
