//! Bits of evidence: how each record compares with the caller, line by line, and the sum.
//!
//! Pure, and independent of the order of the records. Not for deciding: that is `judge`.

use aftercall_config::decl::{CompareOn, TableKind};
use aftercall_config::rules::{Adjustment, Comparison, Is, Level, MatchRules, Reference};
use aftercall_config::tables::Tables;

use super::names;
use super::person::{Person, Sought};
use crate::normalise::{Digits, edits, overlap, spoken};

/// One comparison of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// What was compared.
    pub on: CompareOn,
    /// How the two compare, by the level that the rules name.
    pub is: Is,
    /// What that adds or takes.
    pub bits: f64,
    /// What is taken because several records have the value.
    pub shared: f64,
    /// What is taken because another record has exactly the name.
    pub rival: f64,
    /// Which value of the record it was: of numbers and addresses.
    pub value: Option<usize>,
}

/// One record's sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    /// Comparisons in the order of the rules.
    pub hits: Vec<Hit>,
    /// Corrections that apply: index in the rules, and what they add or take.
    pub adjusted: Vec<(usize, f64)>,
    /// What a cap on a name alone takes.
    pub capped: f64,
    /// All together.
    pub bits: f64,
}

impl Sum {
    /// The comparison of something.
    pub fn on(&self, on: CompareOn) -> Option<&Hit> {
        self.hits.iter().find(|hit| hit.on == on)
    }

    /// Whether something speaks for the record.
    pub fn agrees(&self, on: CompareOn) -> bool {
        self.on(on).is_some_and(|hit| hit.bits > 0.0)
    }

    /// Whether a number or an address of the caller agrees.
    pub fn reached(&self) -> bool {
        [CompareOn::Phone, CompareOn::Number, CompareOn::Callback, CompareOn::Email].into_iter().any(|on| self.agrees(on))
    }

    /// Whether a number is all that speaks for a record without a name, while the caller gave one: a placeholder that an earlier call or
    /// another tool left may hide the record that has the name.
    pub fn is_nameless(&self, sought: &Sought) -> bool {
        let compared =
            [CompareOn::FirstName, CompareOn::LastName].into_iter().any(|on| self.on(on).is_some_and(|hit| hit.is != Is::Missing));
        sought.name.is_some() && !compared && !self.agrees(CompareOn::Email)
    }

    /// Whether anything at all speaks for the record.
    pub fn considered(&self) -> bool {
        self.hits.iter().any(|hit| hit.bits > 0.0)
    }
}

/// What can tell a person from a stranger beside the name.
const BESIDE_NAMES: [CompareOn; 5] = [CompareOn::Phone, CompareOn::Number, CompareOn::Callback, CompareOn::Email, CompareOn::Account];

/// Compares every record with the caller.
pub fn weigh(rules: &MatchRules, sought: &Sought, people: &[&Person]) -> Vec<Sum> {
    let mut sums: Vec<Sum> = people.iter().map(|person| Sum { hits: hits(rules, sought, person), ..Sum::default() }).collect();
    for (at, comparison) in rules.compare.iter().enumerate() {
        share(comparison, at, &mut sums);
        if let Some(loss) = comparison.exclusive_equal {
            exclude(loss, at, &mut sums);
        }
    }
    for sum in &mut sums {
        total(rules, sum);
    }
    sums
}

/// Adds up the comparisons, with the corrections and the cap that apply to them.
pub(super) fn total(rules: &MatchRules, sum: &mut Sum) {
    let mut bits: f64 = sum.hits.iter().map(|hit| hit.bits + hit.shared + hit.rival).sum();
    sum.adjusted.clear();
    sum.capped = 0.0;
    for (index, adjustment) in rules.adjust.iter().enumerate() {
        if !holds(adjustment, &sum.hits) {
            continue;
        }
        let mut change = adjustment.bits;
        if let Some(cap) = adjustment.cap {
            change += (cap - bits - change).min(0.0);
        }
        if change != 0.0 {
            sum.adjusted.push((index, change));
            bits += change;
        }
    }
    let names = [CompareOn::FirstName, CompareOn::LastName];
    if let Some(cap) = rules.decide.name_only_cap
        && bits > cap
        && !BESIDE_NAMES.into_iter().any(|on| sum.agrees(on))
        && names.into_iter().any(|on| sum.agrees(on))
    {
        sum.capped = cap - bits;
        bits = cap;
    }
    sum.bits = bits;
}

