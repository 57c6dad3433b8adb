//! The project file: zone, hours, store, connections, sources; then the pipelines.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::common::Common;
use super::mapping::Connectors;
use super::read::{Changed, side_by_side};
use super::scope::open_types;
use super::{Typed, Written, connector, mapping, pipeline, service, source, web};
use crate::decl::{BusinessHoursDecl, ConnectionDecl, GrantDecl, PipelineDecl, ProjectDecl};
use crate::finding::{Code, Finding, Place, Severity, listed};
use crate::project::{BusinessHours, ConfigVersion, Connection, Connector, Pipeline, Project, SecretRef, Source};
use crate::source::path;

/// What came of everything. As long as what everything stands on is the same, a pipeline depends on its own file and on those of its mappings
/// alone.
#[derive(Default)]
pub(super) struct Resolved {
    base: Option<Base>,
    /// What mappings say by themselves.
    mappings: BTreeMap<String, Vec<Finding>>,
    pipelines: BTreeMap<String, Kept>,
    /// How many pipelines name each mapping.
    used: HashMap<String, usize>,
    /// How many pipelines get their meaning from each file.
    files: BTreeMap<Arc<str>, usize>,
}

/// What comes of the ground.
struct Base {
    connectors: BTreeMap<String, Option<Arc<Connector>>>,
    rules: super::matching::Rules,
    /// The project without its pipelines.
    project: Option<Project>,
    findings: Vec<Finding>,
}

/// A pipeline, and what it was made of.
struct Kept {
    typed: Arc<Typed<PipelineDecl>>,
    pipeline: Option<Arc<Pipeline>>,
    findings: Vec<Finding>,
}

impl Kept {
    /// Names of its mappings, each once.
    fn mappings(&self) -> BTreeSet<&str> {
        self.typed.decl.write.iter().map(|write| write.mapping.as_str()).collect()
    }

    /// Paths of the files that its meaning comes from, each once.
    fn files(&self) -> BTreeSet<&Arc<str>> {
        let Some(pipeline) = &self.pipeline else { return BTreeSet::new() };
        let mappings = pipeline.writes.iter().map(|write| &write.mapping_file);
        [&pipeline.origin.file, &pipeline.matching_file].into_iter().chain(&pipeline.matching.table_files).chain(mappings).collect()
    }
}

impl Resolved {
    /// Takes a pipeline in.
    fn add(&mut self, name: String, kept: Kept, turned: &mut BTreeSet<String>) {
        for mapping in kept.mappings() {
            let count = self.used.entry(mapping.to_owned()).or_default();
            *count += 1;
            if *count == 1 {
                turned.insert(mapping.to_owned());
            }
        }
        for file in kept.files() {
            *self.files.entry(file.clone()).or_default() += 1;
        }
        self.pipelines.insert(name, kept);
    }

    /// Forgets a pipeline. Mappings that nobody names any more are `turned`.
    fn remove(&mut self, name: &str, turned: &mut BTreeSet<String>) {
        let Some(kept) = self.pipelines.remove(name) else { return };
        for mapping in kept.mappings() {
            if let Some(count) = self.used.get_mut(mapping) {
                *count -= 1;
                if *count == 0 {
                    self.used.remove(mapping);
                    turned.insert(mapping.to_owned());
                }
            }
        }
        for file in kept.files() {
            if let Some(count) = self.files.get_mut(file) {
                *count -= 1;
                if *count == 0 {
                    self.files.remove(file);
                }
            }
        }
    }
}

