//! A journal full of calls: the real schema, made by the journal itself, and rows as it would leave them after a year of work. The same
//! number of calls gives the same calls; only their times count from the day on which it is made.
//!
//! Not for working them: nothing in it is due.

use std::path::Path;

use aftercall::journal::{SqliteJournal, SqliteOptions};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const FIRST: [&str; 16] = [
    "Ada", "Bruno", "Cleo", "Dimitri", "Esther", "Felix", "Greta", "Hugo", "Iris", "Jonas", "Karla", "Liam", "Mona", "Nora", "Oskar", "Pia",
];
const PARTS: [&str; 16] = ["ba", "ker", "li", "mont", "dro", "fis", "gal", "hun", "jor", "nev", "pol", "rux", "sten", "tav", "wick", "zem"];
const SOURCES: [&str; 3] = ["vapi", "retell", "json"];
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// A number that looks like chance, from a number.
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Somebody who calls: everyone about five times.
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) email: String,
    pub(crate) record: String,
}

/// The caller of a call.
pub(crate) fn caller(call: u64, calls: u64) -> Caller {
    let person = mixed(call) % (calls / 5).max(1);
    let chance = mixed(person ^ 0xABCD);
    let part = |place: u32| PARTS[(chance >> (8 + 4 * place)) as usize & 15];
    let last = format!("{}{}{}", part(0), part(1), part(2));
    let name = format!("{} {}{}", FIRST[chance as usize & 15], last[..1].to_uppercase(), &last[1..]);
    let email = format!("{}{person}@mail.example", name.to_lowercase().replace(' ', "."));
    Caller { name, phone: format!("+1512{:07}", 2_000_000 + person % 7_900_000), email, record: format!("003B{person:014}") }
}

/// Where a call stands: of a hundred, 93 landed, 2 partial, 1 dead, 2 in review, 1 skipped, 1 resolved; a handful waits without a time.
pub(crate) fn status(call: u64) -> &'static str {
    match mixed(call ^ 0x5EED) % 10_000 {
        0 => "waiting",
        1..=5 => "held",
        6..=105 => "dead",
        106..=305 => "partial",
        306..=505 => "review",
        506..=605 => "skipped",
        606..=705 => "resolved",
        _ => "landed",
    }
}

