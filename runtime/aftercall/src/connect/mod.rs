//! The only room that speaks to a system: one mechanism per file, and no system's name in any of them.
//!
//! `http` moves bytes; `auth` and `secret` let in; `limit` keeps the pace and the share of repetitions, and `breaker` leaves a system alone that is away; `request` renders what a manifest declares;
//! `exchange` does one request and `classify` says what its refusal means. On top stand the two that others hold: a
//! [`Reader`], which cannot write, and a [`Writer`], which only `work` takes, with a committed intent.
//!
//! Not for deciding: what to write is the plan's, and whether to try again is `work`'s.

mod auth;
mod booking;
mod breaker;
mod classify;
mod connections;
mod crowd;
mod describe;
mod exchange;
mod failure;
mod http;
mod landed;
mod limit;
mod list;
mod moving;
mod notify;
mod outgoing;
mod pack;
mod part;
mod pointer;
mod read;
mod request;
mod secret;
mod write;

#[cfg(test)]
mod tests;

pub use auth::{MemoryTokens, StoredToken, TokenError, TokenStore};
pub use booking::Check;
pub use connections::{Connections, Standing};
pub use crowd::{Crowd, Member};
pub use failure::{Details, Failure};
pub use http::{Answer, ClientError, Http, MAX_ANSWER_BYTES, Prepared, SendError, Transport};
pub use limit::{Usage, WindowUsage};
pub use list::{ListPage, ListRow, ListTime};
pub use notify::{Message, NotTold, post_traces, tell};
pub use outgoing::{Landed, LinkTarget, Outgoing, OutgoingOp, Sent};
pub use pack::requests_needed;
pub use read::{Found, Probe, Reader};
pub use secret::{Secret, SecretError, resolve as resolve_secret};
pub use write::Writer;