/// Resolves everything; what has findings is left out. Without a project file, what does not need one is checked all the same. What
/// `known` has, and still holds, is taken from there.
pub(super) fn resolve(
    written: &Written,
    changed: &Changed,
    threads: usize,
    known: &mut Resolved,
    findings: &mut Vec<Finding>,
) -> Option<Project> {
    if changed.ground {
        *known = Resolved::default();
    }
    let project = written.project.as_deref();
    let base = known.base.take().unwrap_or_else(|| base(project, written));
    findings.extend(base.findings.iter().cloned());
    let connectors: Connectors<'_> = base.connectors.iter().map(|(name, connector)| (name.as_str(), connector.clone())).collect();
    let none = IndexMap::new();
    let connections = base.project.as_ref().map_or(&none, |project| &project.connections);
    let gone: Vec<String> = known
        .pipelines
        .iter()
        .filter(|(name, kept)| {
            let names = || kept.typed.decl.write.iter().any(|write| changed.mappings.contains(&write.mapping));
            changed.pipelines.contains(*name) || (!changed.mappings.is_empty() && names())
        })
        .map(|(name, _)| name.clone())
        .collect();
    // Mappings that have something to say again.
    let mut turned = changed.mappings.clone();
    gone.iter().for_each(|name| known.remove(name, &mut turned));
    let new: Vec<(&String, &Arc<Typed<PipelineDecl>>)> = match known.pipelines.is_empty() {
        true => written.pipelines.iter().collect(),
        false => {
            let names: BTreeSet<&String> = gone.iter().chain(&changed.pipelines).collect();
            names.into_iter().filter_map(|name| written.pipelines.get_key_value(name)).collect()
        }
    };
    let common = Common::over(&base.rules);
    let made = side_by_side(threads, &new, |(_, typed)| {
        let mut findings = Vec::new();
        let pipeline = pipeline::resolve(typed, project, connections, &connectors, written, &common, &mut findings);
        Kept { typed: (*typed).clone(), pipeline: pipeline.map(Arc::new), findings }
    });
    new.iter().zip(made).for_each(|((name, _), kept)| known.add((*name).clone(), kept, &mut turned));
    check_mappings(written, &connectors, &turned, known, findings);
    let mut pipelines = Vec::with_capacity(known.pipelines.len());
    let mut earlier = Earlier::default();
    for (file, kept) in &known.pipelines {
        if project.is_some() {
            check_reach(&kept.typed, &earlier, findings);
            earlier.add(file, &kept.typed);
        }
        findings.extend(kept.findings.iter().cloned());
        pipelines.extend(kept.pipeline.clone());
    }
    let files = files(&base, &known.files);
    let project = base.project.clone().map(|project| Project { pipelines, files, ..project });
    known.base = Some(base);
    project
}

/// Paths of the files that the project's meaning comes from, sorted.
fn files(base: &Base, of_pipelines: &BTreeMap<Arc<str>, usize>) -> Arc<[Arc<str>]> {
    let mut files: Vec<Arc<str>> = of_pipelines.keys().cloned().collect();
    files.push("aftercall.toml".into());
    let project = base.project.iter();
    files.extend(project.clone().flat_map(|project| project.connections.values()).map(|connection| connection.connector.file.clone()));
    files.extend(project.flat_map(|project| project.sources.keys()).map(|name| format!("mappings/{name}/source.toml").into()));
    files.sort_unstable();
    files.dedup();
    files.into()
}

/// What mappings say by themselves; those that are known and not among the `turned` say what they said.
fn check_mappings(
    written: &Written,
    connectors: &Connectors<'_>,
    turned: &BTreeSet<String>,
    known: &mut Resolved,
    findings: &mut Vec<Finding>,
) {
    let open = open_types(true);
    let Resolved { mappings, used, .. } = known;
    for (name, typed) in &written.mappings {
        if turned.contains(name) || !mappings.contains_key(name) {
            let mut own = Vec::new();
            mapping::check(typed, connectors, written, (!used.contains_key(name)).then_some(&open), &mut own);
            mappings.insert(name.clone(), own);
        }
    }
    findings.extend(mappings.values().flatten().cloned());
}

/// Resolves what everything else stands on.
fn base(project: Option<&Typed<ProjectDecl>>, written: &Written) -> Base {
    let mut findings = Vec::new();
    let mut connectors: BTreeMap<String, Option<Arc<Connector>>> = BTreeMap::new();
    for (name, typed) in &written.connectors {
        let before = errors(&findings);
        let connector = connector::resolve(name, typed, &mut findings);
        // Whoever refers to a connector with errors is not to blame for what it lacks.
        let sound = errors(&findings) == before && typed.left_out.is_empty();
        connectors.insert(name.clone(), sound.then_some(connector));
    }
    let tables = super::matching::build(written.tables.values().map(|table| &**table), &mut findings);
    let mut rules = super::matching::Rules::new();
    for (name, typed) in &written.matches {
        if typed.left_out.is_empty() {
            rules.insert(name.clone(), Arc::new(super::matching::resolve(typed, &tables, &mut findings)));
        }
    }
    for (name, typed) in &written.sources {
        if project.is_none_or(|p| !p.decl.source.contains_key(name)) {
            source::resolve(name, typed, None, &mut findings);
        }
    }
    let by_name: Connectors<'_> = connectors.iter().map(|(name, connector)| (name.as_str(), connector.clone())).collect();
    let project = project.map(|typed| resolve_project(typed, &by_name, written, &mut findings));
    Base { connectors, rules, project, findings }
}

