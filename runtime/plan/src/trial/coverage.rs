//! Which lines of a project tests have used, and which none has: pipelines, conditions, fields, route rules, levels of match rules.
//!
//! Not for which lines are the operator's own and which ship: the edge knows the folder.

use std::collections::BTreeMap;

use aftercall_config::finding::Documents;
use aftercall_config::project::{Origin, Pipeline, Project};
use aftercall_config::source::{Document, KeyPath, Step, path};

use super::run::Ran;
use crate::model::{FieldVerdict, Op, Plan};

/// Something that a test can use.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// What kind of thing: `pipeline`, `condition`, `field`, `route`, `match`.
    pub kind: &'static str,
    /// Its line.
    pub origin: Origin,
    /// What it is, in a phrase.
    pub what: String,
    /// Whether a test has used it.
    pub used: bool,
}

/// Every point of a project, by file and line. A line that several pipelines use is used where one of them has used it.
pub fn coverage<'a>(project: &Project, documents: &Documents, rans: impl Iterator<Item = &'a Ran>) -> Vec<Point> {
    let rans: Vec<(&Pipeline, &Plan)> = rans.filter_map(|ran| Some((ran.pipeline.as_deref()?, ran.plan.as_ref()?))).collect();
    let mut all = Points::default();
    for pipeline in &project.pipelines {
        let of: Vec<&Plan> = rans.iter().filter(|(taken, _)| taken.name == pipeline.name).map(|(_, plan)| *plan).collect();
        all.add("pipeline", &pipeline.origin, format!("the pipeline `{}`", pipeline.name), !of.is_empty());
        writes(pipeline, documents.get(&pipeline.origin.file).map(|document| &**document), &of, &mut all);
        let followed: Vec<&Origin> = of.iter().flat_map(|plan| &plan.writes).filter_map(|w| Some(&w.routed.as_ref()?.origin)).collect();
        for (name, rules) in &pipeline.routes {
            for (index, rule) in rules.iter().enumerate() {
                let what = format!("rule {} of route `{name}`", index + 1);
                all.add("route", &rule.origin, what, followed.contains(&&rule.origin));
            }
        }
        matching(pipeline, documents, &of, &mut all);
    }
    all.0.into_values().collect()
}

/// Points by file, line and what they are.
#[derive(Default)]
struct Points(BTreeMap<(String, u32, String), Point>);

impl Points {
    fn add(&mut self, kind: &'static str, origin: &Origin, what: String, used: bool) {
        let key = (origin.file.to_string(), origin.line, what.clone());
        self.0.entry(key).or_insert_with(|| Point { kind, origin: origin.clone(), what, used: false }).used |= used;
    }
}

fn writes(pipeline: &Pipeline, document: Option<&Document>, plans: &[&Plan], all: &mut Points) {
    for (index, rule) in pipeline.writes.iter().enumerate() {
        let planned = || plans.iter().flat_map(|plan| &plan.writes).filter(|write| write.id == rule.id);
        if let Some((condition, document)) = rule.when.as_ref().zip(document) {
            let at: KeyPath = vec![Step::Key("write".to_owned()), Step::Index(index), Step::Key("when".to_owned())];
            let origin = Origin { file: document.file.clone(), line: document.line(&at) };
            let fails = format!("its condition does not hold: {}", condition.source());
            let failed = |op: &Op| matches!(op, Op::Skipped { because } if *because == fails);
            all.add("condition", &origin, format!("`{}` where its condition holds", rule.id), planned().any(|write| !failed(&write.op)));
            all.add(
                "condition",
                &origin,
                format!("`{}` where its condition does not hold", rule.id),
                planned().any(|write| failed(&write.op)),
            );
        }
        for field in &rule.fields {
            let used = planned().flat_map(|write| &write.fields).any(|c| c.origin == field.origin && c.verdict != FieldVerdict::Absent);
            all.add("field", &field.origin, format!("the field `{}`", field.field), used);
        }
    }
}

fn matching(pipeline: &Pipeline, documents: &Documents, plans: &[&Plan], all: &mut Points) {
    let Some(document) = documents.get(&pipeline.matching_file) else { return };
    let seen = |on: &str, levels: &[&str]| {
        let lines = plans.iter().flat_map(|plan| &plan.decision.candidates).flat_map(|candidate| &candidate.evidence);
        lines.into_iter().any(|line| line.on == on && levels.contains(&line.level.as_str()))
    };
    for (index, comparison) in pipeline.matching.compare.iter().enumerate() {
        let base = [path(["compare"]), vec![Step::Index(index)]].concat();
        for (number, level) in comparison.levels.iter().enumerate() {
            let listed = [base.clone(), path(["levels"]), vec![Step::Index(number)]].concat();
            // `equal` and `differ` have a short form of their own.
            let at = if document.has(&listed) { listed } else { [base.clone(), path([level.name.as_str()])].concat() };
            let origin = Origin { file: document.file.clone(), line: document.line(&at) };
            let on = comparison.on.as_str();
            all.add("match", &origin, format!("`{on}` that compares as `{}`", level.name), seen(on, &[&level.name, level.is.word()]));
        }
    }
    for (index, adjust) in pipeline.matching.adjust.iter().enumerate() {
        let at = [path(["adjust"]), vec![Step::Index(index)]].concat();
        let origin = Origin { file: document.file.clone(), line: document.line(&at) };
        all.add("match", &origin, format!("the correction `{}`", adjust.id), seen("adjust", &[&adjust.id]));
    }
}
