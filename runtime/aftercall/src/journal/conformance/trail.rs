//! What people did, and what was written into which record.

use super::support::*;
use crate::journal::{
    CallStatus, Deed, DeedFilter, Error, FieldWritten, Intervention, Journal, LandedFilter, LandedRow, NewPlan, NewWrite, REVERT, Record,
    Then, Way, WriteChange, WriteState,
};

pub(in crate::journal) async fn what_a_person_did_is_on_the_trail(journal: &dyn Journal) -> Case {
    let seq = accept_new(journal, call("a", &["k"])).await?;
    let word = Intervention {
        call: seq,
        actor: "olga".to_owned(),
        way: Way::Web,
        what: "resolve",
        reason: "done by hand".to_owned(),
        now: at(7),
        seen: None,
        records: vec![status_change(CallStatus::Resolved)],
    };
    journal.intervene(word).await?;
    journal.deed_put(Deed::new(at(8), "ben", Way::Api, "export").about("calls")).await?;
    let of = |who: Option<&str>, call: Option<&str>, since: Option<i64>| {
        let (who, call) = (who.map(str::to_owned), call.map(str::to_owned));
        journal.deeds(DeedFilter { who, call, since: since.map(at), limit: 9, ..DeedFilter::default() })
    };
    let all = of(None, None, None).await?;
    let told: Vec<_> = all.iter().map(|d| (d.at, d.who.as_str(), d.way, d.what.as_str(), d.call.as_deref(), d.reason.as_deref())).collect();
    assert_eq!(
        told,
        [(at(8), "ben", Way::Api, "export", None, None), (at(7), "olga", Way::Web, "resolve", Some("a"), Some("done by hand")),]
    );
    assert_eq!(all[0].target.as_deref(), Some("calls"));
    assert_eq!((of(Some("olga"), None, None).await?.len(), of(Some("eve"), None, None).await?.len()), (1, 0));
    assert_eq!((of(None, Some("a"), None).await?.len(), of(None, None, Some(8)).await?.len()), (1, 1));
    Ok(())
}

pub(in crate::journal) async fn the_trail_pages(journal: &dyn Journal) -> Case {
    for second in 0..5 {
        journal.deed_put(Deed::new(at(second), "ann", Way::Cli, second.to_string())).await?;
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = journal.deeds(DeedFilter { after, limit: 2, ..DeedFilter::default() }).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.into_iter().map(|deed| deed.what));
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
    Ok(())
}

