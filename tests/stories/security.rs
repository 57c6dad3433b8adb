//! Stories of people who mean harm: each tries one thing, over real HTTP, and gets nowhere.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use aftercall::journal::Role;
use aftercall::web::roles;
use jiff::SignedDuration;
use serde_json::json;

use crate::access::{PASSWORD, token, user};
use crate::support::{Browser, Desk, Running, call, get, get_with, post, raw, repository, secret, send, signed, signed_at, text};

/// A call whose words are markup and a formula.
const MARKUP: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";

/// Headers, or the fields of a form.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A desk with an admin, a service, and the admin's browser.
fn with_admin() -> (Desk, Running, Browser) {
    let desk = Desk::salesforce();
    user(&desk, "olga", "admin").exits(0);
    let service = desk.serve();
    let olga = Browser::signed_in(&service.address, "olga", PASSWORD);
    (desk, service, olga)
}

/// Story: a page of somebody else has the browser send a form. Nothing happens, whatever it sends along.
#[test]
fn another_site_changes_nothing() {
    let (_desk, service, olga) = with_admin();
    let proof = olga.proof();
    let out = |from: Pairs<'_>, fields: Pairs<'_>| olga.clone().send_from("/sign-out", fields, from);
    let own = [("origin", service.address.as_str()), ("sec-fetch-site", "same-origin")];
    let cases: [(&str, Pairs<'_>, Pairs<'_>); 6] = [
        ("another origin", &[("origin", "https://evil.example")], &[("proof", &proof)]),
        ("a page without an origin", &[("origin", "null")], &[("proof", &proof)]),
        ("the browser says so", &[("sec-fetch-site", "cross-site")], &[("proof", &proof)]),
        ("a neighbour", &[("sec-fetch-site", "same-site"), ("origin", &service.address)], &[("proof", &proof)]),
        ("no proof", &own, &[]),
        ("a proof that was made up", &own, &[("proof", "AAAA")]),
    ];
    for (what, from, fields) in cases {
        assert_eq!(out(from, fields).status, 403, "{what}");
        assert_eq!(olga.get("/calls").status, 200, "{what}: still signed in");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json"] {
        let cookie = olga.cookie.clone().unwrap_or_default();
        let headers = [("cookie", cookie.as_str()), ("content-type", kind), ("origin", "https://evil.example")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let refused = post(&format!("{}/v1/log/calls/json:one/resolve", service.address), &headers, b"{\"reason\": \"so\"}");
        assert_eq!(refused.status, 403, "{kind}: {}", refused.body);
    }
    let forced = Browser::at(&service.address).send_from(
        "/sign-in",
        &[("name", "olga"), ("password", PASSWORD)],
        &[("origin", "https://evil.example")],
    );
    assert_eq!((forced.status, forced.header("set-cookie")), (403, None), "nobody is signed in by another site");
    assert_eq!(out(&own, &[("proof", &proof)]).status, 303, "and the real one works");
}

/// Story: a form that somebody else's session has made is not believed.
#[test]
fn a_proof_is_of_one_session() {
    let (desk, service, olga) = with_admin();
    user(&desk, "ben", "admin").exits(0);
    let mut ben = Browser::signed_in(&service.address, "ben", PASSWORD);
    assert_eq!(ben.send("/sign-out", &[("proof", &olga.proof())]).status, 403);
    let again = Browser::signed_in(&service.address, "olga", PASSWORD);
    assert_ne!(again.proof(), olga.proof(), "not even of an older one of hers");
}

/// Story: an id that somebody put into the browser beforehand is worth nothing after signing in, and one that is over is worth nothing.
#[test]
fn a_session_is_one_that_we_made() {
    let (desk, service, olga) = with_admin();
    let planted = "aftercall=0000000000000000000000000000000000000000000";
    let mut victim = Browser { cookie: Some(planted.to_owned()), ..Browser::at(&service.address) };
    assert_eq!(victim.get("/calls").status, 303);
    let welcome = victim.send("/sign-in", &[("name", "olga"), ("password", PASSWORD)]);
    assert_eq!(welcome.status, 303);
    assert_ne!(victim.cookie.as_deref(), Some(planted), "a new id at each sign-in");
    assert_eq!(Browser { cookie: Some(planted.to_owned()), ..victim.clone() }.get("/calls").status, 303);
    let first = victim.clone();
    assert_eq!(victim.send("/sign-in", &[("name", "olga"), ("password", PASSWORD)]).status, 303);
    assert_eq!((first.get("/calls").status, victim.get("/calls").status), (303, 200), "the one before ends");
    assert_eq!(Browser::at(&service.address).get("/calls").status, 303, "none at all");

    // The time of a session cannot be waited for in a story, so it is set to be over.
    let db = rusqlite::Connection::open(desk.root().join("state/aftercall.db")).expect("the journal");
    db.busy_timeout(std::time::Duration::from_secs(10)).expect("a setting");
    let kept: i64 = db.query_row("SELECT count(*) FROM sessions WHERE length(key) = 32", [], |row| row.get(0)).expect("a count");
    assert_eq!(kept, 2, "hashes are kept, and nothing that a browser sends");
    db.execute("UPDATE sessions SET ends_at = 1", []).expect("a change");
    assert_eq!((olga.get("/calls").status, victim.get("/calls").status), (303, 303));
}

/// Story: each address needs a role, and gives nothing to whoever has less. One that is added without saying so answers nobody.
#[test]
fn every_address_has_a_role() {
    let (desk, service, olga) = with_admin();
    user(&desk, "ben", "operator").exits(0);
    user(&desk, "vera", "viewer").exits(0);
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield"});
    service.take(&call("one", json!({"caller": caller})));
    desk.settled(1);
    let people =
        [(Role::Viewer, "vera"), (Role::Operator, "ben")].map(|(role, name)| (role, Browser::signed_in(&service.address, name, PASSWORD)));
    let everybody = people.into_iter().chain([(Role::Admin, olga)]);
    let endless = "/events";
    for (role, browser) in everybody {
        for (method, path, needs) in roles().iter().filter(|(_, path, _)| *path != endless && *path != "/sign-out") {
            let path = path.replace("{id}", "json%3Aone").replace("{number}", "1");
            let from = [("origin", service.address.as_str())];
            let answer =
                if *method == "GET" { browser.get(&path) } else { browser.clone().send_from(&path, &[("proof", &browser.proof())], &from) };
            let refused = answer.status == 403;
            assert_eq!(refused, role < *needs, "{role} at {method} {path}: {} {}", answer.status, answer.body);
            assert!(answer.status < 500, "{role} at {method} {path}: {} {}", answer.status, answer.body);
        }
    }
    for (method, path, _) in roles() {
        let path = path.replace("{id}", "json%3Aone").replace("{number}", "1");
        let answer = send(method.as_str(), &format!("{}{path}", service.address), &[], b"");
        let closed = if path.starts_with("/v1/") { 401 } else { 303 };
        assert_eq!(answer.status, closed, "nobody at {method} {path}");
    }
}

/// Story: a viewer's pages hold no number, no address and no value that the caller gave.
#[test]
fn who_may_only_look_sees_no_numbers() {
    let (desk, service, olga) = with_admin();
    user(&desk, "vera", "viewer").exits(0);
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield", "email": "nora.w@example.org"});
    service.take(&call("one", json!({"caller": caller})));
    desk.settled(1);
    let vera = Browser::signed_in(&service.address, "vera", PASSWORD);
    let hidden = ["5125550142", "512 555 0142", "nora.w@example.org"];
    for path in
        ["/calls?day=all", "/calls.csv?day=all", "/calls.json?day=all", "/calls/json%3Aone", "/v1/log/calls", "/v1/log/calls/json%3Aone"]
    {
        let (all, masked) = (olga.get(path), vera.get(path));
        assert_eq!((all.status, masked.status), (200, 200), "{path}");
        assert!(hidden.iter().any(|word| all.body.contains(word)), "{path}: an admin sees it:\n{}", all.body);
        for word in hidden {
            assert!(!masked.body.contains(word), "{path} shows {word}");
        }
    }
    assert_eq!(olga.get("/audit").status, 200);
    assert_eq!(vera.get("/audit").status, 403, "the trail has values");
}

/// Story: a caller's name and words are markup. Every page shows them, and none runs them.
#[test]
fn what_a_caller_says_never_runs() {
    let (desk, service, olga) = with_admin();
    let caller = json!({"phone": "+15125559002", "name": format!("Eve {MARKUP}"), "email": "eve@example.org"});
    service.take(&call("one", json!({"outcome": "message", "summary": MARKUP, "caller": caller, "captured": {"note": MARKUP}})));
    desk.settled(1);
    desk.run(&["resolve", "json:one", "--reason", MARKUP, "--by", MARKUP]);
    let mut shown = 0;
    for (method, path, _) in roles() {
        if *method != "GET" || *path == "/events" {
            continue;
        }
        let path = path.replace("{id}", "json%3Aone").replace("{number}", "1");
        let more = if path.contains('?') { String::new() } else { format!("?q={}", crate::support::escaped(MARKUP)) };
        for path in [path.clone(), format!("{path}{more}")] {
            let page = olga.get(&path);
            let kind = page.header("content-type").unwrap_or_default().to_owned();
            assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
            let policy = page.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
            if kind.starts_with("text/html") {
                assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x"), "{path}:\n{}", page.body);
                shown += usize::from(page.body.contains("&lt;script&gt;alert(1)"));
            }
        }
    }
    assert!(shown > 0, "it is shown somewhere, as text");
}

/// Story: too much, too long and too slow are refused or waited for, and everybody else is served meanwhile.
#[test]
fn too_much_and_too_slow() {
    let (_desk, service, olga) = with_admin();
    let large = olga.clone().send("/sign-in", &[("name", "olga"), ("password", &"a".repeat(1_000_000))]);
    assert!(matches!(large.status, 400 | 413), "{}", large.status);
    let large = olga.clone().send("/sign-out", &[("proof", &"a".repeat(1_000_000))]);
    assert!(matches!(large.status, 400 | 403 | 413), "{}", large.status);
    let long = raw(service.host(), format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "a".repeat(200_000)).as_bytes());
    assert!(long.is_empty() || long.starts_with("HTTP/1.1 4"), "{long}");
    let many: String = (0..5000).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = raw(service.host(), format!("GET /calls HTTP/1.1\r\nhost: x\r\n{many}connection: close\r\n\r\n").as_bytes());
    assert!(many.is_empty() || many.starts_with("HTTP/1.1 4"), "{many}");
    // Half a request each, and never the rest.
    let slow: Vec<TcpStream> = (0..200)
        .map(|n| {
            let mut stream = TcpStream::connect(service.host()).expect("a connection");
            let head = if n % 2 == 0 {
                "GET /calls HTTP/1.1\r\nhost: x\r\nx-slow: "
            } else {
                "POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\nname="
            };
            stream.write_all(head.as_bytes()).expect("it takes the beginning");
            stream
        })
        .collect();
    assert_eq!(olga.get("/calls").status, 200, "whoever does speak is served");
    assert_eq!(slow.len(), 200);
}

