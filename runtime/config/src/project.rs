//! The project as understood: names resolved, templates compiled, frozen, and named by its version.
//!
//! Only `resolve` makes one. Not for what was written: that is `decl`.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::Condition;
use crate::decl::{
    BreakerDecl, ConnectorDecl, EventKind, GrantDecl, IdentityKind, LimitsDecl, ListDecl, MetadataDecl, ObjectDecl, OnAmbiguous,
    OnNoIdentity, OnReload, ParseDecl, PolicyDecl, RetryDecl, RoleDecl, SignatureDecl, VerifyDecl, WriteManyDecl,
};
use crate::rules::MatchRules;
use crate::template::Template;
use crate::upkeep::UpkeepRules;

/// The content hash of everything that a project means: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ConfigVersion(pub String);

impl std::fmt::Display for ConfigVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The line that asked for something: a file of the project and a line in it, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Path from the project's root.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A whole project, frozen.
#[derive(Clone, Debug)]
pub struct Project {
    /// Which version of the config this is.
    pub version: ConfigVersion,
    /// The project's name.
    pub name: String,
    /// The zone in which due dates are meant.
    pub timezone: TimeZone,
    /// Two-letter country for numbers without a country code.
    pub phone_region: String,
    /// When somebody is there.
    pub hours: BusinessHours,
    /// Path of the SQLite store as written after `sqlite:`.
    pub store_path: String,
    /// The key for the credentials that are kept there, by reference.
    pub store_key: Option<SecretRef>,
    /// Accounts, by name.
    pub connections: IndexMap<String, Arc<Connection>>,
    /// Sources, by name.
    pub sources: IndexMap<String, Arc<Source>>,
    /// What whoever asks about a caller must send, by reference; the newest first. Empty: only this machine may ask.
    pub context_secrets: Vec<SecretRef>,
    /// How a changed project takes over.
    pub service: ServiceRules,
    /// The pages, and who a proxy may vouch for.
    pub web: WebRules,
    /// Alerts, whom they tell, and for how long things are kept.
    pub upkeep: UpkeepRules,
    /// Pipelines in the order of their file names: a call takes the first that fits.
    pub pipelines: Vec<Arc<Pipeline>>,
    /// Paths of every file that the project's meaning comes from, sorted: what must be kept to run a version again.
    pub files: Arc<[Arc<str>]>,
}

impl Project {
    /// The pipeline that this name stands for.
    pub fn pipeline(&self, name: &str) -> Option<&Arc<Pipeline>> {
        self.pipelines.iter().find(|p| p.name == name)
    }
}

/// How a changed project takes over while the service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRules {
    /// At once, or held back for a while.
    pub on_reload: OnReload,
    /// Calls that a version is planned for while it is held back.
    pub shadow_calls: u32,
    /// How long files must have been left alone.
    pub quiet: Duration,
    /// How long what has disappeared must stay away.
    pub shrink_hold: Duration,
    /// How often files are compared without being told.
    pub scan_every: Duration,
    /// How long a removed source goes on being taken in.
    pub source_grace: Duration,
}

/// The pages, and who a proxy may vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebRules {
    /// How browsers reach the pages, in lower case and without a slash at the end.
    pub url: Option<String>,
    /// How long somebody stays signed in.
    pub session: Duration,
    /// How long somebody who does nothing stays signed in.
    pub idle: Duration,
    /// The proxies that are believed.
    pub proxies: Vec<Network>,
    /// How they say who has signed in.
    pub trust: Option<TrustedHeader>,
}

/// How a proxy says who has signed in, and what those may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedHeader {
    /// The header's name, in lower case.
    pub name: String,
    /// What people may do, by name.
    pub roles: BTreeMap<String, RoleDecl>,
    /// What anybody else may do; nothing where it is absent.
    pub default_role: Option<RoleDecl>,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// How many bits from the left all its addresses share.
    pub bits: u8,
}

