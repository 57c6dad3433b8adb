//! The project file: zone, hours, store, connections, sources; then the pipelines.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{Typed, Written, connector, pipeline, source};
use crate::decl::{BusinessHoursDecl, ConnectionDecl, ProjectDecl};
use crate::finding::{Code, Finding, Place};
use crate::project::{BusinessHours, ConfigVersion, Connection, Connector, Project, SecretRef, Source};
use crate::source::path;

/// Resolves everything; what has findings is left out.
pub(super) fn resolve(typed: &Typed<ProjectDecl>, written: &Written, findings: &mut Vec<Finding>) -> Project {
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
                let message = format!("`{}` is not an address of a store", store.url);
                findings.push(Finding::new(Code::StoreUrl, message, at).help("write `sqlite:state/aftercall.db`"));
                String::new()
            }
        },
    };
    let connectors: BTreeMap<&str, Arc<Connector>> =
        written.connectors.iter().map(|(name, typed)| (name.as_str(), connector::resolve(name, typed, findings))).collect();
    let mut connections = IndexMap::new();
    for (id, connection) in &decl.connection {
        let at = typed.document.place(&path(["connection", id]));
        if let Some(connection) = self::connection(id, connection, &at, &connectors, written, findings) {
            connections.insert(id.clone(), Arc::new(connection));
        }
    }
    let mut sources: IndexMap<String, Arc<Source>> = IndexMap::new();
    for (name, settings) in &decl.source {
        let at = typed.document.place(&path(["source", name]));
        match written.sources.get(name) {
            Some(declared) => {
                sources.insert(name.clone(), source::resolve(name, declared, settings, &at, findings));
            }
            None if written.broken.iter().any(|f| f == &format!("mappings/{name}/source.toml")) => {}
            None => {
                let message = format!("there is no source `{name}`");
                let names: Vec<&str> = written.sources.keys().map(String::as_str).collect();
                findings.push(Finding::new(Code::UnknownSource, message, at.key()).suggest(name, names));
            }
        }
    }
    let mut pipelines = Vec::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (file, declared) in &written.pipelines {
        if let Some(other) = names.insert(&declared.decl.name, file) {
            let message = format!("`pipelines/{other}.toml` is named `{}` too", declared.decl.name);
            findings.push(Finding::new(Code::TwiceNamed, message, declared.document.place(&path(["name"]))));
        }
        if let Some(pipeline) = pipeline::resolve(declared, decl, &connections, written, findings) {
            pipelines.push(Arc::new(pipeline));
        }
    }
    Project {
        version: ConfigVersion(String::new()),
        name: decl.name.clone(),
        timezone,
        phone_region: decl.phone_region.to_uppercase(),
        hours,
        store_path,
        connections,
        sources,
        pipelines,
    }
}

fn zone(name: &str, place: &Place, findings: &mut Vec<Finding>) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
        let finding = Finding::new(Code::TimeZone, format!("there is no time zone `{name}`"), place.clone());
        let near = crate::finding::nearest(name, names.iter().map(String::as_str));
        findings.push(finding.help(near.map_or_else(|| "write a name such as `America/Chicago`".to_owned(), |n| format!("did you mean `{n}`?"))));
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
        let help = if name.eq_ignore_ascii_case("uk") { "the United Kingdom is `GB`" } else { "write a two-letter country such as `US`" };
        findings.push(Finding::new(Code::Region, format!("there is no country `{name}`"), place.clone()).help(help));
    }
}

fn hours(decl: Option<&BusinessHoursDecl>, place: &Place, findings: &mut Vec<Finding>) -> BusinessHours {
    let week = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
    let default = BusinessHours { days: week[..5].to_vec(), from: Time::constant(9, 0, 0, 0), to: Time::constant(17, 0, 0, 0), holidays: Vec::new() };
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
                let finding = Finding::new(Code::Hours, format!("`{part}` is no day of the week"), place.clone().down("days"));
                findings.push(finding.help("write days as `mon-fri` or `mon,wed,sat`"));
            }
        }
    }
    let mut clock = |text: &str, key: &str| match time_of_day(text) {
        Some(time) => time,
        None => {
            findings.push(Finding::new(Code::Hours, format!("`{text}` is no time of day"), place.clone().down(key)).help("write times as `08:00`"));
            default.from
        }
    };
    let (from, to) = (clock(&decl.from, "from"), clock(&decl.to, "to"));
    if from >= to && time_of_day(&decl.from).is_some() && time_of_day(&decl.to).is_some() {
        findings.push(Finding::new(Code::Hours, "the day ends before it begins", place.clone().down("to")));
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
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Some(SecretRef::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Some(SecretRef::File(path.to_owned())),
        _ => {
            // The text itself may be the secret, so it is not repeated.
            let finding = Finding::new(Code::Credential, "a secret stands here by reference only", place);
            findings.push(finding.help("write `env:NAME` or `file:PATH`; if this was a real secret, it is in your git history now: replace it"));
            None
        }
    }
}

