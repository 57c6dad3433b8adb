//! `GET /connections`: how each system stands just now: whether it is left alone, what waits for it, its credentials, and how much of its pace is used.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::page::{self, Refusal};
use super::parts::{number, state};
use super::{Person, Web};
use crate::connect::Standing;
use crate::view::remedy;

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person) -> Result<Response, Refusal> {
    let (project, standings) = (web.service.versions.live(), web.service.connections.standings());
    let parked = web.service.journal.parked().await?;
    let gone: Vec<&String> = parked.keys().filter(|id| !project.connections.contains_key(*id)).collect();
    let main = html! {
        h1 { "Connections" }
        div #connections data-live {
            div.wide { table {
                caption.soft { "How each system stands just now" }
                thead { tr { th scope="col" { "Connection" } th scope="col" { "System" } th scope="col" { "Standing" } th scope="col" { "Credentials" } th scope="col" { "Calls that wait" } th scope="col" { "Requests" } th scope="col" { "Left" } } }
                tbody {
                    @for (id, connection) in &project.connections { tr {
                        th scope="row" { (id) }
                        td { (connection.connector.decl.title) }
                        (line(standings.get(id), parked.get(id).copied().unwrap_or(0)))
                    } }
                    @for id in &gone { tr {
                        th scope="row" { (id) }
                        td {} td { (state("held")) " not in the project any more: calls wait until it is there again" } td {}
                        td { (number(parked.get(*id).copied().unwrap_or(0))) } td {} td {}
                    } }
                }
            } }
            @if project.connections.is_empty() && gone.is_empty() { p { "The project names no connection." } }
        }
    };
    Ok(page::page(&person, "Connections", "/connections", &main))
}

fn line(standing: Option<&Standing>, waiting: u64) -> Markup {
    let alone = standing.and_then(|standing| standing.left_alone);
    html! {
        td {
            @match alone {
                Some((since, class)) => {
                    (state("held")) " left alone for " (span(since)) ", since it was " (class.as_str().replace('_', " "))
                    @if let Some(remedy) = remedy::of_class(class.as_str()) { div.soft { (remedy) } }
                },
                None => { (state("applied")) " in use" },
            }
        }
        td { (standing.map_or("none", |standing| standing.credentials)) }
        td { (number(waiting)) }
        @match standing {
            Some(standing) => {
                td {
                    (standing.usage.in_flight) " of " (standing.usage.concurrency) " under way"
                    @if standing.usage.waiting > 0 { ", " (standing.usage.waiting) " in line" }
                    @if let Some(held) = standing.usage.held_for { div.soft { "paced by the system for " (span(held)) } }
                }
                td {
                    @if let Some(left) = standing.usage.remaining { (number(left)) " in its window" }
                    @if let Some((used, most)) = standing.usage.allowance { div { (number(used)) " of " (number(most)) " used of its allowance" } }
                    @if standing.usage.remaining.is_none() && standing.usage.allowance.is_none() { span.soft { "it does not say" } }
                }
            },
            None => { td { span.soft { "none yet" } } td {} },
        }
    }
}

/// Whole seconds, minutes or hours.
fn span(time: Duration) -> String {
    match time.as_secs() {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}
