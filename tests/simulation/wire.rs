//! The network of one process: carries requests to the systems, or does not, as the seed has it; and sees what must never be sent.

use std::sync::Arc;
use std::time::Duration;

use aftercall::connect::{Answer, Prepared, SendError, Transport};
use aftercall::journal::WriteState;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::fate::Fate;
use crate::process::Process;
use crate::sim::{Attempt, Sim};

/// The network of a process.
pub(crate) struct Wire(pub(crate) Arc<Process>);

/// A request, taken apart.
struct Asked {
    system: usize,
    method: String,
    path: String,
    token: String,
    body: Value,
    writes: bool,
}

impl Asked {
    fn of(request: &Prepared) -> Self {
        let rest = request.url.split_once("://").map_or("", |(_, rest)| rest);
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let bytes = request.body.clone().unwrap_or_default();
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let writes = request.method != Method::GET && !["/search", "/token"].contains(&path);
        Self {
            system: usize::from(host.starts_with("second")),
            method: request.method.to_string(),
            path: path.to_owned(),
            token: header.strip_prefix("Bearer ").unwrap_or(header).to_owned(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            writes,
        }
    }

    /// The writes in it: call and object.
    fn items(&self, sim: &Sim) -> Vec<(String, String)> {
        let one = |path: &str, body: &Value| {
            let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
            let object = parts.get(1).copied().unwrap_or_default();
            let said = ["touched_by", "made_by", "call"].iter().find_map(|field| body[*field].as_str().map(str::to_owned));
            // A change of a contact that says nothing is of whoever it may be.
            let call = said.or_else(|| {
                let state = sim.state();
                let record = parts.get(2).and_then(|id| state.systems[self.system].records.get(*id)).filter(|r| r.object != "contact");
                record.map(|record| record.call().to_owned())
            });
            Some((call?, object.to_owned()))
        };
        match self.body["parts"].as_array() {
            Some(parts) => parts.iter().filter_map(|part| one(part["path"].as_str().unwrap_or_default(), &part["body"])).collect(),
            None => one(&self.path, &self.body).into_iter().collect(),
        }
    }
}

impl Transport for Wire {
    fn send(&self, request: Prepared) -> BoxFuture<'_, Result<Answer, SendError>> {
        Box::pin(async move {
            let process = &self.0;
            let sim = &process.sim;
            let asked = Arc::new(Asked::of(&request));
            let fate = draw(sim, &asked);
            let items = if asked.writes { asked.items(sim) } else { Vec::new() };
            self.look(&asked, &items, fate, request.timeout);
            let body = if asked.writes { asked.body.to_string() } else { String::new() };
            sim.trace(|| format!("{} {} {}{} {fate:?} {body}", process.number, asked.method, asked.system, asked.path));
            if fate == Fate::NeverSent {
                process.moment("not connected").await;
                sleep(Duration::from_millis(3)).await;
                self.heard(&items);
                sim.state().in_vain += 1;
                return Err(SendError::NeverSent("refused".to_owned()));
            }
            let token = (asked.path == "/token").then(|| Counted::new(process, asked.system));
            let answer = arrive(sim.clone(), asked.clone(), fate, request.timeout);
            process.moment("under way").await;
            let heard = timeout(request.timeout, answer).await;
            drop(token);
            self.heard(&items);
            if !matches!(&heard, Ok(Ok((200..300, _, _)))) {
                sim.state().in_vain += 1;
            }
            process.moment("answered").await;
            match heard {
                Ok(Ok((status, headers, body))) => {
                    sim.trace(|| format!("{} answer {status} {}", process.number, String::from_utf8_lossy(&body)));
                    if let Some(wait) = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok()) {
                        let until = Instant::now() + Duration::from_secs(wait);
                        sim.state().holds.insert((process.number, asked.system), until);
                    }
                    Ok(Answer { status, headers, body })
                }
                Ok(Err(_)) => Err(SendError::Lost("the connection was closed".to_owned())),
                Err(_) => Err(SendError::Lost("no answer in time".to_owned())),
            }
        })
    }
}

impl Wire {
    /// Whoever sent these has learnt what there is to learn.
    fn heard(&self, items: &[(String, String)]) {
        let mut state = self.0.sim.state();
        for item in items {
            let attempt = state.attempts.get_mut(item).and_then(|attempts| attempts.iter_mut().rfind(|a| a.process == self.0.number));
            if let Some(attempt) = attempt {
                (attempt.heard, attempt.stood) = (true, self.0.control.freezes() > attempt.freezes);
            }
        }
    }

    /// What must never be sent.
    fn look(&self, asked: &Asked, items: &[(String, String)], fate: Fate, patience: Duration) {
        let process = &self.0;
        let sim = &process.sim;
        let now = sim.now();
        let freezes = process.control.freezes();
        let mut broken = Vec::new();
        {
            let mut state = sim.state();
            state.requests += 1;
            if let Some(until) =
                state.holds.get(&(process.number, asked.system)).filter(|until| Instant::now() < **until && asked.path != "/token")
            {
                let early = *until - Instant::now();
                broken.push(format!("asked {} ms before the time that the system gave: {}", early.as_millis(), asked.path));
            }
            for (call, object) in items {
                let id = format!("json:{call}");
                let lease = state.leases.values().find(|lease| lease.call == id || lease.call.starts_with(&format!("{id}@")));
                let held = lease.is_some_and(|lease| lease.process == process.number && lease.until > now);
                if !held {
                    broken.push(format!("{object} of {call} was sent outside of a lease"));
                } else if lease.is_some_and(|lease| lease.until < now + jiff::SignedDuration::try_from(patience).unwrap_or_default()) {
                    broken.push(format!("{object} of {call} was sent on a lease that may be over before the answer"));
                }
                let key = (call.clone(), object.clone());
                let before = match state.attempts.get(&key).and_then(|attempts| attempts.last()) {
                    None => WriteState::Planned,
                    Some(last) if last.fate.is_ambiguous() || state.killed.contains(&last.process) || last.process != process.number => {
                        WriteState::Unknown
                    }
                    Some(_) => WriteState::Waiting,
                };
                state.attempts.entry(key).or_default().push(Attempt {
                    before,
                    fate,
                    process: process.number,
                    freezes,
                    heard: false,
                    stood: false,
                });
            }
            if asked.path == "/token" && state.tokens.get(&(process.number, asked.system)).is_some_and(|count| *count > 0) {
                broken.push("two requests for a token at once".to_owned());
            }
        }
        broken.into_iter().for_each(|what| sim.violation(what));
    }
}

