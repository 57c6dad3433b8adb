//! The account's limits: requests in ten seconds, searches in a second, and the headers that tell.
//!
//! Source: HubSpot's usage guidelines: 190 requests in ten seconds for a private app of a professional
//! account, 110 for an OAuth app, five searches a second for the account. Refused requests count too.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{problem::Problem, token::App};
use crate::vendor::Response;

const DAILY: u64 = 650_000;

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    TenSecondly,
    Secondly,
}

/// Counts requests; refuses only when `enforce` is set.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) enforce: bool,
    /// Requests in ten seconds; `None` for what the kind of app has.
    pub(super) burst: Option<usize>,
    pub(super) searches_a_second: usize,
    recent: VecDeque<Timestamp>,
    searches: VecDeque<Timestamp>,
    today: u64,
}

impl Limits {
    pub(super) fn new() -> Self {
        Self { enforce: false, burst: None, searches_a_second: 5, recent: VecDeque::new(), searches: VecDeque::new(), today: 0 }
    }

    fn most(&self, app: App) -> usize {
        self.burst.unwrap_or(match app {
            App::Private => 190,
            App::OAuth => 110,
        })
    }

    /// Counts a request, and says which limit it is over.
    pub(super) fn count(&mut self, app: App, search: bool, now: Timestamp) -> Option<Policy> {
        slide(&mut self.recent, now, 10);
        slide(&mut self.searches, now, 1);
        self.today += 1;
        self.recent.push_back(now);
        if search {
            self.searches.push_back(now);
        }
        if !self.enforce {
            None
        } else if search && self.searches.len() > self.searches_a_second {
            Some(Policy::Secondly)
        } else if self.recent.len() > self.most(app) {
            Some(Policy::TenSecondly)
        } else {
            None
        }
    }

    /// The headers that every answer but that of a search carries.
    pub(super) fn headers(&self, app: App) -> Vec<(String, String)> {
        let most = self.most(app);
        let mut headers = vec![
            ("X-HubSpot-RateLimit-Max".to_owned(), most.to_string()),
            ("X-HubSpot-RateLimit-Remaining".to_owned(), most.saturating_sub(self.recent.len()).to_string()),
            ("X-HubSpot-RateLimit-Interval-Milliseconds".to_owned(), "10000".to_owned()),
        ];
        if app == App::Private {
            headers.push(("X-HubSpot-RateLimit-Daily".to_owned(), DAILY.to_string()));
            headers.push(("X-HubSpot-RateLimit-Daily-Remaining".to_owned(), DAILY.saturating_sub(self.today).to_string()));
        }
        headers
    }
}

fn slide(times: &mut VecDeque<Timestamp>, now: Timestamp, seconds: i64) {
    let window = SignedDuration::from_secs(seconds);
    while times.front().is_some_and(|first| now.duration_since(*first) >= window) {
        times.pop_front();
    }
}

/// The 429 of a policy.
pub(super) fn refused(policy: Policy, correlation: &str) -> Response {
    let (word, name) = match policy {
        Policy::TenSecondly => ("ten_secondly_rolling", "TEN_SECONDLY_ROLLING"),
        Policy::Secondly => ("secondly", "SECONDLY"),
    };
    let mut response = Problem::new(429, Some("RATE_LIMITS"), format!("You have reached your {word} limit.")).answer(correlation);
    if let Ok(mut body) = serde_json::from_slice::<serde_json::Value>(&response.body) {
        body["errorType"] = json!("RATE_LIMIT");
        body["policyName"] = json!(name);
        response.body = body.to_string().into_bytes();
    }
    response
}
