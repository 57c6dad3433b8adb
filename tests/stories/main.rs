//! The user stories, each through the real binary and over HTTP, against stand-ins, asserting what a person would see.
//!
//! Not for what one room does by itself: that is tested in the room.

mod access;
mod alerts;
mod apply;
mod appointments;
mod audit;
mod away;
mod backfill;
mod backlog;
mod batch;
mod callers;
mod clock;
mod command_line;
mod config_tests;
mod context;
mod describe;
mod diffs;
mod dry_run;
mod findings;
mod follow_ups;
mod formatting;
mod full_disk;
mod hard;
mod matching;
mod minute;
mod outages;
mod privacy;
mod receipts;
mod refusals;
mod reload;
mod retries;
mod reviews;
mod routes;
mod security;
mod service;
mod signals;
mod start;
mod store;
mod support;
mod tidy;
mod tokens;
mod twice;
mod web;
mod webhooks;
