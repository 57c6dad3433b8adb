//! Two versions of the config: what differs, file by file, and what one would have done to yesterday's calls that the other did not. Chosen on the page
//! *Config*, each at an address of its own, and as JSON below `/v1/config`.

use aftercall_config::difference::{CauseSaid, DiffDocument};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::{self, Refusal};
use super::parts::{call_address, number, plain};
use super::{Person, Web, filter};
use crate::journal::{ReloadFilter, ReloadState};
use crate::service::{Effect, NoEffect, effect};
use crate::view::line_diff::{self, FileDiff, LineDiff};
use crate::view::revisions::{remarks, sentence, side};
use crate::work::VersionError;

/// Versions that can be chosen: the newest.
const CHOICE: usize = 50;
/// Accepted configs that are looked through for them.
const LOOKED_AT: usize = 500;
/// The most calls over which an effect is worked out.
const CALLS: usize = 500;
/// The most lines of a difference on a page; the JSON has all.
const LINES: usize = 2000;
/// Causes on a page.
const CAUSES: usize = 50;

/// A version that was at work.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Version {
    /// Its name.
    pub(super) version: String,
    /// When it was put to work last.
    pub(super) at: Timestamp,
}

/// The versions that were at work, the newest first; the first is at work now.
pub(super) async fn versions(web: &Web) -> Result<Vec<Version>, Refusal> {
    let live = web.service.versions.live().version.0.clone();
    let filter = ReloadFilter { id: None, states: vec![ReloadState::Accepted], limit: LOOKED_AT };
    let mut found: Vec<Version> = Vec::new();
    for row in web.service.journal.reloads(filter).await? {
        let Some(version) = row.version else { continue };
        if found.iter().all(|known| known.version != version) {
            found.push(Version { version, at: row.changed_at });
        }
    }
    let at_work = found.iter().position(|one| one.version == live);
    let at_work = at_work.map(|at| found.remove(at)).unwrap_or(Version { version: live, at: Timestamp::now() });
    found.insert(0, at_work);
    found.truncate(CHOICE);
    Ok(found)
}

/// The form in which two of them are chosen. `chosen` are those that are shown, `day` is whose calls are meant.
pub(super) fn choice(versions: &[Version], chosen: Option<(&str, &str)>, day: Option<Date>, zone: &TimeZone) -> Markup {
    let day = day.map_or_else(|| filter::before(Timestamp::now().to_zoned(zone.clone()).date(), 1), |day| day.to_string());
    let (from, to) = chosen.unwrap_or_else(|| {
        let name = |at: usize| versions.get(at).map_or("", |one| one.version.as_str());
        (name(1), name(0))
    });
    let select = |name: &str, title: &str, chosen: &str| {
        html! {
            label { (title)
                select name=(name) {
                    @for (at, one) in versions.iter().enumerate() {
                        option value=(one.version) selected[one.version == chosen] {
                            (one.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()) " · " (one.version) @if at == 0 { " (at work)" }
                        }
                    }
                    @if !chosen.is_empty() && versions.iter().all(|one| one.version != chosen) { option value=(chosen) selected { (chosen) } }
                }
            }
        }
    };
    html! {
        @if versions.len() < 2 && chosen.is_none() { p.soft { "There was no other version yet that this one could be held against." } }
        @else {
            form.filters.versions method="get" action="/config/diff" aria-label="Two versions" {
                (select("from", "From", from)) (select("to", "To", to))
                button.main { "What differs" }
                label { "Calls of" input type="date" name="day" value=(day); }
                button formaction="/config/effect" { "The effect on these calls" }
            }
        }
    }
}

/// Which two.
#[derive(Deserialize)]
pub(super) struct Two {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// Of an effect: the day whose calls are meant; empty for yesterday.
    #[serde(default)]
    day: String,
}

impl Two {
    /// Both names. What is not said: `to` is what is at work.
    fn names(&self, web: &Web) -> Result<(String, String), Refusal> {
        let from = self.from.trim();
        if from.is_empty() {
            return Err(Refusal::wrong(
                "say which versions: `?from=VERSION&to=VERSION`; without `to`, the one at work is meant".to_owned(),
            ));
        }
        let to = Some(self.to.trim()).filter(|to| !to.is_empty());
        Ok((from.to_owned(), to.map_or_else(|| web.service.versions.live().version.0.clone(), str::to_owned)))
    }
}

