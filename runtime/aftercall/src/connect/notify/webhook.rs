//! The headers of a Standard Webhook: `HMAC-SHA256(id.timestamp.body)` under the bytes behind `whsec_`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use sha2::Sha256;

use super::NotTold;
use crate::connect::secret::Secret;

/// The headers of one attempt. Errors: a secret that is none.
pub(super) fn headers(id: &str, now: Timestamp, body: &[u8], secret: Option<&Secret>) -> Result<HeaderMap, NotTold> {
    let seconds = now.as_second().to_string();
    let mut named = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", seconds.clone())];
    if let Some(secret) = secret {
        let key = secret.reveal().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok()).filter(|key| key.len() >= 16);
        let key = key.ok_or_else(|| {
            NotTold::because(
                "the webhook's secret is no `whsec_` and the base64 of 24 to 64 bytes; `openssl rand -base64 32` makes the second part",
            )
        })?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| NotTold::because(error.to_string()))?;
        for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
            mac.update(part);
        }
        named.push(("webhook-signature", format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in named {
        headers.insert(name, HeaderValue::from_str(&value).map_err(|_| NotTold::because("the message's id cannot stand in a header"))?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector was made with Python's own HMAC, by the words of the specification.
    #[test]
    fn signed_as_the_specification_says() {
        let secret = Secret::new("whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=");
        let body = br#"{"type":"alert.begun","timestamp":"2026-11-28T10:00:00Z","data":{"alert":"dead"}}"#;
        let now = Timestamp::from_second(1_795_194_393).expect("a time");
        let headers = headers("msg_1", now, body, Some(&secret)).expect("a good secret");
        assert_eq!(headers["webhook-signature"], "v1,E6optFvs3opl3DCbsB0f2uBwSjZ+XAWA+hpf+0XJzIE=");
        assert!(headers["webhook-id"] == "msg_1" && headers["webhook-timestamp"] == "1795194393");
    }

    #[test]
    fn a_secret_of_another_kind_is_said() {
        let error = headers("msg_1", Timestamp::UNIX_EPOCH, b"", Some(&Secret::new("hunter2"))).expect_err("no key");
        assert!(error.why.contains("whsec_") && !error.why.contains("hunter2"));
    }
}
