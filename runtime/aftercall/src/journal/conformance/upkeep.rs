//! Upkeep: alerts and their messages, what went wrong lately, and letting go. A store that has [`Upkeep`] hands itself in as both.

use super::support::*;
use crate::journal::{
    AlertChange, AlertRow, Arrival, CallStatus, ConfigPart, Journal, NewNotice, NoticeTried, Place, Purging, Record, Then, Trouble, Upkeep,
    WriteChange, WriteState,
};

fn row(second: i64) -> AlertRow {
    AlertRow { name: "away".to_owned(), since: at(second), quiet_since: None, told_at: at(second), said: text("{}") }
}

pub(in crate::journal) async fn an_alert_and_its_messages_are_one(_: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    let notice = |notifier: &str| NewNotice { notifier: notifier.to_owned(), kind: "begun".to_owned(), body: text(r#"{"value":"5"}"#) };
    let change = |state, notices| AlertChange { name: "away".to_owned(), state, notices, now: at(1) };
    upkeep.alert_put(change(Some(row(1)), vec![notice("ops"), notice("night")])).await?;
    assert_eq!(upkeep.alerts().await?, [row(1)]);
    let open = upkeep.notices(true, 9).await?;
    assert_eq!(open.iter().map(|n| (n.notifier.as_str(), n.attempts)).collect::<Vec<_>>(), [("ops", 0), ("night", 0)]);
    let tried = |id, next_at, trouble: Option<&str>| NoticeTried { id, now: at(2), next_at, trouble: trouble.map(str::to_owned) };
    upkeep.notice_tried(tried(open[0].id, Some(at(9)), Some("away"))).await?;
    upkeep.notice_tried(tried(open[1].id, None, None)).await?;
    let open = upkeep.notices(true, 9).await?;
    assert_eq!((open.len(), open[0].attempts, open[0].next_at, open[0].trouble.as_deref()), (1, 1, at(9), Some("away")));
    assert_eq!(upkeep.notices(false, 9).await?[0].done_at, Some(at(2)), "the newest first");
    upkeep.alert_put(change(None, Vec::new())).await?;
    assert!(upkeep.alerts().await?.is_empty());
    assert_eq!(upkeep.notices(true, 9).await?.len(), 1, "what is on its way stays so");
    upkeep.pulse(at(3)).await
}

/// A call that says something of a person: in its outcome and its body, and not in what it is known by.
fn of_nora(id: &str) -> Arrival {
    let mut arrival = with(call(id, &[id]), |call| call.outcome = text(r#"{"name":"Nora"}"#));
    arrival.body = b"Nora".to_vec();
    arrival
}

/// A call with one write in this state, that ended in this status.
async fn ended(journal: &dyn Journal, id: &str, state: WriteState, status: CallStatus) -> Case {
    accept_new(journal, of_nora(id)).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 1, vec![write("contact", WriteState::Intent)]).await?;
    let trouble = Trouble { class: "invalid".to_owned(), message: "no".to_owned(), http_status: Some(400) };
    let change = WriteChange { trouble: Some(trouble), receipt: Some(text(r#"{"name":"Nora"}"#)), ..WriteChange::to("contact", state) };
    record(journal, &claim, 2, vec![Record::Write(change), status_change(status)], Then::Release).await.map(|_| ())
}

pub(in crate::journal) async fn what_went_wrong_is_counted(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    ended(journal, "a", WriteState::Applied, CallStatus::Landed).await?;
    ended(journal, "b", WriteState::Dead, CallStatus::Partial).await?;
    ended(journal, "c", WriteState::Dead, CallStatus::Dead).await?;
    ended(journal, "resolved", WriteState::Dead, CallStatus::Resolved).await?;
    accept_new(journal, call("d", &["d"])).await?;
    let lately = upkeep.lately(at(0)).await?;
    let first = lately.first.expect("one of them is the first");
    assert_eq!((lately.dead, first.call.as_str(), first.class.as_deref(), first.http_status), (2, "b", Some("invalid"), Some(400)));
    assert_eq!(upkeep.lately(at(3)).await?.dead, 0);
    let vitals = upkeep.vitals().await?;
    assert_eq!((vitals.dead, vitals.waiting, vitals.oldest_waiting, vitals.asking), (2, 1, Some(at(0)), 0));
    Ok(())
}

pub(in crate::journal) async fn what_is_open_is_not_let_go(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    for n in 0..25 {
        ended(journal, &format!("done {n}"), WriteState::Applied, CallStatus::Landed).await?;
    }
    ended(journal, "dead", WriteState::Dead, CallStatus::Dead).await?;
    ended(journal, "partial", WriteState::Dead, CallStatus::Partial).await?;
    ended(journal, "resolved", WriteState::Dead, CallStatus::Resolved).await?;
    accept_new(journal, of_nora("waits")).await?;
    let mut purging = Purging { now: at(100), payloads: Some(at(50)), calls: Some(at(50)), limit: 10, ..Purging::default() };
    let (mut calls, mut payloads, mut portions) = (0, 0, 0);
    loop {
        let purged = upkeep.purge(purging.clone()).await?;
        (calls, payloads, portions) = (calls + purged.calls, payloads + purged.payloads, portions + 1);
        if !purged.more {
            break;
        }
        assert_ne!(purged.next, Place::default());
        purging.from = purged.next;
    }
    assert_eq!((calls, payloads, portions), (26, 26, 3), "small portions");
    for (id, whole) in [("done 7", false), ("resolved", false), ("dead", true), ("partial", true), ("waits", true)] {
        let story = story(journal, id).await?;
        let said = serde_json::to_string(&story).expect("JSON");
        assert_eq!(said.contains("Nora"), whole, "{id}: {said}");
        assert_eq!(journal.payload(story.payloads[0].id).await?.is_some(), whole, "{id}");
        assert!(!story.revisions[0].digest.is_empty() && !story.events.is_empty(), "the skeleton of {id} stays");
    }
    assert_eq!(upkeep.purge(Purging { from: Place::default(), ..purging }).await?.calls, 0, "once is enough");
    // Another word about a call that was erased is a word like any other.
    journal.accept(vec![arriving(call_saying("done 7", &["done 7"], "Nora again"), 101)]).await?;
    assert_eq!(story(journal, "done 7").await?.call.status, CallStatus::Waiting);
    Ok(())
}

pub(in crate::journal) async fn a_part_stays_as_long_as_a_config_needs_it(journal: &dyn Journal, upkeep: &dyn Upkeep) -> Case {
    let part = |text: &str| ConfigPart { digest: text.into(), text: text.into() };
    let get = |hash: &str| journal.config_get(hash.to_owned());
    journal.config_put("old".to_owned(), vec![part("shared"), part("gone")], at(0)).await?;
    journal.config_put("new".to_owned(), vec![part("shared"), part("added")], at(60)).await?;
    let purging = Purging { now: at(100), configs: Some(at(50)), limit: 10, ..Purging::default() };
    upkeep.purge(purging.clone()).await?;
    assert_eq!(get("old").await?, None);
    assert_eq!(get("new").await?, Some(vec!["shared".to_owned(), "added".to_owned()]));
    // What was let go is kept anew where a config has it again.
    journal.config_put("old".to_owned(), vec![part("shared"), part("gone")], at(101)).await?;
    assert_eq!(get("old").await?, Some(vec!["shared".to_owned(), "gone".to_owned()]));
    Ok(())
}