/// Makes the journal. Gives the id of a call in the middle.
pub(crate) fn journal(path: &Path, calls: u64) -> Result<String> {
    drop(SqliteJournal::open(SqliteOptions::at(path), Timestamp::now())?);
    let mut conn = Connection::open(path)?;
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -400000; PRAGMA foreign_keys = OFF;")?;
    let end = Timestamp::now().as_microsecond() / DAY * DAY;
    let step = 365 * DAY / i64::try_from(calls.max(1))?;
    let mut from = 0;
    while from < calls {
        let to = (from + 50_000).min(calls);
        let tx = conn.transaction()?;
        {
            let mut lane = tx.prepare("INSERT INTO lanes (id) VALUES (?1)")?;
            let mut call = tx.prepare(
                "INSERT INTO calls (seq, id, source, lane, revision, provisional, digest, started_at, received_at, status, status_reason, plan,
                                    pipeline, config_version, changed_at, verdict, question)
                 VALUES (?1, ?2, ?3, ?1, 1, 0, 'd', ?4, ?5, ?6, ?7, 1, ?8, 'c1', ?5, ?9, NULL)",
            )?;
            let mut outcome = tx.prepare(
                "INSERT INTO outcomes (call, revision, outcome, digest, provisional, config_version, received_at) VALUES (?1, 1, ?2, 'd', 0, 'c1', ?3)",
            )?;
            let mut words = tx.prepare("INSERT INTO call_words (rowid, words) VALUES (?1, ?2)")?;
            let mut plan = tx.prepare(
                "INSERT INTO plans (call, number, revision, context, decision, plan, pipeline, config_version, digest, recorded_at)
                 VALUES (?1, 1, 1, '{}', ?2, '{}', ?3, 'c1', 'd', ?4)",
            )?;
            let mut write = tx.prepare(
                "INSERT INTO writes (call, write, position, plan, revision, connection, object, op, generation, guarantee, depends_on, state,
                                     attempt, trouble_class, trouble, record_id, record_url, receipt, changed_at)
                 VALUES (?1, ?2, ?3, 1, 1, ?4, ?5, 'create', 0, 'exact', '[]', ?6, 1, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            let mut event = tx.prepare("INSERT INTO events (call, at, kind, data) VALUES (?1, ?2, ?3, '{}')")?;
            for n in from..to {
                let seq = i64::try_from(n + 1)?;
                let at = end - (i64::try_from(calls - n)?) * step;
                let who = caller(n, calls);
                let status = status(n);
                // A source has its pipeline, as a rule; the third has a seldom one, too.
                let (source, pipeline) = match mixed(n ^ 0xF00D) % 100 {
                    0..=59 => (SOURCES[0], "front-desk"),
                    60..=89 => (SOURCES[1], "front-desk"),
                    90..=98 => (SOURCES[2], "after-hours"),
                    _ => (SOURCES[2], "seldom"),
                };
                let verdict = match mixed(n ^ 0xD0) % 1000 {
                    0..=599 => "matched",
                    600..=969 => "new",
                    970..=994 => "ambiguous",
                    _ => "no_identity",
                };
                let id = format!("{source}:{:016x}", mixed(n ^ 0x1D));
                let said = json!({
                    "id": id, "source": source, "direction": "inbound", "duration_s": 120, "outcome": "message",
                    "summary": "Asked about opening hours and whether the invoice of last month had been paid.",
                    "caller": {"name": who.name, "phone": who.phone, "email": who.email}, "captured": {"language": "en"},
                });
                let decision = json!({"verdict": verdict, "because": "seeded", "contact": who.record, "candidates": [], "accept": 12.0, "margin": 3.0});
                let has_failed = matches!(status, "dead" | "partial");
                let reason = has_failed.then_some("the CRM refuses a field");
                lane.execute([seq])?;
                call.execute(params![seq, id, source, at - 120_000_000, at, status, reason, pipeline, verdict])?;
                outcome.execute(params![seq, said.to_string(), at])?;
                let number: String = who.phone.chars().rev().filter(char::is_ascii_digit).collect();
                words.execute(params![
                    seq,
                    format!("{} e{} n{number} i{}", who.name, who.email.replace(['.', '@'], ""), &id[source.len() + 1..])
                ])?;
                plan.execute(params![seq, decision.to_string(), pipeline, at])?;
                let url = |object: &str, id: &str| format!("https://crm.example/{object}/{id}");
                let receipt = json!([{"field": "Phone", "state": "landed", "value": who.phone, "policy": "fill", "origin": "mappings/crm/contact.toml:7"}]);
                let log = format!("00T{n:015}");
                let mut one = |name: &str, position: i64, connection: &str, object: &str, record: &str, fails: bool| {
                    let (state, class, trouble) =
                        if fails { ("dead", Some("invalid"), Some("the field is not known")) } else { ("applied", None, None) };
                    let (record, url) = if fails { (None, None) } else { (Some(record), Some(url(object, record))) };
                    write.execute(params![
                        seq,
                        name,
                        position,
                        connection,
                        object,
                        state,
                        class,
                        trouble,
                        record,
                        url,
                        receipt.to_string(),
                        at
                    ])
                };
                one("contact", 0, "crm", "contact", &who.record, status == "dead")?;
                one("call", 1, "crm", "call", &log, has_failed)?;
                if n % 5 == 0 {
                    one("appointment", 2, "calendar", "event", &format!("ev{n}"), false)?;
                }
                event.execute(params![seq, at, "call_received"])?;
                event.execute(params![seq, at + 500_000, "plan_recorded"])?;
            }
        }
        tx.commit()?;
        from = to;
    }
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
    let middle = conn.query_row("SELECT id FROM calls WHERE seq = ?1", [i64::try_from(calls / 2)?.max(1)], |row| row.get(0))?;
    Ok(middle)
}
