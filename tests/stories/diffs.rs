//! Stories of `diff`: two revisions of a config over a golden corpus of recorded calls. Each change gives the differences that it must, and
//! no other.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Desk, aftercall, call, commit, git, known_callers, only, rows, text};

/// How many calls the corpus has.
const CALLS: usize = 240;

/// One call of the corpus: every fourth from somebody whom the CRM knows, the others each from somebody new.
fn recorded(n: usize) -> Value {
    const OUTCOMES: [&str; 6] = ["answered", "message", "complaint", "booked", "escalated", "voicemail"];
    const FIRST: [&str; 10] = ["Ada", "Bruno", "Cleo", "Dimitri", "Esther", "Felix", "Greta", "Hugo", "Ines", "Jonas"];
    const LAST: [&str; 12] =
        ["Baker", "Liman", "Montrose", "Drosten", "Fisker", "Galloway", "Hundt", "Jorgens", "Nevis", "Polk", "Ruxley", "Stenner"];
    let caller = if is_known(n) {
        let (name, _, phone) = known_callers()[n / 4 % 6];
        json!({ "phone": phone, "first_name": name })
    } else {
        let (first, last) = (FIRST[n % 10], LAST[n / 10 % 12]);
        json!({ "phone": format!("+1713555{n:04}"), "name": format!("{first} {last}{}", (b'a' + (n / 120) as u8) as char) })
    };
    let mut call = call(&format!("golden-{n:03}"), json!({ "outcome": OUTCOMES[n % 6], "caller": caller }));
    if has_follow_up(n) {
        call["follow_up"] = json!({ "reason": format!("Call back about invoice {n}") });
    }
    if n.is_multiple_of(5) {
        call["captured"] = json!({ "language": "es" });
    }
    call
}

fn is_known(n: usize) -> bool {
    n.is_multiple_of(4)
}

fn has_follow_up(n: usize) -> bool {
    n.is_multiple_of(3)
}

fn is_urgent(n: usize) -> bool {
    matches!(n % 6, 2 | 4)
}

/// The calls of the corpus for which something holds.
fn those(holds: impl Fn(usize) -> bool) -> BTreeSet<String> {
    (0..CALLS).filter(|n| holds(*n)).map(|n| format!("json:golden-{n:03}")).collect()
}

/// The corpus: worked once into a journal, its config on record in git. It goes when the last story that looks at it is over.
static CORPUS: Mutex<Weak<Desk>> = Mutex::new(Weak::new());

/// A copy of the corpus to change.
struct Copy {
    folder: TempDir,
    corpus: Arc<Desk>,
}

impl Copy {
    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn copy() -> Copy {
    let corpus = corpus();
    let folder = TempDir::with_prefix("aftercall-story-").expect("a folder for the story");
    copy_all(corpus.root(), folder.path());
    Copy { folder, corpus }
}

fn corpus() -> Arc<Desk> {
    let mut known = CORPUS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(corpus) = known.upgrade() {
        return corpus;
    }
    let desk = Desk::salesforce();
    commit(desk.root(), "as it runs");
    let calls: Vec<Value> = (0..CALLS).map(recorded).collect();
    let ran = desk.sync(&calls);
    assert_eq!(desk.calls()["counts"]["calls"]["waiting"], Value::Null, "{}", ran.seen());
    let corpus = Arc::new(desk);
    *known = Arc::downgrade(&corpus);
    corpus
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_all(&path, &target) } else { assert!(std::fs::copy(&path, &target).is_ok()) }
    }
}

#[track_caller]
fn edit(dir: &Copy, path: &str, from: &str, to: &str) {
    let file = dir.path().join(path);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("reading {path}: {e}"));
    assert!(text.contains(from), "{path} has no {from:?}");
    std::fs::write(file, text.replacen(from, to, 1)).expect("a file in the project");
}

/// `aftercall diff HEAD --calls all` as JSON: the last commit against the files as they are.
#[track_caller]
fn diff(dir: &Copy, exit: i32) -> Value {
    aftercall(dir.path(), &["diff", "HEAD", "--calls", "all", "--format", "json", "--exit-code"], b"").exits(exit).json()
}

