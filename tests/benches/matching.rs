//! The benchmarks of matching, by one command: `cargo bench -p aftercall --bench matching`.
//!
//! The callers and the CRM are made up from a seed: names of syllables, so that hardly any stands in the tables that ship. Prints one line
//! per figure. Speed is measured here and asserted nowhere.

#![expect(clippy::print_stdout, reason = "figures go to stdout")]

mod peak;

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aftercall::load;
use aftercall_config::call::{CallOutcome, Caller};
use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::context::{Context, Record};
use aftercall_plan::matching::{Fields, Judgement, Person, Sought, decide, judge, ranked, weigh};
use aftercall_plan::plan::pipeline_for;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const SEED: u64 = 20_261_124;
/// Rounds over all cases; the rate of the middle one is told, since others work on the machine as well.
const ROUNDS: usize = 21;
/// Candidates of a decision.
const CANDIDATES: usize = 10;

fn main() -> Result<()> {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|arg| arg == "--test") {
        return Ok(());
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let all = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name || w == "match");
    println!("benchmark of matching                                       figure");
    if all("decision") {
        decisions()?;
    }
    if all("backtest") {
        backtest(100_000, 10_000)?;
    }
    Ok(())
}

fn line(name: &str, figure: &str) {
    println!("{name:<59} {figure}");
}

// ---- people who do not exist

/// SplitMix64: a whole generator in three lines, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.roll() % most as u64) as usize
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    fn of<'a>(&mut self, list: &'a [String]) -> &'a str {
        // Squared: a few names have many people, as everywhere.
        let at = (self.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        &list[(at * at * list.len() as f64) as usize]
    }

    fn word(&mut self, syllables: usize) -> String {
        const BEGINS: &[&str] =
            &["b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "kr", "tr", "st", "sh"];
        const MIDDLES: &[&str] = &["a", "e", "i", "o", "u", "ai", "ou", "ee"];
        const ENDS: &[&str] = &["", "", "", "n", "r", "l", "s", "m", "k", "nd", "rt"];
        (0..syllables).map(|_| [BEGINS, MIDDLES, ENDS].map(|parts| parts[self.below(parts.len())]).concat()).collect()
    }

    fn words(&mut self, count: usize, syllables: usize) -> Vec<String> {
        (0..count).map(|_| self.word(syllables)).collect()
    }
}

#[derive(Clone)]
struct Somebody {
    id: String,
    first: String,
    last: String,
    phone: Option<String>,
    mobile: Option<String>,
    email: Option<String>,
    account: Option<String>,
}

struct Town {
    dice: Dice,
    first: Vec<String>,
    last: Vec<String>,
    hosts: Vec<String>,
    accounts: Vec<(String, String)>,
}

impl Town {
    fn new(people: usize) -> Self {
        let mut dice = Dice(SEED);
        let (first, last) = (dice.words(2_000, 2), dice.words(20_000, 3));
        let hosts = ["gmail.com", "yahoo.com", "outlook.com"]
            .map(str::to_owned)
            .into_iter()
            .chain((0..500).map(|_| format!("{}.com", dice.word(3))));
        let hosts = hosts.collect();
        let trades = ["Dental", "Plumbing", "Law Group", "Partners", "Logistics", "Family"];
        let accounts = (0..people / 8 + 1)
            .map(|_| (format!("{} {}", capital(&dice.word(3)), trades[dice.below(trades.len())]), digits(&mut dice)))
            .collect();
        Self { dice, first, last, hosts, accounts }
    }

    fn somebody(&mut self, n: usize) -> Somebody {
        let dice = &mut self.dice;
        let (first, last) = (dice.of(&self.first).to_owned(), dice.of(&self.last).to_owned());
        let account = dice.percent(50).then(|| dice.below(self.accounts.len()));
        // The office's number is the number of many who work there.
        let shared = account.filter(|_| dice.percent(30)).map(|at| self.accounts[at].1.clone());
        let phone = shared.or_else(|| dice.percent(75).then(|| digits(dice)));
        let mobile = dice.percent(50).then(|| digits(dice));
        let email = dice.percent(70).then(|| format!("{first}.{last}{}@{}", dice.below(40), dice.of(&self.hosts)));
        let account = account.map(|at| self.accounts[at].0.clone());
        Somebody { id: format!("C{n:07}"), first: capital(&first), last: capital(&last), phone, mobile, email, account }
    }

