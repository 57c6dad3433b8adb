//! Tokens: the token endpoint, what it refuses, and who a request comes from.
//!
//! Not for sessions of people: the one user of this org is the integration user. Signatures of JWT bearer
//! assertions and PKCE verifiers are not checked.

use std::collections::{HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    text,
    vendor::{Request, Response},
};

/// The org's id, as it stands in tokens and identity URLs.
pub(crate) const ORG_ID: &str = "00DSb0000000001MAA";

const CLIENT_ID: &str = "sandbox-client";
const CLIENT_SECRET: &str = "sandbox-secret";
const REFRESH_TOKEN: &str = "sandbox-refresh";

pub(crate) struct Oauth {
    serial: u64,
    access: HashSet<String>,
    refresh: HashSet<String>,
    /// Codes of the web server flow, with the address they are for.
    codes: HashMap<String, String>,
    /// Every refresh gives a new refresh token and kills the old one.
    pub(crate) rotates: bool,
}

/// A refusal in the shape of OAuth.
struct Refused(u16, &'static str, &'static str);

impl Oauth {
    pub(crate) fn new() -> Self {
        Self {
            serial: 0,
            access: HashSet::new(),
            refresh: HashSet::from([REFRESH_TOKEN.to_owned()]),
            codes: HashMap::new(),
            rotates: false,
        }
    }

    pub(crate) fn expire(&mut self) {
        self.access.clear();
    }

    pub(crate) fn revoke(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    pub(crate) fn restore(&mut self) {
        if self.refresh.is_empty() {
            self.refresh.insert(REFRESH_TOKEN.to_owned());
        }
    }

    /// Whether a request bears a token that is alive.
    pub(crate) fn admits(&self, request: &Request) -> bool {
        let header = header(request, "authorization").unwrap_or_default();
        let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("OAuth "));
        token.is_some_and(|token| self.access.contains(token.trim()))
    }

