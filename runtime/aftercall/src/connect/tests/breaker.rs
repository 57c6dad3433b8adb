//! When a circuit opens, who asks whether the system is back, and when it closes.

use super::*;

fn breaker() -> Breaker {
    Breaker::new("crm", &BreakerDecl::default(), watch::Sender::new(0))
}

fn down() -> Failure {
    Failure::lost("no answer in time")
}

fn is_open(breaker: &Breaker) -> bool {
    breaker.admit().is_err()
}

#[track_caller]
fn asked_after(breaker: &Breaker, seconds: f64) {
    let next = breaker.next_probe().expect("somebody asks") - Instant::now();
    assert!((next.as_secs_f64() - seconds).abs() < 0.01, "{next:?} instead of {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn five_failures_open_it() {
    let breaker = breaker();
    (0..4).for_each(|_| breaker.heard(&down()));
    assert!(!is_open(&breaker));
    breaker.heard(&down());
    assert!(is_open(&breaker));
    let refused = breaker.admit().expect_err("left alone");
    assert!(refused.away && refused.certain && refused.message.contains("timeout"), "{}", refused.message);
    asked_after(&breaker, 15.0);
}

/// A busy system that fails now and then works; the same number of failures in a row means that it does not.
#[tokio::test(start_paused = true)]
async fn failures_among_answers_do_not() {
    let breaker = breaker();
    for _ in 0..20 {
        breaker.answered();
        breaker.heard(&down());
    }
    assert!(!is_open(&breaker));
}

#[tokio::test(start_paused = true)]
async fn old_failures_are_forgotten() {
    let breaker = breaker();
    for _ in 0..8 {
        breaker.heard(&down());
        tokio::time::advance(Duration::from_secs(20)).await;
    }
    assert!(!is_open(&breaker), "never more than four in a minute");
}

/// What is wrong with a request says nothing against the system.
#[tokio::test(start_paused = true)]
async fn refusals_do_not() {
    let breaker = breaker();
    for class in [ErrorClass::Invalid, ErrorClass::RateLimited, ErrorClass::Duplicate, ErrorClass::NotFound, ErrorClass::Busy] {
        (0..10).for_each(|_| breaker.heard(&Failure::unsent(class, "no").with(|f| f.status = Some(400))));
    }
    assert!(!is_open(&breaker));
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_ever_more_rarely_and_closes_after_two_answers() {
    let breaker = breaker();
    (0..5).for_each(|_| breaker.heard(&down()));
    for seconds in [30.0, 60.0, 120.0, 120.0] {
        assert!(!breaker.probed(&Err(down())));
        asked_after(&breaker, seconds);
    }
    assert!(!breaker.probed(&Ok(())));
    asked_after(&breaker, 1.0);
    assert!(!breaker.probed(&Err(down())), "once is not enough");
    assert!(!breaker.probed(&Ok(())));
    assert!(breaker.probed(&Ok(())));
    assert!(!is_open(&breaker) && breaker.next_probe().is_none());
}

/// Requests that were under way when it opened do not close it, whatever comes of them.
#[tokio::test(start_paused = true)]
async fn late_answers_do_not_close_it() {
    let breaker = breaker();
    (0..5).for_each(|_| breaker.heard(&down()));
    (0..50).for_each(|_| breaker.answered());
    assert!(is_open(&breaker));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_pause_it_at_once() {
    let door = breaker();
    door.not_let_in(&Failure::unsent(ErrorClass::AuthRevoked, "invalid_grant"));
    assert!(is_open(&door));
    asked_after(&door, 60.0);
    door.probed(&Err(Failure::unsent(ErrorClass::AuthRevoked, "invalid_grant")));
    asked_after(&door, 60.0);
    // Refused by an answer to one request: whether it is about us or about what it wanted is asked at once.
    let answer = breaker();
    answer.heard(&Failure::unsent(ErrorClass::AuthRevoked, "missing scope").with(|f| f.status = Some(403)));
    asked_after(&answer, 0.0);
}

/// One request is not let in, a permission for one object, say, and everything else is: it is asked once, and not again and again.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_request_is_asked_about_once() {
    let breaker = breaker();
    let refused = || Failure::unsent(ErrorClass::AuthRevoked, "no scope").with(|f| f.status = Some(403));
    breaker.heard(&refused());
    assert!(is_open(&breaker));
    asked_after(&breaker, 0.0);
    breaker.probed(&Ok(()));
    assert!(breaker.probed(&Ok(())), "it lets us in");
    breaker.heard(&refused());
    assert!(!is_open(&breaker), "it is about that request");
    breaker.not_let_in(&refused());
    assert!(is_open(&breaker), "no token is about us");
    breaker.probed(&Err(refused()));
    (0..2).for_each(|_| _ = breaker.probed(&Ok(())));
    breaker.heard(&refused());
    assert!(is_open(&breaker), "it was about us the last time");
}

/// It answers what it is asked, and fails at whatever else it is sent: it is left alone for longer each time.
#[tokio::test(start_paused = true)]
async fn one_that_only_seems_to_be_back_is_left_alone_for_longer() {
    let breaker = breaker();
    for seconds in [15.0, 30.0, 60.0, 120.0, 120.0] {
        (0..5).for_each(|_| breaker.heard(&down()));
        asked_after(&breaker, seconds);
        (0..2).for_each(|_| _ = breaker.probed(&Ok(())));
        assert!(!is_open(&breaker));
    }
    tokio::time::advance(Duration::from_secs(121)).await;
    (0..5).for_each(|_| breaker.heard(&down()));
    asked_after(&breaker, 15.0);
}
