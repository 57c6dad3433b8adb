//! `[alert]`, `[notify]`, `[telemetry]` and `[store] keep`: names, addresses and quantities.

mod when;

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;

use self::when::Names;
use super::project::{base_url, secret};
use super::{Typed, duration};
use crate::decl::{AlertDecl, KeepDecl, NotifyDecl, NotifyEmailDecl, ProjectDecl};
use crate::finding::{Code, Finding, Place};
use crate::project::Origin;
use crate::source::path;
use crate::upkeep::{AlertRule, Keep, MailServer, Notifier, Telemetry, UpkeepRules};

/// How long an alert must be over before that is said, where nobody says how long.
const RECOVER_AFTER: Duration = Duration::from_secs(60);

/// Everything beside the way of calls.
pub(super) fn resolve(typed: &Typed<ProjectDecl>, findings: &mut Vec<Finding>) -> UpkeepRules {
    let decl = &typed.decl;
    let at = |section: &str, name: &str| typed.document.place(&path([section, name]));
    let mut rules = UpkeepRules::default();
    for (name, notify) in &decl.notify {
        rules.notifiers.extend(notifier(notify, &at("notify", name), findings).map(|notifier| (name.clone(), notifier)));
    }
    let names = Names {
        connections: decl.connection.keys().map(String::as_str).collect(),
        sources: decl.source.keys().map(String::as_str).collect(),
    };
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for (name, alert) in &decl.alert {
        let place = at("alert", name);
        used.extend(alert.notify.split(',').map(str::trim));
        rules.alerts.extend(self::alert(name, alert, &decl.notify, &names, &place, typed, findings));
    }
    // An alert with a mistake in it is not here, and may be the one.
    for name in decl.notify.keys().filter(|name| typed.untouched("alert") && !used.contains(name.as_str())) {
        let finding = Finding::new(Code::UnusedNotifier, format!("no alert tells `{name}`"), at("notify", name).key());
        findings.push(finding.help(format!("write `notify = \"{name}\"` in an `[alert.NAME]`, or take this out")));
    }
    rules.telemetry = telemetry(decl, &typed.document.place(&path(["telemetry"])), findings);
    if let Some(keep) = decl.store.as_ref().and_then(|store| store.keep.as_ref()) {
        rules.keep = self::keep(keep, &at("store", "keep"), findings);
    }
    rules
}

fn alert(
    name: &str,
    decl: &AlertDecl,
    notifiers: &IndexMap<String, NotifyDecl>,
    names: &Names<'_>,
    place: &Place,
    typed: &Typed<ProjectDecl>,
    findings: &mut Vec<Finding>,
) -> Option<AlertRule> {
    let when = when::read(&decl.when, &place.clone().down("when"), names, findings);
    let mut notify = Vec::new();
    for part in decl.notify.split(',') {
        let wanted = part.trim();
        if notifiers.contains_key(wanted) || !typed.untouched("notify") {
            notify.push(wanted.to_owned());
            continue;
        }
        let start = part.as_ptr() as usize - decl.notify.as_ptr() as usize + (part.len() - part.trim_start().len());
        let at = place.clone().down("notify").part(start..start + wanted.len());
        let finding = Finding::new(Code::UnknownNotifier, format!("there is nobody `{wanted}` to tell"), at);
        findings.push(match notifiers.is_empty() {
            true => finding.help(format!("add `[notify.{wanted}]` with `webhook`, `email` or `chat`")),
            false => finding.suggest(wanted, notifiers.keys().map(String::as_str)),
        });
    }
    let mut time = |key: &str, text: &Option<String>| time(text.as_deref(), &place.clone().down(key), findings);
    let (remind, recover_after) = (time("remind", &decl.remind), time("recover_after", &decl.recover_after));
    let line = typed.document.line_column(typed.document.span(place).start).0;
    Some(AlertRule {
        name: name.to_owned(),
        when: when?,
        notify,
        remind,
        recover_after: recover_after.unwrap_or(RECOVER_AFTER),
        origin: Origin { file: typed.document.file.clone(), line },
    })
}

/// A time that is longer than nothing.
fn time(text: Option<&str>, place: &Place, findings: &mut Vec<Finding>) -> Option<Duration> {
    let text = text?;
    let time = duration(text).and_then(|time| Duration::try_from(time).ok()).filter(|time| !time.is_zero());
    if time.is_none() {
        let finding = Finding::new(Code::Quantity, format!("`{text}` is no duration"), place.clone());
        findings.push(finding.help("write durations as `10m`, `4h` or `30d`"));
    }
    time
}

