//! How many requests a plan takes: what the reading has cost, and what the writing will.

use aftercall_config::project::Project;
use indexmap::IndexMap;

use crate::model::{Op, Plan};

/// Requests to one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCount {
    /// The connection.
    pub connection: String,
    /// The searches, what is read about a matched caller, and the looks at the calendar before and after booking.
    pub reads: u32,
    /// Writes, packed as the connector packs them.
    pub writes: u32,
}

/// The requests of a plan, by connection in the order in which they are met.
///
/// Shape: reads that a write needs in trouble (a probe, a second look at a conflict) are not foreseen, nor are look-ups of
/// colleagues, which are remembered between calls. A connection that is not asked anything is left out.
pub fn requests(project: &Project, plan: &Plan) -> Vec<RequestCount> {
    let mut reads: IndexMap<String, u32> = IndexMap::new();
    let mut single: IndexMap<String, u32> = IndexMap::new();
    let mut packed: IndexMap<String, u32> = IndexMap::new();
    if let Some(pipeline) = project.pipeline(&plan.pipeline) {
        let connection = &pipeline.connection;
        let mut count = u32::try_from(plan.decision.searched.len()).unwrap_or(u32::MAX);
        if plan.decision.contact.is_some() {
            count += u32::try_from(connection.connector.related.len()).unwrap_or(u32::MAX);
        }
        reads.insert(connection.id.clone(), count);
    }
    for write in &plan.writes {
        let done = matches!(write.op, Op::Create { .. } | Op::Update { .. } | Op::Merge { .. });
        if write.booking.is_some() {
            *reads.entry(write.connection.clone()).or_default() += if done { 2 } else { 1 };
        }
        if done {
            let packs =
                write.booking.is_none() && project.connections.get(&write.connection).is_some_and(|c| c.connector.decl.pack.is_some());
            *if packs { &mut packed } else { &mut single }.entry(write.connection.clone()).or_default() += 1;
        }
    }
    let mut names: Vec<&String> = reads.keys().collect();
    for name in single.keys().chain(packed.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of = |counts: &IndexMap<String, u32>, name: &String| counts.get(name).copied().unwrap_or_default();
    names
        .into_iter()
        .map(|name| {
            let max = project.connections.get(name).and_then(|c| c.connector.decl.pack.as_ref()).map_or(1, |pack| pack.max.max(1));
            RequestCount { connection: name.clone(), reads: of(&reads, name), writes: of(&single, name) + of(&packed, name).div_ceil(max) }
        })
        .filter(|count| count.reads + count.writes > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{apply, call, context, person, planned, project};

    #[track_caller]
    fn check(plan: &Plan, expected: &[(&str, u32, u32)]) {
        let counts: Vec<(String, u32, u32)> = requests(project(), plan).into_iter().map(|c| (c.connection, c.reads, c.writes)).collect();
        let counts: Vec<(&str, u32, u32)> = counts.iter().map(|(name, reads, writes)| (name.as_str(), *reads, *writes)).collect();
        assert_eq!(counts, expected);
    }

    #[test]
    fn how_many() {
        // A search; contact, call and task in packs of two; two looks at the calendar and the event.
        let read = context(vec![]);
        let new = planned(project(), &call(), &read);
        check(&new, &[("crm", 1, 2), ("calendar", 2, 1)]);
        // And the tickets of a caller who is known.
        let known = planned(project(), &call(), &context(vec![person("p1", json!({"Email": "ann@example.com"}))]));
        check(&known, &[("crm", 2, 2), ("calendar", 2, 1)]);
        let again = planned(project(), &call(), &apply(project(), &call(), &new, &read));
        check(&again, &[("crm", 2, 0), ("calendar", 1, 0)]);
        let mut silent = call();
        silent.caller = Default::default();
        silent.appointment = None;
        let unread = crate::context::Context { searched: Vec::new(), ..read };
        check(&planned(project(), &silent, &unread), &[("crm", 0, 2)]);
    }
}
