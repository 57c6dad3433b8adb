//! Looks at platforms' own lists of calls while the service runs: one at a time for each source, whoever asks for it, and each put on record.
//!
//! Not for what is compared and taken in: that is `intake::Backfill`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_config::project::{Listing, Project, Source};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Service, lane_keys};
use crate::connect::ListTime;
use crate::intake::{Backfill, Backfilled, WATCHED, put_into};
use crate::journal::{self, Look};

/// What a look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookFor {
    /// To say what is missing.
    Saying,
    /// To take it in, too.
    Fetching,
}

/// A look that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looking {
    /// What for.
    pub what: LookFor,
    /// When it began.
    pub began_at: Timestamp,
}

/// The looks that go on, by source.
#[derive(Clone, Default)]
pub struct Looks(Arc<Mutex<BTreeMap<String, Looking>>>);

impl Looks {
    /// Those that go on now.
    pub fn now(&self) -> BTreeMap<String, Looking> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins one, unless one goes on.
    fn begin(&self, source: &str, looking: Looking) -> Option<Going> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(source) {
            return None;
        }
        all.insert(source.to_owned(), looking);
        Some(Going { looks: self.clone(), source: source.to_owned(), looking })
    }
}

/// Ends a look when it is dropped, also where it fell over.
struct Going {
    looks: Looks,
    source: String,
    looking: Looking,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.looks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.source);
    }
}

/// What keeps a source's list from being read, in a sentence that says what to write.
#[derive(Debug, thiserror::Error)]
pub enum NoList {
    /// The project has no such source.
    #[error("the project names no source {0}")]
    NoSource(String),
    /// It has no list.
    #[error("{title} has no list of calls that could be read: `mappings/{name}/source.toml` has no `[list]`")]
    NoneDeclared {
        /// The platform's name.
        title: String,
        /// The source.
        name: String,
    },
    /// There are no credentials.
    #[error("{title} wants credentials for its list of calls: write `auth = {{ {auth} }}` under `[source.{name}]`")]
    NoCredentials {
        /// The platform's name.
        title: String,
        /// The source.
        name: String,
        /// What to write.
        auth: String,
    },
}

/// A source's list, where it can be read. Errors: what keeps it from that.
pub fn list_of<'p>(project: &'p Project, name: &str) -> Result<(&'p Source, &'p Listing), NoList> {
    let source = project.sources.get(name).ok_or_else(|| NoList::NoSource(name.to_owned()))?;
    let (title, name) = (source.title.clone(), name.to_owned());
    let Some(list) = &source.list else { return Err(NoList::NoneDeclared { title, name }) };
    if list.account.grant.is_none()
        && let Some(way) = list.decl.auth.first()
    {
        let auth: Vec<String> = way.needs.iter().map(|need| format!("{need} = \"env:NAME\"")).collect();
        return Err(NoList::NoCredentials { title, name, auth: auth.join(", ") });
    }
    Ok((source, list))
}

/// What came of asking for a look.
#[derive(Debug)]
pub enum Looked {
    /// One goes on already.
    UnderWay,
    /// What it found and did; with why it did not come to its end.
    Done(Box<Backfilled>, Option<String>),
}

impl Service {
    /// Looks at a source's list, and waits for the end. Puts on record that it began and what came of it. `tries` is as in [`Backfill::tries`].
    ///
    /// Errors: what keeps the list from being read, or the journal that cannot take the record. A platform that fails is no error: it is put on record.
    pub async fn look(&self, name: &str, time: ListTime, what: LookFor, tries: u32, stop: &CancellationToken) -> Result<Looked, LookError> {
        list_of(&self.versions.live(), name)?;
        match self.looks.begin(name, Looking { what, began_at: Timestamp::now() }) {
            Some(going) => self.go_on(going, time, tries, stop).await,
            None => Ok(Looked::UnderWay),
        }
    }

    /// Begins a look and does not wait for it. Gives whether it began: one may go on already.
    ///
    /// Errors: what keeps the list from being read.
    pub fn start_look(self: &Arc<Self>, name: &str, time: ListTime, what: LookFor, stop: CancellationToken) -> Result<bool, NoList> {
        list_of(&self.versions.live(), name)?;
        let Some(going) = self.looks.begin(name, Looking { what, began_at: Timestamp::now() }) else { return Ok(false) };
        let (service, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            match service.go_on(going, time, WATCHED, &stop).await {
                Ok(Looked::Done(_, None) | Looked::UnderWay) => {}
                Ok(Looked::Done(_, Some(trouble))) => {
                    tracing::warn!(source = %name, trouble, "the platform's list of calls was not read to its end");
                }
                Err(error) => tracing::warn!(source = %name, %error, "a look at the platform's list of calls could not be put on record"),
            }
        });
        Ok(true)
    }

    async fn go_on(&self, going: Going, time: ListTime, tries: u32, stop: &CancellationToken) -> Result<Looked, LookError> {
        let (name, Looking { what, began_at }) = (going.source.clone(), going.looking);
        let project = self.versions.live();
        let (source, list) = list_of(&project, &name)?;
        let begun = Look { source: name.clone(), since: time.since, until: time.until, began_at, now: began_at, end: None };
        self.upkeep.look_put(begun).await?;
        let keys = |call: &_| lane_keys(&project, call);
        let put = (what == LookFor::Fetching).then(|| put_into(self.journal.clone()));
        let (reader, journal) = (self.connections.reader(), Some(self.journal.as_ref()));
        let backfill = Backfill { project: &project, source, list, reader: &reader, journal, put, tries, lane_keys: &keys };
        let mut found = Backfilled::default();
        let trouble = backfill.run(time, began_at, stop, &mut found).await.err().map(|error| error.to_string());
        // Before it is told: whoever hears of it may look again.
        drop(going);
        self.upkeep.look_put(found.look(&name, time, began_at, Timestamp::now(), &project.timezone, trouble.clone())).await?;
        Ok(Looked::Done(Box::new(found), trouble))
    }
}

/// A look that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// There is no list that could be read.
    #[error(transparent)]
    NoList(#[from] NoList),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}
