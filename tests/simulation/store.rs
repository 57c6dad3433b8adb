//! The store as one process sees it: the real one, with moments before and after each transaction, failing now and then; and what must never
//! happen between calls of one caller.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aftercall::journal::{
    Accepted, AccessChange, Answer, AnswerRow, Arrival, ArrivalKind, Booking, CallFilter, CallSummary, Claim, Claiming, ConfigPart, Counts,
    Created, Deed, DeedFilter, DeedRow, Error, Guard, Intervention, Journal, Key, LandedFilter, LandedRow, LaneLink, LogCounts, LogFilter,
    LogKind, LogPage, Lookup, NewPlan, NewReload, NewSession, PlanOutcome, PlannedCall, PlannedFilter, Record, Recorded, Recording,
    ReloadAnswer, ReloadFilter, ReloadRow, SealedToken, SessionRow, SignInTry, Story, Then, TokenRow, Unrecognised, UserRow, WriteFilter,
    WriteRow, Written,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::process::Process;
use crate::sim::{Lease, caller_of};

/// The store of a process.
pub(crate) struct Store(pub(crate) Arc<Process>);

impl Store {
    /// Before a transaction. Errors: the disk is full; nothing was written.
    async fn before(&self, what: &str) -> Result<(), Error> {
        self.0.moment(what).await;
        self.fails(what, || Error::DiskFull { path: PathBuf::from("journal") })
    }

    /// After one. Errors: the disk failed while committing, and it is there all the same.
    async fn after(&self, what: &str) -> Result<(), Error> {
        self.0.sim.tell_ready();
        let disk = || Error::Disk { path: PathBuf::from("journal"), detail: "failed".to_owned(), committing: true };
        self.fails(what, disk)?;
        self.0.moment(what).await;
        Ok(())
    }

    fn fails(&self, what: &str, error: impl Fn() -> Error) -> Result<(), Error> {
        let sim = &self.0.sim;
        let fails = !sim.is_calm() && sim.state().rng.chance(sim.draw.journal / 2.0);
        if fails {
            sim.trace(|| format!("{} journal fails: {what}: {}", self.0.number, error()));
            return Err(error());
        }
        Ok(())
    }

    /// Whose lane it is now; nobody else may have one of this caller.
    fn claimed(&self, claims: &[Claim], now: Timestamp) {
        let (sim, number) = (&self.0.sim, self.0.number);
        for claim in claims {
            let (call, lane) = (&claim.call.id, claim.guard.lane);
            sim.trace(|| format!("{number} claims {call}"));
            let mut state = sim.state();
            let other =
                state.leases.iter().find(|(id, lease)| **id != lane && lease.until > now && caller_of(&lease.call) == caller_of(call));
            let other = other.map(|(_, lease)| lease.call.clone());
            let lease = Lease { process: number, fence: claim.guard.fence, until: claim.until, call: call.clone() };
            state.leases.insert(lane, lease);
            drop(state);
            if let Some(other) = other {
                sim.violation(format!("{call} is worked while {other} of the same caller is"));
            }
        }
    }

    /// Whoever is believed must be the one who has the lane.
    fn believed(&self, guard: Guard, gone: bool) {
        let mut state = self.0.sim.state();
        let newest = state.leases.get(&guard.lane).is_none_or(|lease| lease.fence == guard.fence);
        if let Some(lease) = state.leases.get_mut(&guard.lane).filter(|_| gone && newest) {
            lease.until = Timestamp::UNIX_EPOCH;
        }
        drop(state);
        if !newest {
            self.0.sim.violation(format!("the store believed a ghost about lane {}", guard.lane));
        }
    }

    /// Calls of one caller are begun in the order in which they came.
    fn begun(&self, call: &str) {
        let sim = &self.0.sim;
        let mut state = sim.state();
        if state.planned.iter().any(|known| known == call) {
            return;
        }
        state.planned.push(call.to_owned());
        let planned = state.planned.clone();
        drop(state);
        let earlier: Vec<String> = sim.state().accepted.iter().take_while(|known| *known != call).cloned().collect();
        if let Some(skipped) = earlier.iter().find(|other| caller_of(other) == caller_of(call) && !planned.contains(*other)) {
            sim.violation(format!("{call} was begun before {skipped} of the same caller"));
        }
    }
}

/// Methods that only pass through.
macro_rules! through {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($arg: $ty),*) -> Answer<'_, $out> {
            Box::pin(async move {
                self.before(stringify!($name)).await?;
                let done = self.0.sim.journal.$name($($arg),*).await;
                self.after(stringify!($name)).await?;
                done
            })
        })*
    };
}

