//! Making it happen: the one room that touches the world.
//!
//! Inside, `cli`, `intake`, `watch` and `web` use `work`; `work` uses `journal` and `connect`. Only `connect` speaks to a system, only
//! `journal` speaks SQL, only `view` and `web` know what things look like. Everybody counts in `meters` and `trace`; `signals` tells of it.

pub mod access;
pub mod cli;
pub mod connect;
pub mod intake;
pub mod journal;
pub mod load;
pub mod meters;
pub mod plant;
pub mod reconcile;
pub mod service;
pub mod signals;
pub mod tokens;
pub mod trace;
pub mod trail;
pub mod view;
pub mod watch;
pub mod web;
pub mod work;
