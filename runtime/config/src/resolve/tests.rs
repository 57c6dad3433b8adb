//! Laws of loading, for any text: it never panics, it points into the text, and what does not change the meaning does not change the version.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// A small project without faults: the one that the fixtures of findings stand on.
const BASE: &[(&str, &str)] = &[
    ("aftercall.toml", include_str!("../../../../tests/fixtures/findings/_base/aftercall.toml")),
    ("mappings/acme/call.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/acme/call.toml")),
    ("mappings/acme/connector.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/acme/connector.toml")),
    ("mappings/acme/contact.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/acme/contact.toml")),
    ("mappings/acme/deal.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/acme/deal.toml")),
    ("mappings/acme/task.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/acme/task.toml")),
    ("mappings/diary/connector.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/diary/connector.toml")),
    ("mappings/diary/event.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/diary/event.toml")),
    ("mappings/match/person.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/match/person.toml")),
    ("mappings/phone/source.toml", include_str!("../../../../tests/fixtures/findings/_base/mappings/phone/source.toml")),
    ("pipelines/front-desk.toml", include_str!("../../../../tests/fixtures/findings/_base/pipelines/front-desk.toml")),
];

/// What slips consist of: the signs of TOML, of templates and of conditions, and letters of several bytes.
const SCRAPS: &[&str] = &[
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "{{",
    "}}",
    "{{#if ",
    "{{/if}}",
    "{{else}}",
    "{{#each ",
    "=",
    "==",
    ",",
    ".",
    "#",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "\\",
    "\\u00e9",
    "\\\n",
    "(",
    ")",
    "|",
    "&&",
    "!",
    "in",
    "é",
    "”",
    "\u{feff}",
    "\u{a0}",
    "\u{0}",
    "0",
    "-1",
    "1e9",
    "99999999999999999999",
    "true",
    "null",
    "write",
    "[write]",
    "fields",
    "value",
    "env:",
    "when",
    "name = 1\n",
    "2026-12-25",
];

fn project(change: impl Fn(&str, &str) -> String) -> Files {
    BASE.iter().fold(Files::new(), |files, (path, text)| files.with(*path, change(path, text)))
}

fn plain() -> Files {
    project(|_, text| text.to_owned())
}

#[track_caller]
fn version_of(files: &Files) -> ConfigVersion {
    let loaded = load(files);
    assert_eq!(loaded.render(false), "");
    loaded.project.expect("a project without findings").version
}

/// Everything that is done with findings, for text that nobody foresaw.
fn examine(files: &Files) {
    let loaded = load(files);
    for finding in &loaded.findings {
        assert!(!finding.message.is_empty() && !finding.message.contains('\n'), "{finding:?}");
        let Some(document) = loaded.documents.get(&finding.at.file) else { continue };
        let span = document.span(&finding.at);
        assert!(document.text.get(span.clone()).is_some(), "{finding:?} points at {span:?} of {} bytes", document.text.len());
        assert_eq!(document.shown().len(), document.text.len());
    }
    assert_eq!(loaded.project.is_some(), !loaded.has_errors());
    let unlike = loaded.findings.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(unlike, "something is said twice: {:?}", loaded.findings);
    loaded.render(true);
    finding::to_json(&loaded.findings, &loaded.documents);
}

