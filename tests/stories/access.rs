//! Stories of who may look and act: users, sessions, tokens, a proxy in front.

use serde_json::{Value, json};

use crate::support::{Browser, Desk, Ran, aftercall, call, get, get_with, text};

/// What people of these stories sign in with.
pub(crate) const PASSWORD: &str = "a sentence that nobody guesses";

/// A user, made by the command as a person would.
#[track_caller]
pub(crate) fn user(desk: &Desk, name: &str, role: &str) -> Ran {
    aftercall(desk.root(), &["user", "add", name, "--role", role], format!("{PASSWORD}\n").as_bytes())
}

/// A token, made by the command.
#[track_caller]
pub(crate) fn token(desk: &Desk, name: &str, role: &str) -> String {
    desk.run(&["user", "token", "add", name, "--role", role]).exits(0).stdout.trim().to_owned()
}

fn bearer(token: &str) -> Vec<(String, String)> {
    vec![("authorization".to_owned(), format!("Bearer {token}"))]
}

/// Story: before there is a user, the pages answer this machine and nobody else; and they say how to change that.
#[test]
fn without_users_only_this_machine() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    assert_eq!(get(&format!("{}/calls", service.address)).status, 200);
    let from = |name: &str, value: &str| get_with(&format!("{}/calls", service.address), &[(name.to_owned(), value.to_owned())]);
    for (name, value) in [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-user", "ann"), ("forwarded", "for=203.0.113.9")] {
        let answer = from(name, value);
        if name == "x-forwarded-user" {
            assert_eq!(answer.status, 200, "it means nothing here");
            continue;
        }
        assert_eq!(answer.status, 403, "{name}");
        assert!(answer.body.contains("aftercall user add NAME --role admin"), "{}", answer.body);
    }
    let rebound = crate::support::raw(service.host(), b"GET /calls HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
    assert!(rebound.starts_with("HTTP/1.1 403"), "a page whose name was made to point here: {rebound}");
}

/// Story: the first user is made beside the running service; from then on everybody signs in, and what they do has their name.
#[test]
fn people_sign_in_and_out() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let weak = aftercall(desk.root(), &["user", "add", "olga", "--role", "admin"], b"short\n").exits(1);
    assert!(weak.stderr.contains("at least 12 characters"), "{}", weak.stderr);
    user(&desk, "olga", "admin").exits(0);
    assert!(user(&desk, "olga", "admin").exits(1).stderr.contains("already"));

    let nobody = get(&format!("{}/calls?day=2026-11-27", service.address));
    assert_eq!((nobody.status, nobody.header("location")), (303, Some("/sign-in?next=/calls%3Fday%3D2026-11-27")));
    assert_eq!(get(&format!("{}/v1/audit", service.address)).status, 401);

    let mut olga = Browser::at(&service.address);
    let wrong = olga.send("/sign-in", &[("name", "olga"), ("password", "not this one, no"), ("next", "/calls")]);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let unknown = olga.send("/sign-in", &[("name", "eve"), ("password", "not this one, no"), ("next", "/calls")]);
    assert_eq!((unknown.status, unknown.body == wrong.body), (401, true), "nobody learns who there is");
    let welcome = olga.send("/sign-in", &[("name", "olga"), ("password", PASSWORD), ("next", "/calls?day=2026-11-27")]);
    assert_eq!((welcome.status, welcome.header("location")), (303, Some("/calls?day=2026-11-27")));
    let cookie = welcome.header("set-cookie").unwrap_or_default();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let page = olga.get("/calls");
    assert!(page.status == 200 && page.body.contains("olga"), "{}", page.body);

    let stolen = olga.clone();
    let proof = olga.proof();
    assert_eq!(olga.send("/sign-out", &[("proof", &proof)]).status, 303);
    assert_eq!(olga.cookie, None, "the browser forgets it");
    assert_eq!(stolen.get("/calls").status, 303, "and so has the service");

    let trail = desk.run(&["audit", "--who", "olga", "--format", "json"]).exits(0).json();
    let did: Vec<&str> = trail["trail"].as_array().into_iter().flatten().map(|line| text(line, "what")).collect();
    assert_eq!(did, ["sign-out", "sign-in"]);
}

/// Story: whoever gets another role, another password or is kept out is signed out everywhere.
#[test]
fn a_change_ends_what_was_open() {
    let desk = Desk::salesforce();
    user(&desk, "ann", "viewer").exits(0);
    let service = desk.serve();
    let changes: [(&[&str], &str); 3] = [
        (&["user", "role", "ann", "operator"], ""),
        (&["user", "password", "ann"], "another sentence for ann here\n"),
        (&["user", "disable", "ann"], ""),
    ];
    let weak = aftercall(desk.root(), &["user", "password", "ann"], b"too short\n");
    assert_eq!(weak.code, Some(1));
    let mut password = PASSWORD;
    for (change, said) in changes {
        let ann = Browser::signed_in(&service.address, "ann", password);
        assert_eq!(ann.get("/calls").status, 200);
        aftercall(desk.root(), change, said.as_bytes()).exits(0);
        assert_eq!(ann.get("/calls").status, 303, "{change:?}");
        if !said.is_empty() {
            password = said.trim();
        }
    }
    let mut ann = Browser::at(&service.address);
    assert_eq!(ann.send("/sign-in", &[("name", "ann"), ("password", password)]).status, 401, "kept out");
    desk.run(&["user", "disable", "ann", "--undo"]).exits(0);
    Browser::signed_in(&service.address, "ann", password);
    let users = desk.run(&["user", "list", "--format", "json"]).exits(0);
    assert_eq!(users.json()["users"][0]["role"], json!("operator"));
    assert!(!users.stdout.contains("argon2"), "{}", users.stdout);
}

