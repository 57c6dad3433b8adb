//! One guarantee level: its project, its systems, and the run of kills through it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use crate::arena::{LAG, LATE, Service, StandIns, integrity, moment, wait_for};
use crate::books::{self, Audit, Books};
use crate::person;
use crate::platform::{Made, Platform, Random, text};
use crate::support::desk::project;
use crate::support::{aftercall, repository};

/// A guarantee level on a system.
pub(crate) struct Level {
    pub(crate) name: &'static str,
    /// The project's folder in the repository.
    folder: &'static str,
    pub(crate) crm: &'static str,
    books: fn(&Value) -> Books,
    prepare: fn(&StandIns, &Path),
    /// Whether contacts have an e-mail address there.
    knows_mail: bool,
}

/// All of them.
pub(crate) const LEVELS: [Level; 4] = [
    Level {
        name: "exact-salesforce",
        folder: "examples/front-desk",
        crm: "salesforce",
        books: books::salesforce,
        prepare: lagging,
        knows_mail: true,
    },
    Level {
        name: "exact-hubspot",
        folder: "examples/hubspot-desk",
        crm: "hubspot",
        books: books::hubspot,
        prepare: hubspot_exact,
        knows_mail: true,
    },
    Level {
        name: "reconciled",
        folder: "tests/kills/projects/reconciled",
        crm: "hubspot",
        books: books::hubspot,
        prepare: hubspot_marked,
        knows_mail: false,
    },
    Level {
        name: "ask",
        folder: "tests/kills/projects/ask",
        crm: "salesforce",
        books: books::salesforce,
        prepare: lagging,
        knows_mail: true,
    },
];

const CALENDAR: &str = "google-calendar";

fn lagging(stand_ins: &StandIns, _: &Path) {
    stand_ins.tell("salesforce", "_sandbox/configure", &json!({"index_lag_ms": LAG.as_millis() as u64}));
}

fn hubspot(stand_ins: &StandIns) {
    // Its pace is the office's business and not what is asked here.
    stand_ins.tell("hubspot", "_sandbox/configure", &json!({"index_lag_ms": LAG.as_millis() as u64, "enforce_limits": false}));
}

fn hubspot_exact(stand_ins: &StandIns, root: &Path) {
    hubspot(stand_ins);
    let path = root.join("aftercall.toml");
    let config = std::fs::read_to_string(&path).expect("the project");
    let fast = "system = \"hubspot\"\nlimits = { concurrency = 8, bucket = { search = [{ requests = 1000, per_s = 1 }] } }";
    std::fs::write(&path, config.replacen("system = \"hubspot\"", fast, 1)).expect("the project");
}