    /// A number as people type it.
    fn typed(&mut self, digits: &str) -> String {
        let (area, exchange, rest) = (&digits[..3], &digits[3..6], &digits[6..]);
        match self.dice.below(5) {
            0 => format!("({area}) {exchange}-{rest}"),
            1 => format!("{area}.{exchange}.{rest}"),
            2 => format!("+1{digits}"),
            3 => format!("1-{area}-{exchange}-{rest} x{}", 100 + self.dice.below(80)),
            _ => format!("{area}-{exchange}-{rest}"),
        }
    }

    fn row(&mut self, one: &Somebody) -> Value {
        let phone = one.phone.as_ref().map(|digits| self.typed(digits));
        let mobile = one.mobile.as_ref().map(|digits| self.typed(digits));
        json!({
            "contact_id": one.id, "account_name": one.account, "first_name": one.first, "last_name": one.last, "email": one.email,
            "phone": phone, "mobile": mobile, "country": "US", "updated_at": "2026-01-01",
        })
    }

    /// What is caught of a call: of the number, the address and the company only some, and the name sometimes misheard.
    fn caught(&mut self, one: &Somebody) -> Caller {
        let dice = &mut self.dice;
        let number = one.mobile.as_ref().or(one.phone.as_ref()).filter(|_| dice.percent(70)).map(|digits| format!("+1{digits}"));
        let said = one.phone.as_ref().filter(|_| dice.percent(15)).map(|digits| spelled(digits));
        let email = one.email.as_ref().filter(|_| dice.percent(40));
        let email = email.map(|text| text.replace('.', " dot ").replace('@', " at ").replace("gmail", "g mail"));
        let last = if dice.percent(20) { misheard(dice, &one.last) } else { one.last.clone() };
        let name = match dice.below(10) {
            0 => None,
            1 => Some(one.first.clone()),
            2 => Some(format!("hi this is {} {last}", one.first)),
            _ => Some(format!("{} {last}", one.first)),
        };
        let company = one.account.as_ref().filter(|_| dice.percent(40)).map(|text| text.to_lowercase());
        let phone = Some(number.unwrap_or_else(|| if dice.percent(50) { format!("+1{}", digits(dice)) } else { "anonymous".to_owned() }));
        Caller { phone, callback_phone: said, email, name, company, ..Caller::default() }
    }
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn digits(dice: &mut Dice) -> String {
    format!("{}{:02}{}{:06}", 2 + dice.below(8), dice.below(100), 2 + dice.below(8), dice.below(1_000_000))
}

fn spelled(digits: &str) -> String {
    const WORDS: [&str; 10] = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    digits.bytes().map(|b| WORDS[usize::from(b - b'0')]).collect::<Vec<_>>().join(" ")
}

/// One letter is another.
fn misheard(dice: &mut Dice, word: &str) -> String {
    let at = 1 + dice.below(word.len() - 1);
    let letter = char::from(b'a' + u8::try_from(dice.below(26)).unwrap_or(0));
    format!("{}{letter}{}", &word[..at], &word[at + 1..])
}

// ---- one decision

fn project(dir: &Path) -> Result<Project> {
    std::fs::create_dir_all(dir.join("pipelines"))?;
    std::fs::write(
        dir.join("aftercall.toml"),
        "name = \"bench\"\ntimezone = \"America/Chicago\"\nphone_region = \"US\"\n[connection.crm]\nsystem = \"salesforce\"\nbase_url = \"http://127.0.0.1:1\"\n\
         auth = { client_id = \"env:A\", client_secret = \"env:B\", refresh_token = \"env:C\" }\n[source.json]\nallow_unsigned = true\n",
    )?;
    std::fs::write(
        dir.join("pipelines/desk.toml"),
        "name = \"desk\"\nconnection = \"crm\"\n[[write]]\nid = \"contact\"\nmapping = \"salesforce/contact\"\n",
    )?;
    let (loaded, _) = load::project(dir);
    loaded.project.ok_or_else(|| "the bench project does not load".into())
}

/// A call with ten candidates as a search returns them: the caller, people at the caller's number, of the caller's name or company, and
/// some who only happen to have been returned.
fn case(town: &mut Town, n: usize) -> (CallOutcome, Context) {
    let mut caller = town.somebody(n * CANDIDATES);
    caller.mobile.get_or_insert_with(|| digits(&mut town.dice));
    let caught = town.caught(&caller);
    let mut people: Vec<Somebody> = (1..CANDIDATES).map(|at| town.somebody(n * CANDIDATES + at)).collect();
    for (at, one) in people.iter_mut().enumerate() {
        match at % 4 {
            0 => one.mobile.clone_from(&caller.mobile),
            1 => one.last.clone_from(&caller.last),
            2 => (one.account, one.phone) = (caller.account.clone(), caller.phone.clone()),
            _ => {}
        }
    }
    // One call in ten comes from somebody whom the CRM does not know.
    if !n.is_multiple_of(10) {
        people.push(caller);
    }
    let candidates = people.iter().map(|one| {
        let fields = json!({
            "FirstName": one.first, "LastName": one.last, "Email": one.email, "Account": { "Name": one.account },
            "Phone": one.phone.as_ref().map(|digits| town.typed(digits)), "MobilePhone": one.mobile.as_ref().map(|digits| town.typed(digits)),
        });
        Record { id: one.id.clone(), object: "contact".to_owned(), fields: fields.as_object().cloned().unwrap_or_default() }
    });
    let context = Context { candidates: candidates.collect(), ..Context::default() };
    (CallOutcome { id: format!("K{n:06}"), caller: caught, ..CallOutcome::default() }, context)
}

/// A decision with its explanation, as a call gets it; and a bare one, as the backtest makes it. Both on one core.
fn decisions() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let project = project(dir.path())?;
    let mut town = Town::new(CANDIDATES * 2_000);
    let cases: Vec<(CallOutcome, Context)> = (0..2_000).map(|n| case(&mut town, n)).collect();
    let pipeline = pipeline_for(&project, &cases[0].0).ok_or("no pipeline")?;
    let mut spans: Vec<f64> = Vec::with_capacity(cases.len() * ROUNDS);
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        let from = spans.len();
        for (call, context) in &cases {
            let began = Instant::now();
            black_box(decide(&project, pipeline, black_box(call), black_box(context)));
            spans.push(began.elapsed().as_secs_f64() * 1e6);
        }
        rounds.push(rate(cases.len(), spans[from..].iter().sum::<f64>() / 1e6));
        if round == 0 {
            // For the caches.
            spans.clear();
            rounds.clear();
        }
    }
    let name = format!("`decide` with its explanation, {CANDIDATES} candidates, p50 / p99");
    line(&name, &format!("{:.0} / {:.0} µs", at(&mut spans, 0.5), at(&mut spans, 0.99)));
    line("  records read, weighed, judged, explained: per second and core", &format!("{:.0}", at(&mut rounds, 0.5)));
    bare(&project, pipeline, &cases);
    Ok(())
}