impl From<VersionError> for Refusal {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Unknown(version) => {
                Self::missing(format!("the journal has no config version `{}`", plain(&version).chars().take(80).collect::<String>()))
            }
            VersionError::Unreadable(_) => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
            VersionError::Journal(error) => error.into(),
        }
    }
}

impl From<NoEffect> for Refusal {
    fn from(error: NoEffect) -> Self {
        match error {
            NoEffect::Version(error) => error.into(),
            NoEffect::Journal(error) => error.into(),
        }
    }
}

/// What differs between two versions.
#[derive(Serialize, JsonSchema)]
pub(super) struct Difference {
    /// The version of this shape.
    version: u32,
    /// The first config version.
    from: String,
    /// The second.
    to: String,
    /// The files that differ, by name.
    files: Vec<FileDiff>,
}

async fn difference(web: &Web, two: &Two) -> Result<Difference, Refusal> {
    let (from, to) = two.names(web)?;
    let (old, new) = (web.service.versions.files(&from).await?, web.service.versions.files(&to).await?);
    // Large files take a moment, and others are served meanwhile.
    let files = tokio::task::spawn_blocking(move || line_diff::of(&old, &new)).await;
    let files = files.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()));
    Ok(Difference { version: 1, from, to, files })
}

/// `GET /config/diff`.
pub(super) async fn diff(State(web): State<Web>, person: Person, Query(two): Query<Two>) -> Result<Response, Refusal> {
    let found = difference(&web, &two).await?;
    let zone = web.service.versions.live().timezone.clone();
    let count = found.files.len();
    let mut room = LINES;
    let main = html! {
        h1 { "What differs between two versions" }
        (choice(&versions(&web).await?, Some((&found.from, &found.to)), None, &zone))
        p { code { (found.from) } " → " code { (found.to) } ": " @if count == 0 { "nothing differs in the files that they mean." } @else { (count) @if count == 1 { " file differs." } @else { " files differ." } } }
        @for one in &found.files { (file(one, &mut room)) }
        @if room == 0 { p.note { "There is more than fits a page; " a href={ "/v1/config/diff?from=" (found.from) "&to=" (found.to) } { "all of it as JSON" } "." } }
        p { a href="/config" { "Back to the config" } }
    };
    Ok(page::page(&person, "What differs", "/config", &main))
}

fn file(one: &FileDiff, room: &mut usize) -> Markup {
    let mut first = |place: &'_ [LineDiff]| {
        let count = place.len().min(*room);
        *room -= count;
        count
    };
    let shown: Vec<&[LineDiff]> = one.places.iter().map(|place| &place[..first(place)]).collect();
    html! {
        section aria-labelledby={ "file-" (one.file) } {
            h2 id={ "file-" (one.file) } {
                code { (plain(&one.file)) } " " span.soft {
                    @match one.state.as_str() { "new" => "new, ", "gone" => "gone, ", _ => "" }
                    (number(one.added as u64)) " came, " (number(one.removed as u64)) " went"
                }
            }
            @for place in shown.iter().filter(|place| !place.is_empty()) { pre.diff tabindex="0" { @for line in *place { (of_line(line)) } } }
        }
    }
}

fn of_line(line: &LineDiff) -> Markup {
    let number = |number: Option<u32>| number.map_or_else(|| "    ".to_owned(), |number| format!("{number:>4}"));
    let numbers = format!("{} {} ", number(line.old), number(line.new));
    let text = plain(&line.text);
    match (line.old, line.new) {
        (Some(_), None) => html! { del { (numbers) "- " (text) "\n" } },
        (None, _) => html! { ins { (numbers) "+ " (text) "\n" } },
        _ => html! { span { (numbers) "  " (text) "\n" } },
    }
}

async fn worked_out(web: &Web, two: &Two) -> Result<(Effect, Date), Refusal> {
    let (from, to) = two.names(web)?;
    let zone = web.service.versions.live().timezone.clone();
    let today = Timestamp::now().to_zoned(zone.clone()).date();
    let day = match two.day.trim() {
        "" | "yesterday" => today.yesterday().unwrap_or(today),
        "today" => today,
        day => day.parse().map_err(|_| Refusal::wrong("`day` is `yesterday`, `today`, or a day such as 2026-11-27".to_owned()))?,
    };
    let moment =
        |day: Date| day.to_zoned(zone.clone()).map(|at| at.timestamp()).map_err(|_| Refusal::wrong(format!("there is no day {day}")));
    let time = (moment(day)?, moment(day.tomorrow().unwrap_or(day))?);
    // One after the other: it takes a core, and the calls need it as well.
    let _turn = web.comparing.acquire().await.map_err(|_| Refusal::wrong("the service is ending".to_owned()))?;
    Ok((effect(&web.service, (&from, &to), time, CALLS).await?, day))
}