fn notifier(decl: &NotifyDecl, place: &Place, findings: &mut Vec<Finding>) -> Option<Notifier> {
    let ways = [decl.webhook.is_some(), decl.email.is_some(), decl.chat.is_some()];
    if ways.iter().filter(|way| **way).count() != 1 {
        let message = if ways.contains(&true) { "one of these is one too many" } else { "nothing says how this one is told" };
        let finding = Finding::new(Code::Notifier, message, place.clone().key());
        findings.push(finding.help("write one of `webhook`, `email` and `chat`; for another way, add another `[notify.NAME]`"));
        return None;
    }
    if let Some(webhook) = &decl.webhook {
        let at = place.clone().down("webhook");
        let url = base_url(&webhook.url, at.clone().down("url"), findings);
        return Some(Notifier::Webhook { url, secret: webhook.secret.as_ref().and_then(|text| secret(text, at.down("secret"), findings)) });
    }
    if let Some(chat) = &decl.chat {
        return Some(Notifier::Chat { url: secret(&chat.url, place.clone().down("chat").down("url"), findings)? });
    }
    email(decl.email.as_ref()?, &place.clone().down("email"), findings)
}

fn email(decl: &NotifyEmailDecl, place: &Place, findings: &mut Vec<Finding>) -> Option<Notifier> {
    let server = server(&decl.server);
    if server.is_none() {
        let message = format!("`{}` is no mail server", decl.server);
        let finding = Finding::new(Code::Notifier, message, place.clone().down("server"));
        findings.push(finding.help("write `smtps://HOST:465`, or `smtp://HOST:587` where the server takes STARTTLS"));
    }
    let is_address = |text: &str| {
        let parts = text.split_once('@').filter(|(name, host)| !name.is_empty() && host.contains(|c: char| c.is_alphanumeric()));
        parts.is_some_and(|(_, host)| !host.contains('@'))
            && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
    };
    let mut wrong = |text: &str, at: Place| {
        if !is_address(text) {
            let finding = Finding::new(Code::Notifier, format!("`{text}` is no mail address"), at);
            findings.push(finding.help("write the address alone: `ops@acme.example`"));
        }
    };
    wrong(&decl.from, place.clone().down("from"));
    decl.to.iter().enumerate().for_each(|(index, to)| wrong(to, place.clone().down("to").item(index)));
    if decl.to.is_empty() {
        let finding = Finding::new(Code::Notifier, "this mail goes to nobody", place.clone().down("to"));
        findings.push(finding.help("write `to = [\"ops@acme.example\"]`"));
    }
    let mut read = |key: &str, text: &Option<String>| secret(text.as_ref()?, place.clone().down(key), findings);
    let (username, password) = (read("username", &decl.username), read("password", &decl.password));
    if decl.username.is_some() != decl.password.is_some() {
        let finding = Finding::new(Code::Notifier, "of `username` and `password` there is only one", place.clone().key());
        findings.push(finding.help("write both, each by reference: `env:NAME` or `file:PATH`"));
    }
    Some(Notifier::Email { server: server?, from: decl.from.clone(), to: decl.to.clone(), credentials: username.zip(password) })
}

/// `smtps://HOST[:PORT]` or `smtp://HOST[:PORT]`.
fn server(text: &str) -> Option<MailServer> {
    let (tls, rest) = match text.strip_prefix("smtps://") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("smtp://")?),
    };
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (rest, if tls { 465 } else { 587 }),
    };
    let plain = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    plain.then(|| MailServer { host: host.to_owned(), port, tls, local: ["127.0.0.1", "localhost"].contains(&host) })
}

fn telemetry(decl: &ProjectDecl, place: &Place, findings: &mut Vec<Finding>) -> Telemetry {
    let decl = &decl.telemetry;
    Telemetry {
        metrics_secret: decl.metrics_secret.as_ref().and_then(|text| secret(text, place.clone().down("metrics_secret"), findings)),
        otlp: decl.otlp.as_ref().map(|url| base_url(url, place.clone().down("otlp"), findings)),
        otlp_headers: decl
            .otlp_headers
            .iter()
            .filter_map(|(name, text)| Some((name.clone(), secret(text, place.clone().down("otlp_headers").down(name), findings)?)))
            .collect(),
    }
}

fn keep(decl: &KeepDecl, place: &Place, findings: &mut Vec<Finding>) -> Keep {
    let mut read = |key: &str, text: &Option<String>| time(text.as_deref(), &place.clone().down(key), findings);
    Keep {
        payloads: read("payloads", &decl.payloads),
        calls: read("calls", &decl.calls),
        lookups: read("lookups", &decl.lookups),
        created: read("created", &decl.created),
        configs: read("configs", &decl.configs),
        notices: read("notices", &decl.notices),
    }
}
