//! Many short histories at random: calls come, repeat and change, workers stop between any two steps, leases run out, the
//! process dies. However it goes, in the end every call has landed in its last wording, and nothing was sent twice.
//!
//! The random numbers come from the seed alone, so a seed that fails fails again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    super::{
        super::{
            Accepted, CallStatus, Claim, Claiming, Error, Journal, PlanOutcome, Then, WriteOutcome, WriteState, conformance::support::*,
        },
        SqliteJournal,
    },
    open, options,
};

const WRITES: [&str; 3] = ["contact", "note", "task"];

/// xorshift64*: enough to shuffle with.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }
}

/// Where a worker stands with its claim.
#[derive(Clone, Copy, Debug)]
enum Step {
    Look,
    Plan,
    Intend(usize),
    Send(usize),
    Tell(usize),
    Finish,
}

/// A worker with a lane in its hand, or so it believes.
struct Hand {
    claim: Claim,
    step: Step,
}

/// The other side: what was sent, how often, by call, write and revision.
type World = BTreeMap<(String, &'static str, i64), u32>;

struct Play {
    dice: Dice,
    now: i64,
    world: World,
    hands: Vec<Hand>,
    /// The last wording of each call, as a revision.
    calls: BTreeMap<String, i64>,
}

impl Play {
    async fn arrive(&mut self, journal: &dyn Journal) -> Case {
        let n = self.dice.roll(12);
        let (id, caller) = (format!("call-{n:02}"), n % 4);
        let keys = [format!("phone-{caller}"), format!("mail-{caller}")];
        let keys: Vec<&str> = keys.iter().map(String::as_str).skip(self.dice.roll(2)).take(1 + self.dice.roll(2)).collect();
        let words = ["ended", "analysed", "corrected"][self.dice.roll(3)];
        let wait = if words == "ended" { 40 } else { 0 };
        let arrival = with(arriving(call_saying(&id, &keys, words), self.now), |call| {
            call.provisional = words == "ended";
            call.due_at = at(self.now + wait);
        });
        match accept(journal, arrival).await? {
            Accepted::New { .. } => assert_eq!(self.calls.insert(id, 1), None),
            Accepted::Amended { revision, .. } => assert_eq!(self.calls.insert(id, revision), Some(revision - 1)),
            Accepted::Duplicate { seq } => assert!(seq.is_some() && self.calls.contains_key(&id)),
            Accepted::Kept => unreachable!("only calls arrive"),
        }
        Ok(())
    }

    async fn claim(&mut self, journal: &dyn Journal) -> Case {
        let claiming = Claiming {
            now: at(self.now),
            owner: format!("worker {}", self.dice.roll(3)),
            lease: Duration::from_secs(60),
            max: 1 + self.dice.roll(3),
        };
        for claim in journal.claim(claiming).await? {
            let rivals = self.hands.iter().filter(|hand| hand.claim.guard.lane == claim.guard.lane && hand.claim.until > at(self.now));
            assert_eq!(rivals.count(), 0, "a lane is held twice at {}", self.now);
            assert!(claim.writes.iter().all(|write| write.state != WriteState::Intent));
            self.hands.push(Hand { claim, step: Step::Look });
        }
        Ok(())
    }

    /// One worker takes one step. It is gone when it has finished, or finds that it is a ghost.
    async fn work(&mut self, journal: &dyn Journal) -> Case {
        if self.hands.is_empty() {
            return Ok(());
        }
        let hand = self.hands.swap_remove(self.dice.roll(self.hands.len()));
        match self.advance(journal, &hand).await {
            Ok(Some(step)) => self.hands.push(Hand { step, ..hand }),
            Ok(None) | Err(Error::Fenced { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn advance(&mut self, journal: &dyn Journal, hand: &Hand) -> Result<Option<Step>, Error> {
        let Hand { claim, step } = hand;
        let (now, revision) = (self.now, claim.call.revision);
        let key = |write| (claim.call.id.clone(), write, revision);
        Ok(match *step {
            Step::Look => {
                // What is in doubt is looked for on the other side.
                let mut found = Vec::new();
                for row in claim.writes.iter().filter(|row| row.state == WriteState::Unknown) {
                    let write = WRITES.into_iter().find(|write| *write == row.write).expect("one of ours");
                    let there = self.world.contains_key(&(claim.call.id.clone(), write, row.revision));
                    found.push(into_state(write, if there { WriteState::Applied } else { WriteState::Planned }));
                }
                record(journal, claim, now, found, Then::Keep).await?;
                Some(Step::Plan)
            }
            Step::Plan => {
                let writes = WRITES.iter().map(|id| write(id, WriteState::Planned)).collect();
                match planned(journal, plan(claim, now, writes)).await? {
                    PlanOutcome::Recorded { writes, .. } => {
                        for (outcome, id) in writes.iter().zip(WRITES) {
                            let sent = self.world.contains_key(&key(id));
                            assert_eq!(*outcome, if sent { WriteOutcome::Kept } else { WriteOutcome::Recorded }, "{id}");
                        }
                        Some(Step::Intend(0))
                    }
                    PlanOutcome::Amended { .. } => {
                        journal.release(claim.guard, at(now)).await?;
                        None
                    }
                    PlanOutcome::Fenced => None,
                }
            }
            Step::Intend(n) if n == WRITES.len() => Some(Step::Finish),
            Step::Intend(n) if self.world.contains_key(&key(WRITES[n])) => Some(Step::Intend(n + 1)),
            Step::Intend(n) => {
                record(journal, claim, now, vec![into_state(WRITES[n], WriteState::Intent)], Then::Keep).await?;
                Some(Step::Send(n))
            }
            // The send-guard: not without a lease that outlasts the request.
            Step::Send(_) if claim.until <= at(now) => None,
            Step::Send(n) => {
                *self.world.entry(key(WRITES[n])).or_default() += 1;
                Some(Step::Tell(n))
            }
            Step::Tell(n) => {
                record(journal, claim, now, vec![into_state(WRITES[n], WriteState::Applied)], Then::Keep).await?;
                Some(Step::Intend(n + 1))
            }
            Step::Finish => {
                finish(journal, claim, now, CallStatus::Landed).await?;
                None
            }
        })
    }
}

async fn play(seed: u64) -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = open(folder.path())?;
    let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut play = Play { dice, now: 0, world: World::new(), hands: Vec::new(), calls: BTreeMap::new() };
    for _ in 0..300 {
        match play.dice.roll(100) {
            0..12 => play.arrive(&journal).await?,
            12..22 => play.claim(&journal).await?,
            22..94 => play.work(&journal).await?,
            94..97 => play.now += 7,
            // Long enough for leases to run out under the hands of those that hold them.
            97..99 => play.now += 61,
            _ => {
                drop(journal);
                journal = SqliteJournal::open(options(folder.path()), at(play.now))?;
                // Half of the time the workers go on as if nothing had happened: ghosts, all of them.
                if play.dice.roll(2) == 0 {
                    play.hands.clear();
                } else {
                    play.hands.iter_mut().for_each(|hand| hand.claim.until = at(0));
                }
            }
        }
    }
    // Calm weather: everything that is left gets done.
    while let Some(due) = journal.next_due(at(play.now)).await? {
        play.now = play.now.max(due.duration_since(at(0)).as_secs() + 1);
        play.claim(&journal).await?;
        while !play.hands.is_empty() {
            play.work(&journal).await?;
        }
    }
    for (id, revision) in &play.calls {
        let story = story(&journal, id).await?;
        assert_eq!((story.call.status, story.call.revision), (CallStatus::Landed, *revision), "{id}");
        assert!(story.writes.iter().all(|row| row.state == WriteState::Applied && row.revision == *revision), "{id}");
        let seqs: BTreeSet<_> = story.events.iter().map(|event| event.id).collect();
        assert!(seqs.len() == story.events.len() && story.events.is_sorted_by_key(|event| event.at), "{id}");
        for write in WRITES {
            assert!(play.world.contains_key(&(id.clone(), write, *revision)), "{id} {write} {revision} was not sent");
        }
    }
    let twice: Vec<_> = play.world.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "sent more than once: {twice:?}");
    Ok(())
}

#[tokio::test]
async fn every_history_ends_well() -> Case {
    for seed in 1..=12 {
        if let Err(error) = play(seed).await {
            panic!("seed {seed}: {error}");
        }
    }
    Ok(())
}
