//! Links from one record to another: to one that is there, or to one that this plan makes.

use aftercall_config::project::{LinkRule, Object, WriteRule};

use super::build::Ground;
use super::contact::{self, Contact};
use super::place::Made;
use crate::model::{Link, LinkTo, Note};

/// The links of a new record. A link whose other end does not exist is left out, with a note.
pub(super) fn decide(ground: &Ground<'_>, rule: &WriteRule, made: &Made, notes: &mut Vec<Note>) -> Vec<Link> {
    let mut links = Vec::with_capacity(rule.links.len());
    for wanted in &rule.links {
        match other_end(ground, rule, wanted, made) {
            Ok(to) => links.push(Link { link: wanted.link.clone(), to, from: None, origin: wanted.origin.clone() }),
            Err(why) => notes.push(Note {
                write: Some(rule.id.clone()),
                text: format!("the link `{}` is left out: {why}", wanted.link),
                origin: Some(wanted.origin.clone()),
            }),
        }
    }
    links
}

/// The links of a record that this call made, as far as they lead to another one than before: a person has said whose it is.
///
/// A link whose other end is not known any more stays. One that the system takes on a new record only stays too, with a note.
pub(super) fn moved(ground: &Ground<'_>, rule: &WriteRule, object: &Object, id: &str, made: &Made, notes: &mut Vec<Note>) -> Vec<Link> {
    let held = ground.context.own_links.get(&rule.id).filter(|_| ground.context.own.get(&rule.id).is_some_and(|own| own == id));
    let Some(held) = held else { return Vec::new() };
    let mut links = Vec::new();
    for wanted in &rule.links {
        let (Some(from), Ok(to)) = (held.get(&wanted.link), other_end(ground, rule, wanted, made)) else { continue };
        if to == LinkTo::Id(from.clone()) {
            continue;
        }
        let in_a_field = object.decl.links.get(&wanted.link).is_some_and(|link| link.field.is_some());
        if in_a_field || (object.link.is_some() && object.unlink.is_some()) {
            links.push(Link { link: wanted.link.clone(), to, from: Some(from.clone()), origin: wanted.origin.clone() });
        } else {
            let text = format!("the link `{}` of {id} cannot be moved from {from}: a person does it", wanted.link);
            notes.push(Note { write: Some(rule.id.clone()), text, origin: Some(wanted.origin.clone()) });
        }
    }
    links
}

fn other_end(ground: &Ground<'_>, rule: &WriteRule, wanted: &LinkRule, made: &Made) -> Result<LinkTo, String> {
    if let Some(to) = made.get(&wanted.write) {
        return Ok(to.clone());
    }
    if to_contact(ground, rule, wanted) {
        return match ground.contact {
            Contact::There { record, .. } => Ok(LinkTo::Id(record.id.clone())),
            // The write that would have made it is skipped, or comes to nothing.
            Contact::New => Err("no write of this plan makes the contact".to_owned()),
            Contact::Nobody(why) | Contact::Held(why) => Err(format!("there is no contact, for {why}")),
        };
    }
    Err(format!("`{}` has no record", wanted.write))
}

