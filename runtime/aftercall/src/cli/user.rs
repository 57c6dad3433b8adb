//! `aftercall user`: who may look at the pages and act on them, and which programs may.
//!
//! Beside a running service it goes through the journal's file, as every word of a person does; it counts from the next request on.

use std::io::IsTerminal as _;
use std::io::Read as _;

use aftercall_config::resolve::duration;
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::access::{hash, is_name, is_strong, key_of, new_token};
use crate::journal::{self, AccessChange, Deed, Journal, Role, SqliteJournal, SqliteOptions, Way, access_beside};
use crate::view;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// A new user; the password is asked for, or read from stdin
    Add {
        /// The name that they sign in with
        name: String,
        /// What they may do: viewer, operator, admin
        #[arg(long, value_parser = role)]
        role: Role,
        /// Without a password: a proxy signs them in
        #[arg(long)]
        no_password: bool,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// The users
    List {
        /// How they are printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// Another role; whoever is signed in under this name is signed out
    Role {
        /// The user
        name: String,
        /// What they may do from now on: viewer, operator, admin
        #[arg(value_parser = role)]
        role: Role,
        /// Also where no admin is left
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// Keep somebody out; whoever is signed in under this name is signed out
    Disable {
        /// The user
        name: String,
        /// Let them in again
        #[arg(long)]
        undo: bool,
        /// Also where no admin is left
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// Ends whatever is signed in under this name; they may sign in again
    SignOut {
        /// The user
        name: String,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// Another password, asked for or read from stdin; whoever is signed in under this name is signed out
    Password {
        /// The user
        name: String,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// Tokens for programs that speak to `/v1/`
    #[command(subcommand)]
    Token(Token),
}

#[derive(Debug, clap::Subcommand)]
enum Token {
    /// A new token, shown this once
    Add {
        /// A name for it: who uses it, and for what
        name: String,
        /// What it may do: viewer, operator, admin
        #[arg(long, value_parser = role)]
        role: Role,
        /// When it ends, such as `90d`; left out: never
        #[arg(long, value_name = "DURATION")]
        expires: Option<String>,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// The tokens, without what they are
    List {
        /// How they are printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        project: ProjectDir,
    },
    /// A token is void from now on
    Revoke {
        /// Its name
        name: String,
        #[command(flatten)]
        project: ProjectDir,
    },
}

fn role(word: &str) -> Result<Role, String> {
    word.parse().map_err(|word| format!("there is no role {word}; there is: viewer, operator, admin"))
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.command {
        Command::Add { name, role, no_password, project } => {
            if let Err(problem) = is_name(name) {
                say(&format!("{problem}\n"));
                return Ok(2);
            }
            let hash = match no_password {
                true => None,
                false => Some(password(name)?),
            };
            let change = AccessChange::UserAdded { name: name.clone(), role: *role, hash };
            put(project, change, "user add", &format!("{name}, {role}"))?;
            say(&format!("{name} may sign in as {role}\n"));
        }
        Command::List { format, project } => {
            let users = reading(project, async |journal| journal.users().await)?;
            match format {
                Format::Human => data(&view::access::users(&users)),
                Format::Json => data(&format!("{:#}\n", json!({"version": 1, "users": users}))),
            }
        }
        Command::Role { name, role, force, project } => {
            let change = AccessChange::UserRole { name: name.clone(), role: *role, force: *force };
            put(project, change, "user role", &format!("{name}, {role}"))?;
            say(&format!("{name} is {role} from now on, and has to sign in again\n"));
        }
        Command::SignOut { name, project } => {
            put(project, AccessChange::UserSignedOut { name: name.clone() }, "user sign-out", name)?;
            say(&format!("{name} is signed out, and may sign in again\n"));
        }
        Command::Disable { name, undo, force, project } => {
            let change = AccessChange::UserDisabled { name: name.clone(), disabled: !undo, force: *force };
            put(project, change, if *undo { "user enable" } else { "user disable" }, name)?;
            say(&format!("{name} {}\n", if *undo { "may sign in again" } else { "is signed out and kept out" }));
        }
        Command::Password { name, project } => {
            let change = AccessChange::UserPassword { name: name.clone(), hash: password(name)? };
            put(project, change, "user password", name)?;
            say(&format!("{name} has another password, and has to sign in again\n"));
        }
        Command::Token(Token::Add { name, role, expires, project }) => {
            if let Err(problem) = is_name(name) {
                say(&format!("{problem}\n"));
                return Ok(2);
            }
            let ends_at = match expires.as_deref().map(|text| duration(text).ok_or(text)) {
                None => None,
                Some(Ok(time)) => Some(Timestamp::now().checked_add(time)?),
                Some(Err(text)) => {
                    say(&format!("`{text}` is no duration; write `24h` or `90d`\n"));
                    return Ok(2);
                }
            };
            let token = new_token().map_err(anyhow::Error::msg)?;
            let change = AccessChange::TokenAdded { name: name.clone(), key: key_of(&token), role: *role, ends_at };
            put(project, change, "token add", &format!("{name}, {role}"))?;
            say("this is shown once; send it as `Authorization: Bearer ...`\n");
            data(&format!("{}\n", *token));
        }
        Command::Token(Token::List { format, project }) => {
            let tokens = reading(project, async |journal| journal.api_tokens().await)?;
            match format {
                Format::Human => data(&view::access::tokens(&tokens)),
                Format::Json => data(&format!("{:#}\n", json!({"version": 1, "tokens": tokens}))),
            }
        }
        Command::Token(Token::Revoke { name, project }) => {
            put(project, AccessChange::TokenRevoked { name: name.clone() }, "token revoke", name)?;
            say(&format!("the token {name} is void\n"));
        }
    }
    Ok(0)
}

/// The hash of a password that is asked for twice or, where nobody sits there, read from stdin. It is never an argument: those are shown to
/// everybody on the machine.
fn password(name: &str) -> anyhow::Result<String> {
    let password = Zeroizing::new(if std::io::stdin().is_terminal() {
        dialoguer::Password::new().with_prompt(format!("Password for {name}")).with_confirmation("Once more", "They differ").interact()?
    } else {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text)?;
        text.lines().next().unwrap_or_default().to_owned()
    });
    is_strong(&password, name)?;
    hash(&password).map_err(anyhow::Error::msg)
}

/// One change, by ourselves or beside the service that has the journal.
fn put(project: &ProjectDir, change: AccessChange, what: &str, about: &str) -> anyhow::Result<()> {
    let path = crate::load::journal_path(&project.project);
    let now = Timestamp::now();
    let deed = Deed::new(now, talk::who(None), Way::Cli, what).about(about);
    let done = match SqliteJournal::open(SqliteOptions::at(&path), now) {
        Ok(journal) => talk::runtime()?.block_on(journal.access_put(change, deed)),
        Err(journal::Error::InUse { .. }) => access_beside(&path, change, &deed),
        Err(error) => Err(error),
    };
    match done {
        Err(error @ journal::Error::LastAdmin { .. }) => Err(anyhow::anyhow!("{error}, or say --force")),
        done => Ok(done?),
    }
}

fn reading<T>(project: &ProjectDir, read: impl AsyncFnOnce(&SqliteJournal) -> Result<T, journal::Error>) -> anyhow::Result<T> {
    let journal = super::calls::open(project)?;
    Ok(talk::runtime()?.block_on(read(&journal))?)
}
