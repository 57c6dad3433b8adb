//! The object types: their names, type ids, default and required properties, and how they associate.
//!
//! Source: HubSpot's guides on the CRM objects and on associations v4 (the tables of type ids).
//! Not for the properties themselves (`property`) or for who is associated with whom (`link`).

/// One of the object types this stand-in has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Contact,
    Company,
    Deal,
    Ticket,
    Call,
    Note,
    Task,
    Meeting,
}

/// All object types; a kind's place here is its [`Kind::index`].
pub(super) const KINDS: [Kind; 8] =
    [Kind::Contact, Kind::Company, Kind::Deal, Kind::Ticket, Kind::Call, Kind::Note, Kind::Task, Kind::Meeting];

impl Kind {
    /// Place in tables that have one entry for each kind.
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// By plural, singular or type id, in any case: `contacts`, `contact`, `0-1`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        KINDS.into_iter().find(|kind| kind.plural() == name || kind.singular() == name || kind.type_id() == name)
    }

    /// `contacts`
    pub(super) fn plural(self) -> &'static str {
        ["contacts", "companies", "deals", "tickets", "calls", "notes", "tasks", "meetings"][self.index()]
    }

    /// `contact`, as in association names; upper case in messages.
    pub(super) fn singular(self) -> &'static str {
        ["contact", "company", "deal", "ticket", "call", "note", "task", "meeting"][self.index()]
    }

    /// `0-1`
    pub(super) fn type_id(self) -> &'static str {
        ["0-1", "0-2", "0-3", "0-5", "0-48", "0-46", "0-27", "0-47"][self.index()]
    }

    /// Whether it is an activity on a record's timeline.
    pub(super) fn is_activity(self) -> bool {
        matches!(self, Self::Call | Self::Note | Self::Task | Self::Meeting)
    }

    /// The property that holds the time of creation.
    pub(super) fn created(self) -> &'static str {
        if self.is_activity() { "hs_createdate" } else { "createdate" }
    }

    /// The property that holds the time of the last change.
    pub(super) fn modified(self) -> &'static str {
        if self == Self::Contact { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// What comes back when no properties are asked for, beside the two times and the id.
    pub(super) fn defaults(self) -> &'static [&'static str] {
        match self {
            Self::Contact => &["email", "firstname", "lastname"],
            Self::Company => &["domain", "name"],
            Self::Deal => &["amount", "closedate", "dealname", "dealstage", "pipeline"],
            Self::Ticket => &["content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority", "subject"],
            _ => &[],
        }
    }

    /// What a new record must have; each entry is met by any one of its names.
    pub(super) fn required(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Contact => &[&["email", "firstname", "lastname"]],
            Self::Company => &[&["name", "domain"]],
            Self::Deal => &[&["dealname"], &["dealstage"]],
            Self::Ticket => &[&["subject"], &["hs_pipeline_stage"]],
            _ => &[&["hs_timestamp"]],
        }
    }

    /// The properties that free-text `query` looks into.
    pub(super) fn searchable(self) -> &'static [&'static str] {
        match self {
            Self::Contact => &[
                "firstname",
                "lastname",
                "email",
                "hs_additional_emails",
                "phone",
                "mobilephone",
                "company",
                "hs_searchable_calculated_phone_number",
                "hs_searchable_calculated_mobile_number",
            ],
            Self::Company => &["name", "domain", "website", "phone"],
            Self::Deal => &["dealname", "pipeline", "dealstage", "description", "dealtype"],
            Self::Ticket => &["subject", "content", "hs_pipeline_stage", "hs_ticket_category"],
            Self::Call => &["hs_call_title", "hs_call_body"],
            Self::Note => &["hs_note_body"],
            Self::Task => &["hs_task_body", "hs_task_subject"],
            Self::Meeting => &["hs_meeting_title", "hs_meeting_body"],
        }
    }
}

/// One way in which two types can be associated, seen from both ends.
#[derive(Clone, Copy, Debug)]
struct Pair {
    from: Kind,
    to: Kind,
    there: u32,
    back: u32,
    primary: bool,
}

const fn pair(from: Kind, to: Kind, there: u32, back: u32) -> Pair {
    Pair { from, to, there, back, primary: false }
}

const fn primary(from: Kind, to: Kind, there: u32, back: u32) -> Pair {
    Pair { from, to, there, back, primary: true }
}

