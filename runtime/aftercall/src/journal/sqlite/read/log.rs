//! The call log at a million calls: whoever asks has a page at once, whatever they ask for.
//!
//! Candidates come from the one index that has the fewest, newest first, and each is held against all that was asked for. The roll-up by
//! hour says beforehand how many there are and between which numbers; at most [`LOOKED_AT`] are looked at for a page.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, Statement, params, params_from_iter, types::Value};

use super::{
    super::{
        super::model::{CallSeq, CallStatus, LogCounts, LogFilter, LogKind, LogPage},
        fault::Fault,
        row::{count, limit},
    },
    calls::{COLUMNS, count_writes, summary},
    list::MISSING,
};

/// How many candidates are looked at for one page: a few tens of milliseconds.
const LOOKED_AT: usize = 20_000;
/// A record that more calls than this wrote is a person whom the newest of them find.
const RECORD_CALLS: usize = 5_000;
/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;
/// The hours of a week: the coarser grain of the roll-up.
const WEEK: i64 = 168;
/// Fewer letters are taken as a whole word.
const PREFIX: usize = 3;
/// Fewer letters and digits of an id say nothing.
const ID: usize = 2;
/// Fewer digits are no number, and more begin one.
const DIGITS: usize = 4;

/// Conditions with their values, as they go into a statement.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    fn and_text(&mut self, condition: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.and(condition, [Value::from(value.clone())]);
        }
    }

    fn and_number(&mut self, condition: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.and(condition, [Value::from(value)]);
        }
    }
}

fn us(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_microsecond)
}

fn words(status: &[CallStatus]) -> (String, Vec<Value>) {
    (vec!["?"; status.len()].join(", "), status.iter().map(|status| Value::from(status.word().to_owned())).collect())
}

/// What holds of a call itself.
fn of_kind(kind: &LogKind) -> Conditions {
    let mut all = Conditions::default();
    all.and_number("c.received_at >= ?", us(kind.since));
    all.and_number("c.received_at < ?", us(kind.until));
    all.and_text("c.source = ?", kind.source.as_ref());
    all.and_text("c.pipeline = ?", kind.pipeline.as_ref());
    all.and_text("c.verdict = ?", kind.verdict.as_ref());
    all
}

/// See [`Journal::log`](super::super::super::api::Journal::log).
pub(crate) fn log(conn: &Connection, filter: &LogFilter) -> Result<LogPage, Fault> {
    let mut page = LogPage { calls: Vec::new(), next: None, cut: false };
    let Some(mut reach) = reach(conn, filter)? else { return Ok(page) };
    if let Some(CallSeq(after)) = filter.after {
        reach.last = reach.last.min(after - 1);
    }
    let mut holds = of_kind(&filter.of);
    if !filter.status.is_empty() {
        let (marks, values) = words(&filter.status);
        holds.and(&format!("c.status IN ({marks})"), values);
    }
    holds.and_text(
        "EXISTS (SELECT 1 FROM writes w WHERE w.call = c.seq AND w.connection = ? AND w.state <> 'skipped')",
        filter.connection.as_ref(),
    );
    let mut test = conn.prepare_cached(&format!("SELECT 1 FROM calls c WHERE c.seq = ?{}", holds.sql))?;
    let mut fits = |seq: i64| -> Result<bool, Fault> { Ok(test.exists(params_from_iter([Value::from(seq)].iter().chain(&holds.values)))?) };
    let mut found: Vec<i64> = Vec::new();
    let mut looked = 0;
    each(conn, filter, &reach, &mut |seq| {
        looked += 1;
        if fits(seq)? {
            if found.len() == filter.limit {
                page.next = found.last().copied().map(CallSeq);
                return Ok(false);
            }
            found.push(seq);
        }
        if looked >= LOOKED_AT {
            (page.next, page.cut) = (Some(CallSeq(seq)), true);
            return Ok(false);
        }
        Ok(true)
    })?;
    let outcome =
        if filter.with_outcome { "(SELECT o.outcome FROM outcomes o WHERE o.call = c.seq AND o.revision = c.revision)" } else { "NULL" };
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS}, {outcome} FROM calls c WHERE c.seq = ?1"))?;
    for seq in found {
        let mut call = statement.query_row([seq], |row| {
            let mut call = summary(row)?;
            call.outcome = row.get(18)?;
            Ok(call)
        })?;
        count_writes(conn, &mut call)?;
        page.calls.push(call);
    }
    Ok(page)
}