/// Story: whoever opens more connections than there are places, and says nothing, keeps nobody out.
#[test]
fn silence_takes_no_place() {
    let (_desk, service, olga) = with_admin();
    let mut silent = Vec::new();
    let address = service.host().parse().expect("an address");
    let connect = |seconds| TcpStream::connect_timeout(&address, Duration::from_secs(seconds));
    for n in 0..1200 {
        match connect(10) {
            Ok(mut stream) => {
                // Half of them have asked something before.
                if n % 2 == 0 {
                    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /cal");
                }
                silent.push(stream);
            }
            Err(error) => {
                assert!(n > 1030, "only {n} connections can be opened here: {error}; allow more open files (`ulimit -n 4096`)");
                break;
            }
        }
    }
    // Long before those who are silent would have been sent away for that.
    let mut speaks = connect(30).expect("a connection");
    speaks.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    speaks.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    speaks.read_to_string(&mut answer).expect("whoever does speak is served");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(silent);
    assert_eq!(olga.get("/calls").status, 200);
}

/// Story: so many pages listen for news that there is no room for more. Whoever comes too late is told so, and calls still come in.
#[test]
fn pages_that_listen_leave_room_for_calls() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let mut listening = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(service.host()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
        stream.write_all(format!("GET /events HTTP/1.1\r\nhost: {}\r\n\r\n", service.host()).as_bytes()).expect("a request");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer");
        let expected: &[u8] = if n < 256 { b"HTTP/1.1 200" } else { b"HTTP/1.1 503" };
        assert_eq!(head, expected, "{n}");
        listening.push(stream);
    }
    service.take(&call("c-1", json!({"outcome": "message", "caller": {"phone": "+15125559001", "name": "Tess Newman"}})));
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
}