impl Journal for Store {
    through! {
        take_turn(route: String, call: String) -> i64;
        lookup_put(lookup: Lookup) -> ();
        people_put(connection: String, people: Vec<(String, Option<Vec<i64>>)>) -> ();
        config_put(hash: String, parts: Vec<ConfigPart>, now: Timestamp) -> ();
        peek_turn(route: String, call: String) -> (i64, bool);
        token_put(token: SealedToken) -> ();
        token_get(connection: String) -> Option<SealedToken>;
        lookup_get(connection: String, kind: String, key: String) -> Option<Lookup>;
        people_find(connection: String, keys: Vec<i64>, limit: usize) -> Vec<String>;
        config_get(hash: String) -> Option<Vec<String>>;
        versions(prefix: String, most: usize) -> Vec<String>;
        calls(filter: CallFilter) -> Vec<CallSummary>;
        log(filter: LogFilter) -> LogPage;
        log_counts(kind: LogKind) -> LogCounts;
        last_event() -> i64;
        planned(filter: PlannedFilter) -> Vec<PlannedCall>;
        call(id_or_prefix: String) -> Option<Story>;
        payload(id: i64) -> Option<Vec<u8>>;
        writes(filter: WriteFilter) -> Vec<WriteRow>;
        written(connection: String, object: String, record_ids: Vec<String>) -> Vec<Written>;
        recent_created(connection: String, object: String, since: Timestamp) -> Vec<Created>;
        lane_links(keys: Vec<String>) -> Vec<LaneLink>;
        answers(keys: Vec<String>) -> Vec<AnswerRow>;
        unrecognised(limit: usize) -> Vec<Unrecognised>;
        reload_ask(new: NewReload) -> i64;
        reload_answer(answer: ReloadAnswer) -> i64;
        reloads(filter: ReloadFilter) -> Vec<ReloadRow>;
        counts() -> Counts;
        parked() -> BTreeMap<String, u64>;
        wake(connection: String, max: usize, now: Timestamp) -> usize;
        next_due(now: Timestamp) -> Option<Timestamp>;
        booked(resource: String, from: Timestamp, to: Timestamp) -> Vec<Booking>;
        intervene(intervention: Intervention) -> Recorded;
        access_put(change: AccessChange, deed: Deed) -> ();
        session_start(session: NewSession, deed: Deed) -> ();
        session_seen(key: Key, now: Timestamp) -> ();
        session_end(key: Key, deed: Deed) -> ();
        token_used(name: String, now: Timestamp) -> ();
        sign_in_try(asked: SignInTry) -> Option<Timestamp>;
        sign_in_succeeded(own: Key, others: Vec<Key>) -> ();
        deed_put(deed: Deed) -> ();
        users() -> Vec<UserRow>;
        session(key: Key, idle: SignedDuration, now: Timestamp) -> Option<SessionRow>;
        api_tokens() -> Vec<TokenRow>;
        api_token(key: Key, now: Timestamp) -> Option<TokenRow>;
        deeds(filter: DeedFilter) -> Vec<DeedRow>;
        landed(filter: LandedFilter) -> Vec<LandedRow>;
    }

    fn accept(&self, arrivals: Vec<Arrival>) -> Answer<'_, Vec<Accepted>> {
        Box::pin(async move {
            self.before("accept").await?;
            let calls: Vec<Option<String>> = arrivals
                .iter()
                .map(|arrival| match &arrival.kind {
                    ArrivalKind::Call(call) => Some(call.id.clone()),
                    _ => None,
                })
                .collect();
            let done = self.0.sim.journal.accept(arrivals).await;
            for (call, accepted) in calls.into_iter().zip(done.iter().flatten()) {
                if let (Some(call), Accepted::New { .. }) = (call, accepted) {
                    self.0.sim.state().accepted.push(call);
                }
            }
            self.0.sim.trace(|| format!("{} accept {done:?}", self.0.number));
            self.after("accept").await?;
            done
        })
    }

    fn claim(&self, claiming: Claiming) -> Answer<'_, Vec<Claim>> {
        Box::pin(async move {
            self.before("claim").await?;
            let now = claiming.now;
            let claims = self.0.sim.journal.claim(claiming).await?;
            self.claimed(&claims, now);
            self.after("claim").await?;
            Ok(claims)
        })
    }

    fn record_plan(&self, plans: Vec<NewPlan>) -> Answer<'_, Vec<PlanOutcome>> {
        Box::pin(async move {
            self.before("record_plan").await?;
            let guards: Vec<(Guard, Then)> = plans.iter().map(|plan| (plan.guard, plan.then)).collect();
            let calls: Vec<_> = plans.iter().map(|plan| plan.call).collect();
            let done = self.0.sim.journal.record_plan(plans).await?;
            for ((outcome, (guard, then)), call) in done.iter().zip(guards).zip(calls) {
                if matches!(outcome, PlanOutcome::Recorded { .. }) {
                    let held = self.0.sim.state().leases.get(&guard.lane).map(|lease| lease.call.clone());
                    self.0.sim.trace(|| format!("{} plans {call} {held:?}", self.0.number));
                    if let Some(held) = held {
                        self.begun(&held);
                    }
                    self.believed(guard, then == Then::Release);
                }
            }
            self.after("record_plan").await?;
            Ok(done)
        })
    }

    fn record(&self, recording: Recording) -> Answer<'_, Recorded> {
        Box::pin(async move {
            self.before("record").await?;
            let (guard, then, call) = (recording.guard, recording.then, recording.call);
            let why = recording.records.iter().find_map(|record| match record {
                Record::Call(change) => change.reason.clone(),
                _ => None,
            });
            let why = why.unwrap_or_default();
            let done = self.0.sim.journal.record(recording).await?;
            self.0.sim.trace(|| format!("{} records {call} {} {then:?} {why}", self.0.number, done.status));
            self.believed(guard, then == Then::Release);
            self.after("record").await?;
            Ok(done)
        })
    }

    fn renew(&self, guards: Vec<Guard>, until: Timestamp) -> Answer<'_, Vec<Guard>> {
        Box::pin(async move {
            self.before("renew").await?;
            let lost = self.0.sim.journal.renew(guards.clone(), until).await?;
            for guard in guards.into_iter().filter(|guard| !lost.contains(guard)) {
                self.believed(guard, false);
                if let Some(lease) = self.0.sim.state().leases.get_mut(&guard.lane) {
                    lease.until = until;
                }
            }
            self.after("renew").await?;
            Ok(lost)
        })
    }

    fn release(&self, guard: Guard, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            self.before("release").await?;
            self.0.sim.journal.release(guard, now).await?;
            self.believed(guard, true);
            self.after("release").await?;
            Ok(())
        })
    }

    fn ready(&self) -> watch::Receiver<u64> {
        self.0.sim.ears(self.0.number)
    }
}
