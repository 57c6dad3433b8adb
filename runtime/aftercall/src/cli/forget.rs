//! `aftercall forget`: takes a person out of the journal, and says what of them stays in which system.

use aftercall_config::call::{CallOutcome, Caller};
use aftercall_plan::matching::Identity;
use jiff::Timestamp;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::journal::{Erasing, forget_beside};
use crate::service::keys_under;
use crate::view::forget::{json, text};

/// So many of a number's last digits are looked for in texts: with or without the country's code it is the same number.
const DIGITS: usize = 9;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(true).args(["phone", "email"]))]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// The person's number, in any spelling
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// The person's address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Only say what would be taken out
    #[arg(long)]
    dry_run: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let root = &args.project.project;
    let project = talk::project(root)?.0;
    let caller = Caller { phone: args.phone.clone(), email: args.email.clone(), ..Caller::default() };
    let call = CallOutcome { caller, ..CallOutcome::default() };
    let mut whom = Erasing { now: Timestamp::now(), dry_run: args.dry_run, ..Erasing::default() };
    for pipeline in &project.pipelines {
        whom.keys.extend(keys_under(&project, pipeline, &call));
        let identity = Identity::of(&pipeline.matching.values, &project.phone_region, &call);
        if let Some(phone) = identity.phones.first() {
            let digits: String = phone.e164.chars().filter(char::is_ascii_digit).collect();
            whom.digits = Some(digits[digits.len().saturating_sub(DIGITS)..].to_owned());
        }
        whom.address = whom.address.or_else(|| identity.emails.first().cloned());
    }
    for (given, found, what) in
        [(&args.phone, whom.digits.is_some(), "--phone is no number"), (&args.email, whom.address.is_some(), "--email is no address")]
    {
        anyhow::ensure!(given.is_none() || found, "{what} by which somebody is known; write it as `+15125550142` or `name@example.com`");
    }
    whom.keys.sort();
    whom.keys.dedup();
    let erased = forget_beside(&crate::load::journal_path(root), &whom)?;
    match args.format {
        Format::Human => data(&text(&erased, args.dry_run)),
        Format::Json => data(&format!("{:#}\n", json(&erased, args.dry_run))),
    }
    if !erased.open.is_empty() {
        say(
            "calls that wait, are dead or in review are left whole: bring them to an end (`aftercall resolve`, `aftercall review`), and run this again\n",
        );
    }
    Ok(u8::from(!erased.open.is_empty()))
}
