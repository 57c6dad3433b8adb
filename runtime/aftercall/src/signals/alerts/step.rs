//! Decides what a measurement means for an alert. Reads no clock and does no I/O.

use aftercall_config::upkeep::AlertRule;
use jiff::{SignedDuration, Timestamp};

use crate::journal::AlertRow;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It does not hold, and did not.
    Nothing,
    /// It holds now: tell.
    Begin,
    /// It holds as before.
    On,
    /// It has held for so long that whoever was told is told again.
    Remind,
    /// It does not hold for the first time: wait whether it stays so.
    Quiet,
    /// It holds again before it was over.
    Again,
    /// It is over: tell.
    Over,
}

/// `row` is the alert as it stands on record, absent where it did not hold.
pub(super) fn step(row: Option<&AlertRow>, rule: &AlertRule, holds: bool, now: Timestamp) -> Step {
    let passed = |since: Timestamp, time: std::time::Duration| {
        // A clock that was set back makes the wait longer, and never ends it.
        now.duration_since(since) >= SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
    };
    match (row, holds) {
        (None, false) => Step::Nothing,
        (None, true) => Step::Begin,
        (Some(AlertRow { quiet_since: Some(_), .. }), true) => Step::Again,
        (Some(row), true) if rule.remind.is_some_and(|remind| passed(row.told_at, remind)) => Step::Remind,
        (Some(_), true) => Step::On,
        (Some(AlertRow { quiet_since: Some(since), .. }), false) if passed(*since, rule.recover_after) => Step::Over,
        (Some(AlertRow { quiet_since: Some(_), .. }), false) => Step::On,
        (Some(_), false) => Step::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aftercall_config::project::Origin;
    use aftercall_config::upkeep::{AlertOp, AlertWhen, Measure};

    use super::*;
    use crate::journal::Json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("a time")
    }

    fn rule() -> AlertRule {
        let when = AlertWhen {
            source: "backlog > 5".to_owned(),
            measure: Measure::Backlog,
            of: None,
            op: AlertOp::Above,
            than: 5.0,
            within: None,
        };
        let origin = Origin { file: "aftercall.toml".into(), line: 1 };
        let (remind, recover_after) = (Some(Duration::from_secs(100)), Duration::from_secs(10));
        AlertRule { name: "a".to_owned(), when, notify: vec!["ops".to_owned()], remind, recover_after, origin }
    }

    /// An alert that began at 0, was told at `told`, and is quiet since `quiet`.
    fn row(told: i64, quiet: Option<i64>) -> AlertRow {
        AlertRow { name: "a".to_owned(), since: at(0), quiet_since: quiet.map(at), told_at: at(told), said: Json::from_text("{}") }
    }

    #[track_caller]
    fn check(row: Option<AlertRow>, holds: bool, second: i64, expected: Step) {
        assert_eq!(step(row.as_ref(), &rule(), holds, at(second)), expected);
    }

    #[test]
    fn from_its_beginning_to_its_end() {
        check(None, false, 0, Step::Nothing);
        check(None, true, 0, Step::Begin);
        check(Some(row(0, None)), true, 99, Step::On);
        check(Some(row(0, None)), true, 100, Step::Remind);
        check(Some(row(100, None)), true, 199, Step::On);
        check(Some(row(100, None)), false, 150, Step::Quiet);
        check(Some(row(100, Some(150))), true, 155, Step::Again);
        check(Some(row(100, Some(150))), false, 159, Step::On);
        check(Some(row(100, Some(150))), false, 160, Step::Over);
    }

    #[test]
    fn a_clock_set_back_ends_nothing() {
        check(Some(row(100, Some(150))), false, -5000, Step::On);
        check(Some(row(100, None)), true, -5000, Step::On);
    }
}
