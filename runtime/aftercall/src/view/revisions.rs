//! Two revisions over the same calls: one document, and its views as text and as Markdown for a pull request.

use std::fmt::Write as _;

use aftercall_config::difference::{
    CallCounts, CallDifference, CauseSaid, DiffDocument, EffectSaid, KindCount, LineSaid, RevisionSaid, UnreadCount,
};
use aftercall_plan::revisions::{Compared, ContactChange, Effect, Kind, Move, Part, Report, Revision};
use serde_json::Value;

use super::words::{bold, cut, dim, green, pad, red, value, yellow};

/// Kinds that the sentence names; of more, only the number.
const NAMED: usize = 6;
/// Rows of the table in Markdown that are seen at once; the others are folded.
const ROWS: usize = 12;
/// Rows that a comment carries at most: a host cuts off or refuses what is longer than 65,536 characters.
const MOST_ROWS: usize = 100;

/// What is said of the comparison. `with_values` says whether what callers and records say goes along.
pub(crate) fn document(old: RevisionSaid, new: RevisionSaid, calls: &[Compared], with_values: bool) -> DiffDocument {
    let report = Report::of(calls);
    let effect = |effect: &Effect| said(effect, with_values);
    let causes = report.groups.iter().map(|group| CauseSaid {
        line: LineSaid {
            file: group.cause.origin.file.to_string(),
            line: group.cause.origin.line,
            revision: if group.cause.revision == Revision::Old { "old" } else { "new" }.to_owned(),
            text: group.cause.text.clone(),
        },
        words: words(&group.kind, group.calls),
        calls: group.calls,
        example: effect(&group.effect),
        call: group.example.clone(),
    });
    let told = calls.iter().filter(|call| !call.effects.is_empty() || call.recorded && !call.unread.is_empty());
    let changes = told.map(|call| CallDifference {
        call: call.call.clone(),
        effects: call.effects.iter().map(effect).collect(),
        unread: call.unread.iter().map(ToString::to_string).collect(),
    });
    DiffDocument {
        version: 1,
        old,
        new,
        summary: summary(&report),
        calls: CallCounts {
            compared: report.compared,
            changed: report.changed,
            incomplete: report.incomplete,
            not_recorded: report.not_recorded,
            not_taken: report.not_taken,
        },
        kinds: report.kinds.iter().map(|(kind, calls)| KindCount { words: words(kind, *calls), calls: *calls }).collect(),
        causes: causes.collect(),
        unread: report.unread.iter().map(|(what, calls)| UnreadCount { what: what.to_string(), calls: *calls }).collect(),
        changes: changes.collect(),
    }
}

fn said(effect: &Effect, with_values: bool) -> EffectSaid {
    let value = |side: &Option<Value>| side.clone().filter(|_| with_values);
    EffectSaid {
        words: words(&effect.kind, 1),
        write: effect.write.clone(),
        connection: effect.object.as_ref().map(|(connection, _)| connection.clone()),
        object: effect.object.as_ref().map(|(_, object)| object.clone()),
        field: effect.field.clone(),
        old: value(&effect.old),
        new: value(&effect.new),
        because_of: effect.cause.origin.to_string(),
    }
}

/// "12 of 341 calls change: 9 gain a due date, 3 attach to another contact".
fn summary(report: &Report) -> String {
    let calls = |n: u64| format!("{n} call{}", if n == 1 { "" } else { "s" });
    let of = calls(report.compared + report.not_recorded);
    if report.changed == 0 {
        return format!("none of {of} changes");
    }
    let named: Vec<String> = report.kinds.iter().take(NAMED).map(|(kind, n)| format!("{n} {}", words(kind, *n))).collect();
    let more = report.kinds.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} other kinds of change") } else { String::new() };
    let change = if report.changed == 1 { "changes" } else { "change" };
    format!("{} of {of} {change}: {}{more}", report.changed, named.join(", "))
}

