//! A message as mail: plain text, marked as written by a program, with an id that is the same at each attempt.

use std::error::Error as _;
use std::time::Duration;

use aftercall_config::upkeep::MailServer;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{Message, NotTold};
use crate::connect::secret::Secret;

/// How long a step of the exchange may take. The standard allows minutes; for an alert that is too long.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends a mail to all of them.
///
/// Errors: why the server did not take it, or that nobody knows whether it did. Sending it again is what staff's mail asks for.
pub(super) async fn send(
    server: &MailServer,
    from: &str,
    to: &[String],
    credentials: Option<(Secret, Secret)>,
    message: &Message,
) -> Result<(), NotTold> {
    let mail = mail(from, to, message)?;
    let builder = match (server.local, server.tls) {
        (true, false) => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)),
        (_, true) => AsyncSmtpTransport::<Tokio1Executor>::relay(&server.host),
        (false, false) => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&server.host),
    };
    let mut builder = builder.map_err(|error| failed(&error))?.port(server.port).timeout(Some(TIMEOUT));
    if let Some((username, password)) = credentials {
        builder = builder.credentials(Credentials::new(username.reveal().to_owned(), password.reveal().to_owned()));
    }
    builder.build().send(mail).await.map(|_| ()).map_err(|error| failed(&error))
}

fn mail(from: &str, to: &[String], message: &Message) -> Result<lettre::Message, NotTold> {
    let address = |text: &str| text.parse().map_err(|_| NotTold::because(format!("`{text}` is no mail address")));
    let domain = from.rsplit('@').next().unwrap_or("localhost");
    let mut builder = lettre::Message::builder()
        .from(address(from)?)
        .subject(&message.subject)
        .message_id(Some(format!("<{}@{domain}>", message.id)))
        .date(std::time::SystemTime::from(message.at))
        .header(ContentType::TEXT_PLAIN);
    for one in to {
        builder = builder.to(address(one)?);
    }
    let mut mail = builder.body(format!("{}\n", message.text)).map_err(|error| NotTold::because(error.to_string()))?;
    // So that nobody's absence assistant answers it.
    mail.headers_mut().insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()));
    Ok(mail)
}

/// The server's own words are about us and not about a caller.
fn failed(error: &lettre::transport::smtp::Error) -> NotTold {
    let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    NotTold::because(format!("{error}{cause}"))
}
