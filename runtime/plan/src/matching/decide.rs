//! From sums to a decision, with one sentence that says why.

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::OnAmbiguous;
use aftercall_config::project::{Pipeline, Project};

use super::answers;
use super::because::{agreed, belongs, disagreement, join, named, question, several, values};
use super::candidates::compared;
use super::judge::{Judgement, ROUNDING, judge, margin, ranked};
use super::weigh::Sum;
use super::what_if::what_if;
use super::{Compared, Identity, Sought};
use crate::context::{Answered, Context, Remembered};
use crate::decision::{MatchDecision, Verdict};

/// Whose record is the call's?
///
/// Every candidate is compared again here, whatever the system's search thought. At or above `accept` with a lead of
/// `margin` is `matched`; several too close, or one that fits in part, is `ambiguous`; none is `new`, unless the search
/// could not be trusted: then it is `ambiguous`. The order of the candidates does not matter.
pub fn decide(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context) -> MatchDecision {
    let rules = &pipeline.matching;
    let (identity, sought, mut all) = weighed(project, pipeline, call, context);
    let before = context.answered.is_none().then(|| answers::holds(&answers::of(pipeline, &identity, &sought), context)).flatten();
    if let Some(answer) = before {
        all.iter_mut().filter(|one| one.scored.id == answer.contact).for_each(|one| one.scored.evidence.push(answers::line(answer)));
    }
    let considered: Vec<&Compared> = all.iter().filter(|one| one.considered()).collect();
    let (verdict, because) = match before {
        Some(answer) => (Verdict::Matched, as_answered(answer, &all)),
        None => verdict(pipeline, &identity, &sought, context, &all, &considered),
    };
    let what_if =
        if context.answered.is_none() && before.is_none() { changes(pipeline, &sought, context, &all, verdict) } else { Vec::new() };
    let contact = match verdict {
        Verdict::Matched => answered_id(context, before).or_else(|| considered.first().map(|best| best.scored.id.clone())),
        Verdict::Ambiguous if pipeline.on_ambiguous == OnAmbiguous::BestAndReview => considered.first().map(|best| best.scored.id.clone()),
        _ => None,
    };
    let review = (verdict == Verdict::Ambiguous).then(|| question(call, &identity, &asked_about(pipeline, &considered), &because));
    MatchDecision {
        verdict,
        because,
        contact,
        searched: context.searched.clone(),
        candidates: all.into_iter().map(|one| one.scored).collect(),
        accept: rules.decide.accept,
        margin: margin(rules, &sought),
        review_from: rules.decide.review,
        review,
        what_if,
    }
}

/// Whether what is in hand names the caller beyond doubt, so that no further search is worth a request.
pub fn is_settled(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context) -> bool {
    let (identity, sought, all) = weighed(project, pipeline, call, context);
    if context.answered.is_some() || answers::holds(&answers::of(pipeline, &identity, &sought), context).is_some() {
        return true;
    }
    let considered: Vec<&Compared> = all.iter().filter(|one| one.considered()).collect();
    let matched = verdict(pipeline, &identity, &sought, context, &all, &considered).0 == Verdict::Matched;
    // What the lane knows was made for this very caller, with or without a name.
    let nameless = considered.first().is_some_and(|best| best.lane == 0.0 && best.sum.is_nameless(&sought));
    matched && !nameless
}

/// Everybody in hand against the caller, best first; ties by id.
fn weighed(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context) -> (Identity, Sought, Vec<Compared>) {
    let rules = &pipeline.matching;
    let identity = Identity::of(&rules.values, &project.phone_region, call);
    let sought = Sought::of(rules, &project.phone_region, &call.caller);
    let mut all = compared(project, pipeline, &identity, &sought, context);
    all.sort_by(|a, b| b.scored.bits.total_cmp(&a.scored.bits).then_with(|| a.scored.id.cmp(&b.scored.id)));
    (identity, sought, all)
}

/// The record that a person named, for this call or for one before.
fn answered_id(context: &Context, before: Option<&Remembered>) -> Option<String> {
    let now = context.answered.as_ref().and_then(Answered::contact);
    now.or(before.map(|answer| answer.contact.as_str())).map(str::to_owned)
}