/// Takes what sharing takes: the more records have the caller's value, the less it tells them apart from a stranger.
fn share(comparison: &Comparison, at: usize, sums: &mut [Sum]) {
    for level in comparison.levels.iter().filter(|level| level.share_cap.is_some()) {
        let holders = sums.iter().filter(|sum| sum.hits[at].is == level.is).count();
        #[expect(clippy::cast_precision_loss, reason = "a handful of records")]
        let loss = (holders.max(1) as f64).log2().min(level.share_cap.unwrap_or(0.0)).min(level.bits.max(0.0));
        for sum in sums.iter_mut().filter(|sum| sum.hits[at].is == level.is) {
            sum.hits[at].shared = -loss;
        }
    }
}

/// Where another record has exactly the name that was said, and a number, address or company of the caller besides, those that merely
/// resemble it lose: Patricia beside Patrick. Those who may be on file by a short form do not: the son of Cornelius may be a Neil.
fn exclude(loss: f64, at: usize, sums: &mut [Sum]) {
    let rival = sums.iter().any(|sum| sum.hits[at].is == Is::Equal && BESIDE_NAMES.into_iter().any(|on| sum.agrees(on)));
    if !rival {
        return;
    }
    for sum in sums.iter_mut().filter(|sum| matches!(sum.hits[at].is, Is::Similar | Is::Lookalike)) {
        sum.hits[at].rival = loss;
    }
}

fn holds(adjustment: &Adjustment, hits: &[Hit]) -> bool {
    let one = |reference: &Reference| {
        hits.iter().any(|hit| {
            hit.on == reference.on
                && match reference.level {
                    None => hit.bits > 0.0,
                    Some(level) => hit.is == level,
                }
        })
    };
    adjustment.all.iter().all(one) && (adjustment.any.is_empty() || adjustment.any.iter().any(one)) && !adjustment.none.iter().any(one)
}

/// The level that counts: the one that holds, or the next weaker that the rules name.
pub(super) fn level(comparison: &Comparison, is: Is) -> Option<&Level> {
    match is {
        Is::Edit(edits) => {
            let fits = comparison.levels.iter().filter(|level| matches!(level.is, Is::Edit(most) if edits <= most));
            let best = fits.min_by_key(|level| if let Is::Edit(most) = level.is { most } else { u8::MAX });
            best.or_else(|| level(comparison, Is::Domain))
        }
        Is::Overlap(part) => {
            let fits = comparison.levels.iter().filter(|level| matches!(level.is, Is::Overlap(least) if part + 1e-9 >= least));
            let least = |level: &Level| if let Is::Overlap(least) = level.is { least } else { 0.0 };
            fits.max_by(|a, b| least(a).total_cmp(&least(b))).or_else(|| level(comparison, Is::Differ))
        }
        _ => match comparison.levels.iter().find(|level| level.is == is) {
            Some(found) => Some(found),
            None => level(comparison, is.weaker()?),
        },
    }
}

pub(super) fn hit(comparison: &Comparison, is: Is, value: Option<usize>) -> Hit {
    let found = level(comparison, is);
    Hit {
        on: comparison.on,
        is: found.map_or(is, |level| level.is),
        bits: found.map_or(0.0, |level| level.bits),
        shared: 0.0,
        rival: 0.0,
        value,
    }
}

