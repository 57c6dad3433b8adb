//! The house, kept by test: what reviewers would otherwise have to look for. Each test names everything that is out of place.
//!
//! Not for behaviour.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{repository, rows, text};

/// A text file of the repository, by its path from the root.
struct File {
    path: String,
    text: String,
}

impl File {
    /// Lines that are neither comment nor doc, with their numbers, from 1; comments behind code are cut off.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code =
            |line: &'_ str| -> usize { if line.trim_start().starts_with("//") { 0 } else { line.find(" //").unwrap_or(line.len()) } };
        self.text.lines().enumerate().map(move |(at, line)| (at + 1, &line[..code(line)]))
    }

    /// The same without unit tests, which stand at the foot of a file.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let foot = lines.windows(2).position(|two| two[0] == "#[cfg(test)]" && two[1].ends_with('{')).unwrap_or(lines.len());
        self.code().take(foot)
    }
}

/// All files below some places whose name ends so. Generated and fetched things are left out.
fn files(places: &[&str], end: &str) -> Vec<File> {
    let mut found = Vec::new();
    for place in places {
        walk(&repository().join(place), &mut |path| {
            let name = path.strip_prefix(repository()).unwrap_or(path).to_string_lossy().replace('\\', "/");
            if name.ends_with(end)
                && let Ok(text) = std::fs::read_to_string(path)
            {
                found.push(File { path: name, text });
            }
        });
    }
    assert!(!found.is_empty(), "nothing ends with {end} in {places:?}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(path: &Path, each: &mut impl FnMut(&Path)) {
    if path.is_file() {
        return each(path);
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && !["target", "node_modules", "state", "snapshots"].iter().any(|skip| entry.file_name() == *skip) {
            walk(&entry.path(), each);
        }
    }
}

/// Rust that ships: without modules that are compiled for tests only.
fn shipped(places: &[&str]) -> Vec<File> {
    let all = files(places, ".rs");
    let mut tests: Vec<String> = Vec::new();
    for file in &all {
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new("")).to_path_buf();
        let own = Path::new(&file.path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let inside = if ["mod", "lib", "main"].contains(&own.as_str()) { folder.clone() } else { folder.join(own) };
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("#[cfg(test)]")) {
            let named = lines[at + 1..].iter().take(2).find_map(|l| l.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
            let module = lines[at + 1..].iter().take(2).chain([line]).find_map(|l| l.split("mod ").nth(1)?.strip_suffix(';'));
            match (named, module) {
                (Some(file), _) => tests.push(folder.join(file).to_string_lossy().into_owned()),
                (None, Some(module)) => {
                    tests.push(inside.join(format!("{module}.rs")).to_string_lossy().into_owned());
                    tests.push(format!("{}/", inside.join(module).to_string_lossy()));
                }
                (None, None) => {}
            }
        }
    }
    let is_test = |path: &str| tests.iter().any(|test| path == test || (test.ends_with('/') && path.starts_with(test.as_str())));
    all.into_iter().filter(|file| !is_test(&file.path)).collect()
}

/// Fails with everything that was found, one a line.
#[track_caller]
fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Places where shipped code says one of these.
fn said(places: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in shipped(places) {
        for (line, code) in file.shipped() {
            found.extend(words.iter().filter(|word| code.contains(**word)).map(|word| format!("{}:{line}: {word}", file.path)));
        }
    }
    found
}

fn manifest(package: &str) -> toml::Table {
    let path = repository().join(package).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_module_says_what_it_is_for() {
    let all = files(&["runtime", "tests"], ".rs");
    let opens = |file: &File| file.text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("//!"));
    none("modules without `//!`", all.iter().filter(|file| !opens(file)).map(|file| file.path.clone()).collect());
}

#[test]
fn nothing_points_up() {
    let rooms = [
        ("config", &[][..]),
        ("plan", &["aftercall-config"]),
        ("sandbox", &[]),
        ("aftercall", &["aftercall-config", "aftercall-plan", "aftercall-sandbox"]),
    ];
    let mut found = Vec::new();
    for (room, allowed) in rooms {
        let manifest = manifest(&format!("runtime/{room}"));
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = manifest.get(table).and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
            found.extend(
                names
                    .filter(|n| n.starts_with("aftercall") && !allowed.contains(&n.as_str()))
                    .map(|n| format!("runtime/{room}/Cargo.toml: {n}")),
            );
        }
        for file in files(&[&format!("runtime/{room}")], ".rs") {
            for (line, code) in file.code() {
                let crates = ["config", "plan", "sandbox"].map(|name| format!("aftercall_{name}::"));
                let names = crates
                    .iter()
                    .filter(|name| code.contains(name.as_str()) && !allowed.iter().any(|a| a.replace('-', "_") + "::" == **name));
                found.extend(
                    names.filter(|name| **name != format!("aftercall_{room}::")).map(|name| format!("{}:{line}: {name}", file.path)),
                );
            }
        }
    }
    none("arrows that point up", found);
}

