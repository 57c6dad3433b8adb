//! How requests to each connection went over time, for people: how long answers took, and which errors there were. By the minute for the last hour, by
//! the half hour for the last day. After a restart it begins anew, and says since when it knows.
//!
//! Not for alerts, which count in `recent`, nor for `/metrics`: whoever scrapes keeps the past longer than we do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Steps of a duration to the next longer class: eight to an octave, so what is told is at most a tenth too long.
const STEPS_OF_OCTAVE: f64 = 8.0;

/// How finely time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// The last hour, by the minute.
    Minute,
    /// The last day, by the half hour.
    HalfHour,
}

impl Grain {
    /// The length of one slot.
    pub fn step(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(60),
            Self::HalfHour => Duration::from_secs(1800),
        }
    }

    /// How many slots there are; the last is the one that is not over.
    pub fn slots(self) -> usize {
        match self {
            Self::Minute => 60,
            Self::HalfHour => 48,
        }
    }
}

/// What happened in one stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// How long ago it began.
    pub ago: Duration,
    /// Requests that were sent, answered or not.
    pub requests: u64,
    /// Half of the answers took at most so long; absent where there was none.
    pub p50: Option<Duration>,
    /// Of a hundred, ninety-five took at most so long.
    pub p95: Option<Duration>,
    /// Of a hundred, ninety-nine took at most so long.
    pub p99: Option<Duration>,
    /// Failures by the class of the error.
    pub errors: BTreeMap<&'static str, u64>,
}

/// Counts of one slot: durations by their class, failures by theirs. Few of either occur, so it is small.
#[derive(Default)]
struct Cell {
    number: u64,
    took: BTreeMap<u16, u64>,
    errors: BTreeMap<&'static str, u64>,
}

impl Cell {
    fn requests(&self) -> u64 {
        self.took.values().sum()
    }

    /// The duration that this share of all does not go beyond.
    fn quantile(&self, share: f64) -> Option<Duration> {
        let all = self.requests();
        // Counts are far below 2^52, so nothing is lost.
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank among counts")]
        let rank = ((all as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        self.took
            .iter()
            .find(|(_, count)| {
                seen += *count;
                seen >= rank
            })
            .map(|(class, _)| upper(*class))
    }
}

/// The class of a duration: the number of steps above a millisecond.
fn class(took: Duration) -> u16 {
    let steps = (took.as_secs_f64() * 1000.0).max(1.0).log2() * STEPS_OF_OCTAVE;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 65535")]
    let class = steps.ceil().min(f64::from(u16::MAX)) as u16;
    class
}

/// The longest duration of a class.
fn upper(class: u16) -> Duration {
    Duration::try_from_secs_f64((f64::from(class) / STEPS_OF_OCTAVE).exp2() / 1000.0).unwrap_or(Duration::MAX)
}

/// The slots of one connection, in both grains.
#[derive(Default)]
struct Past {
    minutes: VecDeque<Cell>,
    half_hours: VecDeque<Cell>,
}

impl Past {
    fn cells(&mut self, grain: Grain) -> &mut VecDeque<Cell> {
        match grain {
            Grain::Minute => &mut self.minutes,
            Grain::HalfHour => &mut self.half_hours,
        }
    }
}

/// What is known of all connections.
pub struct Course {
    since: Instant,
    all: Mutex<BTreeMap<String, Past>>,
}

/// The process's own.
pub fn course() -> &'static Course {
    static COURSE: LazyLock<Course> = LazyLock::new(Course::default);
    &COURSE
}

impl Default for Course {
    fn default() -> Self {
        Self { since: Instant::now(), all: Mutex::default() }
    }
}

impl Course {
    /// For how long it has been counting.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// A request was sent, and so long after it there was an answer, or nobody waited for one any more.
    pub fn took(&self, connection: &str, took: Duration) {
        self.note(connection, |cell| *cell.took.entry(class(took)).or_default() += 1);
    }

    /// A request failed so. `class` is the word of an error class.
    pub fn failed(&self, connection: &str, class: &'static str) {
        self.note(connection, |cell| *cell.errors.entry(class).or_default() += 1);
    }

