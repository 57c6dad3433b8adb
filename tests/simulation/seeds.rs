//! Many seeds, on as many threads as there are processors; and what is said about them at the end.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use aftercall::plant::plant;

use crate::Options;
use crate::coverage::Coverage;
use crate::run::{Ran, run};

/// Seeds that once failed.
const KEPT: &str = include_str!("seeds.txt");

/// The kept ones, in the file's order.
fn kept() -> Vec<u64> {
    KEPT.lines().filter_map(|line| line.split('#').next()?.trim().parse().ok()).collect()
}

/// Runs a seed; a panic is a violation like any other.
pub(crate) fn caught(seed: u64, telling: bool) -> Result<Ran, String> {
    catch_unwind(AssertUnwindSafe(|| run(seed, telling))).map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("it panicked: {}", said.unwrap_or_default())
    })
}

#[derive(Default)]
struct Sum {
    coverage: Coverage,
    failed: BTreeMap<u64, Vec<String>>,
    requests: u64,
    done: u64,
}

/// Runs what is asked for. True: nothing was found.
pub(crate) fn all(options: Options) -> bool {
    let alone = options.seeds == 1;
    let mut seeds: Vec<u64> = if alone { Vec::new() } else { kept() };
    let old = seeds.len();
    seeds.extend((0..options.seeds).map(|n| options.seed.wrapping_add(n)));
    let (next, sum) = (AtomicUsize::new(0), Mutex::new(Sum::default()));
    let began = Instant::now();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(seeds.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                plant(options.plant);
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    one(*seed, options, &sum);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("{}", sum.coverage.table());
    for (seed, found) in &sum.failed {
        println!("\nseed {seed} failed: tests/simulate --seed {seed} --seeds 1 --trace");
        found.iter().for_each(|what| println!("  {what}"));
    }
    let seconds = began.elapsed().as_secs_f64();
    let twice = if options.twice { ", each twice" } else { "" };
    println!(
        "\n{} seeds ({old} kept){twice}, {} requests, {} cells of the table not met, {} failed, in {seconds:.1} s on {threads} threads",
        sum.done,
        sum.requests,
        sum.coverage.holes(),
        sum.failed.len(),
    );
    println!("test result: {} passed; {} failed", sum.done - sum.failed.len() as u64, sum.failed.len());
    sum.failed.is_empty()
}

fn one(seed: u64, options: Options, sum: &Mutex<Sum>) {
    let ran = caught(seed, options.trace);
    let mut found = match &ran {
        Ok(ran) => ran.violations.clone(),
        Err(panic) => vec![panic.clone()],
    };
    if options.twice {
        let again = caught(seed, false).map(|again| again.digest);
        if again.ok() != ran.as_ref().ok().map(|ran| ran.digest.clone()) {
            found.push("it went another way the second time".to_owned());
        }
    }
    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Ok(ran) = ran {
        if options.trace {
            println!("{:#?}", ran.draw);
            ran.trace.iter().for_each(|line| println!("{line}"));
        }
        sum.coverage.add(&ran.coverage);
        sum.requests += ran.requests;
    }
    sum.done += 1;
    if !found.is_empty() {
        eprintln!("seed {seed}: {}", found[0]);
        sum.failed.insert(seed, found);
    }
}
