//! Taking in: nothing lost, nothing twice, and the better word wins.

use futures_util::future::join_all;

use super::support::*;
use crate::journal::{Accepted, Arrival, ArrivalKind, CallFilter, CallStatus, Journal, Record, Then, WriteState};

pub(in crate::journal) async fn the_same_event_is_taken_once(journal: &dyn Journal) -> Case {
    let both = journal.accept(vec![call("a", &["k"]), call("a", &["k"])]).await?;
    let Accepted::New { seq } = both[0] else { panic!("{both:?}") };
    assert_eq!(both[1], Accepted::Duplicate { seq: Some(seq) });
    assert_eq!(accept(journal, call("a", &["k"])).await?, Accepted::Duplicate { seq: Some(seq) });
    // The key counts within its source.
    let elsewhere = Arrival { source: "other".to_owned(), event_key: "a/hello".to_owned(), ..call("b", &[]) };
    assert!(matches!(accept(journal, elsewhere).await?, Accepted::New { .. }));
    assert_eq!(journal.calls(CallFilter::default()).await?.len(), 2);
    Ok(())
}

pub(in crate::journal) async fn the_same_outcome_under_another_event_is_a_repetition(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &["k"])).await?;
    let again = Arrival { event_key: "second webhook".to_owned(), ..call("a", &["k"]) };
    assert_eq!(accept(journal, again).await?, Accepted::Duplicate { seq: Some(seq) });
    let story = story(journal, "a").await?;
    assert_eq!((story.revisions.len(), story.payloads.len()), (1, 2));
    assert_eq!(journal.payload(story.payloads[0].id).await?.as_deref(), Some(&call("a", &[]).body[..]));
    Ok(())
}

pub(in crate::journal) async fn another_outcome_amends_and_reopens(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    record(journal, &claim, 0, vec![into_state("contact", WriteState::Applied)], Then::Keep).await?;
    finish(journal, &claim, 1, CallStatus::Landed).await?;
    assert!(claims(journal, 2, 9).await?.is_empty());

    let amended = accept(journal, arriving(call_saying("a", &["k"], "other"), 3)).await?;
    assert_eq!(amended, Accepted::Amended { seq, revision: 2 });
    let claim = only(claims(journal, 3, 9).await?);
    assert_eq!((claim.call.revision, claim.call.digest.as_str()), (2, "other"));
    assert_eq!(claim.call.outcome.text(), r#"{"id":"a","summary":"other"}"#);
    assert_eq!(claim.writes[0].state, WriteState::Applied, "what was done stays done");
    assert_eq!(claim.plan.map(|plan| plan.revision), Some(1));
    let story = story(journal, "a").await?;
    assert_eq!(story.revisions.iter().map(|old| old.digest.as_str()).collect::<Vec<_>>(), ["hello", "other"]);
    Ok(())
}

pub(in crate::journal) async fn a_correction_under_the_same_key_amends(journal: &dyn Journal) -> Case {
    let same_key = |words: &str, body: &str| Arrival {
        event_key: "a/report".to_owned(),
        body: body.as_bytes().to_vec(),
        ..call_saying("a", &[], words)
    };
    let seq = accept_new(journal, same_key("hello", "first")).await?;
    let again = Accepted::Duplicate { seq: Some(seq) };
    assert_eq!(accept(journal, same_key("hello", "first, sent a second later")).await?, again);
    assert_eq!(accept(journal, same_key("mapped otherwise by now", "first")).await?, again);
    assert_eq!(accept(journal, same_key("other", "second")).await?, Accepted::Amended { seq, revision: 2 });
    // A late repetition of the first does not undo the second.
    assert_eq!(accept(journal, same_key("hello", "first, sent a third time")).await?, again);
    assert_eq!(accept(journal, same_key("other", "second")).await?, again);
    let story = story(journal, "a").await?;
    assert_eq!((story.call.revision, story.payloads.len()), (2, 2));
    Ok(())
}

pub(in crate::journal) async fn an_amendment_under_way_is_not_lost(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    accept(journal, arriving(call_saying("a", &["k"], "other"), 1)).await?;
    assert!(claims(journal, 1, 9).await?.is_empty(), "the lane is in hand");
    let recorded = record(journal, &claim, 2, vec![status_change(CallStatus::Landed)], Then::Release).await?;
    assert_eq!((recorded.revision, recorded.status), (2, CallStatus::Waiting));
    assert_eq!(only(claims(journal, 2, 9).await?).call.revision, 2);
    Ok(())
}

pub(in crate::journal) async fn a_provisional_call_waits_for_the_better_word(journal: &dyn Journal) -> Case {
    let provisional = |id: &str| {
        with(call_saying(id, &[], "ended"), |call| {
            call.provisional = true;
            call.due_at = at(120);
        })
    };
    let seq = accept_new(journal, provisional("a")).await?;
    accept_new(journal, provisional("never analysed")).await?;
    assert!(claims(journal, 119, 9).await?.is_empty());
    let analysed = arriving(call_saying("a", &[], "analysed"), 30);
    assert_eq!(accept(journal, analysed).await?, Accepted::Amended { seq, revision: 2 });
    let claim = only(claims(journal, 30, 9).await?);
    assert!(!claim.call.provisional);
    finish(journal, &claim, 31, CallStatus::Landed).await?;
    let claim = only(claims(journal, 120, 9).await?);
    assert!(claim.call.provisional && claim.call.id == "never analysed");
    Ok(())
}

pub(in crate::journal) async fn a_provisional_word_that_comes_late_is_kept_aside(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call_saying("a", &[], "analysed")).await?;
    let late = with(call_saying("a", &[], "ended"), |call| call.provisional = true);
    assert_eq!(accept(journal, late).await?, Accepted::Duplicate { seq: Some(seq) });
    let story = story(journal, "a").await?;
    assert_eq!((story.call.revision, story.payloads.len()), (1, 2));
    Ok(())
}

