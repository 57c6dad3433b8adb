//! One caller at a time: order, blocking, merging, leases and fences.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;

use super::support::*;
use crate::journal::{Accepted, CallChange, CallFilter, CallStatus, Claiming, Guard, Journal, PlanOutcome, Record, Then, WriteState};

pub(in crate::journal) async fn one_call_of_a_lane_at_a_time_in_order(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["k"]), call("b", &["k"]), call("c", &["other"])]).await?;
    let first = claims(journal, 0, 9).await?;
    assert_eq!(ids(&first), ["a", "c"]);
    assert!(claims(journal, 59, 9).await?.is_empty());
    finish(journal, &first[0], 1, CallStatus::Landed).await?;
    assert_eq!(ids(&claims(journal, 1, 9).await?), ["b"]);
    Ok(())
}

pub(in crate::journal) async fn a_call_that_waits_lets_the_next_one_pass(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["k"]), call("b", &["k"])]).await?;
    let claim = only(claims(journal, 0, 9).await?);
    record(journal, &claim, 0, vec![again_at(30, false)], Then::Release).await?;
    let claim = only(claims(journal, 1, 9).await?);
    assert_eq!(claim.call.id, "b");
    finish(journal, &claim, 2, CallStatus::Landed).await?;
    assert_eq!(journal.next_due(at(3)).await?, Some(at(30)));
    let claim = only(claims(journal, 30, 9).await?);
    assert_eq!((claim.call.id.as_str(), claim.call.status_reason.as_deref()), ("a", Some("busy there")));
    Ok(())
}

pub(in crate::journal) async fn a_call_that_blocks_does_not(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["k"]), call("b", &["k"])]).await?;
    let claim = only(claims(journal, 0, 9).await?);
    record(journal, &claim, 0, vec![again_at(30, true)], Then::Release).await?;
    assert!(claims(journal, 29, 9).await?.is_empty());
    accept(journal, arriving(call("c", &["k"]), 29)).await?;
    assert!(claims(journal, 29, 9).await?.is_empty(), "a newcomer does not pass either");
    let behind: Vec<Option<String>> = journal.calls(CallFilter::default()).await?.into_iter().map(|call| call.behind).collect();
    assert_eq!(behind, [Some("a".to_owned()), Some("a".to_owned()), None], "c, b, a");
    let claim = only(claims(journal, 30, 9).await?);
    assert_eq!(claim.call.id, "a");
    assert!(claim.call.blocks_lane);
    finish(journal, &claim, 31, CallStatus::Landed).await?;
    assert_eq!(ids(&claims(journal, 31, 9).await?), ["b"]);
    Ok(())
}

/// Waits for a connection, without a time.
fn parked(connections: &[&str], blocks_lane: bool) -> Vec<Record> {
    let waits_for = connections.iter().map(|name| (*name).to_owned()).collect();
    let reason = Some("the system is away".to_owned());
    vec![Record::Call(CallChange { status: CallStatus::Waiting, reason, next_at: None, waits_for, blocks_lane })]
}

pub(in crate::journal) async fn what_waits_for_a_system_is_woken_in_order(journal: &dyn Journal) -> Case {
    journal.accept((0..5).map(|n| call(&format!("c{n}"), &[&format!("k{n}")])).collect()).await?;
    // Put down in another order than they came in.
    let mut all = claims(journal, 0, 9).await?;
    all.reverse();
    for claim in &all {
        record(journal, claim, 1, parked(&["crm"], true), Then::Release).await?;
    }
    assert_eq!((journal.next_due(at(2)).await?, journal.parked().await?), (None, [("crm".to_owned(), 5)].into()));
    assert!(claims(journal, 100_000, 9).await?.is_empty(), "however long it takes");
    assert_eq!(journal.wake("calendar".to_owned(), 9, at(2)).await?, 0);
    assert_eq!(journal.wake("crm".to_owned(), 2, at(3)).await?, 2);
    assert_eq!(ids(&claims(journal, 3, 9).await?), ["c0", "c1"]);
    assert_eq!(journal.wake("crm".to_owned(), 9, at(4)).await?, 3);
    assert_eq!(ids(&claims(journal, 4, 9).await?), ["c2", "c3", "c4"]);
    assert!(journal.parked().await?.is_empty());
    Ok(())
}

