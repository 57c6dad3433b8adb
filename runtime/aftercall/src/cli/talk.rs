//! Where words go: data to stdout, talk to stderr, colours only on a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;

use aftercall_config::project::Project;
use aftercall_config::resolve::Loaded;
use aftercall_config::source::Files;
use anstyle::{AnsiColor, Style};

use crate::load;

/// Prints data to stdout. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn data(text: &str) {
    let mut out = anstream::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        #[expect(clippy::exit, reason = "nobody reads any more; going on would only make noise")]
        std::process::exit(0);
    }
}

/// Prints talk to stderr.
pub(crate) fn talk(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Text in a style; `anstream` takes it away where nobody sees it.
pub(crate) fn styled(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// Red, for errors.
pub(crate) fn red(text: &str) -> String {
    styled(text, AnsiColor::Red.on_default().bold())
}

/// Green, for what is well.
pub(crate) fn green(text: &str) -> String {
    styled(text, AnsiColor::Green.on_default())
}

/// Bold, for headings.
pub(crate) fn bold(text: &str) -> String {
    styled(text, Style::new().bold())
}

/// Loads a project or says what is wrong with it; warnings are said and do not stop.
///
/// Errors: a count of the findings, which have been printed to stderr.
pub(crate) fn project(root: &Path) -> anyhow::Result<(Project, Files)> {
    if !root.exists() {
        anyhow::bail!("there is no folder {}", root.display());
    }
    let (loaded, files) = load::project(root);
    Ok((sound(root, loaded)?, files))
}

/// A loaded project, or what is wrong with it said. Errors: as for [`project`].
pub(crate) fn sound(root: &Path, loaded: Loaded) -> anyhow::Result<Project> {
    if !loaded.findings.is_empty() {
        talk(&loaded.render(std::io::stderr().is_terminal()));
    }
    match loaded.project {
        Some(project) => Ok(project),
        None => anyhow::bail!("the project in {} has {}", root.display(), count(&loaded.findings)),
    }
}

/// `2 errors and 1 warning`.
pub(crate) fn count(findings: &[aftercall_config::finding::Finding]) -> String {
    use aftercall_config::finding::Severity;
    let of = |severity| findings.iter().filter(|f| f.code.severity() == severity).count();
    let word = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    match (of(Severity::Error), of(Severity::Warning)) {
        (0, warnings) => word(warnings, "warning"),
        (errors, 0) => word(errors, "error"),
        (errors, warnings) => format!("{} and {}", word(errors, "error"), word(warnings, "warning")),
    }
}

/// Who gives a command: as they say, or the account that it runs under.
pub(crate) fn who(by: Option<&str>) -> String {
    by.map(str::to_owned).or_else(|| std::env::var("USER").ok()).filter(|who| !who.is_empty()).unwrap_or_else(|| "cli".to_owned())
}

/// A tokio runtime for a command.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