/// Between which numbers the calls are that can fit, and by which index the fewest are looked at.
struct Reach {
    first: i64,
    last: i64,
    by: By,
    /// Of those that words find only these are looked at: there are few of them.
    within: Option<By>,
}

/// Where candidates come from.
#[derive(Clone, Copy)]
enum By {
    Text,
    Status,
    Source,
    Pipeline,
    Verdict,
    Connection,
    Number,
}

/// A time of whole hours as stretches of the roll-up: its grain in hours, from, and to without it. Weeks as far as they go.
fn stretches(from: Option<i64>, to: Option<i64>) -> impl Iterator<Item = [i64; 3]> {
    let (begin, end) = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let (first, last) = (from.map_or(i64::MIN, |from| (from + WEEK - 1).div_euclid(WEEK)), to.map_or(i64::MAX, |to| to.div_euclid(WEEK)));
    let stretches = if first < last {
        [[WEEK, first, last], [1, begin, first.saturating_mul(WEEK)], [1, last.saturating_mul(WEEK), end]]
    } else {
        [[1, begin, end], [1, 0, 0], [1, 0, 0]]
    };
    stretches.into_iter().filter(|[_, from, to]| from < to)
}

/// `None` where nothing can fit.
fn reach(conn: &Connection, filter: &LogFilter) -> Result<Option<Reach>, Fault> {
    let kind = &filter.of;
    let (marks, states) = words(&filter.status);
    let status = if filter.status.is_empty() { "1".to_owned() } else { format!("status IN ({marks})") };
    let equal = |column: &str, value: &Option<String>| if value.is_some() { format!("{column} = ?") } else { "1".to_owned() };
    let parts = [status, equal("source", &kind.source), equal("pipeline", &kind.pipeline), equal("verdict", &kind.verdict)];
    let joint = parts.join(" AND ");
    let mut sql = "SELECT coalesce(sum(calls), 0)".to_owned();
    let given: Vec<Value> = [&kind.source, &kind.pipeline, &kind.verdict].into_iter().flatten().cloned().map(Value::from).collect();
    let mut values: Vec<Value> = states.iter().cloned().chain(given.iter().cloned()).collect();
    for part in &parts {
        sql.push_str(&format!(", coalesce(sum(calls) FILTER (WHERE {part}), 0)"));
    }
    for what in ["min(first)", "max(last)"] {
        sql.push_str(&format!(", {what} FILTER (WHERE {joint} AND calls > 0)"));
        values.extend(states.iter().cloned().chain(given.iter().cloned()));
    }
    sql.push_str(" FROM calls_by_time WHERE hours = ? AND at >= ? AND at < ?");
    let mut statement = conn.prepare_cached(&sql)?;
    let (mut all, mut sizes) = (0, [0_i64; 4]);
    let (mut first, mut last): (Option<i64>, Option<i64>) = (None, None);
    let from = us(kind.since).map(|at| at.div_euclid(HOUR));
    let to = us(kind.until).map(|at| (at - 1).div_euclid(HOUR) + 1);
    for stretch in stretches(from, to) {
        let mut rows = statement.query(params_from_iter(values.iter().cloned().chain(stretch.map(Value::from))))?;
        let Some(row) = rows.next()? else { continue };
        all += row.get::<_, i64>(0)?;
        for (at, size) in sizes.iter_mut().enumerate() {
            *size += row.get::<_, i64>(at + 1)?;
        }
        first = [first, row.get(5)?].into_iter().flatten().min();
        last = last.max(row.get(6)?);
    }
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    // Several states are not in order under their index, so they are sorted: only while they are few.
    let several = filter.status.len() > 1 && sizes[0] > limit(LOOKED_AT);
    let mut ways = vec![(all, By::Number)];
    if !filter.status.is_empty() && !several {
        ways.push((sizes[0], By::Status));
    }
    ways.extend(kind.source.is_some().then_some((sizes[1], By::Source)));
    ways.extend(kind.pipeline.is_some().then_some((sizes[2], By::Pipeline)));
    ways.extend(kind.verdict.is_some().then_some((sizes[3], By::Verdict)));
    if let Some(connection) = &filter.connection {
        let sql =
            "SELECT count(*) FROM (SELECT 1 FROM writes WHERE connection = ?1 AND state <> 'skipped' AND call BETWEEN ?2 AND ?3 LIMIT ?4)";
        let few: i64 = conn.prepare_cached(sql)?.query_row(params![connection, first, last, limit(LOOKED_AT)], |row| row.get(0))?;
        // As many as can be looked at: then there may be any number of them.
        ways.push((if few < limit(LOOKED_AT) { few } else { all - 1 }, By::Connection));
    }
    let (size, by) = ways.into_iter().min_by_key(|(size, _)| *size).unwrap_or((all, By::Number));
    Ok(Some(match filter.text {
        Some(_) => Reach { first, last, by: By::Text, within: (size <= limit(LOOKED_AT)).then_some(by) },
        None => Reach { first, last, by, within: None },
    }))
}