fn hubspot_marked(stand_ins: &StandIns, _: &Path) {
    hubspot(stand_ins);
    for object in ["contact", "call", "task"] {
        let group = format!("{object}information");
        let property = json!({"name": "ac_marker", "label": "Marker", "type": "string", "fieldType": "text", "groupName": group});
        let headers = [("authorization", "Bearer pat-sandbox"), ("content-type", "application/json")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let to = format!("{}/crm/v3/properties/{object}s", stand_ins.origin("hubspot"));
        let answer = crate::support::post(&to, &headers, property.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
}

/// What came of a level.
pub(crate) struct Report {
    pub(crate) kills: usize,
    moments: BTreeMap<&'static str, usize>,
    pub(crate) calls: usize,
    deliveries: usize,
    pub(crate) requests: usize,
    faults: BTreeMap<String, usize>,
    /// Questions that a person answered.
    answered: usize,
    pub(crate) audit: Audit,
    seconds: f64,
    /// Where the journal is kept, where something is wrong.
    kept: Option<std::path::PathBuf>,
}

impl Report {
    pub(crate) fn is_sound(&self) -> bool {
        self.audit.lost.is_empty() && self.audit.doubled.is_empty() && self.audit.wrong.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |counts: Vec<(&str, usize)>| counts.into_iter().map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", ");
        writeln!(f, "  {} kills: {}", self.kills, counted(self.moments.iter().map(|(what, n)| (*what, *n)).collect()))?;
        let faults = counted(self.faults.iter().map(|(what, n)| (what.as_str(), *n)).collect());
        writeln!(f, "  {} calls in {} deliveries; {} requests, among them {faults}", self.calls, self.deliveries, self.requests)?;
        if self.answered > 0 {
            writeln!(f, "  {} questions answered by a person", self.answered)?;
        }
        let Audit { lost, doubled, wrong } = &self.audit;
        writeln!(f, "  {} lost, {} there twice, {} not right; {:.0} s", lost.len(), doubled.len(), wrong.len(), self.seconds)?;
        for (what, lines) in [("LOST", lost), ("TWICE", doubled), ("WRONG", wrong)] {
            for line in lines.iter().take(20) {
                writeln!(f, "  {what}: {line}")?;
            }
            if lines.len() > 20 {
                writeln!(f, "  {what}: and {} more", lines.len() - 20)?;
            }
        }
        match &self.kept {
            Some(folder) => writeln!(f, "  project, journal, service.log and records are kept in {}", folder.display()),
            None => Ok(()),
        }
    }
}

impl Level {
    /// Kills so often, then lets everything come to rest and looks.
    pub(crate) fn run(&self, kills: usize, seed: u64) -> Report {
        let began = Instant::now();
        let mut random = Random(seed.wrapping_mul(31).wrapping_add(self.name.bytes().map(u64::from).sum()));
        let stand_ins = StandIns::start(&[self.crm, CALENDAR]);
        // Kept, unless it ends well: a panic keeps it too.
        let root = project(&repository().join(self.folder), &stand_ins.origins).keep();
        (self.prepare)(&stand_ins, &root);
        impatient(&root);
        let checked = aftercall(&root, &["check"], b"");
        assert_eq!(checked.code, Some(0), "{}", checked.seen());

        stand_ins.misbehave(seed);
        let day = midnight();
        let platform = Platform::start();
        let mut calls: Vec<Made> = Vec::new();
        let mut more = |count: usize| {
            for _ in 0..count {
                let call = Made::nth(calls.len(), day);
                platform.made(&call);
                calls.push(call);
            }
        };
        let mut moments: BTreeMap<&'static str, usize> = BTreeMap::new();
        more(4);
        for _ in 0..kills {
            let service = Service::start(&root);
            let pause = |ms: u64| std::thread::sleep(Duration::from_millis(ms));
            let die = random.below(100);
            match die {
                // Before it is there at all.
                0..10 => pause(random.below(60)),
                _ => {
                    platform.reach(Some(service.ready(&root)));
                    more(usize::try_from(1 + random.below(4)).unwrap_or(1));
                    pause(match die {
                        10..90 => random.below(150),
                        90..98 => random.below(800),
                        _ => random.below(4_000),
                    });
                }
            }
            let taking = platform.is_under_way();
            platform.reach(None);
            service.kill();
            let at = if die < 10 { "while starting" } else { moment(&root, taking) };
            *moments.entry(at).or_insert(0) += 1;
        }
        // All is well from now on. What is still late comes while the service is up again.
        stand_ins.behave();
        let service = Service::start(&root);
        platform.reach(Some(service.ready(&root)));
        let (deliveries, odd) = platform.finish();
        let rest = || {
            // A call behind one that a person is asked about waits for the answer.
            let (mut last, mut since) = (BTreeMap::new(), Instant::now());
            wait_for("the calls come to rest", &root, Duration::from_secs(180), || {
                let now = standing(&root);
                let is = |status: &str| now.values().any(|(is, _)| is == status);
                let quiet = !is("waiting") || is("held") && since.elapsed() > Duration::from_secs(2) && now == last;
                if now != last {
                    (last, since) = (now, Instant::now());
                }
                quiet
            });
        };
        rest();
        std::thread::sleep(LATE + LAG);
        let look = || {
            let mut books = (self.books)(&stand_ins.records(self.crm));
            books.events = books::events(&stand_ins.records(CALENDAR));
            books
        };
        // Whom an answer unblocks may have a question of its own.
        let mut answered = 0;
        for _ in 0..20 {
            let held: Vec<String> = standing(&root).into_iter().filter(|(_, (status, _))| status == "held").map(|(id, _)| id).collect();
            if held.is_empty() {
                break;
            }
            answered += person::answer(&root, &held, &calls, &look());
            rest();
        }
        let mut audit = look().audit(&calls, self.knows_mail);
        audit.wrong.extend(odd);
        for (id, (status, reason)) in standing(&root).into_iter().filter(|(_, (status, _))| status != "landed") {
            audit.wrong.push(format!("{id} is {status}: {reason}"));
        }
        drop(service);
        if integrity(&root) != "ok" {
            audit.wrong.push(format!("the journal is not whole: {}", integrity(&root)));
        }
        let (requests, faults) = stand_ins.requests();
        let mut report =
            Report { kills, moments, calls: calls.len(), deliveries, requests, faults, answered, audit, seconds: 0.0, kept: None };
        if report.is_sound() {
            let _ = std::fs::remove_dir_all(&root);
        } else {
            for name in [self.crm, CALENDAR] {
                let _ = std::fs::write(root.join(format!("{name}.json")), format!("{:#}", stand_ins.records(name)));
            }
            report.kept = Some(root);
        }
        report.seconds = began.elapsed().as_secs_f64();
        report
    }
}

/// Waits of seconds become waits of milliseconds.
fn impatient(root: &Path) {
    let path = root.join("pipelines/front-desk.toml");
    let pipeline = std::fs::read_to_string(&path).expect("the pipeline");
    let soon = "initial = \"50ms\"\nmax_interval = \"200ms\"\nrespect_retry_after = false\n";
    let pipeline = pipeline.replace("[retry.rate_limited]\nrespect_retry_after = true\n", "");
    std::fs::write(&path, format!("{pipeline}\n[retry.default]\n{soon}[retry.busy]\n{soon}")).expect("the pipeline");
}

/// The morning in a week, from which appointments are made.
fn midnight() -> Timestamp {
    let day = Timestamp::now().to_zoned(TimeZone::UTC).date() + Span::new().days(7);
    day.to_zoned(TimeZone::UTC).expect("a day").timestamp()
}

/// Each call's status and reason, by the platform's id.
fn standing(root: &Path) -> BTreeMap<String, (String, String)> {
    let ran = aftercall(root, &["calls", "--format", "json", "--limit", "100000"], b"");
    let listed = ran.json();
    let calls = listed["calls"].as_array().into_iter().flatten();
    calls.map(|call| (text(&call["id"]), (text(&call["status"]), text(&call["status_reason"])))).collect()
}
