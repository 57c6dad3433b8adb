//! What a seed has in store: how often what goes wrong, who calls when, and what lies between.

use std::time::Duration;

use crate::project::Kind;
use crate::rng::Rng;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// It is answered.
    Fine,
    /// It is answered at the last moment.
    Slow,
    /// It did not leave.
    NeverSent,
    /// 429, with a time to wait.
    TooFast,
    /// 503 with a code that says that nothing was done.
    Closed,
    /// 423: somebody else writes there.
    Locked,
    /// 500, and nothing was done.
    Broken,
    /// 500, and it was done.
    BrokenAfter,
    /// It never arrived.
    RequestLost,
    /// It was done, and the answer never came.
    AnswerLost,
    /// Nobody listens any more when it is done.
    Late,
    /// It was done, and the answer cannot be read.
    Unreadable,
    /// The token is not good any more.
    TokenExpired,
}

impl Fate {
    pub(crate) const ALL: [Self; 13] = [
        Self::Fine,
        Self::Slow,
        Self::NeverSent,
        Self::TooFast,
        Self::Closed,
        Self::Locked,
        Self::Broken,
        Self::BrokenAfter,
        Self::RequestLost,
        Self::AnswerLost,
        Self::Late,
        Self::Unreadable,
        Self::TokenExpired,
    ];

    /// Whether nobody can know what became of it.
    pub(crate) fn is_ambiguous(self) -> bool {
        matches!(self, Self::Broken | Self::BrokenAfter | Self::RequestLost | Self::AnswerLost | Self::Late | Self::Unreadable)
    }
}

/// A call that will come in.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) number: usize,
    pub(crate) caller: usize,
    pub(crate) at: Duration,
    pub(crate) follow_up: bool,
    pub(crate) colour: &'static str,
    /// When the platform says it again although it was acknowledged.
    pub(crate) again: Vec<Duration>,
    /// When the platform says something else about it.
    pub(crate) amended: Option<Duration>,
    /// Deliveries before the platform gives up.
    pub(crate) patience: u32,
}

/// A seed, drawn.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) crm: Kind,
    pub(crate) second: Kind,
    pub(crate) nodes: usize,
    pub(crate) calls: Vec<Planned>,
    /// Of all requests, by fate.
    pub(crate) rates: Vec<(Fate, f64)>,
    /// Per transaction and per answer.
    pub(crate) crash: f64,
    pub(crate) freeze: f64,
    pub(crate) journal: f64,
    /// Kills and standstills out of the blue, from the beginning.
    pub(crate) kills: Vec<(Duration, usize)>,
    pub(crate) standstills: Vec<(Duration, usize, Duration)>,
    /// When a system is away: which, from, to.
    pub(crate) outage: Option<(usize, Duration, Duration)>,
    /// When a system lets nobody in.
    pub(crate) revoked: Option<(usize, Duration, Duration)>,
    pub(crate) max_lag_ms: u64,
    /// From then on nothing goes wrong any more.
    pub(crate) calm_at: Duration,
}

impl Draw {
    pub(crate) fn of(rng: &mut Rng) -> Self {
        let minute = 60_000;
        // A tenth of the seeds is calm: what only goes wrong in fine weather is seen as well.
        let calm = rng.chance(0.1);
        let callers = 1 + rng.below(4) as usize;
        let mut at = Duration::ZERO;
        let calls = (0..3 + rng.below(8) as usize)
            .map(|number| {
                // In bursts: several of one caller within seconds.
                at += if rng.chance(0.6) { rng.ms(0, 3_000) } else { rng.ms(5_000, 3 * minute) };
                Planned {
                    number,
                    caller: rng.below(callers as u64) as usize,
                    at,
                    follow_up: rng.chance(0.4),
                    colour: rng.pick(&["", "", "red", "octarine"]),
                    again: (0..rng.pick(&[0, 0, 0, 1, 1, 2])).map(|_| rng.ms(500, 5 * minute)).collect(),
                    amended: rng.chance(0.1).then(|| rng.ms(1_000, 4 * minute)),
                    patience: rng.pick(&[1, 3, 12, 12, 12, 12]),
                }
            })
            .collect();
        let rate = |rng: &mut Rng, most: f64| if calm || rng.chance(0.35) { 0.0 } else { most * rng.pick(&[0.2, 0.5, 1.0]) };
        let rates = [
            (Fate::Slow, 0.05),
            (Fate::NeverSent, 0.06),
            (Fate::TooFast, 0.06),
            (Fate::Closed, 0.04),
            (Fate::Locked, 0.03),
            (Fate::Broken, 0.04),
            (Fate::BrokenAfter, 0.04),
            (Fate::RequestLost, 0.05),
            (Fate::AnswerLost, 0.06),
            (Fate::Late, 0.05),
            (Fate::Unreadable, 0.02),
            (Fate::TokenExpired, 0.03),
        ]
        .map(|(fate, most)| (fate, rate(rng, most)))
        .to_vec();
        let nodes = 1 + rng.below(2) as usize;
        let many = |rng: &mut Rng, most: u64| if calm { 0 } else { rng.below(most + 1) };
        let kills = (0..many(rng, 3)).map(|_| (rng.ms(0, 10 * minute), rng.below(nodes as u64) as usize)).collect();
        let standstills =
            (0..many(rng, 3)).map(|_| (rng.ms(0, 10 * minute), rng.below(nodes as u64) as usize, rng.ms(500, 2 * minute))).collect();
        let window = |rng: &mut Rng, longest: u64| {
            let from = rng.ms(0, 4 * minute);
            Some((rng.below(2) as usize, from, from + rng.ms(minute / 2, longest)))
        };
        let outage = if !calm && rng.chance(0.3) { window(rng, 60 * minute) } else { None };
        let revoked = if !calm && rng.chance(0.15) { window(rng, 20 * minute) } else { None };
        let over = |window: Option<(usize, Duration, Duration)>| window.map_or(Duration::ZERO, |(_, _, to)| to);
        let calm_at = (at + Duration::from_secs(12 * 60)).max(over(outage)).max(over(revoked));
        Self {
            crm: rng.pick(&Kind::ALL),
            second: rng.pick(&Kind::ALL),
            nodes,
            calls,
            rates,
            crash: rate(rng, 0.01),
            freeze: rate(rng, 0.01),
            journal: rate(rng, 0.01),
            kills,
            standstills,
            outage,
            revoked,
            max_lag_ms: if calm { 0 } else { rng.pick(&[0, 2_000, 30_000]) },
            calm_at,
        }
    }
}