pub(in crate::journal) async fn the_same_outcome_confirms_a_provisional_call(journal: &dyn Journal) -> Case {
    let early = with(call("a", &[]), |call| {
        call.provisional = true;
        call.due_at = at(120);
    });
    let seq = accept_new(journal, early).await?;
    let confirmed = Arrival { event_key: "analysed".to_owned(), ..arriving(call("a", &[]), 5) };
    assert_eq!(accept(journal, confirmed).await?, Accepted::Duplicate { seq: Some(seq) });
    assert!(!only(claims(journal, 5, 9).await?).call.provisional);
    Ok(())
}

pub(in crate::journal) async fn what_was_not_understood_can_be_understood_later(journal: &dyn Journal) -> Case {
    let puzzle = || Arrival { kind: ArrivalKind::Unrecognised { reason: "no `call.id`".to_owned() }, ..call("a", &[]) };
    let ignored =
        Arrival { event_key: "status".to_owned(), kind: ArrivalKind::Ignored { reason: "not an end".to_owned() }, ..call("a", &[]) };
    assert_eq!(journal.accept(vec![puzzle(), ignored]).await?, [Accepted::Kept, Accepted::Kept]);
    assert_eq!(accept(journal, puzzle()).await?, Accepted::Duplicate { seq: None });
    // Not wanted after all, and then wanted again.
    let unwanted = Arrival { kind: ArrivalKind::Ignored { reason: "filter".to_owned() }, ..puzzle() };
    assert_eq!(accept(journal, unwanted).await?, Accepted::Kept);
    assert!(journal.unrecognised(9).await?.is_empty());
    assert_eq!(accept(journal, puzzle()).await?, Accepted::Kept);
    let open = journal.unrecognised(9).await?;
    assert_eq!((open.len(), open[0].reason.as_str()), (1, "no `call.id`"));
    assert_eq!(open[0].body, call("a", &[]).body);
    accept_new(journal, call("a", &[])).await?;
    assert!(journal.unrecognised(9).await?.is_empty());
    assert_eq!(story(journal, "a").await?.payloads.len(), 1);
    assert!(matches!(accept(journal, puzzle()).await?, Accepted::Duplicate { seq: Some(_) }));
    Ok(())
}

pub(in crate::journal) async fn an_arrival_in_trouble_fails_its_job_alone(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &[])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    // Three transactions that are likely to share a commit; the one in the middle fails.
    let bad = record(journal, &claim, 0, vec![into_state("nowhere", WriteState::Applied)], Then::Keep);
    let (before, bad, after) = tokio::join!(accept(journal, call("b", &[])), bad, accept(journal, call("c", &[])));
    assert!(matches!(before?, Accepted::New { .. }));
    assert!(bad.is_err());
    assert!(matches!(after?, Accepted::New { .. }));
    assert_eq!(accept(journal, call("a", &[])).await?, Accepted::Duplicate { seq: Some(seq) });
    Ok(())
}

pub(in crate::journal) async fn a_thousand_at_once(journal: &dyn Journal) -> Case {
    // 1,000 calls of 100 callers, every one of them delivered twice at the same time.
    let arrivals = (0..1000).flat_map(|n| {
        let arrival = call(&format!("call-{n:04}"), &[&format!("caller-{}", n % 100)]);
        [arrival.clone(), arrival]
    });
    let answers = join_all(arrivals.map(|arrival| async move {
        // Intake would answer 503 and the platform would come back.
        loop {
            match journal.accept(vec![arrival.clone()]).await {
                Err(crate::journal::Error::Busy { .. }) => tokio::task::yield_now().await,
                other => break other,
            }
        }
    }))
    .await;
    let mut fresh = 0;
    for answer in answers {
        fresh += usize::from(matches!(answer?[0], Accepted::New { .. }));
    }
    assert_eq!(fresh, 1000);
    let all = journal.calls(CallFilter { limit: usize::MAX, ..CallFilter::default() }).await?;
    assert_eq!(all.len(), 1000);

    // And all of it can be worked, each lane in its order.
    let mut last = std::collections::HashMap::new();
    let mut worked = 0;
    while worked < 1000 {
        let claims = claims(journal, 0, 64).await?;
        assert!(!claims.is_empty());
        for claim in claims {
            let before = last.insert(claim.guard.lane, claim.call.seq);
            assert!(before < Some(claim.call.seq));
            let done = vec![status_change(CallStatus::Landed), Record::SlotsReleased { write: None }];
            record(journal, &claim, 0, done, Then::Release).await?;
            worked += 1;
        }
    }
    assert_eq!((last.len(), journal.next_due(at(0)).await?), (100, None));
    Ok(())
}
