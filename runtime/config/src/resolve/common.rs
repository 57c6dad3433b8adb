//! What pipelines have in common: what their templates see, and the fields of the mappings that they name. Each is made once in a load.
//!
//! A mapping's fields depend on the mapping and on the pipeline's own connection, whose lists and locked fields its templates may name; so ten
//! thousand pipelines over a thousand mappings compile a thousand mappings.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::lock::{self, Locked};
use super::matching::Rules;
use super::scope::{open_types, pipeline_types};
use super::{Typed, Written, mapping};
use crate::decl::MappingDecl;
use crate::finding::{Finding, Place};
use crate::project::{Connection, FieldRule};
use crate::source::path;
use crate::types::Type;

/// What templates and conditions of a pipeline see.
pub(super) struct Types {
    /// Without what a route says.
    pub(super) plain: Type,
    /// With it.
    pub(super) routed: Type,
}

/// A field with the place that it was written in.
pub(super) struct Placed {
    pub(super) rule: Arc<FieldRule>,
    pub(super) place: Place,
}

/// The fields of a mapping as the pipelines of one connection see them.
pub(super) struct Fields {
    pub(super) fields: Vec<Arc<Placed>>,
    pub(super) findings: Vec<Finding>,
}

/// What was made already. A connection is known by its name; `None` stands for one that is not known.
pub(super) struct Common<'a> {
    /// Match rules by name.
    pub(super) rules: &'a Rules,
    types: Once<Option<String>, Types>,
    fields: Once<(String, Option<String>), Fields>,
}

/// Values by key, each made when it is first asked for.
struct Once<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V> Once<K, V> {
    fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let known = |key: &K| self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some(found) = known(&key) {
            return found;
        }
        // Made outside of the lock: another thread may make the same meanwhile, which is the same.
        let made = Arc::new(make());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(made).clone()
    }
}

impl<'a> Common<'a> {
    /// With nothing made yet.
    pub(super) fn over(rules: &'a Rules) -> Self {
        Self { rules, types: Once::default(), fields: Once::default() }
    }

    /// What conditions and templates see of a call and of what was read over this connection.
    pub(super) fn types(&self, connection: Option<&Arc<Connection>>, written: &Written) -> Arc<Types> {
        self.types.get(connection.map(|connection| connection.id.clone()), || {
            let of = |route| {
                let Some(connection) = connection else { return open_types(route) };
                let types = pipeline_types(&connection.connector.decl, route);
                match Locked::of(connection, written) {
                    Some(locked) => lock::typed(types, locked),
                    None => types,
                }
            };
            Types { plain: of(false), routed: of(true) }
        })
    }

    /// The fields of a mapping, compiled.
    pub(super) fn fields(
        &self,
        name: &str,
        mapping: &Typed<MappingDecl>,
        connection: Option<&Arc<Connection>>,
        types: &Types,
    ) -> Arc<Fields> {
        self.fields.get((name.to_owned(), connection.map(|connection| connection.id.clone())), || {
            let base = mapping.document.place(&path(["fields"]));
            let mut findings = Vec::new();
            let fields = mapping.decl.fields.iter().filter_map(|(name, field)| {
                let place = base.clone().down(name);
                let rule = mapping::field(name, field, &mapping.document, place.clone(), &types.routed, &mut findings)?;
                Some(Arc::new(Placed { rule: Arc::new(rule), place }))
            });
            let fields = fields.collect();
            Fields { fields, findings }
        })
    }
}
