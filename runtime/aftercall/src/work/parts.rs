//! A project's files as the journal keeps them: in parts, so that two versions share what they have in common.
//!
//! Not for what a version means, nor for which one is at work: that is `versions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercall_config::project::Project;
use aftercall_config::source::Files;
use sha2::{Digest as _, Sha256};

use crate::journal::ConfigPart;

/// So many parts a large project has. A change of one file keeps one part anew, and the list of all of them.
const PARTS: usize = 256;

/// The parts of the last version, so that those that did not change are not made again.
#[derive(Default)]
pub struct Parts(BTreeMap<usize, Made>);

/// Path and text.
type File = (Arc<str>, Arc<str>);

struct Made {
    files: Vec<File>,
    part: ConfigPart,
}

impl Parts {
    /// The parts of the files that a project's meaning comes from.
    pub fn of(&mut self, project: &Project, files: &Files) -> Vec<ConfigPart> {
        let mut sorted: BTreeMap<usize, Vec<File>> = BTreeMap::new();
        for path in &*project.files {
            if let Some(text) = files.get(path) {
                sorted.entry(place(path)).or_default().push((path.clone(), text.clone()));
            }
        }
        self.0.retain(|place, _| sorted.contains_key(place));
        for (place, files) in sorted {
            let same = |made: &Made| {
                let pairs = made.files.iter().zip(&files);
                made.files.len() == files.len() && { pairs }.all(|((path, text), (other, new))| path == other && Arc::ptr_eq(text, new))
            };
            if !self.0.get(&place).is_some_and(same) {
                let part = part(&files);
                self.0.insert(place, Made { files, part });
            }
        }
        self.0.values().map(|made| made.part.clone()).collect()
    }
}

/// Which part a file belongs to: FNV-1a of its path, so that it is the same in every version.
fn place(path: &str) -> usize {
    let hash = path.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 16) as usize % PARTS
}

/// Files as one JSON text, under its own SHA-256.
fn part(files: &[File]) -> ConfigPart {
    let files: BTreeMap<&str, &str> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    let text = serde_json::to_string(&files).unwrap_or_default();
    let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    ConfigPart { digest: digest.into(), text: text.into() }
}

/// The files of a version's parts; `None` where one cannot be read.
pub fn files_of(parts: &[String]) -> Option<Files> {
    let mut all = Files::new();
    for part in parts {
        let files: BTreeMap<String, String> = serde_json::from_str(part).ok()?;
        files.into_iter().for_each(|(path, text)| all.insert(path, text));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &Files) -> Project {
        aftercall_config::resolve::load(files).project.expect("a project")
    }

    fn texts(parts: &[ConfigPart]) -> Vec<String> {
        parts.iter().map(|part| part.text.to_string()).collect()
    }

    #[test]
    fn versions_share_their_parts() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/front-desk");
        let (files, _) = crate::load::files(&folder);
        let mut parts = Parts::default();
        let one = parts.of(&project(&files), &files);
        let path = "pipelines/front-desk.toml";
        let changed = files.clone().with(path, format!("{}\n# said\n", files.get(path).expect("a pipeline")));
        let changed_project = project(&changed);
        let two = parts.of(&changed_project, &changed);
        assert_eq!(two, Parts::default().of(&changed_project, &changed), "what is known changes nothing");
        let new: Vec<&ConfigPart> = two.iter().filter(|part| !one.contains(part)).collect();
        assert_eq!(new.len(), 1, "one file is in one part");
        let kept = files_of(&texts(&two)).expect("files");
        assert!(changed_project.files.iter().all(|path| kept.get(path) == changed.get(path)));
        assert_eq!(kept.iter().count(), changed_project.files.len());
        assert_eq!(project(&kept).version, changed_project.version);
        assert!(files_of(&["[]".to_owned()]).is_none());
    }
}