/// What so many calls do.
fn words(kind: &Kind, calls: u64) -> String {
    let one = calls == 1;
    let verb = |single: &str, plural: &str| if one { single.to_owned() } else { plural.to_owned() };
    let moves = |way: Move, what: &str, another: &str| match way {
        Move::Gains => format!("{} {what}", verb("gains", "gain")),
        Move::Loses => format!("{} {what}", verb("loses", "lose")),
        Move::Other => format!("{} {another}", verb("gets", "get")),
    };
    match kind {
        Kind::Pipeline(Move::Gains) => format!("{} taken by a pipeline now", verb("is", "are")),
        Kind::Pipeline(Move::Loses) => format!("{} taken by no pipeline any more", verb("is", "are")),
        Kind::Pipeline(Move::Other) => format!("{} another pipeline", verb("takes", "take")),
        Kind::Contact(ContactChange::Another) => format!("{} to another contact", verb("attaches", "attach")),
        Kind::Contact(ContactChange::Found) => format!("{} to a contact that is there already", verb("attaches", "attach")),
        Kind::Contact(ContactChange::Lost) => format!("{} to the contact no more", verb("attaches", "attach")),
        Kind::Contact(ContactChange::Otherwise) => format!("{} decided otherwise, without a contact as before", verb("is", "are")),
        Kind::Question(Move::Loses) => format!("{} a person no more", verb("asks", "ask")),
        Kind::Question(_) => format!("{} a person", verb("asks", "ask")),
        Kind::Write(id, Move::Other) => format!("{} `{id}` otherwise", verb("does", "do")),
        Kind::Write(id, way) => moves(*way, &format!("`{id}`"), ""),
        Kind::Time(way) => moves(*way, "a booked time", "another booked time"),
        Kind::Part(Part::Owner, way) => moves(*way, "an owner", "another owner"),
        Kind::Part(Part::Due, way) => moves(*way, "a due date", "another due date"),
        Kind::Part(Part::Priority, way) => moves(*way, "a priority", "another priority"),
        Kind::Field(object, field, way) => moves(*way, &format!("`{field}` of {object}"), &format!("another `{field}` of {object}")),
        Kind::Link(object, link, way) => {
            moves(*way, &format!("the link `{link}` of {object}"), &format!("another `{link}` linked to the {object}"))
        }
    }
}

/// For people.
pub(crate) fn text(diff: &DiffDocument) -> String {
    let mut out = format!("{}\n", bold(&diff.summary));
    for cause in &diff.causes {
        let went = if cause.line.revision == "old" { red(" (gone)") } else { String::new() };
        let at = format!("{}:{}", cause.line.file, cause.line.line);
        let _ = writeln!(out, "\n{}{went}  {}", bold(&at), dim(&cut(&cause.line.text, 90)));
        let _ = writeln!(out, "  {} {}, such as {}", cause.calls, cause.words, cut(&cause.call, 60));
        let _ = writeln!(out, "    {}", change(&cause.example));
    }
    if !diff.causes.is_empty() {
        out.push('\n');
    }
    for line in remarks(diff, "--live") {
        let _ = writeln!(out, "{} {line}", yellow("note"));
    }
    out
}

/// A value of one side, as text.
pub(crate) fn side(side: &Option<Value>) -> String {
    side.as_ref().map_or_else(|| "nothing".to_owned(), |it| value(it, 60))
}

/// One change on a line.
fn change(effect: &EffectSaid) -> String {
    let place: Vec<&str> = [&effect.write, &effect.object, &effect.field].into_iter().flatten().map(String::as_str).collect();
    let sides = match (&effect.old, &effect.new) {
        (None, None) => return place.join("  "),
        (old, new) => format!("{} -> {}", dim(&side(old)), green(&side(new))),
    };
    if place.is_empty() { sides } else { format!("{}  {sides}", pad(&place.join("  "), 24)) }
}

/// What a person should know beside the changes. `live` is how what was not recorded is read.
pub(crate) fn remarks(diff: &DiffDocument, live: &str) -> Vec<String> {
    let mut out = Vec::new();
    let counts = &diff.calls;
    let calls = |n: u64| format!("{n} call{}", if n == 1 { "" } else { "s" });
    if counts.incomplete > 0 {
        let unread: Vec<String> = diff.unread.iter().take(NAMED).map(|one| format!("{} ({})", one.what, one.calls)).collect();
        out.push(format!(
            "about {} something is wanted that was not recorded, and stands for nothing here: {}; {live} reads it",
            calls(counts.incomplete),
            unread.join(", ")
        ));
    }
    if counts.not_recorded > 0 {
        out.push(format!(
            "of {} there is no record of what was read, so only the pipeline was compared; {live} reads it",
            calls(counts.not_recorded)
        ));
    }
    if counts.not_taken > 0 {
        out.push(format!("no pipeline takes {} in either revision", calls(counts.not_taken)));
    }
    out
}

