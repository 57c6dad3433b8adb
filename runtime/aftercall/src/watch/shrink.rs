//! What has disappeared from a project. Most beginnings of a TOML file are TOML as well, so what is missing may only not be there yet.
//!
//! Not for what a change means: any key that is gone counts, and a value that is another does not.

use std::collections::BTreeSet;
use std::sync::Arc;

use aftercall_config::source::Document;
use serde_json::Value;

use super::look::Look;

/// What of `before` is not in `now`: files, and keys of files that are still there, each as a person would name it. Sorted.
pub(super) fn gone(before: &Look, now: &Look) -> Vec<String> {
    let mut all = Vec::new();
    for path in now.changed(before) {
        let Some(old) = before.files.get(&path) else { continue };
        match now.files.get(&path) {
            None => all.push(path.to_string()),
            Some(new) => {
                let (had, has) = (keys(&path, old), keys(&path, new));
                // Of a table that is gone, its own name says it.
                let mut parent: Option<&str> = None;
                for key in had.difference(&has) {
                    if parent.is_some_and(|parent| key.strip_prefix(parent).is_some_and(|rest| rest.starts_with(['.', '[']))) {
                        continue;
                    }
                    parent = Some(key);
                    all.push(format!("{path}: {key}"));
                }
                // The last line may have been cut within a value.
                if old.ends_with('\n') && !new.ends_with('\n') {
                    all.push(format!("{path}: the end of its last line"));
                }
            }
        }
    }
    all
}

/// Every key of a file. Tables of a list go by their `id` or `name`, so that their order does not count.
fn keys(path: &str, text: &Arc<str>) -> BTreeSet<String> {
    let document = Document::parse(path, text, &mut Vec::new());
    let mut all = BTreeSet::new();
    walk(&document.value, "", &mut all);
    all
}

fn walk(value: &Value, at: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                walk(value, &at, all);
                all.insert(at);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let name = ["id", "name"].iter().find_map(|key| value.get(key)?.as_str());
                let at = name.map_or_else(|| format!("{at}[{index}]"), |name| format!("{at}[{name}]"));
                walk(value, &at, all);
                all.insert(at);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use aftercall_config::source::Files;

    use super::*;

    const WHOLE: &str =
        "name = \"desk\"\n[[write]]\nid = \"a\"\nmapping = \"x/y\"\n[[write]]\nid = \"b\"\nfields.F = 1\nowner = [\"ann\", \"ben\"]\n";

    fn look(text: &str) -> Look {
        Look::of(Files::new().with("pipelines/p.toml", text))
    }

    #[track_caller]
    fn check(now: &str, expected: &[&str]) {
        assert_eq!(gone(&look(WHOLE), &look(now)), expected);
    }

    #[test]
    fn what_is_gone_is_named() {
        check(WHOLE, &[]);
        check(&WHOLE.replace("x/y", "x/z"), &[]);
        check(&WHOLE.replace("\"desk\"", "\"desk\" # the front one"), &[]);
        check("name = \"desk\"\n", &["pipelines/p.toml: write"]);
        check(&WHOLE.replace("fields.F = 1\n", ""), &["pipelines/p.toml: write[b].fields"]);
        check(&WHOLE.replace(", \"ben\"", ""), &["pipelines/p.toml: write[b].owner[1]"]);
        check(
            "name = \"desk\"\n[[write]]\nid = \"b\"\nfields.F = 1\nowner = [\"ann\", \"ben\"]\n[[write]]\nid = \"a\"\nmapping = \"x/y\"\n",
            &[],
        );
        assert_eq!(gone(&look(WHOLE), &Look::of(Files::new())), ["pipelines/p.toml"]);
    }

    /// Of every beginning of the file that is TOML, something is missed.
    #[test]
    fn no_beginning_passes_for_the_whole() {
        let mut toml = 0;
        for end in (0..WHOLE.len()).filter(|end| WHOLE.is_char_boundary(*end)) {
            let mut findings = Vec::new();
            Document::parse("p.toml", &WHOLE[..end].into(), &mut findings);
            if findings.is_empty() {
                toml += 1;
                assert!(!gone(&look(WHOLE), &look(&WHOLE[..end])).is_empty(), "{:?}", &WHOLE[..end]);
            }
        }
        assert!(toml > 8, "many beginnings are TOML: {toml}");
    }
}
