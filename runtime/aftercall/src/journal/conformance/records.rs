//! Records: what happened, in one commit, by who has the lane or by a person.

use super::support::*;
use crate::journal::{
    CallStatus, Created, Error, FieldWritten, Intervention, Journal, NewEvent, PlanOutcome, Record, Seen, Then, Trouble, Way, WriteChange,
    WriteOutcome, WriteState,
};

fn trouble(class: &str) -> Option<Trouble> {
    Some(Trouble { class: class.to_owned(), message: "try later".to_owned(), http_status: Some(429) })
}

pub(in crate::journal) async fn an_attempt_from_intent_to_receipt(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Planned)]).await?;
    let intent = WriteChange {
        request_digest: Some("r1".to_owned()),
        request: Some(text(r#"{"POST":"/contacts"}"#)),
        next_at: Some(at(15)),
        ..WriteChange::to("contact", WriteState::Intent)
    };
    record(journal, &claim, 1, vec![Record::Write(intent)], Then::Keep).await?;
    let applied = WriteChange {
        record_id: Some("003".to_owned()),
        record_url: Some("https://crm/003".to_owned()),
        receipt: Some(text(r#"{"FirstName":"landed"}"#)),
        ..WriteChange::to("contact", WriteState::Applied)
    };
    let happened =
        NewEvent { kind: "attempt_succeeded".to_owned(), write: Some("contact".to_owned()), data: text(r#"{"http_status":201}"#) };
    let records = vec![Record::Write(applied), Record::Event(happened), status_change(CallStatus::Landed)];
    let recorded = record(journal, &claim, 2, records, Then::Release).await?;
    assert_eq!((recorded.revision, recorded.status), (1, CallStatus::Landed));

    let story = story(journal, "a").await?;
    let row = &story.writes[0];
    assert_eq!((row.state, row.attempt, row.changed_at), (WriteState::Applied, 1, at(2)));
    assert_eq!((row.record_id.as_deref(), row.record_url.as_deref()), (Some("003"), Some("https://crm/003")));
    assert_eq!((row.request_digest.as_deref(), row.next_at), (Some("r1"), None));
    assert_eq!(row.receipt, Some(text(r#"{"FirstName":"landed"}"#)));
    let last = story.events.last().expect("an event");
    assert_eq!((last.kind.as_str(), last.write.as_deref(), last.at), ("attempt_succeeded", Some("contact"), at(2)));
    assert_eq!(last.data.text(), r#"{"http_status":201}"#);
    assert_eq!(kinds(journal, "a").await?, ["call_received", "plan_recorded", "attempt_succeeded"]);
    assert!(claims(journal, 9000, 9).await?.is_empty());
    Ok(())
}

pub(in crate::journal) async fn troubles_are_set_and_cleared(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    let waits = WriteChange {
        trouble: trouble("rate_limited"),
        since: Some(at(1)),
        next_at: Some(at(30)),
        ..WriteChange::to("contact", WriteState::Waiting)
    };
    record(journal, &claim, 1, vec![Record::Write(waits), again_at(30, false)], Then::Release).await?;
    let claim = only(claims(journal, 30, 9).await?);
    let row = &claim.writes[0];
    assert_eq!((row.trouble.clone(), row.since, row.next_at), (trouble("rate_limited"), Some(at(1)), Some(at(30))));
    record(journal, &claim, 30, vec![into_state("contact", WriteState::Intent)], Then::Keep).await?;
    let story = story(journal, "a").await?;
    let row = &story.writes[0];
    assert_eq!((row.trouble.clone(), row.since, row.next_at, row.attempt), (None, None, None, 2));
    Ok(())
}

pub(in crate::journal) async fn the_next_intent_shares_the_commit(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent), write("note", WriteState::Blocked)]).await?;
    let records = vec![into_state("contact", WriteState::Applied), into_state("note", WriteState::Intent)];
    record(journal, &claim, 1, records, Then::Keep).await?;
    let states = states(journal, "a").await?;
    assert_eq!((states[0].1, states[1].1), (WriteState::Applied, WriteState::Intent));
    Ok(())
}

pub(in crate::journal) async fn an_unknown_write_changes_nothing(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let records = vec![status_change(CallStatus::Landed), into_state("nothing", WriteState::Applied)];
    let refused = record(journal, &claim, 1, records, Then::Release).await;
    assert!(matches!(&refused, Err(Error::NotFound { what }) if what.contains("`nothing`")), "{refused:?}");
    assert_eq!(story(journal, "a").await?.call.status, CallStatus::Waiting);
    finish(journal, &claim, 1, CallStatus::Landed).await
}

pub(in crate::journal) async fn a_final_status_has_no_time(journal: &dyn Journal) -> Case {
    for (n, status) in (0..).zip(CallStatus::ALL.iter().filter(|status| status.is_final())) {
        let id = format!("call {n}");
        accept_new(journal, call(&id, &["k"])).await?;
        let claim = only(claims(journal, 0, 9).await?);
        let Record::Call(mut change) = status_change(*status) else { unreachable!() };
        change.next_at = Some(at(5));
        record(journal, &claim, 0, vec![Record::Call(change)], Then::Release).await?;
        let call = story(journal, &id).await?.call;
        assert_eq!((call.status, call.next_at), (*status, None));
    }
    assert_eq!(journal.next_due(at(0)).await?, None);
    Ok(())
}

pub(in crate::journal) async fn links_follow_the_lane(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["k"]), call("b", &["k"])]).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let link = |record| Record::Link { connection: "crm".to_owned(), record };
    let records = vec![link(Some(text("1"))), link(Some(text("2"))), status_change(CallStatus::Landed)];
    record(journal, &claim, 0, records, Then::Release).await?;
    let claim = only(claims(journal, 0, 9).await?);
    assert_eq!((claim.links.len(), claim.links[0].record.text()), (1, "2"));
    assert_eq!(journal.lane_links(vec!["k".to_owned()]).await?, claim.links);
    record(journal, &claim, 0, vec![link(None)], Then::Keep).await?;
    assert_eq!(journal.lane_links(vec!["k".to_owned()]).await?, []);
    Ok(())
}

pub(in crate::journal) async fn a_person_reopens_a_dead_letter(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    let dead = WriteChange { trouble: trouble("validation"), ..WriteChange::to("contact", WriteState::Dead) };
    record(journal, &claim, 0, vec![Record::Write(dead), status_change(CallStatus::Dead)], Then::Release).await?;
    let mut ready = journal.ready();
    ready.mark_unchanged();
    let retry = WriteChange { attempt: Some(0), ..WriteChange::to("contact", WriteState::Planned) };
    let intervention = Intervention {
        call: seq,
        actor: "olga".to_owned(),
        way: Way::Cli,
        what: "retry",
        reason: "the field exists now".to_owned(),
        now: at(100),
        seen: None,
        records: vec![Record::Write(retry), again_at(100, false)],
    };
    assert_eq!(journal.intervene(intervention).await?.status, CallStatus::Waiting);
    assert!(ready.has_changed().expect("the journal is open"));
    let claim = only(claims(journal, 100, 9).await?);
    assert_eq!((claim.writes[0].state, claim.writes[0].attempt), (WriteState::Planned, 0));
    let events = story(journal, "a").await?.events;
    let person = events.iter().find(|event| event.kind == "person_intervened").expect("the audit line");
    assert_eq!(person.data.text(), r#"{"actor":"olga","reason":"the field exists now"}"#);
    Ok(())
}

pub(in crate::journal) async fn a_person_chooses_another_version(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent), write("note", WriteState::Intent)]).await?;
    let (dead, done) = (WriteChange::to("contact", WriteState::Dead), WriteChange::to("note", WriteState::Applied));
    record(journal, &claim, 0, vec![Record::Write(dead), Record::Write(done), status_change(CallStatus::Dead)], Then::Release).await?;
    let records = vec![Record::Version { config_version: "another".to_owned() }, again_at(100, false)];
    let (actor, reason) = ("olga".to_owned(), "mended".to_owned());
    journal.intervene(Intervention { call: seq, actor, way: Way::Cli, what: "retry", reason, now: at(100), seen: None, records }).await?;
    let claim = only(claims(journal, 100, 9).await?);
    assert_eq!(claim.call.config_version, "another");
    let before = claim.plan.as_ref().map(|plan| plan.config_version.clone()).unwrap_or_default();
    assert_ne!(before, "another", "its plan is the old one");
    let writes = vec![write("contact", WriteState::Intent), write("note", WriteState::Intent)];
    let outcome = planned(journal, plan(&claim, 100, writes)).await?;
    let PlanOutcome::Recorded { writes, .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(*writes, [WriteOutcome::Recorded, WriteOutcome::Kept]);
    let story = story(journal, "a").await?;
    let states: Vec<WriteState> = story.writes.iter().map(|write| write.state).collect();
    assert_eq!(states, [WriteState::Intent, WriteState::Applied], "what is done is not done again");
    let changed = story.events.iter().find(|event| event.kind == "config_version_changed").expect("the audit line");
    assert_eq!(changed.data.text(), format!(r#"{{"from":"{before}","to":"another"}}"#));
    Ok(())
}

/// Two people look at a dead letter, and both ask for it again.
pub(in crate::journal) async fn the_second_person_is_told(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    let dead = WriteChange::to("contact", WriteState::Dead);
    record(journal, &claim, 0, vec![Record::Write(dead), status_change(CallStatus::Dead)], Then::Release).await?;
    let seen = Seen::of(&story(journal, "a").await?);
    let again = |second| Intervention {
        call: seq,
        actor: "olga".to_owned(),
        way: Way::Cli,
        what: "retry",
        reason: String::new(),
        now: at(second),
        seen: Some(seen.clone()),
        records: vec![Record::Write(WriteChange::to("contact", WriteState::Planned)), again_at(second, false)],
    };
    assert_eq!(journal.intervene(again(100)).await?.status, CallStatus::Waiting);
    let refused = journal.intervene(again(101)).await;
    assert!(matches!(refused, Err(Error::Changed { status: CallStatus::Waiting, .. })), "{refused:?}");
    // It was worked meanwhile, and landed.
    let claim = only(claims(journal, 102, 9).await?);
    let landed = WriteChange::to("contact", WriteState::Applied);
    record(journal, &claim, 102, vec![Record::Write(landed), status_change(CallStatus::Landed)], Then::Release).await?;
    assert!(matches!(journal.intervene(again(103)).await, Err(Error::Changed { status: CallStatus::Landed, .. })));
    let now = story(journal, "a").await?;
    assert_eq!((now.call.status, now.writes[0].state), (CallStatus::Landed, WriteState::Applied));
    Ok(())
}

pub(in crate::journal) async fn a_person_waits_for_the_worker(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let intervention = |call| Intervention {
        call,
        actor: "olga".to_owned(),
        way: Way::Cli,
        what: "retry",
        reason: "stop".to_owned(),
        now: at(1),
        seen: None,
        records: vec![status_change(CallStatus::Held)],
    };
    let refused = journal.intervene(intervention(seq)).await;
    assert!(matches!(&refused, Err(Error::Leased { until, .. }) if *until == at(60)), "{refused:?}");
    journal.release(claim.guard, at(1)).await?;
    assert_eq!(journal.intervene(intervention(seq)).await?.status, CallStatus::Held);
    assert!(claims(journal, 9000, 9).await?.is_empty());
    let refused = journal.intervene(intervention(crate::journal::CallSeq(99))).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    Ok(())
}

pub(in crate::journal) async fn the_ledger_keeps_the_last_value(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["k"]), call("b", &["k"])]).await?;
    for (id, value) in [("a", "\"Ann\""), ("b", "\"Anna\"")] {
        let claim = only(claims(journal, 7, 9).await?);
        let field = |field: &str, value: &str| {
            Record::Field(FieldWritten {
                connection: "crm".to_owned(),
                object: "Contact".to_owned(),
                record_id: "003".to_owned(),
                field: field.to_owned(),
                value: text(value),
                call_started_at: claim.call.started_at,
                config_version: format!("c-{id}"),
            })
        };
        let mut records = vec![field("FirstName", value), status_change(CallStatus::Landed)];
        if id == "a" {
            records.push(field("Phone", "null"));
        }
        record(journal, &claim, 7, records, Then::Release).await?;
    }
    let ids = vec!["003".to_owned(), "404".to_owned()];
    let written = journal.written("crm".to_owned(), "Contact".to_owned(), ids).await?;
    let rows: Vec<_> = written.iter().map(|row| (row.field.as_str(), row.value.text(), row.call.as_str())).collect();
    assert_eq!(rows, [("FirstName", "\"Anna\"", "b"), ("Phone", "null", "a")]);
    assert_eq!((written[0].call_started_at, written[0].written_at), (Some(at(-60)), at(7)));
    assert_eq!(written[0].config_version, "c-b");
    Ok(())
}

pub(in crate::journal) async fn what_was_created_is_found(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let made = |id: &str, second| Created {
        connection: "crm".to_owned(),
        object: "Contact".to_owned(),
        record_id: id.to_owned(),
        identity: text(r#"{"phone":"+1"}"#),
        created_at: at(second),
    };
    let records = [made("1", 10), made("2", 20), made("3", 30), made("3", 30)].map(Record::Created).to_vec();
    record(journal, &claim, 30, records, Then::Keep).await?;
    let found = journal.recent_created("crm".to_owned(), "Contact".to_owned(), at(20)).await?;
    assert_eq!(found, [made("2", 20), made("3", 30)]);
    assert_eq!(journal.recent_created("crm".to_owned(), "Task".to_owned(), at(0)).await?, []);
    Ok(())
}