/// Story: a program speaks to `/v1/` with a token that is shown once, can do what its role can, and is void when it is revoked.
#[test]
fn programs_have_tokens() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let (operator, viewer) = (token(&desk, "dashboard", "operator"), token(&desk, "wall", "viewer"));
    let ask = |path: &str, token: &str| get_with(&format!("{}{path}", service.address), &bearer(token));
    assert_eq!(ask("/v1/audit", &operator).status, 200);
    let refused = ask("/v1/audit", &viewer);
    assert_eq!((refused.status, refused.json()["code"].clone()), (403, json!("role_too_low")), "{}", refused.body);
    assert_eq!(ask("/v1/audit", "aftercall_made-up").status, 401);
    user(&desk, "olga", "admin").exits(0);
    assert_eq!(ask("/calls", &operator).status, 303, "pages are for people");
    let listed = desk.run(&["user", "token", "list", "--format", "json"]).exits(0);
    assert!(!listed.stdout.contains(&operator), "a token is shown once");
    let used = listed.json()["tokens"].as_array().into_iter().flatten().filter(|token| !token["used_at"].is_null()).count();
    assert_eq!(used, 2);
    desk.run(&["user", "token", "revoke", "dashboard"]).exits(0);
    assert_eq!(ask("/v1/audit", &operator).status, 401);
    let log = service.log();
    assert!(!log.contains(&operator) && !log.contains(&viewer));
}

/// Story: a proxy that is trusted says who has signed in there; from anybody else that header means nothing.
#[test]
fn a_proxy_may_vouch() {
    let told = |proxies: &str| {
        let desk = Desk::salesforce();
        desk.add(
            "aftercall.toml",
            &format!(
                "\n[web]\ntrust_header = \"X-Forwarded-User\"\ntrusted_proxies = [\"{proxies}\"]\nroles = {{ olga = \"operator\" }}\n"
            ),
        );
        desk
    };
    let ask = |address: &str, path: &str, names: &[&str]| {
        let mut headers = vec![("x-forwarded-for".to_owned(), "203.0.113.9".to_owned())];
        headers.extend(names.iter().map(|name| ("x-forwarded-user".to_owned(), (*name).to_owned())));
        get_with(&format!("{address}{path}"), &headers)
    };
    let desk = told("127.0.0.1");
    let service = desk.serve();
    assert_eq!(ask(&service.address, "/v1/audit", &["olga"]).status, 200);
    assert_eq!(ask(&service.address, "/calls", &["eve"]).status, 403, "nobody has given eve a role");
    assert_eq!(ask(&service.address, "/calls", &["olga", "eve"]).status, 403, "two names are none");
    assert_eq!(ask(&service.address, "/calls", &[]).status, 403);
    let desk = told("10.0.0.0/8");
    let service = desk.serve();
    assert_eq!(ask(&service.address, "/calls", &["olga"]).status, 403, "this machine is no proxy there");
}

/// The lines of a JSON trail.
pub(crate) fn lines(trail: &Value) -> Vec<Value> {
    trail["trail"].as_array().cloned().unwrap_or_default()
}

/// Story: a viewer may see that somebody called, and not how they are reached or what they said: not digit by digit by searching, and not in
/// the words of a system that repeats what it was sent.
#[test]
fn what_a_viewer_cannot_find_out() {
    let desk = Desk::salesforce();
    desk.edit("mappings/acme/contact.toml", "[fields]\n", "[fields]\nDepartment = \"{{captured.condition}}\"\n");
    let service = desk.serve();
    let said = "gravely ill ".repeat(60);
    let caller = json!({"phone": "+15125559071", "name": "Tess Newman", "email": "tess@acme.example"});
    service.take(&call("c-1", json!({"outcome": "message", "caller": caller, "captured": {"condition": said}})));
    desk.settled(1);
    let (viewer, operator) = (bearer(&token(&desk, "dashboard", "viewer")), bearer(&token(&desk, "desk", "operator")));
    let found = |who: &[(String, String)], text: &str| {
        let answer = get_with(&format!("{}/v1/log/calls?q={text}", service.address), who);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["calls"].as_array().map_or(0, Vec::len)
    };
    for part in ["5559071", "tess%40ac", "n1709555", "etess", "Newm"] {
        assert_eq!(found(&viewer, part), 0, "{part}");
    }
    assert_eq!((found(&viewer, "Newman"), found(&viewer, "%2B15125559071"), found(&operator, "5559071")), (1, 1, 1));
    let told = |who: &[(String, String)]| get_with(&format!("{}/v1/log/calls/json%3Ac-1", service.address), who).body;
    assert!(told(&operator).contains("gravely ill"));
    let seen = told(&viewer);
    assert!(!seen.contains("gravely ill") && seen.contains("json:c-1"), "{seen}");
}
