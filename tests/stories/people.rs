//! Stories of the page People: an admin lets somebody in, changes what they may do, and keeps them out; and cannot lock everybody out by a slip.

use serde_json::Value;

use crate::access::PASSWORD;
use crate::support::{Browser, Desk, aftercall, get, get_with, text};

/// What an admin's form says, with the proof that it carries.
#[track_caller]
fn send(admin: &mut Browser, path: &str, fields: &[(&str, &str)]) -> crate::support::Answer {
    let proof = admin.proof();
    let fields: Vec<(&str, &str)> = [("proof", proof.as_str())].into_iter().chain(fields.iter().copied()).collect();
    admin.send(path, &fields)
}

/// Story: nobody has used the command line. The first user is made on the page, and is an admin or nobody; from then on everybody signs in, and the admin lets
/// others in, changes their role, gives them another password, signs them out and keeps them out. Each stands on the trail.
#[test]
fn an_admin_lets_people_in_and_keeps_them_out() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    // There is no session yet, so its forms carry a proof of the page itself.
    let mut local = Browser::at(&service.address);
    let page = local.get("/people").body;
    assert!(page.contains("There is no user yet") && page.contains("Somebody new"), "{page}");
    let proof = page.split_once("name=\"proof\" value=\"").and_then(|(_, rest)| rest.split('"').next()).expect("a form").to_owned();
    let first = |role: &'static str, password: &'static str| {
        let fields = [("proof", proof.as_str()), ("name", "olga"), ("role", role), ("password", password)];
        Browser::at(&service.address).send("/people/add", &fields)
    };
    for (role, password) in [("viewer", PASSWORD), ("admin", "")] {
        let refused = first(role, password);
        assert!(refused.status == 400 && refused.body.contains("the first user is an admin with a password"), "{}", refused.body);
    }
    assert_eq!(first("admin", PASSWORD).status, 303);
    assert_eq!(local.get("/people").status, 303, "from now on everybody signs in");
    assert_eq!(
        local
            .send("/people/add", &[("proof", &proof), ("name", "eve"), ("role", "admin"), ("password", PASSWORD)])
            .header("location")
            .map(|to| to.starts_with("/sign-in")),
        Some(true)
    );

    let mut olga = Browser::signed_in(&service.address, "olga", PASSWORD);
    let add = |olga: &mut Browser, name: &str, password: &str| {
        send(olga, "/people/add", &[("name", name), ("role", "viewer"), ("password", password)])
    };
    let weak = add(&mut olga, "vera", "too short");
    assert!(weak.status == 400 && weak.body.contains("at least 12 characters"), "{}", weak.body);
    let wrong = add(&mut olga, "<b>vera", PASSWORD);
    assert!(wrong.status == 400 && wrong.body.contains("is no name") && !wrong.body.contains("<b>vera"), "{}", wrong.body);
    assert_eq!(add(&mut olga, "vera", PASSWORD).header("location"), Some("/people?done=add"));
    let taken = add(&mut olga, "vera", PASSWORD);
    assert!(taken.status == 409 && taken.body.contains("already"), "{}", taken.body);
    let shown = olga.get("/people?done=add").body;
    for expected in ["They may sign in.", "vera", "(you)", "aria-label=\"Keep out vera\"", "New password of vera"] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    assert!(!shown.contains("argon2"), "{shown}");

    let mut password = PASSWORD;
    let changes: [(&str, &[(&str, &str)]); 4] = [
        ("/people/role", &[("name", "vera"), ("role", "operator")]),
        ("/people/sign-out", &[("name", "vera")]),
        ("/people/password", &[("name", "vera"), ("password", "another sentence, for her alone")]),
        ("/people/disable", &[("name", "vera"), ("disabled", "yes")]),
    ];
    for (path, fields) in changes {
        let mut vera = Browser::signed_in(&service.address, "vera", password);
        assert_eq!(vera.get("/calls").status, 200);
        assert_eq!(send(&mut vera, "/people/role", &[("name", "vera"), ("role", "admin")]).status, 403, "nobody makes themselves an admin");
        assert_eq!(send(&mut olga, path, fields).status, 303, "{path}");
        assert_eq!(vera.get("/calls").status, 303, "{path} ends what is open");
        if path == "/people/password" {
            password = "another sentence, for her alone";
        }
    }
    let mut vera = Browser::at(&service.address);
    assert_eq!(vera.send("/sign-in", &[("name", "vera"), ("password", password)]).status, 401, "kept out");
    assert_eq!(send(&mut olga, "/people/disable", &[("name", "vera"), ("disabled", "no")]).status, 303);
    Browser::signed_in(&service.address, "vera", password);
    assert_eq!(send(&mut olga, "/people/role", &[("name", "nobody"), ("role", "viewer")]).status, 404);

    let trail = desk.run(&["audit", "--who", "olga", "--format", "json"]).exits(0).json();
    let mut did: Vec<&str> = trail["trail"].as_array().into_iter().flatten().map(|line| text(line, "what")).collect();
    did.reverse();
    let expected = ["sign-in", "user add", "user role", "user sign-out", "user password", "user disable", "user enable"];
    assert_eq!(did, expected, "{trail:#}");
}

