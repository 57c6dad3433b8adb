//! What a system's refusal, or its silence, means for whoever asked.
//!
//! Not for deciding what to do about it: that is `work`, by the class and by whether the effect is certain.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use aftercall_config::decl::ErrorClass;

/// Something did not work out; its [`Details`] are read as fields: `failure.class`.
///
/// `Display` and `Debug` give the class, the status and the code, and never the text: systems like to repeat what a
/// caller said. The text is in `message`, for the journal and for people.
#[derive(Clone, PartialEq)]
pub struct Failure(Box<Details>);

/// What is known about a failure.
#[derive(Clone, PartialEq)]
pub struct Details {
    /// What it means.
    pub class: ErrorClass,
    /// Nothing was written, for certain. Always true for reads.
    pub certain: bool,
    /// The status of the answer; absent where there was none.
    pub status: Option<u16>,
    /// The system's code for it.
    pub code: Option<String>,
    /// What the system, or we, say about it: a sentence of at most 500 characters.
    pub message: String,
    /// Fields at fault, by the system's names.
    pub fields: Vec<String>,
    /// With `duplicate`: the record that is there already.
    pub existing_id: Option<String>,
    /// How long the system asks to wait, or its manifest where it does not say.
    pub retry_after: Option<Duration>,
    /// The name under which the system's support finds the request.
    pub correlation: Option<String>,
    /// Only another write of the same batch failed; this one may be sent again as it is.
    pub innocent: bool,
    /// The system is left alone for now, so nothing was sent; whoever waits for it is woken when it is back.
    pub away: bool,
}

impl Failure {
    /// A failure of ours: nothing was sent, so nothing was written.
    pub fn unsent(class: ErrorClass, message: impl Into<String>) -> Self {
        Self::new(Details {
            class,
            certain: true,
            status: None,
            code: None,
            message: message.into(),
            fields: Vec::new(),
            existing_id: None,
            retry_after: None,
            correlation: None,
            innocent: false,
            away: false,
        })
    }

    /// A failure of these details.
    pub fn new(details: Details) -> Self {
        Self(Box::new(details))
    }

    /// The same with something put right.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Details)) -> Self {
        change(&mut self.0);
        self
    }

    /// The request went out, and what became of it is unknown.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::unsent(ErrorClass::Timeout, message).with(|f| f.certain = false)
    }

    /// Nothing was sent, because the system is left alone.
    pub fn away(class: ErrorClass, message: impl Into<String>) -> Self {
        Self::unsent(class, message).with(|f| f.away = true)
    }

    /// Whether it is about the system or our way in, and not about what was asked.
    pub fn of_the_system(&self) -> bool {
        use ErrorClass as E;
        matches!(self.class, E::Unreachable | E::Timeout | E::Transient | E::AuthRevoked | E::AuthExpired)
    }

    /// It did not happen because another write of the batch failed.
    pub fn innocent(message: impl Into<String>) -> Self {
        Self::unsent(ErrorClass::Busy, message).with(|f| f.innocent = true)
    }

    /// The request does not fit the system or its manifest; trying again changes nothing.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::unsent(ErrorClass::Invalid, message)
    }

    /// Whether a refusal of many in one request may be the fault of one of them: nothing was done, and the data is at fault.
    pub(super) fn of_the_data(&self) -> bool {
        self.certain && matches!(self.class, ErrorClass::Invalid | ErrorClass::Duplicate | ErrorClass::NotFound | ErrorClass::Conflict)
    }

    /// The same, as a read sees it: nothing was written in any case.
    pub(super) fn of_read(self) -> Self {
        self.with(|f| f.certain = true)
    }
}

impl Deref for Failure {
    type Target = Details;
    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.as_str())?;
        match (self.status, &self.code) {
            (Some(status), Some(code)) => write!(f, " ({status} {code})"),
            (Some(status), None) => write!(f, " ({status})"),
            (None, Some(code)) => write!(f, " ({code})"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("class", &self.class)
            .field("certain", &self.certain)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("message", &"***")
            .field("fields", &self.fields)
            .field("existing_id", &self.existing_id)
            .field("retry_after", &self.retry_after)
            .field("correlation", &self.correlation)
            .field("innocent", &self.innocent)
            .field("away", &self.away)
            .finish()
    }
}

/// Cuts text at a character boundary.
pub(super) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
