//! The simulation: production code on paused time, in a world that does its worst, by a number from which everything follows.
//!
//! `tests/simulate --help` says how it is run. Not for how fast anything is.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program that people run")]

mod check;
mod coverage;
mod fate;
mod hour;
mod node;
mod person;
mod planted;
mod platform;
mod process;
mod project;
mod rng;
mod run;
mod seeds;
mod sim;
mod store;
mod wire;
mod world;

use std::process::ExitCode;

use aftercall::plant::Plant;

const HELP: &str = "\
usage: tests/simulate [--seeds N] [--seed S] [--twice] [--planted] [--plant FAULT] [--hour] [--trace]

  --seeds N    so many seeds (1,000)
  --seed S     the first of them (1); with `--seeds 1` it runs alone, without the kept ones
  --twice      each seed twice, and the two traces must be the same
  --planted    plants each known fault and looks how soon it is found
  --plant F    runs with this fault planted: BlindResend, NoFence, ... as `--planted` names them
  --hour       a system is away for an hour, or lets nobody in, while 2,000 calls come in: prints what became of them
  --trace      prints what happened, step by step

Seeds that once failed are kept in tests/simulation/seeds.txt, and every run begins with them.
";

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) seed: u64,
    pub(crate) twice: bool,
    pub(crate) planted: bool,
    pub(crate) plant: Option<Plant>,
    pub(crate) hour: bool,
    pub(crate) trace: bool,
}

fn options() -> Option<Options> {
    let mut options = Options { seeds: 1_000, seed: 1, twice: false, planted: false, plant: None, hour: false, trace: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seeds" => options.seeds = args.next()?.replace(['_', ','], "").parse().ok()?,
            "--seed" => options.seed = args.next()?.replace(['_', ','], "").parse().ok()?,
            "--twice" => options.twice = true,
            "--hour" => options.hour = true,
            "--planted" => options.planted = true,
            "--plant" => {
                let name = args.next()?;
                options.plant = Some(*Plant::ALL.iter().find(|fault| format!("{fault:?}") == name)?);
            }
            "--trace" => options.trace = true,
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprint!("{HELP}");
        return ExitCode::from(2);
    };
    // A panic is told with its seed, and with its place where somebody wants to see.
    if !options.trace {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let found = match options {
        Options { hour: true, .. } => hour::all(options),
        Options { planted: true, .. } => planted::all(options.seed),
        _ => seeds::all(options),
    };
    ExitCode::from(u8::from(!found))
}