pub(in crate::journal) async fn a_call_may_wait_for_two_systems_and_a_time(journal: &dyn Journal) -> Case {
    accept(journal, arriving(call("a", &["k"]), 0)).await?;
    let claim = only(claims(journal, 0, 9).await?);
    record(journal, &claim, 1, parked(&["crm", "calendar"], false), Then::Release).await?;
    assert_eq!(journal.wake("calendar".to_owned(), 9, at(2)).await?, 1);
    let claim = only(claims(journal, 2, 9).await?);
    assert!(journal.parked().await?.is_empty(), "it says itself what it still waits for");
    let Some(Record::Call(change)) = parked(&["crm"], false).pop() else { unreachable!() };
    record(journal, &claim, 3, vec![Record::Call(CallChange { next_at: Some(at(30)), ..change })], Then::Release).await?;
    assert!(claims(journal, 29, 9).await?.is_empty());
    let claim = only(claims(journal, 30, 9).await?);
    finish(journal, &claim, 31, CallStatus::Landed).await?;
    assert!(journal.parked().await?.is_empty(), "what has landed waits for nothing");
    assert_eq!(journal.wake("crm".to_owned(), 9, at(40)).await?, 0);
    Ok(())
}

pub(in crate::journal) async fn a_clock_set_back_makes_no_wait_longer(journal: &dyn Journal) -> Case {
    journal.accept(vec![arriving(call("a", &["k"]), 7200), arriving(call("b", &["l"]), 7200)]).await?;
    let both = claims(journal, 7200, 9).await?;
    record(journal, &both[0], 7200, vec![again_at(7230, true)], Then::Release).await?;
    // Somebody else has a third one, and perhaps a clock that goes on.
    journal.accept(vec![arriving(call("c", &["m"]), 7200)]).await?;
    let lease = Duration::from_secs(60);
    let theirs = only(journal.claim(Claiming { now: at(7200), owner: "another".to_owned(), lease, max: 9 }).await?);
    // An hour earlier.
    assert!(claims(journal, 3600, 9).await?.is_empty());
    assert_eq!(journal.next_due(at(3600)).await?, Some(at(3630)), "half a minute, as before");
    let claim = only(claims(journal, 3630, 9).await?);
    assert_eq!(claim.call.id, "a");
    finish(journal, &claim, 3631, CallStatus::Landed).await?;
    // Whoever has the other lane keeps it for one lease, and not for an hour.
    assert!(claims(journal, 3659, 9).await?.is_empty());
    assert_eq!(ids(&claims(journal, 3661, 9).await?), ["b"], "what is another's stays another's");
    finish(journal, &theirs, 7259, CallStatus::Landed).await?;
    Ok(())
}

pub(in crate::journal) async fn a_finished_call_can_block_too(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["k"]), call("b", &["k"])]).await?;
    let claim = only(claims(journal, 0, 9).await?);
    let held = CallChange {
        status: CallStatus::Held,
        reason: Some("whose is it?".to_owned()),
        next_at: None,
        waits_for: Vec::new(),
        blocks_lane: true,
    };
    record(journal, &claim, 0, vec![Record::Call(held)], Then::Release).await?;
    assert!(claims(journal, 1000, 9).await?.is_empty());
    assert_eq!(journal.next_due(at(1000)).await?, None);
    Ok(())
}

pub(in crate::journal) async fn withheld_numbers_share_no_lane(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &[]), call("b", &[])]).await?;
    assert_eq!(claims(journal, 0, 9).await?.len(), 2);
    Ok(())
}

pub(in crate::journal) async fn keys_that_meet_become_one_lane(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["phone"]), call("b", &["mail"]), call("c", &["mail", "phone"]), call("d", &["mail"])]).await?;
    let claim = only(claims(journal, 0, 9).await?);
    assert_eq!(claim.call.id, "a");
    let link = Record::Link { connection: "crm".to_owned(), record: Some(text(r#"{"id":"003"}"#)) };
    record(journal, &claim, 0, vec![link], Then::Keep).await?;
    let mut lane = HashSet::from([claim.guard.lane]);
    finish(journal, &claim, 0, CallStatus::Landed).await?;
    for id in ["b", "c", "d"] {
        let claim = only(claims(journal, 0, 9).await?);
        assert_eq!(claim.call.id, id);
        assert_eq!(claim.links.len(), 1, "what is known of the caller goes with the lane");
        lane.insert(claim.guard.lane);
        finish(journal, &claim, 0, CallStatus::Landed).await?;
    }
    assert_eq!(lane.len(), 1);
    assert_eq!(journal.lane_links(vec!["mail".to_owned(), "phone".to_owned(), "nobody".to_owned()]).await?.len(), 1);
    Ok(())
}

pub(in crate::journal) async fn a_held_lane_is_not_merged_away(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["phone"]), call("b", &["mail"])]).await?;
    let held = claims(journal, 0, 9).await?;
    assert_eq!(ids(&held), ["a", "b"]);
    accept_new(journal, call("c", &["mail", "phone"])).await?;
    finish(journal, &held[1], 1, CallStatus::Landed).await?;
    assert!(claims(journal, 1, 9).await?.is_empty(), "the call went to the lower lane, which is in hand");
    // Now the higher one is free, and the next call with both keys brings them together.
    accept_new(journal, call("d", &["mail", "phone"])).await?;
    accept_new(journal, call("e", &["mail"])).await?;
    finish(journal, &held[0], 2, CallStatus::Landed).await?;
    for id in ["c", "d", "e"] {
        let claim = only(claims(journal, 2, 9).await?);
        assert_eq!((claim.call.id.as_str(), claim.guard.lane), (id, held[0].guard.lane));
        finish(journal, &claim, 2, CallStatus::Landed).await?;
    }
    // The guard of the lane that is no more speaks for nobody.
    assert_fenced(finish(journal, &held[1], 3, CallStatus::Dead).await, held[1].guard);
    Ok(())
}