/// Story: no path leads out of what we serve, and none makes the service stumble.
#[test]
fn no_path_leads_out() {
    let (_desk, service, olga) = with_admin();
    let long = format!("/calls/{}", "a".repeat(8000));
    let paths = [
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/calls/..%2f..%2faftercall.toml",
        "/calls/%2e%2e/%2e%2e/secrets/VAPI_SECRET",
        "/assets/../aftercall.toml",
        "/assets/..%2faftercall.toml",
        "/calls/%00",
        "/calls/a%00b",
        "/calls/%ff%fe",
        "/calls/%",
        "//evil.example/calls",
        "/calls//",
        "/calls/json:one%20OR%201=1",
        "/audit?after=w1.2'--",
        "/audit?record=%00%27%3B--",
        "/calls?q=%25%27%22%00*",
        "/calls?day=all&q=%00%22%20OR%201",
        "/v1/audit?limit=-1",
        "/v1/audit?limit=99999999999999999999",
        "/.env",
        "/state/aftercall.db",
        long.as_str(),
    ];
    for path in paths {
        let answer = olga.get(path);
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.body);
        let leaked = ["root:", "[connection.", "whsec-of-", "SQLite format"].iter().find(|word| answer.body.contains(**word));
        assert_eq!(leaked, None, "{path}");
    }
    assert_eq!(get(&format!("{}/healthz", service.address)).status, 200);
}

