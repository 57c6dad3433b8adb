//! What is otherwise in a system than its lock says, with the lines that it touches: as lines and as JSON.

use std::fmt::Write as _;

use aftercall_config::decl::FieldType;
use aftercall_config::lock::{Change, What};
use aftercall_config::project::Origin;
use serde_json::{Value, json};

use super::words::{dim, green, red, yellow};

/// A change with its lines.
pub(crate) type Touching = (Change, Vec<Origin>);

/// For people: a line per change, the lines that it touches below it.
pub(crate) fn text(changes: &[Touching]) -> String {
    let mut out = String::new();
    for (change, lines) in changes {
        let name = change.field.as_ref().map_or_else(|| change.object.clone(), |field| format!("{}.{field}", change.object));
        let sign = match change.what {
            What::Added | What::ValueAdded { .. } => green("+"),
            What::Gone | What::ValueGone { .. } => red("-"),
            _ => yellow("~"),
        };
        let _ = writeln!(out, "{sign} {name}: {}", said(change));
        for line in lines {
            let _ = writeln!(out, "    {}", dim(&line.to_string()));
        }
    }
    out
}

/// One change in words, without its name.
pub(crate) fn said(change: &Change) -> String {
    let kind = |kind: FieldType| kind.word();
    let length = |length: Option<usize>| length.map_or_else(|| "no limit".to_owned(), |most| format!("{most} characters"));
    match &change.what {
        What::Added => "is new".to_owned(),
        What::Gone => "is gone".to_owned(),
        What::Type { old, new } => format!("was {}, is {}", kind(*old), kind(*new)),
        What::Length { old, new } => format!("took {}, takes {}", length(*old), length(*new)),
        What::Flag { name, new } => match (*name, new) {
            ("create", true) => "can be written on a new record",
            ("create", false) => "cannot be written on a new record any more",
            ("update", true) => "can be written on a record that is there",
            ("update", false) => "cannot be written on a record that is there any more",
            ("required", true) => "is needed by a new record",
            ("required", false) => "is not needed by a new record any more",
            ("unique", true) => "has unique values",
            ("unique", false) => "may have one value twice",
            (_, true) => "refuses values that it lacks",
            (_, false) => "takes other values, too",
        }
        .to_owned(),
        What::ValueAdded { value } => format!("has the value `{value}`"),
        What::ValueGone { value } => format!("has no value `{value}` any more"),
        What::Wording => "is called otherwise, or has its values in another order".to_owned(),
    }
}

/// For programs.
pub(crate) fn json(changes: &[Touching]) -> Value {
    let one = |(change, lines): &Touching| {
        let mut out = json!(change);
        out["at"] = lines.iter().map(|line| json!({"file": line.file, "line": line.line})).collect();
        out
    };
    changes.iter().map(one).collect()
}
