//! Sources: conditions and templates over `payload` and `let`.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Typed;
use super::connector::origin_of;
use super::scope::{call_types, caller_types};
use crate::condition::Condition;
use crate::decl::{SourceDecl, SourceFieldDecl, SourceSettingsDecl};
use crate::finding::{Code, Finding, Place, nearest};
use crate::project::{Live, Source, SourceField};
use crate::source::path;
use crate::template::Template;
use crate::types::Type;

/// Seconds that a provisional call waits for its analysis when the manifest does not say.
const DEFAULT_WAIT_S: u32 = 120;

/// What the project file says of a source.
pub(super) struct Settings<'a> {
    /// The section.
    pub(super) decl: &'a SourceSettingsDecl,
    /// Its place.
    pub(super) place: Place,
    /// Whether all of it was understood.
    pub(super) whole: bool,
}

/// Compiles a source with what the project knows of it; without, the source by itself.
pub(super) fn resolve(name: &str, typed: &Typed<SourceDecl>, settings: Option<&Settings<'_>>, findings: &mut Vec<Finding>) -> Arc<Source> {
    let decl = &typed.decl;
    let place = typed.document.place(&[]);
    if decl.source != name {
        let message = format!("this folder is `{name}`, but the source says `{}`", decl.source);
        findings.push(
            Finding::new(Code::WrongPlace, message, place.clone().down("source")).help(format!("write `{name}`, or rename the folder")),
        );
    }
    let payload = Type::record([("payload", Type::Any)]);
    let events = decl
        .event
        .iter()
        .enumerate()
        .filter_map(|(index, event)| {
            let at = place.clone().down("event").item(index).down("when");
            let when = Condition::compile(&event.when, &at, &payload, findings)?;
            Some((when, event.is, event.wait_s.unwrap_or(DEFAULT_WAIT_S)))
        })
        .collect();
    // A `let` sees the ones above it.
    let mut known: IndexMap<String, Type> = IndexMap::new();
    let mut lets = Vec::new();
    let types = |known: &IndexMap<String, Type>| {
        Type::Record(
            [("payload".to_owned(), Type::Any), ("let".to_owned(), Type::Record(known.clone(), false))].into_iter().collect(),
            false,
        )
    };
    for (key, value) in &decl.r#let {
        let at = place.clone().down("let").down(key);
        if let Some(template) = Template::compile(value, &at, &types(&known), findings) {
            lets.push((key.clone(), template));
        }
        known.insert(key.clone(), Type::Any);
    }
    let all = types(&known);
    let mut outcome = Vec::new();
    for (key, field) in &decl.outcome {
        let at = place.clone().down("outcome").down(key);
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        if let Err((index, names)) = call_types().at(&path) {
            let missing = &path[index];
            let finding = Finding::new(Code::UnknownKey, format!("a call outcome has no `{key}`"), at.clone().key());
            let quoted = |name: &str| if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() };
            let near = nearest(missing, names.iter().map(String::as_str))
                .map(|near| path[..index].iter().map(String::as_str).chain([near]).collect::<Vec<_>>().join("."));
            findings.push(match call_types().named(missing).into_iter().next().or(near) {
                Some(there) => finding.help(format!("did you mean `{}`?", quoted(&there))),
                None => finding.suggest(missing, names.iter().map(String::as_str)),
            });
        }
        let first_of = templates(typed, field, &at, &all, findings);
        outcome.push(SourceField { path, first_of, map: field.map.clone(), parse: field.parse, origin: origin_of(typed, &at) });
    }
    if !decl.outcome.contains_key("id") && typed.whole(&["outcome"]) {
        findings.push(
            Finding::new(Code::MissingKey, "`outcome` lacks `id`", typed.document.place(&path(["outcome"])).key())
                .help("`id` is the call's id at the platform"),
        );
    }
    let mut secret = |of: fn(&SourceSettingsDecl) -> &Option<String>, key: &str| {
        let settings = settings?;
        super::project::secret(of(settings.decl).as_ref()?, settings.place.clone().down(key), findings)
    };
    let secret_ref = secret(|s| &s.secret, "secret");
    let previous_secret = secret(|s| &s.previous_secret, "previous_secret");
    let allow_unsigned = settings.is_some_and(|s| s.decl.allow_unsigned);
    if let Some(settings) = settings.filter(|s| s.decl.secret.is_none() && !s.decl.allow_unsigned && s.whole) {
        let (message, help) = match decl.signature {
            Some(_) => (format!("`{name}` signs its payloads, and no `secret` is given to check them"), "write `secret = \"env:NAME\"`"),
            None => (
                format!("`{name}` cannot prove who sent a payload"),
                "write `allow_unsigned = true` if only the platform can reach this address",
            ),
        };
        findings.push(Finding::new(Code::Unsigned, message, settings.place.clone().key()).help(help));
    }
    Arc::new(Source {
        name: name.to_owned(),
        title: decl.title.clone().unwrap_or_else(|| name.to_owned()),
        signature: decl.signature.clone(),
        secret: secret_ref,
        previous_secret,
        allow_unsigned,
        events,
        lets,
        outcome,
        settings: settings_of(decl, settings, findings),
        live: live(typed, findings),
        list: super::list::resolve(name, typed, settings, findings),
    })
}