/// Story: a payload that is forged, changed, signed with another secret, or sent again a day later is not a call.
#[test]
fn forged_and_replayed_payloads() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let body = std::fs::read(repository().join("examples/front-desk/calls/01-known-booked.json")).expect("a payload");
    let to = service.endpoint("vapi");
    let changed = [body.as_slice(), b" "].concat();
    assert_eq!(post(&to, &[], &body).status, 401, "not signed");
    assert_eq!(post(&to, &signed("vapi", &body), &changed).status, 401, "changed");
    assert_eq!(post(&to, &signed_at("vapi", "another secret altogether", &body, SignedDuration::ZERO), &body).status, 401);
    assert_eq!(post(&to, &signed_at("vapi", &secret("vapi"), &body, SignedDuration::from_hours(24)), &body).status, 401, "a day old");
    assert!(desk.statuses().is_empty());
    let genuine = signed("vapi", &body);
    assert_eq!(post(&to, &genuine, &body).status, 202);
    let again = post(&to, &genuine, &body);
    assert_eq!((again.status, text(&again.json(), "status")), (200, "duplicate"), "word for word the same, at once");
    assert_eq!(desk.settled(1).len(), 1);
}

/// Story: the log of a day on which everything happened, with everything in it that can be said, holds no secret.
#[test]
fn no_secret_in_the_log() {
    let desk = Desk::salesforce();
    user(&desk, "olga", "admin").exits(0);
    let token = token(&desk, "dashboard", "operator");
    let service = Running::start_talkative(desk.root());
    let mut olga = Browser::signed_in(&service.address, "olga", PASSWORD);
    let (cookie, proof) = (olga.cookie.clone().unwrap_or_default(), olga.proof());
    olga.send("/sign-in", &[("name", "my own password instead"), ("password", "wrong, and long enough")]);
    get_with(&format!("{}/v1/audit", service.address), &[("authorization".to_owned(), format!("Bearer {token}"))]);
    service.take(&call("one", json!({"caller": {"phone": "+15125550142", "name": "Nora Whitfield"}})));
    let vapi = std::fs::read(repository().join("examples/front-desk/calls/01-known-booked.json")).expect("a payload");
    assert_eq!(service.deliver("vapi", &vapi).status, 202);
    post(&service.endpoint("vapi"), &signed_at("vapi", "a secret that is wrong", &vapi, SignedDuration::ZERO), &vapi);
    desk.settled(2);
    olga.send("/sign-out", &[("proof", &proof)]);
    let log = service.terminate().stderr;
    assert!(log.contains("TRACE"), "it says everything that it can");
    let mut secrets: Vec<(String, String)> = vec![
        ("the password".to_owned(), PASSWORD.to_owned()),
        ("a wrong password".to_owned(), "wrong, and long enough".to_owned()),
        ("what was typed as a name".to_owned(), "my own password instead".to_owned()),
        ("the token".to_owned(), token),
        ("the session".to_owned(), cookie.split_once('=').map(|(_, id)| id.to_owned()).unwrap_or_default()),
        ("the proof".to_owned(), proof),
    ];
    for entry in std::fs::read_dir(desk.root().join("secrets")).expect("the secrets").flatten() {
        let value = std::fs::read_to_string(entry.path()).expect("a secret").trim().to_owned();
        // The stand-ins' client id is no secret, and is a word of the log.
        if !value.ends_with("client") && !value.ends_with("secret") {
            secrets.push((entry.file_name().to_string_lossy().into_owned(), value));
        }
    }
    for (what, value) in secrets {
        assert!(value.len() > 8, "{what}");
        let line = log.lines().find(|line| line.contains(&value));
        assert_eq!(line, None, "{what} is in the log");
    }
}

