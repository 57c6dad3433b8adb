//! A user's name and password.

use aftercall_config::decl::GrantDecl;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::failure::Failure;
use super::super::secret::Secret;
use super::{Auth, Grant, revoked};

pub(super) fn grant(auth: &Auth, decl: &GrantDecl) -> Result<Grant, Failure> {
    let username = auth.credential("username")?;
    let password = auth.credential("password")?;
    if username.reveal().contains(':') {
        return Err(revoked("a `username` has no colon"));
    }
    let pair = STANDARD.encode(format!("{}:{}", username.reveal(), password.reveal()));
    let prefix = decl.prefix.as_deref().unwrap_or("Basic ");
    Ok(Grant { value: Secret::new(&format!("{prefix}{pair}")), expires_in: None, base_url: None })
}