impl Network {
    /// Whether an address is in it. One of IPv4 that is written as IPv6 is one of IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let number = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(four) => (32, u128::from(four.to_bits())),
            IpAddr::V6(six) => (128, six.to_bits()),
        };
        let ((width, one), (other_width, other)) = (number(self.address), number(address));
        let beyond = u32::from(width - self.bits.min(width));
        width == other_width && one.checked_shr(beyond).unwrap_or(0) == other.checked_shr(beyond).unwrap_or(0)
    }
}

/// When somebody is there.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessHours {
    /// Days of the week.
    pub days: Vec<Weekday>,
    /// Opening time.
    pub from: Time,
    /// Closing time, later than `from`.
    pub to: Time,
    /// Dates on which nobody is there.
    pub holidays: Vec<Date>,
}

/// Where a secret is found. The secret itself never stands in a project.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; a relative path is meant from the project's root.
    File(String),
}

impl SecretRef {
    /// `env:NAME` or `file:PATH`; `None` where the text is neither, and may be the secret itself.
    pub fn parse(text: &str) -> Option<Self> {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match text.split_once(':') {
            Some(("env", env)) if env.chars().all(name) && env.starts_with(|c: char| !c.is_ascii_digit()) => {
                Some(Self::Env(env.to_owned()))
            }
            Some(("file", path)) if !path.trim().is_empty() => Some(Self::File(path.to_owned())),
            _ => None,
        }
    }
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// One account of one system.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The project's name for it.
    pub id: String,
    /// How to talk to the system.
    pub connector: Arc<Connector>,
    /// Where the system is reached, without a slash at the end.
    pub base_url: String,
    /// `settings` of the connector under those of the connection: a JSON object.
    pub settings: Value,
    /// The way to be let in, chosen by the credentials that are given; absent where the connector needs none.
    pub grant: Option<GrantDecl>,
    /// Credentials by name.
    pub credentials: IndexMap<String, SecretRef>,
    /// Whether an index of its people is kept here.
    pub index: bool,
    /// The pace: the connector's, or the connection's where it gives one.
    pub limits: LimitsDecl,
    /// When it is left alone.
    pub breaker: BreakerDecl,
}

/// A system as understood: the declaration with its templates compiled.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    /// What was written.
    pub decl: ConnectorDecl,
    /// The file, `mappings/<system>/connector.toml`.
    pub file: Arc<str>,
    /// The search for the caller.
    pub find: Option<Request>,
    /// The search for many callers at once, where it is another one.
    pub find_many: Option<Request>,
    /// Everybody, page by page.
    pub all: Option<Request>,
    /// Other reads about a matched caller.
    pub related: IndexMap<String, Request>,
    /// The same about many: which records belong to whom, and the records.
    pub related_many: IndexMap<String, (Request, Request)>,
    /// The look-up of colleagues.
    pub users: Option<Request>,
    /// Whether the system is there.
    pub probe: Option<Request>,
    /// What it tells of its own fields.
    pub metadata: Option<Metadata>,
    /// Objects with their requests, by the name that mappings use.
    pub objects: IndexMap<String, Object>,
    /// The outer request of a pack, and the item inside.
    pub pack: Option<(Request, Template)>,
}

/// How a system tells of its own fields, compiled.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// What was written.
    pub decl: MetadataDecl,
    /// Describes one object.
    pub request: Request,
    /// The system's word for a field's type.
    pub kind: Template,
    /// Whether a new record may say it; absent means always.
    pub create: Option<Condition>,
    /// Whether a record that is there may be told otherwise; absent means always.
    pub update: Option<Condition>,
    /// Whether there is no new record without it; absent means never.
    pub required: Option<Condition>,
    /// Whether no two records have the same value; absent means never.
    pub unique: Option<Condition>,
    /// Which values of a picklist may be chosen; absent means all.
    pub active: Option<Condition>,
    /// Whether other values are refused; absent means never.
    pub closed: Option<Condition>,
}

