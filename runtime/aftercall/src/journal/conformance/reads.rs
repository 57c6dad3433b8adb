//! What people are shown.

use super::support::*;
use crate::journal::{Arrival, CallFilter, CallSeq, CallStatus, Error, Journal, Order, PlannedFilter, Then, WriteFilter, WriteState};

async fn three_calls(journal: &dyn Journal) -> Case {
    let other = Arrival { source: "other".to_owned(), ..arriving(call_saying("b1", &[], "a complaint: 100%"), 10) };
    journal.accept(vec![call("a1", &[]), other, arriving(call("a2", &[]), 20)]).await?;
    let claim = only(claims(journal, 0, 1).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Dead), write("note", WriteState::Skipped)]).await?;
    finish(journal, &claim, 5, CallStatus::Dead).await
}

pub(in crate::journal) async fn the_call_log_filters(journal: &dyn Journal) -> Case {
    three_calls(journal).await?;
    let all = CallFilter::default;
    let cases = [
        (all(), vec!["a2", "b1", "a1"]),
        (CallFilter { order: Order::OldestFirst, ..all() }, vec!["a1", "b1", "a2"]),
        (CallFilter { status: vec![CallStatus::Dead, CallStatus::Partial], ..all() }, vec!["a1"]),
        (CallFilter { status: vec![CallStatus::Waiting], ..all() }, vec!["a2", "b1"]),
        (CallFilter { pipeline: Some("front-desk".to_owned()), ..all() }, vec!["a1"]),
        (CallFilter { source: Some("other".to_owned()), ..all() }, vec!["b1"]),
        (CallFilter { since: Some(at(10)), ..all() }, vec!["a2", "b1"]),
        (CallFilter { since: Some(at(1)), until: Some(at(20)), ..all() }, vec!["b1"]),
        (CallFilter { text: Some("COMPLAINT".to_owned()), ..all() }, vec!["b1"]),
        (CallFilter { text: Some("100%".to_owned()), ..all() }, vec!["b1"]),
        (CallFilter { text: Some("1_0".to_owned()), ..all() }, vec![]),
        (CallFilter { text: Some("a".to_owned()), limit: 1, ..all() }, vec!["a2"]),
    ];
    for (filter, expected) in cases {
        let asked = format!("{filter:?}");
        let found = journal.calls(filter).await?;
        assert_eq!(found.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), expected, "{asked}");
        assert!(found.iter().all(|call| call.outcome.is_none()));
    }
    let with_outcome = journal.calls(CallFilter { with_outcome: true, ..all() }).await?;
    assert!(with_outcome.iter().all(|call| call.outcome.is_some()));
    let dead = &with_outcome[2];
    assert_eq!((dead.writes.get(&WriteState::Dead), dead.writes.get(&WriteState::Skipped)), (Some(&1), Some(&1)));
    assert_eq!((dead.config_version.as_str(), dead.changed_at), ("c2", at(5)));
    Ok(())
}

pub(in crate::journal) async fn the_call_log_pages(journal: &dyn Journal) -> Case {
    journal.accept((0..10).map(|n| call(&format!("call {n}"), &[])).collect()).await?;
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut seen: Vec<CallSeq> = Vec::new();
        loop {
            let filter = CallFilter { after: seen.last().copied(), order, limit: 3, ..CallFilter::default() };
            let page = journal.calls(filter).await?;
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(|call| call.seq));
        }
        if order == Order::NewestFirst {
            seen.reverse();
        }
        assert_eq!(seen.len(), 10);
        assert!(seen.is_sorted());
    }
    Ok(())
}

pub(in crate::journal) async fn a_call_is_found_by_its_beginning(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a1", &[]), call("a12", &[]), call("b%_", &[])]).await?;
    let found = async |asked: &str| journal.call(asked.to_owned()).await.map(|story| story.map(|story| story.call.id));
    assert_eq!(found("a12").await?.as_deref(), Some("a12"));
    assert_eq!(found("a1").await?.as_deref(), Some("a1"), "an id is not taken for a beginning");
    assert_eq!(found("b").await?.as_deref(), Some("b%_"));
    assert_eq!(found("%").await?, None);
    assert_eq!(found("").await?, None);
    assert_eq!(found("c").await?, None);
    let ambiguous = found("a").await;
    let Err(Error::AmbiguousPrefix { candidates, .. }) = &ambiguous else { panic!("{ambiguous:?}") };
    assert_eq!(candidates, &["a1", "a12"]);
    Ok(())
}

