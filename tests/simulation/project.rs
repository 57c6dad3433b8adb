//! The project that is simulated: the files in `project/`, for each pair of systems.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aftercall_config::project::Project;
use aftercall_config::resolve;
use aftercall_config::source::Files;

/// How a system knows a record of ours again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A second record with our key becomes the first: `exact`.
    Upserting,
    /// A second record with our key is refused: `exact`.
    Refusing,
    /// Our marker can be looked for: `reconciled`.
    Marked,
    /// Not at all: `ask`.
    Plain,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Upserting, Self::Refusing, Self::Marked, Self::Plain];

    fn name(self) -> &'static str {
        match self {
            Self::Upserting => "upserting",
            Self::Refusing => "refusing",
            Self::Marked => "marked",
            Self::Plain => "plain",
        }
    }

    fn connector(self) -> String {
        let identity = match self {
            Self::Upserting | Self::Refusing => "identity = { kind = \"unique_key\", field = \"key\" }",
            Self::Marked => "identity = { kind = \"marker\", field = \"key\" }",
            Self::Plain => "",
        };
        let upsert = "[write.upsert]\nmethod = \"PUT\"\npath = \"/records/{{object.name}}/by/{{marker}}\"\nbody = \"{{fields}}\"";
        let upsert = if self == Self::Upserting { upsert } else { "" };
        include_str!("project/connector.toml")
            .replace("# identity\n", &format!("{identity}\n"))
            .replace("# upsert\n", &format!("{upsert}\n"))
    }
}

/// A project and what it was read from.
pub(crate) type Loaded = (Arc<Project>, Arc<Files>);

static KNOWN: LazyLock<Mutex<BTreeMap<(Kind, Kind), Loaded>>> = LazyLock::new(Mutex::default);

/// The project of a pair: the CRM's kind, and the second system's. Each is read once.
pub(crate) fn project(crm: Kind, second: Kind) -> Loaded {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry((crm, second)).or_insert_with(|| load(crm, second)).clone()
}

fn load(crm: Kind, second: Kind) -> Loaded {
    let named = |text: &str| text.replace("FIRST", crm.name()).replace("SECOND", second.name());
    let mut files = aftercall::load::shipped();
    files.insert("aftercall.toml", named(include_str!("project/aftercall.toml")));
    files.insert("pipelines/desk.toml", named(include_str!("project/pipeline.toml")));
    for kind in [crm, second] {
        let (name, own) = (kind.name(), |text: &str| text.replace("SYSTEM", kind.name()));
        files.insert(format!("mappings/{name}/connector.toml"), own(&kind.connector()));
        for (object, text) in [
            ("contact", include_str!("project/contact.toml")),
            ("log", include_str!("project/log.toml")),
            ("task", include_str!("project/task.toml")),
            ("note", include_str!("project/note.toml")),
        ] {
            files.insert(format!("mappings/{name}/{object}.toml"), own(text));
        }
    }
    let loaded = resolve::load(&files);
    let findings = loaded.render(false);
    let project = loaded.project.unwrap_or_else(|| panic!("the simulated project does not load:\n{findings}"));
    (Arc::new(project), Arc::new(files))
}

/// A folder with the credentials that the simulated systems take.
pub(crate) fn secrets() -> &'static Path {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["client_id", "client_secret", "refresh_token"] {
            std::fs::write(folder.path().join(name), name).expect("a file in it");
        }
        folder
    });
    FOLDER.path()
}
