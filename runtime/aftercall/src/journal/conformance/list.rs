//! What platforms' lists had, held against what came in; what calls saw and captured.

use super::support::*;
use crate::journal::{
    AnswerKind, Arrival, ArrivalKind, CallStatus, Day, Intervention, Journal, ListedDay, LogKind, Look, LookEnd, Missing, NewAnswer,
    NewPlan, NewWrite, Record, Then, Trouble, Upkeep, Way, WriteChange, WriteState,
};

/// A day of the cases: an hour from the moment at which they begin, so that it begins and ends within an hour.
fn day(name: &str, from: i64, to: i64) -> Day {
    Day { name: name.to_owned(), from: at(from), to: at(to) }
}

fn missing(id: &str, second: i64, kept: Option<&'static str>) -> Missing {
    Missing { id: id.to_owned(), started_at: at(second), kept }
}

fn look(second: i64, end: LookEnd) -> Look {
    Look { source: "phone".to_owned(), since: at(-100), until: at(100), began_at: at(second), now: at(second), end: Some(end) }
}

fn listed(calls: u64, whole: bool) -> Option<Vec<ListedDay>> {
    Some(vec![ListedDay { day: "d".to_owned(), whole, calls }])
}

async fn never(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Result<Vec<String>, crate::journal::Error> {
    let found = upkeep.reconciled(vec![day("d", -1_000, 1_000)], 9).await?;
    let counts = journal.log_counts(LogKind { since: Some(at(-1_000)), until: Some(at(1_000)), ..LogKind::default() }).await?;
    let vitals = upkeep.vitals().await?;
    assert_eq!(counts.never_received, found.missing.len() as u64, "the log says the same");
    assert_eq!(vitals.never_received.values().sum::<u64>(), counts.never_received, "and so do the vitals");
    Ok(found.missing.into_iter().map(|call| call.id).collect())
}

pub(in crate::journal) async fn what_never_came_is_known_until_it_comes(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    let before = journal.last_event().await?;
    let begun = Look { end: None, ..look(1, LookEnd::default()) };
    upkeep.look_put(begun).await?;
    let state = upkeep.reconciled(Vec::new(), 9).await?.looks;
    assert_eq!((state[0].source.as_str(), state[0].ended_at), ("phone", None));
    let all = vec![missing("b", 20, None), missing("a", 10, None), missing("odd", 30, Some("ignored"))];
    upkeep.look_put(look(2, LookEnd { listed: listed(5, true), missing: all, ..LookEnd::default() })).await?;
    assert_eq!(journal.last_event().await?, before + 2, "an open page hears of both");
    assert_eq!(never(journal, upkeep).await?, ["a", "b"], "the oldest first, without what is no call of ours");
    let of_another = journal.log_counts(LogKind { source: Some("other".to_owned()), ..LogKind::default() }).await?;
    assert_eq!(of_another.never_received, 0);
    assert_eq!(journal.log_counts(LogKind { pipeline: Some("front-desk".to_owned()), ..LogKind::default() }).await?.never_received, 0);
    // Its webhook came after all; of another only a word that is not the last.
    accept_new(journal, call("phone:a", &["k"])).await?;
    accept_new(journal, with(call("phone:b", &["l"]), |call| call.provisional = true)).await?;
    assert_eq!(never(journal, upkeep).await?, ["b"]);
    // A look that did not come to its end says nothing of what is missing.
    let broken = LookEnd { trouble: Some("away".to_owned()), ..LookEnd::default() };
    upkeep.look_put(look(3, broken)).await?;
    assert_eq!(never(journal, upkeep).await?, ["b"]);
    assert_eq!(upkeep.reconciled(Vec::new(), 9).await?.looks[0].trouble.as_deref(), Some("away"));
    // What was kept as something else stays that.
    upkeep.look_put(look(4, LookEnd { listed: listed(5, true), missing: vec![missing("odd", 30, None)], ..LookEnd::default() })).await?;
    assert!(never(journal, upkeep).await?.is_empty());
    Ok(())
}

pub(in crate::journal) async fn part_of_a_day_says_less_than_all_of_it(_: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    let of = |found: crate::journal::Reconciled| {
        found.listed.get(&("d".to_owned(), "phone".to_owned())).map(|row| (row.calls, row.whole, row.fetched))
    };
    let put = |second, calls, whole, fetched: u64| {
        let fetched = [("d".to_owned(), fetched)].into_iter().filter(|(_, n)| *n > 0).collect();
        upkeep.look_put(look(second, LookEnd { listed: listed(calls, whole), fetched, ..LookEnd::default() }))
    };
    put(1, 3, false, 2).await?;
    assert_eq!(of(upkeep.reconciled(vec![day("d", 0, 9)], 9).await?), Some((3, false, 2)));
    put(2, 7, true, 1).await?;
    put(3, 1, false, 0).await?;
    assert_eq!(of(upkeep.reconciled(vec![day("d", 0, 9)], 9).await?), Some((7, true, 3)));
    Ok(())
}

pub(in crate::journal) async fn days_are_counted_by_source_and_status(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    // The moment at which cases begin is no whole hour.
    let hour = 3_600;
    for (id, second) in [("a", 0), ("b", 10), ("c", 2 * hour), ("d", 3 * hour)] {
        accept_new(journal, arriving(call(id, &[id]), second)).await?;
    }
    accept_new(journal, Arrival { source: "other".to_owned(), ..arriving(call("e", &["e"]), 20) }).await?;
    let kind = ArrivalKind::Unrecognised { reason: "no `call.id`".to_owned() };
    accept(journal, Arrival { kind, ..arriving(call("odd", &[]), 30) }).await?;
    finish(journal, &only(claims(journal, 5, 1).await?), 5, CallStatus::Landed).await?;
    let found = upkeep.reconciled(vec![day("one", 0, 2 * hour), day("two", 2 * hour, 3 * hour)], 9).await?;
    let of = |day: &str, source: &str| {
        let found = found.received.get(&(day.to_owned(), source.to_owned()));
        found.map(|found| (found.calls.iter().map(|(status, n)| (status.word(), *n)).collect::<Vec<_>>(), found.unrecognised))
    };
    let mut first = of("one", "phone").expect("it has calls");
    first.0.sort_unstable();
    assert_eq!(first, (vec![("landed", 1), ("waiting", 1)], 1));
    assert_eq!(of("one", "other"), Some((vec![("waiting", 1)], 0)));
    assert_eq!(of("two", "phone"), Some((vec![("waiting", 1)], 0)), "the end is not included");
    assert_eq!(of("two", "other"), None);
    Ok(())
}

pub(in crate::journal) async fn what_was_captured_comes_with_its_receipts(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    accept_new(journal, call("a", &["a"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 1, vec![write("contact", WriteState::Intent)]).await?;
    let wrote =
        WriteChange { receipt: Some(text(r#"[{"field":"Phone","state":"landed"}]"#)), ..WriteChange::to("contact", WriteState::Applied) };
    record(journal, &claim, 2, vec![Record::Write(wrote), status_change(CallStatus::Landed)], Then::Release).await?;
    accept_new(journal, arriving(call("b", &["b"]), 10)).await?;
    let found = upkeep.captured(at(0), at(100), 9).await?;
    let line = |call: &crate::journal::CapturedCall| (call.pipeline.clone(), call.status.word(), call.writes.len());
    let seen: Vec<_> = found.iter().map(line).collect();
    assert_eq!(seen, [(None, "waiting", 0), (Some("front-desk".to_owned()), "landed", 1)], "the newest first");
    let (name, state, receipt) = &found[1].writes[0];
    assert_eq!((name.as_str(), *state), ("contact", WriteState::Applied));
    assert!(receipt.as_ref().is_some_and(|receipt| receipt.text().contains("Phone")));
    assert_eq!((upkeep.captured(at(0), at(100), 1).await?.len(), upkeep.captured(at(11), at(100), 9).await?.len()), (1, 0));
    Ok(())
}

/// A call that is planned, with what comes of its write.
async fn seen(journal: &dyn Journal, id: &str, verdict: &str, change: WriteChange, write: NewWrite) -> Case {
    accept_new(journal, call(id, &[id])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned(journal, NewPlan { verdict: verdict.to_owned(), ..plan(&claim, 1, vec![write]) }).await?;
    let status = if change.state == WriteState::Dead { CallStatus::Dead } else { CallStatus::Review };
    record(journal, &claim, 2, vec![Record::Write(change), status_change(status)], Then::Release).await.map(drop)
}

pub(in crate::journal) async fn what_makes_duplicates_suspected_is_found(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    let applied = |id: &str| WriteChange { record_id: Some(id.to_owned()), ..WriteChange::to("contact", WriteState::Applied) };
    let intent = || write("contact", WriteState::Intent);
    seen(journal, "several", "ambiguous", applied("003A"), intent()).await?;
    seen(journal, "sure", "matched", applied("003B"), intent()).await?;
    let trouble = Trouble { class: "duplicate".to_owned(), message: "there is one".to_owned(), http_status: Some(409) };
    let dead = WriteChange { trouble: Some(trouble), ..WriteChange::to("contact", WriteState::Dead) };
    seen(journal, "refused", "new", dead, intent()).await?;
    let found = upkeep.suspects(at(0), at(100), 9).await?;
    let several: Vec<_> = found.several.iter().map(|one| (one.call.as_str(), one.made.clone())).collect();
    assert_eq!(several, [("several", vec![("crm".to_owned(), "Contact".to_owned(), "003A".to_owned())])]);
    assert_eq!(
        found.refused.iter().map(|one| (one.call.as_str(), one.message.as_str())).collect::<Vec<_>>(),
        [("refused", "there is one")]
    );
    assert!(found.said.is_empty());
    let call = story(journal, "several").await?.call.seq;
    let answer =
        NewAnswer { kind: AnswerKind::Merge, contact: Some("003B".to_owned()), other: Some("003A".to_owned()), identity: text("{}") };
    let (actor, reason) = ("olga".to_owned(), "both are Nora".to_owned());
    let records = vec![Record::Answer(answer), again_at(50, true)];
    journal.intervene(Intervention { call, actor, way: Way::Web, what: "answer", reason, now: at(50), seen: None, records }).await?;
    let said = upkeep.suspects(at(0), at(100), 9).await?.said;
    assert_eq!(
        said.iter().map(|one| (one.contact.as_str(), one.other.as_str(), one.actor.as_str())).collect::<Vec<_>>(),
        [("003B", "003A", "olga")]
    );
    let merge = NewWrite { op: "merge".to_owned(), ..write("contact.merge", WriteState::Intent) };
    let claim = only(claims(journal, 60, 9).await?);
    planned(journal, plan(&claim, 61, vec![merge])).await?;
    record(journal, &claim, 62, vec![into_state("contact.merge", WriteState::Applied), status_change(CallStatus::Landed)], Then::Release)
        .await?;
    assert!(upkeep.suspects(at(0), at(100), 9).await?.said.is_empty(), "what was merged is one");
    assert_eq!(upkeep.suspects(at(200), at(300), 9).await?.several.len(), 0);
    Ok(())
}