/// The calls that change.
fn changed(diff: &Value) -> BTreeSet<String> {
    let changes = rows(diff, "changes");
    changes.iter().filter(|call| !rows(call, "effects").is_empty()).map(|call| text(call, "call").to_owned()).collect()
}

/// Kinds and how many calls each.
fn kinds(diff: &Value) -> Vec<(String, u64)> {
    rows(diff, "kinds").iter().map(|kind| (text(kind, "words").to_owned(), kind["calls"].as_u64().unwrap_or_default())).collect()
}

/// Where a line stands in a file of the project.
fn line_of(dir: &Copy, path: &str, part: &str) -> u64 {
    let text = std::fs::read_to_string(dir.path().join(path)).expect("a file of the project");
    text.lines().position(|line| line.contains(part)).map_or(0, |at| at as u64 + 1)
}

/// Story: nobody changed anything, or only a comment: nothing differs, over all calls.
#[test]
fn an_equal_config_gives_no_difference() {
    let dir = copy();
    let same = diff(&dir, 0);
    assert_eq!((text(&same, "summary"), &same["calls"]["compared"]), (&*format!("none of {CALLS} calls changes"), &json!(CALLS)));
    assert_eq!((rows(&same, "changes"), rows(&same, "unread")), (vec![], vec![]));
    edit(&dir, "mappings/acme/contact.toml", "[fields]\n", "# A word to whoever reads this.\n[fields]\n# Another.\n");
    edit(&dir, "pipelines/front-desk.toml", "[[route.front_desk]]", "\n# Moved down.\n\n[[route.front_desk]]");
    assert_eq!(rows(&diff(&dir, 0), "changes"), Vec::<Value>::new());
}

/// Story: one line of a mapping is changed. Exactly the calls that made a contact get another value, and the line is named.
#[test]
fn one_line_of_a_mapping() {
    let dir = copy();
    let path = "mappings/acme/contact.toml";
    edit(&dir, path, "'Phone Inquiry'", "'Receptionist'");
    let said = diff(&dir, 3);
    assert_eq!(changed(&said), those(|n| !is_known(n)));
    assert_eq!(kinds(&said), [("get another `LeadSource` of contact".to_owned(), 180)]);
    let cause = only(rows(&said, "causes"), "cause");
    assert_eq!((text(&cause["line"], "file"), &cause["line"]["line"]), (path, &json!(line_of(&dir, path, "LeadSource"))));
    assert_eq!((&cause["example"]["old"], &cause["example"]["new"]), (&json!("Phone Inquiry"), &json!("Receptionist")));
    let human = aftercall(dir.path(), &["diff", "HEAD..", "--calls", "all"], b"").exits(0);
    assert!(human.stdout.starts_with("180 of 240 calls change: 180 get another `LeadSource` of contact\n"), "{}", human.stdout);
}

/// Story: what a line took along is named where it stood.
#[test]
fn a_line_that_went() {
    let dir = copy();
    let path = "mappings/acme/contact.toml";
    let at = line_of(&dir, path, "LeadSource");
    let whole = std::fs::read_to_string(dir.path().join(path)).expect("the mapping");
    let line = whole.lines().find(|line| line.starts_with("LeadSource")).expect("the line").to_owned();
    edit(&dir, path, &format!("{line}\n"), "");
    let said = diff(&dir, 3);
    assert_eq!((changed(&said), kinds(&said)), (those(|n| !is_known(n)), vec![("lose `LeadSource` of contact".to_owned(), 180)]));
    let cause = only(rows(&said, "causes"), "cause");
    assert_eq!((text(&cause["line"], "revision"), &cause["line"]["line"]), ("old", &json!(at)));
}