    fn note(&self, connection: &str, count: impl Fn(&mut Cell)) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let age = self.age();
        if !all.contains_key(connection) {
            // Connections come and go with the config; whose day is over is forgotten.
            let day = age.as_secs() / Grain::HalfHour.step().as_secs();
            all.retain(|_, past| past.half_hours.back().is_some_and(|cell| cell.number + Grain::HalfHour.slots() as u64 > day));
        }
        let past = all.entry(connection.to_owned()).or_default();
        for grain in [Grain::Minute, Grain::HalfHour] {
            let number = age.as_secs() / grain.step().as_secs();
            let cells = past.cells(grain);
            if cells.back().is_none_or(|cell| cell.number < number) {
                cells.push_back(Cell { number, ..Cell::default() });
            }
            while cells.len() > grain.slots() {
                cells.pop_front();
            }
            if let Some(cell) = cells.back_mut() {
                count(cell);
            }
        }
    }

    /// The slots of a connection, the oldest first, also those in which nothing happened. As many as the grain has.
    pub fn of(&self, connection: &str, grain: Grain) -> Vec<Slot> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (age, step) = (self.age(), grain.step());
        let last = age.as_secs() / step.as_secs();
        let mut none = VecDeque::new();
        let cells = all.get_mut(connection).map_or(&mut none, |past| past.cells(grain));
        (0..grain.slots() as u64)
            .rev()
            .map(|back| {
                let since_then = age.saturating_sub(Duration::from_secs(last * step.as_secs()));
                let ago = since_then + step * u32::try_from(back).unwrap_or(u32::MAX);
                let cell = last.checked_sub(back).and_then(|number| cells.iter().find(|cell| cell.number == number));
                cell.map_or_else(
                    || Slot { ago, ..Slot::default() },
                    |cell| Slot {
                        ago,
                        requests: cell.requests(),
                        p50: cell.quantile(0.5),
                        p95: cell.quantile(0.95),
                        p99: cell.quantile(0.99),
                        errors: cell.errors.clone(),
                    },
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_past_is_told_slot_by_slot() {
        let course = Course::default();
        for ms in 1..=100 {
            course.took("crm", Duration::from_millis(ms * 10));
        }
        course.failed("crm", "invalid");
        tokio::time::advance(Duration::from_secs(90)).await;
        course.took("crm", Duration::from_secs(4));
        course.failed("crm", "timeout");
        course.failed("crm", "timeout");
        let slots = course.of("crm", Grain::Minute);
        assert_eq!(slots.len(), 60);
        let (first, last) = (&slots[58], &slots[59]);
        assert_eq!((first.ago, first.requests, first.errors.get("invalid")), (Duration::from_secs(90), 100, Some(&1)));
        for (told, ms) in [(first.p50, 500), (first.p95, 950), (first.p99, 990)] {
            let told = told.expect("there were answers").as_millis();
            assert!(told >= ms && told <= ms * 11 / 10, "{told} for {ms}");
        }
        assert_eq!((last.ago, last.requests, last.errors.get("timeout")), (Duration::from_secs(30), 1, Some(&2)));
        assert!(slots[..58].iter().all(|slot| slot.requests == 0 && slot.p50.is_none()));
        let day = course.of("crm", Grain::HalfHour);
        assert_eq!((day.len(), day[47].requests, day[47].errors.len()), (48, 101, 2));
        assert!(course.of("calendar", Grain::Minute).iter().all(|slot| slot.requests == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_and_who_is_gone_is_forgotten() {
        let course = Course::default();
        course.took("crm", Duration::from_millis(5));
        course.took("gone", Duration::from_millis(5));
        for _ in 0..200 {
            tokio::time::advance(Duration::from_secs(1000)).await;
            course.took("crm", Duration::from_millis(5));
        }
        course.took("another", Duration::from_millis(5));
        let all = course.all.lock().expect("a lock");
        assert_eq!(all.keys().collect::<Vec<_>>(), ["another", "crm"]);
        assert_eq!((all["crm"].minutes.len(), all["crm"].half_hours.len()), (60, 48));
    }
}
