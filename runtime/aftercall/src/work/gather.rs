//! Reads what planning needs about a caller, and records nothing: it holds a `Reader`, which cannot write.
//!
//! A dry run and a real run read by the same function; what differs is what they remember.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::{ErrorClass, PolicyDecl};
use aftercall_config::project::{Connection, Pipeline, Project};
use aftercall_plan::context::{Answered, Context, KnownContact, PutBack, Record, Remembered};
use aftercall_plan::matching::{self, Asked, Identity, Query};
use aftercall_plan::model::{Op, Plan};
use aftercall_plan::plan::{Need, plan};
use futures_util::future::{BoxFuture, try_join_all};
use jiff::{SignedDuration, Timestamp};

use crate::connect::{Failure, Reader};
use crate::plant::{Plant, planted};

/// What is remembered from earlier calls, and how turns are taken. A dry run only looks.
pub trait Memory: Send + Sync {
    /// What we wrote last into records: `connection/object/id` → field → value.
    fn written<'a>(&'a self, connection: &'a str, object: &'a str, ids: Vec<String>) -> BoxFuture<'a, Result<WrittenMap, Trouble>>;
    /// Contacts that we created since then and a lagging search may not show.
    fn recent<'a>(&'a self, connection: &'a str, object: &'a str, since: Timestamp) -> BoxFuture<'a, Result<Vec<KnownContact>, Trouble>>;
    /// The call's turn in a route.
    fn turn<'a>(&'a self, route: &'a str, call: &'a str) -> BoxFuture<'a, Result<u64, Trouble>>;
    /// A colleague's id, looked up not long ago: `Some(None)` when the system knew nobody.
    fn user<'a>(&'a self, connection: &'a str, email: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Option<Option<String>>, Trouble>>;
    /// Ids of people that the connection's index knows by one of these keys, likeliest first.
    fn people<'a>(&'a self, connection: &'a str, keys: BTreeSet<String>) -> BoxFuture<'a, Result<Vec<String>, Trouble>>;
    /// Keeps by which keys people are found; `None` forgets one.
    fn keep_people<'a>(
        &'a self,
        connection: &'a str,
        people: Vec<(String, Option<BTreeSet<String>>)>,
    ) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Remembers a colleague's id.
    fn keep_user<'a>(
        &'a self,
        connection: &'a str,
        email: &'a str,
        id: Option<String>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Trouble>>;
}

/// What we wrote last, by `connection/object/id` and field.
pub type WrittenMap = BTreeMap<String, BTreeMap<String, aftercall_plan::context::Written>>;

/// Reading did not work out.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A system refused, or was not there.
    #[error("reading from {connection}: {failure}")]
    System {
        /// The connection.
        connection: String,
        /// What happened.
        failure: Failure,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
}

impl Trouble {
    /// The sentence for a person at the keyboard, with what the system said. Not for logs: a system may repeat what a caller said.
    pub fn said(&self) -> String {
        match self {
            Self::System { connection, failure } => format!("{connection} cannot be read: {failure}: {}", failure.message),
            Self::Journal(error) => error.to_string(),
        }
    }

    fn of(connection: &Connection) -> impl Fn(Failure) -> Self + '_ {
        |failure| Self::System { connection: connection.id.clone(), failure }
    }
}

/// What is known of a call before anything is read.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Contacts that the caller's lane knows, by connection.
    pub known: BTreeMap<String, KnownContact>,
    /// Records that this call has made already, by write.
    pub own: BTreeMap<String, String>,
    /// What those are linked to, where a person has answered.
    pub own_links: BTreeMap<String, BTreeMap<String, String>>,
    /// What of it a person has put back.
    pub put_back: Vec<PutBack>,
    /// What a person answered about this call.
    pub answered: Option<Answered>,
    /// What people answered about other calls of this caller.
    pub remembered: Vec<Remembered>,
    /// Records that a system named as the caller's, by refusing a second one.
    pub evidence: Vec<Record>,
    /// Turns that a person has seen in an approved plan: they are the call's, whoever came since.
    pub turns: BTreeMap<String, u64>,
}

/// Rounds of "the plan needs one more thing" before something is wrong with us.
const MAX_ROUNDS: usize = 64;
/// Those whom the index knows and the search did not find, read one by one: more are namesakes.
const MAX_INDEXED: usize = 10;
/// A search that lags is given this much more than it declares.
const LAG_GRACE: SignedDuration = SignedDuration::from_mins(10);

