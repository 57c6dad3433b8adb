//! Mappings: fields compiled and checked, and everything that a mapping says by itself.
//!
//! Not for what depends on who uses it: a connection, links, targets are the pipeline's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Typed, Written};
use crate::decl::{FieldDecl, MappingDecl, PolicyDecl};
use crate::finding::{Code, Finding, Place};
use crate::project::{Connector, FieldRule, Origin};
use crate::source::{Document, path};
use crate::template::Template;
use crate::types::Type;

/// Connectors by system; absent where the connector has errors of its own.
pub(super) type Connectors<'a> = BTreeMap<&'a str, Option<Arc<Connector>>>;

/// Checks what a mapping says by itself. `types` is given for one that no pipeline uses: its templates are checked here, too.
pub(super) fn check(
    typed: &Typed<MappingDecl>,
    connectors: &Connectors<'_>,
    written: &Written,
    types: Option<&Type>,
    findings: &mut Vec<Finding>,
) {
    let system = &typed.decl.system;
    if !connectors.contains_key(system.as_str()) && !written.is_broken(&format!("mappings/{system}/connector.toml")) {
        let finding =
            Finding::new(Code::UnknownSystem, format!("there is no connector for `{system}`"), typed.document.place(&path(["system"])));
        findings.push(finding.suggest(system, connectors.keys().copied()));
    }
    let Some(types) = types else { return };
    let base = typed.document.place(&path(["fields"]));
    for (name, decl) in &typed.decl.fields {
        field(name, decl, &typed.document, base.clone().down(name), types, findings);
    }
}

/// Compiles one field, of a mapping or of a write; `None` where its value cannot be used.
pub(super) fn field(
    name: &str,
    decl: &FieldDecl,
    document: &Document,
    at: Place,
    types: &Type,
    findings: &mut Vec<Finding>,
) -> Option<FieldRule> {
    let origin = Origin { file: document.file.clone(), line: document.line(&at.path) };
    // A table names its template under `value`; a plain value is the template.
    let table = document.at(&at.path).is_some_and(serde_json::Value::is_object);
    let value_at = if table { at.clone().down("value") } else { at.clone() };
    let value = Template::compile(&decl.value, &value_at, types, findings);
    let on_create = decl.on_create.unwrap_or(decl.policy);
    let on_update = decl.on_update.unwrap_or(decl.policy);
    check_policy(name, decl, [on_create, on_update], &at, findings);
    Some(FieldRule {
        field: name.to_owned(),
        value: value?,
        on_create,
        on_update,
        else_to: decl.else_to.clone(),
        map: decl.map.clone(),
        order: decl.order.clone(),
        max_chars: decl.max_chars,
        separator: decl.separator.clone().unwrap_or_else(|| "\n".to_owned()),
        required: decl.required,
        origin,
    })
}

fn check_policy(name: &str, decl: &FieldDecl, policies: [PolicyDecl; 2], at: &Place, findings: &mut Vec<Finding>) {
    let mut add = |message: String, at: Place, help: &str| findings.push(Finding::new(Code::Policy, message, at).help(help));
    let advances = policies.contains(&PolicyDecl::Advance);
    if advances && decl.order.len() < 2 {
        add(
            format!("`{name}` advances, but its `order` has fewer than two values"),
            at.clone().key(),
            "write `order = [\"first\", \"second\", ...]`",
        );
    }
    if !advances && !decl.order.is_empty() {
        add("`order` is for the policy `advance`".to_owned(), at.clone().down("order").key(), "write `policy = \"advance\"`");
    }
    if !policies.contains(&PolicyDecl::Fill) && !decl.else_to.is_empty() {
        add("`else_to` is for the policy `fill`".to_owned(), at.clone().down("else_to").key(), "write `policy = \"fill\"`");
    }
    if !policies.contains(&PolicyDecl::Append) && decl.separator.is_some() {
        add("`separator` is for the policy `append`".to_owned(), at.clone().down("separator").key(), "write `policy = \"append\"`");
    }
    if decl.else_to.iter().any(|other| other == name) {
        add(
            format!("`else_to` names `{name}` itself"),
            at.clone().down("else_to"),
            "name the fields that take the value when this one is taken",
        );
    }
    if decl.max_chars == Some(0) {
        add(
            format!("`max_chars = 0` leaves nothing of `{name}`"),
            at.clone().down("max_chars"),
            "leave the field out, or give it a policy of `never`",
        );
    }
    // A fixed value outside of the order would never be written.
    let value = decl.value.as_str().filter(|value| advances && decl.order.len() > 1 && decl.map.is_empty() && !value.contains("{{"));
    if let Some(value) = value.filter(|value| !decl.order.iter().any(|step| step == value)) {
        let finding =
            Finding::new(Code::Policy, format!("`{value}` is not in `order`, so the field would never move"), at.clone().down("value"));
        findings.push(finding.suggest(value, decl.order.iter().map(String::as_str)));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, step) in decl.order.iter().enumerate() {
        if seen.contains(&step.as_str()) {
            let finding = Finding::new(Code::Policy, format!("`{step}` stands twice in `order`"), at.clone().down("order").item(index));
            findings.push(finding.help("a value has one place in the order"));
        }
        seen.push(step);
    }
}
