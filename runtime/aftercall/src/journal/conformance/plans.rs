//! Plans: recorded whole, replaced with care, and a time is booked once.

use super::support::*;
use crate::journal::{CallStatus, Journal, NewWrite, PlanOutcome, Record, SlotAsk, Then, WriteChange, WriteOutcome, WriteState};

fn booking(id: &str, from: i64, to: i64) -> NewWrite {
    let slot = SlotAsk { resource: "chair 1".to_owned(), starts_at: at(from), ends_at: at(to) };
    NewWrite { slots: vec![slot], ..write(id, WriteState::Planned) }
}

fn outcomes(outcome: PlanOutcome) -> Vec<WriteOutcome> {
    match outcome {
        PlanOutcome::Recorded { writes, .. } => writes,
        other => panic!("{other:?}"),
    }
}

pub(in crate::journal) async fn a_plan_comes_back_with_the_next_claim(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    assert!(claim.plan.is_none() && claim.writes.is_empty());
    let writes = vec![write("contact", WriteState::Planned), write("note", WriteState::Blocked), write("deal", WriteState::Skipped)];
    let asked = plan(&claim, 1, writes.clone());
    let recorded = planned(journal, asked.clone()).await?;
    assert_eq!(recorded, PlanOutcome::Recorded { number: 1, writes: vec![WriteOutcome::Recorded; 3] });
    journal.release(claim.guard, at(2)).await?;

    let claim = only(claims(journal, 2, 9).await?);
    let had = claim.plan.expect("the plan");
    assert_eq!((had.number, had.revision, had.recorded_at), (1, 1, at(1)));
    assert_eq!((had.context, had.decision, had.plan), (asked.context, asked.decision, asked.plan));
    assert_eq!((had.pipeline, had.config_version, had.digest), (asked.pipeline, asked.config_version, asked.digest));
    for (position, (had, asked)) in claim.writes.iter().zip(&writes).enumerate() {
        assert_eq!((had.position, &had.write, had.state), (position as i64, &asked.write, asked.state));
        assert_eq!((&had.marker, &had.depends_on, had.attempt), (&asked.marker, &asked.depends_on, 0));
        assert_eq!(
            (&had.connection, &had.object, &had.op, &had.guarantee),
            (&asked.connection, &asked.object, &asked.op, &asked.guarantee)
        );
    }
    Ok(())
}

pub(in crate::journal) async fn an_overtaken_plan_is_refused(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    accept(journal, call_saying("a", &["k"], "other")).await?;
    let asked = plan(&claim, 1, vec![write("contact", WriteState::Planned)]);
    assert_eq!(planned(journal, asked).await?, PlanOutcome::Amended { revision: 2 });
    assert!(states(journal, "a").await?.is_empty());
    journal.renew(vec![claim.guard], at(90)).await?;
    Ok(())
}

pub(in crate::journal) async fn a_fenced_plan_does_not_fail_the_others(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &[]), call("b", &[])]).await?;
    let both = claims(journal, 0, 9).await?;
    journal.release(both[0].guard, at(0)).await?;
    let plans = both.iter().map(|claim| plan(claim, 1, vec![write("contact", WriteState::Planned)])).collect();
    let outcomes = journal.record_plan(plans).await?;
    assert_eq!(outcomes[0], PlanOutcome::Fenced);
    assert!(matches!(outcomes[1], PlanOutcome::Recorded { .. }));
    assert_eq!((states(journal, "a").await?.len(), states(journal, "b").await?.len()), (0, 1));
    Ok(())
}

pub(in crate::journal) async fn a_time_is_booked_once(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &[]), call("b", &[]), call("c", &[])]).await?;
    let all = claims(journal, 0, 9).await?;
    let first = planned(journal, plan(&all[0], 1, vec![booking("event", 1000, 2000)])).await?;
    assert_eq!(outcomes(first), [WriteOutcome::Recorded]);
    let overlapping = vec![booking("event", 1999, 2500), write("note", WriteState::Planned)];
    let second = planned(journal, plan(&all[1], 1, overlapping)).await?;
    assert_eq!(outcomes(second), [WriteOutcome::SlotTaken { by: "a".to_owned() }, WriteOutcome::Recorded]);
    assert_eq!(states(journal, "b").await?[0].1, WriteState::Held);
    // What ends when another begins does not overlap it.
    let third = planned(journal, plan(&all[2], 1, vec![booking("event", 2000, 3000)])).await?;
    assert_eq!(outcomes(third), [WriteOutcome::Recorded]);
    let booked = journal.booked("chair 1".to_owned(), at(0), at(9000)).await?;
    assert_eq!(booked.iter().map(|one| one.call.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(journal.booked("chair 1".to_owned(), at(2000), at(9000)).await?.len(), 1);
    // A call does not stand in its own way when it is planned again.
    let again = planned(journal, plan(&all[0], 2, vec![booking("event", 1200, 1900)])).await?;
    assert_eq!(outcomes(again), [WriteOutcome::Recorded]);
    assert_eq!(journal.booked("chair 1".to_owned(), at(0), at(1200)).await?, []);
    Ok(())
}

pub(in crate::journal) async fn a_released_time_is_free_again(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &[]), call("b", &[])]).await?;
    let all = claims(journal, 0, 9).await?;
    planned_all(journal, &all[0], 1, vec![booking("event", 1000, 2000)]).await?;
    let release = Record::SlotsReleased { write: Some("event".to_owned()) };
    record(journal, &all[0], 2, vec![into_state("event", WriteState::Rejected), release], Then::Keep).await?;
    planned_all(journal, &all[1], 3, vec![booking("event", 1000, 2000)]).await
}

