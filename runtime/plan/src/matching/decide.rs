//! From sums to a decision, with one sentence that says why.

use std::collections::BTreeMap;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::OnAmbiguous;
use aftercall_config::project::{Object, Pipeline, Project};

use super::{Compared, Identity, compare};
use crate::context::{Answered, Context, Record};
use crate::decision::{MatchDecision, Verdict};

/// Rounding must not decide between `matched` and `ambiguous`.
const ROUNDING: f64 = 1e-9;

/// Whose record is the call's?
///
/// Every candidate is compared again here, whatever the system's search thought. At or above `accept` with a lead of
/// `margin` is `matched`; several too close, or one that fits in part, is `ambiguous`; none is `new`, unless the search
/// could not be trusted: then it is `ambiguous`. The order of the candidates does not matter.
pub fn decide(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context) -> MatchDecision {
    let rules = &pipeline.matching;
    let identity = Identity::of(&rules.values, &project.phone_region, call);
    let object = contact_object(pipeline);
    let mut all = compared(project, pipeline, &identity, context, object);
    all.sort_by(|a, b| b.scored.bits.total_cmp(&a.scored.bits).then_with(|| a.scored.id.cmp(&b.scored.id)));
    let considered: Vec<&Compared> = all.iter().filter(|one| one.considered()).collect();
    let (verdict, because) = verdict(pipeline, &identity, context, &all, &considered);
    let contact = match verdict {
        Verdict::Matched => answered_id(context).or_else(|| considered.first().map(|best| best.scored.id.clone())),
        Verdict::Ambiguous if pipeline.on_ambiguous == OnAmbiguous::BestAndReview => considered.first().map(|best| best.scored.id.clone()),
        _ => None,
    };
    let review = (verdict == Verdict::Ambiguous).then(|| question(call, &identity, &considered, &because));
    MatchDecision {
        verdict,
        because,
        contact,
        candidates: all.into_iter().map(|one| one.scored).collect(),
        accept: rules.decide.accept,
        margin: rules.decide.margin,
        review,
    }
}

/// The object in which callers are searched.
pub(crate) fn contact_object(pipeline: &Pipeline) -> Option<&Object> {
    let connector = &pipeline.connection.connector;
    connector.objects.get(&connector.decl.find.as_ref()?.object)
}

/// The records that may be the caller's, one per id: the candidates, and the lane's own contact where the search has
/// not caught up. Of two copies of one record the one with more fields counts.
pub(crate) fn records<'a>(pipeline: &Pipeline, context: &'a Context) -> BTreeMap<&'a str, std::borrow::Cow<'a, Record>> {
    use std::borrow::Cow;
    let mut records: BTreeMap<&str, Cow<Record>> = BTreeMap::new();
    let weight = |record: &Record| (record.fields.len(), serde_json::to_string(&record.fields).unwrap_or_default());
    for record in &context.candidates {
        match records.get(record.id.as_str()) {
            Some(other) if weight(other) >= weight(record) => {}
            _ => {
                records.insert(&record.id, Cow::Borrowed(record));
            }
        }
    }
    if let Some(known) = context.known.get(&pipeline.connection.id) {
        let object = pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.clone()).unwrap_or_default();
        let own = || Cow::Owned(Record { id: known.id.clone(), object, fields: known.fields.clone() });
        records.entry(&known.id).or_insert_with(own);
    }
    records
}

fn compared(project: &Project, pipeline: &Pipeline, identity: &Identity, context: &Context, object: Option<&Object>) -> Vec<Compared> {
    let known = context.known.get(&pipeline.connection.id);
    let found = |id: &str| context.candidates.iter().any(|record| record.id == id);
    records(pipeline, context)
        .into_iter()
        .map(|(id, record)| {
            let known = known.filter(|known| known.id == id);
            compare(&pipeline.matching, &project.phone_region, identity, object, &record, known)
        })
        // What the lane knows but the search did not return counts only where our own fields agree.
        .filter(|one| found(&one.scored.id) || !one.phones.is_empty() || !one.emails.is_empty())
        .collect()
}

fn answered_id(context: &Context) -> Option<String> {
    match &context.answered {
        Some(Answered::Contact(id)) => Some(id.clone()),
        _ => None,
    }
}