fn as_answered(answer: &Remembered, all: &[Compared]) -> String {
    let who = all.iter().find(|one| one.scored.id == answer.contact).map_or_else(|| answer.contact.clone(), named);
    let day = answer.at.strftime("%Y-%m-%d");
    format!("a person answered for the call {} on {day} that this caller is {who}", answer.call)
}

/// Those whom it is worth to name in a question.
fn asked_about<'a>(pipeline: &Pipeline, considered: &[&'a Compared]) -> Vec<&'a Compared> {
    let from = pipeline.matching.decide.review.unwrap_or(f64::NEG_INFINITY);
    let mut asked: Vec<&Compared> = considered.iter().copied().filter(|one| one.scored.bits + ROUNDING >= from).take(5).collect();
    if asked.is_empty() {
        asked.extend(considered.first());
    }
    asked
}

/// Which single difference would have changed the decision.
fn changes(pipeline: &Pipeline, sought: &Sought, context: &Context, all: &[Compared], now: Verdict) -> Vec<crate::decision::WhatIf> {
    let rules = &pipeline.matching;
    let sums: Vec<Sum> = all.iter().map(|one| one.sum.clone()).collect();
    let ids: Vec<&str> = all.iter().map(|one| one.scored.id.as_str()).collect();
    let best: Vec<usize> = (0..all.len()).filter(|at| all[*at].considered()).collect();
    what_if(rules, sought, &sums, &ids, &best, now, |sums| {
        let mut sums = sums.to_vec();
        for (sum, one) in sums.iter_mut().zip(all) {
            sum.bits += one.lane;
        }
        let order = ranked(&sums, |at| u64::try_from(at).unwrap_or(0));
        match judge(rules, sought, &sums, &order, context.incomplete.is_some()) {
            Judgement::Accept(_) => Verdict::Matched,
            Judgement::Review(_) => Verdict::Ambiguous,
            Judgement::New if now == Verdict::NoIdentity => Verdict::NoIdentity,
            Judgement::New => Verdict::New,
        }
    })
}

