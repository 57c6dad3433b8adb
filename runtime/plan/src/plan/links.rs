//! Links from one record to another: to one that is there, or to one that this plan makes.

use aftercall_config::project::{LinkRule, WriteRule};

use super::build::Ground;
use super::contact::{self, Contact};
use super::place::Made;
use crate::model::{Link, LinkTo, Note};

/// The links of a new record. A link whose other end does not exist is left out, with a note.
pub(super) fn decide(ground: &Ground<'_>, rule: &WriteRule, made: &Made, notes: &mut Vec<Note>) -> Vec<Link> {
    let mut links = Vec::with_capacity(rule.links.len());
    for wanted in &rule.links {
        match other_end(ground, rule, wanted, made) {
            Ok(to) => links.push(Link { link: wanted.link.clone(), to, origin: wanted.origin.clone() }),
            Err(why) => notes.push(Note {
                write: Some(rule.id.clone()),
                text: format!("the link `{}` is left out: {why}", wanted.link),
                origin: Some(wanted.origin.clone()),
            }),
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

    use crate::model::LinkTo;
    use crate::testing::{call, context, op, person, planned, project, with, write};

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