fn verdict(pipeline: &Pipeline, identity: &Identity, context: &Context, all: &[Compared], considered: &[&Compared]) -> (Verdict, String) {
    let rules = &pipeline.matching.decide;
    match &context.answered {
        Some(Answered::Contact(id)) => {
            let who = all.iter().find(|one| one.scored.id == *id).map_or_else(|| id.clone(), named);
            return (Verdict::Matched, format!("a person has answered that the caller is {who}"));
        }
        Some(Answered::New) => return (Verdict::New, "a person has answered that the caller has no record yet".to_owned()),
        None => {}
    }
    if identity.is_empty() {
        return (Verdict::NoIdentity, "the call has neither a number nor an e-mail address to search by".to_owned());
    }
    let doubt = context.incomplete.as_deref().map(|why| format!("the search may be incomplete ({why})"));
    let Some(best) = considered.first() else {
        let nobody = format!("nobody has {}", join(&values(identity), "or"));
        return match doubt {
            Some(doubt) => (Verdict::Ambiguous, format!("{nobody}, but {doubt}")),
            None => (Verdict::New, nobody),
        };
    };
    let enough = best.scored.bits + ROUNDING >= rules.accept;
    let second = considered.get(1);
    let leads = second.is_none_or(|second| best.scored.bits - second.scored.bits + ROUNDING >= rules.margin);
    if enough && leads {
        let rest = match (all.len(), second) {
            (1, _) | (_, None) => "no other record fits".to_owned(),
            (_, Some(second)) => format!("{} fits less well", named(second)),
        };
        let doubt = doubt.map(|doubt| format!(", though {doubt}")).unwrap_or_default();
        return (Verdict::Matched, format!("{}, and {rest}{doubt}", belongs(best)));
    }
    if considered.len() > 1 {
        return (Verdict::Ambiguous, several(considered, best));
    }
    if agreed(best).is_empty() {
        let missing = join(&values(identity), "or");
        return (Verdict::Ambiguous, format!("{}, but that record does not have {missing}", belongs(best)));
    }
    if best.scored.bits > 0.0 {
        let against = disagreement(best).unwrap_or_else(|| "that alone is not enough".to_owned());
        return (Verdict::Ambiguous, format!("{}, but {against}", belongs(best)));
    }
    let against = disagreement(best).unwrap_or_else(|| "that is not enough".to_owned());
    let because = format!("{}, but {against}", belongs(best));
    match doubt {
        Some(doubt) => (Verdict::Ambiguous, format!("{because}, and {doubt}")),
        None => (Verdict::New, format!("{because}: it is somebody else")),
    }
}

/// "Ann Lee (003...)".
fn named(one: &Compared) -> String {
    format!("{} ({})", one.scored.name, one.scored.id)
}

/// "the number +1... and the e-mail ...".
fn agreed(one: &Compared) -> Vec<String> {
    let phones = one.phones.iter().map(|value| format!("the number {value}"));
    phones.chain(one.emails.iter().map(|value| format!("the e-mail {value}"))).collect()
}

fn values(identity: &Identity) -> Vec<String> {
    let phones = identity.phones.iter().map(|phone| format!("the number {}", phone.e164));
    phones.chain(identity.emails.iter().map(|value| format!("the e-mail {value}"))).collect()
}

fn join(parts: &[String], word: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} {word} {last}", head.join(", ")),
    }
}

fn belongs(one: &Compared) -> String {
    let values = agreed(one);
    match values.as_slice() {
        [] => format!("an earlier call of this caller went to {}", named(one)),
        [value] => format!("{value} belongs to {}", named(one)),
        several => format!("{} belong to {}", join(several, "and"), named(one)),
    }
}

fn several(considered: &[&Compared], best: &Compared) -> String {
    let list = |all: &[&Compared]| all.iter().map(|one| named(one)).collect::<Vec<_>>().join(", ");
    if considered.iter().all(|one| one.phones == best.phones && one.emails == best.emails) && !agreed(best).is_empty() {
        return format!("{} records have {}: {}", considered.len(), join(&agreed(best), "and"), list(considered));
    }
    let parts: Vec<String> = considered.iter().map(|one| belongs(one)).collect();
    join(&parts, "and")
}

fn disagreement(one: &Compared) -> Option<String> {
    let line = one.scored.evidence.iter().find(|line| line.level == "differ")?;
    let what = if line.on == "phone" { "number" } else { "e-mail" };
    Some(format!("the record's {what} is {}, not {}", line.record.as_deref()?, line.caller.as_deref()?))
}

