//! `GET /config`: the version at work, and what was offered to the service before: accepted, held back or refused, with the findings.

use axum::extract::State;
use axum::response::Response;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;

use super::page::{self, Refusal};
use super::parts::{marked, number, plain, time};
use super::versions::{choice, versions};
use super::{Person, Role, Web};
use crate::journal::{ReloadFilter, ReloadRow, ReloadState};

/// The newest that are shown.
const SHOWN: usize = 100;

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let project = web.service.versions.live();
    let rows = web.service.journal.reloads(ReloadFilter { id: None, states: Vec::new(), limit: SHOWN }).await?;
    let main = html! {
        h1 { "Config" }
        div #config data-live {
            dl.facts {
                dt { "Project" } dd { (project.name) }
                dt { "At work" } dd.mono { (project.version.0) }
                dt { "Made of" } dd {
                    (number(project.pipelines.len() as u64)) " pipelines, " (number(project.connections.len() as u64)) " connections, "
                    (number(project.sources.len() as u64)) " sources"
                }
            }
            div.wide { table {
                caption.soft { "What was offered, the newest first" }
                thead { tr { th scope="col" { "When" } th scope="col" { "What came of it" } th scope="col" { "Version" } th scope="col" { "Set off by" } th scope="col" { "What changed, or why not" } } }
                tbody { @for row in &rows { (line(row, &project.timezone)) } }
            } }
        }
        h2 { "Two versions" }
        (choice(&versions(&web).await?, None, None, &project.timezone))
        p.soft { "What two revisions in git do to the same calls: " code { "aftercall diff OLD..NEW" } ". Who gets how many follow-ups: " code { "aftercall route simulate" } "." }
    };
    Ok(page::page(&person, "Config", "/config", &main))
}

fn line(row: &ReloadRow, zone: &TimeZone) -> Markup {
    let detail: Value = row.detail.as_ref().and_then(|detail| detail.read().ok()).unwrap_or_default();
    let (shape, word) = match row.state {
        ReloadState::Accepted => ("applied", "at work"),
        ReloadState::Unchanged => ("same", "nothing to do"),
        ReloadState::Refused => ("refused", "refused"),
        ReloadState::Held => ("held", "held back"),
        ReloadState::Asked => ("waiting", "asked for"),
    };
    let names = |key: &str| -> Vec<&str> { detail[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect() };
    let (changed, gone) = (names("changed"), names("gone"));
    html! { tr {
        td { (time(row.changed_at, zone, true)) }
        td { (marked(shape, word)) }
        td data-is="Version" { code { (row.version.as_deref().unwrap_or("–")) } }
        td data-is="Set off by" { (row.asked_by) }
        td {
            @if let Some(why) = detail["why"].as_str() { p { (plain(why)) } }
            @if !changed.is_empty() { p { "changed: " @for (at, name) in changed.iter().take(12).enumerate() { @if at > 0 { ", " } code { (name) } } @if changed.len() > 12 { " and " (changed.len() - 12) " more" } } }
            @if !gone.is_empty() { p { "gone: " @for (at, name) in gone.iter().take(12).enumerate() { @if at > 0 { ", " } code { (name) } } } }
            @for finding in detail["findings"].as_array().into_iter().flatten().take(20) { (said(finding)) }
        }
    } }
}

/// One finding: where, what, and what to write.
fn said(finding: &Value) -> Markup {
    let word = |key: &str| finding[key].as_str().unwrap_or_default();
    html! { p {
        strong { (word("severity")) " " (word("code")) } " " code { (word("file")) ":" (finding["line"]) ":" (finding["column"]) } " " (plain(word("message")))
        @if !word("help").is_empty() { div.soft { (plain(word("help"))) } }
    } }
}
