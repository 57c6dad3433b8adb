//! Stories of a machine whose clock jumps: an hour ahead, an hour back, in the middle of the work.
//!
//! Leases, waits and lookups are put down by that clock. Nothing may be lost, written twice or worked by two at once. Not for the signatures
//! of another hour: those are refused, see `webhooks`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aftercall::connect::Http;
use aftercall::journal::CallStatus;
use aftercall::work::Clock;
use aftercall_sandbox::{FaultKind, FaultSpec};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Desk, Inside, call};

const HOUR: i64 = 3600;

fn nth(n: usize) -> Value {
    let name = ["Ada Kerbat", "Bruno Lindmon", "Cleo Fisdrog", "Dimitri Galhun", "Esther Norjev"][n % 5];
    let caller = json!({"phone": format!("+1512557{:04}", 1000 + n % 5 * 13), "name": name});
    call(&format!("c-{n:02}"), json!({"caller": caller, "outcome": "message", "follow_up": {"reason": "Call back"}}))
}

/// Works calls through faults while the clock takes these jumps, in seconds.
fn jumps(jumps: &[i64]) {
    let desk = Desk::salesforce().impatient();
    let offset: Arc<AtomicI64> = Arc::default();
    let clock: Clock = {
        let offset = offset.clone();
        Arc::new(move || Timestamp::now() + SignedDuration::from_secs(offset.load(Ordering::Relaxed)))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let inside = Inside::open(desk.root(), Arc::new(Http::new().expect("a client")), clock).await;
        let mut taken = 0;
        for jump in jumps {
            // Some are in hand, some wait for a next attempt, some were never begun, when it jumps.
            desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 2).on_path("composite"));
            // Asks for three seconds: what it hits still waits when the clock jumps.
            desk.crm.fault(FaultSpec::next(FaultKind::RateLimited, 1).on_path("composite"));
            desk.crm.fault(FaultSpec { probability: Some(0.5), ..FaultSpec::new(FaultKind::Slow) }.delayed_ms(60));
            for _ in 0..10 {
                inside.take(&nth(taken)).await;
                taken += 1;
            }
            // Ahead in the middle of the work; back between two pieces of it: what is put down in the very moment of the jump may wait by
            // the old clock, and that is no loss, but no story either.
            let ahead = async {
                tokio::time::sleep(Duration::from_millis(150)).await;
                offset.fetch_add(*jump.max(&0), Ordering::Relaxed);
            };
            tokio::join!(inside.settle(Duration::from_millis(400)), ahead);
            offset.fetch_add(*jump.min(&0), Ordering::Relaxed);
            desk.crm.clear_faults();
        }
        let calls = inside.settle(Duration::from_secs(45)).await;
        let open: Vec<_> =
            calls.iter().filter(|call| call.status != CallStatus::Landed).map(|c| (&c.id, c.status, &c.status_reason)).collect();
        assert_eq!(open, []);
        assert_eq!(calls.len(), taken);
        assert_eq!((desk.logged().len(), desk.to_dos().len(), desk.crm_rows("Contact").len()), (taken, taken, 6 + 5));
    });
}

/// Story: the clock jumps an hour ahead, twice. What waited goes on at once; who has a lane keeps it or finds out.
#[test]
fn an_hour_ahead() {
    jumps(&[HOUR, HOUR]);
}

/// Story: the clock falls back an hour. What was to wait for milliseconds does not wait for an hour.
#[test]
fn an_hour_back() {
    jumps(&[-HOUR, -HOUR]);
}

/// Story: it jumps to and fro, as a machine does that has just found its time server.
#[test]
fn to_and_fro() {
    jumps(&[HOUR, -2 * HOUR, HOUR]);
}
