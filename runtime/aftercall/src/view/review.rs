//! What people are asked about callers: the list, one question side by side, and what an answer has moved.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aftercall_plan::decision::{MatchDecision, Scored};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::words::{bold, cut, dim, pad, status, value, yellow};
use crate::journal::{AnswerKind, AnswerRow, Story, WriteRow, WriteState};

/// One question, with what a person needs to answer it.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Our id of the call.
    pub call: String,
    /// When it came in.
    pub received_at: Timestamp,
    /// The question; of an answered call, the one that was asked last.
    pub question: String,
    /// What was answered, the last one last.
    pub answers: Vec<AnswerRow>,
    /// Who it may be, best first.
    pub candidates: Vec<Candidate>,
    /// What was written meanwhile.
    pub written: Vec<Written>,
}

/// A record that may be the caller's.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// The sum and its lines.
    #[serde(rename = "match")]
    pub scored: Scored,
    /// Where a person sees it.
    pub url: Option<String>,
}

/// A record that the call has written to.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The write.
    pub write: String,
    /// The object.
    pub object: String,
    /// What was done.
    pub op: String,
    /// Where it stands.
    pub state: WriteState,
    /// The record.
    pub record: Option<String>,
    /// Where a person sees it.
    pub url: Option<String>,
}

impl Written {
    /// What a write of the journal has come to.
    pub fn of(row: &WriteRow) -> Self {
        Self {
            write: row.write.clone(),
            object: row.object.clone(),
            op: row.op.clone(),
            state: row.state,
            record: row.record_id.clone(),
            url: row.record_url.clone(),
        }
    }
}

/// The question of a call that asks, or has asked, by the decision that did; `page` tells where a person sees a contact.
pub fn asked_with(story: &Story, decision: &MatchDecision, page: impl Fn(&str) -> Option<String>) -> Asked {
    let candidate = |scored: &Scored| Candidate { scored: scored.clone(), url: page(&scored.id) };
    Asked {
        call: story.call.id.clone(),
        received_at: story.call.received_at,
        question: decision.review.clone().unwrap_or_default(),
        answers: story.answers.clone(),
        candidates: decision.candidates.iter().map(candidate).collect(),
        written: story.writes.iter().filter(|row| row.record_id.is_some()).map(Written::of).collect(),
    }
}

/// All questions, oldest first.
pub fn list(all: &[Asked]) -> String {
    let mut out = String::new();
    for asked in all {
        head(&mut out, asked);
        for one in asked.candidates.iter().take(5) {
            let _ = writeln!(
                out,
                "  {:>6.1} bits  {} ({})  {}",
                one.scored.bits,
                text(&one.scored.name),
                one.scored.id,
                place(one.url.as_deref())
            );
        }
        written(&mut out, asked);
        out.push('\n');
    }
    if all.is_empty() {
        out.push_str("nobody is asked anything\n");
    }
    out
}

/// One question: the caller and the candidates side by side, a line for each thing that was compared.
pub fn one(asked: &Asked) -> String {
    const WIDTH: usize = 26;
    let mut out = String::new();
    head(&mut out, asked);
    let shown: Vec<&Candidate> = asked.candidates.iter().take(4).collect();
    let mut line = |first: &str, caller: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| pad(&cut(cell, WIDTH - 2), WIDTH)).collect();
        let _ = writeln!(out, "  {}{}{}", pad(first, 14), pad(&cut(caller, WIDTH - 2), WIDTH), cells.trim_end());
    };
    line("", "the caller", shown.iter().map(|one| text(&one.scored.name)).collect());
    line("", "", shown.iter().map(|one| one.scored.id.clone()).collect());
    let mut seen = BTreeSet::new();
    for on in shown.iter().flat_map(|one| one.scored.evidence.iter().map(|line| line.on.as_str())) {
        if !seen.insert(on) || on == "adjust" {
            continue;
        }
        let of = |one: &&Candidate| one.scored.evidence.iter().find(|line| line.on == on).cloned();
        let caller = shown.iter().find_map(|one| of(one).and_then(|line| line.caller)).unwrap_or_default();
        let cell = |one: &&Candidate| match of(one) {
            Some(line) => format!("{} {:+.1}", line.record.as_deref().map_or(line.level.clone(), text), line.bits),
            None => "-".to_owned(),
        };
        line(on, &text(&caller), shown.iter().map(cell).collect());
    }
    line("bits", "", shown.iter().map(|one| format!("{:.1}", one.scored.bits)).collect());
    for one in &shown {
        let _ = writeln!(out, "  {} {}", pad(&one.scored.id, 22), place(one.url.as_deref()));
    }
    written(&mut out, asked);
    for row in &asked.answers {
        let _ = writeln!(out, "  {}  {} by {} at {}", status("answered"), answer(row), row.actor, row.at);
    }
    let _ = writeln!(out, "\n  {}", dim(&format!("aftercall review {} --is ID | --new | --merge ID  [--reason TEXT]", asked.call)));
    out
}

