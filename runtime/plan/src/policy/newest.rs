//! `newest`: only when this call is newer than the call that wrote the field last.

use serde_json::Value;

use super::{Asked, Decided};
use crate::model::FieldVerdict;

/// Decides. A later revision of the same call counts as newer; of two calls that began at once the greater name wins,
/// so that the order in which they are replayed does not matter.
pub(super) fn decide(asked: &Asked<'_>, after: Value) -> Decided {
    let Some(last) = asked.written.filter(|written| written.call != asked.call) else {
        return Decided::new(FieldVerdict::Write, after);
    };
    match asked.started_at {
        Some(started) if (started, asked.call) > (last.started_at, last.call.as_str()) => Decided::new(FieldVerdict::Write, after),
        Some(_) => Decided::new(FieldVerdict::Kept, after).because(format!("call {}, which is newer, wrote it", last.call)),
        None => Decided::new(FieldVerdict::Kept, after)
            .because(format!("call {} wrote it, and this call does not say when it began", last.call)),
    }
}

#[cfg(test)]
mod tests {
    use aftercall_config::decl::PolicyDecl;
    use serde_json::json;

    use super::*;
    use crate::policy::tests::{ask, rule};

    #[track_caller]
    fn check(written: Option<(&str, &str)>, expected: FieldVerdict) {
        let written = written.map(|(call, at)| (json!("old"), call, at));
        assert_eq!(ask(&rule(PolicyDecl::Newest), json!("old"), json!("new"), written).verdict, expected);
    }

    #[test]
    fn an_old_call_never_wins() {
        check(None, FieldVerdict::Write);
        check(Some(("phone:c1", "2026-11-24T14:59:59Z")), FieldVerdict::Write);
        check(Some(("phone:c3", "2026-11-24T15:00:01Z")), FieldVerdict::Kept);
        check(Some(("phone:c2", "2026-11-24T15:00:00Z")), FieldVerdict::Write);
        check(Some(("phone:c1", "2026-11-24T15:00:00Z")), FieldVerdict::Write);
        check(Some(("phone:c3", "2026-11-24T15:00:00Z")), FieldVerdict::Kept);
    }
}
