//! OAuth 2 with a signed assertion, RFC 7523: a service account's key file, RS256.
//!
//! Not for keeping the key: the file is read for each token, once an hour.

use aftercall_config::decl::GrantDecl;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;

use super::super::failure::Failure;
use super::{Auth, Grant, oauth, revoked};

/// How long an assertion is good, in seconds: the most that is allowed.
const GOOD_FOR_S: i64 = 3600;

/// Our clock may be ahead of theirs by so many seconds.
const SKEW_S: i64 = 10;

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

pub(super) async fn grant(auth: &Auth, decl: &GrantDecl) -> Result<Grant, Failure> {
    let file = auth.credential("service_account")?;
    // serde's own words could repeat a piece of the key.
    let key: KeyFile = serde_json::from_str(file.reveal())
        .map_err(|_| revoked("`service_account` is no key file: JSON with `client_email` and `private_key`"))?;
    let subject = match auth.connection.credentials.contains_key("subject") {
        true => Some(auth.credential("subject")?),
        false => None,
    };
    let url =
        auth.token_url(decl)?.or_else(|| key.token_uri.clone()).ok_or_else(|| revoked("the connector's `auth` has no `token_url`"))?;
    let assertion = sign(&key, &url, decl.scope.as_deref(), subject.as_ref().map(super::Secret::reveal), Timestamp::now())?;
    let decl = GrantDecl { token_url: Some(url), ..decl.clone() };
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.as_str())];
    let answer = oauth::ask(auth, &decl, &form).await?;
    oauth::grant(auth, &decl, &answer)
}

fn sign(key: &KeyFile, audience: &str, scope: Option<&str>, subject: Option<&str>, now: Timestamp) -> Result<String, Failure> {
    let bad = || revoked("`private_key` of the service account is no RSA key in PKCS #8");
    let pem: String = key.private_key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(pem).map_err(|_| bad())?;
    let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| bad())?;
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = &key.private_key_id {
        header["kid"] = json!(id);
    }
    let issued = now.as_second() - SKEW_S;
    let mut claims = json!({"iss": key.client_email, "aud": audience, "iat": issued, "exp": issued + GOOD_FOR_S});
    if let Some(scope) = scope {
        claims["scope"] = json!(scope);
    }
    if let Some(subject) = subject {
        claims["sub"] = json!(subject);
    }
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(|_| bad())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    const PEM: &str = include_str!("../tests/robot.pem");

    fn key(pem: &str) -> KeyFile {
        KeyFile {
            client_email: "robot@x.example".to_owned(),
            private_key: pem.to_owned(),
            private_key_id: Some("k1".to_owned()),
            token_uri: None,
        }
    }

    #[test]
    fn an_assertion_says_what_it_must_and_is_signed() {
        let now: Timestamp = "2026-11-24T12:00:10Z".parse().expect("a time");
        let jwt = sign(&key(PEM), "https://x.example/token", Some("read"), Some("ann@x.example"), now).expect("signed");
        let (signed, signature) = jwt.rsplit_once('.').expect("three parts");
        let parts: Vec<Value> =
            signed.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")).collect();
        assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        let expected = json!({
            "iss": "robot@x.example", "aud": "https://x.example/token", "scope": "read", "sub": "ann@x.example",
            "iat": 1_795_521_600, "exp": 1_795_525_200,
        });
        assert_eq!(parts[1], expected);
        let der = STANDARD.decode(PEM.lines().filter(|l| !l.starts_with("--")).collect::<String>()).expect("base64");
        let pair = RsaKeyPair::from_pkcs8(&der).expect("a key");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).expect("base64")).expect("a good signature");
    }

    #[test]
    fn no_key_is_said_without_repeating_it() {
        for pem in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "SECRET"] {
            let failure = sign(&key(pem), "x", None, None, Timestamp::UNIX_EPOCH).expect_err("no key");
            assert_eq!(failure.message, "`private_key` of the service account is no RSA key in PKCS #8");
        }
    }
}