/// The templates of a field of the manifest. Where each stands depends on how the field was written.
fn templates(typed: &Typed<SourceDecl>, field: &SourceFieldDecl, at: &Place, types: &Type, findings: &mut Vec<Finding>) -> Vec<Template> {
    let written = typed.document.at(&at.path);
    let place = |index: usize| match written {
        Some(Value::Array(_)) => at.clone().item(index),
        Some(Value::Object(table)) if table.contains_key("value") && index == 0 => at.clone().down("value"),
        Some(Value::Object(table)) => at.clone().down("first_of").item(index - usize::from(table.contains_key("value"))),
        _ => at.clone(),
    };
    let compiled = field.first_of.iter().enumerate().filter_map(|(index, value)| Template::compile(value, &place(index), types, findings));
    compiled.collect()
}

/// The project's settings of a source over the manifest's own.
pub(super) fn settings_of(decl: &SourceDecl, settings: Option<&Settings<'_>>, findings: &mut Vec<Finding>) -> Value {
    let mut all: Map<String, Value> = decl.settings.clone().into_iter().collect();
    for (key, value) in settings.into_iter().flat_map(|s| &s.decl.settings) {
        if !decl.settings.contains_key(key)
            && let Some(settings) = settings
        {
            let at = settings.place.clone().down("settings").down(key).key();
            let message = format!("the source `{}` has no setting `{key}`", decl.source);
            findings.push(Finding::new(Code::Setting, message, at).suggest(key, decl.settings.keys().map(String::as_str)));
        }
        all.insert(key.clone(), value.clone());
    }
    Value::Object(all)
}

/// The platform's request about a caller; `None` where there is none, or findings.
fn live(typed: &Typed<SourceDecl>, findings: &mut Vec<Finding>) -> Option<Live> {
    let decl = typed.decl.live.as_ref()?;
    let place = typed.document.place(&path(["live"]));
    let settings = Type::Record(typed.decl.settings.keys().map(|name| (name.clone(), Type::Any)).collect(), false);
    let asked = Type::record([("payload", Type::Any), ("settings", settings)]);
    let when = Condition::compile(&decl.when, &place.clone().down("when"), &asked, findings);
    let parts = [("phone", Some(&decl.phone)), ("email", decl.email.as_ref()), ("name", decl.name.as_ref())];
    let caller = parts.into_iter().filter_map(|(name, field)| {
        let (field, at) = (field?, place.clone().down(name));
        let path = vec!["caller".to_owned(), name.to_owned()];
        let first_of = templates(typed, field, &at, &asked, findings);
        Some(SourceField { path, first_of, map: field.map.clone(), parse: field.parse, origin: origin_of(typed, &at) })
    });
    let caller = caller.collect();
    let mut told = match caller_types(None, std::iter::empty()) {
        Type::Record(fields, _) => fields,
        _ => IndexMap::new(),
    };
    told.insert("text".to_owned(), Type::Text);
    if let Type::Record(asked, _) = asked {
        told.extend(asked);
    }
    let answer = Value::Object(decl.answer.clone().into_iter().collect());
    let answer = Template::compile(&answer, &place.down("answer"), &Type::Record(told, false), findings);
    Some(Live { when: when?, caller, answer: answer? })
}
