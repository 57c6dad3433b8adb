//! `GET /events`: a word whenever something has happened to a call, so that an open page can look again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse as _, Response, Sse};
use futures_util::stream::{self, Stream};

use super::Web;

/// How often it is looked. What a person does not notice, and what costs the journal nothing: one look at the end of an index.
const LOOK: Duration = Duration::from_secs(1);

/// Pages that listen at once. Connections are bounded, and the calls that come in on them come first; one page more is as it was loaded.
pub(super) const MOST: usize = 256;

/// The stream. It says that there is news, never what: whoever may see it asks for the page.
///
/// Errors: so many listen already.
pub(super) async fn events(State(web): State<Web>) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Response> {
    let Ok(place) = web.listening.clone().try_acquire_owned() else {
        let later = [(header::RETRY_AFTER, "30")];
        return Err((StatusCode::SERVICE_UNAVAILABLE, later, "too many pages listen at once; load the page again to see what is new\n")
            .into_response());
    };
    let stream = stream::unfold((web, None), move |(web, seen)| {
        let _place = &place;
        async move {
            let mut seen = seen;
            loop {
                // What the journal cannot say just now, it says at the next look.
                if let Ok(last) = web.service.journal.last_event().await {
                    match seen.replace(last) {
                        // The first word tells the page that it is connected.
                        None => return Some((Ok(Event::default().event("open").data("")), (web, seen))),
                        Some(before) if before != last => {
                            return Some((Ok(Event::default().event("change").data(last.to_string())), (web, seen)));
                        }
                        Some(_) => {}
                    }
                }
                tokio::select! {
                    () = web.stop.cancelled() => return None,
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}
