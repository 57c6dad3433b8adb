//! Stories of the hard cases of "who called", each against Salesforce and HubSpot: another number, no number, one number of several
//! people, one name of several people, a new name, a misheard address, and a record that is not worth the name.

use serde_json::{Value, json};

use crate::support::{Desk, call, only, rows, text};

/// What stands in a record, in the words that both CRMs have in common.
#[derive(Clone, Copy, Default)]
struct Person<'a> {
    first: &'a str,
    last: &'a str,
    phone: &'a str,
    mobile: &'a str,
    email: &'a str,
    company: &'a str,
}

/// A front desk whose CRM is one of the two, so that a story says what must hold in either.
struct Office {
    desk: Desk,
    hubspot: bool,
    /// How many contacts are there before the first call.
    contacts: usize,
}

/// Tells a story in both CRMs. The people are loaded in their order: the first has the number 1.
#[track_caller]
#[expect(clippy::print_stdout, reason = "the test's own output is shown when it fails")]
fn in_both(people: &[Person<'_>], story: impl Fn(&Office)) {
    for hubspot in [false, true] {
        println!("in {}", if hubspot { "HubSpot" } else { "Salesforce" });
        let desk = if hubspot { Desk::hubspot() } else { Desk::salesforce() };
        let mut office = Office { desk, hubspot, contacts: 0 };
        office.load(people);
        office.contacts = office.people().len();
        story(&office);
    }
}

impl Office {
    fn load(&self, people: &[Person<'_>]) {
        let records: Vec<Value> = people.iter().zip(1..).map(|(person, at)| self.record(*person, at)).collect();
        let key = if self.hubspot { "contacts" } else { "Contact" };
        self.desk.crm.load(&json!({ key: records })).expect("the story's records load");
    }

    fn record(&self, person: Person<'_>, at: usize) -> Value {
        let Person { first, last, phone, mobile, email, company } = person;
        let names = self.names();
        let mut fields = json!({});
        for (name, value) in names.into_iter().zip([first, last, phone, mobile, email]).filter(|(_, value)| !value.is_empty()) {
            fields[name] = value.into();
        }
        if self.hubspot {
            fields["company"] = company.into();
            return json!({"id": self.id(at), "properties": fields});
        }
        fields["Id"] = self.id(at).into();
        if !company.is_empty() {
            let account = format!("0015e00000001{at:02}AAA");
            self.desk.crm.load(&json!({"Account": [{"Id": account, "Name": company}]})).expect("an account");
            fields["AccountId"] = account.into();
        }
        fields
    }

    /// First name, last name, two numbers, address.
    fn names(&self) -> [&'static str; 5] {
        match self.hubspot {
            true => ["firstname", "lastname", "phone", "mobilephone", "email"],
            false => ["FirstName", "LastName", "Phone", "MobilePhone", "Email"],
        }
    }

    /// The id of the story's person of this number.
    fn id(&self, at: usize) -> String {
        if self.hubspot { format!("9{at:03}") } else { format!("0035e00000001{at:02}AAA") }
    }

    /// Every contact, as the CRM has it: id and fields.
    fn people(&self) -> Vec<(String, Value)> {
        let (object, id) = if self.hubspot { ("contacts", "id") } else { ("Contact", "Id") };
        let fields = |row: &Value| if self.hubspot { row["properties"].clone() } else { row.clone() };
        self.desk.crm_rows(object).iter().map(|row| (text(row, id).to_owned(), fields(row))).collect()
    }

    /// What people see of one contact: first name, last name, two numbers, address.
    #[track_caller]
    fn person(&self, id: &str) -> [String; 5] {
        let found = self.people().into_iter().find(|(other, _)| other == id);
        let (_, fields) = found.unwrap_or_else(|| panic!("no contact {id}"));
        self.names().map(|name| text(&fields, name).to_owned())
    }

    /// The contacts that calls have made.
    fn made(&self) -> Vec<String> {
        let ids = self.people().into_iter().map(|(id, _)| id);
        ids.skip(self.contacts).collect()
    }

    /// Which contacts the entries of the call log hang on.
    fn logged_on(&self) -> Vec<String> {
        if !self.hubspot {
            return self.desk.logged().iter().map(|entry| text(entry, "WhoId").to_owned()).collect();
        }
        let ids = |call: Value| rows(&call["associations"], "contacts");
        self.desk.crm_rows("calls").into_iter().flat_map(ids).map(|id| id.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// One call, to its end: the decision about who called.
    #[track_caller]
    fn takes(&self, id: &str, caller: Value) -> Value {
        self.desk.sync(&[call(id, json!({ "caller": caller }))]).exits(0);
        self.decision(id)
    }

    #[track_caller]
    fn decision(&self, id: &str) -> Value {
        let explained = self.desk.run(&["match", "explain", &format!("json:{id}"), "--format", "json"]).exits(0).json();
        explained["decisions"][0]["decision"].clone()
    }

    /// The call is that person's: nobody new, the entry hangs there, nobody is asked.
    #[track_caller]
    fn is(&self, caller: Value, at: usize, because: &str) {
        let decision = self.takes("c-1", caller);
        assert_eq!((text(&decision, "verdict"), text(&decision, "contact")), ("matched", &*self.id(at)), "{decision:#}");
        assert!(text(&decision, "because").contains(because), "{decision:#}");
        assert_eq!(self.desk.status("json:c-1"), "landed");
        assert_eq!(self.made(), [""; 0], "nobody new");
        assert_eq!(self.logged_on(), [self.id(at)]);
    }

    /// The call is a new caller's, and nothing of it stands in the record of anybody else. Gives the new contact's id.
    #[track_caller]
    fn is_new(&self, caller: Value) -> String {
        let before = self.people();
        let decision = self.takes("c-1", caller);
        assert_eq!(text(&decision, "verdict"), "new", "{decision:#}");
        assert_eq!(self.desk.status("json:c-1"), "landed");
        self.stands_alone(&before)
    }

    /// The call is a question about these people, and nothing of it stands in their records. Gives the new contact's id.
    #[track_caller]
    fn is_a_question(&self, caller: Value, about: &[usize]) -> String {
        let before = self.people();
        let decision = self.takes("c-1", caller);
        assert_eq!(text(&decision, "verdict"), "ambiguous", "{decision:#}");
        for at in about {
            assert!(text(&decision, "review").contains(&self.id(*at)), "asked about {}: {decision:#}", self.id(*at));
        }
        assert!(text(&decision, "review").contains("somebody new"), "{decision:#}");
        assert_eq!(self.desk.status("json:c-1"), "review");
        self.stands_alone(&before)
    }

    #[track_caller]
    fn stands_alone(&self, before: &[(String, Value)]) -> String {
        assert_eq!(self.people()[..before.len()], *before, "what was there is as it was");
        let new = only(self.made().into_iter().map(Value::from).collect(), "a record of its own");
        assert_eq!(self.logged_on(), [text(&json!({ "id": new }), "id")]);
        new.as_str().unwrap_or_default().to_owned()
    }
}

const INES: Person<'_> =
    Person { first: "Ines", last: "Calder", phone: "(312) 555-0181", mobile: "", email: "ines@calder-law.example", company: "" };

/// Story: a client calls from another number and gives the address that is on file. The number is kept where there is room for it.
#[test]
fn another_number_and_the_known_address() {
    in_both(&[INES], |office| {
        office.is(
            json!({"phone": "+13125550177", "email": "Ines@Calder-Law.example"}),
            1,
            "the e-mail ines@calder-law.example belongs to Ines",
        );
        assert_eq!(office.person(&office.id(1)), ["Ines", "Calder", "(312) 555-0181", "+13125550177", "ines@calder-law.example"]);
    });
}

/// Story: the same where every field for a number is taken. Nothing is pushed out.
#[test]
fn another_number_without_room_for_it() {
    let full = Person { mobile: "312.555.0182", ..INES };
    in_both(&[full], |office| {
        office.is(json!({"phone": "+13125550177", "email": "ines@calder-law.example", "name": "Ines Calder"}), 1, "the e-mail");
        assert_eq!(office.person(&office.id(1)), ["Ines", "Calder", "(312) 555-0181", "312.555.0182", "ines@calder-law.example"]);
    });
}

const OTTILIE: Person<'_> =
    Person { first: "Ottilie", last: "Marchetti", phone: "312-555-0183", mobile: "", email: "", company: "Lakeshore Printing Inc." };

/// Story: the number is withheld, and all that is known is the name and the company.
#[test]
fn withheld_with_name_and_company() {
    let elsewhere = Person { phone: "312-555-0199", company: "Quarry Roofing", ..OTTILIE };
    in_both(&[OTTILIE, elsewhere], |office| {
        let caller = json!({"phone": "anonymous", "name": "Ottilie Marchetti", "company": "Lakeshore Printing"});
        office.is(caller, 1, "the name Ottilie Marchetti and the company Lakeshore Printing fit");
        assert_eq!(office.person(&office.id(1))[2..4], ["312-555-0183", ""], "a word is no number");
    });
}

/// Story: the number is withheld, and the address is on file.
#[test]
fn withheld_with_an_address() {
    in_both(&[INES, OTTILIE], |office| {
        office.is(json!({"phone": "anonymous", "email": "ines at calder dash law dot example", "name": "Ines"}), 1, "the e-mail");
    });
}

/// Story: the number is withheld and a name is all there is. Many people have it: nobody guesses.
#[test]
fn withheld_with_a_name_alone() {
    in_both(&[OTTILIE], |office| drop(office.is_a_question(json!({"phone": "anonymous", "name": "Ottilie Marchetti"}), &[1])));
}

const HOME: &str = "+13125550184";
const JONAH: Person<'_> = Person { first: "Jonah", last: "Abernathy", phone: "(312) 555-0184", mobile: "", email: "", company: "" };
const LUCIA: Person<'_> = Person { first: "Lucia", ..JONAH };

/// Story: a couple has one number. Whoever says the name is that one, also by the short form of it.
#[test]
fn one_number_of_a_household_with_a_name() {
    for name in ["Lucia Abernathy", "Lucia", "Lucy Abernathy"] {
        in_both(&[JONAH, LUCIA], |office| office.is(json!({"phone": HOME, "name": name}), 2, "the number +13125550184 belongs to Lucia"));
    }
}

/// Story: without a name, or with the name of both, a person decides.
#[test]
fn one_number_of_a_household_without_a_name() {
    for caller in [json!({"phone": HOME}), json!({"phone": HOME, "name": "Abernathy"})] {
        in_both(&[JONAH, LUCIA], |office| drop(office.is_a_question(caller.clone(), &[1, 2])));
    }
}

/// Story: a child of the house whom nobody knows yet is no parent.
#[test]
fn one_number_of_a_household_and_a_new_name() {
    in_both(&[JONAH, LUCIA], |office| {
        let new = office.is_a_question(json!({"phone": HOME, "name": "Tobias Abernathy"}), &[]);
        assert_eq!(office.person(&new)[..2], ["Tobias", "Abernathy"]);
    });
}

/// Three colleagues with the number of their office.
fn colleagues() -> [Person<'static>; 3] {
    let phone = "312 555 0185";
    [
        Person { phone, ..OTTILIE },
        Person { first: "Raymond", last: "Sloan", phone, ..OTTILIE },
        Person { first: "Beatrix", last: "Nakamura", phone, ..OTTILIE },
    ]
}

/// Story: an office has one number. The name tells whose call it is; the company's name tells nothing.
#[test]
fn one_number_of_an_office() {
    let phone = "+13125550185";
    in_both(&colleagues(), |office| {
        office.is(json!({"phone": phone, "name": "Raymond Sloan", "company": "Lakeshore Printing"}), 2, "Raymond Sloan")
    });
    for caller in [json!({ "phone": phone }), json!({"phone": phone, "company": "Lakeshore Printing"})] {
        in_both(&colleagues(), |office| drop(office.is_a_question(caller.clone(), &[1, 2, 3])));
    }
}

const MARCUS: Person<'_> =
    Person { first: "Marcus", last: "Feldman", phone: "+1 312 555 0186", mobile: "", email: "marcus@feldman.example", company: "" };

/// Story: a number has passed to somebody else. Nothing is written to the one who had it, and the new one is found next time.
#[test]
fn a_number_of_somebody_else_now() {
    let caller = json!({"phone": "+13125550186", "name": "Yolanda Prewitt"});
    in_both(&[MARCUS], |office| {
        let new = office.is_new(caller.clone());
        assert_eq!(office.person(&new)[..2], ["Yolanda", "Prewitt"]);
        let again = office.takes("c-2", caller.clone());
        assert_eq!((text(&again, "verdict"), text(&again, "contact")), ("matched", &*new), "{again:#}");
        assert_eq!(office.made(), [new], "one of her");
    });
}

const WALTER: Person<'_> = Person { first: "Walter", last: "Hodge", phone: "3125550187", mobile: "", email: "", company: "" };
const JUNIOR: Person<'_> = Person { last: "Hodge Jr.", ..WALTER };

/// Story: father and son have one name and one number. What is said tells them apart, and where it is not said a person decides.
#[test]
fn father_and_son() {
    let caller = |name: &str| json!({"phone": "+13125550187", "name": name});
    for (name, at) in [("Walter Hodge Jr.", 2), ("Walter Hodge Junior", 2), ("Walter Hodge Sr.", 1), ("Walter Hodge senior", 1)] {
        in_both(&[WALTER, JUNIOR], |office| office.is(caller(name), at, "the number +13125550187 belongs to Walter Hodge"));
    }
    in_both(&[WALTER, JUNIOR], |office| drop(office.is_a_question(caller("Walter Hodge"), &[1, 2])));
}

/// Story: only the father is on file, and the son calls.
#[test]
fn a_son_who_is_not_on_file() {
    in_both(&[WALTER], |office| {
        let new = office.is_a_question(json!({"phone": "+13125550187", "name": "Walter Hodge Jr."}), &[1]);
        assert_eq!(office.person(&new)[..2], ["Walter", "Hodge Jr."], "so that the next call tells them apart");
    });
}

const ANNA: Person<'_> =
    Person { first: "Anna", last: "Berg", phone: "312/555-0188", mobile: "", email: "anna.berg@example.org", company: "" };

/// Story: "I'm calling for my mother Anna Berg", from her phone. The call is not hers, and nothing of it stands in her record.
#[test]
fn calling_for_somebody_else() {
    let caller = |name: &str, email: &str| json!({"phone": "+13125550188", "name": name, "email": email});
    in_both(&[ANNA], |office| {
        let new = office.is_a_question(caller("Lukas Berg", ""), &[1]);
        assert_eq!(office.person(&new)[..2], ["Lukas", "Berg"]);
    });
    // With an address of his own it is no question any more; a neighbour or a carer has not even the family's name.
    for caller in [caller("Lukas Berg", "lukas@berg.example"), caller("Fiona Tremblay", "")] {
        in_both(&[ANNA], |office| drop(office.is_new(caller.clone())));
    }
}

/// Story: one person stands in the CRM twice, and both records fit alike. Nobody guesses which one is kept.
#[test]
fn two_who_fit_alike() {
    in_both(&[MARCUS, Person { email: "", ..MARCUS }], |office| {
        drop(office.is_a_question(json!({"phone": "+13125550186", "name": "Marcus Feldman"}), &[1, 2]));
    });
    let namesake = Person { phone: "312-555-0189", email: "m@feldman.example", ..MARCUS };
    in_both(&[MARCUS, namesake], |office| {
        drop(office.is_a_question(json!({"phone": "anonymous", "name": "Marcus Feldman"}), &[1, 2]));
    });
}

/// Story: the call before made the record seconds ago, and search does not show it yet: by the number, and by the address alone.
#[test]
fn a_record_of_seconds_ago() {
    let first = json!({"phone": "+13125550191", "email": "tess@example.org", "name": "Tess Newman"});
    for second in [
        json!({"phone": "+13125550191"}),
        json!({"phone": "+13125550191", "name": "Tess Newman"}),
        json!({"phone": "anonymous", "email": "tess@example.org"}),
        json!({"phone": "+13125550192", "email": "tess@example.org", "name": "Tess Newman"}),
    ] {
        in_both(&[], |office| {
            if office.hubspot {
                office.desk.crm.configure(&json!({"index_lag_ms": 3_600_000})).expect("a setting");
            }
            let tess = office.is_new(first.clone());
            let decision = office.takes("c-2", second.clone());
            assert_eq!((text(&decision, "verdict"), text(&decision, "contact")), ("matched", &*tess), "{decision:#}");
            assert_eq!(office.made(), [&*tess]);
            assert_eq!(office.logged_on(), [&*tess, &*tess]);
        });
    }
}

/// Story: three calls of one new caller come in at once. One contact.
#[test]
fn three_at_once() {
    in_both(&[MARCUS], |office| {
        if office.hubspot {
            office.desk.crm.configure(&json!({"index_lag_ms": 3_600_000})).expect("a setting");
        }
        let service = office.desk.serve();
        std::thread::scope(|threads| {
            for (id, name) in [("c-1", "Tess Newman"), ("c-2", ""), ("c-3", "Tess")] {
                let service = &service;
                threads.spawn(move || service.take(&call(id, json!({"caller": {"phone": "+13125550191", "name": name}}))));
            }
        });
        let statuses = office.desk.settled(3);
        assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
        let tess = only(office.made().into_iter().map(Value::from).collect(), "one contact");
        let tess = tess.as_str().unwrap_or_default();
        assert_eq!(office.logged_on(), [tess; 3]);
        assert_eq!(office.person(tess)[..2], ["Tess", "Newman"], "the whole name, whichever call came first");
    });
}

/// Story: the same with a number withheld or another, and one address: the three stand in queues of their own.
#[test]
fn three_at_once_by_one_address() {
    in_both(&[MARCUS], |office| {
        let service = office.desk.serve();
        std::thread::scope(|threads| {
            for (id, phone) in [("c-1", "+13125550191"), ("c-2", "anonymous"), ("c-3", "+13125550192")] {
                let service = &service;
                let caller = json!({"phone": phone, "name": "Tess Newman", "email": "tess@example.org"});
                threads.spawn(move || service.take(&call(id, json!({ "caller": caller }))));
            }
        });
        let statuses = office.desk.settled(3);
        assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
        let tess = only(office.made().into_iter().map(Value::from).collect(), "one contact");
        assert_eq!(office.logged_on(), [tess.as_str().unwrap_or_default(); 3]);
    });
}

const SMITH: Person<'_> = Person { first: "Jacob", last: "Smith", phone: "", mobile: "", email: "j.smith@gmail.com", company: "" };

/// Story: an address is said aloud, and one letter is heard wrongly. With the right name it is that person; the address on file stays.
#[test]
fn an_address_as_it_was_heard() {
    let namesake = Person { email: "jsmith.1980@yahoo.com", phone: "312-555-0193", ..SMITH };
    for email in ["j dot smith at gmail dot com", "j dot smyth at gmail dot com", "j dot snith at gmail dot com", "j.smith@gmial.com"] {
        in_both(&[SMITH, namesake], |office| {
            office.is(json!({"phone": "+13125550194", "email": email, "name": "Jacob Smith"}), 1, "");
            assert_eq!(office.person(&office.id(1))[4], "j.smith@gmail.com", "{email}");
        });
    }
    // One letter apart and another name is another person.
    in_both(&[SMITH], |office| drop(office.is_new(json!({"phone": "+13125550194", "email": "j.smits@gmail.com", "name": "Helena Smits"}))));
}

const DELPHINE: Person<'_> = Person { first: "Delphine", last: "Rourke", phone: "(312) 555-0195", mobile: "", email: "", company: "" };

/// Story: she has married, and calls from her own number. It is she; the name on file is not replaced by what was heard, and it shows.
#[test]
fn a_married_name() {
    in_both(&[DELPHINE], |office| {
        office.is(
            json!({"phone": "+13125550195", "name": "Delphine Castellanos"}),
            1,
            "the number +13125550195 belongs to Delphine Rourke",
        );
        assert_eq!(office.person(&office.id(1))[..2], ["Delphine", "Rourke"]);
        let shown = office.desk.run(&["match", "explain", "json:c-1"]).exits(0).stdout;
        assert!(shown.to_lowercase().contains("castellanos") && shown.contains("Rourke"), "{shown}");
    });
}

const PLACEHOLDER: Person<'_> =
    Person { first: "", last: "Caller +13125550196", phone: "+13125550196", mobile: "", email: "", company: "" };
const SIMON: Person<'_> = Person {
    first: "Simon",
    last: "Achterberg",
    phone: "",
    mobile: "312.555.0197",
    email: "simon@achterberg.example",
    company: "Quarry Roofing",
};

/// Story: an earlier tool left a contact "Caller +1..." with the number. It does not hide the person, whose address or company is given.
#[test]
fn a_placeholder_hides_nobody() {
    let caller = |more: Value| {
        let mut caller = json!({"phone": "+13125550196", "name": "Simon Achterberg"});
        caller.as_object_mut().expect("members").extend(more.as_object().cloned().unwrap_or_default());
        caller
    };
    for more in [json!({"email": "simon@achterberg.example"}), json!({"company": "Quarry Roofing"})] {
        in_both(&[PLACEHOLDER, SIMON], |office| {
            office.is(caller(more.clone()), 2, "Simon Achterberg");
            assert_eq!(office.person(&office.id(2))[2], "+13125550196", "the number that called is his now too");
        });
    }
    // A name alone never writes: a person is asked, and neither of the two is written to.
    in_both(&[PLACEHOLDER, SIMON], |office| drop(office.is_a_question(caller(json!({})), &[1, 2])));
}

/// Story: where there is nobody but the placeholder, it is the caller's.
#[test]
fn a_placeholder_is_better_than_a_second_one() {
    in_both(&[PLACEHOLDER, SIMON], |office| office.is(json!({"phone": "+13125550196"}), 1, "the number +13125550196 belongs to"));
    in_both(&[PLACEHOLDER, DELPHINE], |office| office.is(json!({"phone": "+13125550196", "name": "Simon Achterberg"}), 1, "the number"));
}
