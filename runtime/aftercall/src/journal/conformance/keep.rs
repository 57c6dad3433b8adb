//! Turns, look-ups, config texts and reloads.

use futures_util::future::join_all;

use super::support::*;
use crate::journal::{ConfigPart, Journal, Json, Lookup, NewReload, ReloadAnswer, ReloadFilter, ReloadState, SealedToken};

pub(in crate::journal) async fn turns_are_taken_once(journal: &dyn Journal) -> Case {
    let peek = |call: &str| journal.peek_turn("sales".to_owned(), call.to_owned());
    assert_eq!(peek("call 0").await?, (0, false));
    let twice = (0..40).map(|n| journal.take_turn("sales".to_owned(), format!("call {}", n / 2)));
    let mut turns = join_all(twice).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert!(turns.chunks(2).all(|pair| pair[0] == pair[1]), "the same call, the same turn");
    turns.sort_unstable();
    turns.dedup();
    assert_eq!(turns, (0..20).collect::<Vec<i64>>());
    assert_eq!(peek("another call").await?, (20, false));
    let taken = journal.take_turn("sales".to_owned(), "call 7".to_owned()).await?;
    assert_eq!(peek("call 7").await?, (taken, true), "a call keeps its turn");
    assert_eq!(journal.take_turn("service".to_owned(), "call 0".to_owned()).await?, 0, "each route counts for itself");
    Ok(())
}

pub(in crate::journal) async fn look_ups_are_replaced(journal: &dyn Journal) -> Case {
    let lookup = |value: &str, second| Lookup {
        connection: "crm".to_owned(),
        kind: "user".to_owned(),
        key: "olga@example.com".to_owned(),
        value: text(value),
        fetched_at: at(second),
    };
    let get = |kind: &str| journal.lookup_get("crm".to_owned(), kind.to_owned(), "olga@example.com".to_owned());
    assert_eq!(get("user").await?, None);
    journal.lookup_put(lookup("1", 0)).await?;
    journal.lookup_put(lookup("2", 9)).await?;
    assert_eq!(get("user").await?, Some(lookup("2", 9)));
    assert_eq!(get("queue").await?, None);
    Ok(())
}

pub(in crate::journal) async fn configs_are_kept(journal: &dyn Journal) -> Case {
    let part = |text: &str| ConfigPart { digest: text.into(), text: format!("{text} = 1").into() };
    let get = |hash: &str| journal.config_get(hash.to_owned());
    assert_eq!(get("h").await?, None);
    journal.config_put("h".to_owned(), vec![part("b"), part("a")], at(0)).await?;
    journal.config_put("h".to_owned(), vec![part("b"), part("a")], at(1)).await?;
    journal.config_put("i".to_owned(), vec![part("a"), part("c")], at(1)).await?;
    let texts = |all: [&str; 2]| Some(all.map(str::to_owned).to_vec());
    assert_eq!(get("h").await?, texts(["b = 1", "a = 1"]));
    assert_eq!(get("i").await?, texts(["a = 1", "c = 1"]));
    for version in ["ha", "hb"] {
        journal.config_put(version.to_owned(), vec![part("b")], at(2)).await?;
    }
    assert_eq!(journal.versions("h".to_owned(), 2).await?, ["h", "ha"]);
    assert_eq!(journal.versions("hb".to_owned(), 9).await?, ["hb"]);
    assert!(journal.versions("%".to_owned(), 9).await?.is_empty());
    Ok(())
}

pub(in crate::journal) async fn people_are_found_by_their_keys(journal: &dyn Journal) -> Case {
    let put = |people: Vec<(&str, Option<Vec<i64>>)>| {
        journal.people_put("crm".to_owned(), people.into_iter().map(|(id, keys)| (id.to_owned(), keys)).collect())
    };
    let find = |keys: &[i64], limit| journal.people_find("crm".to_owned(), keys.to_vec(), limit);
    put(vec![("p1", Some(vec![1, 2])), ("p2", Some(vec![2, 3, i64::MIN]))]).await?;
    put(vec![("p1", Some(vec![2, 4]))]).await?;
    assert_eq!(find(&[2], 9).await?, ["p1", "p2"]);
    assert_eq!(find(&[2, 3], 9).await?, ["p2", "p1"], "who has more of the keys comes first");
    assert_eq!(find(&[2, 3], 1).await?, ["p2"]);
    assert_eq!(find(&[1], 9).await?, ["p1"], "what was kept before stays");
    assert_eq!(find(&[i64::MIN], 9).await?, ["p2"]);
    assert!(journal.people_find("other".to_owned(), vec![2], 9).await?.is_empty());
    put(vec![("p1", None)]).await?;
    assert_eq!(find(&[1, 2, 4], 9).await?, ["p2"]);
    Ok(())
}

