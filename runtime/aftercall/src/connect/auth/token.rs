//! A token that goes into the header as it is.
//!
//! Read anew when the system refuses it, so that a rotated file or variable is taken over without a restart.

use aftercall_config::decl::GrantDecl;

use super::super::failure::Failure;
use super::super::secret::Secret;
use super::{Auth, Grant};

pub(super) fn grant(auth: &Auth, decl: &GrantDecl) -> Result<Grant, Failure> {
    let token = auth.credential("token")?;
    let prefix = decl.prefix.as_deref().unwrap_or("Bearer ");
    Ok(Grant { value: Secret::new(&format!("{prefix}{}", token.reveal())), expires_in: None, base_url: None })
}