fn errors(findings: &[Finding]) -> usize {
    findings.iter().filter(|f| f.code.severity() == Severity::Error).count()
}

/// The project without its pipelines.
fn resolve_project(typed: &Typed<ProjectDecl>, connectors: &Connectors<'_>, written: &Written, findings: &mut Vec<Finding>) -> Project {
    let decl = &typed.decl;
    let place = typed.document.place(&[]);
    let timezone = zone(&decl.timezone, &place.clone().down("timezone"), findings);
    region(&decl.phone_region, &place.clone().down("phone_region"), findings);
    let hours = hours(decl.business_hours.as_ref(), &place.clone().down("business_hours"), findings);
    let store_path = match &decl.store {
        None => "state/aftercall.db".to_owned(),
        Some(store) => match store.url.strip_prefix("sqlite:").filter(|p| !p.is_empty()) {
            Some(path) => path.to_owned(),
            None => {
                let at = typed.document.place(&path(["store", "url"]));
                // The address of a database may hold a password.
                let scheme = store.url.split_once(':').map_or("", |(scheme, _)| scheme);
                let message = match scheme {
                    "" => format!("`{}` is not the address of a store", store.url),
                    scheme => format!("a store cannot be at `{scheme}:`"),
                };
                findings.push(Finding::new(Code::StoreUrl, message, at).help("write `sqlite:state/aftercall.db`"));
                String::new()
            }
        },
    };
    let key = decl.store.as_ref().and_then(|store| store.key.as_ref());
    let store_key = key.and_then(|text| secret(text, typed.document.place(&path(["store", "key"])), findings));
    let mut connections = IndexMap::new();
    for (id, connection) in &decl.connection {
        let at = typed.document.place(&path(["connection", id]));
        let whole = typed.whole(&["connection", id]);
        if let Some(connection) = self::connection(id, connection, &at, whole, connectors, written, findings) {
            if key.is_none() && connection.grant.as_ref().is_some_and(|grant| grant.rotates) {
                let message =
                    format!("{} replaces the refresh token at each use, and nothing keeps the new one", connection.connector.decl.title);
                let finding = Finding::new(Code::TokensInMemory, message, at.down("auth").key());
                findings.push(finding.help("give the journal a key: `key = \"env:AFTERCALL_KEY\"` under `[store]`"));
            }
            connections.insert(id.clone(), Arc::new(connection));
        }
    }
    let mut sources: IndexMap<String, Arc<Source>> = IndexMap::new();
    for (name, settings) in &decl.source {
        let at = typed.document.place(&path(["source", name]));
        match written.sources.get(name) {
            Some(declared) => {
                let settings = source::Settings { decl: settings, place: at, whole: typed.whole(&["source", name]) };
                sources.insert(name.clone(), source::resolve(name, declared, Some(&settings), findings));
            }
            None if written.is_broken(&format!("mappings/{name}/source.toml")) => {}
            None => {
                let message = format!("there is no source `{name}`");
                let names: Vec<&str> = written.sources.keys().map(String::as_str).collect();
                findings.push(Finding::new(Code::UnknownSource, message, at.key()).suggest(name, names));
            }
        }
    }
    let access = place.clone().down("context");
    let secrets = [("secret", &decl.context.secret), ("previous_secret", &decl.context.previous_secret)];
    let context_secrets =
        secrets.into_iter().filter_map(|(key, text)| secret(text.as_ref()?, access.clone().down(key), findings)).collect();
    let service = service::resolve(&decl.service, &place.clone().down("service"), findings);
    let web = web::resolve(&decl.web, &place.down("web"), findings);
    Project {
        version: ConfigVersion(String::new()),
        name: decl.name.clone(),
        timezone,
        phone_region: decl.phone_region.to_uppercase(),
        hours,
        store_path,
        store_key,
        connections,
        sources,
        context_secrets,
        service,
        web,
        upkeep: super::alert::resolve(typed, findings),
        pipelines: Vec::new(),
        files: Arc::default(),
    }
}

/// The pipelines before one.
#[derive(Default)]
struct Earlier<'a> {
    /// File by name; the first of each.
    names: HashMap<&'a str, &'a str>,
    /// Those without a condition, which take whatever comes from their sources.
    greedy: Vec<(&'a str, &'a Typed<PipelineDecl>)>,
}

