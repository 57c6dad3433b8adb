//! What each address needs. An address that does not stand here answers nobody: whoever adds one says who may.

use axum::http::Method;

use crate::journal::Role;

use Role::{Admin, Operator, Viewer};

/// Method, address as the router has it, and the least role.
const ROLES: &[(Method, &str, Role)] = &[
    (Method::GET, "/", Viewer),
    (Method::GET, "/calls", Viewer),
    (Method::GET, "/calls.csv", Viewer),
    (Method::GET, "/calls.json", Viewer),
    (Method::GET, "/calls/{id}", Viewer),
    (Method::GET, "/calls/{id}/payloads/{number}", Operator),
    (Method::POST, "/calls/{id}/retry", Operator),
    (Method::GET, "/calls/{id}/replan", Operator),
    (Method::POST, "/calls/{id}/replan", Operator),
    (Method::POST, "/calls/{id}/resolve", Operator),
    (Method::GET, "/dead", Viewer),
    (Method::POST, "/dead/retry", Operator),
    (Method::POST, "/dead/resolve", Operator),
    (Method::GET, "/dead/replan", Operator),
    (Method::POST, "/dead/replan", Operator),
    (Method::GET, "/reviews", Operator),
    (Method::POST, "/reviews/answer", Operator),
    (Method::GET, "/connections", Viewer),
    (Method::GET, "/v1/connections", Viewer),
    (Method::GET, "/config", Admin),
    (Method::GET, "/people", Admin),
    (Method::POST, "/people/add", Admin),
    (Method::POST, "/people/role", Admin),
    (Method::POST, "/people/disable", Admin),
    (Method::POST, "/people/password", Admin),
    (Method::POST, "/people/sign-out", Admin),
    (Method::POST, "/people/tokens/add", Admin),
    (Method::POST, "/people/tokens/revoke", Admin),
    (Method::GET, "/v1/people", Admin),
    (Method::GET, "/config/diff", Admin),
    (Method::GET, "/config/effect", Admin),
    (Method::GET, "/v1/config", Admin),
    (Method::GET, "/v1/config/diff", Admin),
    (Method::GET, "/v1/config/effect", Admin),
    (Method::GET, "/v1/log/calls", Viewer),
    (Method::GET, "/v1/log/calls/{id}", Viewer),
    (Method::POST, "/v1/log/calls/{id}/retry", Operator),
    (Method::POST, "/v1/log/calls/{id}/resolve", Operator),
    (Method::GET, "/v1/openapi.json", Viewer),
    (Method::GET, "/reconciliation", Viewer),
    (Method::POST, "/reconciliation/look", Operator),
    (Method::POST, "/reconciliation/fetch", Operator),
    (Method::GET, "/v1/reconciliation", Viewer),
    (Method::POST, "/v1/reconciliation/look", Operator),
    (Method::POST, "/v1/reconciliation/fetch", Operator),
    (Method::GET, "/events", Viewer),
    (Method::POST, "/sign-out", Viewer),
    (Method::GET, "/audit", Operator),
    (Method::GET, "/audit.csv", Operator),
    (Method::GET, "/v1/audit", Operator),
];

/// Every address behind the guard, with the least role that it needs.
pub fn roles() -> &'static [(Method, &'static str, Role)] {
    ROLES
}

/// The least role for a request. `None`: nobody has said.
pub(super) fn needs(method: &Method, address: &str) -> Option<Role> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    ROLES.iter().find(|(one, path, _)| one == method && *path == address).map(|(.., role)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_allowed_is_not() {
        assert_eq!(needs(&Method::HEAD, "/calls"), Some(Viewer));
        assert_eq!((needs(&Method::GET, "/sign-out"), needs(&Method::GET, "/calls/")), (None, None));
        let mut seen: Vec<String> = ROLES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), ROLES.len(), "each stands once");
    }
}