fn connection(
    id: &str,
    decl: &ConnectionDecl,
    place: &Place,
    connectors: &BTreeMap<&str, Arc<Connector>>,
    written: &Written,
    findings: &mut Vec<Finding>,
) -> Option<Connection> {
    let Some(connector) = connectors.get(decl.system.as_str()) else {
        if !written.broken.iter().any(|f| f == &format!("mappings/{}/connector.toml", decl.system)) {
            let message = format!("there is no connector for `{}`", decl.system);
            findings.push(Finding::new(Code::UnknownSystem, message, place.clone().down("system")).suggest(&decl.system, connectors.keys().copied()));
        }
        return None;
    };
    let base_url = match decl.base_url.as_ref().or(connector.decl.base_url.as_ref()) {
        Some(url) => {
            let url = url.trim_end_matches('/');
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let local = ["127.0.0.1", "localhost", "[::1]"].iter().any(|h| host.is_some_and(|rest| rest.split(['/', ':']).next() == Some(h.trim_end_matches(':')) || rest.starts_with(h)));
            if host.is_none_or(str::is_empty) {
                let message = format!("`{url}` is no address");
                findings.push(Finding::new(Code::BaseUrl, message, place.clone().down("base_url")).help("an address begins with `https://`"));
            } else if url.starts_with("http://") && !local {
                let finding = Finding::new(Code::BaseUrl, "credentials would go over the network unencrypted", place.clone().down("base_url"));
                findings.push(finding.help("write `https://`; plain `http://` is for this machine only"));
            }
            url.to_owned()
        }
        None => {
            let message = format!("`connection.{id}` lacks `base_url`, and {} has no address of its own", connector.decl.title);
            findings.push(Finding::new(Code::BaseUrl, message, place.clone().key()).help("write the account's address: `base_url = \"https://...\"`"));
            String::new()
        }
    };
    let mut settings: Map<String, Value> = connector.decl.settings.clone().into_iter().collect();
    for (key, value) in &decl.settings {
        let names: Vec<&str> = connector.decl.settings.keys().chain(&connector.decl.required_settings).map(String::as_str).collect();
        if !names.contains(&key.as_str()) {
            let at = place.clone().down("settings").down(key).key();
            findings.push(Finding::new(Code::Setting, format!("{} has no setting `{key}`", connector.decl.title), at).suggest(key, names));
        }
        settings.insert(key.clone(), value.clone());
    }
    for key in &connector.decl.required_settings {
        if !settings.contains_key(key) {
            let message = format!("`connection.{id}` lacks `settings.{key}`");
            findings.push(Finding::new(Code::Setting, message, place.clone().key()).help(format!("write `settings = {{ {key} = \"...\" }}`")));
        }
    }
    let mut credentials = IndexMap::new();
    for (key, text) in &decl.auth {
        if let Some(reference) = secret(text, place.clone().down("auth").down(key), findings) {
            credentials.insert(key.clone(), reference);
        }
    }
    let grant = connector.decl.auth.iter().find(|g| g.needs.iter().all(|need| decl.auth.contains_key(need)));
    if grant.is_none() && !connector.decl.auth.is_empty() {
        let ways: Vec<String> = connector.decl.auth.iter().map(|g| g.needs.join(" + ")).collect();
        let message = format!("the credentials of `connection.{id}` do not suffice");
        let at = if decl.auth.is_empty() { place.clone().key() } else { place.clone().down("auth").key() };
        findings.push(Finding::new(Code::Grant, message, at).help(format!("{} takes: {}", connector.decl.title, ways.join(", or "))));
    }
    let known: Vec<&str> = connector.decl.auth.iter().flat_map(|g| &g.needs).map(String::as_str).chain(["subject"]).collect();
    for key in decl.auth.keys().filter(|key| !known.contains(&key.as_str())) {
        let at = place.clone().down("auth").down(key).key();
        findings.push(Finding::new(Code::Grant, format!("{} takes no credential `{key}`", connector.decl.title), at).suggest(key, known.iter().copied()));
    }
    Some(Connection {
        id: id.to_owned(),
        connector: connector.clone(),
        base_url,
        settings: Value::Object(settings),
        grant: grant.cloned(),
        credentials,
        limits: decl.limits.clone().unwrap_or_else(|| connector.decl.limits.clone()),
    })
}