fn verdict(
    pipeline: &Pipeline,
    identity: &Identity,
    sought: &Sought,
    context: &Context,
    all: &[Compared],
    considered: &[&Compared],
) -> (Verdict, String) {
    let rules = &pipeline.matching.decide;
    match &context.answered {
        Some(Answered::Contact(id) | Answered::Merge { id, .. }) => {
            let who = all.iter().find(|one| one.scored.id == *id).map_or_else(|| id.clone(), named);
            return (Verdict::Matched, format!("a person has answered that the caller is {who}"));
        }
        Some(Answered::New) => return (Verdict::New, "a person has answered that the caller has no record yet".to_owned()),
        None => {}
    }
    if identity.is_empty() && !sought.is_findable() && considered.is_empty() {
        return (Verdict::NoIdentity, "the call has neither a number nor an e-mail address to search by".to_owned());
    }
    let doubt = context.incomplete.as_deref().map(|why| format!("the search may be incomplete ({why})"));
    let Some(best) = considered.first() else {
        let nobody = format!("nobody has {}", join(&values(identity, sought), "or"));
        return match doubt {
            Some(doubt) => (Verdict::Ambiguous, format!("{nobody}, but {doubt}")),
            None => (Verdict::New, nobody),
        };
    };
    let enough = best.scored.bits + ROUNDING >= rules.accept;
    let second = considered.get(1);
    let leads = second.is_none_or(|second| best.scored.bits - second.scored.bits + ROUNDING >= margin(&pipeline.matching, sought));
    if enough && leads {
        let rest = match (all.len(), second) {
            (1, _) | (_, None) => "no other record fits".to_owned(),
            (_, Some(second)) => format!("{} fits less well", named(second)),
        };
        let doubt = doubt.map(|doubt| format!(", though {doubt}")).unwrap_or_default();
        return (Verdict::Matched, format!("{}, and {rest}{doubt}", belongs(best)));
    }
    let worth = rules.review.is_none_or(|review| best.scored.bits + ROUNDING >= review);
    let asked = asked_about(pipeline, considered);
    if worth && asked.len() > 1 {
        return (Verdict::Ambiguous, several(&asked, best));
    }
    if worth && agreed(best).is_empty() && best.known && !best.sum.considered() {
        let missing = join(&values(identity, sought), "or");
        return (Verdict::Ambiguous, format!("{}, but that record does not have {missing}", belongs(best)));
    }
    if worth && (best.scored.bits > 0.0 || rules.review.is_some()) {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::context::{Asker, KnownContact, Record};
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

    fn remembered(contact: &str, call: &str, day: &str, name: Option<&str>, phones: &[&str]) -> Remembered {
        let connection = "crm".to_owned();
        let of = Asker {
            connection,
            phones: phones.iter().map(|one| (*one).to_owned()).collect(),
            name: name.map(str::to_owned),
            ..Asker::default()
        };
        Remembered { contact: contact.to_owned(), call: call.to_owned(), at: format!("{day}T10:00:00Z").parse().expect("a time"), of }
    }

    #[test]
    fn what_a_person_answered_before() {
        let two = || vec![one("p1", "Bob Lee", NUMBER, ""), one("p2", "Linda Lee", NUMBER, "")];
        let mut call = call();
        call.caller.email = None;
        let asks = "2 records have the number +13125550142: Bob Lee (p1), Linda Lee (p2)";
        let knows = |remembered: Vec<Remembered>| Context { remembered, ..context(two()) };
        let because = "a person answered for the call json:c0 on 2026-11-20 that this caller is Linda Lee (p2)";
        let ann = || remembered("p2", "json:c0", "2026-11-20", Some("ann lee"), &[NUMBER]);
        let decision = check(project(), &call, &knows(vec![ann()]), Verdict::Matched, Some("p2"), because);
        let line = decision.candidates.iter().find(|c| c.id == "p2").and_then(|c| c.evidence.iter().find(|line| line.on == "answered"));
        assert_eq!(line.map(|line| (line.caller.as_deref(), line.record.as_deref())), Some((Some("json:c0"), Some("2026-11-20"))));
        // The latest of several counts, in whatever order they come.
        let later = || remembered("p1", "json:c9", "2026-11-22", Some("ann lee"), &[NUMBER]);
        let because = "a person answered for the call json:c9 on 2026-11-22 that this caller is Bob Lee (p1)";
        check(project(), &call, &knows(vec![ann(), later()]), Verdict::Matched, Some("p1"), because);
        check(project(), &call, &knows(vec![later(), ann()]), Verdict::Matched, Some("p1"), because);
        // Another name, another number, a record that is gone: nothing is remembered of them.
        for other in [
            remembered("p2", "json:c0", "2026-11-20", Some("abe lee"), &[NUMBER]),
            remembered("p2", "json:c0", "2026-11-20", None, &[NUMBER]),
            remembered("p2", "json:c0", "2026-11-20", Some("ann lee"), &["+13125550143"]),
            remembered("p7", "json:c0", "2026-11-20", Some("ann lee"), &[NUMBER]),
        ] {
            check(project(), &call, &knows(vec![other]), Verdict::Ambiguous, None, asks);
        }
        let mut elsewhere = ann();
        elsewhere.of.connection = "other-crm".to_owned();
        check(project(), &call, &knows(vec![elsewhere]), Verdict::Ambiguous, None, asks);
        // The answer about this very call outweighs it.
        let now = Context { answered: Some(Answered::New), ..knows(vec![ann()]) };
        check(project(), &call, &now, Verdict::New, None, "a person has answered that the caller has no record yet");
        // Nobody said a name, then and now.
        call.caller.name = None;
        let because = "a person answered for the call json:c0 on 2026-11-20 that this caller is Linda Lee (p2)";
        check(
            project(),
            &call,
            &knows(vec![remembered("p2", "json:c0", "2026-11-20", None, &[NUMBER])]),
            Verdict::Matched,
            Some("p2"),
            because,
        );
        assert_eq!(
            answers::asker(project(), front_desk(project()), &call),
            Asker { connection: "crm".to_owned(), phones: vec![NUMBER.to_owned()], ..Asker::default() }
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