/// Reads, decides and plans one call.
///
/// Errors: [`Trouble`] when a system or the journal does not answer; nothing was changed then.
pub async fn plan_call(
    reader: &Reader,
    memory: &dyn Memory,
    project: &Project,
    pipeline: &Pipeline,
    call: &CallOutcome,
    before: Before,
    now: Timestamp,
) -> Result<(Context, Plan), Trouble> {
    let Before { known, own, own_links, put_back, answered, remembered, evidence, turns } = before;
    let mut context = Context { known, own, own_links, put_back, answered, remembered, turns, read_at: now, ..Context::default() };
    find(reader, memory, project, pipeline, call, &mut context, now).await?;
    for record in evidence {
        if !context.candidates.iter().any(|c| c.id == record.id) {
            context.candidates.push(record);
        }
    }
    own_records(reader, pipeline, &mut context).await?;
    let decision = matching::decide(project, pipeline, call, &context);
    if let Some(contact) = &decision.contact {
        related(reader, pipeline, contact, &mut context).await?;
    }
    remember(memory, pipeline, decision.contact.as_deref(), &mut context).await?;
    let key = format!("{}:{}", call.source, call.id);
    for _ in 0..MAX_ROUNDS {
        match plan(project, pipeline, call, &context, now) {
            Ok(plan) => match look(reader, project, &plan, &mut context).await? {
                true => {}
                false => return Ok((context, plan)),
            },
            Err(Need::Turn(route)) => {
                let turn = memory.turn(&route, &key).await?;
                context.turns.insert(route, turn);
            }
            Err(Need::User { connection, email }) => {
                let id = user(reader, memory, project, &connection, &email, now).await?;
                context.users.insert(format!("{connection}/{email}"), id);
            }
        }
    }
    // A plan that is never satisfied is a fault of ours; the call waits for whoever mends it.
    let failure = Failure::unsent(ErrorClass::Invalid, "the plan asked for more than 64 look-ups");
    Err(Trouble::System { connection: pipeline.connection.id.clone(), failure })
}

/// Everybody who may be the caller: round after round, until the caller is settled or no search is worth a request.
pub(super) async fn find(
    reader: &Reader,
    memory: &dyn Memory,
    project: &Project,
    pipeline: &Pipeline,
    call: &CallOutcome,
    context: &mut Context,
    now: Timestamp,
) -> Result<(), Trouble> {
    let mut asked = Asked::default();
    for round in 0.. {
        let next = matching::next_search(project, pipeline, call, context, &mut asked);
        let is_last = next.is_none();
        if let Some((key, query)) = next {
            search(reader, pipeline, &query, context).await?;
            context.searched.push(key);
        }
        if round == 0 {
            behind(reader, memory, project, pipeline, call, context, now).await?;
            indexed(reader, memory, project, pipeline, call, context).await?;
        }
        if is_last {
            break;
        }
    }
    keep_people(memory, project, pipeline, context).await
}

/// One search. Whatever it returns is compared again when it comes to deciding, since some servers ignore filters.
async fn search(reader: &Reader, pipeline: &Pipeline, query: &Query, context: &mut Context) -> Result<(), Trouble> {
    let connection = &pipeline.connection;
    let found = reader.find(connection, query, &pipeline.read_fields).await.map_err(Trouble::of(connection))?;
    for record in found.candidates {
        if !context.candidates.iter().any(|known| known.id == record.id) {
            context.candidates.push(record);
        }
    }
    context.candidate_lists.extend(found.candidate_lists);
    context.incomplete = context.incomplete.take().or(found.incomplete);
    Ok(())
}

