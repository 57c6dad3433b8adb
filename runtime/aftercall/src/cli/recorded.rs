//! `--calls` on the command line: calls as they were recorded, from the journal or for a file of calls, a page at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aftercall_config::project::Project;
use aftercall_config::resolve::duration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::input::Input;
use crate::journal::{Journal, PlannedCall, PlannedFilter};
use crate::service::Recording;

/// Calls that are read at once.
const PAGE: usize = 128;

/// Which calls.
pub(super) enum Selection {
    /// Those that were received since then.
    Since(Timestamp),
    /// Those that were received since a day, in the project's zone.
    SinceDay(Date),
    /// These, by their whole ids.
    Ids(Vec<String>),
    /// All of them.
    All,
    /// Those of a file; what was read about them comes from the journal.
    File(PathBuf),
}

impl Selection {
    /// Reads `last:7d`, `since:2026-11-01`, `id:...`, `all`, or a file's path.
    ///
    /// Errors: a sentence that says what may be written.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let may = "write `last:7d`, `since:2026-11-01`, `id:CALL,CALL`, `all`, or the path of a file of calls";
        match text.split_once(':') {
            Some(("last", length)) => {
                let since = duration(length).and_then(|length| Timestamp::now().checked_sub(length).ok());
                since.map(Self::Since).ok_or_else(|| format!("`{length}` is no duration: {may}"))
            }
            Some(("since", when)) => {
                let at = when.parse().map(Self::Since).or_else(|_| when.parse().map(Self::SinceDay));
                at.map_err(|_| format!("`{when}` is no day and no time: {may}"))
            }
            Some(("id", ids)) => Ok(Self::Ids(ids.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect())),
            _ if text == "all" => Ok(Self::All),
            _ if std::path::Path::new(text).is_file() || text == "-" => Ok(Self::File(text.into())),
            _ => Err(format!("there is no file `{text}`: {may}")),
        }
    }

    /// Whether the calls come from a file.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Reads the calls in order of arrival, or in the file's, until `each` wants no more.
    ///
    /// Errors: the journal's, and what is wrong with the file. A line of it that is no call is said, and passed over.
    pub(super) async fn read(
        &self,
        project: &Project,
        journal: Option<&dyn Journal>,
        mut each: impl AsyncFnMut(Vec<Recording>) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        if let Self::File(path) = self {
            return of_file(path, project, journal, each).await;
        }
        let Some(journal) = journal else { return Ok(()) };
        let since = match self {
            Self::Since(at) => Some(*at),
            Self::SinceDay(day) => Some(day.to_zoned(zone(project))?.timestamp()),
            _ => None,
        };
        let ids = if let Self::Ids(ids) = self { ids.clone() } else { Vec::new() };
        if let (Self::Ids(_), true) = (self, ids.is_empty()) {
            return Ok(());
        }
        let (mut number, mut after) = (0, None);
        let mut found = Vec::new();
        loop {
            let filter = PlannedFilter { ids: ids.clone(), since, until: None, after, limit: PAGE };
            let page = journal.planned(filter).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.seq);
            if !ids.is_empty() {
                found.extend(page.iter().map(|call| call.id.clone()));
            }
            let page: Vec<Recording> = page.into_iter().filter_map(|call| Recording::of(call, &mut number)).collect();
            if !each(page).await? {
                return Ok(());
            }
        }
        if let Some(missing) = ids.iter().find(|id| !found.contains(id)) {
            anyhow::bail!("the journal has no call `{missing}`; `aftercall calls` lists them");
        }
        Ok(())
    }
}

fn zone(project: &Project) -> TimeZone {
    project.timezone.clone()
}

/// Calls of a file, each with what the journal has of the same call.
async fn of_file(
    path: &std::path::Path,
    project: &Project,
    journal: Option<&dyn Journal>,
    mut each: impl AsyncFnMut(Vec<Recording>) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let calls = Input::of(path.to_owned()).outcomes(project)?;
    let mut number = 0;
    for page in calls.chunks(PAGE) {
        let ids: Vec<String> = page.iter().map(|call| format!("{}:{}", call.source, call.id)).collect();
        let mut known: BTreeMap<String, PlannedCall> = BTreeMap::new();
        if let Some(journal) = journal {
            let filter = PlannedFilter { ids: ids.clone(), limit: PAGE, ..PlannedFilter::default() };
            known = journal.planned(filter).await?.into_iter().map(|call| (call.id.clone(), call)).collect();
        }
        let page = page.iter().zip(&ids).map(|(call, id)| {
            let recording = Recording::with(call.clone(), known.remove(id), number);
            number += 1;
            recording
        });
        if !each(page.collect()).await? {
            break;
        }
    }
    Ok(())
}