/// Hands out candidates, newest first, until `look` has enough.
fn each(conn: &Connection, filter: &LogFilter, reach: &Reach, look: &mut dyn FnMut(i64) -> Result<bool, Fault>) -> Result<(), Fault> {
    let kind = &filter.of;
    let range = [Value::from(reach.first), Value::from(reach.last)];
    let by_value = |column: &str, value: &Option<String>| {
        let sql = format!("SELECT seq FROM calls INDEXED BY calls_{column} WHERE {column} = ? AND seq BETWEEN ? AND ? ORDER BY seq DESC");
        (sql, value.iter().cloned().map(Value::from).collect::<Vec<_>>())
    };
    let (sql, mut values) = match reach.by {
        By::Text => {
            let text = filter.text.as_deref().unwrap_or_default();
            let Some(by) = reach.within else { return by_text(conn, text, filter.whole_words, &range, look) };
            let mut few: HashSet<i64> = HashSet::new();
            each(conn, filter, &Reach { by, within: None, ..*reach }, &mut |seq| {
                few.insert(seq);
                Ok(true)
            })?;
            return by_text(conn, text, filter.whole_words, &range, &mut |seq| if few.contains(&seq) { look(seq) } else { Ok(true) });
        }
        By::Source => by_value("source", &kind.source),
        By::Pipeline => by_value("pipeline", &kind.pipeline),
        By::Verdict => by_value("verdict", &kind.verdict),
        By::Status => {
            let (marks, values) = words(&filter.status);
            (
                format!(
                    "SELECT seq FROM calls INDEXED BY calls_status WHERE status IN ({marks}) AND seq BETWEEN ? AND ? ORDER BY seq DESC"
                ),
                values,
            )
        }
        By::Connection => {
            let sql = "SELECT DISTINCT call FROM writes INDEXED BY writes_connection
                       WHERE connection = ? AND state <> 'skipped' AND call BETWEEN ? AND ? ORDER BY call DESC";
            (sql.to_owned(), filter.connection.iter().cloned().map(Value::from).collect())
        }
        By::Number => ("SELECT seq FROM calls WHERE seq BETWEEN ? AND ? ORDER BY seq DESC".to_owned(), Vec::new()),
    };
    values.extend(range);
    let mut statement = conn.prepare_cached(&sql)?;
    in_turn(&mut statement, values, look)
}

fn in_turn(statement: &mut Statement<'_>, values: Vec<Value>, look: &mut dyn FnMut(i64) -> Result<bool, Fault>) -> Result<(), Fault> {
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if !look(row.get(0)?)? {
            break;
        }
    }
    Ok(())
}

