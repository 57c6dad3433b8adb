//! A journal of an older version, with calls in it: what is kept about them since is made of what there was.

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    super::{
        super::{CallStatus, Journal, LogFilter, LogKind, conformance::support::*},
        migrate,
    },
    open,
};

/// Two calls as version 6 kept them, one of them planned; one of its outcomes is damaged.
const CALLS: &str = r#"
  INSERT INTO lanes (id) VALUES (1), (2), (3);
  INSERT INTO calls (seq, id, source, lane, revision, provisional, digest, received_at, status, plan, pipeline, config_version, changed_at) VALUES
    (1, 'phone:C-1', 'phone', 1, 2, 0, 'd', 10000000, 'landed', 1, 'front-desk', 'c1', 1),
    (2, 'phone:c-2', 'phone', 2, 1, 0, 'd', 4000000000, 'waiting', 0, NULL, 'c1', 1),
    (3, 'phone:c-3', 'phone', 3, 1, 0, 'd', 4000000001, 'waiting', 0, NULL, 'c1', 1);
  INSERT INTO outcomes (call, revision, outcome, digest, provisional, config_version, received_at) VALUES
    (1, 1, '{"caller": {"name": "Somebody Else"}}', 'd', 0, 'c1', 1),
    (1, 2, '{"caller": {"name": "Zo\u00eb Whitfield", "phone": "+1 (312) 555-0142", "callback_phone": "+49 30 1234567", "email": "zoe@acme.example"}}', 'd', 0, 'c1', 1),
    (2, 1, '{"caller": {}}', 'd', 0, 'c1', 1),
    (3, 1, '{torn', 'd', 0, 'c1', 1);
  INSERT INTO plans (call, number, revision, context, decision, plan, pipeline, config_version, digest, recorded_at) VALUES
    (1, 1, 2, '{}', '{"verdict": "matched"}', '{}', 'front-desk', 'c1', 'd', 1);
"#;

#[tokio::test]
async fn calls_of_an_older_journal_are_counted_and_found() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("journal.db");
    let mut conn = Connection::open(&file).expect("a file");
    assert!(migrate::migrate_to(&mut conn, &file, Timestamp::UNIX_EPOCH, 6).is_ok());
    conn.execute_batch(CALLS).expect("calls of then");
    drop(conn);
    let journal = open(folder.path())?;
    let found = async |text: &str| -> Result<Vec<i64>, super::Error> {
        let page = journal.log(LogFilter { text: Some(text.to_owned()), limit: 9, ..LogFilter::default() }).await?;
        Ok(page.calls.iter().map(|call| call.seq.0).collect())
    };
    for text in ["zoe", "Whitfield", "312 555 0142", "030 1234567", "zoe@acme.example", "phone:C-1", "c1"] {
        assert_eq!(found(text).await?, [1], "{text}");
    }
    assert_eq!((found("else").await?, found("c-2").await?), (vec![], vec![2]));
    let matched = LogKind { verdict: Some("matched".to_owned()), ..LogKind::default() };
    assert_eq!(journal.log_counts(matched).await?.calls.into_iter().collect::<Vec<_>>(), [(CallStatus::Landed, 1)]);
    assert_eq!(journal.log_counts(LogKind::default()).await?.calls.get(&CallStatus::Waiting), Some(&2));
    Ok(())
}