fn hits(rules: &MatchRules, sought: &Sought, person: &Person) -> Vec<Hit> {
    let names = names::compare(rules, sought, person);
    rules
        .compare
        .iter()
        .map(|comparison| match comparison.on {
            CompareOn::Phone => {
                let own: Vec<Digits> = sought.number.into_iter().chain(sought.callback.iter().copied()).collect();
                number(comparison, &own, &person.numbers, false)
            }
            CompareOn::Number => number(comparison, sought.number.as_slice(), &person.numbers, false),
            CompareOn::Callback => number(comparison, &sought.callback, &person.numbers, true),
            CompareOn::Email => email(comparison, &rules.tables, sought, person),
            CompareOn::FirstName => hit(comparison, names.first, None),
            CompareOn::LastName => hit(comparison, names.last, None),
            CompareOn::NameOrder => hit(comparison, if names.swapped { Is::Swapped } else { Is::Missing }, None),
            CompareOn::Suffix => hit(comparison, names.suffix, None),
            CompareOn::Account => account(comparison, sought, person),
            CompareOn::CallerIdName => hit(comparison, names.shown, None),
        })
        .collect()
}

fn number(comparison: &Comparison, own: &[Digits], theirs: &[Digits], said: bool) -> Hit {
    if own.is_empty() || theirs.is_empty() {
        return hit(comparison, Is::Missing, None);
    }
    let mut best = (Is::Differ, 0);
    for one in own {
        for (at, other) in theirs.iter().enumerate() {
            let equal = one.value == other.value || (said || !one.whole || !other.whole) && one.tail(9) == other.tail(9);
            if equal {
                return hit(comparison, Is::Equal, Some(at));
            }
            if best.0 != Is::Near && near(*one, *other) {
                best = (Is::Near, at);
            } else if best.0 == Is::Differ && one.tail(7) == other.tail(7) {
                best = (Is::Last7, at);
            }
        }
    }
    hit(comparison, best.0, Some(best.1))
}

/// One slip of a finger: neighbours swapped, a digit too many or too few, or one wrong digit that is none of the last two, which tell the
/// lines of one house apart.
fn near(a: Digits, b: Digits) -> bool {
    let (one, other) = (a.value.to_string(), b.value.to_string());
    let (x, y) = (one.as_bytes(), other.as_bytes());
    if x.len() < 9 || y.len() < 9 || x.len().abs_diff(y.len()) > 1 || edits(&one, &other, 1) != Some(1) {
        return false;
    }
    let from = x.iter().zip(y).position(|(a, b)| a != b).unwrap_or(0);
    let changed = x.iter().zip(y).filter(|(a, b)| a != b).count();
    x.len() != y.len() || changed == 2 || from + 2 < x.len()
}

fn email(comparison: &Comparison, tables: &Tables, sought: &Sought, person: &Person) -> Hit {
    if sought.emails.is_empty() || person.emails.is_empty() {
        return hit(comparison, Is::Missing, None);
    }
    if let Some(at) = person.emails.iter().position(|email| sought.emails.iter().any(|own| **own == **email)) {
        return hit(comparison, Is::Equal, Some(at));
    }
    let mut best: (u8, usize) = (u8::MAX, 0);
    for (at, theirs) in person.emails.iter().enumerate() {
        let Some((local, host)) = theirs.split_once('@') else { continue };
        for own in &sought.emails {
            let Some((own_local, own_host)) = own.split_once('@') else { continue };
            let far = if host == own_host {
                local_edits(own_local, local).unwrap_or(if tables.has(TableKind::FreeMail, host) { u8::MAX } else { 9 })
            } else {
                // A host that was misheard counts where all before it is right, or almost.
                let long = host.len().min(own_host.len()) >= 8 && local.len() >= 4;
                let both = edits(own_host, host, 2).filter(|_| long).and_then(|hosts| Some((hosts, local_edits(own_local, local)?)));
                match both {
                    Some((hosts, locals)) if hosts + usize::from(locals) <= 3 => u8::try_from(hosts).unwrap_or(3) + locals,
                    _ => u8::MAX,
                }
            };
            if far < best.0 {
                best = (far, at);
            }
        }
    }
    match best.0 {
        u8::MAX => hit(comparison, Is::Differ, Some(0)),
        9 => hit(comparison, Is::Domain, Some(best.1)),
        far => hit(comparison, Is::Edit(far.max(1)), Some(best.1)),
    }
}

