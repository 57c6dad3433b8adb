//! Local, stateful stand-ins for the systems that aftercall writes to, with faults on request.
//!
//! Not for mocking: each stand-in is written from its vendor's public behaviour, keeps records, refuses
//! what the vendor refuses, and knows nothing of aftercall.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let crm = aftercall_sandbox::vendor("salesforce").expect("a name from NAMES");
//! let sandbox = aftercall_sandbox::Sandbox::start(crm, 0).await?;
//! println!("{}", sandbox.origin());
//! # Ok(())
//! # }
//! ```

mod control;
mod fault;
mod log;
mod server;
mod text;
pub mod vendor;
mod wire;

pub mod google_calendar;
pub mod hubspot;
pub mod salesforce;

pub use fault::{FaultKind, FaultSpec};
pub use log::Logged;
pub use server::Sandbox;

/// The vendors that [`vendor()`] knows.
pub const NAMES: &[&str] = &["salesforce", "hubspot", "google-calendar"];

/// A fresh stand-in by the name of its vendor, or `None` for a name that is not in [`NAMES`].
pub fn vendor(name: &str) -> Option<Box<dyn vendor::Vendor>> {
    match name {
        "salesforce" => Some(Box::new(salesforce::Salesforce::new())),
        "hubspot" => Some(Box::new(hubspot::HubSpot::new())),
        "google-calendar" => Some(Box::new(google_calendar::GoogleCalendar::new())),
        _ => None,
    }
}