/// A request for a token, as long as it is under way.
struct Counted<'a>(&'a Process, usize);

impl<'a> Counted<'a> {
    fn new(process: &'a Process, system: usize) -> Self {
        *process.sim.state().tokens.entry((process.number, system)).or_default() += 1;
        Self(process, system)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0.sim.state().tokens.get_mut(&(self.0.number, self.1)) {
            *count -= 1;
        }
    }
}

/// What becomes of a request.
fn draw(sim: &Sim, asked: &Asked) -> Fate {
    if sim.is_calm() {
        return Fate::Fine;
    }
    let now = sim.elapsed();
    let away = sim.draw.outage.is_some_and(|(system, from, to)| system == asked.system && (from..to).contains(&now));
    let mut state = sim.state();
    if away {
        return state.rng.pick(&[Fate::NeverSent, Fate::NeverSent, Fate::NeverSent, Fate::Closed, Fate::RequestLost]);
    }
    let drawn = sim.draw.rates.iter().find(|(_, rate)| state.rng.chance(*rate)).map_or(Fate::Fine, |(fate, _)| *fate);
    match drawn {
        Fate::TokenExpired | Fate::TooFast | Fate::Locked if asked.path == "/token" => Fate::Fine,
        // A change of a record that comes late would undo a newer one of ours: no key, no look and no lease can help there.
        Fate::Late if !asked.writes || asked.method == "PATCH" || asked.path == "/pack" && asked.body.to_string().contains("\"PATCH\"") => {
            Fate::RequestLost
        }
        Fate::Locked if !asked.writes => Fate::Fine,
        drawn => drawn,
    }
}

type Heard = (u16, HeaderMap, Bytes);

/// The request goes its way, whatever becomes of whoever sent it.
fn arrive(sim: Arc<Sim>, asked: Arc<Asked>, fate: Fate, patience: Duration) -> oneshot::Receiver<Heard> {
    let (answer, heard) = oneshot::channel();
    let (way, back, late, hangs) = {
        let mut state = sim.state();
        let slow = if fate == Fate::Slow { patience * 8 / 10 } else { Duration::ZERO };
        (state.rng.ms(5, 150), state.rng.ms(5, 150) + slow, state.rng.ms(0, 20_000), state.rng.chance(0.5))
    };
    sim.state().on_their_way += 1;
    tokio::spawn(async move {
        sleep(way).await;
        let plain = |status: u16, code: &str| (status, json!({"code": code, "message": code}));
        let mut headers = HeaderMap::new();
        let said = match fate {
            Fate::TooFast => {
                let wait = sim.state().rng.below(60) + 1;
                headers.insert(RETRY_AFTER, HeaderValue::from(wait));
                plain(429, "TOO_FAST")
            }
            Fate::Closed => plain(503, "MAINTENANCE"),
            Fate::Locked => plain(423, "LOCKED"),
            Fate::Broken => plain(500, "BROKEN"),
            Fate::RequestLost => (0, Value::Null),
            Fate::Late => {
                sleep(patience.saturating_sub(way) + late).await;
                apply(&sim, &asked)
            }
            Fate::TokenExpired => {
                sim.state().systems[asked.system].expire_tokens();
                apply(&sim, &asked)
            }
            _ => apply(&sim, &asked),
        };
        sim.state().on_their_way -= 1;
        let lost = matches!(fate, Fate::RequestLost | Fate::AnswerLost | Fate::Late);
        if lost {
            if hangs {
                sleep(patience * 2).await;
            }
            return;
        }
        sleep(back).await;
        let (status, body) = match fate {
            Fate::BrokenAfter => plain(500, "BROKEN"),
            _ => said,
        };
        let text = if fate == Fate::Unreadable { "<html>".to_owned() } else { body.to_string() };
        let _ = answer.send((status, headers, Bytes::from(text)));
    });
    heard
}

/// The system does it.
fn apply(sim: &Sim, asked: &Asked) -> (u16, Value) {
    let mut state = sim.state();
    let lag = if sim.draw.max_lag_ms == 0 { Duration::ZERO } else { state.rng.ms(0, sim.draw.max_lag_ms) };
    let elapsed = sim.elapsed();
    let revoked = sim.draw.revoked.is_some_and(|(system, from, to)| system == asked.system && (from..to).contains(&elapsed));
    let system = &mut state.systems[asked.system];
    (system.lag, system.revoked) = (lag, revoked);
    if asked.writes && !revoked {
        state.last_done = elapsed;
    }
    let system = &mut state.systems[asked.system];
    if asked.path == "/token" {
        return system.grant();
    }
    system.handle(&asked.token, &asked.method, &asked.path, &asked.body, Instant::now())
}