/// Calls that are found by words, `whole` ones or by their beginnings, and those that wrote the record whose id the text is.
fn by_text(
    conn: &Connection,
    text: &str,
    whole: bool,
    range: &[Value; 2],
    look: &mut dyn FnMut(i64) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut wrote: BTreeSet<i64> = BTreeSet::new();
    let id = text.trim();
    if id.len() >= DIGITS && !id.contains(char::is_whitespace) {
        let sql =
            "SELECT call FROM writes INDEXED BY writes_record WHERE record_id >= ? AND record_id < ? AND call BETWEEN ? AND ? LIMIT ?";
        let mut values = vec![Value::from(id.to_owned()), Value::from(format!("{id}\u{10FFFF}"))];
        values.extend(range.iter().cloned());
        values.push(limit(RECORD_CALLS).into());
        let mut statement = conn.prepare_cached(sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0))?;
        wrote = rows.collect::<rusqlite::Result<_>>()?;
    }
    let mut wants_more = true;
    if let Some(question) = question(text) {
        // A word that goes on is a word by its beginning.
        let question = if whole { question.replace("\" *", "\"") } else { question };
        let mut values = vec![Value::from(question)];
        values.extend(range.iter().cloned());
        let sql = "SELECT rowid FROM call_words WHERE call_words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC";
        let mut statement = conn.prepare_cached(sql)?;
        let found = in_turn(&mut statement, values, &mut |seq| {
            // Those in between that wrote the record come first; one that is both, once.
            let between: Vec<i64> = wrote.split_off(&seq).into_iter().filter(|one| *one > seq).rev().collect();
            for one in between.into_iter().chain([seq]) {
                wants_more = look(one)?;
                if !wants_more {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        match found {
            // Letters that we take for a word and the index for several: nothing of ours is called so.
            Err(Fault::Sql(rusqlite::Error::SqliteFailure(_, Some(said)))) if said.starts_with("fts5") => {}
            found => found?,
        }
    }
    for seq in wrote.into_iter().rev() {
        if !wants_more {
            break;
        }
        wants_more = look(seq)?;
    }
    Ok(())
}

/// What the index of words is asked for a text; `None` where it has no word in it.
fn question(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_number = digits.len() >= DIGITS && text.chars().all(|c| c.is_ascii_digit() || "+-./() \u{a0}".contains(c));
    let compact = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let mut ways: Vec<String> = Vec::new();
    if is_number {
        // From behind, and without what only a dialling habit puts in front.
        let behind: String = digits.trim_start_matches('0').chars().rev().collect();
        ways.push(format!("\"n{behind}\" *"));
    }
    if !text.trim().contains(char::is_whitespace) {
        let own = text.rsplit_once(':').map_or(text, |(_, own)| own);
        let named = [("i", compact(own), ID), ("e", compact(text), PREFIX)];
        ways.extend(named.into_iter().filter(|(_, word, least)| word.len() >= *least).map(|(kind, word, _)| format!("\"{kind}{word}\" *")));
    }
    // Of an address nobody wants everybody who has the same provider.
    let text = if text.contains('@') { "" } else { text };
    let words: Vec<String> = text
        .split(|c: char| !(c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)))
        .filter(|word| !word.is_empty())
        .map(|word| if word.chars().count() < PREFIX { format!("\"{word}\"") } else { format!("\"{word}\" *") })
        .collect();
    if !words.is_empty() {
        ways.push(format!("({})", words.join(" AND ")));
    }
    (!ways.is_empty()).then(|| ways.join(" OR "))
}

/// See [`Journal::log_counts`](super::super::super::api::Journal::log_counts).
pub(crate) fn log_counts(conn: &Connection, kind: &LogKind) -> Result<LogCounts, Fault> {
    let mut counts = LogCounts::default();
    // Whole hours from the roll-up; what is left at the edges is counted.
    let from = us(kind.since).map(|at| at.div_euclid(HOUR) + i64::from(at.rem_euclid(HOUR) > 0));
    let to = us(kind.until).map(|at| at.div_euclid(HOUR));
    let whole = from.zip(to).is_none_or(|(from, to)| from < to);
    if whole {
        let mut of = Conditions::default();
        of.and_text("source = ?", kind.source.as_ref());
        of.and_text("pipeline = ?", kind.pipeline.as_ref());
        of.and_text("verdict = ?", kind.verdict.as_ref());
        let sql = format!("SELECT status, sum(calls) FROM calls_by_time WHERE hours = ? AND at >= ? AND at < ?{} GROUP BY status", of.sql);
        for stretch in stretches(from, to) {
            add(conn, &sql, stretch.into_iter().map(Value::from).chain(of.values.iter().cloned()).collect(), &mut counts)?;
        }
    }
    let edges = match whole {
        true => [from.map(|from| (us(kind.since), Some(from * HOUR))), to.map(|to| (Some(to * HOUR), us(kind.until)))],
        false => [Some((us(kind.since), us(kind.until))), None],
    };
    for (since, until) in edges.into_iter().flatten().filter(|(since, until)| since < until) {
        let mut of = of_kind(&LogKind { since: None, until: None, ..kind.clone() });
        of.and_number("c.received_at >= ?", since);
        of.and_number("c.received_at < ?", until);
        let sql = format!(
            "SELECT status, count(*) FROM calls c INDEXED BY calls_received WHERE c.received_at IS NOT NULL{} GROUP BY status",
            of.sql
        );
        add(conn, &sql, of.values, &mut counts)?;
    }
    let mut unknown = Conditions::default();
    unknown.and_number("received_at >= ?", us(kind.since));
    unknown.and_number("received_at < ?", us(kind.until));
    unknown.and_text("source = ?", kind.source.as_ref());
    let sql = format!("SELECT count(*) FROM payloads INDEXED BY payloads_unrecognised_at WHERE kind = 'unrecognised'{}", unknown.sql);
    counts.unrecognised = conn.prepare_cached(&sql)?.query_row(params_from_iter(unknown.values), |row| count(row, 0))?;
    // A call that never came has no pipeline and no verdict.
    if kind.pipeline.is_none() && kind.verdict.is_none() {
        let mut never = Conditions::default();
        never.and_number("n.started_at >= ?", us(kind.since));
        never.and_number("n.started_at < ?", us(kind.until));
        never.and_text("n.source = ?", kind.source.as_ref());
        let sql = format!("SELECT count(*) FROM {MISSING}{}", never.sql);
        counts.never_received = conn.prepare_cached(&sql)?.query_row(params_from_iter(never.values), |row| count(row, 0))?;
    }
    Ok(counts)
}

fn add(conn: &Connection, sql: &str, values: Vec<Value>, counts: &mut LogCounts) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let calls = count(row, 1)?;
        if calls > 0 {
            *counts.calls.entry(row.get(0)?).or_default() += calls;
        }
    }
    Ok(())
}