fn head(out: &mut String, asked: &Asked) {
    let _ = writeln!(out, "{}  {}", bold(&asked.call), asked.received_at.strftime("%Y-%m-%d %H:%M:%SZ"));
    let _ = writeln!(out, "  {}", yellow(&text(&asked.question)));
}

fn written(out: &mut String, asked: &Asked) {
    for one in asked.written.iter().filter(|one| one.record.is_some()) {
        let record = one.url.as_deref().or(one.record.as_deref()).unwrap_or_default();
        let _ = writeln!(out, "  {} {} {} {}  {}", dim("written:"), pad(&one.write, 14), status(one.state.word()), one.op, dim(record));
    }
}

fn text(words: &str) -> String {
    value(&Value::from(words), 400)
}

fn place(url: Option<&str>) -> String {
    dim(url.unwrap_or_default())
}

/// An answer in words.
pub fn answer(row: &AnswerRow) -> String {
    match (row.kind, row.contact.as_deref(), row.other.as_deref()) {
        (AnswerKind::Contact, Some(id), _) => format!("the caller is {id}"),
        (AnswerKind::New, Some(id), _) => format!("the caller is somebody new: {id}"),
        (AnswerKind::Merge, Some(id), Some(other)) => format!("{id} and {other} are one person"),
        _ => "the caller is somebody new".to_owned(),
    }
}

/// What an answer has moved, and what it left behind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Moved {
    /// Links and records: the write, what of it, from where, to where, and whether it landed.
    pub moved: Vec<Step>,
    /// Fields that this call wrote into a record that is not the caller's, with what stood there before.
    pub written_elsewhere: Vec<Step>,
    /// A record that this call made and that is nobody's now. It is never deleted.
    pub left: Option<String>,
}

/// One thing that moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The write.
    pub write: String,
    /// The link, or the field with its record.
    pub what: String,
    /// From: the record, or what stood in the field.
    pub from: Value,
    /// To: the record, or what we wrote.
    pub to: Value,
    /// Where it stands.
    pub state: String,
}

/// Reads from a story what its last answer has moved.
pub fn moved(story: &Story) -> Moved {
    let mut all = Moved::default();
    let lines = |row: &WriteRow| row.receipt.as_ref().and_then(|r| r.read::<Vec<Value>>().ok()).unwrap_or_default();
    let step = |row: &WriteRow, line: &Value, what: String| Step {
        write: row.write.clone(),
        what,
        from: line["before"].clone(),
        to: line["value"].clone(),
        state: line["state"].as_str().unwrap_or_default().to_owned(),
    };
    for row in &story.writes {
        let moves = lines(row).into_iter().filter(|line| matches!(line["policy"].as_str(), Some("link" | "merge")));
        all.moved.extend(moves.map(|line| step(row, &line, line["field"].as_str().unwrap_or_default().to_owned())));
    }
    let merged = all.moved.iter().any(|step| step.write.ends_with(".merge") && step.state == "landed");
    for past in story.past_writes.iter().filter(|past| past.state == WriteState::Applied) {
        let now = story.writes.iter().find(|row| row.write == past.write).and_then(|row| row.record_id.as_deref());
        let Some(then) = past.record_id.as_deref().filter(|then| Some(*then) != now) else { continue };
        if past.op == "create" {
            all.left = (!merged).then(|| past.record_url.clone().unwrap_or_else(|| then.to_owned()));
            continue;
        }
        let landed = lines(past).into_iter().filter(|line| line["state"] == "landed" && line["policy"] != "link");
        all.written_elsewhere
            .extend(landed.map(|line| step(past, &line, format!("{} of {then}", line["field"].as_str().unwrap_or_default()))));
    }
    all
}

/// The same for people.
pub fn moved_text(story: &Story) -> String {
    let all = moved(story);
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", bold(&story.call.id), status(story.call.status.word()));
    if let Some(last) = story.answers.last() {
        let _ = writeln!(out, "  {}", answer(last));
    }
    let shown = |value_: &Value| if value_.is_null() { "nothing".to_owned() } else { value(value_, 60) };
    for step in &all.moved {
        let _ =
            writeln!(out, "  {} {} {}: {} -> {}", status(&step.state), pad(&step.write, 14), step.what, shown(&step.from), shown(&step.to));
    }
    for row in story.writes.iter().filter(|row| row.record_id.is_some()) {
        let record = row.record_url.as_deref().or(row.record_id.as_deref()).unwrap_or_default();
        let _ = writeln!(out, "  {} {} {} {}", status(row.state.word()), pad(&row.write, 14), row.op, dim(record));
    }
    if !all.written_elsewhere.is_empty() {
        let _ = writeln!(out, "  this call wrote into another record; who wants it back as it was:");
    }
    for step in &all.written_elsewhere {
        let _ = writeln!(out, "    {}: {} stood there, {} was written", step.what, shown(&step.from), shown(&step.to));
    }
    if let Some(left) = &all.left {
        let _ = writeln!(out, "  the record that was made meanwhile is left as it is: {left}");
    }
    out
}

/// As versioned JSON.
pub fn json(all: &[Asked]) -> Value {
    json!({ "version": 1, "reviews": all })
}
