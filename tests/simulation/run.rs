//! One seed, from the first call to the last check.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercall::connect::{Connections, MemoryTokens, TokenStore};
use aftercall::journal::{CallStatus, Journal};
use aftercall::work::{Versions, Worker};
use aftercall_config::project::Project;
use aftercall_config::source::Files;
use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::check;
use crate::coverage::Coverage;
use crate::fate::Draw;
use crate::node::{Control, Node};
use crate::person;
use crate::platform::{self, Told};
use crate::process::Process;
use crate::project::{project, secrets};
use crate::rng::Rng;
use crate::sim::Sim;
use crate::store::Store;
use crate::wire::Wire;

/// The longest rest of a worker: nobody writes into its journal from beside.
const REST: Duration = Duration::from_secs(600);
/// How long everything may take to come to rest once nothing goes wrong any more.
const SETTLING: Duration = Duration::from_secs(4 * 3600);

/// What came of a seed.
pub(crate) struct Ran {
    pub(crate) violations: Vec<String>,
    /// The trace's digest.
    pub(crate) digest: String,
    pub(crate) trace: Vec<String>,
    pub(crate) coverage: Coverage,
    pub(crate) requests: u64,
    pub(crate) draw: Draw,
}

/// All nodes of a seed.
pub(crate) struct Fleet {
    pub(crate) sim: Arc<Sim>,
    pub(crate) project: Arc<Project>,
    files: Arc<Files>,
    tokens: Arc<dyn TokenStore>,
    /// The process that each node runs now.
    running: Mutex<Vec<Option<Arc<Process>>>>,
    started: Mutex<u64>,
}

impl Fleet {
    /// A process that answers, if one runs.
    pub(crate) fn someone(&self) -> Option<Arc<Process>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let alive: Vec<&Arc<Process>> = running.iter().flatten().filter(|process| !process.control.is_dead()).collect();
        if alive.is_empty() {
            return None;
        }
        let at = self.sim.state().rng.below(alive.len() as u64) as usize;
        alive.get(at).map(|process| Arc::clone(process))
    }

    fn put(&self, node: usize, process: Option<Arc<Process>>) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)[node] = process;
    }

    fn process(&self, node: usize) -> Option<Arc<Process>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)[node].clone()
    }

    /// One node: started again whenever it was killed.
    async fn keep_running(self: Arc<Self>, node: usize) {
        loop {
            let number = {
                let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
                *started += 1;
                *started
            };
            let process = Arc::new(Process { number, control: Arc::new(Control::default()), sim: self.sim.clone() });
            self.sim.trace(|| format!("{number} starts as node {node}"));
            let fleet = self.clone();
            let here = process.clone();
            process.control.spawn(Box::pin(async move { fleet.main(here).await }));
            self.put(node, Some(process.clone()));
            Node::new(process.control.clone()).await;
            self.put(node, None);
            self.sim.state().killed.push(number);
            self.sim.deafen(number);
            let down = if self.sim.is_calm() { Duration::from_secs(1) } else { self.sim.state().rng.ms(200, 90_000) };
            sleep(down).await;
            if self.draw_nodes() == 1 {
                // Alone it owns the file, and takes it over at once.
                let now = self.sim.now();
                for lease in self.sim.state().leases.values_mut() {
                    lease.until = Timestamp::UNIX_EPOCH;
                }
                self.sim.journal.reopen(now).expect("a journal in memory opens");
                self.sim.tell_ready();
            }
        }
    }

    fn draw_nodes(&self) -> usize {
        self.sim.draw.nodes
    }

    /// What a process runs.
    async fn main(&self, process: Arc<Process>) {
        let sim = process.sim.clone();
        let journal: Arc<dyn Journal> = Arc::new(Store(process.clone()));
        let connections = Connections::new(Arc::new(Wire(process.clone())), secrets(), self.tokens.clone());
        let versions = loop {
            match Versions::new(self.project.clone(), &self.files, journal.clone(), sim.now()).await {
                Ok(versions) => break versions,
                // It does not start on a journal that fails; whoever keeps it running starts it again.
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        };
        let clock = {
            let sim = sim.clone();
            Arc::new(move || sim.now())
        };
        let control = process.control.clone();
        let worker = Worker::new(journal, connections, versions, clock, format!("process {}", process.number))
            .carried_by(Arc::new(move |task| control.spawn(task)), REST);
        Arc::new(worker).run(&CancellationToken::new(), false).await;
    }
}

/// Runs a seed. `telling` keeps the trace's lines.
pub(crate) fn run(seed: u64, telling: bool) -> Ran {
    let mut rng = Rng::new(seed);
    let draw = Draw::of(&mut rng);
    run_drawn(draw, rng, telling).0
}

/// Runs a world that is drawn already. Gives the world as well, as it is at the end.
pub(crate) fn run_drawn(draw: Draw, rng: Rng, telling: bool) -> (Ran, Arc<Sim>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(simulate(draw, rng, telling))
}

async fn simulate(draw: Draw, mut rng: Rng, telling: bool) -> (Ran, Arc<Sim>) {
    let (project, files) = project(draw.crm, draw.second);
    let sim = Sim::new(draw.clone(), rng.fork(1), telling);
    let fleet = Arc::new(Fleet {
        sim: sim.clone(),
        project,
        files,
        tokens: Arc::new(MemoryTokens::default()),
        running: Mutex::new(vec![None; draw.nodes]),
        started: Mutex::new(0),
    });
    for node in 0..draw.nodes {
        drop(tokio::spawn(fleet.clone().keep_running(node)));
    }
    for (at, node) in draw.kills.clone() {
        let fleet = fleet.clone();
        drop(tokio::spawn(async move {
            sleep(at).await;
            fleet.process(node).inspect(|process| process.control.crash());
        }));
    }
    for (at, node, time) in draw.standstills.clone() {
        let fleet = fleet.clone();
        drop(tokio::spawn(async move {
            sleep(at).await;
            fleet.process(node).inspect(|process| process.control.freeze(time));
        }));
    }
    let deliveries: Vec<_> = draw.calls.iter().map(|planned| tokio::spawn(platform::deliver(fleet.clone(), planned.clone()))).collect();
    let mut told: Vec<Told> = Vec::new();
    for delivery in deliveries {
        told.extend(delivery.await);
    }
    let settled = settle(&sim).await;
    if !settled {
        sim.violation("something still waits hours after the last fault");
    }
    if !sim.is_stuck() {
        check::all(&sim, &told).await;
    }
    let (digest, trace) = sim.traced();
    let mut state = sim.state();
    let mut coverage = std::mem::take(&mut state.coverage);
    check::cover(&state, &mut coverage);
    let requests = state.requests;
    drop(state);
    (Ran { violations: sim.violations(), digest, trace, coverage, requests, draw }, sim)
}

/// Lets everything come to rest, with a person who looks after what waits for one.
async fn settle(sim: &Arc<Sim>) -> bool {
    let mut calm = Duration::ZERO;
    let mut interventions = std::collections::BTreeMap::new();
    while calm < SETTLING {
        let pause = Duration::from_secs(90);
        sleep(pause).await;
        if sim.is_stuck() {
            return true;
        }
        let busy = person::look(sim, &mut interventions).await;
        if sim.is_calm() {
            calm += pause;
            let counts = sim.journal.counts().await.expect("the journal counts");
            let waiting = counts.calls.get(&CallStatus::Waiting).copied().unwrap_or(0);
            if waiting == 0 && !busy && sim.state().on_their_way == 0 {
                return true;
            }
        }
    }
    false
}