/// Whether a link points to the caller's own record: by the write that it names, or by the object at its other end.
fn to_contact(ground: &Ground<'_>, rule: &WriteRule, wanted: &LinkRule) -> bool {
    let pipeline = ground.pipeline;
    if let Some(other) = pipeline.writes.iter().find(|other| other.id == wanted.write) {
        return contact::is_contact(pipeline, other);
    }
    let object = rule.connection.connector.objects.get(&rule.object);
    let end = object.and_then(|object| object.decl.links.get(&wanted.link)).map(|link| link.to.as_str());
    rule.connection.id == pipeline.connection.id
        && end.is_some()
        && end == pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::context::{Answered, Context};
    use crate::model::LinkTo;
    use crate::testing::{apply, call, context, op, person, planned, project, with, write};

    const PIPELINE: &str = "pipelines/front-desk.toml";

    /// The links of a write, each with its other end.
    fn links(plan: &crate::model::Plan, id: &str) -> Vec<(String, LinkTo)> {
        write(plan, id).links.iter().map(|link| (link.link.clone(), link.to.clone())).collect()
    }

    fn note(plan: &crate::model::Plan, id: &str) -> Option<String> {
        plan.notes.iter().find(|note| note.write.as_deref() == Some(id) && note.text.contains("link")).map(|note| note.text.clone())
    }

    #[test]
    fn to_a_write_that_stands_further_down() {
        let project = with(&[(PIPELINE, "mapping = \"crm/call\"", "mapping = \"crm/call\"\nlinks = [\"task = follow_up\"]")]);
        let plan = planned(&project, &call(), &context(vec![]));
        let order: Vec<&str> = plan.writes.iter().map(|write| write.id.as_str()).collect();
        assert_eq!(order, ["contact", "stage", "follow_up", "call", "appointment"]);
        let expected = [("contact", "contact"), ("task", "follow_up")].map(|(link, to)| (link.to_owned(), LinkTo::Write(to.to_owned())));
        assert_eq!(links(&plan, "call"), expected);
        // The task is not made, so nothing is linked to it, and that is said.
        let mut call = call();
        call.follow_up = None;
        let plan = planned(&project, &call, &context(vec![]));
        assert_eq!(links(&plan, "call").len(), 1);
        assert_eq!(note(&plan, "call").as_deref(), Some("the link `task` is left out: `follow_up` has no record"));
    }

    /// The context after the first plan was applied, with a person's answer and what the records were linked to.
    fn answered(answer: Answered, held: &str) -> Context {
        let read = context(vec![person("p1", json!({"Phone": "+13125550142"})), person("p2", json!({"Phone": "+13125550142"}))]);
        let first = planned(project(), &call(), &read);
        let mut read = apply(project(), &call(), &first, &read);
        let links = ["call", "follow_up"].map(|id| (id.to_owned(), [("contact".to_owned(), held.to_owned())].into_iter().collect()));
        read.own_links = links.into_iter().collect();
        Context { answered: Some(answer), ..read }
    }

    #[test]
    fn to_another_contact_as_a_person_answered() {
        let read = answered(Answered::Contact("p1".to_owned()), "new-contact");
        let plan = planned(project(), &call(), &read);
        assert_eq!(op(write(&plan, "contact")), "update p1");
        assert_eq!(op(write(&plan, "call")), "update new-call");
        let link = &write(&plan, "call").links[0];
        assert_eq!((link.to.clone(), link.from.as_deref()), (LinkTo::Id("p1".to_owned()), Some("new-contact")));
        // Where it leads there already, nothing is sent.
        let plan = planned(project(), &call(), &answered(Answered::Contact("new-contact".to_owned()), "new-contact"));
        assert_eq!(
            (op(write(&plan, "call")).as_str(), write(&plan, "call").links.len()),
            ("nothing new-call: everything is there already", 0)
        );
        // A new contact takes the records along.
        let mut read = answered(Answered::New, "p1");
        read.own.remove("contact");
        let plan = planned(project(), &call(), &read);
        assert_eq!(
            (op(write(&plan, "contact")).as_str(), &write(&plan, "call").links[0].to),
            ("create", &LinkTo::Write("contact".to_owned()))
        );
        // Without an answer an entry stays where it is.
        let read = Context { answered: None, own_links: Default::default(), ..answered(Answered::New, "p1") };
        assert_eq!(links(&planned(project(), &call(), &read), "call"), []);
    }

    #[test]
    fn one_record_of_two() {
        let merge = || Answered::Merge { id: "p1".to_owned(), other: "new-contact".to_owned() };
        let plan = planned(project(), &call(), &answered(merge(), "new-contact"));
        assert!(plan.writes.iter().all(|write| write.id != "contact.merge"), "the system has no such request");
        let says = |text: &str| plan.notes.iter().any(|note| note.text == text);
        assert!(says("A small CRM merges no records on request: a person makes one of p1 and new-contact"), "{:#?}", plan.notes);
        let request = "[write.merge]\nmethod = \"POST\"\npath = \"/merge/{{id}}/{{other}}\"\n\n[write.create]";
        let able = with(&[("mappings/crm/connector.toml", "[write.create]", request)]);
        let plan = planned(&able, &call(), &answered(merge(), "new-contact"));
        let last = plan.writes.last().expect("a write");
        assert_eq!((last.id.as_str(), op(last).as_str()), ("contact.merge", "merge new-contact into p1"));
        assert_eq!(last.after, ["contact", "call", "follow_up"], "what was written first");
    }

    #[test]
    fn to_the_contact() {
        let known = || context(vec![person("p1", json!({"Email": "ann@example.com"}))]);
        assert_eq!(links(&planned(project(), &call(), &known()), "call"), [("contact".to_owned(), LinkTo::Id("p1".to_owned()))]);
        // A contact that is there is linked to, also where it is not written.
        let project = with(&[(PIPELINE, "mapping = \"crm/contact\"", "mapping = \"crm/contact\"\nwhen = \"has(captured.never)\"")]);
        let plan = planned(&project, &call(), &known());
        assert!(op(write(&plan, "contact")).starts_with("skipped"));
        assert_eq!(links(&plan, "call"), [("contact".to_owned(), LinkTo::Id("p1".to_owned()))]);
        let plan = planned(&project, &call(), &context(vec![]));
        assert_eq!(links(&plan, "call"), []);
        assert_eq!(note(&plan, "call").as_deref(), Some("the link `contact` is left out: no write of this plan makes the contact"));
    }
}
