//! Serves one stand-in until it is killed: `serve NAME PORT`. Prints one JSON line with its address.

use std::io::{self, Write as _};

use aftercall_sandbox::Sandbox;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "salesforce".to_owned());
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let vendor = aftercall_sandbox::vendor(&name).ok_or_else(|| io::Error::other(format!("there is no vendor `{name}`")))?;
    let sandbox = Sandbox::start(vendor, port).await?;
    writeln!(io::stdout(), "{}", serde_json::json!({ "name": sandbox.name(), "origin": sandbox.origin() }))?;
    std::future::pending().await
}