/// A call that lands one write in a record, at a second, under a version.
async fn landed(journal: &dyn Journal, id: &str, record_id: &str, version: &str, second: i64) -> Case {
    accept_new(journal, call(id, &[id])).await?;
    let claim = only(claims(journal, second, 9).await?);
    let writes = vec![write("contact", WriteState::Intent), write("note", WriteState::Intent)];
    planned(journal, NewPlan { config_version: version.to_owned(), ..plan(&claim, second, writes) }).await?;
    let done = WriteChange {
        record_id: Some(record_id.to_owned()),
        receipt: Some(text(&format!(r#"[{{"field":"Phone","value":"{id}"}}]"#))),
        ..WriteChange::to("contact", WriteState::Applied)
    };
    let records = vec![Record::Write(done), into_state("note", WriteState::Dead), status_change(CallStatus::Partial)];
    record(journal, &claim, second, records, Then::Release).await.map(drop)
}

fn names(rows: &[LandedRow]) -> Vec<String> {
    rows.iter().map(|row| format!("{}/{} {}", row.call, row.write, row.config_version)).collect()
}

pub(in crate::journal) async fn what_has_landed_is_found_by_what_is_asked(journal: &dyn Journal) -> Case {
    landed(journal, "a", "r1", "v1", 0).await?;
    landed(journal, "b", "r2", "v2", 10).await?;
    landed(journal, "c", "r1", "v2", 20).await?;
    let find = async |filter: LandedFilter| -> Result<Vec<String>, Error> {
        Ok(names(&journal.landed(LandedFilter { limit: 9, ..filter }).await?))
    };
    let none = LandedFilter::default;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(find(none()).await?, ["c/contact v2", "b/contact v2", "a/contact v1"], "what has not landed is not told");
    assert_eq!(find(LandedFilter { record_id: some("r1"), ..none() }).await?, ["c/contact v2", "a/contact v1"]);
    assert_eq!(find(LandedFilter { call: some("b"), ..none() }).await?, ["b/contact v2"]);
    assert_eq!(find(LandedFilter { version: some("v2"), ..none() }).await?, ["c/contact v2", "b/contact v2"]);
    assert_eq!(find(LandedFilter { version: some("v2"), since: Some(at(11)), ..none() }).await?, ["c/contact v2"]);
    assert_eq!(find(LandedFilter { since: Some(at(10)), until: Some(at(20)), ..none() }).await?, ["b/contact v2"]);
    let found = journal.landed(LandedFilter { record_id: some("r2"), limit: 1, ..none() }).await?;
    assert_eq!((found[0].at, found[0].record_id.as_str(), found[0].pipeline.as_str()), (at(10), "r2", "front-desk"));
    assert_eq!(found[0].receipt.as_ref().map(|receipt| receipt.text()), Some(r#"[{"field":"Phone","value":"b"}]"#));
    for (version, since) in [(None, None), (some("v2"), None), (some("v2"), Some(at(5))), (None, Some(at(5)))] {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = journal.landed(LandedFilter { version: version.clone(), since, after, limit: 1, ..none() }).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.place);
            seen.extend(names(&page));
        }
        assert_eq!(seen, find(LandedFilter { version, since, ..none() }).await?, "page by page the same");
    }
    Ok(())
}

pub(in crate::journal) async fn what_undoes_something_is_of_no_plan(journal: &dyn Journal) -> Case {
    landed(journal, "a", "r1", "v1", 0).await?;
    let seq = story(journal, "a").await?.call.seq;
    let written = || async { Ok::<_, Error>(journal.written("crm".to_owned(), "contact".to_owned(), vec!["r1".to_owned()]).await?.len()) };
    let undoes = NewWrite {
        op: REVERT.to_owned(),
        record_id: Some("r1".to_owned()),
        request: Some(text(r#"{"who":"olga"}"#)),
        ..write("back", WriteState::Planned)
    };
    let word = |records: Vec<Record>| Intervention {
        call: seq,
        actor: "olga".to_owned(),
        way: Way::Cli,
        what: "revert",
        reason: "wrong".to_owned(),
        now: at(30),
        seen: None,
        records,
    };
    journal.intervene(word(vec![Record::Beside(Box::new(undoes.clone())), again_at(30, false)])).await?;
    assert!(journal.intervene(word(vec![Record::Beside(Box::new(undoes))])).await.is_err(), "its name is taken");
    let claim = only(claims(journal, 30, 9).await?);
    assert_eq!(claim.writes.last().map(|row| (row.write.as_str(), row.plan, row.state)), Some(("back", 1, WriteState::Planned)));
    // Another plan does not name it, and leaves it as it is.
    planned(journal, plan(&claim, 31, vec![write("contact", WriteState::Skipped)])).await?;
    assert!(states(journal, "a").await?.contains(&("back".to_owned(), WriteState::Planned)));
    let field = |name: &str| FieldWritten {
        connection: "crm".to_owned(),
        object: "contact".to_owned(),
        record_id: "r1".to_owned(),
        field: name.to_owned(),
        value: text("1"),
        call_started_at: None,
        config_version: "v1".to_owned(),
    };
    let forgotten = Record::Unwritten {
        connection: "crm".to_owned(),
        object: "contact".to_owned(),
        record_id: "r1".to_owned(),
        field: "Phone".to_owned(),
    };
    let fields = vec![Record::Field(field("Phone")), Record::Field(field("Email"))];
    record(journal, &claim, 32, fields, Then::Keep).await?;
    assert_eq!(written().await?, 2);
    let records = vec![into_state("back", WriteState::Applied), forgotten, status_change(CallStatus::Landed)];
    record(journal, &claim, 33, records, Then::Release).await?;
    assert_eq!(written().await?, 1, "what stands there is not ours any more");
    let rows = journal.landed(LandedFilter { record_id: Some("r1".to_owned()), limit: 9, ..LandedFilter::default() }).await?;
    let asked = |row: &LandedRow| (row.op.clone(), row.request.as_ref().map(|request| request.text().to_owned()));
    assert_eq!(rows.iter().map(asked).next(), Some((REVERT.to_owned(), Some(r#"{"who":"olga"}"#.to_owned()))));
    assert!(rows.iter().skip(1).all(|row| row.request.is_none()));
    let records = story(journal, "a").await?.call.records;
    assert_eq!(records.iter().filter(|record| record.write == "back").count(), 0, "the record is not told twice");
    Ok(())
}

pub(in crate::journal) async fn what_gave_way_is_still_told(journal: &dyn Journal) -> Case {
    landed(journal, "a", "r1", "v1", 0).await?;
    accept(journal, arriving(call_saying("a", &["a"], "better"), 30)).await?;
    let claim = only(claims(journal, 30, 9).await?);
    let again = NewWrite { record_id: Some("r1".to_owned()), ..write("contact", WriteState::Intent) };
    planned(journal, NewPlan { config_version: "v2".to_owned(), ..plan(&claim, 30, vec![again]) }).await?;
    let done = WriteChange { record_id: Some("r1".to_owned()), ..WriteChange::to("contact", WriteState::Applied) };
    record(journal, &claim, 31, vec![Record::Write(done), status_change(CallStatus::Landed)], Then::Release).await?;
    let rows = journal.landed(LandedFilter { record_id: Some("r1".to_owned()), limit: 9, ..LandedFilter::default() }).await?;
    assert_eq!(rows.iter().map(|row| (row.at, row.config_version.as_str())).collect::<Vec<_>>(), [(at(31), "v2"), (at(0), "v1")]);
    Ok(())
}
