//! `POST /batch/calendar/v3`: many requests in one multipart body, each with its own answer.
//!
//! Source: the Calendar API's guide on batch requests. Not a transaction; answers come in the order of
//! the requests, with `Content-ID: <response-...>`.

use crate::{
    text,
    vendor::{Request, Response},
    wire,
};

/// The most calls in one batch.
pub(super) const MOST: usize = 1_000;

const BOUNDARY: &str = "batch_sandbox";

/// One call of a batch, and the id its answer will carry.
pub(super) struct Call {
    id: Option<String>,
    pub(super) request: Request,
}

/// Takes a batch apart; `None` when it is no multipart body.
pub(super) fn calls(request: &Request) -> Option<Vec<Call>> {
    let kind = wire::header(request, "content-type")?;
    let boundary = kind.split(';').map(str::trim).find_map(|part| part.strip_prefix("boundary="))?.trim_matches('"');
    let body = String::from_utf8_lossy(&request.body).replace("\r\n", "\n");
    let delimiter = format!("--{boundary}");
    let mut calls = Vec::new();
    for part in body.split(delimiter.as_str()).skip(1) {
        if part.starts_with("--") {
            break;
        }
        calls.push(call(request, part.strip_prefix('\n').unwrap_or(part))?);
    }
    Some(calls)
}

fn headers(block: &str) -> Vec<(String, String)> {
    let pairs = block.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect()
}

fn call(outer: &Request, part: &str) -> Option<Call> {
    let (mime, inner) = part.split_once("\n\n")?;
    let id = headers(mime).into_iter().find(|(name, _)| name == "content-id").map(|(_, value)| value);
    let inner = inner.trim_start();
    let (head, body) = inner.split_once("\n\n").unwrap_or((inner.trim_end(), ""));
    let (line, rest) = head.split_once('\n').unwrap_or((head, ""));
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    // A call may be written with its host; only the path counts.
    let path = match target.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => target,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut headers = headers(rest);
    // A call without a token of its own has that of the batch.
    if !headers.iter().any(|(key, _)| key == "authorization")
        && let Some(value) = wire::header(outer, "authorization")
    {
        headers.push(("authorization".to_owned(), value.to_owned()));
    }
    Some(Call {
        id,
        request: Request {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            query: text::form(query),
            headers,
            body: body.trim_end().to_owned().into_bytes().into(),
            origin: outer.origin.clone(),
        },
    })
}

/// Puts the answers together.
pub(super) fn answer(answers: Vec<(Call, Response)>) -> Response {
    let mut body = Vec::new();
    for (call, response) in answers {
        let mut head = format!("--{BOUNDARY}\r\nContent-Type: application/http\r\n");
        if let Some(id) = call.id {
            let id = id.trim_start_matches('<').trim_end_matches('>');
            head.push_str(&format!("Content-ID: <response-{id}>\r\n"));
        }
        head.push_str(&format!("\r\nHTTP/1.1 {} {}\r\n", response.status, reason(response.status)));
        if !response.content_type.is_empty() {
            head.push_str(&format!("Content-Type: {}\r\n", response.content_type));
        }
        for (name, value) in &response.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", response.body.len()));
        body.extend(head.into_bytes());
        body.extend(response.body);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    Response { status: 200, headers: Vec::new(), content_type: format!("multipart/mixed; boundary={BOUNDARY}"), body }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        _ => "Status",
    }
}