impl<'a> Earlier<'a> {
    fn add(&mut self, file: &'a str, typed: &'a Typed<PipelineDecl>) {
        self.names.entry(&typed.decl.name).or_insert(file);
        if typed.decl.when.is_none() && typed.whole(&["source"]) && typed.whole(&["when"]) {
            self.greedy.push((file, typed));
        }
    }
}

/// Whether calls can come to a pipeline at all, and whether it has its name for itself.
fn check_reach(typed: &Typed<PipelineDecl>, earlier: &Earlier<'_>, findings: &mut Vec<Finding>) {
    let decl = &typed.decl;
    let at = typed.document.place(&path(["name"]));
    if let Some(file) = earlier.names.get(decl.name.as_str()) {
        let message = format!("`pipelines/{file}.toml` is named `{}`, too", decl.name);
        findings.push(
            Finding::new(Code::TwiceNamed, message, at.clone())
                .help("a pipeline has its name for itself: the call log and every marker go by it"),
        );
        return;
    }
    let takes_all = |other: &Typed<PipelineDecl>| {
        let sources = &other.decl.source;
        sources.is_empty() || (!decl.source.is_empty() && decl.source.iter().all(|s| sources.contains(s)))
    };
    if let Some((file, _)) = earlier.greedy.iter().find(|(_, other)| takes_all(other)).filter(|_| typed.whole(&["source"])) {
        let message = format!("no call comes here: `pipelines/{file}.toml` takes them all");
        findings.push(
            Finding::new(Code::Unreachable, message, at)
                .help("a call takes the first pipeline, by file name, that fits; give the earlier one a `when`"),
        );
    }
}

fn zone(name: &str, place: &Place, findings: &mut Vec<Finding>) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
        let finding = Finding::new(Code::TimeZone, format!("there is no time zone `{name}`"), place.clone());
        // An offset such as `UTC-6` resembles a zone and is none.
        let offset = name.contains(|c: char| c.is_ascii_digit() || c == '+');
        let near = if offset { None } else { crate::finding::nearest(name, names.iter().map(String::as_str)) };
        findings.push(finding.help(near.map_or_else(
            || "write a region and a city, such as `America/Chicago`: such a zone knows when the clocks change".to_owned(),
            |n| format!("did you mean `{n}`?"),
        )));
        TimeZone::UTC
    })
}

/// Countries with a calling code, ISO 3166 alpha-2, as the public numbering plans list them.
const REGIONS: &str = "AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD \
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ \
GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC \
MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA \
RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA \
VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

fn region(name: &str, place: &Place, findings: &mut Vec<Finding>) {
    if !REGIONS.split_whitespace().any(|r| r == name.to_uppercase()) {
        let help = match name.to_uppercase().as_str() {
            "UK" => "the United Kingdom is `GB`",
            "USA" | "1" | "+1" => "the United States are `US`",
            _ => "write a two-letter country such as `US`, as ISO 3166 has it",
        };
        findings.push(Finding::new(Code::Region, format!("there is no country `{name}`"), place.clone()).help(help));
    }
}

fn hours(decl: Option<&BusinessHoursDecl>, place: &Place, findings: &mut Vec<Finding>) -> BusinessHours {
    let week =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
    let default =
        BusinessHours { days: week[..5].to_vec(), from: Time::constant(9, 0, 0, 0), to: Time::constant(17, 0, 0, 0), holidays: Vec::new() };
    let Some(decl) = decl else { return default };
    let day = |name: &str| ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().position(|d| *d == name.trim().to_lowercase());
    let mut days = Vec::new();
    for part in decl.days.split(',') {
        let range = match part.split_once('-') {
            Some((from, to)) => day(from).zip(day(to)),
            None => day(part).map(|d| (d, d)),
        };
        match range {
            // `sat-mon` goes over the end of the week.
            Some((from, to)) => days.extend((0..7).map(|i| (from + i) % 7).take((to + 7 - from) % 7 + 1).map(|i| week[i])),
            None => {
                let at = decl.days.find(part).filter(|_| !part.trim().is_empty()).map(|at| at + part.len() - part.trim_start().len());
                let place = place.clone().down("days");
                let place = at.map_or_else(|| place.clone(), |at| place.clone().part(at..at + part.trim().len()));
                let message = if part.trim().is_empty() {
                    "a day of the week is missing".to_owned()
                } else {
                    format!("`{}` is no day of the week", part.trim())
                };
                findings.push(Finding::new(Code::Hours, message, place).help("write days as `mon-fri` or `mon,wed,sat`"));
            }
        }
    }
    let mut clock = |text: &str, key: &str| match time_of_day(text) {
        Some(time) => time,
        None => {
            findings.push(
                Finding::new(Code::Hours, format!("`{text}` is no time of day"), place.clone().down(key))
                    .help("write times as `08:00` or `17:30`, up to `23:59`"),
            );
            default.from
        }
    };
    let (from, to) = (clock(&decl.from, "from"), clock(&decl.to, "to"));
    if from >= to && time_of_day(&decl.from).is_some() && time_of_day(&decl.to).is_some() {
        let message = format!("the day ends at {} and begins at {}", decl.to.trim(), decl.from.trim());
        findings.push(Finding::new(Code::Hours, message, place.clone().down("to")).help("`to` must be later than `from`, on the same day"));
    }
    let mut holidays = Vec::new();
    for (index, text) in decl.holidays.iter().enumerate() {
        match text.parse::<Date>() {
            Ok(date) => holidays.push(date),
            Err(_) => {
                let at = place.clone().down("holidays").item(index);
                findings.push(Finding::new(Code::Hours, format!("`{text}` is no date"), at).help("write dates as `2026-12-25`"));
            }
        }
    }
    BusinessHours { days, from, to, holidays }
}