/// `GET /config/effect`.
pub(super) async fn effect_page(State(web): State<Web>, person: Person, Query(two): Query<Two>) -> Result<Response, Refusal> {
    let (Effect { document, calls }, day) = worked_out(&web, &two).await?;
    let zone = web.service.versions.live().timezone.clone();
    let (from, to) = (&document.old.config, &document.new.config);
    let compared = document.calls.compared + document.calls.not_recorded + document.calls.not_taken;
    let main = html! {
        h1 { "What it would have done to the calls of " (day.to_string()) }
        (choice(&versions(&web).await?, Some((from, to)), Some(day), &zone))
        p.note role="status" { strong { (document.summary) } }
        p {
            "Calls received on " (day.to_string()) ", planned again from what was recorded with them, under " code { (from) } " and under " code { (to) } ". Nothing was read and nothing was written. "
            @if calls > compared && compared >= CALLS as u64 { "These are the newest " (number(compared)) " of " (number(calls)) " calls; " code { "aftercall diff" } " takes all of them." }
            @else if calls > compared { "The day had " (number(calls)) " calls; of " (number(calls - compared)) " nothing is recorded any more, or they were never planned." }
            @else { "That is every call of the day: " (number(calls)) "." }
        }
        (causes(&document))
        @for remark in remarks(&document, "`aftercall diff --live`") { p.soft { (plain(&sentence(&remark))) "." } }
        p { a href={ "/config/diff?from=" (from) "&to=" (to) } { "What differs in the files" } " · " a href="/config" { "Back to the config" } }
    };
    Ok(page::page(&person, "Effect of a version", "/config", &main))
}

fn causes(document: &DiffDocument) -> Markup {
    let line = |cause: &CauseSaid| {
        let field = [&cause.example.write, &cause.example.object, &cause.example.field];
        let field: Vec<&str> = field.into_iter().flatten().map(String::as_str).collect();
        html! { tr {
            td.num data-is="Calls" { (number(cause.calls)) }
            th scope="row" { (cause.words) }
            td.line data-is="Because of" { code { (plain(&cause.line.file)) ":" (cause.line.line) } @if cause.line.revision == "old" { " (gone)" } div { code { (plain(&cause.line.text)) } } }
            td.long data-is="Such as" {
                a href=(call_address(&cause.call)) { (plain(&cause.call)) }
                @if cause.example.old.is_some() || cause.example.new.is_some() {
                    div { span.soft { (plain(&field.join(" "))) } " " del { (plain(&side(&cause.example.old))) } " → " ins { (plain(&side(&cause.example.new))) } }
                }
            }
        } }
    };
    html! {
        @if !document.causes.is_empty() {
            div.wide { table {
                caption { "By the line that causes it, the most calls first" }
                thead { tr { th.num scope="col" { "Calls" } th scope="col" { "What they do" } th scope="col" { "Because of" } th scope="col" { "Such as" } } }
                tbody { @for cause in document.causes.iter().take(CAUSES) { (line(cause)) } }
            } }
            @if document.causes.len() > CAUSES { p.soft { "And " (document.causes.len() - CAUSES) " more lines." } }
        }
    }
}

/// What is at work, and what was.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listing {
    /// The version of this shape.
    version: u32,
    /// The config version at work.
    at_work: String,
    /// The versions that were at work, the newest first; the one at work comes first.
    versions: Vec<Version>,
}

/// `GET /v1/config`.
pub(super) async fn json(State(web): State<Web>, _: Person) -> Result<Response, Refusal> {
    let versions = versions(&web).await.map_err(Refusal::for_program)?;
    Ok(Json(Listing { version: 1, at_work: web.service.versions.live().version.0.clone(), versions }).into_response())
}

/// `GET /v1/config/diff`.
pub(super) async fn diff_json(State(web): State<Web>, _: Person, Query(two): Query<Two>) -> Result<Response, Refusal> {
    Ok(Json(difference(&web, &two).await.map_err(Refusal::for_program)?).into_response())
}

/// `GET /v1/config/effect`: what `aftercall diff --format json` prints.
pub(super) async fn effect_json(State(web): State<Web>, _: Person, Query(two): Query<Two>) -> Result<Response, Refusal> {
    Ok(Json(worked_out(&web, &two).await.map_err(Refusal::for_program)?.0.document).into_response())
}
