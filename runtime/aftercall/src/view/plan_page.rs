//! Plans for whoever approves them: as Markdown, and as a page of HTML that needs nothing else.
//!
//! Both are views of one list of lines. What a caller said is escaped, and nothing on the page is fetched or run.

use std::fmt::Write as _;

use aftercall_plan::model::{FieldVerdict, LinkTo, Op, Write};
use aftercall_plan::promise::Promise;

use super::plan::{heading, shown};
use super::words::value;

/// Values are cut at so many characters: a page is to be read.
const LONGEST: usize = 300;

/// One line about a field or a link.
struct Line {
    sign: &'static str,
    name: String,
    before: String,
    after: String,
    policy: String,
    at: String,
}

/// One write.
struct Said {
    /// How it is marked: `create`, `update`, `kept`, `blocked`.
    kind: &'static str,
    title: String,
    lines: Vec<Line>,
}

/// What a write comes to; `None` where nothing is done and not all is to be shown.
fn said(write: &Write, all: bool) -> Option<Said> {
    let object = &write.object;
    let (kind, title) = match &write.op {
        Op::Create { .. } => ("create", format!("{}: create a new {object}", write.id)),
        Op::Update { id } => ("update", format!("{}: update {object} {id}", write.id)),
        Op::Merge { id, other } => ("update", format!("{}: merge {object} {other} into {id}", write.id)),
        Op::Blocked { because } => ("blocked", format!("{}: blocked: {because}", write.id)),
        Op::Nothing { because, .. } => ("kept", format!("{}: nothing to do: {because}", write.id)),
        Op::Skipped { because } => ("kept", format!("{}: skipped: {because}", write.id)),
    };
    if kind == "kept" && !all {
        return None;
    }
    let fields = write.fields.iter().filter(|field| all || shown(field)).map(|field| {
        let sign = match (field.verdict, &field.before) {
            (FieldVerdict::Write, None) => "new",
            (FieldVerdict::Write, Some(_)) => "changed",
            (FieldVerdict::Same, _) => "there already",
            (FieldVerdict::Kept, _) => "kept",
            (FieldVerdict::Conflict, _) => "kept: a person changed it",
            (FieldVerdict::Absent, _) => "not in this call",
        };
        let text = |side: &Option<serde_json::Value>| side.as_ref().map(|it| value(it, LONGEST)).unwrap_or_default();
        let because = field.because.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
        Line {
            sign,
            name: field.field.clone(),
            before: text(&field.before),
            after: text(&field.after),
            policy: format!("{}{because}", field.policy.as_str()),
            at: field.origin.to_string(),
        }
    });
    let links = write.links.iter().map(|link| Line {
        sign: "link",
        name: link.link.clone(),
        before: link.from.clone().unwrap_or_default(),
        after: match &link.to {
            LinkTo::Id(id) => id.clone(),
            LinkTo::Write(write) => format!("the record of {write}"),
        },
        policy: String::new(),
        at: link.origin.to_string(),
    });
    Some(Said {
        kind,
        title: format!("{title} ({}, {})", write.connection, write.guarantee.as_str()),
        lines: fields.chain(links).collect(),
    })
}