pub(in crate::journal) async fn the_newest_token_counts(journal: &dyn Journal) -> Case {
    let token = |connection: &str, origin: &str, sealed: &[u8], second| SealedToken {
        connection: connection.to_owned(),
        origin: origin.to_owned(),
        sealed: sealed.to_vec(),
        saved_at: at(second),
    };
    assert_eq!(journal.token_get("crm".to_owned()).await?, None);
    journal.token_put(token("crm", "a", b"one", 0)).await?;
    journal.token_put(token("crm", "a", &[0, 255, 7], 9)).await?;
    journal.token_put(token("calendar", "b", b"", 3)).await?;
    assert_eq!(journal.token_get("crm".to_owned()).await?, Some(token("crm", "a", &[0, 255, 7], 9)));
    // What counts is when it was kept, and not what a clock says.
    journal.token_put(token("crm", "c", b"three", 5)).await?;
    assert_eq!(journal.token_get("crm".to_owned()).await?, Some(token("crm", "c", b"three", 5)));
    assert_eq!(journal.token_get("calendar".to_owned()).await?, Some(token("calendar", "b", b"", 3)));
    assert!(!format!("{:?}", journal.token_get("crm".to_owned()).await?).contains("116"), "a token is not shown");
    Ok(())
}

pub(in crate::journal) async fn a_reload_is_asked_for_and_answered(journal: &dyn Journal) -> Case {
    let of = |states: &[ReloadState]| journal.reloads(ReloadFilter { id: None, states: states.to_vec(), limit: 9 });
    let answer = |ids: &[i64], state, second| ReloadAnswer {
        ids: ids.to_vec(),
        asked_by: "files".to_owned(),
        state,
        version: Some(format!("v{second}")),
        detail: Some(Json::from_text("{}")),
        operation: (state == ReloadState::Accepted).then(|| "name = \"x\"".to_owned()),
        now: at(second),
    };
    assert!(of(&[]).await?.is_empty());
    let asking = |at_once, second| journal.reload_ask(NewReload { asked_by: "command".to_owned(), at_once, now: at(second), deed: None });
    let (one, two) = (asking(false, 0).await?, asking(true, 1).await?);
    let open: Vec<(i64, bool)> = of(&[ReloadState::Asked]).await?.iter().map(|row| (row.id, row.at_once)).collect();
    assert_eq!(open, [(two, true), (one, false)], "the newest first");
    assert_eq!(journal.reload_answer(answer(&[one, two], ReloadState::Refused, 2)).await?, two, "all who asked have the answer");
    assert!(of(&[ReloadState::Asked]).await?.is_empty());
    let own = journal.reload_answer(answer(&[], ReloadState::Accepted, 3)).await?;
    assert!(own > two);
    let all = of(&[]).await?;
    let told: Vec<_> = all.iter().map(|row| (row.id, row.state, row.asked_by.as_str(), row.version.as_deref(), row.changed_at)).collect();
    assert_eq!(
        told,
        [
            (own, ReloadState::Accepted, "files", Some("v3"), at(3)),
            (two, ReloadState::Refused, "command", Some("v2"), at(2)),
            (one, ReloadState::Refused, "command", Some("v2"), at(2)),
        ]
    );
    assert_eq!(all[0].operation.as_deref(), Some("name = \"x\""));
    assert_eq!(journal.reloads(ReloadFilter { id: Some(one), states: Vec::new(), limit: 1 }).await?[0].asked_at, at(0));
    Ok(())
}