/// `HH:MM` as a time of day.
pub(super) fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// `env:NAME` or `file:PATH`.
pub(super) fn secret(text: &str, place: Place, findings: &mut Vec<Finding>) -> Option<SecretRef> {
    let reference = SecretRef::parse(text);
    if reference.is_none() {
        // The text itself may be the secret, so it is not repeated, unless it plainly names a variable.
        let name = text.trim().trim_start_matches('$').trim_matches(['{', '}']);
        let help = match SecretRef::parse(&format!("env:{name}")) {
            Some(_) if text.trim().starts_with('$') => format!("write `env:{name}`"),
            _ => "write `env:NAME` or `file:PATH`; if this was a real secret, it is in your git history now: replace it".to_owned(),
        };
        findings.push(Finding::new(Code::Credential, "a secret stands here by reference only", place).help(help));
    }
    reference
}

/// Checks an address; what it gives has no slash at the end.
pub(super) fn base_url(url: &str, place: Place, findings: &mut Vec<Finding>) -> String {
    let url = url.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let host = authority.map(|a| match a.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => a.split(':').next().unwrap_or_default(),
    });
    let mut add = |code: Code, message: String, help: &str| findings.push(Finding::new(code, message, place.clone()).help(help));
    match host {
        _ if authority.is_some_and(|a| a.contains('@')) => {
            add(
                Code::Credential,
                "an address holds no credentials".to_owned(),
                "write them under `auth`, by reference: `env:NAME` or `file:PATH`",
            );
        }
        None | Some("") => {
            // What was left out is the scheme, where the rest reads like an address.
            let bare = url.split(['/', '?', '#']).next().unwrap_or_default().split(':').next().unwrap_or_default();
            let help = match bare {
                "127.0.0.1" | "localhost" => format!("write `http://{url}`"),
                _ if bare.contains('.') && !url.contains(char::is_whitespace) && authority.is_none() => format!("write `https://{url}`"),
                _ => "an address begins with `https://`".to_owned(),
            };
            add(Code::BaseUrl, format!("`{url}` is no address"), &help);
        }
        _ if url.contains(char::is_whitespace) => add(Code::BaseUrl, "there is a space in this address".to_owned(), "an address has none"),
        Some(host) if url.starts_with("http://") && !["127.0.0.1", "localhost", "::1"].contains(&host) => {
            add(
                Code::BaseUrl,
                "credentials would go over the network unencrypted".to_owned(),
                "write `https://`; plain `http://` is for this machine only",
            );
        }
        Some(_) => {}
    }
    url.to_owned()
}

/// The references that a section gives under `auth`.
pub(super) fn credentials(given: &IndexMap<String, String>, place: &Place, findings: &mut Vec<Finding>) -> IndexMap<String, SecretRef> {
    let read = given.iter().filter_map(|(key, text)| Some((key.clone(), secret(text, place.clone().down("auth").down(key), findings)?)));
    read.collect()
}

/// The credentials that a section gives, and to whom.
pub(super) struct Credentials<'a> {
    pub(super) title: &'a str,
    /// `connection.NAME`, as people write it.
    pub(super) section: String,
    pub(super) given: &'a IndexMap<String, String>,
    pub(super) place: &'a Place,
    pub(super) whole: bool,
}

