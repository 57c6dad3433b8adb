//! What is counted and measured, under which name: one list, from which the registry, the page `schema/metrics.md` and the tests come.
//!
//! At the bottom of the house: every room counts here, and it looks at none. One for the process, since a count says nothing back to
//! whoever counts. Not for what only has to be looked at when somebody asks, such as a backlog: `signals` sets that before it is read.

mod course;
mod recent;

use std::sync::LazyLock;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use course::{Course, Grain, Slot, course};
pub use recent::{Recent, recent};

type Labels = Vec<(&'static str, String)>;

/// One metric, as people are told of it.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Its name, as queries write it.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of its labels. Their values are names out of the config or words of ours: never an id, never anything of a caller.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Something that goes up.
pub struct Count {
    family: Family<Labels, Counter>,
    labels: &'static [&'static str],
}

/// Something that goes up and down.
pub struct Level {
    family: Family<Labels, Gauge<f64, std::sync::atomic::AtomicU64>>,
    labels: &'static [&'static str],
}

/// How long something took, in seconds.
pub struct Times {
    family: Family<Labels, Histogram>,
    labels: &'static [&'static str],
}

fn labels(names: &[&'static str], values: &[&str]) -> Labels {
    names.iter().copied().zip(values.iter().map(|value| (*value).to_owned())).collect()
}

impl Count {
    fn new(registry: &mut Registry, is: &Described) -> Self {
        let family = Family::default();
        // The format adds the ending to counters by itself.
        registry.register(is.name.trim_end_matches("_total"), is.help.trim_end_matches('.'), family.clone());
        Self { family, labels: is.labels }
    }

    /// So many more; the values in the order of the list. 0 makes it visible.
    pub fn add(&self, values: &[&str], more: u64) {
        self.family.get_or_create(&labels(self.labels, values)).inc_by(more);
    }
}

impl Level {
    fn new(registry: &mut Registry, is: &Described) -> Self {
        let family = Family::default();
        registry.register(is.name, is.help.trim_end_matches('.'), family.clone());
        Self { family, labels: is.labels }
    }

    /// It is this now.
    pub fn set(&self, values: &[&str], to: f64) {
        self.family.get_or_create(&labels(self.labels, values)).set(to);
    }

    /// What there was is not there any more: set anew what is.
    pub fn clear(&self) {
        self.family.clear();
    }
}

impl Times {
    fn new(registry: &mut Registry, is: &Described) -> Self {
        // From half a millisecond to sixteen seconds; what may wait for a system that is away has days.
        let quick: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let patient: fn() -> Histogram = || Histogram::new(exponential_buckets(0.005, 4.0, 13));
        let family = Family::new_with_constructor(if is.name.contains("landed") { patient } else { quick });
        registry.register(is.name, is.help.trim_end_matches('.'), family.clone());
        Self { family, labels: is.labels }
    }

    /// It took so long.
    pub fn took(&self, values: &[&str], seconds: f64) {
        self.family.get_or_create(&labels(self.labels, values)).observe(seconds.max(0.0));
    }
}

macro_rules! meters {
    ($($kind:ident $field:ident $name:literal [$($label:literal)*] $help:literal;)+) => {
        /// All metrics of the process.
        pub struct Meters {
            registry: Registry,
            $(#[doc = $help] pub $field: meters!(@ $kind),)+
        }

        /// The written list, in the order of the page.
        pub const LIST: &[Described] = &[
            $(Described { name: $name, kind: stringify!($kind), labels: &[$($label),*], help: $help },)+
        ];

        impl Meters {
            fn new() -> Self {
                let mut registry = Registry::default();
                let mut list = LIST.iter();
                // As many fields as entries: both are made of the same lines.
                let mut next = || list.next().copied().unwrap_or(Described { name: "", kind: "", labels: &[], help: "" });
                $(let $field = <meters!(@ $kind)>::new(&mut registry, &next());)+
                Self { registry, $($field,)+ }
            }
        }
    };
    (@ counter) => { Count };
    (@ gauge) => { Level };
    (@ histogram) => { Times };
}

meters! {
    counter payloads "aftercall_payloads_total" ["source" "result"]
        "Payloads by what became of them: new, amended, repeated, unrecognised, ignored, refused (not genuine), failed (ours).";
    counter received "aftercall_calls_received_total" ["source" "pipeline"]
        "Calls taken in for the first time; `none` where no pipeline takes them.";
    counter settled "aftercall_calls_settled_total" ["pipeline" "status"]
        "Calls that came to an end, by status: landed, partial, dead, review, held, skipped. One that is worked again counts again.";
    counter attempts "aftercall_write_attempts_total" ["connection" "object"]
        "Attempts to write a record.";
    counter writes "aftercall_writes_total" ["connection" "object" "state" "class"]
        "Writes by the state that an attempt led to, and the class of the error; `none` where there was none.";
    counter requests "aftercall_requests_total" ["connection" "result"]
        "Requests to systems by their result: 2xx, 3xx, 4xx, 5xx, lost (no answer), unreached (never sent).";
    histogram request_seconds "aftercall_request_seconds" ["connection"]
        "From a request to its answer, without standing in line.";
    histogram commit_seconds "aftercall_webhook_commit_seconds" ["source"]
        "From a payload's first byte to its commit in the journal.";
    histogram landed_seconds "aftercall_webhook_landed_seconds" ["pipeline"]
        "From a call's first word to its last record.";
    histogram journal_seconds "aftercall_journal_commit_seconds" []
        "One commit of the journal; several transactions share one.";
    counter journal_failures "aftercall_journal_failures_total" []
        "Commits that the journal could not make.";
    counter reloads "aftercall_reloads_total" ["result"]
        "Changed projects: accepted or refused.";
    counter missed "aftercall_never_delivered_total" ["source"]
        "Calls on a platform's own list that its webhook never brought.";
    counter notices "aftercall_notices_total" ["notifier" "result"]
        "Messages of alerts: sent, or failed (and tried again).";
    gauge backlog "aftercall_backlog_calls" []
        "Calls that wait.";
    gauge backlog_age "aftercall_backlog_age_seconds" []
        "How long the oldest of them has waited.";
    gauge parked "aftercall_parked_calls" ["connection"]
        "Calls that wait for a system to be back.";
    gauge dead "aftercall_dead_letters" []
        "Calls that wait for a person because something of them gave up: those of the page Dead letters.";
    gauge asking "aftercall_open_reviews" []
        "Calls about which a person is asked.";
    gauge unrecognised "aftercall_unrecognised_payloads" []
        "Payloads that nobody has understood yet.";
    gauge circuit_open "aftercall_circuit_open" ["connection"]
        "1 while the system is left alone.";
    gauge circuit_seconds "aftercall_circuit_open_seconds" ["connection"]
        "For how long it has been left alone.";
    gauge token "aftercall_token" ["connection" "state"]
        "1 for the state that the connection's credentials are in: none (not needed yet), valid, ending, refused.";
    gauge in_flight "aftercall_requests_in_flight" ["connection"]
        "Requests under way.";
    gauge in_line "aftercall_requests_in_line" ["connection"]
        "Requests that stand in line for their turn.";
    gauge window_left "aftercall_budget_window_left" ["connection"]
        "Requests left in the system's current window, as its headers say.";
    gauge allowance_left "aftercall_budget_left" ["connection"]
        "Requests left of the longer allowance (a day's, as a rule), as the system's headers say.";
    gauge allowance "aftercall_budget" ["connection"]
        "That allowance.";
    gauge firing "aftercall_alert_firing" ["alert"]
        "1 while the alert holds.";
    gauge config_refused "aftercall_config_refused" []
        "1 while what stands on the disk is refused and an older config is at work.";
    gauge info "aftercall_info" ["version" "config"]
        "1; the program's version and the config that is at work.";
}

/// The process's own.
pub fn meters() -> &'static Meters {
    static METERS: LazyLock<Meters> = LazyLock::new(Meters::new);
    &METERS
}

impl Meters {
    /// Everything that has a value, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut out, &self.registry);
        // A family without labels is written with empty braces, which readers take and people stumble over.
        out.replace("{} ", " ")
    }
}

/// The page for people, `schema/metrics.md`.
pub fn page() -> String {
    let mut out = "# The metrics\n\nWhat `aftercall run` tells at `/metrics`, as OpenMetrics text. Values of labels are names out of the config and words of ours: never an id,\n\
                   never anything of a caller. A histogram has `_bucket`, `_sum` and `_count`. What has no value yet is not shown.\n\n\
                   | name | kind | labels | what it says |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for Described { name, kind, labels, help } in LIST {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        out.push_str(&format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept() {
        let meters = Meters::new();
        meters.received.add(&["json", "front-desk"], 2);
        meters.backlog.set(&[], 3.0);
        meters.journal_seconds.took(&[], 0.001);
        let text = meters.text();
        for line in [
            "# TYPE aftercall_calls_received counter",
            "aftercall_calls_received_total{source=\"json\",pipeline=\"front-desk\"} 2",
            "aftercall_backlog_calls 3",
            "aftercall_journal_commit_seconds_count 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn counters_and_no_others_end_with_total() {
        for is in LIST {
            assert_eq!(is.name.ends_with("_total"), is.kind == "counter", "{}", is.name);
        }
    }
}