/// One object of a system, with the connector's `[write]` filled in.
#[derive(Clone, Debug)]
pub struct Object {
    /// What was written.
    pub decl: ObjectDecl,
    /// The page where a person sees the record.
    pub url: Option<Template>,
    /// A new record, or the upsert that takes its place.
    pub create: Option<Request>,
    /// True when `create` is an upsert by our key, so that sending it twice is safe.
    pub create_is_upsert: bool,
    /// An existing record.
    pub update: Option<Request>,
    /// New records of many calls, in place of `create`.
    pub create_many: Option<WriteMany>,
    /// Existing records of many calls.
    pub update_many: Option<WriteMany>,
    /// One record by id.
    pub read: Option<Request>,
    /// One more link of a record that is there.
    pub link: Option<Request>,
    /// One link less.
    pub unlink: Option<Request>,
    /// One record of two.
    pub merge: Option<Request>,
    /// Our record by its marker.
    pub look: Option<Look>,
    /// Where a record that is gone was merged into.
    pub merged: Option<Look>,
    /// Where the answer to a read has the id, in a system that answers under the surviving one.
    pub read_id: Option<String>,
    /// Where the answer to a create has the id.
    pub id: String,
    /// Where the answer to a read has the fields; empty for the answer itself.
    pub read_fields: String,
    /// What is sent for a field that is to be empty.
    pub empty: Value,
    /// Entries for `associations`, by link.
    pub associations: IndexMap<String, Template>,
    /// Requests of a booking: look, withdraw; and the resource.
    pub booking: Option<Booking>,
    /// The line of `[object.NAME]`.
    pub origin: Origin,
    /// The line of the identity's field, where there is one.
    pub identity_origin: Origin,
}

/// Writes of one kind in one request.
#[derive(Clone, Debug)]
pub struct WriteMany {
    /// What was written.
    pub decl: WriteManyDecl,
    /// The request.
    pub request: Request,
    /// One write inside it.
    pub item: Template,
}

/// How our record is found by its marker.
#[derive(Clone, Debug)]
pub struct Look {
    /// The request.
    pub request: Request,
    /// Where the rows stand in the answer.
    pub rows: String,
    /// Where a row has its id.
    pub id: String,
}

/// The compiled requests of a booking.
#[derive(Clone, Debug)]
pub struct Booking {
    /// What can be taken once.
    pub resource: Template,
    /// What stands there.
    pub look: Request,
    /// Gives it back.
    pub withdraw: Request,
}

/// One request, compiled.
#[derive(Clone, Debug)]
pub struct Request {
    /// Upper-case method.
    pub method: String,
    /// Path below the base address; values are percent-encoded where they go in.
    pub path: Template,
    /// Query parameters.
    pub query: Vec<(String, Template)>,
    /// Headers.
    pub headers: Vec<(String, Template)>,
    /// JSON body.
    pub body: Option<Template>,
    /// A further bucket of the limits.
    pub bucket: Option<String>,
}

/// A voice platform, compiled.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in `POST /v1/calls/{source}`.
    pub name: String,
    /// For people.
    pub title: String,
    /// How the sender proves itself.
    pub signature: Option<SignatureDecl>,
    /// The secret, by reference.
    pub secret: Option<SecretRef>,
    /// The secret before it, by reference.
    pub previous_secret: Option<SecretRef>,
    /// Accept unsigned payloads.
    pub allow_unsigned: bool,
    /// Which payloads are calls.
    pub events: Vec<(Condition, EventKind, u32)>,
    /// Named values, in order.
    pub lets: Vec<(String, Template)>,
    /// The outcome's fields: path, templates, translation, reading.
    pub outcome: Vec<SourceField>,
    /// `settings` of the manifest under those of the project: a JSON object.
    pub settings: Value,
    /// How it asks about a caller while the call begins.
    pub live: Option<Live>,
    /// The platform's own list of calls.
    pub list: Option<Listing>,
}

/// A platform's own list of calls, compiled.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The account at the platform, as a connection of its own: `source.NAME`.
    pub account: Arc<Connection>,
    /// What was written.
    pub decl: ListDecl,
    /// One page.
    pub page: Request,
    /// Which rows are finished calls.
    pub finished: Condition,
    /// The whole call, where a row is not all of it.
    pub call: Option<Request>,
    /// The payload as a webhook would have brought it.
    pub payload: Template,
    /// How often the service looks there by itself.
    pub every: Option<Duration>,
}

