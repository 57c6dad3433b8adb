//! The kill test: `tests/chaos --kills N --seed S`.
//!
//! The real service against stand-ins in a process of their own. A platform delivers calls and repeats whatever was not acknowledged; the
//! service is killed by SIGKILL at drawn moments and started again on the same journal; answers are dropped after the commit, writes are
//! applied late, the index lags. At the end the stand-ins' records are held against the calls: nothing lost, nothing there twice, every field
//! right, for every guarantee level. A failure names the calls and keeps the journal.
//!
//! Not for one fault at a time: that is `tests/stories`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report goes to stdout, a failure to stderr")]

mod arena;
mod books;
mod level;
mod person;
mod platform;
#[expect(dead_code, unused_imports, reason = "the stories use the rest")]
#[path = "../stories/support/mod.rs"]
mod support;

use std::process::ExitCode;

use level::{LEVELS, Report};

/// What is asked for.
struct Asked {
    kills: usize,
    seed: u64,
    levels: Vec<&'static level::Level>,
}

const USAGE: &str = "usage: tests/chaos [--kills N] [--seed S] [--level NAME]...";

fn asked() -> Result<Asked, String> {
    let mut asked = Asked { kills: 500, seed: 1, levels: Vec::new() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--kills" => asked.kills = value()?.parse().map_err(|e| format!("--kills: {e}"))?,
            "--seed" => asked.seed = value()?.parse().map_err(|e| format!("--seed: {e}"))?,
            "--level" => {
                let name = value()?;
                let names: Vec<&str> = LEVELS.iter().map(|level| level.name).collect();
                let level = LEVELS.iter().find(|level| level.name == name);
                asked.levels.push(level.ok_or_else(|| format!("there is no level {name}; there is: {}", names.join(", ")))?);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    if asked.levels.is_empty() {
        asked.levels = LEVELS.iter().collect();
    }
    Ok(asked)
}

fn main() -> ExitCode {
    let Asked { kills, seed, levels } = match asked() {
        Ok(asked) => asked,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    println!("{kills} kills, seed {seed}");
    let began = std::time::Instant::now();
    let count = levels.len();
    let reports: Vec<(&str, Option<Report>)> = std::thread::scope(|threads| {
        let share = |n: usize| kills / count + usize::from(n < kills % count);
        let running: Vec<_> =
            levels.iter().enumerate().map(|(n, level)| (level.name, threads.spawn(move || level.run(share(n), seed)))).collect();
        running.into_iter().map(|(name, thread)| (name, thread.join().ok())).collect()
    });
    let mut sound = true;
    for (name, report) in &reports {
        let fine = report.as_ref().is_some_and(Report::is_sound);
        sound &= fine;
        println!("{} - chaos: {name}", if fine { "ok" } else { "not ok" });
        match report {
            Some(report) => print!("{report}"),
            None => println!("  it came to no end; see above"),
        }
    }
    let all = |count: fn(&Report) -> usize| reports.iter().filter_map(|(_, report)| report.as_ref()).map(count).sum::<usize>();
    println!(
        "{} kills, {} calls, {} requests: {} lost, {} there twice, {} not right; {:.0} s, seed {seed}",
        all(|r| r.kills),
        all(|r| r.calls),
        all(|r| r.requests),
        all(|r| r.audit.lost.len()),
        all(|r| r.audit.doubled.len()),
        all(|r| r.audit.wrong.len()),
        began.elapsed().as_secs_f64()
    );
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
