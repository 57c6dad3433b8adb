//! One life of a node, from its start to its kill, and the moments in it at which something may happen to it.

use std::sync::Arc;

use tokio::time::sleep_until;

use crate::node::Control;
use crate::sim::Sim;

/// One process.
pub(crate) struct Process {
    /// Counts all processes of the seed.
    pub(crate) number: u64,
    pub(crate) control: Arc<Control>,
    pub(crate) sim: Arc<Sim>,
}

impl Process {
    /// Between two steps: others get their turn, or the process stands still here, or dies here.
    pub(crate) async fn moment(&self, place: &str) {
        if !self.sim.goes_on() {
            std::future::pending::<()>().await;
        }
        // What a process has given to the runtime itself stops and dies with it as well.
        while let Some(until) = self.control.frozen_until() {
            sleep_until(until).await;
        }
        if self.control.is_dead() {
            std::future::pending::<()>().await;
        }
        if self.sim.crashes() {
            self.sim.trace(|| format!("{} dies: {place}", self.number));
            self.control.crash();
            std::future::pending::<()>().await;
        }
        if let Some(time) = self.sim.freezes() {
            self.sim.trace(|| format!("{} stands still for {} ms: {place}", self.number, time.as_millis()));
            self.control.freeze(time);
        }
        tokio::task::yield_now().await;
    }
}
