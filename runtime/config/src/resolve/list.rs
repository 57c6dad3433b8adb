//! `[list]` of a source: its account as a connection, its requests and templates.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::connector::{check_places, request};
use super::project::{Credentials, base_url, credentials, grant};
use super::scope::request_types;
use super::source::Settings;
use super::{Typed, duration};
use crate::condition::Condition;
use crate::decl::{ConnectorDecl, SourceDecl};
use crate::finding::{Code, Finding};
use crate::project::{Connection, Connector, Listing};
use crate::source::path;
use crate::template::Template;
use crate::types::Type;

/// The shortest time between two looks of the service: a list is no stream.
const SHORTEST: Duration = Duration::from_secs(60);

/// What every request of the list sees beside `settings` and `base_url`.
const PAGE: [&str; 5] = ["since", "until", "since_s", "until_s", "after"];

/// The platform's list of calls; `None` where there is none, or findings.
pub(super) fn resolve(
    name: &str,
    typed: &Typed<SourceDecl>,
    settings: Option<&Settings<'_>>,
    findings: &mut Vec<Finding>,
) -> Option<Listing> {
    let title = typed.decl.title.as_deref().unwrap_or(name);
    let Some(decl) = &typed.decl.list else {
        if let Some(settings) = settings {
            let keys = [
                ("auth", !settings.decl.auth.is_empty()),
                ("list_url", settings.decl.list_url.is_some()),
                ("backfill_every", settings.decl.backfill_every.is_some()),
            ];
            for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
                let message = format!("{title} has no list of calls to read");
                let finding = Finding::new(Code::Grant, message, settings.place.clone().down(key).key());
                findings.push(finding.help(format!("delete `{key}`, or give `mappings/{name}/source.toml` a `[list]`")));
            }
        }
        return None;
    };
    let place = typed.document.place(&path(["list"]));
    let types = request_types(&PAGE, &typed.decl.settings, &[]);
    let page = request(&decl.request, place.clone().down("request"), &types, &decl.limits, findings);
    let types = request_types(&["since", "until", "since_s", "until_s", "after", "id", "row"], &typed.decl.settings, &[]);
    let call = decl.call.as_ref().map(|call| request(call, place.clone().down("call"), &types, &decl.limits, findings));
    let row = Type::record([("row", Type::Any)]);
    let finished = Condition::compile(&decl.finished, &place.clone().down("finished"), &row, findings);
    let both = Type::record([("row", Type::Any), ("call", Type::Any)]);
    let payload = Value::Object(decl.payload.clone().into_iter().collect());
    let payload = Template::compile(&payload, &place.clone().down("payload"), &both, findings);
    let places = ["rows", "id", "started", "ended", "next", "next_in_row"];
    check_places(&typed.document.value, &typed.document.place(&[]), &["list"], &places, findings);
    if decl.next.is_none() == decl.next_in_row.is_none() {
        let finding = Finding::new(Code::MissingKey, "`list` does not say how one page leads to the next", place.key());
        findings.push(finding.help("write one of the two: `next`, a place in the answer, or `next_in_row`, a place in its last row"));
    }
    let connector = ConnectorDecl {
        system: name.to_owned(),
        title: title.to_owned(),
        auth: decl.auth.clone(),
        limits: decl.limits.clone(),
        error_body: decl.error_body.clone(),
        error: decl.error.clone(),
        ..ConnectorDecl::default()
    };
    let mut account = Connection {
        id: format!("source.{name}"),
        connector: Arc::new(Connector { decl: connector, file: typed.document.file.clone(), ..Connector::default() }),
        base_url: decl.base_url.trim_end_matches('/').to_owned(),
        settings: super::source::settings_of(&typed.decl, settings, &mut Vec::new()),
        limits: decl.limits.clone(),
        ..Connection::default()
    };
    let mut every = None;
    if let Some(Settings { decl: own, place, whole }) = settings {
        account.credentials = credentials(&own.auth, place, findings);
        if let Some(url) = &own.list_url {
            account.base_url = base_url(url, place.clone().down("list_url"), findings);
        }
        if let Some(text) = &own.backfill_every {
            every = duration(text).and_then(|wait| Duration::try_from(wait).ok()).filter(|wait| *wait >= SHORTEST);
            if every.is_none() {
                let finding =
                    Finding::new(Code::Quantity, format!("`{text}` is no time between two looks"), place.clone().down("backfill_every"));
                findings.push(finding.help("write a duration of at least a minute, such as `15m` or `1h`"));
            }
        }
        // Whoever takes deliveries only needs no credentials of the list.
        if !own.auth.is_empty() || own.backfill_every.is_some() {
            let asked = Credentials { title, section: format!("source.{name}"), given: &own.auth, place, whole: *whole };
            account.grant = grant(&asked, &decl.auth, findings);
        }
    }
    let call = match call {
        Some(call) => Some(call?),
        None => None,
    };
    Some(Listing { account: Arc::new(account), decl: decl.clone(), page: page?, finished: finished?, call, payload: payload?, every })
}
