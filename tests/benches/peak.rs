//! Waits for a child process, with the most memory that it held.

use std::process::{Child, ExitStatus};
use std::time::Duration;

/// How the process ended, and its peak in KiB as the kernel counts it.
pub(crate) fn wait(child: &mut Child) -> std::io::Result<(ExitStatus, u64)> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let kib = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            peak = peak.max(kib.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0));
        }
        match child.try_wait()? {
            Some(status) => return Ok((status, peak)),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