/// What a lagging search does not show yet: the lane's contact, and what we created a moment ago.
async fn behind(
    reader: &Reader,
    memory: &dyn Memory,
    project: &Project,
    pipeline: &Pipeline,
    call: &CallOutcome,
    context: &mut Context,
    now: Timestamp,
) -> Result<(), Trouble> {
    let connection = &pipeline.connection;
    let Some(declared) = &connection.connector.decl.find else { return Ok(()) };
    if planted(Plant::SearchIsBelieved) {
        // Neither does what the lane knows: else that would make up for it.
        context.known.clear();
        return Ok(());
    }
    let mut behind: BTreeMap<String, KnownContact> = BTreeMap::new();
    if let Some(known) = context.known.get(&connection.id) {
        behind.insert(known.id.clone(), known.clone());
    }
    if connection.connector.objects.get(&declared.object).is_some_and(|object| object.read.is_some()) {
        for id in answers(project, pipeline, call, context) {
            behind.entry(id.clone()).or_insert(KnownContact { id, call: String::new(), fields: Default::default() });
        }
    }
    if declared.lag_s > 0 {
        let since = now - (SignedDuration::from_secs(i64::from(declared.lag_s)) + LAG_GRACE);
        let identity = Identity::of(&pipeline.matching.values, &project.phone_region, call);
        for recent in memory.recent(&connection.id, &declared.object, since).await? {
            let emails = recent
                .fields
                .values()
                .filter_map(|v| v.as_str())
                .any(|v| identity.emails.iter().any(|e| e.eq_ignore_ascii_case(v)) || identity.phones.iter().any(|p| p.e164 == v));
            if emails {
                behind.insert(recent.id.clone(), recent);
            }
        }
    }
    behind.retain(|id, _| !context.candidates.iter().any(|c| &c.id == id));
    // Read by id, which does not lag; a record that is gone is forgotten.
    let fields = pipeline.read_fields.get(&declared.object).map(Vec::as_slice).unwrap_or_default();
    let reads = behind.keys().map(|id| reader.read(connection, &declared.object, id, fields));
    let records = try_join_all(reads).await.map_err(Trouble::of(connection))?;
    for (id, record) in behind.keys().zip(records) {
        match record {
            Some(record) => {
                if &record.id != id {
                    follow(context, id, &record.id);
                }
                if !context.candidates.iter().any(|known| known.id == record.id) {
                    context.candidates.push(record);
                }
            }
            None => {
                context.known.retain(|_, known| &known.id != id);
            }
        }
    }
    Ok(())
}

/// A record was merged into another: what is known of the one holds for the other.
fn follow(context: &mut Context, from: &str, into: &str) {
    let known = context.known.values_mut().map(|known| &mut known.id);
    let remembered = context.remembered.iter_mut().map(|one| &mut one.contact);
    known.chain(remembered).filter(|id| *id == from).for_each(|id| into.clone_into(id));
    if let Some(Answered::Contact(id) | Answered::Merge { id, .. }) = &mut context.answered
        && id == from
    {
        into.clone_into(id);
    }
}

/// Those whom our own index knows and the system's search did not find: read by id, so that nothing stale is compared.
async fn indexed(
    reader: &Reader,
    memory: &dyn Memory,
    project: &Project,
    pipeline: &Pipeline,
    call: &CallOutcome,
    context: &mut Context,
) -> Result<(), Trouble> {
    let connection = &pipeline.connection;
    let Some(declared) = connection.connector.decl.find.as_ref().filter(|_| connection.index) else { return Ok(()) };
    if matching::is_settled(project, pipeline, call, context) {
        return Ok(());
    }
    let mut ids = memory.people(&connection.id, matching::caller_keys(project, pipeline, call)).await?;
    ids.retain(|id| !context.candidates.iter().any(|known| &known.id == id));
    ids.truncate(MAX_INDEXED);
    let fields = pipeline.read_fields.get(&declared.object).map(Vec::as_slice).unwrap_or_default();
    let reads = ids.iter().map(|id| reader.read(connection, &declared.object, id, fields));
    let records = try_join_all(reads).await.map_err(Trouble::of(connection))?;
    let mut gone = Vec::new();
    for (id, record) in ids.into_iter().zip(records) {
        if record.as_ref().is_none_or(|record| record.id != id) {
            gone.push((id, None));
        }
        if let Some(record) = record.filter(|record| !context.candidates.iter().any(|known| known.id == record.id)) {
            context.candidates.push(record);
        }
    }
    if gone.is_empty() { Ok(()) } else { memory.keep_people(&connection.id, gone).await }
}

/// What was read goes into the index.
async fn keep_people(memory: &dyn Memory, project: &Project, pipeline: &Pipeline, context: &Context) -> Result<(), Trouble> {
    if !pipeline.connection.index || context.candidates.is_empty() {
        return Ok(());
    }
    let people = context.candidates.iter().map(|record| (record.id.clone(), Some(matching::index_keys(project, pipeline, record))));
    memory.keep_people(&pipeline.connection.id, people.collect()).await
}

/// The records that people named for this caller: the search may know nothing of them.
fn answers(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context) -> Vec<String> {
    let asker = matching::asker(project, pipeline, call);
    let now = context.answered.as_ref().and_then(Answered::contact).map(str::to_owned);
    now.into_iter().chain(context.remembered.iter().filter(|one| one.of.is_like(&asker)).map(|one| one.contact.clone())).collect()
}