pub(in crate::journal) async fn the_story_is_whole(journal: &dyn Journal) -> Case {
    three_calls(journal).await?;
    let story = story(journal, "a1").await?;
    assert_eq!((story.revisions.len(), story.payloads.len(), story.plans.len(), story.writes.len()), (1, 1, 1, 2));
    let json = serde_json::to_value(&story).expect("a story is JSON");
    assert_eq!(json["call"]["status"], "dead");
    assert_eq!(json["revisions"][0]["outcome"]["summary"], "hello");
    assert_eq!(json["writes"][0]["state"], "dead");
    assert_eq!(json["events"][0]["kind"], "call_received");
    assert_eq!(json["payloads"][0]["bytes"], call("a1", &[]).body.len());
    Ok(())
}

pub(in crate::journal) async fn calls_come_with_their_last_plan(journal: &dyn Journal) -> Case {
    three_calls(journal).await?;
    let all = || PlannedFilter { limit: 9, ..PlannedFilter::default() };
    let found = async |filter: PlannedFilter| {
        let calls = journal.planned(filter).await?;
        Ok::<_, Error>(calls.into_iter().map(|call| (call.id, call.plan.map(|plan| plan.number))).collect::<Vec<_>>())
    };
    let name = |id: &str, plan: Option<i64>| (id.to_owned(), plan);
    assert_eq!(found(all()).await?, [name("a1", Some(1)), name("b1", None), name("a2", None)], "oldest first");
    assert_eq!(found(PlannedFilter { ids: vec!["a2".to_owned(), "a".to_owned()], ..all() }).await?, [name("a2", None)]);
    assert_eq!(found(PlannedFilter { since: Some(at(10)), until: Some(at(20)), ..all() }).await?, [name("b1", None)]);
    let first = journal.planned(PlannedFilter { limit: 1, ..all() }).await?;
    assert_eq!(found(PlannedFilter { after: Some(first[0].seq), ..all() }).await?, [name("b1", None), name("a2", None)]);
    // What was said anew since is not what was planned.
    journal.accept(vec![arriving(call_saying("a1", &[], "something else"), 30)]).await?;
    let again = journal.planned(PlannedFilter { limit: 1, ..all() }).await?;
    assert!(again[0].outcome.text().contains("hello"), "{}", again[0].outcome.text());
    Ok(())
}

pub(in crate::journal) async fn counts_count(journal: &dyn Journal) -> Case {
    three_calls(journal).await?;
    let claim = only(claims(journal, 10, 1).await?);
    let counts = journal.counts().await?;
    assert_eq!(counts.calls, [(CallStatus::Waiting, 2), (CallStatus::Dead, 1)].into());
    assert_eq!(counts.open_writes, [(WriteState::Dead, 1)].into());
    assert_eq!((counts.unrecognised, counts.lanes_leased, counts.oldest_waiting), (0, 1, Some(at(10))));
    record(journal, &claim, 10, vec![], Then::Release).await?;
    assert_eq!(journal.counts().await?.lanes_leased, 0);
    Ok(())
}

pub(in crate::journal) async fn open_writes_are_listed(journal: &dyn Journal) -> Case {
    three_calls(journal).await?;
    let list = async |states: &[WriteState], connection: Option<&str>| {
        let filter = WriteFilter { states: states.to_vec(), connection: connection.map(str::to_owned), limit: 9 };
        journal.writes(filter).await.map(|writes| writes.into_iter().map(|write| write.write).collect::<Vec<_>>())
    };
    assert_eq!(list(&[WriteState::Dead, WriteState::Unknown], None).await?, ["contact"]);
    assert_eq!(list(&[WriteState::Dead, WriteState::Skipped], Some("crm")).await?, ["contact", "note"]);
    assert!(list(&[WriteState::Dead], Some("calendar")).await?.is_empty());
    assert!(list(&[], None).await?.is_empty());
    Ok(())
}
