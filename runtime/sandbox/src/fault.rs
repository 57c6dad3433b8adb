//! Faults on request: what may go wrong, and which request it hits.
//!
//! Not for doing it: `server` carries a fault out.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// The vendor's own wording of "too many requests".
    #[serde(rename = "429")]
    RateLimited,
    /// The vendor's own wording of an internal error.
    #[serde(rename = "500")]
    ServerError,
    /// The vendor's own wording of "down for maintenance".
    #[serde(rename = "503")]
    Unavailable,
    /// No answer for `delay_ms` (60,000 unless told), then the connection is closed. Not applied.
    #[serde(rename = "timeout")]
    Timeout,
    /// Applied, then the connection is closed without an answer.
    #[serde(rename = "commit_then_drop")]
    CommitThenDrop,
    /// The connection is closed without an answer; applied after `delay_ms` (3,000 unless told).
    #[serde(rename = "apply_late")]
    ApplyLate,
    /// All access tokens become invalid; refresh still works.
    #[serde(rename = "expire_token")]
    ExpireToken,
    /// Refresh tokens become invalid too, until `reset`.
    #[serde(rename = "revoke_token")]
    RevokeToken,
    /// Answers as ever, after `delay_ms` (1,000 unless told).
    #[serde(rename = "slow")]
    Slow,
    /// The connection is closed before the body is read. Not applied. Hits the token endpoint too.
    #[serde(rename = "down")]
    Down,
}

impl FaultKind {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "429",
            Self::ServerError => "500",
            Self::Unavailable => "503",
            Self::Timeout => "timeout",
            Self::CommitThenDrop => "commit_then_drop",
            Self::ApplyLate => "apply_late",
            Self::ExpireToken => "expire_token",
            Self::RevokeToken => "revoke_token",
            Self::Slow => "slow",
            Self::Down => "down",
        }
    }

    fn default_delay_ms(self) -> u64 {
        match self {
            Self::Timeout => 60_000,
            Self::ApplyLate => 3_000,
            _ => 1_000,
        }
    }
}

/// One fault to inject: what, for how long, and into which requests.
///
/// Without `next` and `for_ms` it stays until cleared; `expire_token` and `revoke_token` then act once, at
/// once. Faults never hit `/_sandbox`; they hit the token endpoint only when `path` names it (or `down`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many matching requests are hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// For how long matching requests are hit, from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// The share of matching requests that is hit, 0 to 1; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Makes `probability` repeatable; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Only requests whose path holds this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only requests with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How long `slow`, `timeout` and `apply_late` wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

impl FaultSpec {
    /// A fault of this kind that stays until cleared.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, next: None, for_ms: None, probability: None, seed: None, path: None, method: None, delay_ms: None }
    }

    /// A fault of this kind for the next `count` requests.
    pub fn next(kind: FaultKind, count: u32) -> Self {
        Self { next: Some(count), ..Self::new(kind) }
    }

    /// Limits the fault to requests whose path holds this text.
    pub fn on_path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Limits the fault to requests with this method.
    pub fn on_method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Sets how long `slow`, `timeout` and `apply_late` wait.
    pub fn delayed_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = Some(delay_ms);
        self
    }

    /// Whether this acts on the tokens at once instead of waiting for a request.
    pub(crate) fn acts_at_once(&self) -> bool {
        matches!(self.kind, FaultKind::ExpireToken | FaultKind::RevokeToken) && self.next.is_none() && self.for_ms.is_none()
    }
}

/// What hits one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) kind: FaultKind,
    pub(crate) delay_ms: u64,
}

struct Armed {
    spec: FaultSpec,
    until: Option<Timestamp>,
    random: u64,
}

/// The faults that wait for requests. The one that was added first wins.
#[derive(Default)]
pub(crate) struct Faults(Vec<Armed>);

impl Faults {
    pub(crate) fn add(&mut self, spec: FaultSpec, now: Timestamp) {
        let until = spec
            .for_ms
            .map(|ms| now.saturating_add(SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))))
            .map(|until| until.unwrap_or(Timestamp::MAX));
        let random = spec.seed.unwrap_or(1);
        self.0.push(Armed { spec, until, random });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that hits this request, if any; counts it down.
    pub(crate) fn hit(&mut self, method: &str, path: &str, now: Timestamp) -> Option<Hit> {
        if self.0.is_empty() {
            return None;
        }
        self.0.retain(|armed| armed.spec.next != Some(0) && armed.until.is_none_or(|until| now < until));
        let armed = self.0.iter_mut().find_map(|armed| armed.strikes(method, path).then_some(armed))?;
        if let Some(next) = &mut armed.spec.next {
            *next -= 1;
        }
        let kind = armed.spec.kind;
        Some(Hit { kind, delay_ms: armed.spec.delay_ms.unwrap_or(kind.default_delay_ms()) })
    }
}

impl Armed {
    fn strikes(&mut self, method: &str, path: &str) -> bool {
        let spec = &self.spec;
        if spec.method.as_deref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(method)) {
            return false;
        }
        let named = match &spec.path {
            Some(part) => path.contains(part.as_str()),
            // All vendors here end the path of their token endpoint so.
            None => spec.kind == FaultKind::Down || !path.ends_with("/token"),
        };
        named && spec.probability.is_none_or(|probability| draw(&mut self.random) < probability)
    }
}

/// SplitMix64, as a share of 1: enough for "one request in ten", and the same for every run.
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64")]
    let share = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: FaultSpec, requests: &[(&str, &str, bool)]) {
        let mut faults = Faults::default();
        faults.add(spec, Timestamp::UNIX_EPOCH);
        for (method, path, hit) in requests {
            assert_eq!(faults.hit(method, path, Timestamp::UNIX_EPOCH).is_some(), *hit, "{method} {path}");
        }
    }

    #[test]
    fn filters_and_counts() {
        check(
            FaultSpec::next(FaultKind::ServerError, 1).on_path("composite").on_method("post"),
            &[("POST", "/query", false), ("GET", "/composite", false), ("POST", "/composite", true), ("POST", "/composite", false)],
        );
    }

    #[test]
    fn the_token_endpoint_is_spared_unless_named() {
        check(FaultSpec::new(FaultKind::RateLimited), &[("POST", "/oauth2/token", false), ("GET", "/x", true)]);
        check(FaultSpec::new(FaultKind::RateLimited).on_path("token"), &[("POST", "/oauth2/token", true)]);
        check(FaultSpec::new(FaultKind::Down), &[("POST", "/oauth2/token", true)]);
    }

    #[test]
    fn probability_is_repeatable() {
        let run = || {
            let mut faults = Faults::default();
            let spec = FaultSpec { probability: Some(0.3), seed: Some(7), ..FaultSpec::new(FaultKind::ServerError) };
            faults.add(spec, Timestamp::UNIX_EPOCH);
            (0..1000).map(|_| faults.hit("GET", "/", Timestamp::UNIX_EPOCH).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        let hits = run().into_iter().filter(|hit| *hit).count();
        assert!((200..400).contains(&hits), "{hits}");
    }

    #[test]
    fn time_ends_it() {
        let mut faults = Faults::default();
        faults.add(FaultSpec { for_ms: Some(10), ..FaultSpec::new(FaultKind::Slow) }, Timestamp::UNIX_EPOCH);
        let at = |ms| Timestamp::from_millisecond(ms).expect("in range");
        assert_eq!(faults.hit("GET", "/", at(9)), Some(Hit { kind: FaultKind::Slow, delay_ms: 1_000 }));
        assert_eq!(faults.hit("GET", "/", at(10)), None);
    }
}