/// The first way to be let in for which the credentials suffice.
pub(super) fn grant(asked: &Credentials<'_>, ways: &[GrantDecl], findings: &mut Vec<Finding>) -> Option<GrantDecl> {
    let Credentials { title, section, given, place, whole } = asked;
    let known: Vec<&str> = ways.iter().flat_map(|g| &g.needs).map(String::as_str).chain(["subject"]).collect();
    let mut misspelled = false;
    for key in given.keys().filter(|key| !known.contains(&key.as_str())) {
        let at = (*place).clone().down("auth").down(key).key();
        let finding = Finding::new(Code::Grant, format!("{title} takes no credential `{key}`"), at);
        findings.push(finding.suggest(key, known.iter().copied()));
        misspelled = true;
    }
    let grant = ways.iter().find(|g| g.needs.iter().all(|need| given.contains_key(need)));
    if grant.is_none() && !ways.is_empty() && *whole && !misspelled {
        let takes: Vec<String> = ways.iter().map(|g| listed(g.needs.iter().map(String::as_str)).replace(", ", " with ")).collect();
        let (message, at) = if given.is_empty() {
            (format!("`{section}` has no credentials"), (*place).clone().key())
        } else {
            (format!("the credentials of `{section}` do not suffice"), (*place).clone().down("auth").key())
        };
        findings.push(Finding::new(Code::Grant, message, at).help(format!("{title} takes {}", takes.join(", or "))));
    }
    grant.cloned()
}

/// Resolves one connection. What stands in it is checked even where its system is not known.
fn connection(
    id: &str,
    decl: &ConnectionDecl,
    place: &Place,
    whole: bool,
    connectors: &Connectors<'_>,
    written: &Written,
    findings: &mut Vec<Finding>,
) -> Option<Connection> {
    let credentials = credentials(&decl.auth, place, findings);
    let own_url = decl.base_url.as_ref().map(|url| base_url(url, place.clone().down("base_url"), findings));
    let connector: &Arc<Connector> = match connectors.get(decl.system.as_str()) {
        Some(connector) => connector.as_ref()?,
        None => {
            if !written.is_broken(&format!("mappings/{}/connector.toml", decl.system)) {
                let message = format!("there is no connector for `{}`", decl.system);
                findings.push(
                    Finding::new(Code::UnknownSystem, message, place.clone().down("system"))
                        .suggest(&decl.system, connectors.keys().copied()),
                );
            }
            return None;
        }
    };
    let base_url = match own_url.or_else(|| connector.decl.base_url.as_ref().map(|url| url.trim_end_matches('/').to_owned())) {
        Some(url) => url,
        None => {
            if whole {
                let message = format!("`connection.{id}` lacks `base_url`, and {} has no address of its own", connector.decl.title);
                findings.push(
                    Finding::new(Code::BaseUrl, message, place.clone().key())
                        .help("write the account's address: `base_url = \"https://...\"`"),
                );
            }
            String::new()
        }
    };
    super::retry::check_breaker(&decl.breaker, place, findings);
    let mut settings: Map<String, Value> = connector.decl.settings.clone().into_iter().collect();
    let names: Vec<&str> = connector.decl.settings.keys().chain(&connector.decl.required_settings).map(String::as_str).collect();
    let mut misspelled = false;
    for (key, value) in &decl.settings {
        if !names.contains(&key.as_str()) {
            let at = place.clone().down("settings").down(key).key();
            findings.push(
                Finding::new(Code::Setting, format!("{} has no setting `{key}`", connector.decl.title), at)
                    .suggest(key, names.iter().copied()),
            );
            misspelled = true;
        }
        settings.insert(key.clone(), value.clone());
    }
    // A misspelled setting is one slip, not one too many and one too few.
    for key in connector.decl.required_settings.iter().filter(|key| whole && !misspelled && !settings.contains_key(*key)) {
        let message = format!("`connection.{id}` lacks `settings.{key}`");
        findings.push(Finding::new(Code::Setting, message, place.clone().key()).help(format!("write `settings = {{ {key} = \"...\" }}`")));
    }
    let asked = Credentials { title: &connector.decl.title, section: format!("connection.{id}"), given: &decl.auth, place, whole };
    let grant = grant(&asked, &connector.decl.auth, findings);
    Some(Connection {
        id: id.to_owned(),
        connector: connector.clone(),
        base_url,
        settings: Value::Object(settings),
        grant,
        credentials,
        index: decl.index,
        limits: decl.limits.clone().unwrap_or_else(|| connector.decl.limits.clone()),
        breaker: decl.breaker.or(&connector.decl.breaker),
    })
}
