//! `aftercall init`: a project to start from, which passes `check` and runs against the stand-ins as it is.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use aftercall_config::decl::{ConnectorDecl, SourceDecl, StarterDecl};
use aftercall_config::finding::nearest;
use aftercall_config::source::{Document, Files};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::talk::{self, data, talk as say};

/// The first port of the stand-ins, as `aftercall sandbox` counts from it.
const FIRST_PORT: u16 = 9001;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to make
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// A system to write to; may be given several times
    #[arg(long = "system", value_name = "SYSTEM")]
    systems: Vec<String>,
    /// A voice platform to take calls from; may be given several times
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// IANA time zone of the business
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Two-letter country for numbers without a country code
    #[arg(long, value_name = "COUNTRY")]
    region: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let shipped = crate::load::shipped();
    let connectors: Vec<ConnectorDecl> = decls(&shipped, "connector.toml");
    let sources: Vec<SourceDecl> = decls(&shipped, "source.toml");
    if args.dir.join("aftercall.toml").exists() {
        anyhow::bail!("{} has an `aftercall.toml` already; choose another folder", args.dir.display());
    }
    let mut chosen = args.systems.clone();
    let mut from = args.sources.clone();
    if chosen.is_empty() && from.is_empty() {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let names: Vec<&str> = connectors.iter().map(|c| c.system.as_str()).collect();
            say(&format!(
                "which systems? for example: aftercall init {} --system {}\nthere is: {}\n",
                args.dir.display(),
                names.first().unwrap_or(&""),
                names.join(", ")
            ));
            return Ok(2);
        }
        chosen = ask("Which systems does a call go to?", connectors.iter().map(|c| (c.system.clone(), c.title.clone())).collect())?;
        from = ask(
            "Which voice platforms do calls come from?",
            sources.iter().map(|s| (s.source.clone(), s.title.clone().unwrap_or_default())).collect(),
        )?;
    }
    let mut systems: Vec<(&ConnectorDecl, &StarterDecl, u16)> = Vec::new();
    for (index, name) in chosen.iter().enumerate() {
        let names: Vec<&str> = connectors.iter().map(|c| c.system.as_str()).collect();
        match connectors.iter().find(|c| &c.system == name) {
            Some(connector) => match &connector.starter {
                Some(starter) => systems.push((connector, starter, FIRST_PORT + u16::try_from(index)?)),
                None => anyhow::bail!("{} has no `[starter]` in its connector yet", connector.title),
            },
            None => return unknown("system", name, &names),
        }
    }
    for name in &from {
        let names: Vec<&str> = sources.iter().map(|s| s.source.as_str()).collect();
        if !names.contains(&name.as_str()) {
            return unknown("source", name, &names);
        }
    }
    if systems.is_empty() {
        say("a project needs at least one system: give `--system`\n");
        return Ok(2);
    }
    let chosen_sources: Vec<&SourceDecl> = sources.iter().filter(|s| from.contains(&s.source)).collect();
    let folder = args.dir.canonicalize().ok().unwrap_or_else(|| args.dir.clone());
    let name = folder
        .file_name()
        .map(|n| n.to_string_lossy().to_lowercase().replace(' ', "-"))
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| "front-desk".to_owned());
    let mut written = Vec::new();
    let mut put = |path: &str, text: &str| -> anyhow::Result<()> {
        let file = args.dir.join(path);
        if file.exists() {
            say(&format!("  kept     {path}, which is there already\n"));
            return Ok(());
        }
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(|e| anyhow::anyhow!("making {}: {e}", parent.display()))?;
        }
        std::fs::write(&file, text).map_err(|e| anyhow::anyhow!("writing {}: {e}", file.display()))?;
        written.push(path.to_owned());
        Ok(())
    };
    put("aftercall.toml", &project_file(&name, args, &systems, &chosen_sources))?;
    put("pipelines/front-desk.toml", &pipeline_file(&systems))?;
    put(".gitignore", "/secrets/\n/state/\n")?;
    for (_, starter, _) in &systems {
        for (key, value) in &starter.auth {
            put(&format!("secrets/{}.{key}", starter.connection), value)?;
        }
    }
    for source in &chosen_sources {
        if source.signature.is_some() {
            put(&format!("secrets/{}.secret", source.source), "replace-me-with-the-signing-secret")?;
        }
    }
    for path in &written {
        data(&format!("{path}\n"));
    }
    let names: Vec<&str> = systems.iter().map(|(c, ..)| c.system.as_str()).collect();
    let at = if args.dir == Path::new(".") { String::new() } else { format!(" {}", args.dir.display()) };
    let project = if at.is_empty() { String::new() } else { format!(" --project{at}") };
    say(&format!(
        "\n{}\n  aftercall check{at}\n  aftercall sandbox {} --port {FIRST_PORT}     # in another terminal\n  aftercall plan CALLS{project}\n",
        talk::bold("next:"),
        names.join(" ")
    ));
    Ok(0)
}