/// Story: after signing in nobody is led to another site, and nothing that is typed becomes a header.
#[test]
fn nobody_is_led_elsewhere() {
    let (_desk, service, _olga) = with_admin();
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/calls\r\nset-cookie: a=b",
    ] {
        let answer = Browser::at(&service.address).send("/sign-in", &[("name", "olga"), ("password", PASSWORD), ("next", next)]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/calls")), "{next:?}");
        let cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie").count();
        assert_eq!(cookies, 1, "{next:?}");
        let page = get(&format!("{}/sign-in?next={}", service.address, crate::support::escaped(next)));
        assert!(!page.body.contains("evil.example") && !page.body.contains("javascript:"), "{next:?}");
    }
    let split = get(&format!("{}/calls?a=%0d%0aset-cookie:%20a=b", service.address));
    assert_eq!((split.status, split.header("set-cookie")), (303, None));
}

/// Story: somebody tries passwords. After a few the answer is the same for any, also after a restart; others sign in meanwhile.
#[test]
fn passwords_cannot_be_tried_for_long() {
    let (desk, service, _) = with_admin();
    user(&desk, "ben", "viewer").exits(0);
    for name in ["ben", "nobody"] {
        for number in 0..5 {
            let answer =
                Browser::at(&service.address).send("/sign-in", &[("name", name), ("password", &format!("a wrong one, number {number}"))]);
            assert_eq!(answer.status, 401, "{name} {number}");
        }
        let enough = Browser::at(&service.address).send("/sign-in", &[("name", name), ("password", PASSWORD)]);
        assert_eq!(enough.status, 429, "{name}: not even the right one");
        let wait: u32 = enough.header("retry-after").and_then(|wait| wait.parse().ok()).unwrap_or_default();
        assert!((1..=900).contains(&wait), "{wait}");
    }
    Browser::signed_in(&service.address, "olga", PASSWORD);
    service.terminate().exits(0);
    let service = desk.serve();
    let after = Browser::at(&service.address).send("/sign-in", &[("name", "ben"), ("password", PASSWORD)]);
    assert_eq!(after.status, 429, "a restart is no way around");
    Browser::signed_in(&service.address, "olga", PASSWORD);
}
