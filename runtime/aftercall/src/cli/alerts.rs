//! `aftercall alerts`: how the alerts stand, and a trial for whoever would be told.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::connect::Http;
use crate::journal::{SqliteJournal, Upkeep as _};
use crate::signals::alerts::trial;
use crate::view::alert::{json, list};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// Tell whom this alert tells, or this `[notify.NAME]`, that this is a trial
    #[arg(long, value_name = "NAME")]
    test: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let root = &args.project.project;
    let project = talk::project(root)?.0;
    let rules = &project.upkeep;
    if let Some(name) = &args.test {
        let of_alert = rules.alerts.iter().find(|rule| rule.name == *name).map(|rule| rule.notify.clone());
        let names = of_alert.unwrap_or_else(|| vec![name.clone()]).into_iter().collect::<BTreeSet<_>>();
        if names.iter().any(|name| !rules.notifiers.contains_key(name)) {
            let known: Vec<&str> =
                rules.notifiers.keys().map(String::as_str).chain(rules.alerts.iter().map(|rule| rule.name.as_str())).collect();
            anyhow::bail!("there is no alert and no `[notify]` named {name}; there is: {}", known.join(", "));
        }
        return talk::runtime()?.block_on(async {
            let http = Http::new()?;
            let mut failed = 0;
            for name in names {
                let Some(notifier) = rules.notifiers.get(&name) else { continue };
                match trial(&http, root, notifier, &project.name, &name, Timestamp::now()).await {
                    Ok(()) => say(&format!("{name} was told\n")),
                    Err(error) => {
                        failed = 1;
                        say(&format!("{} {name} could not be told: {error}\n", talk::red("error:")));
                    }
                }
            }
            Ok(failed)
        });
    }
    let path = crate::load::journal_path(root);
    let (rows, notices) = if path.exists() {
        let journal = SqliteJournal::open_read_only(&path)?;
        talk::runtime()?.block_on(async { anyhow::Ok((journal.alerts().await?, journal.notices(false, 100).await?)) })?
    } else {
        (Vec::new(), Vec::new())
    };
    match args.format {
        Format::Human => data(&list(&rules.alerts, &rows, &notices)),
        Format::Json => data(&format!("{:#}\n", json(&rules.alerts, &rows, &notices))),
    }
    Ok(u8::from(!rows.is_empty()))
}
