//! The named transactions. A store implements these and nothing else, so that a second store can follow.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{
    Error,
    model::{
        Accepted, AccessChange, AnswerRow, Arrival, Booking, CallFilter, CallSummary, Claim, Claiming, ConfigPart, Counts, Created, Deed,
        DeedFilter, DeedRow, Guard, Intervention, Key, LandedFilter, LandedRow, LaneLink, LogCounts, LogFilter, LogKind, LogPage, Lookup,
        NewPlan, NewReload, NewSession, PlanOutcome, PlannedCall, PlannedFilter, Recorded, Recording, ReloadAnswer, ReloadFilter,
        ReloadRow, SealedToken, SessionRow, SignInTry, Story, TokenRow, Unrecognised, UserRow, WriteFilter, WriteRow, Written,
    },
};

/// What a transaction gives back: it resolves after the commit is on disk. Dropping it does not undo the transaction.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// The durable record and queue. Each method is one transaction: all of it happened, or none.
///
/// Intake calls `accept`; workers call `claim`, `record_plan`, `record`, `renew` and `release`; people's commands call
/// `intervene` and the reads. A store never acts between two calls and never asks what time it is.
pub trait Journal: Send + Sync {
    /// Takes in what sources delivered. After `Ok` everything in it is safe, and the source may be told so.
    ///
    /// Errors: [`Error::Busy`] at once, without waiting, when more is queued than can be taken (answer 503); every other
    /// error is our own trouble as well, and also a 503. One arrival in trouble fails them all.
    fn accept(&self, arrivals: Vec<Arrival>) -> Answer<'_, Vec<Accepted>>;

    /// Leases lanes with work that is due, longest waiting first, and gives the call to work in each: the first in order
    /// of arrival that is due and not behind a call that blocks the lane.
    ///
    /// A lane whose lease ran out is taken over: its intents without an outcome are `Unknown` since `now`. Where `now` is seconds and more
    /// before what stands in the stories already, the clock was set back: waits and leases are then as long from `now` as they were.
    fn claim(&self, claiming: Claiming) -> Answer<'_, Vec<Claim>>;

    /// Puts plans on record, each with its writes and bookings. A plan that is fenced or overtaken does not fail the others.
    fn record_plan(&self, plans: Vec<NewPlan>) -> Answer<'_, Vec<PlanOutcome>>;

    /// Puts on record what happened to one call. What the world did is recorded even where the call was amended meanwhile.
    ///
    /// Errors: [`Error::Fenced`] when the lane is no longer ours, [`Error::NotFound`] for a write or call that does not
    /// exist; nothing is recorded then.
    fn record(&self, recording: Recording) -> Answer<'_, Recorded>;

    /// Wakes calls that wait for this connection, in their order of arrival, at most so many: they are due now. Gives how many there were.
    fn wake(&self, connection: String, max: usize, now: Timestamp) -> Answer<'_, usize>;

    /// Does what a person asked, with an event that says who and why.
    ///
    /// Errors: [`Error::Leased`] while a worker has the lane (try again in a moment), [`Error::NotFound`].
    fn intervene(&self, intervention: Intervention) -> Answer<'_, Recorded>;

    /// Holds lanes until a later time, and gives back those that are no longer ours.
    fn renew(&self, guards: Vec<Guard>, until: Timestamp) -> Answer<'_, Vec<Guard>>;

    /// Gives a lane back. An intent still without an outcome becomes `Unknown`: nobody is left to hear the answer.
    ///
    /// Errors: [`Error::Fenced`], which a worker that only wanted to be rid of it may ignore.
    fn release(&self, guard: Guard, now: Timestamp) -> Answer<'_, ()>;

    /// The call's turn in a route that takes turns: 0, 1, 2, … per route, and the same again for the same call.
    fn take_turn(&self, route: String, call: String) -> Answer<'_, i64>;

    /// Keeps a look-up, over an older one of the same key.
    fn lookup_put(&self, lookup: Lookup) -> Answer<'_, ()>;

    /// Keeps by which keys these people of a connection are found; `None` forgets one. What was kept before and is not named stays: it may find
    /// somebody in vain, and who is found is read again.
    fn people_put(&self, connection: String, people: Vec<(String, Option<Vec<i64>>)>) -> Answer<'_, ()>;

    /// Keeps a connection's refresh token in place of the one before: what was kept last counts.
    fn token_put(&self, token: SealedToken) -> Answer<'_, ()>;

    /// A connection's refresh token.
    fn token_get(&self, connection: String) -> Answer<'_, Option<SealedToken>>;

    /// Keeps a config under its hash. Keeping it again changes nothing, and a part that is there already takes no room.
    fn config_put(&self, hash: String, parts: Vec<ConfigPart>, now: Timestamp) -> Answer<'_, ()>;

    /// Asks whoever works the journal to read its config again. Gives the number under which it answers.
    fn reload_ask(&self, new: NewReload) -> Answer<'_, i64>;

    /// Puts on record what came of a config: in the rows of those who asked, or in one of its own. Gives its number, the last of several.
    fn reload_answer(&self, answer: ReloadAnswer) -> Answer<'_, i64>;

    /// Changes who may look and act, with its line in the trail.
    ///
    /// Errors: [`Error::AlreadyThere`] for a name that is taken, [`Error::NotFound`] for one that there is not.
    fn access_put(&self, change: AccessChange, deed: Deed) -> Answer<'_, ()>;

    /// Somebody has signed in: the session before it ends, and those whose time is over are forgotten.
    ///
    /// Errors: [`Error::NotFound`] where the user is gone, kept out, or has another password by now.
    fn session_start(&self, session: NewSession, deed: Deed) -> Answer<'_, ()>;

