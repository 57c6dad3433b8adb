//! `[context]` of a pipeline: the text and the flags compiled, the quantities in bounds.

use std::sync::LazyLock;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::scope::caller_types;
use crate::condition::Condition;
use crate::decl::{ConnectorDecl, ContextDecl};
use crate::finding::{Code, Finding, Place};
use crate::project::ContextRules;
use crate::template::Template;

/// How long whoever asks waits where the pipeline does not say: a pause that a caller does not notice.
const BUDGET_MS: u32 = 400;
/// Voice platforms give up after 7.5 to 10 seconds, and the answer has a way to go.
const BUDGETS_MS: std::ops::RangeInclusive<u32> = 20..=7000;
/// How long an answer is good for another where the pipeline does not say: a caller who is put through, or calls again at once.
const CACHE_S: u32 = 60;
/// Beyond it somebody has worked on the record.
const LONGEST_CACHE_S: u32 = 3600;

/// What is said where the pipeline gives no text of its own. For a prompt: sentences, and nothing of anybody who is not certainly the caller.
const TEXT: &str = "\
{{#if (eq match.verdict 'matched')}}\
The caller is {{default contact.name 'known to us'}}\
{{#if account.name}}, of {{account.name}}{{/if}}.
{{#if flags.do_not_call}}They do not want to be called: offer no call back.
{{/if}}\
{{#if owner.name}}Their contact here is {{owner.name}}.
{{/if}}\
{{#if last_touch}}Last in touch: {{last_touch}}.
{{/if}}\
{{#if next_activity}}Next activity: {{next_activity}}.
{{/if}}\
{{#each context.upcoming_events as |event|}}Appointment: {{event.name}}, {{event.starts_at}}.
{{/each}}\
{{#each context.open_opportunities as |deal|}}Under way: {{deal.name}}{{#if deal.stage}} ({{deal.stage}}){{/if}}.
{{/each}}\
{{#each context.open_tickets as |ticket|}}Open ticket: {{ticket.name}}{{#if ticket.status}} ({{ticket.status}}){{/if}}.
{{/each}}\
{{#each context.recent_calls as |call|}}Called before: {{call.name}}{{#if call.starts_at}}, {{call.starts_at}}{{/if}}.
{{/each}}\
{{else}}\
{{#if (eq match.verdict 'new')}}The caller is not known here: ask for their name.
{{else}}\
{{#if (eq match.verdict 'ambiguous')}}Several people may be calling from this number: ask for the name, and tell nothing before it is certain.
{{else}}Nothing is known about the caller yet: ask for their name.
{{/if}}{{/if}}{{/if}}\
{{#each missing as |part|}}Not known just now: {{part.what}}.
{{/each}}";

/// Compiles what a pipeline tells about a caller. What has findings is as if it were left out.
pub(super) fn resolve(decl: &ContextDecl, connector: Option<&ConnectorDecl>, place: &Place, findings: &mut Vec<Finding>) -> ContextRules {
    let mut within = |value: Option<u32>, default: u32, range: std::ops::RangeInclusive<u32>, key: &str, why: &str| {
        let value = value.unwrap_or(default);
        if !range.contains(&value) {
            let finding = Finding::new(Code::Quantity, format!("`{key}` cannot be {value}"), place.clone().down(key));
            findings.push(finding.help(format!("write a number from {} to {}: {why}", range.start(), range.end())));
        }
        u64::from(value)
    };
    let budget = within(decl.budget_ms, BUDGET_MS, BUDGETS_MS, "budget_ms", "platforms give up after 7.5 seconds");
    let cache = within(decl.cache_s, CACHE_S, 0..=LONGEST_CACHE_S, "cache_s", "0 reads every time");
    let mut flags = IndexMap::new();
    if !decl.flags.is_empty() {
        let types = caller_types(connector, std::iter::empty());
        for (name, text) in &decl.flags {
            if let Some(condition) = Condition::compile(text, &place.clone().down("flags").down(name), &types, findings) {
                flags.insert(name.clone(), condition);
            }
        }
    }
    ContextRules {
        budget: Duration::from_millis(budget),
        cache: Duration::from_secs(cache),
        text: text(decl, connector, place, findings),
        flags,
    }
}

/// The pipeline's text, or ours.
fn text(decl: &ContextDecl, connector: Option<&ConnectorDecl>, place: &Place, findings: &mut Vec<Finding>) -> Template {
    // It names lists that a connector may lack, and is checked by its test; so it is the same for every pipeline.
    static OURS: LazyLock<Option<Template>> = LazyLock::new(|| {
        let types = caller_types(None, std::iter::empty());
        Template::compile(&Value::from(TEXT), &Place::file("pipelines"), &types, &mut Vec::new())
    });
    let own = decl.text.as_ref().map(|text| {
        let types = caller_types(connector, decl.flags.keys());
        Template::compile(&Value::from(text.as_str()), &place.clone().down("text"), &types, findings)
    });
    own.unwrap_or_else(|| OURS.clone()).unwrap_or_else(|| Template::fixed(Value::from("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_text_is_sound() {
        let mut findings = Vec::new();
        let place = Place::file("pipelines/x.toml");
        Template::compile(&Value::from(TEXT), &place, &caller_types(None, std::iter::empty()), &mut findings);
        assert_eq!(findings, []);
    }
}