    /// `POST /services/oauth2/token`.
    pub(crate) fn token(&mut self, request: &Request, user: &str, now_ms: i64) -> Response {
        let form = text::form(&String::from_utf8_lossy(&request.body));
        // The vendor takes parameters from the query too.
        let get = |name: &str| {
            let found = form.iter().chain(&request.query).find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        match self.grant(request, &get) {
            Ok(refresh) => {
                let token = self.make(&format!("{}!AQ", &ORG_ID[..15]));
                self.access.insert(token.clone());
                let mut body = json!({
                    "access_token": token,
                    "signature": STANDARD.encode(format!("signature-{now_ms:032}")),
                    "scope": "refresh_token api",
                    "instance_url": request.origin,
                    "id": format!("{}/id/{ORG_ID}/{user}", request.origin),
                    "token_type": "Bearer",
                    "issued_at": now_ms.to_string(),
                });
                if let Some(refresh) = refresh {
                    body["refresh_token"] = Value::from(refresh);
                }
                json_response(200, &body)
            }
            Err(Refused(status, error, description)) => json_response(status, &json!({ "error": error, "error_description": description })),
        }
    }

    /// Whether the grant is good; a refresh token where the answer has one.
    fn grant<'a>(&mut self, request: &Request, get: &impl Fn(&str) -> Option<&'a str>) -> Result<Option<String>, Refused> {
        let grant = get("grant_type").ok_or(Refused(400, "unsupported_grant_type", "grant type not supported"))?;
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return assertion(get("assertion").unwrap_or_default()).map(|()| None);
        }
        let basic = header(request, "authorization")
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|value| String::from_utf8(STANDARD.decode(value).ok()?).ok());
        let basic = basic.as_deref().and_then(|pair| pair.split_once(':'));
        let id = get("client_id").or(basic.map(|pair| pair.0));
        let secret = get("client_secret").or(basic.map(|pair| pair.1));
        if id != Some(CLIENT_ID) {
            return Err(Refused(400, "invalid_client_id", "client identifier invalid"));
        }
        // A public client with PKCE has no secret.
        let public = grant == "authorization_code" && get("code_verifier").is_some() && secret.is_none();
        if secret != Some(CLIENT_SECRET) && !public {
            return Err(Refused(400, "invalid_client", "invalid client credentials"));
        }
        match grant {
            "client_credentials" => Ok(None),
            "refresh_token" => {
                let token = get("refresh_token").unwrap_or_default();
                if !self.refresh.contains(token) {
                    return Err(Refused(400, "invalid_grant", "expired access/refresh token"));
                }
                if !self.rotates {
                    return Ok(None);
                }
                self.refresh.remove(token);
                Ok(Some(self.new_refresh()))
            }
            "authorization_code" => match self.codes.remove(get("code").unwrap_or_default()) {
                None => Err(Refused(400, "invalid_grant", "invalid authorization code")),
                Some(address) if get("redirect_uri") != Some(address.as_str()) => {
                    Err(Refused(400, "redirect_uri_mismatch", "redirect_uri must match configuration"))
                }
                Some(_) => Ok(Some(self.new_refresh())),
            },
            _ => Err(Refused(400, "unsupported_grant_type", "grant type not supported")),
        }
    }

    /// `GET /services/oauth2/authorize`: says yes at once, as the user would.
    pub(crate) fn authorize(&mut self, request: &Request) -> Response {
        let get = |name: &str| request.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let (Some(CLIENT_ID), Some(address)) = (get("client_id"), get("redirect_uri")) else {
            let error = json!({ "error": "invalid_client_id", "error_description": "client identifier invalid" });
            return json_response(400, &error);
        };
        let code = self.make("aPrx");
        let state = get("state").map(|state| format!("&state={}", encode(state))).unwrap_or_default();
        let joint = if address.contains('?') { '&' } else { '?' };
        let location = format!("{address}{joint}code={code}{state}");
        self.codes.insert(code, address.to_owned());
        Response { status: 302, headers: vec![("location".to_owned(), location)], ..Response::default() }
    }

    /// `POST /services/oauth2/revoke`: kills an access token, or a refresh token and with it all access.
    pub(crate) fn revoke_one(&mut self, request: &Request) -> Response {
        let form = text::form(&String::from_utf8_lossy(&request.body));
        let token = form.iter().chain(&request.query).find(|(key, _)| key == "token").map(|(_, value)| value.clone());
        let token = token.unwrap_or_default();
        if self.refresh.remove(&token) {
            self.access.clear();
        } else if !self.access.remove(&token) {
            let error = json!({ "error": "unsupported_token_type", "error_description": "this token type is not supported" });
            return json_response(400, &error);
        }
        Response { status: 200, ..Response::default() }
    }

    fn new_refresh(&mut self) -> String {
        let token = self.make("5Aep861");
        self.refresh.insert(token.clone());
        token
    }

    /// Opaque on purpose, and the same in every run.
    fn make(&mut self, prefix: &str) -> String {
        self.serial += 1;
        let mixed = self.serial.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("{prefix}{}.{}", URL_SAFE_NO_PAD.encode(mixed.to_le_bytes()), self.serial)
    }
}

/// A JWT bearer assertion: the claims are read, the signature is not.
fn assertion(jwt: &str) -> Result<(), Refused> {
    let claims = jwt.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default();
    if claims["iss"] != CLIENT_ID {
        return Err(Refused(400, "invalid_client_id", "client identifier invalid"));
    }
    let user = claims["sub"].as_str().unwrap_or_default();
    if !super::objects::USERS.iter().any(|known| known.3 == user) {
        return Err(Refused(400, "invalid_grant", "user hasn't approved this consumer"));
    }
    Ok(())
}

/// A header by its lower-case name.
pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(crate) fn json_response(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), content_type: "application/json;charset=UTF-8".to_owned(), body: body.to_string().into_bytes() }
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