/// The heading of a call, without the colours of a terminal.
fn title(promise: &Promise) -> String {
    anstream::adapter::strip_str(&heading(&promise.plan, &promise.call)).to_string()
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// As Markdown.
pub(crate) fn markdown(plans: &[Promise], summary: &str, all: bool) -> String {
    let mut out = format!("### {}\n", md(&plain(summary)));
    for promise in plans {
        let decision = &promise.plan.decision;
        let _ = writeln!(out, "\n#### {}\n\n**{}**: {}", md(&title(promise)), decision.verdict.as_str(), md(&decision.because));
        if let Some(review) = &decision.review {
            let _ = writeln!(out, "\n> {}", md(review));
        }
        for write in promise.plan.writes.iter().filter_map(|write| said(write, all)) {
            let _ = writeln!(out, "\n{}", md(&write.title));
            if write.lines.is_empty() {
                continue;
            }
            out.push_str("\n| field | before | after | policy | asked by |\n| --- | --- | --- | --- | --- |\n");
            for line in &write.lines {
                let cells = [&line.name, &line.before, &line.after, &line.policy, &line.at].map(|cell| md(cell));
                let _ = writeln!(out, "| {} |", cells.join(" | "));
            }
        }
        for note in &promise.plan.notes {
            let at = note.origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
            let _ = writeln!(out, "\n> {}{}", md(&note.text), md(&at));
        }
    }
    out
}

/// Text in which nothing is a mark, a tag, a mention or the end of a cell.
fn md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => out.extend(['\\', letter]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// As a page.
pub(crate) fn html(plans: &[Promise], summary: &str, all: bool) -> String {
    let mut out = format!("{HEAD}<h1>{}</h1>\n", escaped(&plain(summary)));
    for promise in plans {
        let decision = &promise.plan.decision;
        let _ = write!(
            out,
            "<section>\n<h2>{}</h2>\n<p><b class=\"{v}\">{v}</b> {}</p>\n",
            escaped(&title(promise)),
            escaped(&decision.because),
            v = decision.verdict.as_str()
        );
        if let Some(review) = &decision.review {
            let _ = writeln!(out, "<p class=\"ask\">{}</p>", escaped(review));
        }
        for write in promise.plan.writes.iter().filter_map(|write| said(write, all)) {
            let _ = writeln!(out, "<h3 class=\"{}\">{}</h3>", write.kind, escaped(&write.title));
            if write.lines.is_empty() {
                continue;
            }
            out.push_str("<div class=\"wide\"><table>\n<tr><th>field<th>before<th>after<th>what<th>policy<th>asked by</tr>\n");
            for line in &write.lines {
                let cell = |text: &str| escaped(text);
                let _ = writeln!(
                    out,
                    "<tr><td>{}<td>{}<td><ins>{}</ins><td>{}<td>{}<td><code>{}</code></tr>",
                    cell(&line.name),
                    cell(&line.before),
                    cell(&line.after),
                    line.sign,
                    cell(&line.policy),
                    cell(&line.at)
                );
            }
            out.push_str("</table></div>\n");
        }
        for note in &promise.plan.notes {
            let at = note.origin.as_ref().map(|origin| format!(" <code>{}</code>", escaped(&origin.to_string()))).unwrap_or_default();
            let _ = writeln!(out, "<p class=\"note\">{}{at}</p>", escaped(&note.text));
        }
        out.push_str("</section>\n");
    }
    out + "</body>\n</html>\n"
}

/// Text that is text wherever it stands in HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// The page's head: no script, and nothing from anywhere else; a browser is told so, too.
const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>What would be written</title>
<style>
:root { --ink: #1d2330; --paper: #ffffff; --edge: #d5d9e2; --soft: #5d6677; --create: #16794a; --update: #8a5a00; --blocked: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ee; --paper: #14171f; --edge: #343a48; --soft: #9aa3b5; --create: #5fd39a; --update: #f0c060; --blocked: #ff8a80; }
}
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 0; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
section { border: 1px solid var(--edge); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-top: 1px solid var(--edge); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; } code { color: var(--soft); } ins { text-decoration: none; color: var(--create); }
.create { color: var(--create); } .update { color: var(--update); } .blocked, .ask { color: var(--blocked); } .kept, .note { color: var(--soft); }
</style>
</head>
<body>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_says_is_text() {
        assert_eq!(escaped("<script>alert('\"&\"')</script>"), "&lt;script&gt;alert(&#39;&quot;&amp;&quot;&#39;)&lt;/script&gt;");
        assert_eq!(md("**a**|[b](c) <i> @team\n# d"), "\\*\\*a\\*\\*\\|\\[b\\](c) &lt;i> &#64;team \\# d");
    }
}
