//! `GET /events`: a word whenever something has happened to a call, so that an open page can look again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};

use super::Web;

/// How often it is looked. What a person does not notice, and what costs the journal nothing: one look at the end of an index.
const LOOK: Duration = Duration::from_secs(1);

/// The stream. It says that there is news, never what: whoever may see it asks for the page.
pub(super) async fn events(State(web): State<Web>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stream = stream::unfold((web, None), |(web, seen)| async move {
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
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