/// A platform's request about a caller, compiled.
#[derive(Clone, Debug)]
pub struct Live {
    /// Which payloads.
    pub when: Condition,
    /// Who calls: `caller.phone`, `caller.email`, `caller.name`.
    pub caller: Vec<SourceField>,
    /// The answer.
    pub answer: Template,
}

/// One field of an outcome.
#[derive(Clone, Debug)]
pub struct SourceField {
    /// Where it goes in the outcome, such as `["caller", "phone"]`.
    pub path: Vec<String>,
    /// Templates; the first that gives a value counts.
    pub first_of: Vec<Template>,
    /// Translation with patterns.
    pub map: IndexMap<String, Value>,
    /// How the value is read.
    pub parse: Option<ParseDecl>,
    /// The line that says so.
    pub origin: Origin,
}

/// A pipeline, resolved.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Sources; empty means all.
    pub sources: Vec<String>,
    /// Which calls.
    pub when: Option<Condition>,
    /// Where the caller is searched.
    pub connection: Arc<Connection>,
    /// Rules for who called.
    pub matching: Arc<MatchRules>,
    /// File of those rules.
    pub matching_file: Arc<str>,
    /// Several records fit.
    pub on_ambiguous: OnAmbiguous,
    /// Nothing to search by.
    pub on_no_identity: OnNoIdentity,
    /// Writes in order.
    pub writes: Vec<WriteRule>,
    /// Routes by name.
    pub routes: IndexMap<String, Vec<RouteRule>>,
    /// Retry policies by class, and `default`.
    pub retry: BTreeMap<String, RetryDecl>,
    /// Fields to read of each object of `connection`: the connector's own and every field that a mapping of this pipeline compares with.
    pub read_fields: IndexMap<String, Vec<String>>,
    /// What is told about a caller.
    pub context: ContextRules,
    /// The line of its name.
    pub origin: Origin,
}

/// What is told about a caller, resolved.
#[derive(Clone, Debug)]
pub struct ContextRules {
    /// How long whoever asks is kept waiting.
    pub budget: Duration,
    /// How long an answer is good for another; zero keeps none.
    pub cache: Duration,
    /// The text for a prompt.
    pub text: Template,
    /// The pipeline's own flags.
    pub flags: IndexMap<String, Condition>,
}

/// One write, resolved.
#[derive(Clone, Debug)]
pub struct WriteRule {
    /// Its name in the pipeline.
    pub id: String,
    /// Where it goes.
    pub connection: Arc<Connection>,
    /// The object, by the connector's name for mappings.
    pub object: String,
    /// An existing record to change: the name of a list of the context, and whether it is `newest` or `only`.
    pub target: Option<Target>,
    /// When.
    pub when: Option<Condition>,
    /// Who follows up.
    pub route: Option<String>,
    /// Fields in the mapping's order, then the pipeline's own.
    pub fields: Vec<Arc<FieldRule>>,
    /// Links by name, each with the id of the write whose record it points to; absent for the matched contact.
    pub links: Vec<LinkRule>,
    /// How it is tried again, over the pipeline's own words.
    pub retry: BTreeMap<String, RetryDecl>,
    /// Sent again where nothing can tell a second one from the first.
    pub at_least_once: bool,
    /// Whether it is read back.
    pub verify: VerifyDecl,
    /// The line of the write in the pipeline.
    pub origin: Origin,
    /// The mapping's file.
    pub mapping_file: Arc<str>,
}

/// A link of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRule {
    /// The connector's name for it.
    pub link: String,
    /// The write of this pipeline whose record it points to.
    pub write: String,
    /// The line that asked.
    pub origin: Origin,
}

/// Which record of the context a write changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A list of the context, such as `open_opportunities`.
    pub list: String,
    /// Which of the list.
    pub pick: Pick,
}

/// Which record of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The one that was changed last, as the system orders them.
    Newest,
    /// The only one; nothing happens where there are several.
    Only,
}

