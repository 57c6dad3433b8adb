//! The call log as pages ask for it.

use std::collections::BTreeMap;

use super::support::*;
use crate::journal::{
    Arrival, ArrivalKind, CallFilter, CallStatus, Journal, LogCounts, LogFilter, LogKind, Order, Record, Then, WriteChange, WriteState,
};

/// Four calls over three weeks: one landed with a record, one dead, two waiting, of which one is of another source. And what nobody understood.
async fn some_calls(journal: &dyn Journal) -> Case {
    let named = |id: &str, words: &str, seconds: i64| arriving(with(call(id, &[id]), |call| call.words = words.to_owned()), seconds);
    let other = Arrival { source: "other".to_owned(), ..named("b1", "Zoë Müller ezoeacmeexample n24105552131 ib1", 700_000) };
    let unknown = ArrivalKind::Unrecognised { reason: "no `call.id`".to_owned() };
    let unknown = Arrival { received_at: at(700_001), event_key: "odd".to_owned(), kind: unknown, ..call("odd", &[]) };
    journal
        .accept(vec![
            named("a1", "Nora Whitfield enorawmailexample n34105552151 ia1", 0),
            named("a2", "Nora Weber n99 ia2", 10),
            other,
            named("a3", "n24105552131 ia3", 1_300_000),
            unknown,
        ])
        .await?;
    let mut claims = claims(journal, 20, 2).await?;
    claims.sort_by_key(|claim| claim.call.seq);
    let (landed, dead) = (&claims[0], &claims[1]);
    planned_all(journal, landed, 20, vec![write("contact", WriteState::Intent), write("note", WriteState::Skipped)]).await?;
    let mut wrote = WriteChange::to("contact", WriteState::Applied);
    (wrote.record_id, wrote.record_url) = (Some("003RECORD".to_owned()), Some("https://crm.example/003RECORD".to_owned()));
    record(journal, landed, 21, vec![Record::Write(wrote), status_change(CallStatus::Landed)], Then::Release).await?;
    planned_all(journal, dead, 20, vec![crate::journal::NewWrite { connection: "calendar".to_owned(), ..write("slot", WriteState::Dead) }])
        .await?;
    finish(journal, dead, 22, CallStatus::Dead).await
}

async fn ids(journal: &dyn Journal, filter: LogFilter) -> Result<Vec<String>, crate::journal::Error> {
    Ok(journal.log(LogFilter { limit: 10, ..filter }).await?.calls.into_iter().map(|call| call.id).collect())
}

pub(in crate::journal) async fn the_log_filters(journal: &dyn Journal) -> Case {
    some_calls(journal).await?;
    let all = LogFilter::default;
    let of = |kind: LogKind| LogFilter { of: kind, ..LogFilter::default() };
    let some = |text: &str| Some(text.to_owned());
    let cases = [
        (all(), vec!["a3", "b1", "a2", "a1"]),
        (LogFilter { status: vec![CallStatus::Dead], ..all() }, vec!["a2"]),
        (LogFilter { status: vec![CallStatus::Dead, CallStatus::Landed], ..all() }, vec!["a2", "a1"]),
        (LogFilter { status: vec![CallStatus::Held], ..all() }, vec![]),
        (LogFilter { connection: some("calendar"), ..all() }, vec!["a2"]),
        (LogFilter { connection: some("gone"), ..all() }, vec![]),
        (LogFilter { connection: some("calendar"), status: vec![CallStatus::Landed], ..all() }, vec![]),
        (of(LogKind { source: some("other"), ..LogKind::default() }), vec!["b1"]),
        (of(LogKind { pipeline: some("front-desk"), ..LogKind::default() }), vec!["a2", "a1"]),
        (of(LogKind { verdict: some("new"), ..LogKind::default() }), vec!["a2", "a1"]),
        (of(LogKind { verdict: some("new"), source: some("other"), ..LogKind::default() }), vec![]),
        (of(LogKind { since: Some(at(10)), until: Some(at(1_300_000)), ..LogKind::default() }), vec!["b1", "a2"]),
        (of(LogKind { until: Some(at(10)), ..LogKind::default() }), vec!["a1"]),
    ];
    for (filter, expected) in cases {
        let asked = format!("{filter:?}");
        assert_eq!(ids(journal, filter).await?, expected, "{asked}");
    }
    let first = journal.log(LogFilter { limit: 10, with_outcome: true, ..all() }).await?.calls.remove(3);
    let record = first.records.first().expect("a record");
    assert_eq!(
        (record.record_id.as_str(), record.record_url.as_deref(), first.records.len()),
        ("003RECORD", Some("https://crm.example/003RECORD"), 1)
    );
    assert_eq!((first.verdict.as_deref(), first.outcome.is_some(), first.writes.len()), (Some("new"), true, 2));
    Ok(())
}

