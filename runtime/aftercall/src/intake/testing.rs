//! Sources and projects for the tests of this room: small ones written in place, and all that ship.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_config::project::{Project, Source};
use aftercall_config::resolve::load;
use aftercall_config::source::Files;

/// A folder of the repository.
pub(super) fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A project with these sources, each as the text of its `source.toml` and what `aftercall.toml` says of it.
#[track_caller]
pub(super) fn project(sources: &[(&str, &str, &str)]) -> Project {
    let mut head = "name = \"desk\"\ntimezone = \"America/Chicago\"\nphone_region = \"US\"\n".to_owned();
    let mut files = Files::new();
    for (name, manifest, settings) in sources {
        head.push_str(&format!("\n[source.{name}]\n{settings}\n"));
        files.insert(format!("mappings/{name}/source.toml"), *manifest);
    }
    files.insert("aftercall.toml", head);
    let loaded = load(&files);
    let findings = loaded.render(false);
    loaded.project.unwrap_or_else(|| panic!("{findings}"))
}

/// One source, with a secret from the environment variable `SECRET`.
#[track_caller]
pub(super) fn source(manifest: &str) -> Arc<Source> {
    project(&[("desk", manifest, "secret = \"env:SECRET\"")]).sources["desk"].clone()
}

/// Every source that ships.
pub(super) fn shipped() -> BTreeMap<String, Arc<Source>> {
    let texts: Vec<(String, String)> = entries(&folder("mappings"))
        .into_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(path.join("source.toml")).ok()?;
            Some((path.file_name()?.to_string_lossy().into_owned(), text))
        })
        .collect();
    let sources: Vec<(&str, &str, &str)> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str(), "secret = \"env:SECRET\"")).collect();
    project(&sources).sources.into_iter().collect()
}

/// What is in a folder, by name; nothing when it is not there.
pub(super) fn entries(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