/// One slip of the hand.
#[derive(Clone, Debug)]
enum Slip {
    Put(Index, &'static str),
    Over(Index, u8),
    Cut(Index, usize),
    Twice(Index, usize),
    End(Index),
}

fn slip() -> impl Strategy<Value = Slip> {
    prop_oneof![
        6 => (any::<Index>(), select(SCRAPS)).prop_map(|(at, scrap)| Slip::Put(at, scrap)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Slip::Over(at, byte)),
        4 => (any::<Index>(), 1..40usize).prop_map(|(at, length)| Slip::Cut(at, length)),
        2 => (any::<Index>(), 1..80usize).prop_map(|(at, length)| Slip::Twice(at, length)),
        1 => any::<Index>().prop_map(Slip::End),
    ]
}

fn slipped(text: &str, slips: &[Slip]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for slip in slips {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match slip {
            Slip::Put(at, scrap) => {
                let at = place(at);
                bytes.splice(at..at, scrap.bytes());
            }
            Slip::Over(at, byte) => {
                let at = place(at);
                if let Some(there) = bytes.get_mut(at) {
                    *there = *byte;
                }
            }
            Slip::Cut(at, length) => {
                let at = place(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Slip::Twice(at, length) => {
                let at = place(at);
                let part = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
            Slip::End(at) => bytes.truncate(place(at)),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn loading_takes_any_text(file in any::<Index>(), slips in prop::collection::vec(slip(), 1..6)) {
        let file = BASE[file.index(BASE.len())].0;
        examine(&project(|path, text| if path == file { slipped(text, &slips) } else { text.to_owned() }));
    }

    #[test]
    fn loading_takes_scraps(file in any::<Index>(), scraps in prop::collection::vec(select(SCRAPS), 0..40)) {
        let file = BASE[file.index(BASE.len())].0;
        examine(&project(|path, text| if path == file { scraps.concat() } else { text.to_owned() }));
    }

    /// A template or a condition of any shape, in the place where one stands.
    #[test]
    fn values_take_scraps(scraps in prop::collection::vec(select(SCRAPS), 0..12), names in prop::collection::vec(select(&["caller.phone ", "outcome ", "call.duration_s ", "upper ", "has(", "x"][..]), 0..6)) {
        let value: String = scraps.iter().zip(names.iter().chain(std::iter::repeat(&""))).map(|(scrap, name)| format!("{scrap}{name}")).collect();
        let quoted = serde_json::to_string(&value.replace('\u{0}', "")).unwrap_or_default();
        examine(&plain().with("mappings/acme/contact.toml", format!("system = \"acme\"\nobject = \"contact\"\n[fields]\nPhone = {quoted}\n")));
        examine(&plain().with("pipelines/front-desk.toml", format!("name = \"a\"\nconnection = \"crm\"\nwhen = {quoted}\n[[route.a]]\ndue = {quoted}\n")));
    }

    #[test]
    fn the_order_of_files_does_not_matter(order in Just(BASE.to_vec()).prop_shuffle(), slips in prop::collection::vec(slip(), 0..3)) {
        let change = |path: &str, text: &str| if path == "mappings/acme/contact.toml" { slipped(text, &slips) } else { text.to_owned() };
        let shuffled = order.iter().fold(Files::new(), |files, (path, text)| files.with(*path, change(path, text)));
        let (one, other) = (load(&project(change)), load(&shuffled));
        prop_assert_eq!(&one.findings, &other.findings);
        prop_assert_eq!(one.project.map(|p| p.version), other.project.map(|p| p.version));
    }

    /// Comments, empty lines, spaces and line ends say nothing, so they change nothing.
    #[test]
    fn spacing_is_not_meaning(lines in prop::collection::vec((any::<Index>(), select(&["# why\n", "\n", "   # {{not.a.template}} = \"[\n", "\t\n"][..])), 0..12), wide in any::<bool>(), crlf in any::<bool>()) {
        let changed = project(|_, text| {
            let mut text: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
            for (at, line) in &lines {
                let at = at.index(text.len() + 1);
                text.insert(at, (*line).to_owned());
            }
            let text = text.concat();
            let text = if wide { text.replace(" = ", "   =\t ").replace("\n", "  \n") } else { text };
            if crlf { text.replace('\n', "\r\n") } else { text }
        });
        prop_assert_eq!(version_of(&changed), version_of(&plain()));
    }
}

/// A change of a project's files: one is broken by slips, taken out, put back, or put beside itself under another name.
fn edit() -> impl Strategy<Value = (Index, u8, Vec<Slip>)> {
    (any::<Index>(), 0..6u8, prop::collection::vec(slip(), 1..3))
}

/// What loading gives, without what differs between two loads of one thing.
fn told(loaded: &Loaded) -> Vec<String> {
    let mut all = vec![loaded.render(false), format!("{:?}", loaded.findings), format!("{:?}", loaded.documents.keys())];
    if let Some(project) = &loaded.project {
        all.push(format!("{} {:?}", project.version, project.files));
        all.extend(project.pipelines.iter().map(|pipeline| format!("{pipeline:?}")));
    }
    all
}

proptest! {
    #![proptest_config(config(150))]

    /// Whatever changes, and in whatever order: going by what is known gives what a first load gives.
    #[test]
    fn what_is_known_changes_nothing(edits in prop::collection::vec(edit(), 1..10)) {
        let (mut files, mut known) = (plain(), Known::default());
        load_again(&files, &mut known);
        for (file, kind, slips) in edits {
            let (path, text) = BASE[file.index(BASE.len())];
            match kind {
                0 => files.insert(path, slipped(text, &slips)),
                1 => files.remove(path),
                2 => files.insert(path.replace(".toml", "-2.toml"), text.replace("\"front-desk\"", "\"evening\"")),
                3 => files.remove(&path.replace(".toml", "-2.toml")),
                4 => files.insert(path, format!("{text}# said again\n")),
                _ => files.insert(path, text),
            }
            prop_assert_eq!(told(&load_again(&files, &mut known)), told(&load(&files)));
        }
    }
}

#[test]
fn a_change_of_files_is_found_in_one_walk() {
    let before = plain();
    let mut now = before.clone().with("mappings/acme/call.toml", "x = 1\n").with("zebra.toml", "").with("a.toml", "");
    now.remove("pipelines/front-desk.toml");
    let changed: Vec<Arc<str>> = now.changed(&before);
    let expected: Vec<Arc<str>> = ["a.toml", "mappings/acme/call.toml", "pipelines/front-desk.toml", "zebra.toml"].map(Arc::from).to_vec();
    assert_eq!(changed, expected);
    assert_eq!(before.changed(&now), expected);
    assert!(before.changed(&plain()).is_empty(), "the same texts, read twice, are the same");
    assert!(before.has_folder("mappings/acme") && !before.has_folder("mappings/acm") && !before.has_folder("pipelines/front-desk.toml"));
}

#[test]
fn equal_projects_have_equal_versions() {
    assert_eq!(version_of(&plain()), version_of(&plain()));
}

/// What is looked up anew at every call must not make a version of its own; what a call means must.
#[test]
fn the_version_is_about_meaning() {
    let change = |file: &str, from: &str, to: &str| {
        let changed = project(|path, text| if path == file { text.replace(from, to) } else { text.to_owned() });
        assert!(changed.get(file).is_some_and(|text| text.contains(to)), "{file} has no `{from}`");
        version_of(&changed)
    };
    let plain = version_of(&plain());
    for (from, to) in [
        ("env:ACME_TOKEN", "file:/run/secrets/acme"),
        ("https://acme.example", "https://eu.acme.example"),
        ("sqlite:state/aftercall.db", "sqlite:/var/lib/aftercall.db"),
        ("env:PHONE_SECRET", "env:OTHER_SECRET"),
    ] {
        assert_eq!(change("aftercall.toml", from, to), plain, "{from} is operation");
    }
    for (file, from, to) in [
        ("aftercall.toml", "America/Chicago", "America/Denver"),
        ("pipelines/front-desk.toml", "in 1 business hour", "in 2 business hours"),
        ("mappings/acme/contact.toml", "caller.phone", "caller.callback_phone"),
        ("mappings/match/person.toml", "accept = 4.3", "accept = 4.4"),
        ("mappings/phone/source.toml", "payload.from", "payload.caller"),
    ] {
        assert_ne!(change(file, from, to), plain, "{from} in {file} is meaning");
    }
}

/// A text of several lines is the same on every system, and so is the version.
#[test]
fn line_ends_inside_of_a_text_do_not_matter() {
    let text = "system = \"acme\"\nobject = \"contact\"\n[fields]\nPhone = \"\"\"\nCall {{caller.phone}}\n  from {{caller.name}}\"\"\"\nEmail = '''\n{{caller.email}}\n'''\n";
    let version = |text: String| version_of(&plain().with("mappings/acme/contact.toml", text));
    assert_eq!(version(text.to_owned()), version(text.replace('\n', "\r\n")));
}

#[test]
fn nesting_has_an_end() {
    for (open, close) in [("(", ")"), ("!", ""), ("[", "]"), ("has(", ")"), ("{{#if outcome}}", "{{/if}}"), ("{{upper (", ")}}")] {
        let value = serde_json::to_string(&format!("{}outcome{}", open.repeat(5000), close.repeat(5000))).unwrap_or_default();
        examine(&plain().with("pipelines/front-desk.toml", format!("name = \"a\"\nconnection = \"crm\"\nwhen = {value}\n")));
        examine(
            &plain().with("mappings/acme/contact.toml", format!("system = \"acme\"\nobject = \"contact\"\n[fields]\nPhone = {value}\n")),
        );
    }
    examine(&plain().with("aftercall.toml", format!("name = {}{}\n", "[".repeat(5000), "]".repeat(5000))));
}
