//! The frame around every page, and what somebody gets who gets no page.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use serde_json::json;

use super::form::form;
use super::{Person, Role, assets};

/// The rooms that the header leads to: where, how it is called, and who is let in.
const ROOMS: [(&str, &str, Role); 8] = [
    ("/calls", "Calls", Role::Viewer),
    ("/reviews", "Reviews", Role::Operator),
    ("/dead", "Dead letters", Role::Viewer),
    ("/reconciliation", "Reconciliation", Role::Viewer),
    ("/connections", "Connections", Role::Viewer),
    ("/audit", "Trail", Role::Operator),
    ("/config", "Config", Role::Admin),
    ("/people", "People", Role::Admin),
];

/// A page. `here` is the room that it stands in.
pub(super) fn page(person: &Person, title: &str, here: &str, main: &Markup) -> Response {
    let frame = html! {
        header.top {
            a.brand href="/" { "aftercall" }
            nav aria-label="Rooms" {
                @for (path, name, _) in ROOMS.into_iter().filter(|(.., role)| person.role >= *role) {
                    a href=(path) aria-current=[(path == here).then_some("page")] { (name) }
                }
            }
            p.who { (person.name) " " span.soft { (person.role.word()) } }
            @if person.signed_in { (form(person, "/sign-out", &html! { button.quiet { "Sign out" } })) }
        }
        main #main tabindex="-1" { (main) }
        (keys())
    };
    Html(document(title, &frame).into_string()).into_response()
}

/// A page for nobody in particular.
pub(super) fn bare(title: &str, main: &Markup) -> Response {
    let body = html! {
        header.top { a.brand href="/" { "aftercall" } }
        main #main tabindex="-1" { (main) }
    };
    Html(document(title, &body).into_string()).into_response()
}

/// What the keys do, shown by `?`.
fn keys() -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl.keys {
                dt { kbd { "/" } } dd { "search" }
                dt { kbd { "j" } " " kbd { "k" } } dd { "next and previous line" }
                dt { kbd { "Enter" } } dd { "open it" }
                dt { kbd { "?" } } dd { "this help" }
            }
            form method="dialog" { button { "Close" } }
        }
    }
}

fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · aftercall" }
                link rel="icon" href=(assets::icon());
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                (body)
            }
        }
    }
}

/// Why somebody gets no page: a status, a code for programs, a sentence that says what to do.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    sentence: String,
    /// Whether it is told to a program.
    as_json: bool,
}

impl Refusal {
    /// The sentence is lower case and without a closing period, like those of findings.
    pub(super) fn new(status: StatusCode, code: &'static str, sentence: String) -> Self {
        Self { status, code, sentence, as_json: false }
    }

    /// The same, in the form that whoever asked at this path can read.
    pub(super) fn asked_at(self, path: &str) -> Self {
        Self { as_json: path.starts_with("/v1/"), ..self }
    }

    /// The same, for a program.
    pub(super) fn for_program(self) -> Self {
        Self { as_json: true, ..self }
    }

    /// There is no such thing.
    pub(super) fn missing(sentence: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", sentence)
    }

    /// Whether only this one call stands in the way: it is gone, or not where it was.
    pub(super) fn is_about_the_call(&self) -> bool {
        matches!(self.status, StatusCode::NOT_FOUND | StatusCode::CONFLICT)
    }

    /// What was asked for cannot be understood.
    pub(super) fn wrong(sentence: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", sentence)
    }
}

impl From<crate::journal::Error> for Refusal {
    fn from(error: crate::journal::Error) -> Self {
        use crate::journal::Error;
        match error {
            Error::AmbiguousPrefix { .. } | Error::NotFound { .. } => Self::missing(error.to_string()),
            Error::Leased { .. } | Error::Changed { .. } | Error::AlreadyThere { .. } | Error::LastAdmin { .. } => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            error => {
                tracing::error!(%error, "a page could not be read from the journal");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "journal", format!("the journal could not answer: {error}"))
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, sentence, as_json } = self;
        if as_json {
            return (status, Json(json!({"error": sentence, "code": code}))).into_response();
        }
        let name = status.canonical_reason().unwrap_or("Refused");
        let body = html! {
            header.top { a.brand href="/" { "aftercall" } }
            main #main tabindex="-1" {
                h1 { (name) }
                p { (sentence) "." }
                p { a href="/calls" { "To the calls" } }
            }
        };
        (status, Html(document(name, &body).into_string())).into_response()
    }
}
