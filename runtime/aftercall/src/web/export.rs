//! `GET /calls.csv` and `/calls.json`: all calls that fit, sent as they are read.

use aftercall_config::call::CallOutcome;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use jiff::Timestamp;

use super::api::for_viewer;
use super::calls::{Pairs, caller};
use super::filter::Asked;
use super::page::Refusal;
use super::{Person, Web};
use crate::journal::{CallSeq, CallSummary, LogFilter};

/// Calls that are read at once.
const PAGE: usize = 250;
/// The columns.
const COLUMNS: &str =
    "received_at,started_at,call,source,caller,reached_by,outcome,status,reason,match,pipeline,config_version,records\r\n";

/// As CSV (RFC 4180), for a spreadsheet.
pub(super) async fn csv(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let asked = asked(&web, &person, &pairs)?;
    let lines = move |person: &Person, calls: &[CallSummary], _: bool| calls.iter().map(|call| line(person, call)).collect::<String>();
    let body = Body::from_stream(pages(web, person, asked, COLUMNS.to_owned(), lines, String::new()));
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"calls.csv\"")];
    Ok((headers, body).into_response())
}

/// As JSON: the calls as the API has them.
pub(super) async fn json(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let asked = asked(&web, &person, &pairs)?;
    let lines = |person: &Person, calls: &[CallSummary], is_first: bool| {
        let mut out = String::new();
        for (at, call) in calls.iter().enumerate() {
            let mut value = serde_json::to_value(call).unwrap_or_default();
            if !person.sees_all() {
                for_viewer(&mut value);
            }
            out.push_str(if is_first && at == 0 { "\n" } else { ",\n" });
            out.push_str(&value.to_string());
        }
        out
    };
    let body = Body::from_stream(pages(web, person, asked, "{\"version\":1,\"calls\":[".to_owned(), lines, "\n]}\n".to_owned()));
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_DISPOSITION, "attachment; filename=\"calls.json\"")];
    Ok((headers, body).into_response())
}

fn asked(web: &Web, person: &Person, pairs: &[(String, String)]) -> Result<LogFilter, Refusal> {
    let zone = web.service.versions.live().timezone.clone();
    let asked = Asked::read(pairs, &zone, Timestamp::now(), true).map_err(Refusal::wrong)?;
    Ok(LogFilter { limit: PAGE, whole_words: !person.sees_all(), ..asked.filter })
}

/// Where an export stands.
enum At {
    Head,
    Page(Option<CallSeq>, bool),
    Done,
}

/// Head, pages and foot. A journal that fails ends the answer in the middle, so that nobody takes a part for the whole.
fn pages(
    web: Web,
    person: Person,
    filter: LogFilter,
    head: String,
    lines: impl Fn(&Person, &[CallSummary], bool) -> String + Send + 'static,
    foot: String,
) -> impl Stream<Item = Result<String, crate::journal::Error>> + Send {
    stream::unfold((At::Head, web, person, filter, lines), move |(at, web, person, filter, lines)| {
        let (head, foot) = (head.clone(), foot.clone());
        async move {
            let (after, is_first) = match at {
                At::Done => return None,
                At::Head => {
                    let next = At::Page(filter.after, true);
                    return Some((Ok(head), (next, web, person, filter, lines)));
                }
                At::Page(after, is_first) => (after, is_first),
            };
            match web.service.journal.log(LogFilter { after, ..filter.clone() }).await {
                Err(error) => Some((Err(error), (At::Done, web, person, filter, lines))),
                Ok(page) => {
                    let mut text = lines(&person, &page.calls, is_first);
                    let next = match page.next {
                        Some(next) => At::Page(Some(next), is_first && page.calls.is_empty()),
                        None => {
                            text.push_str(&foot);
                            At::Done
                        }
                    };
                    Some((Ok(text), (next, web, person, filter, lines)))
                }
            }
        }
    })
}

fn line(person: &Person, call: &CallSummary) -> String {
    let outcome: CallOutcome = call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).unwrap_or_default();
    let (who, reach) = caller(person, &outcome);
    let records: Vec<&str> = call.records.iter().map(|record| record.record_url.as_deref().unwrap_or(&record.record_id)).collect();
    let reason = call.status_reason.as_deref().map(|reason| person.sees_said(reason).into_owned());
    let cells = [
        call.received_at.to_string(),
        call.started_at.map(|at| at.to_string()).unwrap_or_default(),
        call.id.clone(),
        call.source.clone(),
        who,
        reach,
        outcome.outcome.unwrap_or_default(),
        call.status.word().to_owned(),
        reason.unwrap_or_default(),
        call.verdict.clone().unwrap_or_default(),
        call.pipeline.clone().unwrap_or_default(),
        call.config_version.clone(),
        records.join(" "),
    ];
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell that a spreadsheet takes for text, and never for a formula.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if is_formula || cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_cell_is_no_formula() {
        for (cell, expected) in [
            ("Nora", "Nora"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+13125550142", "\"'+13125550142\""),
            ("@sum", "\"'@sum\""),
            ("-1", "\"'-1\""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"\nthere", "\"say \"\"hi\"\"\nthere\""),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
