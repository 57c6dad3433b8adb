//! `[service]`: how a changed project takes over.

use std::time::Duration;

use super::duration;
use crate::decl::ServiceDecl;
use crate::finding::{Code, Finding, Place};
use crate::project::ServiceRules;

/// Calls for which a version is planned beside the one at work, where nobody says how many.
const SHADOW_CALLS: u32 = 20;

/// The rules, with what was left out filled in.
pub(super) fn resolve(decl: &ServiceDecl, place: &Place, findings: &mut Vec<Finding>) -> ServiceRules {
    let mut read = |key: &str, text: &Option<String>, ours: Duration| match text {
        None => ours,
        Some(text) => duration(text).and_then(|time| Duration::try_from(time).ok()).unwrap_or_else(|| {
            let finding = Finding::new(Code::Quantity, format!("`{text}` is no duration"), place.clone().down(key));
            findings.push(finding.help("write durations as `500ms`, `5s`, `10m` or `72h`"));
            ours
        }),
    };
    let rules = ServiceRules {
        on_reload: decl.on_reload.unwrap_or_default(),
        shadow_calls: decl.shadow_calls.unwrap_or(SHADOW_CALLS),
        quiet: read("quiet", &decl.quiet, Duration::from_millis(500)),
        shrink_hold: read("shrink_hold", &decl.shrink_hold, Duration::from_secs(5)),
        scan_every: read("scan_every", &decl.scan_every, Duration::from_secs(30)),
        source_grace: read("source_grace", &decl.source_grace, Duration::from_hours(72)),
    };
    // Comparing without a pause would be all that the service does.
    for (key, zero) in [("scan_every", rules.scan_every.is_zero()), ("shadow_calls", rules.shadow_calls == 0)] {
        if zero {
            let finding = Finding::new(Code::Quantity, format!("`{key}` cannot be 0"), place.clone().down(key));
            findings.push(finding.help(if key == "scan_every" {
                "write `30s`"
            } else {
                "write a number from 1, or `on_reload = \"swap\"`"
            }));
        }
    }
    rules
}
