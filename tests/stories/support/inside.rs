//! The service from the inside: its rooms put together as `aftercall run` does, with a clock and a wire of the story's own.
//!
//! For what no process can be told from outside; everything else goes through the binary.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aftercall::connect::{Connections, MemoryTokens, Transport};
use aftercall::intake::take;
use aftercall::journal::{CallFilter, CallStatus, CallSummary, Journal, SqliteJournal, SqliteOptions, Story};
use aftercall::work::{Clock, Versions, Worker};
use aftercall::{load, service};
use aftercall_config::project::Project;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// The rooms.
pub(crate) struct Inside {
    pub(crate) project: Arc<Project>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) connections: Connections,
    worker: Arc<Worker>,
    clock: Clock,
}

impl Inside {
    /// Opens the project in a folder.
    pub(crate) async fn open(root: &Path, transport: Arc<dyn Transport>, clock: Clock) -> Self {
        let (loaded, files) = load::project(root);
        let findings = loaded.render(false);
        let project = Arc::new(loaded.project.unwrap_or_else(|| panic!("{findings}")));
        let options = SqliteOptions::at(root.join(&project.store_path));
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(options, clock()).expect("a journal"));
        let connections = Connections::new(transport, root, Arc::new(MemoryTokens::default()));
        let versions = Versions::new(project.clone(), &files, journal.clone(), clock()).await.expect("the journal takes the config");
        let worker = Worker::new(journal.clone(), connections.clone(), versions, clock.clone(), "a story".to_owned());
        Self { project, journal, connections, worker: Arc::new(worker), clock }
    }

    /// Takes in a call in our own form, as the endpoint would.
    pub(crate) async fn take(&self, call: &Value) {
        let keys = |outcome: &_| service::lane_keys(&self.project, outcome);
        let taken = take(&self.project, &self.project.sources["json"], call.to_string().into_bytes(), (self.clock)(), &keys);
        self.journal.accept(vec![taken.arrival]).await.expect("the journal takes it");
    }

    /// Works until no call waits any more, or patience is over. All calls.
    pub(crate) async fn settle(&self, patience: Duration) -> Vec<CallSummary> {
        let stop = CancellationToken::new();
        let working = tokio::spawn({
            let (worker, stop) = (self.worker.clone(), stop.clone());
            async move { worker.run(&stop, false).await }
        });
        let end = tokio::time::Instant::now() + patience;
        let calls = loop {
            let calls = self.journal.calls(CallFilter { limit: 10_000, ..CallFilter::default() }).await.expect("the journal answers");
            if calls.iter().all(|call| call.status != CallStatus::Waiting) || tokio::time::Instant::now() >= end {
                break calls;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        stop.cancel();
        working.await.expect("the worker ends");
        calls
    }

    /// One call's story.
    pub(crate) async fn story(&self, id: &str) -> Story {
        self.journal.call(id.to_owned()).await.expect("the journal answers").unwrap_or_else(|| panic!("there is no call {id}"))
    }
}
