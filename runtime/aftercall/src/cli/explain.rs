//! `aftercall explain CODE`: what a finding's code means and what to do.

use aftercall_config::finding::{Code, nearest};

use super::data;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A code such as AC0203; left out: all codes
    code: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Some(code) = &args.code else {
        for code in Code::ALL {
            let page = crate::load::code_page(code.as_str()).unwrap_or_default();
            let title = page.lines().next().unwrap_or_default().trim_start_matches('#').trim();
            data(&format!("{title}\n"));
        }
        return Ok(0);
    };
    let wanted = code.to_uppercase();
    match crate::load::code_page(&wanted) {
        Some(page) => {
            data(page);
            Ok(0)
        }
        None => {
            let near = nearest(&wanted, Code::ALL.iter().map(|c| c.as_str())).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            anyhow::bail!("there is no code {wanted}{near}")
        }
    }
}
