//! A copy of a CRM that answers searches as a remote one could: by digits, addresses, beginnings of names, words of accounts.
//!
//! Compact on purpose: an index is a sorted list of (hash of the value, record), 16 bytes each.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aftercall_config::decl::{KeyId, TableKind};
use aftercall_config::rules::MatchRules;
use aftercall_config::tables::fold;

use super::rows::ContactRow;
use crate::matching::{Fields, Person, Search};
use crate::normalise::{Company, company, spoken};

/// The most records that one search returns.
const PAGE: usize = 200;

/// What the system that is copied can answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum System {
    /// Numbers and addresses alone, as the least of them do.
    Reach,
    /// Numbers by their digits, addresses, last names in a list of spellings with how the first name begins, words of accounts.
    #[default]
    Remote,
    /// The same, and last names by their sound: an index of our own beside the system.
    Index,
}

impl System {
    /// The keys that it answers.
    pub fn keys(self) -> &'static [KeyId] {
        match self {
            Self::Reach => &[KeyId::Number, KeyId::Email],
            Self::Remote | Self::Index => &[KeyId::Number, KeyId::Email, KeyId::EmailNear, KeyId::Name, KeyId::Account],
        }
    }
}

/// An index: which records have a value.
#[derive(Debug, Default)]
struct Index(Vec<(u64, u32)>);

impl Index {
    fn add(&mut self, key: &(impl Hash + ?Sized), at: u32) {
        self.0.push((hash(key), at));
    }

    fn done(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
        self.0.shrink_to_fit();
    }

    fn get(&self, key: &(impl Hash + ?Sized)) -> impl Iterator<Item = u32> + '_ {
        let key = hash(key);
        let from = self.0.partition_point(|(other, _)| *other < key);
        self.0[from..].iter().take_while(move |(other, _)| *other == key).map(|(_, at)| *at)
    }
}

