//! A project kept in git, as operators keep theirs.

use std::path::Path;
use std::process::Command;

/// Runs git in a folder, as nobody in particular, and gives what it printed.
#[track_caller]
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let ran = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=A story", "-c", "user.email=story@example.com", "-c", "commit.gpgsign=false"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git starts");
    assert!(ran.status.success(), "git {}: {}", args.join(" "), String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

/// Puts everything in a folder on record, in a repository that is made where there is none.
#[track_caller]
pub(crate) fn commit(dir: &Path, message: &str) {
    if !dir.join(".git").exists()
        && Command::new("git").arg("-C").arg(dir).args(["rev-parse", "--git-dir"]).output().is_ok_and(|o| !o.status.success())
    {
        git(dir, &["init", "--quiet", "--initial-branch=main"]);
        std::fs::write(dir.join(".gitignore"), "state/\nsecrets/\n").expect("a file in the project");
    }
    git(dir, &["add", "--all"]);
    git(dir, &["commit", "--quiet", "--allow-empty", "-m", message]);
}
