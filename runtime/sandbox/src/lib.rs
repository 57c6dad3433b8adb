//! Local, stateful stand-ins for the systems that aftercall writes to, and for the lists of the platforms that it reads, with faults on request.
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
pub mod voice;

pub use fault::{FaultKind, FaultSpec};
pub use log::Logged;
pub use server::Sandbox;
pub use vendor::Seed;

/// The systems that [`vendor()`] knows: what is written to.
pub const NAMES: &[&str] = &["salesforce", "hubspot", "google-calendar"];

/// The voice platforms that [`vendor()`] knows: their lists of calls are read.
pub const PLATFORMS: &[&str] = &["vapi", "retell", "elevenlabs"];

/// A fresh stand-in by the name of its vendor, or `None` for a name that is in neither [`NAMES`] nor [`PLATFORMS`].
pub fn vendor(name: &str) -> Option<Box<dyn vendor::Vendor>> {
    match name {
        "salesforce" => Some(Box::new(salesforce::Salesforce::new())),
        "hubspot" => Some(Box::new(hubspot::HubSpot::new())),
        "google-calendar" => Some(Box::new(google_calendar::GoogleCalendar::new())),
        "vapi" => Some(Box::new(voice::Voice::<voice::Vapi>::default())),
        "retell" => Some(Box::new(voice::Voice::<voice::Retell>::default())),
        "elevenlabs" => Some(Box::new(voice::Voice::<voice::ElevenLabs>::default())),
        _ => None,
    }
}