fn hash(key: &(impl Hash + ?Sized)) -> u64 {
    // The same in every run: the order of equal candidates must not change.
    #[expect(deprecated, reason = "the one hasher of the library that is seeded by nothing")]
    let mut hasher = std::hash::SipHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// A CRM in memory.
#[derive(Debug)]
pub struct Crm {
    /// Contact ids, by place.
    pub ids: Vec<Box<str>>,
    /// Contacts, by place.
    pub people: Vec<Person>,
    system: System,
    numbers: Index,
    tails: Index,
    emails: Index,
    hosts: Index,
    last: Index,
    sounds: Index,
    /// Word of an account → accounts.
    words: HashMap<Box<str>, Vec<u32>>,
    /// Account → people.
    staff: Vec<Vec<u32>>,
}

/// A contact that was read: the costly part, which several threads do at once.
#[derive(Debug)]
pub struct Read {
    id: Box<str>,
    person: Person,
    account: Option<Box<str>>,
}

impl Crm {
    /// Reads one contact.
    pub fn read(rules: &MatchRules, row: &ContactRow) -> Read {
        fn some(text: &Option<String>) -> Option<&str> {
            text.as_deref().filter(|text| !text.trim().is_empty())
        }
        let fields = Fields {
            numbers: [&row.phone, &row.mobile, &row.other_phone].into_iter().filter_map(some).collect(),
            emails: [&row.email, &row.other_email].into_iter().filter_map(some).collect(),
            first_name: some(&row.first_name),
            last_name: some(&row.last_name),
            suffix: some(&row.suffix),
            account: None,
            country: some(&row.country),
        };
        let person = Person::reading(rules, "US", &fields);
        Read { id: row.contact_id.as_str().into(), person, account: some(&row.account_name).map(Box::from) }
    }

    /// Builds the CRM and its indexes.
    pub fn build(rules: &MatchRules, system: System, contacts: Vec<Read>) -> Self {
        let mut crm = Self {
            ids: Vec::with_capacity(contacts.len()),
            people: Vec::with_capacity(contacts.len()),
            system,
            numbers: Index::default(),
            tails: Index::default(),
            emails: Index::default(),
            hosts: Index::default(),
            last: Index::default(),
            sounds: Index::default(),
            words: HashMap::new(),
            staff: Vec::new(),
        };
        let mut accounts: HashMap<Box<str>, (u32, Option<Arc<Company>>)> = HashMap::new();
        for contact in contacts {
            let at = u32::try_from(crm.people.len()).unwrap_or(u32::MAX);
            let mut person = contact.person;
            if let Some(name) = contact.account {
                let next = u32::try_from(crm.staff.len()).unwrap_or(u32::MAX);
                let (account, company) =
                    accounts.entry(name).or_insert_with_key(|name| (next, company(name, &rules.tables).map(Arc::new))).clone();
                if account == next {
                    crm.staff.push(Vec::new());
                    for word in company.iter().flat_map(|company| &company.words) {
                        crm.words.entry(word.clone()).or_default().push(account);
                    }
                }
                if let Some(staff) = usize::try_from(account).ok().and_then(|account| crm.staff.get_mut(account)) {
                    staff.push(at);
                }
                person.set_company(company);
            }
            crm.index(rules, &person, at);
            crm.ids.push(contact.id);
            crm.people.push(person);
        }
        for index in [&mut crm.numbers, &mut crm.tails, &mut crm.emails, &mut crm.hosts, &mut crm.last, &mut crm.sounds] {
            index.done();
        }
        crm
    }

    fn index(&mut self, rules: &MatchRules, person: &Person, at: u32) {
        for number in &person.numbers {
            self.numbers.add(&number.value, at);
            self.tails.add(&number.tail(9), at);
        }
        for email in &person.emails {
            self.emails.add(&**email, at);
            if let Some((_, host)) = email.split_once('@')
                && !rules.tables.has(TableKind::FreeMail, host)
            {
                self.hosts.add(host, at);
            }
        }
        let joined = person.name.last_joined();
        if !joined.is_empty() {
            self.last.add(joined.as_str(), at);
            if self.system == System::Index {
                self.sounds.add(spoken(&joined, true).as_str(), at);
            }
        }
        if person.name.last.len() > 1 {
            for word in person.name.last.iter().filter(|word| word.len() > 2) {
                self.last.add(&**word, at);
            }
        }
        if let Some(german) = &person.name.german {
            self.last.add(german.1.as_str(), at);
        }
    }

    /// The records that a search returns, and whether there were more.
    pub fn answer(&self, search: &Search) -> (Vec<u32>, bool) {
        let mut found: Vec<u32> = Vec::new();
        // What fits by a letter alone comes last, as a system sorts that ranks; the page may cut it off and nothing is lost.
        let mut far = Vec::new();
        match search {
            Search::Reach { numbers, said, emails } => {
                for number in numbers {
                    found.extend(self.numbers.get(&number.value));
                    // A field whose country is not known holds the digits alone.
                    found.extend(self.tails.get(&number.tail(9)).filter(|at| {
                        self.person(*at)
                            .is_some_and(|person| person.numbers.iter().any(|other| !other.whole && other.tail(9) == number.tail(9)))
                    }));
                }
                for number in said {
                    found.extend(self.tails.get(&number.tail(9)));
                }
                for email in emails {
                    found.extend(self.emails.get(email.as_str()));
                }
            }
            Search::EmailNear { emails, host, begins } => {
                for email in emails {
                    found.extend(self.emails.get(email.as_str()));
                }
                if let Some(host) = host {
                    found.extend(
                        self.hosts.get(host.as_str()).filter(|at| self.person(*at).is_some_and(|person| begins_so(person, begins))),
                    );
                }
            }
            Search::Name { last, begins } => {
                for name in last {
                    let name = fold(name);
                    for at in self.last.get(name.as_str()) {
                        match self.person(at).map(|person| (begins_so(person, begins), person)) {
                            Some((true, person)) if begins_long(person, begins) => found.push(at),
                            Some((true, _)) => far.push(at),
                            _ => {}
                        }
                    }
                }
                if self.system == System::Index
                    && let Some(name) = last.first()
                {
                    found.extend(
                        self.sounds
                            .get(spoken(&fold(name), true).as_str())
                            .filter(|at| self.person(*at).is_some_and(|p| begins_so(p, begins))),
                    );
                }
            }
            Search::Account { words, begins, last } => {
                // The rarest word, as the system's own count tells; one that no account has is a word misheard.
                let known: BTreeMap<usize, &Vec<u32>> =
                    words.iter().filter_map(|word| self.words.get(word.as_str())).map(|all| (all.len(), all)).collect();
                let Some((_, accounts)) = known.first_key_value() else { return (found, false) };
                for account in accounts.iter().take(PAGE) {
                    let staff = usize::try_from(*account).ok().and_then(|account| self.staff.get(account));
                    found.extend(staff.into_iter().flatten().copied().filter(|at| {
                        self.person(*at)
                            .is_some_and(|person| begins_so(person, begins) || last.iter().any(|name| *name == person.name.last_joined()))
                    }));
                }
            }
        }
        let mut once: Vec<u32> = Vec::with_capacity(found.len());
        let mut seen = std::collections::HashSet::with_capacity(found.len());
        for at in found {
            if seen.insert(at) {
                once.push(at);
            }
        }
        let more = once.len() > PAGE;
        for at in far {
            if once.len() < PAGE && seen.insert(at) {
                once.push(at);
            }
        }
        once.truncate(PAGE);
        (once, more)
    }

    /// The contact at a place.
    pub fn person(&self, at: u32) -> Option<&Person> {
        usize::try_from(at).ok().and_then(|at| self.people.get(at))
    }
}

/// Whether a first name begins so; a record with an initial alone fits its letter.
fn begins_so(person: &Person, begins: &[String]) -> bool {
    let names = person.name.first.iter().chain(&person.name.also);
    names
        .into_iter()
        .any(|name| begins.iter().any(|start| name.starts_with(start.as_str()) || name.len() == 1 && start.starts_with(&**name)))
}

fn begins_long(person: &Person, begins: &[String]) -> bool {
    person
        .name
        .first
        .iter()
        .chain(&person.name.also)
        .any(|name| begins.iter().any(|start| start.len() > 1 && name.starts_with(start.as_str())))
}
