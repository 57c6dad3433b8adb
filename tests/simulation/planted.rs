//! The test of the test: each planted fault must be found, and soon enough.

use std::thread;

use aftercall::plant::{Plant, plant};

use crate::seeds::caught;

/// Seeds within which a planted fault must be found.
const WITHIN: u64 = 400;

/// Plants each fault and runs seeds until it is found. True: all were.
pub(crate) fn all(first: u64) -> bool {
    let mut missed = 0;
    let half = Plant::ALL.len().div_ceil(2);
    thread::scope(|scope| {
        let halves: Vec<_> = Plant::ALL
            .chunks(half)
            .map(|faults| scope.spawn(move || faults.iter().filter(|fault| !found(**fault, first)).count()))
            .collect();
        missed = halves.into_iter().map(|half| half.join().unwrap_or(1)).sum();
    });
    println!("test result: {} passed; {missed} failed", Plant::ALL.len() - missed);
    missed == 0
}

fn found(fault: Plant, first: u64) -> bool {
    plant(Some(fault));
    let hit = (0..WITHIN).find_map(|n| {
        let seed = first + n;
        let what = match caught(seed, false) {
            Ok(ran) => ran.violations.into_iter().next()?,
            Err(panic) => panic,
        };
        Some((n + 1, seed, what))
    });
    plant(None);
    match &hit {
        Some((count, seed, what)) => println!("{:<28} found after {count:>3} seeds: seed {seed}: {}", format!("{fault:?}"), what.trim()),
        None => println!("{:<28} NOT FOUND in {WITHIN} seeds", format!("{fault:?}")),
    }
    hit.is_some()
}