/// Candidates are in hand, read; the caller is read, they are weighed, and the sums are judged.
fn bare(project: &Project, pipeline: &Pipeline, cases: &[(CallOutcome, Context)]) {
    let rules = &pipeline.matching;
    let region = &project.phone_region;
    let read: Vec<(&Caller, Vec<Person>)> = cases
        .iter()
        .map(|(call, context)| {
            let people = context.candidates.iter().map(|record| {
                let text = |value: &'_ Value| value.as_str().map(str::to_owned);
                let field = |name: &str| record.fields.get(name).and_then(text);
                let [phone, mobile, email, first, last] = ["Phone", "MobilePhone", "Email", "FirstName", "LastName"].map(field);
                let account = record.fields.get("Account").and_then(|account| account.get("Name")).and_then(text);
                let fields = Fields {
                    numbers: phone.as_deref().into_iter().chain(mobile.as_deref()).collect(),
                    emails: email.as_deref().into_iter().collect(),
                    first_name: first.as_deref(),
                    last_name: last.as_deref(),
                    account: account.as_deref(),
                    ..Fields::default()
                };
                Person::of(rules, region, &fields)
            });
            (&call.caller, people.collect())
        })
        .collect();
    let one = |sought: &Sought, people: &[&Person]| {
        let sums = weigh(rules, sought, people);
        let order = ranked(&sums, |at| at as u64);
        judge(rules, sought, &sums, &order, false)
    };
    let (mut weighing, mut whole, mut matched) = (Vec::new(), Vec::new(), 0);
    for _ in 0..=ROUNDS {
        let (mut weighed, mut all) = (Duration::ZERO, Duration::ZERO);
        matched = 0;
        for (caller, people) in &read {
            let people: Vec<&Person> = people.iter().collect();
            let began = Instant::now();
            let sought = Sought::of(rules, region, black_box(caller));
            let heard = Instant::now();
            let judged = black_box(one(&sought, &people));
            weighed += heard.elapsed();
            all += began.elapsed();
            matched += usize::from(matches!(judged, Judgement::Accept(_)));
        }
        weighing.push(rate(read.len(), weighed.as_secs_f64()));
        whole.push(rate(read.len(), all.as_secs_f64()));
    }
    line("weighed and judged, candidates in hand: per second and core", &format!("{:.0}", at(&mut weighing, 0.5)));
    line("  the caller read as well", &format!("{:.0} ({matched} of {} matched)", at(&mut whole, 0.5), read.len()));
}