    /// Its user was there.
    fn session_seen(&self, key: Key, now: Timestamp) -> Answer<'_, ()>;

    /// A session ends; ending one that is over does nothing.
    fn session_end(&self, key: Key, deed: Deed) -> Answer<'_, ()>;

    /// A token was used.
    fn token_used(&self, name: String, now: Timestamp) -> Answer<'_, ()>;

    /// Counts a try at signing in, before it is checked. `Some`: too many; it does not count, and from that time on there is room again.
    fn sign_in_try(&self, asked: SignInTry) -> Answer<'_, Option<Timestamp>>;

    /// Who tried is who they say: what was counted for `own` is forgotten, and of the others this one try.
    fn sign_in_succeeded(&self, own: Key, others: Vec<Key>) -> Answer<'_, ()>;

    /// Puts on the trail what somebody did that has no other transaction.
    fn deed_put(&self, deed: Deed) -> Answer<'_, ()>;

    /// The users, by name.
    fn users(&self) -> Answer<'_, Vec<UserRow>>;

    /// A session that counts now: not over, its user seen within `idle` and not kept out.
    fn session(&self, key: Key, idle: SignedDuration, now: Timestamp) -> Answer<'_, Option<SessionRow>>;

    /// The tokens, by name.
    fn api_tokens(&self) -> Answer<'_, Vec<TokenRow>>;

    /// The token with this hash, if it counts now.
    fn api_token(&self, key: Key, now: Timestamp) -> Answer<'_, Option<TokenRow>>;

    /// What people did.
    fn deeds(&self, filter: DeedFilter) -> Answer<'_, Vec<DeedRow>>;

    /// Writes that have landed, with their receipts.
    fn landed(&self, filter: LandedFilter) -> Answer<'_, Vec<LandedRow>>;

    /// The call's turn, and whether it has taken it; otherwise the one that the next call would get. What a dry run shows.
    fn peek_turn(&self, route: String, call: String) -> Answer<'_, (i64, bool)>;

    /// A kept look-up, however old.
    fn lookup_get(&self, connection: String, kind: String, key: String) -> Answer<'_, Option<Lookup>>;

    /// The people that are known by one of these keys, those with the most keys first; ties by id. At most `limit`.
    fn people_find(&self, connection: String, keys: Vec<i64>, limit: usize) -> Answer<'_, Vec<String>>;

    /// The texts of a config's parts.
    fn config_get(&self, hash: String) -> Answer<'_, Option<Vec<String>>>;

    /// The versions of configs that are kept and begin so, in order. At most so many.
    fn versions(&self, prefix: String, most: usize) -> Answer<'_, Vec<String>>;

    /// Configs that were offered or asked for, the newest first.
    fn reloads(&self, filter: ReloadFilter) -> Answer<'_, Vec<ReloadRow>>;

    /// The call log.
    fn calls(&self, filter: CallFilter) -> Answer<'_, Vec<CallSummary>>;

    /// A page of the call log, newest first. However many calls there are, it comes at once: see [`LogPage::cut`].
    fn log(&self, filter: LogFilter) -> Answer<'_, LogPage>;

    /// How many calls of a kind there are, by status.
    fn log_counts(&self, kind: LogKind) -> Answer<'_, LogCounts>;

    /// A number that has changed when something has happened to any call, whoever did it.
    fn last_event(&self) -> Answer<'_, i64>;

    /// Calls with their last plans and what those were made from, a page of them.
    fn planned(&self, filter: PlannedFilter) -> Answer<'_, Vec<PlannedCall>>;

    /// One call's whole story, by its id or by the beginning of it.
    ///
    /// Errors: [`Error::AmbiguousPrefix`] when several ids begin so and none is exactly it.
    fn call(&self, id_or_prefix: String) -> Answer<'_, Option<Story>>;

    /// The body of a delivery, by its number; `None` when there is none or its time of keeping is over.
    fn payload(&self, id: i64) -> Answer<'_, Option<Vec<u8>>>;

    /// Writes over all calls: the dead letters, the doubts.
    fn writes(&self, filter: WriteFilter) -> Answer<'_, Vec<WriteRow>>;

    /// What we wrote last into the fields of these records.
    fn written(&self, connection: String, object: String, record_ids: Vec<String>) -> Answer<'_, Vec<Written>>;

    /// What we created since then: a search that lags behind does not show it yet.
    fn recent_created(&self, connection: String, object: String, since: Timestamp) -> Answer<'_, Vec<Created>>;

    /// What the callers behind these identity keys are known to be.
    fn lane_links(&self, keys: Vec<String>) -> Answer<'_, Vec<LaneLink>>;

    /// What people answered about calls of the callers behind these identity keys: of each call the answer that counts.
    fn answers(&self, keys: Vec<String>) -> Answer<'_, Vec<AnswerRow>>;

    /// What nobody understood yet, newest first.
    fn unrecognised(&self, limit: usize) -> Answer<'_, Vec<Unrecognised>>;

    /// How much of everything there is.
    fn counts(&self) -> Answer<'_, Counts>;

    /// How many calls wait for each connection to be back.
    fn parked(&self) -> Answer<'_, BTreeMap<String, u64>>;

    /// When `claim` has something next: `now` or later; `None` when nothing waits. A lease that runs out counts.
    fn next_due(&self, now: Timestamp) -> Answer<'_, Option<Timestamp>>;

    /// The times booked on a resource that overlap `from..to`, in order.
    fn booked(&self, resource: String, from: Timestamp, to: Timestamp) -> Answer<'_, Vec<Booking>>;

    /// Changes after every commit of this process that gave a lane something to do, or a time to do it. Take one before
    /// the claim, and wait on it together with the time of `next_due`: then no wake-up is lost.
    fn ready(&self) -> watch::Receiver<u64>;
}
