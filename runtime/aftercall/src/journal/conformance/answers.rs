//! Questions to people, and their answers.

use super::support::*;
use crate::journal::{
    AnswerKind, CallFilter, CallSeq, CallStatus, Claim, Created, Intervention, Journal, NewAnswer, NewPlan, NewWrite, Order, PlanOutcome,
    Record, Then, Way, WriteOutcome, WriteState,
};

fn contact(id: &str) -> NewAnswer {
    NewAnswer { kind: AnswerKind::Contact, contact: Some(id.to_owned()), other: None, identity: text(r#"{"name":"ann lee"}"#) }
}

async fn answer(journal: &dyn Journal, call: CallSeq, second: i64, answer: NewAnswer) -> Case {
    let (actor, reason) = ("olga".to_owned(), "she said so".to_owned());
    let records = vec![Record::Answer(answer), again_at(second, true)];
    journal
        .intervene(Intervention { call, actor, way: Way::Web, what: "answer", reason, now: at(second), seen: None, records })
        .await
        .map(drop)
}

/// Plans a call with a question, applies its write and ends it.
async fn asked(journal: &dyn Journal, id: &str, key: &str) -> Result<CallSeq, crate::journal::Error> {
    let seq = accept_new(journal, call(id, &[key])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let plan = NewPlan { question: Some(format!("who is {id}?")), ..plan(&claim, 0, vec![write("contact", WriteState::Intent)]) };
    planned(journal, plan).await?;
    let records = vec![into_state("contact", WriteState::Applied), status_change(CallStatus::Review)];
    record(journal, &claim, 0, records, Then::Release).await?;
    Ok(seq)
}

async fn asking(journal: &dyn Journal) -> Result<Vec<(String, Option<String>)>, crate::journal::Error> {
    let filter = CallFilter { asking: true, order: Order::OldestFirst, ..CallFilter::default() };
    Ok(journal.calls(filter).await?.into_iter().map(|call| (call.id, call.question)).collect())
}

async fn claimed(journal: &dyn Journal, second: i64) -> Result<Claim, crate::journal::Error> {
    Ok(only(claims(journal, second, 9).await?))
}

pub(in crate::journal) async fn a_question_is_open_until_it_is_answered(journal: &dyn Journal) -> Case {
    let first = asked(journal, "a", "k").await?;
    asked(journal, "b", "l").await?;
    let open = |id: &str| (id.to_owned(), Some(format!("who is {id}?")));
    assert_eq!(asking(journal).await?, [open("a"), open("b")], "oldest first");
    answer(journal, first, 10, contact("003")).await?;
    assert_eq!(asking(journal).await?, [open("b")]);
    let told = story(journal, "a").await?;
    assert_eq!((told.call.question, told.call.status), (None, CallStatus::Waiting));
    let given = &told.answers[0];
    assert_eq!((given.call_id.as_str(), given.number, given.kind, given.contact.as_deref()), ("a", 1, AnswerKind::Contact, Some("003")));
    assert_eq!((given.actor.as_str(), given.reason.as_str(), given.at), ("olga", "she said so", at(10)));
    assert_eq!(given.identity.text(), r#"{"name":"ann lee"}"#);
    Ok(())
}

pub(in crate::journal) async fn an_answer_makes_room_for_another_plan(journal: &dyn Journal) -> Case {
    let seq = asked(journal, "a", "k").await?;
    answer(journal, seq, 10, contact("003")).await?;
    let claim = claimed(journal, 10).await?;
    assert_eq!(claim.answers.len(), 1);
    let anew =
        NewWrite { generation: 1, op: "update".to_owned(), record_id: Some("003".to_owned()), ..write("contact", WriteState::Planned) };
    let outcome = planned(journal, plan(&claim, 11, vec![anew])).await?;
    assert!(matches!(&outcome, PlanOutcome::Recorded { writes, .. } if writes == &[WriteOutcome::Recorded]), "{outcome:?}");
    let told = story(journal, "a").await?;
    assert_eq!((told.writes[0].record_id.as_deref(), told.past_writes[0].state), (Some("003"), WriteState::Applied));
    Ok(())
}

pub(in crate::journal) async fn the_last_answer_counts(journal: &dyn Journal) -> Case {
    let seq = asked(journal, "a", "k").await?;
    answer(journal, seq, 10, contact("003")).await?;
    answer(journal, seq, 20, contact("004")).await?;
    let counting = journal.answers(vec!["k".to_owned()]).await?;
    assert_eq!(counting.iter().map(|a| (a.number, a.contact.as_deref())).collect::<Vec<_>>(), [(2, Some("004"))]);
    assert_eq!(story(journal, "a").await?.answers.len(), 2, "the story keeps both");
    Ok(())
}

pub(in crate::journal) async fn an_answer_takes_the_record_that_it_led_to(journal: &dyn Journal) -> Case {
    let seq = asked(journal, "a", "k").await?;
    answer(journal, seq, 10, NewAnswer { kind: AnswerKind::New, contact: None, ..contact("") }).await?;
    let claim = claimed(journal, 10).await?;
    let led = |id: &str| Record::AnswerLedTo { contact: id.to_owned() };
    record(journal, &claim, 11, vec![led("009"), led("010"), status_change(CallStatus::Landed)], Then::Release).await?;
    assert_eq!(story(journal, "a").await?.answers[0].contact.as_deref(), Some("009"), "the first one stays");
    Ok(())
}

pub(in crate::journal) async fn answers_follow_the_lane(journal: &dyn Journal) -> Case {
    let seq = asked(journal, "a", "k").await?;
    answer(journal, seq, 10, contact("003")).await?;
    finish(journal, &claimed(journal, 10).await?, 10, CallStatus::Landed).await?;
    assert_eq!(journal.answers(vec!["other".to_owned()]).await?, []);
    accept_new(journal, arriving(call("b", &["k", "l"]), 20)).await?;
    let claim = claimed(journal, 20).await?;
    assert_eq!((claim.call.id.as_str(), claim.answers[0].call_id.as_str()), ("b", "a"));
    assert_eq!(journal.answers(vec!["l".to_owned()]).await?, claim.answers);
    Ok(())
}

pub(in crate::journal) async fn only_a_person_answers(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = claimed(journal, 0).await?;
    assert!(record(journal, &claim, 0, vec![Record::Answer(contact("003"))], Then::Keep).await.is_err());
    assert_eq!(story(journal, "a").await?.answers, []);
    Ok(())
}

pub(in crate::journal) async fn what_was_merged_away_is_forgotten(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = claimed(journal, 0).await?;
    let (connection, object) = ("crm".to_owned(), "Contact".to_owned());
    let made = ["1", "2"].map(|id| {
        let (connection, object) = (connection.clone(), object.clone());
        Record::Created(Created { connection, object, record_id: id.to_owned(), identity: text("{}"), created_at: at(0) })
    });
    record(journal, &claim, 0, made.to_vec(), Then::Keep).await?;
    let gone = Record::Gone { connection: connection.clone(), object: object.clone(), record_id: "1".to_owned() };
    record(journal, &claim, 0, vec![gone], Then::Keep).await?;
    let left = journal.recent_created(connection, object, at(0)).await?;
    assert_eq!(left.iter().map(|made| made.record_id.as_str()).collect::<Vec<_>>(), ["2"]);
    Ok(())
}