/// Per second.
fn rate(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn at(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 - 1.0) * share).round().max(0.0) as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

// ---- a backtest

/// The command on files, reading included.
fn backtest(contacts: usize, calls: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut town = Town::new(contacts);
    let people: Vec<Somebody> = (0..contacts).map(|n| town.somebody(n)).collect();
    let write = |name: &str, rows: &mut dyn Iterator<Item = Value>| -> Result<()> {
        let mut out = std::io::BufWriter::new(std::fs::File::create(dir.path().join(name))?);
        for row in rows {
            writeln!(out, "{row}")?;
        }
        Ok(out.flush()?)
    };
    write("contacts.jsonl", &mut people.iter().map(|one| town.row(one)))?;
    let mut truth = Vec::with_capacity(calls);
    let mut rows = Vec::with_capacity(calls);
    for n in 0..calls {
        let known = !n.is_multiple_of(4);
        let one = if known { people[town.dice.below(people.len())].clone() } else { town.somebody(contacts + n) };
        let caught = town.caught(&one);
        let id = format!("K{n:06}");
        rows.push(json!({
            "call_id": id, "region": "US", "from_number": caught.phone, "callback_said": caught.callback_phone, "email_said": caught.email,
            "name_said": caught.name, "company_said": caught.company,
        }));
        truth.push(json!({ "call_id": id, "outcome": if known { "match" } else { "new" }, "contact_ids": if known { vec![one.id] } else { vec![] } }));
    }
    write("calls.jsonl", &mut rows.into_iter())?;
    write("truth.jsonl", &mut truth.into_iter())?;
    drop(people);
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_aftercall"))
        .args(["match", "backtest", "--contacts", "contacts.jsonl", "--calls", "calls.jsonl", "--truth", "truth.jsonl", "--format", "json"])
        .current_dir(dir.path())
        .stdout(std::fs::File::create(dir.path().join("report.json"))?)
        .stderr(Stdio::inherit())
        .spawn()?;
    let (ended, peak) = peak::wait(&mut child)?;
    let seconds = began.elapsed().as_secs_f64();
    if !ended.success() {
        return Err(format!("the backtest ended with {ended}").into());
    }
    let report: Value = serde_json::from_slice(&std::fs::read(dir.path().join("report.json"))?)?;
    let total = &report["report"]["total"];
    let named = |what: &str| total[what].as_array().map_or(0, Vec::len);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    line(
        &format!("backtest, {calls} calls against {contacts} contacts, {cores} cores"),
        &format!("{seconds:.2} s, peak {} MB", peak / 1024),
    );
    line(
        "  known callers, of them matched; wrong merges; requests a call",
        &format!("{}, {}; {}; {:.2}", total["known"], total["matched"], named("wrong"), report["requests"].as_f64().unwrap_or(f64::NAN)),
    );
    Ok(())
}
