//! `--update`: expectations that do not hold are rewritten with what came. Everything else in the file stays as it is, comments too.

use std::collections::BTreeMap;
use std::path::Path;

use aftercall_config::source::Step;
use aftercall_plan::trial::{Fix, Miss};
use anyhow::Context as _;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value as Toml};

use super::super::talk::talk as say;
use crate::view::tests::{Came, Tested};

/// Rewrites the files of failed tests. What only a person can mend still fails.
///
/// Errors: a file cannot be written, or is not what was read a moment ago.
pub(super) fn all(root: &Path, tested: &mut [Tested<'_>]) -> anyhow::Result<()> {
    let mut files: BTreeMap<String, DocumentMut> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for one in tested.iter_mut() {
        let Came::Failed(misses) = &mut one.came else { continue };
        let file = one.test.file().to_string();
        let document = match files.entry(file.clone()) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(one.test.document.text.parse().with_context(|| format!("reading {file}"))?)
            }
        };
        let before = misses.len();
        misses.retain(|miss| !mend(document.as_item_mut(), &one.test.path(&miss.at), miss));
        *counts.entry(file).or_default() += before - misses.len();
        one.came = match std::mem::take(misses) {
            none if none.is_empty() => Came::Updated(before),
            rest => Came::Failed(rest),
        };
    }
    for (file, document) in files {
        let count = counts.get(&file).copied().unwrap_or_default();
        if count > 0 {
            std::fs::write(root.join(&file), document.to_string()).with_context(|| format!("writing {file}"))?;
            say(&format!("{file}: {count} expectation{} rewritten\n", if count == 1 { "" } else { "s" }));
        }
    }
    Ok(())
}

/// Mends one expectation; false where that cannot be done.
fn mend(root: &mut Item, path: &[Step], miss: &Miss) -> bool {
    match &miss.fix {
        Fix::Nobody => false,
        Fix::Set(value) => toml(value).is_some_and(|value| set(root, path, value)),
        Fix::Remove => remove(root, path),
        Fix::Add(write) => {
            // The path is that of `exact`, beside which the writes stand.
            let Some(expect) = path.split_last().and_then(|(_, parents)| reach(root, parents)) else { return false };
            add(expect, write)
        }
    }
}

/// What stands at a path.
fn reach<'i>(item: &'i mut Item, path: &[Step]) -> Option<&'i mut Item> {
    // Looked at first: `get_mut` makes what is not there.
    path.iter().try_fold(&*item, |here, step| match step {
        Step::Key(key) => here.get(key.as_str()),
        Step::Index(index) => here.get(*index),
    })?;
    path.iter().try_fold(item, |here, step| match step {
        Step::Key(key) => here.get_mut(key.as_str()),
        Step::Index(index) => here.get_mut(*index),
    })
}

fn set(root: &mut Item, path: &[Step], mut value: Toml) -> bool {
    let Some((Step::Key(last), parents)) = path.split_last() else { return false };
    // The nearest table that is there; what lies between it and the value is made on the way.
    let mut depth = parents.len();
    while depth > 0 && reach(root, &parents[..depth]).is_none() {
        depth -= 1;
    }
    let missing: Vec<&str> =
        parents[depth..].iter().filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None }).collect();
    if missing.len() != parents.len() - depth {
        return false;
    }
    let Some(mut here) = reach(root, &parents[..depth]) else { return false };
    for key in missing {
        let inline = here.as_table().is_none();
        let Some(table) = here.as_table_like_mut() else { return false };
        let new = if inline { Item::Value(Toml::InlineTable(InlineTable::new())) } else { Item::Table(Table::new()) };
        here = table.entry(key).or_insert(new);
    }
    let Some(table) = here.as_table_like_mut() else { return false };
    match table.get_mut(last) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        Some(item) => *item = Item::Value(value),
        None => {
            table.insert(last, Item::Value(value));
        }
    }
    true
}

fn remove(root: &mut Item, path: &[Step]) -> bool {
    let Some((Step::Key(last), parents)) = path.split_last() else { return false };
    reach(root, parents).and_then(Item::as_table_like_mut).is_some_and(|table| table.remove(last).is_some())
}

/// One more `[[test.expect.write]]`.
fn add(expect: &mut Item, write: &serde_json::Value) -> bool {
    let Some(table) = expect.as_table_like_mut() else { return false };
    match table.entry("write").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new())) {
        Item::ArrayOfTables(list) => {
            list.push(table_of(write));
            true
        }
        Item::Value(Toml::Array(list)) => toml(write).map(|write| list.push(write)).is_some(),
        _ => false,
    }
}

/// A table whose members stand a line each, tables of them inline.
fn table_of(value: &serde_json::Value) -> Table {
    let mut table = Table::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        if let Some(value) = toml(value) {
            table.insert(key, Item::Value(value));
        }
    }
    table
}

/// A value as TOML has it; `None` for null, which it has not.
pub(crate) fn toml(value: &serde_json::Value) -> Option<Toml> {
    use serde_json::Value;
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => Toml::from(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Toml::from(whole),
            None => Toml::from(number.as_f64()?),
        },
        Value::String(text) => Toml::from(text.as_str()),
        Value::Array(items) => Toml::Array(items.iter().filter_map(toml).collect::<Array>()),
        Value::Object(members) => {
            let mut table = InlineTable::new();
            for (key, value) in members {
                if let Some(value) = toml(value) {
                    table.insert(key, value);
                }
            }
            Toml::InlineTable(table)
        }
    })
}

#[cfg(test)]
mod tests {
    use aftercall_config::source::path;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: &str, at: &[Step], fix: Fix, after: &str) {
        let mut document: DocumentMut = before.parse().expect("TOML");
        let miss =
            Miss { at: Vec::new(), what: String::new(), expected: String::new(), got: String::new(), because: None, origin: None, fix };
        assert!(mend(document.as_item_mut(), at, &miss));
        assert_eq!(document.to_string(), after);
    }

    #[test]
    fn comments_stay() {
        let at = [path(["test"]), vec![Step::Index(0)], path(["expect", "match"])].concat();
        check(
            "# head\n[[test]]\nname = \"a\" # why\n[test.expect]\nmatch   =  \"new\"  # who\n",
            &at,
            Fix::Set(json!("matched")),
            "# head\n[[test]]\nname = \"a\" # why\n[test.expect]\nmatch   =  \"matched\"  # who\n",
        );
        check("[[test]]\nexpect = { match = \"new\", exact = true }\n", &at, Fix::Remove, "[[test]]\nexpect = { exact = true }\n");
        let exact = [path(["test"]), vec![Step::Index(0)], path(["expect", "exact"])].concat();
        check(
            "[[test]]\nname = \"a\"\n[test.expect]\nexact = true\n",
            &exact,
            Fix::Add(json!({"id": "call", "fields": {"A": 1, "B": [true]}})),
            "[[test]]\nname = \"a\"\n[test.expect]\nexact = true\n\n[[test.expect.write]]\nid = \"call\"\nfields = { A = 1, B = [true] }\n",
        );
        let requests = [path(["test"]), vec![Step::Index(0)], path(["expect", "requests", "crm"])].concat();
        check("[[test]]\n[test.expect]\n", &requests, Fix::Set(json!(2)), "[[test]]\n[test.expect]\n\n[test.expect.requests]\ncrm = 2\n");
    }
}
