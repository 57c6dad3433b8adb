//! Users, sessions, tokens, and how often a sign-in may be tried.

use jiff::SignedDuration;

use super::support::*;
use crate::journal::{AccessChange, Deed, DeedFilter, Error, Journal, Key, NewSession, Role, SignInTry, Way};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn deed(what: &str, second: i64) -> Deed {
    Deed::new(at(second), "olga", Way::Cli, what)
}

fn user(name: &str, role: Role) -> AccessChange {
    AccessChange::UserAdded { name: name.to_owned(), role, hash: Some("hash 1".to_owned()) }
}

fn key(number: u8) -> Key {
    [number; 32]
}

/// `ann` signs in at a second, for an hour.
async fn sign_in(journal: &dyn Journal, number: u8, before: Option<u8>, hash: &str, second: i64) -> Case {
    let (user, hash) = ("ann".to_owned(), Some(hash.to_owned()));
    let session = NewSession { key: key(number), before: before.map(key), user, hash, ends_at: at(second + 3600) };
    journal.session_start(session, Deed::new(at(second), "ann", Way::Web, "sign-in")).await
}

/// Whether a session counts at a second, for a user who may be away for half an hour.
async fn counts(journal: &dyn Journal, number: u8, second: i64) -> Result<Option<Role>, Error> {
    Ok(journal.session(key(number), SignedDuration::from_mins(30), at(second)).await?.map(|session| session.role))
}

pub(in crate::journal) async fn a_name_is_taken_once(journal: &dyn Journal) -> Case {
    assert!(journal.users().await?.is_empty());
    journal.access_put(user("ben", Role::Viewer), deed("user add", 0)).await?;
    journal.access_put(user("ann", Role::Admin), deed("user add", 1)).await?;
    let again = journal.access_put(user("ann", Role::Viewer), deed("user add", 2)).await;
    assert!(matches!(&again, Err(Error::AlreadyThere { what }) if what == "user `ann`"), "{again:?}");
    let nobody = AccessChange::UserRole { name: "eve".to_owned(), role: Role::Admin, force: false };
    assert!(matches!(journal.access_put(nobody, deed("user role", 3)).await, Err(Error::NotFound { .. })));
    let users: Vec<(String, Role, bool)> = journal.users().await?.into_iter().map(|u| (u.name, u.role, u.disabled)).collect();
    assert_eq!(users, [("ann".to_owned(), Role::Admin, false), ("ben".to_owned(), Role::Viewer, false)]);
    let deeds = journal.deeds(DeedFilter { limit: 9, ..DeedFilter::default() }).await?;
    assert_eq!(deeds.len(), 2, "what did not happen is not on the trail");
    assert!(!format!("{:?}", journal.users().await?).contains("hash 1"), "a hash is not shown");
    Ok(())
}

pub(in crate::journal) async fn what_changes_about_a_user_ends_their_sessions(journal: &dyn Journal) -> Case {
    journal.access_put(user("ann", Role::Operator), deed("user add", 0)).await?;
    let name = || "ann".to_owned();
    let changes = [
        AccessChange::UserRole { name: name(), role: Role::Viewer, force: false },
        AccessChange::UserPassword { name: name(), hash: "hash 1".to_owned() },
        AccessChange::UserSignedOut { name: name() },
        AccessChange::UserDisabled { name: name(), disabled: true, force: false },
    ];
    for change in changes {
        sign_in(journal, 1, None, "hash 1", 10).await?;
        assert!(counts(journal, 1, 11).await?.is_some());
        journal.access_put(change, deed("user", 12)).await?;
        assert_eq!(counts(journal, 1, 13).await?, None);
    }
    Ok(())
}

pub(in crate::journal) async fn the_only_admin_stays_one(journal: &dyn Journal) -> Case {
    journal.access_put(user("ann", Role::Admin), deed("user add", 0)).await?;
    journal.access_put(user("ben", Role::Operator), deed("user add", 1)).await?;
    let role = |name: &str, role, force| AccessChange::UserRole { name: name.to_owned(), role, force };
    let out = |name: &str, force| AccessChange::UserDisabled { name: name.to_owned(), disabled: true, force };
    for change in [role("ann", Role::Operator, false), out("ann", false)] {
        let refused = journal.access_put(change, deed("user", 2)).await;
        assert!(matches!(&refused, Err(Error::LastAdmin { name }) if name == "ann"), "{refused:?}");
    }
    assert_eq!(journal.deeds(DeedFilter { limit: 9, ..DeedFilter::default() }).await?.len(), 2, "what did not happen is not on the trail");
    // Whoever is none, and whoever stays one, is nobody's last.
    journal.access_put(role("ann", Role::Admin, false), deed("user role", 3)).await?;
    journal.access_put(role("ben", Role::Admin, false), deed("user role", 4)).await?;
    journal.access_put(out("ann", false), deed("user disable", 5)).await?;
    let refused = journal.access_put(role("ben", Role::Viewer, false), deed("user role", 6)).await;
    assert!(matches!(refused, Err(Error::LastAdmin { .. })), "who is kept out does not count");
    journal.access_put(role("ben", Role::Viewer, true), deed("user role", 7)).await
}