/// For a pull request: the sentence, a table, the rest folded.
pub(crate) fn markdown(diff: &DiffDocument) -> String {
    let mut out = format!("### {}\n\n", escaped(&sentence(&diff.summary)));
    let revision = |said: &RevisionSaid| match &said.commit {
        Some(commit) => format!("`{}` ({commit})", code(&said.name)),
        None => said.name.clone(),
    };
    let _ = writeln!(
        out,
        "Recorded calls, planned again offline under {} (config `{}`) and {} (config `{}`).\n",
        revision(&diff.old),
        diff.old.config,
        revision(&diff.new),
        diff.new.config
    );
    let rows: Vec<String> = diff.causes.iter().take(MOST_ROWS).map(row).collect();
    let head = "| calls | what | because of | such as |\n| ---: | --- | --- | --- |\n";
    if !rows.is_empty() {
        let (shown, folded) = rows.split_at(rows.len().min(ROWS));
        let _ = writeln!(out, "{head}{}", shown.concat());
        if !folded.is_empty() {
            let _ =
                writeln!(out, "<details><summary>{} more</summary>\n\n{head}{}\n</details>\n", diff.causes.len() - ROWS, folded.concat());
        }
    }
    for line in remarks(diff, "--live") {
        let _ = writeln!(out, "> {}\n", escaped(&sentence(&line)));
    }
    let ids: Vec<&str> = diff.changes.iter().filter(|call| !call.effects.is_empty()).map(|call| call.call.as_str()).collect();
    if !ids.is_empty() {
        let shown: Vec<String> = ids.iter().take(MOST_ROWS).map(|id| format!("`{}`", code(id))).collect();
        let more = if ids.len() > MOST_ROWS { format!(" and {} more", ids.len() - MOST_ROWS) } else { String::new() };
        let _ = writeln!(out, "<details><summary>The calls that change</summary>\n\n{}{more}\n</details>", shown.join(" "));
    }
    out
}

fn row(cause: &CauseSaid) -> String {
    let went = if cause.line.revision == "old" { " (gone)" } else { "" };
    let example = match (&cause.example.old, &cause.example.new) {
        (None, None) => String::new(),
        (old, new) => {
            let side =
                |side: &Option<Value>| side.as_ref().map_or_else(|| "nothing".to_owned(), |it| format!("`{}`", code(&value(it, 60))));
            let field = cause.example.field.as_ref().map(|field| format!("`{}` ", code(field))).unwrap_or_default();
            format!("<br>{field}{} → {}", side(old), side(new))
        }
    };
    format!(
        "| {} | {} | `{}:{}`{went}<br>`{}` | `{}`{example} |\n",
        cause.calls,
        escaped(&cause.words),
        code(&cause.line.file),
        cause.line.line,
        code(&cut(&cause.line.text, 80)),
        code(&cut(&cause.call, 60))
    )
}

/// Text inside a code span of a table: nothing ends the span or the cell.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| {
            if c == '`' {
                '\''
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect();
    text.replace('|', "\\|")
}

/// Text of our own with code spans: what a caller or a project says cannot become a tag, a mention or a cell.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('@', "&#64;")
}

/// A text with a capital at its beginning.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_cell() {
        assert_eq!(code("a|`b`\nc"), "a\\|'b' c");
        assert_eq!(escaped("<b> @team a|b"), "&lt;b> &#64;team a\\|b");
    }

    #[test]
    fn one_and_many() {
        let due = Kind::Part(Part::Due, Move::Gains);
        assert_eq!((words(&due, 1).as_str(), words(&due, 9).as_str()), ("gains a due date", "gain a due date"));
        let another = Kind::Contact(ContactChange::Another);
        assert_eq!(
            (words(&another, 1).as_str(), words(&another, 3).as_str()),
            ("attaches to another contact", "attach to another contact")
        );
    }
}