/// Story: the office manager gets two hours for complaints. Those calls get another due date, because of that line of the route.
#[test]
fn a_route() {
    let dir = copy();
    let path = "pipelines/front-desk.toml";
    edit(&dir, path, "in 1 business hour", "in 2 business hours");
    let said = diff(&dir, 3);
    assert_eq!((changed(&said), kinds(&said)), (those(is_urgent), vec![("get another due date".to_owned(), 80)]));
    let cause = only(rows(&said, "causes"), "cause");
    assert_eq!((text(&cause["line"], "file"), &cause["line"]["line"]), (path, &json!(line_of(&dir, path, "in 2 business hours"))));
    // A rule that has moved down takes the turns along that were taken under its old place.
    edit(&dir, path, "in 2 business hours", "in 1 business hour");
    edit(
        &dir,
        path,
        "[[route.front_desk]]",
        "[[route.front_desk]]\nwhen = 'outcome == \"nothing of the kind\"'\nowner = \"nobody\"\n\n[[route.front_desk]]",
    );
    assert_eq!(changed(&diff(&dir, 0)), BTreeSet::new());
}

/// Story: a condition is made narrower. The calls that lose their to-do are those that it leaves out, and its line is named.
#[test]
fn a_condition() {
    let dir = copy();
    let path = "pipelines/front-desk.toml";
    edit(&dir, path, "when = 'has(follow_up) || outcome in [\"complaint\", \"escalated\"]'", "when = 'has(follow_up)'");
    let said = diff(&dir, 3);
    let expected = those(|n| is_urgent(n) && !has_follow_up(n));
    let number = expected.len() as u64;
    assert_eq!((changed(&said), kinds(&said)), (expected, vec![("lose `follow_up`".to_owned(), number)]));
    let cause = only(rows(&said, "causes"), "cause");
    assert_eq!(&cause["line"]["line"], &json!(line_of(&dir, path, "when = 'has(follow_up)'")));
}

/// Story: rules for who called that ask for more than anybody has. Those who were known are no more, and all that follows is told as that.
#[test]
fn who_called() {
    let dir = copy();
    let shipped = std::fs::read_to_string(crate::support::repository().join("mappings/match/person.toml")).expect("the rules that ship");
    let line = shipped.lines().find(|line| line.starts_with("accept")).expect("a threshold").to_owned();
    std::fs::create_dir_all(dir.path().join("mappings/match")).expect("a folder");
    std::fs::write(dir.path().join("mappings/match/person.toml"), shipped.replace(&line, "accept = 30.0")).expect("a file");
    let said = diff(&dir, 3);
    assert_eq!(changed(&said), those(is_known));
    let cause = rows(&said, "causes").into_iter().next().unwrap_or_default();
    let named = (text(&cause["line"], "file"), text(&cause["line"], "text"));
    assert_eq!(named, ("mappings/match/person.toml", "accept = 30.0"));
    assert!(kinds(&said).contains(&("attach to the contact no more".to_owned(), 60)), "{:?}", kinds(&said));
}

/// Story: a field that was never read. What is not known is said for each call that it is about, and counted.
#[test]
fn what_was_not_recorded() {
    let dir = copy();
    edit(&dir, "mappings/acme/contact.toml", "[fields]\n", "[fields]\nTitle = { value = \"Patient\", policy = \"fill\" }\n");
    let said = diff(&dir, 3);
    assert_eq!(changed(&said).len(), CALLS);
    assert_eq!(rows(&said, "unread"), [json!({"what": "`Title` of contact", "calls": 60})]);
    let unread = rows(&said, "changes").into_iter().filter(|call| !rows(call, "unread").is_empty());
    assert_eq!(unread.map(|call| text(&call, "call").to_owned()).collect::<BTreeSet<_>>(), those(is_known));
}