#[test]
fn each_room_keeps_to_itself() {
    let aftercall = "runtime/aftercall/src";
    let inside = |folder: &str, words: &[&str]| said(&[&format!("{aftercall}/{folder}")], words);
    let outside = |folders: &[&str], words: &[&str]| -> Vec<String> {
        let all = said(&[aftercall], words);
        all.into_iter().filter(|place| !folders.iter().any(|folder| place.starts_with(&format!("{aftercall}/{folder}")))).collect()
    };
    none("SQL outside of the journal", outside(&["journal/"], &["rusqlite::"]));
    none("requests outside of connect", outside(&["connect/"], &["reqwest::"]));
    none("counting that looks up", said(&[&format!("{aftercall}/meters"), &format!("{aftercall}/trace.rs")], &["crate::"]));
    none("the command line below itself", outside(&["cli/", "main.rs"], &["crate::cli"]));
    none("work that looks up", inside("work", &["crate::cli", "crate::view", "crate::intake", "crate::service"]));
    none("connect that looks up", inside("connect", &["crate::work", "crate::journal", "crate::intake", "crate::cli", "crate::service"]));
    none("a journal that looks up", inside("journal", &["crate::work", "crate::connect", "crate::intake", "crate::cli", "crate::service"]));
}

#[test]
fn pure_rooms_are_pure() {
    let words = [
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "tokio",
        "reqwest",
        "rand::",
        "thread_rng",
        "thread::spawn",
        "RandomState",
    ];
    none(
        "config and plan read no file, clock, network, environment or random source",
        said(&["runtime/config/src", "runtime/plan/src"], &words),
    );
}

#[test]
fn the_engine_knows_no_vendor() {
    let vendors = [
        "salesforce",
        "hubspot",
        "pipedrive",
        "zoho",
        "netsuite",
        "clio",
        "dentrix",
        "servicetitan",
        "vapi",
        "retell",
        "elevenlabs",
        "bland",
        "twilio",
        "google",
        "microsoft",
    ];
    let mut found = Vec::new();
    for file in shipped(&["runtime/config/src", "runtime/plan/src", "runtime/aftercall/src"]) {
        if file.path.contains("/cli/demo") {
            continue;
        }
        for (line, code) in file.shipped() {
            let code = code.to_lowercase();
            let words: Vec<&str> = code.split(|c: char| !c.is_ascii_alphanumeric()).collect();
            found.extend(vendors.iter().filter(|vendor| words.contains(vendor)).map(|vendor| format!("{}:{line}: {vendor}", file.path)));
        }
    }
    none("vendors' names in the engine", found);
}

