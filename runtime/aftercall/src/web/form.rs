//! The one way in which a page lets somebody change something.

use maud::{Markup, html};

use super::Person;
use super::access::FIELD;

/// A form that sends to `action`. Whatever proves that a page of ours was used by this person is put in here, and nowhere else.
pub(super) fn form(person: &Person, action: &str, body: &Markup) -> Markup {
    html! { form method="post" action=(action) { input type="hidden" name=(FIELD) value=(person.proof.text()); (body) } }
}