const PAIRS: &[Pair] = &[
    pair(Kind::Contact, Kind::Contact, 449, 449),
    pair(Kind::Contact, Kind::Company, 279, 280),
    primary(Kind::Contact, Kind::Company, 1, 2),
    pair(Kind::Contact, Kind::Deal, 4, 3),
    pair(Kind::Contact, Kind::Ticket, 15, 16),
    pair(Kind::Contact, Kind::Call, 193, 194),
    pair(Kind::Contact, Kind::Meeting, 199, 200),
    pair(Kind::Contact, Kind::Note, 201, 202),
    pair(Kind::Contact, Kind::Task, 203, 204),
    pair(Kind::Company, Kind::Company, 450, 450),
    pair(Kind::Deal, Kind::Company, 341, 342),
    primary(Kind::Deal, Kind::Company, 5, 6),
    pair(Kind::Ticket, Kind::Company, 339, 340),
    primary(Kind::Ticket, Kind::Company, 26, 25),
    pair(Kind::Company, Kind::Call, 181, 182),
    pair(Kind::Company, Kind::Meeting, 187, 188),
    pair(Kind::Company, Kind::Note, 189, 190),
    pair(Kind::Company, Kind::Task, 191, 192),
    pair(Kind::Deal, Kind::Deal, 451, 451),
    pair(Kind::Deal, Kind::Ticket, 27, 28),
    pair(Kind::Deal, Kind::Call, 205, 206),
    pair(Kind::Deal, Kind::Meeting, 211, 212),
    pair(Kind::Deal, Kind::Note, 213, 214),
    pair(Kind::Deal, Kind::Task, 215, 216),
    pair(Kind::Ticket, Kind::Ticket, 452, 452),
    pair(Kind::Ticket, Kind::Call, 219, 220),
    pair(Kind::Ticket, Kind::Meeting, 225, 226),
    pair(Kind::Ticket, Kind::Note, 227, 228),
    pair(Kind::Ticket, Kind::Task, 229, 230),
];

/// An association type in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) from: Kind,
    pub(super) to: Kind,
    pub(super) id: u32,
    /// The type id of the way back.
    pub(super) inverse: u32,
    pub(super) primary: bool,
}

impl Relation {
    /// `Primary`, or nothing for the plain association.
    pub(super) fn label(self) -> Option<&'static str> {
        self.primary.then_some("Primary")
    }

    /// The v3 name: `contact_to_company`, with `_unlabeled` where a primary one has the plain name.
    pub(super) fn name(self) -> String {
        let plain = format!("{}_to_{}", self.from.singular(), self.to.singular());
        if !self.primary && relations(self.from, self.to).any(|other| other.primary) { format!("{plain}_unlabeled") } else { plain }
    }
}

fn all_relations() -> impl Iterator<Item = Relation> {
    PAIRS.iter().flat_map(|pair| {
        let there = Relation { from: pair.from, to: pair.to, id: pair.there, inverse: pair.back, primary: pair.primary };
        let back = Relation { from: pair.to, to: pair.from, id: pair.back, inverse: pair.there, primary: pair.primary };
        [Some(there), (pair.from != pair.to).then_some(back)].into_iter().flatten()
    })
}

/// The association types from one kind to another; none when HubSpot does not associate them.
pub(super) fn relations(from: Kind, to: Kind) -> impl Iterator<Item = Relation> {
    all_relations().filter(move |relation| relation.from == from && relation.to == to)
}

/// The association type of that id that starts at `from`.
pub(super) fn relation(from: Kind, id: u32) -> Option<Relation> {
    all_relations().find(|relation| relation.from == from && relation.id == id)
}

/// The plain, unlabelled association.
pub(super) fn plain(from: Kind, to: Kind) -> Option<Relation> {
    relations(from, to).find(|relation| !relation.primary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Kind, id: u32, to: Kind, inverse: u32, name: &str) {
        let found = relation(from, id).expect("the type is in the table");
        assert_eq!((found.to, found.inverse, found.name().as_str()), (to, inverse, name));
    }

    #[test]
    fn association_types_have_both_directions() {
        check(Kind::Call, 194, Kind::Contact, 193, "call_to_contact");
        check(Kind::Contact, 193, Kind::Call, 194, "contact_to_call");
        check(Kind::Contact, 279, Kind::Company, 280, "contact_to_company_unlabeled");
        check(Kind::Company, 2, Kind::Contact, 1, "company_to_contact");
        check(Kind::Contact, 449, Kind::Contact, 449, "contact_to_contact");
        assert!(relation(Kind::Call, 202).is_none(), "202 starts at a note");
    }
}
