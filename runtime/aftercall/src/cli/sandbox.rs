//! `aftercall sandbox SYSTEM...`: stand-ins on loopback until Ctrl-C.

use aftercall_sandbox::{NAMES, PLATFORMS, Sandbox};
use serde_json::{Map, Value, json};

use super::{data, talk};

/// What can be asked of a stand-in while it runs.
const FAULTS: &str = "\
A stand-in fails on request, for example with
  curl -d '{\"kind\": \"commit_then_drop\", \"next\": 1}' http://127.0.0.1:9001/_sandbox/faults

  kind          429, 500, 503, timeout, slow, down, expire_token, revoke_token, apply_late,
                commit_then_drop (done, and no answer)
  next, for_ms  how many requests, or how long; left out: until `{\"clear\": true}` is sent there
  path, method  only requests whose path holds this, and with this method
  probability   the share of them, 0 to 1
  delay_ms      how long timeout, slow and apply_late wait";

#[derive(Debug, clap::Args)]
#[command(after_help = FAULTS)]
pub(crate) struct Args {
    /// Systems and voice platforms to stand in for; left out: all
    #[arg(value_name = "SYSTEM")]
    systems: Vec<String>,
    /// The first port; each further system takes the next one
    #[arg(long, default_value_t = 9001)]
    port: u16,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let all: Vec<&str> = NAMES.iter().chain(PLATFORMS).copied().collect();
    let systems: Vec<String> = if args.systems.is_empty() { all.iter().map(|n| (*n).to_owned()).collect() } else { args.systems.clone() };
    for system in &systems {
        if !all.contains(&system.as_str()) {
            let near =
                aftercall_config::finding::nearest(system, all.iter().copied()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            talk(&format!("there is no stand-in for {system}{near}\nthere is: {}\n", all.join(", ")));
            return Ok(2);
        }
    }
    super::talk::runtime()?.block_on(async {
        let mut running = Vec::new();
        let mut addresses = Map::new();
        for (index, system) in systems.iter().enumerate() {
            let port = if args.port == 0 { 0 } else { args.port + u16::try_from(index)? };
            let vendor = aftercall_sandbox::vendor(system).ok_or_else(|| anyhow::anyhow!("no stand-in for {system}"))?;
            let sandbox = Sandbox::start(vendor, port)
                .await
                .map_err(|e| anyhow::anyhow!("port {port} for {system}: {e}; choose another with --port"))?;
            addresses.insert(system.clone(), Value::from(sandbox.origin()));
            running.push(sandbox);
        }
        data(&format!("{}\n", json!({ "version": 1, "ready": true, "addresses": addresses })));
        talk("stand-ins are up; records at /_sandbox/records, faults at /_sandbox/faults; Ctrl-C ends them\n");
        tokio::signal::ctrl_c().await?;
        drop(running);
        Ok(0)
    })
}