pub(in crate::journal) async fn an_amendment_brings_lanes_together(journal: &dyn Journal) -> Case {
    journal.accept(vec![call("a", &["mail"]), call("b", &["phone"])]).await?;
    assert!(matches!(accept(journal, call_saying("b", &["mail", "phone"], "with mail")).await?, Accepted::Amended { .. }));
    let claim = only(claims(journal, 0, 9).await?);
    assert_eq!(claim.call.id, "a");
    finish(journal, &claim, 0, CallStatus::Landed).await?;
    assert_eq!(ids(&claims(journal, 0, 9).await?), ["b"]);
    Ok(())
}

pub(in crate::journal) async fn two_workers_never_hold_one_lane(journal: &dyn Journal) -> Case {
    // 8 workers on 300 calls of 12 callers. Each marks the lane it works in a table that two must never be in.
    let arrivals = (0..300).map(|n| call(&format!("call-{n:03}"), &[&format!("caller-{}", n % 12)])).collect();
    journal.accept(arrivals).await?;
    let busy: Mutex<HashMap<_, _>> = Mutex::default();
    let done = AtomicUsize::new(0);
    let worker = |name: usize| {
        let (busy, done) = (&busy, &done);
        async move {
            while done.load(Ordering::SeqCst) < 300 {
                let claiming = Claiming { now: at(0), owner: format!("worker {name}"), lease: Duration::from_secs(60), max: 3 };
                for claim in journal.claim(claiming).await? {
                    let lane = claim.guard.lane;
                    let other = busy.lock().expect("no worker panicked").insert(lane, name);
                    assert_eq!(other, None, "lane {lane} is held twice");
                    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
                    tokio::task::yield_now().await;
                    record(journal, &claim, 0, vec![into_state("contact", WriteState::Applied)], Then::Keep).await?;
                    busy.lock().expect("no worker panicked").remove(&lane);
                    finish(journal, &claim, 0, CallStatus::Landed).await?;
                    done.fetch_add(1, Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
            }
            Case::Ok(())
        }
    };
    for ended in join_all((0..8).map(worker)).await {
        ended?;
    }
    assert_eq!(done.load(Ordering::SeqCst), 300, "no call was worked twice");
    assert_eq!(journal.counts().await?.calls.get(&CallStatus::Landed), Some(&300));
    Ok(())
}

pub(in crate::journal) async fn a_ghost_is_fenced(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let ghost = only(claims(journal, 0, 9).await?);
    assert!(claims(journal, 59, 9).await?.is_empty());
    let heir = only(claims(journal, 60, 9).await?);
    assert_eq!(heir.guard.lane, ghost.guard.lane);
    assert!(heir.guard.fence > ghost.guard.fence);
    assert_fenced(finish(journal, &ghost, 61, CallStatus::Landed).await, ghost.guard);
    assert_eq!(planned(journal, plan(&ghost, 61, vec![])).await?, PlanOutcome::Fenced);
    assert_eq!(journal.renew(vec![ghost.guard, heir.guard], at(200)).await?, [ghost.guard]);
    assert_fenced(journal.release(ghost.guard, at(61)).await, ghost.guard);
    finish(journal, &heir, 62, CallStatus::Landed).await?;
    // Given back is given back, even while nobody else has it.
    assert_fenced(finish(journal, &heir, 62, CallStatus::Dead).await, heir.guard);
    let wrong_call = Guard { fence: heir.guard.fence, ..heir.guard };
    assert_eq!(journal.renew(vec![wrong_call], at(200)).await?, [wrong_call]);
    Ok(())
}

pub(in crate::journal) async fn a_renewed_lease_holds(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    assert_eq!(claim.until, at(60));
    assert!(journal.renew(vec![claim.guard], at(100)).await?.is_empty());
    assert_eq!(journal.next_due(at(1)).await?, Some(at(100)), "that is when it could be taken over");
    assert!(claims(journal, 99, 9).await?.is_empty());
    assert_eq!(claims(journal, 100, 9).await?.len(), 1);
    Ok(())
}

pub(in crate::journal) async fn a_take_over_puts_intents_in_doubt(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let ghost = only(claims(journal, 0, 9).await?);
    let writes = vec![write("contact", WriteState::Intent), write("note", WriteState::Blocked)];
    planned_all(journal, &ghost, 0, writes).await?;
    // It had meant to come back much later; a doubt does not wait that long.
    record(journal, &ghost, 0, vec![again_at(9000, false)], Then::Keep).await?;
    let heir = only(claims(journal, 61, 9).await?);
    assert_eq!(heir.writes[0].state, WriteState::Unknown);
    assert_eq!(heir.writes[0].since, Some(at(61)));
    assert_eq!(heir.writes[0].attempt, 1);
    assert_eq!(heir.writes[1].state, WriteState::Blocked);
    assert!(kinds(journal, "a").await?.contains(&"answer_lost".to_owned()));
    Ok(())
}

pub(in crate::journal) async fn a_release_puts_intents_in_doubt(journal: &dyn Journal) -> Case {
    accept_new(journal, call("a", &["k"])).await?;
    let claim = only(claims(journal, 0, 9).await?);
    planned_all(journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    journal.release(claim.guard, at(5)).await?;
    let claim = only(claims(journal, 5, 9).await?);
    assert_eq!((claim.writes[0].state, claim.writes[0].since), (WriteState::Unknown, Some(at(5))));
    Ok(())
}

pub(in crate::journal) async fn a_lane_with_much_to_do_goes_to_the_back(journal: &dyn Journal) -> Case {
    journal.accept((0..5).map(|n| call(&format!("robot {n}"), &["robot"])).collect()).await?;
    accept_new(journal, arriving(call("person", &["person"]), 1)).await?;
    let claim = only(claims(journal, 1, 1).await?);
    assert_eq!(claim.call.id, "robot 0");
    finish(journal, &claim, 2, CallStatus::Landed).await?;
    assert_eq!(ids(&claims(journal, 2, 1).await?), ["person"]);
    Ok(())
}

pub(in crate::journal) async fn the_next_time_is_known(journal: &dyn Journal) -> Case {
    assert_eq!(journal.next_due(at(0)).await?, None);
    accept_new(journal, arriving(call("a", &["k"]), 50)).await?;
    assert_eq!(journal.next_due(at(0)).await?, Some(at(50)));
    accept_new(journal, arriving(call("b", &["other"]), 40)).await?;
    assert_eq!(journal.next_due(at(0)).await?, Some(at(40)));
    accept_new(journal, arriving(call("c", &["k"]), 30)).await?;
    assert_eq!(journal.next_due(at(0)).await?, Some(at(30)));
    assert_eq!(journal.next_due(at(45)).await?, Some(at(45)), "never in the past");
    Ok(())
}

pub(in crate::journal) async fn new_work_wakes(journal: &dyn Journal) -> Case {
    let mut ready = journal.ready();
    accept_new(journal, call("a", &["k"])).await?;
    assert!(ready.has_changed().expect("the journal is open"));
    ready.mark_unchanged();
    let claim = only(claims(journal, 0, 9).await?);
    accept_new(journal, call("b", &["k"])).await?;
    assert!(!ready.has_changed().expect("the journal is open"), "its lane is in hand: nothing to claim");
    finish(journal, &claim, 0, CallStatus::Landed).await?;
    assert!(ready.has_changed().expect("the journal is open"));
    Ok(())
}

pub(in crate::journal) async fn claims_are_bounded(journal: &dyn Journal) -> Case {
    journal.accept((0..10).map(|n| call(&format!("call {n}"), &[])).collect()).await?;
    assert!(claims(journal, 0, 0).await?.is_empty());
    assert_eq!(claims(journal, 0, 4).await?.len(), 4);
    assert_eq!(claims(journal, 0, 40).await?.len(), 6);
    Ok(())
}
