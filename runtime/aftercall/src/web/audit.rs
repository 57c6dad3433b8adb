//! `/audit`: who or what wrote which field of which record, over what, and what people did; the same as JSON and as a table for spreadsheets.

use aftercall_config::functions::percent_encode;
use aftercall_config::resolve::duration;
use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;

use super::calls::Pairs;
use super::page::{self, Refusal};
use super::parts::{call_address, outside, plain, time};
use super::{Person, Web};
use crate::trail::{self, Cursor, Kind, Line};
use crate::view;

/// What may be asked by.
const PARAMETERS: [&str; 9] = ["record", "field", "call", "who", "version", "since", "until", "after", "limit"];

/// Writes and deeds on a page.
const PAGE: usize = 50;

/// The most of one answer, and what an export reads at once.
const MOST: usize = 500;

/// How many pages without a line are gone through for one that has some, where a field is looked for: a page comes at once all the same.
const EMPTY: usize = 10;

/// What is asked for, as it was written and as it was understood.
struct Asked {
    pairs: Vec<(String, String)>,
    trail: trail::Asked,
    after: Cursor,
    limit: usize,
}

impl Asked {
    fn read(pairs: &[(String, String)], zone: &TimeZone, now: Timestamp) -> Result<Self, Refusal> {
        if let Some((unknown, _)) = pairs.iter().find(|(name, _)| !PARAMETERS.contains(&name.as_str())) {
            let unknown: String = unknown.chars().take(40).collect();
            return Err(Refusal::wrong(format!("there is no parameter `{unknown}`; there is: {}", PARAMETERS.join(", "))));
        }
        let text = |name: &str| {
            let value = pairs.iter().rev().find(|(one, _)| one == name).map(|(_, value)| value.trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        let at = |name: &str| match text(name) {
            None => Ok(None),
            Some(text) => moment(&text, zone, now).map(Some).ok_or_else(|| {
                Refusal::wrong(format!("`{name}` is no time; write a day such as `2026-11-27`, `2026-11-27T08:00:00Z`, or `2h`"))
            }),
        };
        let after = match text("after") {
            None => Cursor::default(),
            Some(text) => text.parse().map_err(|()| Refusal::wrong("`after` is what the page before gave as `next`".to_owned()))?,
        };
        let limit = match text("limit") {
            None => PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| Refusal::wrong(format!("`limit` is a number from 1 to {MOST}")))?,
        };
        let (record, field, call, who, version) = (text("record"), text("field"), text("call"), text("who"), text("version"));
        if who.is_some() && (record.is_some() || field.is_some() || version.is_some()) {
            return Err(Refusal::wrong("`who` asks what somebody did; it goes with `call`, `since` and `until` alone".to_owned()));
        }
        let trail = trail::Asked { record, field, call, who, version, since: at("since")?, until: at("until")? };
        Ok(Self { pairs: pairs.iter().filter(|(name, _)| name != "after").cloned().collect(), trail, after, limit })
    }

    fn given(&self, name: &str) -> &str {
        self.pairs.iter().rev().find(|(one, _)| one == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// An address with the same question.
    fn address(&self, path: &str, after: Option<Cursor>) -> String {
        let after = after.map(|after| ("after".to_owned(), after.to_string()));
        let pairs = self.pairs.iter().filter(|(_, value)| !value.trim().is_empty()).cloned().chain(after);
        let query: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", percent_encode(&value))).collect();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }

    async fn page(&self, web: &Web) -> Result<trail::Page, Refusal> {
        let mut found = trail::page(web.service.journal.as_ref(), &self.trail, self.after, self.limit).await?;
        for _ in 0..EMPTY {
            let Some(next) = found.next.filter(|_| found.lines.is_empty()) else { break };
            found = trail::page(web.service.journal.as_ref(), &self.trail, next, MOST).await?;
        }
        Ok(found)
    }
}

/// A day of the project's zone, a moment, or a while ago.
fn moment(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let day = || text.parse::<Date>().ok()?.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(day).or_else(|| now.checked_sub(duration(text)?).ok())
}

fn asked(web: &Web, pairs: &[(String, String)]) -> Result<(Asked, TimeZone), Refusal> {
    let zone = web.service.versions.live().timezone.clone();
    Ok((Asked::read(pairs, &zone, Timestamp::now())?, zone))
}

/// `GET /v1/audit`.
pub(super) async fn json(State(web): State<Web>, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let (asked, _) = asked(&web, &pairs).map_err(Refusal::for_program)?;
    let found = asked.page(&web).await.map_err(Refusal::for_program)?;
    Ok(Json(view::trail::json(&found.lines, found.next.map(|next| next.to_string()))).into_response())
}

/// `GET /audit.csv`: all of it, sent as it is read.
pub(super) async fn csv(State(web): State<Web>, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let (asked, _) = asked(&web, &pairs)?;
    let head = stream::iter([Ok::<String, Refusal>(view::trail::csv_head())]);
    let rest = stream::unfold(Some(asked.after), move |at| {
        let (web, asked) = (web.clone(), asked.trail.clone());
        async move {
            let found = match trail::page(web.service.journal.as_ref(), &asked, at?, MOST).await {
                Ok(found) => found,
                Err(error) => return Some((Err(Refusal::from(error)), None)),
            };
            Some((Ok(view::trail::csv(&found.lines)), found.next))
        }
    });
    use futures_util::StreamExt as _;
    let body = Body::from_stream(head.chain(rest).map(|part| part.map_err(|_| std::io::Error::other("the journal could not be read"))));
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\"")];
    Ok((headers, body).into_response())
}

/// `GET /audit`.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let (asked, zone) = asked(&web, &pairs)?;
    let found = asked.page(&web).await?;
    let field = |name: &str, label: &str, hint: &str| {
        html! { label { (label) input type="text" name=(name) value=(asked.given(name)) placeholder=(hint); } }
    };
    let main = html! {
        h1 { "Trail" }
        p.soft { "Who or what wrote which field of which record, over what, and what people did." }
        form.filters method="get" action="/audit" {
            (field("record", "Record", "id")) (field("field", "Field", "name")) (field("call", "Call", "whole id")) (field("who", "Person or token", "name"))
            (field("version", "Config version", "")) (field("since", "Since", "2026-11-27 or 2h")) (field("until", "Until", "2026-11-28"))
            button.main { "Show" }
            a.button href="/audit" { "Everything" }
            a.button href=(asked.address("/audit.csv", None)) { "CSV" }
        }
        @if found.lines.is_empty() { p { "Nothing of that is on the trail." } } @else { div.wide { (table(&found.lines, &zone)) } }
        @if let Some(next) = found.next { p.pager { a rel="next" href=(asked.address("/audit", Some(next))) { "Older" } } }
    };
    Ok(page::page(&person, "Trail", "/audit", &main))
}

fn table(lines: &[Line], zone: &TimeZone) -> Markup {
    html! { table {
        caption { "The newest first" }
        thead { tr {
            th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Record" } th scope="col" { "Field" }
            th scope="col" { "Before" } th scope="col" { "After" } th scope="col" { "Because of" }
        } }
        tbody { @for line in lines { tr {
            th scope="row" { (time(line.at, zone, true)) }
            td data-is="Who" { (plain(&line.who)) " " span.soft { (line.way) } }
            td data-is="What" { (plain(&line.what)) }
            td.long data-is="Record" { @if let Some(record) = &line.record { (outside(line.url.as_deref(), &plain(record))) } @if let Some(object) = &line.object { " " span.soft { (object) } } }
            td.long data-is="Field" { (line.field.as_deref().map(plain).unwrap_or_default()) }
            @if line.kind == Kind::Field {
                td data-is="Before" { @if let Some(before) = some(line.before.as_ref()) { del { (shown(before)) } } @else { span.soft { "nothing" } } }
                td data-is="After" {
                    @if let Some(after) = some(line.after.as_ref()) { ins { (shown(after)) } } @else { span.soft { "nothing" } }
                    @if let Some(found) = &line.found { " " span.care { "stands as " (shown(found)) } }
                }
            } @else { td {} td {} }
            td.line data-is="Because of" {
                @if let Some(call) = &line.call { a href=(call_address(call)) { (call) } " " }
                @if let Some(origin) = &line.origin { code { (origin) } " " }
                @if let Some(version) = &line.version { span.soft { "config " a href={ "/audit?version=" (percent_encode(version)) } { (version) } } }
                @if let Some(reason) = &line.reason { (plain(reason)) }
            }
        } } }
    } }
}

/// A value that is one: a system may say that there is none by `null`.
fn some(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// A value, cut where nobody would read on.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    };
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
