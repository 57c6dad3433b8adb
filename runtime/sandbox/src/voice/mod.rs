//! Stand-ins for voice platforms: their lists of calls, to be read with a key.
//!
//! A file per platform has its addresses, filters, paging and errors, from its public reference. Not there: making calls, and webhooks; a
//! test that wants one sends it itself.
//!
//! Each takes the key `sandbox-key`. Records are `{"calls": [...]}`, each whole, as the platform answers for it alone. The setting
//! `page_size` is the most that a page has, whatever is asked for.

mod elevenlabs;
mod retell;
mod vapi;

pub use elevenlabs::ElevenLabs;
pub use retell::Retell;
pub use vapi::Vapi;

use std::marker::PhantomData;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::vendor::{Refusal, Request, Response, Vendor};

const KEY: &str = "sandbox-key";

/// What one platform has of its own.
pub trait Platform: Send {
    /// Its name on the command line.
    const NAME: &'static str;
    /// Where a call has its id.
    const ID: &'static str;
    /// When a call began, in milliseconds since 1970.
    fn started(call: &Value) -> Option<i64>;
    /// The key that came with a request.
    fn key(request: &Request) -> Option<&str>;
    /// The answer to a request without a good key.
    fn denied() -> Response;
    /// The answer to a request with one. `calls` are in the order in which they began; `most` is the most that a page has.
    fn answer(calls: &[Value], most: usize, request: &Request) -> Response;
    /// How it words a refusal.
    fn refuse(refusal: Refusal) -> Response;
}

/// A voice platform with its calls.
#[derive(Debug)]
pub struct Voice<P> {
    calls: Vec<Value>,
    page_size: usize,
    revoked: bool,
    platform: PhantomData<P>,
}

impl<P> Default for Voice<P> {
    fn default() -> Self {
        Self { calls: Vec::new(), page_size: usize::MAX, revoked: false, platform: PhantomData }
    }
}

impl<P: Platform> Vendor for Voice<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn handle(&mut self, request: &Request, _: Timestamp) -> Response {
        if self.revoked || P::key(request) != Some(KEY) {
            return P::denied();
        }
        P::answer(&self.calls, self.page_size, request)
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        P::refuse(refusal)
    }

    fn records(&self) -> Value {
        json!({"calls": self.calls})
    }

    fn load(&mut self, records: &Value) -> Result<(), String> {
        let objects = records.as_object().ok_or("records must be an object of lists")?;
        if let Some(other) = objects.keys().find(|name| *name != "calls") {
            return Err(format!("{other} is not an object: there are calls"));
        }
        for call in objects.get("calls").and_then(Value::as_array).into_iter().flatten() {
            let id = call.get(P::ID).filter(|id| id.is_string()).ok_or_else(|| format!("calls: `{}` is missing", P::ID))?;
            P::started(call).ok_or_else(|| format!("calls: {id} does not say when it began"))?;
            self.calls.retain(|known| known.get(P::ID) != Some(id));
            self.calls.push(call.clone());
        }
        self.calls.sort_by_key(P::started);
        Ok(())
    }

    fn configure(&mut self, settings: &Value) -> Result<(), String> {
        for (name, value) in settings.as_object().ok_or("settings must be an object")? {
            match (name.as_str(), value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0)) {
                ("page_size", Some(size)) => self.page_size = size,
                ("page_size", None) => return Err("page_size must be a whole number above 0".to_owned()),
                (other, _) => return Err(format!("{} has no setting {other}", P::NAME)),
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    /// Keys do not expire.
    fn expire_tokens(&mut self) {}

    fn revoke_tokens(&mut self) {
        self.revoked = true;
    }

    fn restore_tokens(&mut self) {
        self.revoked = false;
    }
}

/// A call by its id.
fn find<'a>(calls: &'a [Value], key: &str, id: &str) -> Option<&'a Value> {
    calls.iter().find(|call| call.get(key).and_then(Value::as_str) == Some(id))
}

#[cfg(test)]
mod tests;
