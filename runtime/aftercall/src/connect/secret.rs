//! Secrets by reference: read when they are needed, never shown.
//!
//! Not for keeping them: what is read lives as long as the token that was got with it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aftercall_config::project::SecretRef;
use zeroize::Zeroizing;

/// A secret. `Debug` prints `***`, there is no `Display`, and the last copy is wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: &str) -> Self {
        Self(Arc::new(Zeroizing::new(text.to_owned())))
    }

    /// The secret itself, for the place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A reference that leads to no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment lacks it.
    #[error("the environment has no `{name}` (named as `env:{name}`): set it where aftercall is started")]
    Unset {
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("reading `file:{path}`: {source}; the file must be there and readable for the user that runs aftercall")]
    Unreadable {
        /// The path as written.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("`{reference}` is empty: put the secret there")]
    Empty {
        /// The reference as written.
        reference: String,
    },
}

/// Reads a secret; space around it is not part of it.
///
/// Shape: a relative path is meant from `root`. Errors: [`SecretError`], which names the reference and the remedy.
pub fn resolve(reference: &SecretRef, root: &Path) -> Result<Secret, SecretError> {
    let text = Zeroizing::new(match reference {
        SecretRef::Env(name) => std::env::var(name).map_err(|_| SecretError::Unset { name: name.clone() })?,
        SecretRef::File(path) => {
            std::fs::read_to_string(root.join(path)).map_err(|source| SecretError::Unreadable { path: path.clone(), source })?
        }
    });
    let text = text.trim();
    if text.is_empty() {
        return Err(SecretError::Empty { reference: reference.to_string() });
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_their_failures() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("token"), " abc\n").expect("written");
        std::fs::write(folder.path().join("nothing"), "\n").expect("written");
        let read = |name: &str| resolve(&SecretRef::File(name.to_owned()), folder.path());
        let secret = read("token").expect("a secret");
        assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), ("abc", "***"));
        assert!(read("absent").expect_err("no file").to_string().starts_with("reading `file:absent`"));
        assert_eq!(read("nothing").expect_err("empty").to_string(), "`file:nothing` is empty: put the secret there");
        let unset = resolve(&SecretRef::Env("AFTERCALL_SURELY_UNSET".to_owned()), folder.path());
        assert!(unset.expect_err("unset").to_string().contains("no `AFTERCALL_SURELY_UNSET`"));
    }
}