/// See [`Journal::last_event`](super::super::super::api::Journal::last_event).
pub(crate) fn last_event(conn: &Connection) -> Result<i64, Fault> {
    // A look at a platform's list is news, too.
    let sql = "SELECT (SELECT coalesce(max(id), 0) FROM events) + (SELECT coalesce(sum(number), 0) FROM looks)";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::{question, stretches};

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(question(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_long_time_is_weeks_with_hours_at_its_ends() {
        let of = |from, to| stretches(from, to).collect::<Vec<_>>();
        assert_eq!(of(None, None), [[168, i64::MIN, i64::MAX]]);
        assert_eq!(of(Some(160), Some(170)), [[1, 160, 170]]);
        assert_eq!(of(Some(160), Some(340)), [[168, 1, 2], [1, 160, 168], [1, 336, 340]]);
        assert_eq!(of(Some(168), Some(336)), [[168, 1, 2]]);
        assert_eq!(of(Some(170), None), [[168, 2, i64::MAX], [1, 170, 336]]);
        assert_eq!(of(None, Some(5)), [[168, i64::MIN, 0], [1, 0, 5]]);
        assert!(of(Some(7), Some(7)).is_empty());
    }

    #[test]
    fn what_people_type_becomes_a_question() {
        check("Nora", Some("\"inora\" * OR \"enora\" * OR (\"Nora\" *)"));
        check("Bo Li", Some("(\"Bo\" AND \"Li\")"));
        check("(312) 555-0142", Some("\"n2410555213\" * OR (\"312\" * AND \"555\" * AND \"0142\" *)"));
        check("0041446681", Some("\"n18664414\" * OR \"i0041446681\" * OR \"e0041446681\" * OR (\"0041446681\" *)"));
        check("json:c-1", Some("\"ic1\" * OR \"ejsonc1\" * OR (\"json\" * AND \"c\" AND \"1\")"));
        check("\"; DROP", Some("(\"DROP\" *)"));
        check("nora@acme.example", Some("\"inoraacmeexample\" * OR \"enoraacmeexample\" *"));
        check("%% ", None);
        check("", None);
    }
}
