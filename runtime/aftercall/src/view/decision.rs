//! A match decision in full: every candidate with its sum, line by line, and what would have changed it.

use std::fmt::Write as _;

use aftercall_config::decl::KeyId;
use aftercall_plan::decision::{Evidence, MatchDecision, Scored};
use serde_json::{Value, json};

use super::words::{bold, cut, dim, pad, status};

/// Candidates that are shown in full; of the others only the sum.
const IN_FULL: usize = 3;

/// As text.
pub(crate) fn text(call: &str, decision: &MatchDecision) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}  {}", bold(call), status(decision.verdict.as_str()), decision.because);
    if !decision.searched.is_empty() {
        let rounds: Vec<&str> = decision.searched.iter().map(|key| by(*key)).collect();
        let _ = writeln!(out, "  {}", dim(&format!("searched by {}", rounds.join(", then by "))));
    }
    for candidate in decision.candidates.iter().take(IN_FULL) {
        full(&mut out, candidate);
    }
    for candidate in decision.candidates.iter().skip(IN_FULL) {
        let _ = writeln!(out, "  {:>6.1} bits  {} ({})", candidate.bits, candidate.name, candidate.id);
    }
    let review = decision.review_from.map(|from| format!(", asked about from {from:.2}")).unwrap_or_default();
    let _ =
        writeln!(out, "\n  {}", dim(&format!("accepted from {:.1} bits with a lead of {:.1}{review}", decision.accept, decision.margin)));
    for what in &decision.what_if {
        let name = decision.candidates.iter().find(|c| c.id == what.id).map_or(what.id.as_str(), |c| c.name.as_str());
        let _ = writeln!(
            out,
            "  it would be {} if {} of {name} were `{}` and not `{}`",
            status(what.verdict.as_str()),
            what.on,
            what.then,
            what.level
        );
    }
    if let Some(question) = &decision.review {
        let _ = writeln!(out, "  review: {question}");
    }
    out
}

/// What a round of searches goes by. The first takes numbers and addresses together.
fn by(key: KeyId) -> &'static str {
    match key {
        KeyId::Number => "number and e-mail",
        KeyId::Email => "e-mail",
        KeyId::EmailNear => "an e-mail that sounds alike",
        KeyId::Name => "name",
        KeyId::Account => "company",
    }
}

fn full(out: &mut String, candidate: &Scored) {
    let _ = writeln!(out, "\n  {}  {} ({})", bold(&format!("{:>6.1} bits", candidate.bits)), candidate.name, candidate.id);
    for line in &candidate.evidence {
        let bits = if line.bits == 0.0 { dim("     .") } else { format!("{:+6.1}", line.bits) };
        let _ = writeln!(out, "    {bits}  {}  {}  {}", pad(&line.on, 14), pad(&line.level, 16), dim(&sides(line)));
    }
}

fn sides(line: &Evidence) -> String {
    match (&line.caller, &line.record) {
        (Some(caller), Some(record)) if caller == record => cut(caller, 60),
        (Some(caller), Some(record)) => format!("{} / {}", cut(caller, 40), cut(record, 40)),
        (Some(caller), None) => format!("{} / -", cut(caller, 40)),
        (None, Some(record)) => format!("- / {}", cut(record, 40)),
        (None, None) => String::new(),
    }
}

/// As a versioned JSON document.
pub(crate) fn json(decisions: &[(String, MatchDecision)]) -> Value {
    let list: Vec<Value> = decisions.iter().map(|(call, decision)| json!({ "call": call, "decision": decision })).collect();
    json!({ "version": 1, "decisions": list })
}