fn question(call: &CallOutcome, identity: &Identity, considered: &[&Compared], because: &str) -> String {
    let name = call.caller.name.clone().or_else(|| call.caller.first_name.clone());
    let caller: Vec<String> =
        name.into_iter().chain(identity.phones.iter().map(|p| p.e164.clone())).chain(identity.emails.clone()).collect();
    let caller = caller.join(", ");
    if considered.is_empty() {
        return format!("Does the caller ({caller}) have a record already? {}.", capitalised(because));
    }
    let names: Vec<String> = considered.iter().map(|one| named(one)).chain(["somebody new".to_owned()]).collect();
    format!("Is the caller ({caller}) {}? {}.", join(&names, "or"), capitalised(because))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::context::KnownContact;
    use crate::testing::{call, context, front_desk, person, project, with};

    const NUMBER: &str = "+13125550142";

    fn known(id: &str, fields: Value) -> std::collections::BTreeMap<String, KnownContact> {
        let fields = fields.as_object().cloned().unwrap_or_default();
        [("crm".to_owned(), KnownContact { id: id.to_owned(), call: "json:c0".to_owned(), fields })].into_iter().collect()
    }

    fn one(id: &str, name: &str, phone: &str, email: &str) -> Record {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        person(id, json!({"FirstName": first, "LastName": last, "MobilePhone": phone, "Email": email}))
    }

    #[track_caller]
    fn check(
        project: &Project,
        call: &CallOutcome,
        context: &Context,
        verdict: Verdict,
        contact: Option<&str>,
        because: &str,
    ) -> MatchDecision {
        let decision = decide(project, front_desk(project), call, context);
        assert_eq!((decision.verdict, decision.contact.as_deref(), decision.because.as_str()), (verdict, contact, because));
        let mut turned = context.clone();
        turned.candidates.reverse();
        assert_eq!(decide(project, front_desk(project), call, &turned), decision, "the order of the candidates matters");
        assert_eq!(decision.review.is_some(), verdict == Verdict::Ambiguous);
        decision
    }

    #[test]
    fn one_record() {
        let both = "the number +13125550142 and the e-mail ann@example.com belong to Ann Lee (p1), and no other record fits";
        let candidates = vec![one("p1", "Ann Lee", "312.555.0142", "ANN@example.com")];
        check(project(), &call(), &context(candidates), Verdict::Matched, Some("p1"), both);
        let email = "the e-mail ann@example.com belongs to Ann Lee (p1), and no other record fits";
        let candidates = vec![one("p1", "Ann Lee", "", "ann@example.com"), one("p2", "Bob Ray", "312 555 0199", "")];
        check(project(), &call(), &context(candidates), Verdict::Matched, Some("p1"), email);
        let better = "the number +13125550142 and the e-mail ann@example.com belong to Ann Lee (p1), and Bob Lee (p2) fits less well";
        let candidates = vec![one("p2", "Bob Lee", NUMBER, ""), one("p1", "Ann Lee", NUMBER, "ann@example.com")];
        check(project(), &call(), &context(candidates), Verdict::Matched, Some("p1"), better);
    }

    #[test]
    fn nobody() {
        let nobody = "nobody has the number +13125550142 or the e-mail ann@example.com";
        check(project(), &call(), &context(vec![]), Verdict::New, None, nobody);
        // What the system's search made of it does not count.
        let decision = check(project(), &call(), &context(vec![one("p1", "Ann Lee", "312 555 0143", "")]), Verdict::New, None, nobody);
        assert_eq!(decision.candidates.iter().map(|c| (c.id.as_str(), c.bits)).collect::<Vec<_>>(), [("p1", 0.0)]);
        let mut silent = call();
        silent.caller.phone = Some("anonymous".to_owned());
        silent.caller.email = Some("noemail@acme.example".to_owned());
        let nothing = "the call has neither a number nor an e-mail address to search by";
        check(project(), &silent, &context(vec![one("p1", "Ann Lee", NUMBER, "")]), Verdict::NoIdentity, None, nothing);
    }

    #[test]
    fn several_records() {
        let mut call = call();
        call.caller.email = None;
        let pair = vec![one("p2", "Bob Lee", "(312) 555-0142", ""), one("p1", "Linda Lee", NUMBER, "linda@example.com")];
        let because = "2 records have the number +13125550142: Linda Lee (p1), Bob Lee (p2)";
        let decision = check(project(), &call, &context(pair.clone()), Verdict::Ambiguous, None, because);
        let question = "Is the caller (Ann Lee, +13125550142) Linda Lee (p1), Bob Lee (p2) or somebody new? \
                        2 records have the number +13125550142: Linda Lee (p1), Bob Lee (p2).";
        assert_eq!(decision.review.as_deref(), Some(question));
        let best = with(&[("pipelines/front-desk.toml", "create-and-review", "best-and-review")]);
        check(&best, &call, &context(pair), Verdict::Ambiguous, Some("p1"), because);
    }

    #[test]
    fn one_of_the_number_another_of_the_address() {
        let two = vec![one("p1", "Ann Lee", "", "ann@example.com"), one("p2", "Bob Lee", NUMBER, "")];
        let because = "the e-mail ann@example.com belongs to Ann Lee (p1) and the number +13125550142 belongs to Bob Lee (p2)";
        check(project(), &call(), &context(two), Verdict::Ambiguous, None, because);
    }

    #[test]
    fn fits_in_part() {
        let because = "the number +13125550142 belongs to Bob Lee (p1), but the record's e-mail is bob@example.com, not ann@example.com";
        check(project(), &call(), &context(vec![one("p1", "Bob Lee", NUMBER, "bob@example.com")]), Verdict::Ambiguous, None, because);
        let strict = with(&[("mappings/match/person.toml", "differ = -2.5", "differ = -6.0")]);
        let because = format!("{because}: it is somebody else");
        check(&strict, &call(), &context(vec![one("p1", "Bob Lee", NUMBER, "bob@example.com")]), Verdict::New, None, &because);
    }

    #[test]
    fn a_search_that_cannot_be_trusted() {
        let lags = |candidates| Context { incomplete: Some("timed out".to_owned()), ..context(candidates) };
        let because = "nobody has the number +13125550142 or the e-mail ann@example.com, but the search may be incomplete (timed out)";
        check(project(), &call(), &lags(vec![]), Verdict::Ambiguous, None, because);
        let because = "the number +13125550142 and the e-mail ann@example.com belong to Ann Lee (p1), and no other record fits, though the search may be incomplete (timed out)";
        check(project(), &call(), &lags(vec![one("p1", "Ann Lee", NUMBER, "ann@example.com")]), Verdict::Matched, Some("p1"), because);
    }

    #[test]
    fn what_the_lane_knows() {
        let wrote = json!({"FirstName": "Ann", "LastName": "Lee", "Phone": NUMBER});
        let mut by_number = call();
        by_number.caller.email = None;
        // The call before made the record seconds ago, and the search has not caught up.
        let because = "the number +13125550142 belongs to Ann Lee (p9), and no other record fits";
        let behind = Context { known: known("p9", wrote.clone()), ..context(vec![]) };
        let decision = check(project(), &by_number, &behind, Verdict::Matched, Some("p9"), because);
        assert!(decision.candidates[0].evidence.iter().any(|line| line.level == "known" && line.caller.as_deref() == Some("json:c0")));
        let incomplete = Context { incomplete: Some("lags".to_owned()), ..behind };
        check(
            project(),
            &by_number,
            &incomplete,
            Verdict::Matched,
            Some("p9"),
            &format!("{because}, though the search may be incomplete (lags)"),
        );
        // Two others share the number, but this record was made for this caller: no third one.
        let three = vec![one("p1", "Bob Lee", NUMBER, ""), one("p2", "Linda Lee", NUMBER, ""), one("p9", "Ann Lee", NUMBER, "")];
        let because = "the number +13125550142 belongs to Ann Lee (p9), and Bob Lee (p1) fits less well";
        check(project(), &by_number, &Context { known: known("p9", wrote), ..context(three) }, Verdict::Matched, Some("p9"), because);
        // Matched once by other evidence: that does not decide between people who share a number.
        let two = vec![one("p1", "Bob Lee", NUMBER, ""), one("p2", "Linda Lee", NUMBER, "")];
        let because = "2 records have the number +13125550142: Bob Lee (p1), Linda Lee (p2)";
        check(project(), &by_number, &Context { known: known("p1", json!({})), ..context(two) }, Verdict::Ambiguous, None, because);
        // Known, but neither found nor agreeing: it may be gone.
        let because = "nobody has the number +13125550142";
        check(
            project(),
            &by_number,
            &Context { known: known("p1", json!({"Phone": "312 555 0199"})), ..context(vec![]) },
            Verdict::New,
            None,
            because,
        );
        // Found, and known, but nothing agrees any more: the number may have passed to somebody new.
        let because = "an earlier call of this caller went to Bob Lee (p1), but that record does not have the number +13125550142";
        check(
            project(),
            &by_number,
            &Context { known: known("p1", json!({})), ..context(vec![one("p1", "Bob Lee", "", "")]) },
            Verdict::Ambiguous,
            None,
            because,
        );
    }

    #[test]
    fn what_a_person_answered() {
        let two = vec![one("p1", "Bob Lee", NUMBER, ""), one("p2", "Linda Lee", NUMBER, "")];
        let answered = |answer| Context { answered: Some(answer), ..context(two.clone()) };
        let because = "a person has answered that the caller is Linda Lee (p2)";
        check(project(), &call(), &answered(Answered::Contact("p2".to_owned())), Verdict::Matched, Some("p2"), because);
        let because = "a person has answered that the caller has no record yet";
        check(project(), &call(), &answered(Answered::New), Verdict::New, None, because);
    }

    #[test]
    fn one_record_twice() {
        let twice = vec![person("p1", json!({"Phone": NUMBER})), one("p1", "Ann Lee", NUMBER, "ann@example.com")];
        let both = "the number +13125550142 and the e-mail ann@example.com belong to Ann Lee (p1), and no other record fits";
        check(project(), &call(), &context(twice), Verdict::Matched, Some("p1"), both);
    }
}
