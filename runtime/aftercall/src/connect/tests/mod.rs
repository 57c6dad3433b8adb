//! The room against local servers, a transport without a network, and the stand-ins.

mod auth;
mod away;
mod booking;
mod crowd;
mod http;
mod pack;
mod read;
mod standins;
mod tiny;
mod write;
