//! Payloads signed as their platforms sign them, written from the platforms' documentation and not from our sources.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// What the stories' payloads of a source are signed with.
pub(crate) fn secret(source: &str) -> String {
    format!("whsec-of-{source}-for-stories")
}

/// The headers of a genuine payload that was sent just now.
pub(crate) fn signed(source: &str, body: &[u8]) -> Vec<(String, String)> {
    signed_at(source, &secret(source), body, SignedDuration::ZERO)
}

/// The same under another secret, or sent at another time.
pub(crate) fn signed_at(source: &str, secret: &str, body: &[u8], ago: SignedDuration) -> Vec<(String, String)> {
    let sent = Timestamp::now() - ago;
    let (seconds, millis) = (sent.as_second(), sent.as_millisecond());
    let header = |name: &str, value: String| (name.to_owned(), value);
    match source {
        "vapi" => {
            vec![header("x-signature", mac(secret, &[format!("{seconds}.").as_bytes(), body])), header("x-timestamp", seconds.to_string())]
        }
        "retell" => {
            let digest = mac(secret, &[body, millis.to_string().as_bytes()]);
            vec![header("x-retell-signature", format!("v={millis},d={digest}"))]
        }
        "elevenlabs" => {
            let digest = mac(secret, &[format!("{seconds}.").as_bytes(), body]);
            vec![header("elevenlabs-signature", format!("t={seconds},v0={digest}"))]
        }
        "bland" => vec![header("x-webhook-signature", mac(secret, &[body]))],
        "json" => vec![header("authorization", format!("Bearer {secret}"))],
        other => panic!("nobody knows how {other} signs"),
    }
}

fn mac(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