pub(in crate::journal) async fn a_session_is_over_in_its_time(journal: &dyn Journal) -> Case {
    journal.access_put(user("ann", Role::Operator), deed("user add", 0)).await?;
    sign_in(journal, 1, None, "hash 1", 0).await?;
    assert_eq!(counts(journal, 1, 1799).await?, Some(Role::Operator));
    assert_eq!(counts(journal, 1, 1800).await?, None, "nobody was there for half an hour");
    journal.session_seen(key(1), at(1700)).await?;
    assert_eq!(counts(journal, 1, 3499).await?, Some(Role::Operator), "somebody was");
    journal.session_seen(key(1), at(3500)).await?;
    assert_eq!(counts(journal, 1, 3600).await?, None, "an hour is over, whoever is there");
    assert_eq!(counts(journal, 2, 0).await?, None, "there is no such session");
    sign_in(journal, 3, None, "hash 1", 100).await?;
    journal.session_end(key(3), deed("sign-out", 101)).await?;
    assert_eq!(counts(journal, 3, 102).await?, None);
    journal.session_end(key(3), deed("sign-out", 103)).await?;
    let outs = journal.deeds(DeedFilter { limit: 99, ..DeedFilter::default() }).await?;
    assert_eq!(outs.iter().filter(|deed| deed.what == "sign-out").count(), 1, "who is out does not go out");
    Ok(())
}

pub(in crate::journal) async fn the_session_before_ends(journal: &dyn Journal) -> Case {
    journal.access_put(user("ann", Role::Operator), deed("user add", 0)).await?;
    sign_in(journal, 1, None, "hash 1", 0).await?;
    sign_in(journal, 2, Some(1), "hash 1", 1).await?;
    assert_eq!((counts(journal, 1, 2).await?, counts(journal, 2, 2).await?), (None, Some(Role::Operator)));
    Ok(())
}

pub(in crate::journal) async fn who_is_kept_out_meanwhile_does_not_come_in(journal: &dyn Journal) -> Case {
    assert!(matches!(sign_in(journal, 1, None, "hash 1", 0).await, Err(Error::NotFound { .. })), "there is no such user");
    journal.access_put(user("ann", Role::Operator), deed("user add", 0)).await?;
    assert!(matches!(sign_in(journal, 1, None, "hash 0", 0).await, Err(Error::NotFound { .. })), "another password by now");
    let out = |disabled| AccessChange::UserDisabled { name: "ann".to_owned(), disabled, force: false };
    journal.access_put(out(true), deed("user disable", 1)).await?;
    assert!(matches!(sign_in(journal, 1, None, "hash 1", 2).await, Err(Error::NotFound { .. })), "kept out by now");
    journal.access_put(out(false), deed("user enable", 3)).await?;
    sign_in(journal, 1, None, "hash 1", 4).await
}

pub(in crate::journal) async fn a_token_counts_until_it_ends(journal: &dyn Journal) -> Case {
    let token =
        |name: &str, number, ends_at| AccessChange::TokenAdded { name: name.to_owned(), key: key(number), role: Role::Viewer, ends_at };
    journal.access_put(token("ci", 1, Some(at(10))), deed("token add", 0)).await?;
    journal.access_put(token("dash", 2, None), deed("token add", 0)).await?;
    let taken = journal.access_put(token("ci", 3, None), deed("token add", 0)).await;
    assert!(matches!(taken, Err(Error::AlreadyThere { .. })));
    let found = |number, second| journal.api_token(key(number), at(second));
    assert_eq!(found(1, 9).await?.map(|token| token.name), Some("ci".to_owned()));
    assert_eq!(found(1, 10).await?, None);
    assert_eq!(found(2, 1_000_000).await?.map(|token| token.role), Some(Role::Viewer));
    journal.token_used("dash".to_owned(), at(7)).await?;
    let used: Vec<_> = journal.api_tokens().await?.into_iter().map(|token| (token.name, token.used_at)).collect();
    assert_eq!(used, [("ci".to_owned(), None), ("dash".to_owned(), Some(at(7)))]);
    journal.access_put(AccessChange::TokenRevoked { name: "dash".to_owned() }, deed("token revoke", 8)).await?;
    assert_eq!(found(2, 9).await?, None);
    let gone = journal.access_put(AccessChange::TokenRevoked { name: "dash".to_owned() }, deed("token revoke", 8)).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
    Ok(())
}

pub(in crate::journal) async fn tries_are_counted_before_they_are_checked(journal: &dyn Journal) -> Case {
    let ask = |keys: &[(u8, u32)], second| {
        let keys = keys.iter().map(|(number, most)| (key(*number), *most)).collect();
        journal.sign_in_try(SignInTry { keys, within: HOUR, now: at(second) })
    };
    let at_once = futures_util::future::join_all((0..20).map(|_| ask(&[(1, 3), (9, 99)], 0))).await;
    let through = at_once.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().filter(Option::is_none).count();
    assert_eq!(through, 3, "many at once are no way around");
    assert_eq!(ask(&[(1, 3)], 1).await?, Some(at(3600)), "and it is said until when");
    assert_eq!(ask(&[(2, 3), (9, 3)], 1).await?, Some(at(3600)), "each of the keys counts");
    assert_eq!(ask(&[(2, 1)], 2).await?, None, "what was refused has not counted");
    assert_eq!(ask(&[(1, 3)], 3600).await?, None, "time goes by");
    Ok(())
}

pub(in crate::journal) async fn who_succeeds_starts_anew(journal: &dyn Journal) -> Case {
    let ask = |number, most, second| journal.sign_in_try(SignInTry { keys: vec![(key(number), most)], within: HOUR, now: at(second) });
    for second in 0..2 {
        assert_eq!((ask(1, 2, second).await?, ask(2, 2, second).await?, ask(3, 2, second).await?), (None, None, None));
    }
    journal.sign_in_succeeded(key(1), vec![key(3)]).await?;
    assert_eq!((ask(1, 2, 2).await?, ask(1, 2, 2).await?), (None, None), "from the beginning");
    assert!(ask(2, 2, 2).await?.is_some(), "only for whoever succeeded");
    assert_eq!(ask(3, 2, 2).await?, None, "this one try was none");
    assert!(ask(3, 2, 2).await?.is_some());
    Ok(())
}