pub(in crate::journal) async fn the_log_finds(journal: &dyn Journal) -> Case {
    some_calls(journal).await?;
    let cases = [
        ("nora", vec!["a2", "a1"]),
        ("Whit", vec!["a1"]),
        ("nora whitfield", vec!["a1"]),
        ("no", vec![]),
        ("zoe muller", vec!["b1"]),
        ("MÜLLER", vec!["b1"]),
        ("zoe@acme.example", vec!["b1"]),
        ("(312) 555-0142", vec!["a3", "b1"]),
        ("+1 312 555 0142", vec!["a3", "b1"]),
        ("555 0143", vec!["a1"]),
        ("0142", vec!["a3", "b1"]),
        ("phone:a3", vec!["a3"]),
        ("003RECORD", vec!["a1"]),
        ("003REC", vec!["a1"]),
        ("nobody", vec![]),
        ("' OR 1 --", vec![]),
        ("\" * NEAR", vec![]),
        ("ⒶB नमस्ते", vec![]),
        ("%", vec![]),
    ];
    for (text, expected) in cases {
        assert_eq!(ids(journal, LogFilter { text: Some(text.to_owned()), ..LogFilter::default() }).await?, expected, "{text}");
    }
    let narrow = LogFilter { text: Some("nora".to_owned()), status: vec![CallStatus::Landed], ..LogFilter::default() };
    assert_eq!(ids(journal, narrow).await?, ["a1"]);
    let kind = LogKind { source: Some("phone".to_owned()), ..LogKind::default() };
    assert_eq!(ids(journal, LogFilter { of: kind, text: Some("0142".to_owned()), ..LogFilter::default() }).await?, ["a3"]);
    // Amended words are those that count.
    let amended = with(call_saying("a1", &["a1"], "otherwise"), |call| call.words = "Norma Vale ia1".to_owned());
    accept(journal, amended).await?;
    for (text, expected) in [("whitfield", vec![]), ("norma", vec!["a1".to_owned()])] {
        assert_eq!(ids(journal, LogFilter { text: Some(text.to_owned()), ..LogFilter::default() }).await?, expected, "{text}");
    }
    Ok(())
}

pub(in crate::journal) async fn the_log_counts(journal: &dyn Journal) -> Case {
    some_calls(journal).await?;
    let counts = |calls: &[(CallStatus, u64)], unrecognised| LogCounts {
        calls: calls.iter().copied().collect::<BTreeMap<_, _>>(),
        unrecognised,
        never_received: 0,
    };
    let cases = [
        (LogKind::default(), counts(&[(CallStatus::Waiting, 2), (CallStatus::Landed, 1), (CallStatus::Dead, 1)], 1)),
        // Whole weeks and hours, and what is left of others.
        (
            LogKind { since: Some(at(5)), until: Some(at(1_300_001)), ..LogKind::default() },
            counts(&[(CallStatus::Waiting, 2), (CallStatus::Dead, 1)], 1),
        ),
        (LogKind { since: Some(at(5)), until: Some(at(700_000)), ..LogKind::default() }, counts(&[(CallStatus::Dead, 1)], 0)),
        (LogKind { since: Some(at(5)), until: Some(at(11)), ..LogKind::default() }, counts(&[(CallStatus::Dead, 1)], 0)),
        (LogKind { source: Some("other".to_owned()), ..LogKind::default() }, counts(&[(CallStatus::Waiting, 1)], 0)),
        (LogKind { verdict: Some("new".to_owned()), ..LogKind::default() }, counts(&[(CallStatus::Landed, 1), (CallStatus::Dead, 1)], 1)),
    ];
    for (kind, expected) in cases {
        assert_eq!(journal.log_counts(kind.clone()).await?, expected, "{kind:?}");
    }
    let before = journal.last_event().await?;
    accept_new(journal, call("a4", &[])).await?;
    assert!(journal.last_event().await? > before);
    Ok(())
}

pub(in crate::journal) async fn the_log_pages_while_calls_arrive(journal: &dyn Journal) -> Case {
    journal.accept((0..10).map(|n| arriving(call(&format!("call {n}"), &[]), 900 * n)).collect()).await?;
    let (mut seen, mut after) = (Vec::new(), None);
    for more in 0.. {
        let page = journal.log(LogFilter { after, limit: 3, ..LogFilter::default() }).await?;
        seen.extend(page.calls.iter().map(|call| call.id.clone()));
        accept_new(journal, call(&format!("late {more}"), &[])).await?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..10).rev().map(|n| format!("call {n}")).collect();
    assert_eq!(seen, expected, "each once, and none that came meanwhile");
    let all = journal.calls(CallFilter { order: Order::OldestFirst, limit: 100, ..CallFilter::default() }).await?;
    assert_eq!(all.len(), 14);
    Ok(())
}