fn unknown(what: &str, name: &str, names: &[&str]) -> anyhow::Result<u8> {
    let near = nearest(name, names.iter().copied()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    say(&format!("there is no {what} {name}{near}\nthere is: {}\n", names.join(", ")));
    Ok(2)
}

fn ask(question: &str, items: Vec<(String, String)>) -> anyhow::Result<Vec<String>> {
    let labels: Vec<String> =
        items.iter().map(|(name, title)| if title.is_empty() { name.clone() } else { format!("{title} ({name})") }).collect();
    let picked =
        dialoguer::MultiSelect::new().with_prompt(format!("{question} (space chooses, enter goes on)")).items(&labels).interact()?;
    Ok(picked.into_iter().filter_map(|i| items.get(i).map(|(name, _)| name.clone())).collect())
}

fn decls<T: DeserializeOwned>(files: &Files, name: &str) -> Vec<T> {
    files
        .iter()
        .filter(|(path, _)| path.ends_with(name))
        .filter_map(|(path, text)| serde_json::from_value(Document::parse(path, text, &mut Vec::new()).value).ok())
        .collect()
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let parts: Vec<String> = fields.iter().map(|(k, v)| format!("{k} = {}", toml_value(v))).collect();
            format!("{{ {} }}", parts.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}

fn project_file(name: &str, args: &Args, systems: &[(&ConnectorDecl, &StarterDecl, u16)], sources: &[&SourceDecl]) -> String {
    let mut out = String::new();
    let timezone = args.timezone.as_deref().unwrap_or("America/Chicago");
    let region = args.region.as_deref().unwrap_or("US");
    let _ = writeln!(
        out,
        "# What belongs to this business: its accounts, its hours, its voice platforms. No secret stands here, only references."
    );
    let _ = writeln!(out, "name = {}\ntimezone = {}\nphone_region = {}", quote(name), quote(timezone), quote(region));
    let _ = writeln!(out, "business_hours = {{ days = \"mon-fri\", from = \"08:00\", to = \"17:00\", holidays = [] }}");
    for (connector, starter, port) in systems {
        let origin = format!("http://127.0.0.1:{port}");
        let _ = writeln!(
            out,
            "\n# {}. This is the local stand-in; for the real account, write its address and your own credentials.",
            connector.title
        );
        let _ = writeln!(out, "[connection.{}]\nsystem = {}", starter.connection, quote(&connector.system));
        let _ = writeln!(out, "base_url = {}", quote(&format!("{origin}{}", starter.path)));
        let auth: Vec<String> =
            starter.auth.keys().map(|key| format!("{key} = {}", quote(&format!("file:secrets/{}.{key}", starter.connection)))).collect();
        if !auth.is_empty() {
            let _ = writeln!(out, "auth = {{ {} }}", auth.join(", "));
        }
        if !starter.settings.is_empty() {
            let settings = toml_value(&Value::Object(starter.settings.clone().into_iter().collect())).replace("{origin}", &origin);
            let _ = writeln!(out, "settings = {settings}");
        }
    }
    for source in sources {
        let _ = writeln!(out, "\n[source.{}]", source.source);
        if source.signature.is_some() {
            let _ = writeln!(out, "secret = {}", quote(&format!("file:secrets/{}.secret", source.source)));
        } else {
            let _ = writeln!(out, "allow_unsigned = true                    # this platform cannot sign: keep the address private");
        }
    }
    out
}

fn pipeline_file(systems: &[(&ConnectorDecl, &StarterDecl, u16)]) -> String {
    // The caller is searched where people are known.
    let main = systems.iter().find(|(c, ..)| c.find.is_some()).unwrap_or(&systems[0]);
    let mut out = String::new();
    let _ = writeln!(out, "# What happens to a call: who called, what is written, who follows up.");
    let _ = writeln!(out, "name = \"front-desk\"\nconnection = {}", quote(&main.1.connection));
    let mut routed = false;
    let order = std::iter::once(main).chain(systems.iter().filter(|s| s.1.connection != main.1.connection));
    for (_, starter, _) in order {
        for write in &starter.write {
            // A write to a record of the caller's context needs the connection that reads it.
            if write.target.is_some() && starter.connection != main.1.connection {
                continue;
            }
            let _ = writeln!(out, "\n[[write]]\nid = {}\nmapping = {}", quote(&write.id), quote(&write.mapping));
            if starter.connection != main.1.connection {
                let _ = writeln!(out, "connection = {}", quote(&starter.connection));
            }
            for (key, value) in [("target", &write.target), ("when", &write.when), ("route", &write.route)] {
                if let Some(value) = value {
                    let value = if value.contains('"') { format!("'{value}'") } else { quote(value) };
                    let _ = writeln!(out, "{key} = {value}");
                }
            }
            routed |= write.route.is_some();
        }
    }
    if routed {
        out.push_str(
            "\n# The first rule that holds decides who follows up, and by when. Put your own people here.\n[[route.follow_up]]\nwhen = 'outcome in [\"complaint\", \"escalated\"]'\nowner = \"user:office.manager@acme.example\"\ndue = \"in 1 business hour\"\npriority = \"high\"\n\n[[route.follow_up]]\nwhen = \"has(contact.owner)\"\nowner = \"{{contact.owner}}\"\ndue = \"next business day 10:00\"\n\n[[route.follow_up]]\nowner = [\"user:ana@acme.example\", \"user:ben@acme.example\"]   # in turn\ndue = \"in 4 business hours\"\n",
        );
    }
    out
}
