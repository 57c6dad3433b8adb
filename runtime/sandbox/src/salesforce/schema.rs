//! What objects and fields are: the types that the tables in `objects` fill in.
//!
//! Not for values: those are `cell`; not for the describe answer: that is `describe`.

use std::collections::HashMap;

/// The type of a field, as describe names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Text,
    TextArea,
    Phone,
    Email,
    Url,
    Picklist,
    Combobox,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Reference,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "string",
            Self::TextArea => "textarea",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::Combobox => "combobox",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Reference => "reference",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        const ALL: [Kind; 16] = [
            Kind::Id,
            Kind::Text,
            Kind::TextArea,
            Kind::Phone,
            Kind::Email,
            Kind::Url,
            Kind::Picklist,
            Kind::Combobox,
            Kind::Boolean,
            Kind::Int,
            Kind::Double,
            Kind::Currency,
            Kind::Percent,
            Kind::Date,
            Kind::DateTime,
            Kind::Reference,
        ];
        ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::TextArea | Self::Phone | Self::Email | Self::Url | Self::Picklist | Self::Combobox)
    }
}

/// A value that a field gets when a create leaves it out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Default {
    No,
    /// By the stand-in's own rules: ids, dates, names, owners.
    System,
    Text(&'static str),
    Bool(bool),
}

/// One field.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "describe has them so")]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) length: usize,
    pub(crate) nillable: bool,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) default: Default,
    pub(crate) external_id: bool,
    pub(crate) unique: bool,
    pub(crate) id_lookup: bool,
    /// Has an index for `=` and `IN`.
    pub(crate) indexed: bool,
    pub(crate) restricted: bool,
    pub(crate) values: Vec<String>,
    /// Objects that a reference may name.
    pub(crate) refers_to: Vec<&'static str>,
    /// Name of the parent in dotted paths.
    pub(crate) relation: Option<String>,
    /// Not visible: as if an admin had never made it, or hid it from this user.
    pub(crate) hidden: bool,
}

impl Field {
    fn new(name: &str, label: &str, kind: Kind, length: usize) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            kind,
            length,
            nillable: true,
            createable: true,
            updateable: true,
            default: Default::No,
            external_id: false,
            unique: false,
            id_lookup: false,
            indexed: false,
            restricted: false,
            values: Vec::new(),
            refers_to: Vec::new(),
            relation: None,
            hidden: false,
        }
    }

    pub(crate) fn of(kind: Kind, name: &str, label: &str) -> Self {
        let length = match kind {
            Kind::Id | Kind::Reference => 18,
            Kind::Phone => 40,
            Kind::Email => 80,
            Kind::Url | Kind::Combobox | Kind::Picklist | Kind::Text => 255,
            Kind::TextArea => 32_000,
            _ => 0,
        };
        let field = Self::new(name, label, kind, length);
        match kind {
            Kind::Boolean => Self { nillable: false, default: Default::Bool(false), ..field },
            Kind::Phone | Kind::Email | Kind::Reference => Self { indexed: true, ..field },
            _ => field,
        }
    }

    pub(crate) fn text(name: &str, label: &str, length: usize) -> Self {
        Self::new(name, label, Kind::Text, length)
    }

    pub(crate) fn textarea(name: &str, label: &str, length: usize) -> Self {
        Self::new(name, label, Kind::TextArea, length)
    }

    pub(crate) fn picklist(name: &str, label: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Self { values, ..Self::of(Kind::Picklist, name, label) }
    }

    pub(crate) fn reference(name: &str, label: &str, refers_to: &[&'static str]) -> Self {
        let relation = name.strip_suffix("Id").map(str::to_owned);
        Self { refers_to: refers_to.to_vec(), relation, ..Self::of(Kind::Reference, name, label) }
    }

    /// A create fails without it.
    pub(crate) fn required(self) -> Self {
        Self { nillable: false, ..self }
    }

    /// Never written by a client.
    pub(crate) fn read_only(self) -> Self {
        Self { createable: false, updateable: false, ..self }
    }

    /// Never null, and filled in by the stand-in.
    pub(crate) fn system(self) -> Self {
        Self { nillable: false, default: Default::System, ..self }
    }

    pub(crate) fn create_only(self) -> Self {
        Self { updateable: false, ..self }
    }

    pub(crate) fn defaulted(self, default: Default) -> Self {
        Self { default, ..self }
    }

    pub(crate) fn restricted(self) -> Self {
        Self { restricted: true, ..self }
    }

    pub(crate) fn sized(self, length: usize) -> Self {
        Self { length, ..self }
    }

    /// An External ID, not Unique unless told.
    pub(crate) fn external_id(self, unique: bool) -> Self {
        Self { external_id: true, id_lookup: true, indexed: true, unique, ..self }
    }

    pub(crate) fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }

    /// May be the key of an upsert, though not an External ID.
    pub(crate) fn id_lookup(self) -> Self {
        Self { id_lookup: true, indexed: true, ..self }
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Long text areas cannot stand in WHERE or ORDER BY.
    pub(crate) fn is_filterable(&self) -> bool {
        !(self.kind == Kind::TextArea && self.length > 255)
    }
}

/// Children of a record, as named in a subquery.
#[derive(Clone, Debug)]
pub(crate) struct Children {
    pub(crate) relation: &'static str,
    pub(crate) object: &'static str,
    pub(crate) field: &'static str,
}

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) fields: Vec<Field>,
    pub(crate) children: Vec<Children>,
    /// By name as written and in lower case.
    by_name: HashMap<String, usize>,
}

impl Object {
    pub(crate) fn new(
        name: &'static str,
        label: &'static str,
        plural: &'static str,
        prefix: &'static str,
        fields: Vec<Field>,
        children: Vec<Children>,
    ) -> Self {
        let mut object = Self { name, label, plural, prefix, fields: Vec::new(), children, by_name: HashMap::new() };
        for field in fields {
            object.add(field);
        }
        object
    }

    /// Adds a field, or replaces the one of this name.
    pub(crate) fn add(&mut self, field: Field) {
        if let Some(at) = self.slot(&field.name) {
            self.fields[at] = field;
            return;
        }
        let at = self.fields.len();
        self.by_name.insert(field.name.to_ascii_lowercase(), at);
        self.by_name.insert(field.name.clone(), at);
        self.fields.push(field);
    }

    /// The place of a field that can be seen; case does not matter.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.slot(name).filter(|at| !self.fields[*at].hidden)
    }

    /// The place of a field, hidden or not.
    pub(crate) fn slot(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).or_else(|| self.by_name.get(&name.to_ascii_lowercase())).copied()
    }

    /// The reference field behind a parent's name in a dotted path.
    pub(crate) fn relation(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|field| !field.hidden && field.relation.as_deref().is_some_and(|relation| relation.eq_ignore_ascii_case(name)))
    }

    pub(crate) fn visible(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, field)| !field.hidden)
    }
}

/// All objects of the org.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) objects: Vec<Object>,
}

impl Schema {
    /// The place of an object; case does not matter.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.objects.iter().position(|object| object.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn by_prefix(&self, prefix: &str) -> Option<usize> {
        self.objects.iter().position(|object| object.prefix == prefix)
    }
}