/// Records that this call has made already, as they are now: a second plan shows what is there, and changes nothing that is.
async fn own_records(reader: &Reader, pipeline: &Pipeline, context: &mut Context) -> Result<(), Trouble> {
    let mut wanted: Vec<(&Arc<Connection>, &str, String, Vec<String>)> = Vec::new();
    let mut writes = Vec::new();
    for (write, id) in &context.own {
        let Some(rule) = pipeline.writes.iter().find(|rule| &rule.id == write) else { continue };
        let readable = rule.connection.connector.objects.get(&rule.object).is_some_and(|object| object.read.is_some());
        if readable && !context.candidates.iter().any(|c| &c.id == id) {
            let fields = rule.fields.iter().flat_map(|f| std::iter::once(&f.field).chain(&f.else_to)).cloned().collect();
            wanted.push((&rule.connection, &rule.object, id.clone(), fields));
            writes.push(write.clone());
        }
    }
    let reads = wanted
        .iter()
        .map(async |(connection, object, id, fields)| reader.read(connection, object, id, fields).await.map_err(Trouble::of(connection)));
    let records = try_join_all(reads).await?;
    for (write, record) in writes.into_iter().zip(records) {
        let Some(record) = record else { continue };
        // A person has merged it into another.
        context.own.insert(write, record.id.clone());
        context.own_records.push(record);
    }
    Ok(())
}

/// Lists about the matched contact.
async fn related(reader: &Reader, pipeline: &Pipeline, contact: &str, context: &mut Context) -> Result<(), Trouble> {
    let connection = &pipeline.connection;
    context.lists = context.candidate_lists.get(contact).cloned().unwrap_or_default();
    if connection.connector.related.is_empty() {
        return Ok(());
    }
    if let Some(record) = context.candidates.iter().find(|c| c.id == contact) {
        let lists = reader.related(connection, record, &[], &pipeline.read_fields).await.map_err(Trouble::of(connection))?;
        context.lists.extend(lists);
    }
    Ok(())
}

/// What we wrote last into the records that this call may change; read only where a policy asks.
async fn remember(memory: &dyn Memory, pipeline: &Pipeline, contact: Option<&str>, context: &mut Context) -> Result<(), Trouble> {
    let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for write in &pipeline.writes {
        let asks =
            write.fields.iter().any(|f| [f.on_create, f.on_update].iter().any(|p| matches!(p, PolicyDecl::Ours | PolicyDecl::Newest)));
        if !asks {
            continue;
        }
        let ids = wanted.entry((write.connection.id.clone(), write.object.clone())).or_default();
        match &write.target {
            Some(target) => ids.extend(context.lists.get(&target.list).into_iter().flatten().map(|r| r.id.clone())),
            None => ids.extend(contact.map(str::to_owned).into_iter().chain(context.own.get(&write.id).cloned())),
        }
    }
    for ((connection, object), ids) in wanted {
        if !ids.is_empty() {
            context.written.extend(memory.written(&connection, &object, ids.into_iter().collect()).await?);
        }
    }
    Ok(())
}

/// Looks at the times that a plan wants and that were not looked at yet; true when there was one.
async fn look(reader: &Reader, project: &Project, plan: &Plan, context: &mut Context) -> Result<bool, Trouble> {
    let mut looked = false;
    for write in &plan.writes {
        let Some(booking) = write.booking.as_ref().filter(|_| !context.bookings.contains_key(&write.id)) else { continue };
        if matches!(write.op, Op::Skipped { .. }) {
            continue;
        }
        let Some(connection) = project.connections.get(&write.connection) else { continue };
        let entries = reader.look(connection, &write.object, booking.start, booking.end).await.map_err(Trouble::of(connection))?;
        context.bookings.insert(write.id.clone(), entries);
        looked = true;
    }
    Ok(looked)
}

pub(super) async fn user(
    reader: &Reader,
    memory: &dyn Memory,
    project: &Project,
    connection: &str,
    email: &str,
    now: Timestamp,
) -> Result<Option<String>, Trouble> {
    if let Some(known) = memory.user(connection, email, now).await? {
        return Ok(known);
    }
    let Some(target): Option<&Arc<Connection>> = project.connections.get(connection) else { return Ok(None) };
    let id = reader.user(target, email).await.map_err(Trouble::of(target))?;
    memory.keep_user(connection, email, id.clone(), now).await?;
    Ok(id)
}
