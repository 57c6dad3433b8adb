//! A browser without windows: it keeps a cookie, follows nothing, and fills in forms as they stand on a page.

use super::http::{Answer, get_with, post};

/// Somebody at a browser.
#[derive(Clone)]
pub(crate) struct Browser {
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    /// What the service gave it, as `name=value`.
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), cookie: None }
    }

    fn headers(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let cookie = self.cookie.iter().map(|cookie| ("cookie".to_owned(), cookie.clone()));
        cookie.chain(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        get_with(&format!("{}{path}", self.address), &self.headers(&[]))
    }

    /// Sends a form, as a page of the service's own would.
    #[track_caller]
    pub(crate) fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.address.clone();
        self.send_from(path, fields, &[("origin", &origin), ("sec-fetch-site", "same-origin")])
    }

    /// Sends a form with these headers, and keeps the cookie that comes back.
    #[track_caller]
    pub(crate) fn send_from(&mut self, path: &str, fields: &[(&str, &str)], from: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let mut headers = self.headers(from);
        headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        let answer = post(&format!("{}{path}", self.address), &headers, body.join("&").as_bytes());
        if let Some(cookie) = answer.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        answer
    }

    /// Signs in, and expects to be led to the calls.
    #[track_caller]
    pub(crate) fn signed_in(address: &str, name: &str, password: &str) -> Self {
        let mut browser = Self::at(address);
        let answer = browser.send("/sign-in", &[("name", name), ("password", password), ("next", "/calls")]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/calls")), "{}", answer.body);
        browser
    }

    /// What every form of this person carries, from a page that they see.
    #[track_caller]
    pub(crate) fn proof(&self) -> String {
        let page = self.get("/calls").body;
        let (_, rest) = page.split_once("name=\"proof\" value=\"").unwrap_or_else(|| panic!("no form on the page:\n{page}"));
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

/// Percent-encoded.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
