//! What was met: the state that a write was in when it was sent, what became of the request, and what became of the process.

use std::collections::BTreeMap;

use aftercall::journal::WriteState;

use crate::fate::Fate;

/// What became of the process that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Process {
    Lived,
    StoodStill,
    Died,
}

/// Counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage(BTreeMap<(Fate, WriteState, Process), u64>);

/// First attempts, after a certain failure, and after one of which nobody knows.
const BEFORE: [WriteState; 3] = [WriteState::Planned, WriteState::Waiting, WriteState::Unknown];
const PROCESS: [Process; 3] = [Process::Lived, Process::StoodStill, Process::Died];

impl Coverage {
    pub(crate) fn met(&mut self, fate: Fate, before: WriteState, process: Process) {
        *self.0.entry((fate, before, process)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    /// Fates down, states across, each for a process that lived, stood still or died meanwhile.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{:<14}", "sent when");
        for before in BEFORE {
            text += &format!("| {:^29} ", before.word());
        }
        text += &format!("\n{:<14}", "and then");
        for _ in BEFORE {
            text += &format!("| {:>9} {:>9} {:>9} ", "lived", "stood", "died");
        }
        for fate in Fate::ALL {
            text += &format!("\n{:<14}", format!("{fate:?}"));
            for before in BEFORE {
                let count = |process| self.0.get(&(fate, before, process)).copied().unwrap_or(0);
                let [lived, stood, died] = PROCESS.map(count);
                text += &format!("| {lived:>9} {stood:>9} {died:>9} ");
            }
        }
        text
    }

    /// Cells that were never met.
    pub(crate) fn holes(&self) -> usize {
        Fate::ALL.len() * BEFORE.len() * PROCESS.len() - self.0.len()
    }
}