/// Story: what was not recorded can be read now, and nothing is written: who has a title already gets none, and a new owner's id is found.
#[test]
fn what_was_not_recorded_is_read() {
    let dir = copy();
    edit(&dir, "mappings/acme/contact.toml", "[fields]\n", "[fields]\nTitle = { value = \"Patient\", policy = \"fill\" }\n");
    edit(&dir, "pipelines/front-desk.toml", "user:office.manager@acme.example", "user:nobody.yet@acme.example");
    let chosen = "id:json:golden-000,json:golden-002";
    let args = ["diff", "HEAD", "--calls", chosen, "--format", "json"];
    let unread = rows(&aftercall(dir.path(), &args, b"").exits(0).json(), "unread");
    let words: BTreeSet<&str> = unread.iter().map(|one| text(one, "what")).collect();
    assert_eq!(words, BTreeSet::from(["`Title` of contact", "who nobody.yet@acme.example is in crm"]));
    let before = dir.corpus.crm.requests().len();
    let live = aftercall(dir.path(), &[&args[..], &["--live"]].concat(), b"").exits(0);
    assert_eq!(rows(&live.json(), "unread"), Vec::<Value>::new(), "{}", live.stderr);
    let asked: Vec<String> =
        dir.corpus.crm.requests().into_iter().skip(before).filter(|r| !r.path.ends_with("/token")).map(|r| r.method.to_string()).collect();
    assert!(!asked.is_empty() && asked.iter().all(|method| method == "GET"), "{asked:?}");
}

/// Story: a pull request gets a table with the lines to blame, and no word of what a caller said where that is asked for.
#[test]
fn for_a_pull_request() {
    let dir = copy();
    edit(&dir, "mappings/acme/contact.toml", "'Phone Inquiry'", "'Receptionist'");
    commit(dir.path(), "another source");
    let ran = aftercall(dir.path(), &["diff", "HEAD~1..HEAD", "--calls", "all", "--format", "markdown"], b"").exits(0);
    assert!(ran.stdout.starts_with("### 180 of 240 calls change: 180 get another `LeadSource` of contact\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("| 180 | get another `LeadSource` of contact | `mappings/acme/contact.toml:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("`Phone Inquiry` → `Receptionist`"), "{}", ran.stdout);
    let quiet = ["diff", "HEAD~1..HEAD", "--calls", "all", "--format", "markdown", "--without-values"];
    let ran = aftercall(dir.path(), &quiet, b"").exits(0);
    assert!(!ran.stdout.contains("→"), "{}", ran.stdout);
}

/// Story: the wrong words are answered with the right ones.
#[test]
fn what_cannot_be_compared() {
    let desk = Desk::salesforce();
    let ran = |args: &[&str], code| desk.run(args).exits(code).stderr;
    let said = ran(&["diff", "main"], 1);
    assert!(said.contains("is in no git repository"), "{said}");
    commit(desk.root(), "first");
    let said = ran(&["diff", "mian..main"], 1);
    assert!(said.contains("git knows no revision `mian` here; did you mean `main`?"), "{said}");
    let said = ran(&["diff", "main...main"], 2);
    assert!(said.contains("such as `main..main`"), "{said}");
    let said = ran(&["diff", "main", "--calls", "yesterday"], 2);
    assert!(said.contains("write `last:7d`"), "{said}");
    let said = ran(&["diff", "main"], 1);
    assert!(said.contains("journal"), "{said}");
    desk.edit("pipelines/front-desk.toml", "name = \"front-desk\"", "name = ");
    let said = ran(&["diff", "main"], 1);
    assert!(said.contains("working tree:") && said.contains("pipelines/front-desk.toml"), "{said}");
}

/// Story: a project deep in a repository is compared there, and a revision in which it was not there yet says so.
#[test]
fn a_project_in_a_subfolder() {
    let corpus = corpus();
    let dir = TempDir::with_prefix("aftercall-story-").expect("a folder for the story");
    std::fs::write(dir.path().join("README.md"), "Ours.\n").expect("a file");
    commit(dir.path(), "before");
    let project = dir.path().join("voice/desk");
    copy_all(corpus.root(), &project);
    std::fs::remove_dir_all(project.join(".git")).expect("its own repository");
    commit(dir.path(), "with it");
    let ran = aftercall(dir.path(), &["diff", "main", "--project", "voice/desk", "--calls", "id:json:golden-001,json:golden-002"], b"");
    assert!(ran.exits(0).stdout.starts_with("none of 2 calls changes"));
    let ran = aftercall(dir.path(), &["diff", "main~1..main", "--project", "voice/desk"], b"").exits(1);
    assert!(ran.stderr.contains("revision `main~1` has no voice/desk/aftercall.toml"), "{}", ran.stderr);
    assert_eq!(git(dir.path(), &["status", "--porcelain"]), "", "and nothing was touched");
}