#[test]
fn nothing_is_left_for_later() {
    // In pieces, so that this file does not find itself.
    // A word alone may be a system's own: one has tasks of the type.
    let later = [
        concat!("// TO", "DO"),
        concat!("# TO", "DO"),
        concat!("TO", "DO:"),
        concat!("TO", "DO("),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("unimpl", "emented!"),
        concat!("to", "do!"),
        concat!("dbg", "!("),
    ];
    let waved = [concat!("#[ign", "ore"), concat!("#[should", "_panic"), concat!("#[al", "low("), concat!("#![al", "low(")];
    let mut found = Vec::new();
    for (end, places) in
        [(".rs", &["runtime", "tests"][..]), (".toml", &["runtime", "mappings", "pipelines", "examples"]), (".mjs", &["tests"])]
    {
        for file in files(places, end) {
            for (at, line) in file.text.lines().enumerate() {
                found.extend(
                    later.iter().chain(&waved).filter(|word| line.contains(**word)).map(|word| format!("{}:{}: {word}", file.path, at + 1)),
                );
            }
        }
    }
    none("left for later, or waved through", found);
}

#[test]
fn no_machine_stands_in_a_file() {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("C:\\", "Users")];
    let mut found = Vec::new();
    for end in [".rs", ".toml", ".json", ".md", ".mjs", ".snap", "/run"] {
        for file in files(&["."], end) {
            let texts = [file.text];
            for (at, line) in texts[0].lines().enumerate() {
                found
                    .extend(places.iter().filter(|place| line.contains(**place)).map(|place| format!("{}:{}: {place}", file.path, at + 1)));
            }
        }
    }
    none("paths of a machine", found);
}

#[test]
fn files_are_short_enough_to_read() {
    let long = files(&["runtime", "tests"], ".rs").into_iter().filter(|file| file.text.lines().count() > 700);
    none("files over 700 lines", long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect());
}

#[test]
fn every_code_has_a_page_and_a_fixture() {
    let codes: Vec<&str> = aftercall_config::finding::Code::ALL.iter().map(|code| code.as_str()).collect();
    let mut found = Vec::new();
    for code in &codes {
        match std::fs::read_to_string(repository().join(format!("schema/codes/{code}.md"))) {
            Ok(page) if page.starts_with(&format!("# {code}")) => {}
            Ok(_) => found.push(format!("schema/codes/{code}.md does not begin with `# {code}`")),
            Err(_) => found.push(format!("schema/codes/{code}.md is missing")),
        }
    }
    let pages = files(&["schema/codes"], ".md").into_iter().map(|file| file.path);
    found.extend(
        pages.filter(|path| !codes.iter().any(|code| path.ends_with(&format!("{code}.md")))).map(|path| format!("{path} is of no code")),
    );
    let mut fixtures = String::new();
    walk(&repository().join("tests/fixtures/findings"), &mut |path| fixtures.push_str(&std::fs::read_to_string(path).unwrap_or_default()));
    walk(&repository().join("tests/stories/findings.rs"), &mut |path| {
        fixtures.push_str(&std::fs::read_to_string(path).unwrap_or_default())
    });
    found.extend(
        codes.iter().filter(|code| !fixtures.contains(**code)).map(|code| format!("{code} has no fixture in tests/fixtures/findings")),
    );
    none("findings without a page or a fixture", found);
}

/// `UPDATE=1 cargo test` writes them.
#[test]
fn schemas_are_those_of_the_types() {
    let folder = repository().join("schema");
    let mut files = aftercall::load::schemas();
    files.push(("api/openapi.json".to_owned(), aftercall::web::openapi()));
    if std::env::var_os("UPDATE").is_some() {
        for (name, text) in &files {
            std::fs::write(folder.join(name), text).unwrap_or_else(|e| panic!("writing {name}: {e}"));
        }
    }
    let mut found: Vec<String> = files
        .iter()
        .filter(|(name, text)| std::fs::read_to_string(folder.join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| format!("schema/{name}"))
        .collect();
    walk(&folder, &mut |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".schema.json") && !files.iter().any(|(known, _)| *known == name) {
            found.push(format!("schema/{name} is of no type"));
        }
    });
    none("schemas that differ from the types (UPDATE=1 writes them)", found);
}

