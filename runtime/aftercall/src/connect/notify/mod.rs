//! Telling somebody: a message to a webhook, a mailbox or a chat, once. Nothing of a caller is ever in one.
//!
//! Not for when and how often: that is `signals`, by what the journal holds.

mod mail;
mod webhook;

use std::path::Path;
use std::time::Duration;

use aftercall_config::upkeep::Notifier;
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::http::{Prepared, Transport};
use super::secret::resolve;

/// How long whoever is told may take to answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What somebody is told.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same at each attempt: by it the receiver knows a repetition.
    pub id: String,
    /// What it is, such as `alert.begun`.
    pub kind: String,
    /// One line.
    pub subject: String,
    /// The same for people, in some lines.
    pub text: String,
    /// The same for programs.
    pub data: Value,
    /// When it was made.
    pub at: Timestamp,
}

/// Nobody was told.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotTold {
    /// Why, in a sentence without a secret.
    pub why: String,
    /// They do not want to be told again.
    pub for_good: bool,
    /// How long they ask to wait.
    pub after: Option<Duration>,
}

impl NotTold {
    fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: false, after: None }
    }
}

/// Tells somebody. Secrets in files are read below `root`.
///
/// Errors: [`NotTold`]; they may have heard it all the same, and know the message by its id.
pub async fn tell(transport: &dyn Transport, root: &Path, notifier: &Notifier, message: &Message) -> Result<(), NotTold> {
    let secret = |reference| resolve(reference, root).map_err(|error| NotTold::because(error.to_string()));
    let request = match notifier {
        Notifier::Email { server, from, to, credentials } => {
            let credentials = match credentials {
                Some((username, password)) => Some((secret(username)?, secret(password)?)),
                None => None,
            };
            return mail::send(server, from, to, credentials, message).await;
        }
        Notifier::Chat { url } => {
            let url = secret(url)?.reveal().to_owned();
            let body = json!({"text": format!("{}\n{}", message.subject, message.text)});
            post(url, HeaderMap::new(), body.to_string())
        }
        Notifier::Webhook { url, secret: reference } => {
            let body = json!({"type": message.kind, "timestamp": message.at, "data": message.data}).to_string();
            let key = reference.as_ref().map(secret).transpose()?;
            let headers = webhook::headers(&message.id, Timestamp::now(), body.as_bytes(), key.as_ref())?;
            post(url.clone(), headers, body)
        }
    };
    let answer = transport.send(request).await.map_err(|error| NotTold::because(error.to_string()))?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let after = answer.headers.get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    Err(NotTold { why: format!("answered {}", answer.status), for_good: answer.status == 410, after })
}

fn post(url: String, mut headers: HeaderMap, body: String) -> Prepared {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Prepared { method: Method::POST, url, headers, body: Some(Bytes::from(body)), timeout: TIMEOUT }
}

/// Hands spans to a collector. Errors: why it did not take them.
pub async fn post_traces(
    transport: &dyn Transport,
    root: &Path,
    to: &aftercall_config::upkeep::Telemetry,
    body: String,
) -> Result<(), NotTold> {
    let Some(url) = &to.otlp else { return Ok(()) };
    let mut headers = HeaderMap::new();
    for (name, reference) in &to.otlp_headers {
        let name =
            reqwest::header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| NotTold::because(format!("`{name}` is no header")))?;
        let value = resolve(reference, root).map_err(|error| NotTold::because(error.to_string()))?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| NotTold::because("a secret cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let answer =
        transport.send(post(format!("{url}/v1/traces"), headers, body)).await.map_err(|error| NotTold::because(error.to_string()))?;
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(NotTold::because(format!("answered {}", answer.status))) }
}