/// One field of a write, resolved.
#[derive(Clone, Debug)]
pub struct FieldRule {
    /// The system's name.
    pub field: String,
    /// What goes in.
    pub value: Template,
    /// Policy on a new record.
    pub on_create: PolicyDecl,
    /// Policy on an existing record.
    pub on_update: PolicyDecl,
    /// Fields that take the value when this one is taken.
    pub else_to: Vec<String>,
    /// Translation.
    pub map: IndexMap<String, Value>,
    /// Order of values for `advance`.
    pub order: Vec<String>,
    /// Longest text, in characters.
    pub max_chars: Option<usize>,
    /// What stands between old and new text.
    pub separator: String,
    /// Whether the record fails with it.
    pub required: bool,
    /// The line that asked.
    pub origin: Origin,
}

/// One rule of a route, resolved.
#[derive(Clone, Debug)]
pub struct RouteRule {
    /// When it holds; absent means always.
    pub when: Option<Condition>,
    /// Owners as written; several are taken in turn.
    pub owners: Vec<Template>,
    /// By when.
    pub due: Option<Due>,
    /// Priority as written.
    pub priority: Option<String>,
    /// The line.
    pub origin: Origin,
}

/// By when something is due, relative to the moment of planning.
#[derive(Clone, Debug)]
pub enum Due {
    /// So much time of the clock.
    In(jiff::SignedDuration),
    /// So many days, at the same time of day.
    InDays(i32),
    /// So much time while somebody is there.
    InBusiness(jiff::SignedDuration),
    /// The next day on which somebody is there, at this time.
    NextBusinessDay(Time),
    /// A time that the call or the context names.
    At(Template),
}

impl Project {
    /// The same meaning with another version's operation: how systems are reached, with which credentials, at which pace, and how
    /// failures are retried. A call keeps the meaning under which it was taken in; an outage is mended without touching it.
    ///
    /// A connection that `live` no longer has stays as it was.
    pub fn operated_by(mut self, live: &Self) -> Self {
        let operate = |connection: &Arc<Connection>| -> Arc<Connection> {
            match live.connections.get(&connection.id).filter(|c| c.connector.decl.system == connection.connector.decl.system) {
                Some(now) => Arc::new(Connection {
                    base_url: now.base_url.clone(),
                    grant: now.grant.clone(),
                    credentials: now.credentials.clone(),
                    limits: now.limits.clone(),
                    breaker: now.breaker.clone(),
                    ..Connection::clone(connection)
                }),
                None => connection.clone(),
            }
        };
        self.connections = self.connections.iter().map(|(id, c)| (id.clone(), operate(c))).collect();
        self.pipelines = self
            .pipelines
            .iter()
            .map(|pipeline| {
                let mut own = Pipeline::clone(pipeline);
                own.connection = operate(&own.connection);
                for write in &mut own.writes {
                    write.connection = operate(&write.connection);
                }
                if let Some(now) = live.pipeline(&own.name) {
                    own.retry = now.retry.clone();
                    for write in &mut own.writes {
                        if let Some(now) = now.writes.iter().find(|rule| rule.id == write.id) {
                            write.retry.clone_from(&now.retry);
                        }
                    }
                    own.context = now.context.clone();
                }
                Arc::new(own)
            })
            .collect();
        self
    }
}

/// How well a repetition is told apart from the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// The system enforces our key, or repeating changes nothing.
    Exact,
    /// We can look whether it is there.
    Reconciled,
    /// Neither: an unknown outcome waits for a person.
    Ask,
    /// Neither, and the pipeline would rather have it twice than wait.
    AtLeastOnce,
}

impl Guarantee {
    /// The word in plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Reconciled => "reconciled",
            Self::Ask => "ask",
            Self::AtLeastOnce => "at_least_once",
        }
    }
}

impl Object {
    /// How well a second creation is told apart from the first. `at_least_once` is what the pipeline would rather have than wait for a person.
    pub fn guarantee(&self, at_least_once: bool) -> Guarantee {
        match self.decl.identity.as_ref().map(|identity| identity.kind) {
            Some(IdentityKind::UniqueKey | IdentityKind::ClientId) => Guarantee::Exact,
            Some(IdentityKind::Marker) if self.look.is_some() => Guarantee::Reconciled,
            _ if at_least_once => Guarantee::AtLeastOnce,
            _ => Guarantee::Ask,
        }
    }
}