/// Story: the only admin is about to give it away. Page and command say plainly that nobody would be left; the command does it when it is told to.
#[test]
fn the_only_admin_cannot_be_lost_by_a_slip() {
    let desk = Desk::salesforce();
    crate::access::user(&desk, "olga", "admin").exits(0);
    let service = desk.serve();
    let mut olga = Browser::signed_in(&service.address, "olga", PASSWORD);
    for (path, field) in [("/people/role", ("role", "viewer")), ("/people/disable", ("disabled", "yes"))] {
        let refused = send(&mut olga, path, &[("name", "olga"), field]);
        assert!(refused.status == 409 && refused.body.contains("`olga` is the only admin who is not kept out"), "{path}: {}", refused.body);
    }
    assert_eq!(olga.get("/people").status, 200, "nothing was done, so she is still signed in");
    for args in [["user", "role", "olga", "viewer"].as_slice(), &["user", "disable", "olga"]] {
        let refused = desk.run(args).exits(1);
        assert!(refused.stderr.contains("make somebody else an admin first, or say --force"), "{}", refused.stderr);
    }
    crate::access::user(&desk, "ben", "admin").exits(0);
    desk.run(&["user", "sign-out", "olga"]).exits(0);
    assert_eq!(olga.get("/people").status, 303);
    let mut olga = Browser::signed_in(&service.address, "olga", PASSWORD);
    assert_eq!(send(&mut olga, "/people/role", &[("name", "olga"), ("role", "viewer")]).status, 303, "there is another one now");
    desk.run(&["user", "disable", "ben", "--force"]).exits(0);
    let users = desk.run(&["user", "list", "--format", "json"]).exits(0).json();
    let stand: Vec<(&str, &str, &Value)> =
        users["users"].as_array().into_iter().flatten().map(|user| (text(user, "name"), text(user, "role"), &user["disabled"])).collect();
    assert_eq!(stand, [("ben", "admin", &Value::Bool(true)), ("olga", "viewer", &Value::Bool(false))]);
}

/// Story: a dashboard needs a token. The page makes one and shows it once; the program asks with it, until it is revoked.
#[test]
fn a_programs_token_is_made_and_revoked() {
    let desk = Desk::salesforce();
    crate::access::user(&desk, "olga", "admin").exits(0);
    let service = desk.serve();
    let mut olga = Browser::signed_in(&service.address, "olga", PASSWORD);
    let wrong = send(&mut olga, "/people/tokens/add", &[("name", "wall"), ("role", "viewer"), ("expires", "soon")]);
    assert!(wrong.status == 400 && wrong.body.contains("a duration such as"), "{}", wrong.body);
    let made = send(&mut olga, "/people/tokens/add", &[("name", "wall"), ("role", "viewer"), ("expires", "90d")]);
    assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")), "{}", made.body);
    let at = made.body.find("aftercall_").expect("the token is shown");
    let token: String = made.body[at..].chars().take_while(|c| *c != '<').collect();
    let ask = || get_with(&format!("{}/v1/log/calls", service.address), &[("authorization".to_owned(), format!("Bearer {token}"))]).status;
    assert_eq!(ask(), 200);
    let shown = olga.get("/people").body;
    assert!(shown.contains("wall") && !shown.contains(&token), "it is shown once:\n{shown}");
    let listed = olga.get("/v1/people").json();
    assert_eq!((text(&listed["users"][0], "name"), text(&listed["tokens"][0], "role")), ("olga", "viewer"), "{listed:#}");
    assert_eq!(send(&mut olga, "/people/tokens/revoke", &[("name", "wall")]).status, 303);
    assert_eq!(ask(), 401);
    assert_eq!(get(&format!("{}/v1/people", service.address)).status, 401);
    assert!(!aftercall(desk.root(), &["audit", "--format", "json"], b"").stdout.contains(&token));
}