/// How far two local parts are apart, where one may be the other misheard.
fn local_edits(a: &str, b: &str) -> Option<u8> {
    if a == b {
        return Some(0);
    }
    let most = match a.len().min(b.len()) {
        0..=3 => 0,
        4..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    if let Some(edits) = edits(a, b, most) {
        return u8::try_from(edits).ok();
    }
    // Digits are heard well; letters are heard by their sound.
    let parts =
        |text: &str| -> (String, String) { text.chars().filter(|c| c.is_ascii_alphanumeric()).partition(char::is_ascii_alphabetic) };
    let ((letters, digits), (other, theirs)) = (parts(a), parts(b));
    let alike = digits == theirs && letters.len().min(other.len()) >= 5 && spoken(&letters, true) == spoken(&other, true);
    (alike && edits(&letters, &other, 4).is_some()).then_some(2)
}

fn account(comparison: &Comparison, sought: &Sought, person: &Person) -> Hit {
    let Some(own) = &sought.company else { return hit(comparison, Is::Missing, None) };
    if let Some(theirs) = &person.company {
        return hit(comparison, Is::Overlap(overlap(own, theirs)), None);
    }
    // Without an account, the host of a company's address names it.
    let named = |email: &str| {
        let label = email.rsplit_once('@').and_then(|(_, host)| host.split('.').next()).unwrap_or_default().replace('-', "");
        let joined = sought.company_joined.as_str();
        label.len() >= 6 && joined.len() >= 6 && (label == joined || joined.starts_with(&label) || label.starts_with(joined))
    };
    let is = if person.emails.iter().any(|email| named(email)) { Is::Overlap(0.9) } else { Is::Missing };
    hit(comparison, is, None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use aftercall_config::call::Caller;

    use super::*;
    use crate::matching::judge::ranked;
    use crate::matching::person::Fields;
    use crate::matching::{Judgement, evidence, judge};
    use crate::testing::person_rules;

    const FIRST: &[&str] =
        &["Robert", "Bob", "Roberta", "Ann", "Anna", "A", "Cerol", "Carol", "Jörg", "Joerg", "Muhammad", "Mohammed", "Xiu Ying", "Zubairi"];
    const LAST: &[&str] =
        &["Lee", "Lei", "Müller", "Mueller", "Smith-Jones", "Jones", "de la Cruz", "Delacruz", "Nguyen", "Win", "Franklin Jr.", "Franklin"];
    const NUMBERS: &[&str] = &["(312) 555-0142", "312-555-0143 x5", "+13125550142", "312 555 1042", "n/a"];
    const EMAILS: &[&str] = &["ann.lee@gmail.com", "annlee@gmail.com", "bob@acmedental.com", "info@acmedental.com", "none@none.com"];
    const FIRMS: &[&str] = &["Acme Dental LLC", "Acme Plumbing", "Boise Acme Dental", "The Lee Family"];

    fn maybe(of: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
        proptest::option::weighted(0.8, select(of))
    }

    prop_compose! {
        fn person()(first in maybe(FIRST), last in maybe(LAST), phone in maybe(NUMBERS), mobile in maybe(NUMBERS), email in maybe(EMAILS), firm in maybe(FIRMS)) -> Person {
            let fields = Fields {
                numbers: phone.into_iter().chain(mobile).collect(),
                emails: email.into_iter().collect(),
                first_name: first,
                last_name: last,
                account: firm,
                ..Fields::default()
            };
            Person::of(person_rules(), "US", &fields)
        }
    }

    prop_compose! {
        fn sought()(first in maybe(FIRST), last in maybe(LAST), phone in maybe(NUMBERS), back in maybe(NUMBERS), email in maybe(EMAILS), firm in maybe(FIRMS)) -> Sought {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let name = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let caller = Caller { phone: own(phone), callback_phone: own(back), email: own(email), name: Some(name), company: own(firm), ..Caller::default() };
            Sought::of(person_rules(), "US", &caller)
        }
    }

    /// The strongest level that adds, of a comparison.
    fn best(comparison: &Comparison) -> Option<Is> {
        comparison.levels.iter().max_by(|a, b| a.bits.total_cmp(&b.bits)).filter(|level| level.bits > 0.0).map(|level| level.is)
    }

    proptest! {
        #[test]
        fn order_does_not_matter(sought in sought(), people in proptest::collection::vec(person(), 0..6)) {
            let rules = person_rules();
            let straight: Vec<&Person> = people.iter().collect();
            let turned: Vec<&Person> = people.iter().rev().collect();
            let (sums, mut other) = (weigh(rules, &sought, &straight), weigh(rules, &sought, &turned));
            other.reverse();
            prop_assert_eq!(&sums, &other);
            // Equal candidates aside, the same one is taken.
            let decide = |sums: &[Sum]| judge(rules, &sought, sums, &ranked(sums, |at| u64::try_from(at).unwrap_or(0)), false);
            prop_assert_eq!(decide(&sums), decide(&other));
        }

        #[test]
        fn lines_add_up(sought in sought(), people in proptest::collection::vec(person(), 0..6)) {
            let rules = person_rules();
            let sums = weigh(rules, &sought, &people.iter().collect::<Vec<_>>());
            for (sum, person) in sums.iter().zip(&people) {
                let lines = evidence::lines(rules, &sought, person, sum);
                let total: f64 = lines.iter().map(|line| line.bits).sum();
                prop_assert!((total - sum.bits).abs() < 1e-9, "{total} {lines:#?}");
            }
            if let Judgement::Accept(at) = judge(rules, &sought, &sums, &ranked(&sums, |at| u64::try_from(at).unwrap_or(0)), false) {
                prop_assert!(sums[at].bits + 1e-9 >= rules.decide.accept);
            }
        }

        #[test]
        fn agreeing_never_lowers(sought in sought(), person in person(), place in 0_usize..9) {
            let rules = person_rules();
            let before = weigh(rules, &sought, &[&person]).remove(0);
            let Some(comparison) = rules.compare.get(place) else { return Ok(()) };
            let Some(is) = best(comparison) else { return Ok(()) };
            let mut after = before.clone();
            after.hits[place] = hit(comparison, is, None);
            total(rules, &mut after);
            prop_assert!(after.bits + 1e-9 >= before.bits, "{:?} {} {}", comparison.on, before.bits, after.bits);
        }

        #[test]
        fn given_names_compare_both_ways(a in select(FIRST), b in select(FIRST)) {
            let rules = person_rules();
            let first = rules.on(CompareOn::FirstName);
            let fold = |text: &str| aftercall_config::tables::fold(text);
            prop_assert_eq!(names::given(rules, first, &fold(a), &fold(b)), names::given(rules, first, &fold(b), &fold(a)));
        }

        #[test]
        fn companies_compare_both_ways(a in "[a-z]{3,8}( [a-z]{3,8}){0,3}", b in "[a-z]{3,8}( [a-z]{3,8}){0,3}") {
            let read = |text: &str| crate::normalise::company(text, &person_rules().tables).unwrap_or_default();
            let (a, b) = (read(&a), read(&b));
            prop_assert_eq!(overlap(&a, &b), overlap(&b, &a));
        }
    }

    #[track_caller]
    fn check(caller: Caller, people: &[Fields<'_>], expected: &Judgement) {
        let rules = person_rules();
        let sought = Sought::of(rules, "US", &caller);
        let people: Vec<Person> = people.iter().map(|fields| Person::of(rules, "US", fields)).collect();
        let sums = weigh(rules, &sought, &people.iter().collect::<Vec<_>>());
        let found = judge(rules, &sought, &sums, &ranked(&sums, |at| u64::try_from(at).unwrap_or(0)), false);
        assert_eq!(&found, expected, "{caller:?} {sums:#?}");
    }

    fn said(phone: &str, name: &str, email: &str, company: &str) -> Caller {
        let own = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Caller { phone: own(phone), name: own(name), email: own(email), company: own(company), ..Caller::default() }
    }

    fn on_file<'a>(first: &'a str, last: &'a str, phone: &'a str, email: &'a str) -> Fields<'a> {
        Fields { numbers: vec![phone], emails: vec![email], first_name: Some(first), last_name: Some(last), ..Fields::default() }
    }

    const HOME: &str = "(312) 555-0142";
    const FROM: &str = "+13125550142";

    #[test]
    fn worked_cases() {
        let (bob, linda) = (on_file("Bob", "Ray", HOME, ""), on_file("Linda", "Ray", HOME, ""));
        let couple = [bob, linda];
        // A household's number: nobody guesses, but a name tells.
        check(said(FROM, "", "", ""), &couple, &Judgement::Review(Some(0)));
        check(said(FROM, "Linda", "", ""), &couple, &Judgement::Accept(1));
        check(said(FROM, "Mrs. Ray", "", ""), &couple, &Judgement::Review(Some(0)));
        // A reissued number, and a married name on her own.
        check(said(FROM, "Petra Quist", "", ""), &couple[..1], &Judgement::New);
        check(said(FROM, "Linda Quist", "", ""), &couple[1..], &Judgement::Accept(0));
        // A name alone never writes.
        check(said("anonymous", "Linda Ray", "", ""), &couple[1..], &Judgement::Review(Some(0)));
        let firm = Fields { account: Some("Ray Dental LLC"), ..on_file("Linda", "Ray", "", "") };
        check(said("anonymous", "Linda Ray", "", "ray dentistry"), &[firm], &Judgement::Accept(0));
        // Father and son.
        let men = [on_file("Samuel", "Ray", HOME, ""), on_file("Samuel", "Ray Jr.", HOME, "")];
        check(said(FROM, "Samuel Ray", "", ""), &men, &Judgement::Review(Some(0)));
        check(said(FROM, "Samuel Ray junior", "", ""), &men, &Judgement::Accept(1));
        check(said(FROM, "Samuel Ray junior", "", ""), &men[..1], &Judgement::Review(Some(0)));
        let by_short_name = [on_file("Cornelius", "Ray", HOME, ""), on_file("Neil", "Ray Jr.", HOME, "")];
        check(said(FROM, "Cornelius Ray", "", ""), &by_short_name, &Judgement::Review(Some(0)));
        // A couple with one short name, and names that look alike.
        let couple = [on_file("Patrick", "Ray", HOME, ""), on_file("Patricia", "Ray", HOME, "")];
        check(said(FROM, "Pat Ray", "", ""), &couple, &Judgement::Review(Some(0)));
        check(said(FROM, "Patricia", "", ""), &couple, &Judgement::Accept(1));
        // The number of one and the address of another.
        let two = [on_file("Ann", "Lee", HOME, ""), on_file("Otto", "Kern", "", "otto.kern@gmail.com")];
        check(said(FROM, "", "otto dot kern at g mail dot com", ""), &two, &Judgement::Review(Some(1)));
        check(said(FROM, "Otto Kern", "otto dot kern at g mail dot com", ""), &two, &Judgement::Accept(1));
        // Calling for somebody else.
        check(said("anonymous", "Petra Quist calling for Linda Ray", "", ""), &couple, &Judgement::New);
    }
}