pub(in crate::journal) async fn planning_again_replaces_what_was_not_sent(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &[])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let writes = vec![write("contact", WriteState::Planned), write("task", WriteState::Planned), booking("event", 1000, 2000)];
    planned_all(journal, &claim, 0, writes).await?;
    // Sent once, refused for now.
    record(journal, &claim, 0, vec![into_state("contact", WriteState::Intent)], Then::Keep).await?;
    record(journal, &claim, 0, vec![into_state("contact", WriteState::Waiting)], Then::Keep).await?;
    let again = vec![write("note", WriteState::Planned), NewWrite { op: "update".to_owned(), ..write("contact", WriteState::Planned) }];
    planned_all(journal, &claim, 1, again).await?;
    let story = story(journal, "a").await?;
    let rows: Vec<_> = story.writes.iter().map(|row| (row.write.as_str(), row.state, row.attempt, row.plan)).collect();
    assert_eq!(
        rows,
        [
            ("note", WriteState::Planned, 0, 2),
            ("task", WriteState::Skipped, 0, 1),
            // Within one revision the attempts go on counting, or a retry that plans again would never end.
            ("contact", WriteState::Planned, 1, 2),
            ("event", WriteState::Skipped, 0, 1),
        ]
    );
    assert_eq!(story.writes[1].trouble.as_ref().map(|trouble| trouble.class.as_str()), Some("superseded"));
    assert_eq!(story.past_writes.len(), 1, "only what was sent is worth keeping as it was");
    assert!(story.bookings.is_empty());
    assert_eq!(story.plans.len(), 2);
    Ok(())
}

pub(in crate::journal) async fn planning_again_keeps_what_was_applied(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &[])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    let applied = WriteChange { record_id: Some("003".to_owned()), ..WriteChange::to("contact", WriteState::Applied) };
    record(journal, &claim, 0, vec![Record::Write(applied)], Then::Keep).await?;
    let again = planned(journal, plan(&claim, 1, vec![write("contact", WriteState::Intent)])).await?;
    assert_eq!(outcomes(again), [WriteOutcome::Kept]);
    assert_eq!(states(journal, "a").await?[0].1, WriteState::Applied);
    // Unless a person wants it as new.
    let anew = NewWrite { generation: 1, ..write("contact", WriteState::Planned) };
    let again = planned(journal, plan(&claim, 2, vec![anew])).await?;
    assert_eq!(outcomes(again), [WriteOutcome::Recorded]);
    let story = story(journal, "a").await?;
    assert_eq!((story.writes[0].attempt, story.past_writes[0].record_id.as_deref()), (0, Some("003")));
    Ok(())
}

pub(in crate::journal) async fn planning_again_leaves_doubts_alone(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &[])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent), write("note", WriteState::Intent)]).await?;
    record(journal, &claim, 0, vec![into_state("note", WriteState::Unknown)], Then::Keep).await?;
    let again = vec![write("note", WriteState::Planned), write("contact", WriteState::Planned)];
    assert_eq!(outcomes(planned(journal, plan(&claim, 1, again)).await?), [WriteOutcome::InDoubt, WriteOutcome::InDoubt]);
    planned_all(journal, &claim, 1, vec![]).await?;
    let states = states(journal, "a").await?;
    assert_eq!((states[0].1, states[1].1), (WriteState::Intent, WriteState::Unknown), "not even superseded");
    Ok(())
}

pub(in crate::journal) async fn an_amended_call_plans_over_what_was_applied(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    let applied = WriteChange {
        record_id: Some("003".to_owned()),
        record_url: Some("https://crm/003".to_owned()),
        receipt: Some(text(r#"{"FirstName":"landed"}"#)),
        ..WriteChange::to("contact", WriteState::Applied)
    };
    record(journal, &claim, 0, vec![Record::Write(applied)], Then::Keep).await?;
    finish(journal, &claim, 0, CallStatus::Landed).await?;
    accept(journal, call_saying("a", &["k"], "other")).await?;
    let claim = only(claims(journal, 1, 9).await?);
    planned_all(journal, &claim, 1, vec![write("contact", WriteState::Intent)]).await?;
    let story = story(journal, "a").await?;
    let (now, before) = (&story.writes[0], &story.past_writes[0]);
    assert_eq!((now.state, now.revision, now.attempt), (WriteState::Intent, 2, 1));
    assert_eq!((now.record_id.as_deref(), now.record_url.as_deref()), (Some("003"), Some("https://crm/003")));
    assert_eq!((before.state, before.revision, now.receipt.is_none()), (WriteState::Applied, 1, true));
    assert_eq!(before.receipt, Some(text(r#"{"FirstName":"landed"}"#)));
    Ok(())
}

pub(in crate::journal) async fn an_intent_can_stand_in_the_plan(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &[])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let intent = NewWrite {
        request_digest: Some("r1".to_owned()),
        request: Some(text(r#"{"POST":"/contacts"}"#)),
        ..write("contact", WriteState::Intent)
    };
    let mut asked = plan(&claim, 0, vec![intent]);
    asked.records = vec![again_at(300, true)];
    asked.then = Then::Keep;
    planned(journal, asked).await?;
    let story = story(journal, "a").await?;
    assert_eq!(story.writes[0].attempt, 1);
    assert_eq!(story.writes[0].request, Some(text(r#"{"POST":"/contacts"}"#)));
    assert!(story.call.blocks_lane);
    Ok(())
}