/// `UPDATE=1 cargo test` writes it.
#[test]
fn the_page_of_metrics_is_the_list() {
    let (path, page) = (repository().join("schema/metrics.md"), aftercall::meters::page());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap_or_else(|e| panic!("writing {}: {e}", path.display()));
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "schema/metrics.md (UPDATE=1 writes it)");
}

#[test]
fn files_name_their_schema() {
    let mut found = Vec::new();
    for file in files(&["mappings", "pipelines", "examples", "aftercall.toml"], ".toml") {
        let named = file.text.lines().next().and_then(|line| line.strip_prefix("#:schema "));
        let folder: PathBuf = repository().join(&file.path).parent().unwrap_or(Path::new("")).to_path_buf();
        match named {
            // A table of names is data and has no schema of its own.
            None if file.path.contains("/tables/") => {}
            None => found.push(format!("{}: no `#:schema` line", file.path)),
            Some(path) if !folder.join(path).exists() => found.push(format!("{}: {path} is not there", file.path)),
            Some(_) => {}
        }
    }
    none("files that editors cannot check", found);
}

#[test]
fn versions_and_lints_come_from_the_root() {
    let mut found = Vec::new();
    for room in ["config", "plan", "aftercall", "sandbox"] {
        let manifest = manifest(&format!("runtime/{room}"));
        if manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) != Some(true) {
            found.push(format!("runtime/{room}: lints"));
        }
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let own = |value: &toml::Value| value.get("workspace").and_then(toml::Value::as_bool) != Some(true);
            let deps = manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten();
            found.extend(deps.filter(|(_, value)| own(value)).map(|(name, _)| format!("runtime/{room}: {name}")));
        }
    }
    none("dependencies or lints with a mind of their own", found);
}

/// What we may ship: permissive, with the texts that they ask for. CDLA-Permissive is Mozilla's list of roots, which is data.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Whether an SPDX expression leaves us a choice from the list. AND binds closer than OR.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (fits, rest) = any(&words);
    fits && rest.is_empty()
}

fn any<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut fits, mut rest) = all(words);
    while let ["OR", more @ ..] = rest {
        let (right, after) = all(more);
        (fits, rest) = (fits | right, after);
    }
    (fits, rest)
}

fn all<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut fits, mut rest) = one(words);
    while let ["AND", more @ ..] = rest {
        let (right, after) = one(more);
        (fits, rest) = (fits & right, after);
    }
    (fits, rest)
}

fn one<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inside @ ..] => match any(inside) {
            (fits, [")", rest @ ..]) => (fits, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", exception, rest @ ..] => (LICENCES.contains(&format!("{name} WITH {exception}").as_str()), rest),
        [name, rest @ ..] => (LICENCES.contains(name), rest),
        [] => (false, words),
    }
}

#[test]
fn licences_are_on_our_list() {
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(Apache-2.0 OR MIT) AND BSD-3-Clause", true),
        ("", false),
    ] {
        assert_eq!(allowed(expression), expected, "{expression}");
    }
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let said = String::from_utf8_lossy(&rustc.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = Command::new(cargo)
        .args(["metadata", "--offline", "--locked", "--format-version=1", "--filter-platform", host])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let metadata: Value = serde_json::from_slice(&run.stdout).expect("cargo speaks JSON");
    let packages = rows(&metadata, "packages");
    assert!(packages.len() > 50, "only {} packages", packages.len());
    let other = packages.iter().filter(|p| !allowed(text(p, "license")));
    none(
        "licences that are not on our list",
        other.map(|p| format!("{} {}: {}", text(p, "name"), text(p, "version"), p["license"])).collect(),
    );
    // A second TLS stack, or one that needs a C toolchain of its own.
    let unwanted = ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"];
    none(
        "crates that must not come in",
        packages.iter().map(|p| text(p, "name").to_owned()).filter(|name| unwanted.contains(&name.as_str())).collect(),
    );
}
