//! The hour: a system is away for sixty minutes of business, or lets nobody in, and the calls go on coming.
//!
//! Not for what a seed draws: nothing else goes wrong here, and what is asked is how many requests it takes.

use std::collections::BTreeMap;
use std::time::Duration;

use aftercall::journal::{CallStatus, Counts, Journal as _};

use crate::Options;
use crate::fate::{Draw, Planned};
use crate::project::Kind;
use crate::rng::Rng;
use crate::run::run_drawn;
use crate::sim::{Sim, caller_of};

/// Calls that come in while it lasts, and shortly before.
const CALLS: usize = 2_000;
/// So many callers: most call once, some several times.
const CALLERS: u64 = 1_200;
/// All is well so long at first, so that there are tokens and work in hand when it begins.
const BEFORE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Fewer requests than this may be sent in vain.
const IN_VAIN: u64 = 200;

/// What is wrong with the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Away,
    Revoked,
}

/// Both troubles, of the system in which callers are looked for and of the other. True: every figure holds.
pub(crate) fn all(options: Options) -> bool {
    let cases = [(Trouble::Away, 0), (Trouble::Away, 1), (Trouble::Revoked, 0), (Trouble::Revoked, 1)];
    let failed = cases.into_iter().filter(|(trouble, system)| !holds(*trouble, *system, options)).count();
    println!("test result: {} passed; {failed} failed", cases.len() - failed);
    failed == 0
}

fn holds(trouble: Trouble, system: usize, options: Options) -> bool {
    let began = std::time::Instant::now();
    let mut rng = Rng::new(options.seed);
    let draw = draw(trouble, system, &mut rng);
    let over = draw.calm_at;
    let (ran, sim) = run_drawn(draw, rng, options.trace);
    if options.trace {
        ran.trace.iter().for_each(|line| println!("{line}"));
    }
    let mut broken = ran.violations;
    let counts = futures_util::future::FutureExt::now_or_never(sim.journal.counts());
    let counts: Counts = counts.and_then(Result::ok).unwrap_or_default();
    let landed = counts.calls.get(&CallStatus::Landed).copied().unwrap_or(0);
    let (accepted, in_vain, last) = {
        let state = sim.state();
        (state.accepted.len(), state.in_vain, state.last_done)
    };
    if (accepted, landed) != (CALLS, CALLS as u64) {
        broken.push(format!("of {CALLS} calls {accepted} were taken in and {landed} landed"));
    }
    if in_vain >= IN_VAIN {
        broken.push(format!("{in_vain} requests in vain; fewer than {IN_VAIN} are allowed"));
    }
    broken.extend(out_of_order(&sim));
    println!(
        "{} {}: {accepted} calls of {} callers taken in, {landed} landed, the last {:.0} s after; {} requests, {in_vain} in vain; {:.1} s",
        ["crm", "second"][system],
        if trouble == Trouble::Away { "away for an hour" } else { "refuses the token for an hour" },
        callers(&sim).len(),
        last.saturating_sub(over).as_secs_f64(),
        ran.requests,
        began.elapsed().as_secs_f64(),
    );
    broken.iter().take(10).for_each(|what| println!("  {}", what.trim()));
    broken.is_empty()
}

/// The world: nothing but this.
fn draw(trouble: Trouble, system: usize, rng: &mut Rng) -> Draw {
    let (from, to) = (BEFORE, BEFORE + HOUR);
    let every = to / u32::try_from(CALLS).unwrap_or(u32::MAX);
    let planned = |number: usize, rng: &mut Rng| Planned {
        number,
        caller: usize::try_from(rng.below(CALLERS)).unwrap_or_default(),
        at: every * u32::try_from(number).unwrap_or(u32::MAX) + rng.ms(0, 1_000),
        follow_up: rng.chance(0.4),
        colour: "",
        again: Vec::new(),
        amended: None,
        patience: 12,
    };
    let window = Some((system, from, to));
    Draw {
        crm: Kind::Marked,
        second: Kind::Marked,
        nodes: 1,
        calls: (0..CALLS).map(|number| planned(number, rng)).collect(),
        rates: Vec::new(),
        crash: 0.0,
        freeze: 0.0,
        journal: 0.0,
        kills: Vec::new(),
        standstills: Vec::new(),
        outage: window.filter(|_| trouble == Trouble::Away),
        revoked: window.filter(|_| trouble == Trouble::Revoked),
        max_lag_ms: 2_000,
        calm_at: to,
    }
}

/// The calls of each caller, in the order in which they were taken in.
fn callers(sim: &Sim) -> BTreeMap<String, Vec<String>> {
    let mut callers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in &sim.state().accepted {
        let name = call.strip_prefix("json:").unwrap_or(call);
        callers.entry(caller_of(call).to_owned()).or_default().push(name.to_owned());
    }
    callers
}

/// Where the caller has a record, the records of his calls were made in the order of the calls, and his own was changed last by the last of
/// them. Not so the notes in the other system: they refer to nothing, so one of which nobody knows whether it is there holds up no other.
fn out_of_order(sim: &Sim) -> Vec<String> {
    let callers = callers(sim);
    let state = sim.state();
    // Ids count up, so that the later record has the higher one.
    let number = |id: &str| id.rsplit('-').next().and_then(|number| number.parse::<u64>().ok());
    let mut broken = Vec::new();
    let logs = state.systems[0].records.values().filter(|record| record.object == "log");
    let made: BTreeMap<&str, Option<u64>> = logs.map(|log| (log.call(), number(&log.id))).collect();
    for (caller, calls) in &callers {
        if !calls.iter().map(|call| made.get(call.as_str()).copied().flatten()).is_sorted() {
            broken.push(format!("the logs of {caller} were not made in the order of its calls: {calls:?}"));
        }
    }
    for contact in state.systems[0].records.values().filter(|record| record.object == "contact") {
        let last = callers.get(caller_of(contact.call())).and_then(|calls| calls.last());
        if last.map(String::as_str) != Some(contact.text("touched_by")) {
            broken.push(format!("{} was changed last by {} and not by {last:?}", contact.id, contact.text("touched_by")));
        }
    }
    broken
}
