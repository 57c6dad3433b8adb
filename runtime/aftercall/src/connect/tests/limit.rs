//! The pace under paused time.

use super::*;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::json;

fn limiter(decl: serde_json::Value) -> Arc<Limiter> {
    Arc::new(Limiter::new(&serde_json::from_value(decl).expect("limits")))
}

fn soon() -> Instant {
    Instant::now() + MAX_WAIT
}

fn header(name: &'static str, value: &str) -> HeaderMap {
    [(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))].into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn no_sliding_window_holds_more_than_allowed() {
    let limiter = limiter(json!({"concurrency": 100, "rate": [{"requests": 5, "per_s": 1}, {"requests": 12, "per_s": 10}]}));
    let start = Instant::now();
    let mut at = Vec::new();
    for _ in 0..24 {
        drop(limiter.turn(None, soon()).await.expect("a turn"));
        at.push(start.elapsed());
    }
    for (first, later) in at.iter().zip(&at[5..]) {
        assert!(*later - *first > Duration::from_secs(1), "{at:?}");
    }
    for (first, later) in at.iter().zip(&at[12..]) {
        assert!(*later - *first > Duration::from_secs(10), "{at:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(13), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let limiter = limiter(json!({"concurrency": 1, "rate": [{"requests": 1, "per_s": 1}]}));
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for i in 0..10 {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let turn = limiter.turn(None, soon()).await.expect("a turn");
            order.lock().expect("lock").push(i);
            drop(turn);
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.expect("a task");
    }
    assert_eq!(*order.lock().expect("lock"), (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_bucket_holds_up_nobody_else() {
    let limiter = limiter(json!({"concurrency": 2, "bucket": {"search": [{"requests": 1, "per_s": 10}]}}));
    drop(limiter.turn(Some("search"), soon()).await.expect("a turn"));
    let waits = Arc::clone(&limiter);
    let search = tokio::spawn(async move { waits.turn(Some("search"), soon()).await.map(|_| Instant::now()) });
    tokio::task::yield_now().await;
    assert_eq!(limiter.usage().waiting, 1);
    let start = Instant::now();
    for _ in 0..20 {
        drop(limiter.turn(None, soon()).await.expect("a turn"));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    let at = search.await.expect("a task").expect("a turn");
    assert!(at - start >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn holds_double_and_end() {
    let limiter = limiter(json!({}));
    for seconds in [1, 2, 4] {
        limiter.hold(None, ErrorClass::RateLimited, None);
        let start = Instant::now();
        drop(limiter.turn(None, soon()).await.expect("a turn"));
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
    limiter.went_through(None);
    limiter.hold(None, ErrorClass::RateLimited, None);
    assert_eq!(limiter.usage().held_for, Some(Duration::from_secs(1)));
    limiter.hold(None, ErrorClass::Quota, Some(Duration::from_secs(600)));
    let failure = limiter.turn(None, soon()).await.expect_err("too long");
    assert_eq!((failure.class, failure.certain, failure.retry_after), (ErrorClass::Quota, true, Some(Duration::from_secs(600))));
    let waited = Instant::now();
    assert!(limiter.turn(None, Instant::now() + Duration::from_secs(3)).await.is_err());
    assert_eq!(waited.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_system_says_how_much_is_left() {
    let limiter = limiter(json!({"remaining_header": "x-left", "window_ms_header": "x-window", "usage_header": "x-usage"}));
    limiter.heard(&header("x-left", "3"));
    drop(limiter.turn(None, soon()).await.expect("a turn"));
    let mut headers = header("x-left", "0");
    headers.extend(header("x-window", "2000"));
    headers.extend(header("x-usage", "api-usage=18/5000"));
    limiter.heard(&headers);
    let usage = limiter.usage();
    assert_eq!((usage.remaining, usage.allowance, usage.held_for), (Some(0), Some((18, 5000)), Some(Duration::from_secs(2))));
    let start = Instant::now();
    drop(limiter.turn(None, soon()).await.expect("a turn"));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_takes_nothing() {
    let limiter = limiter(json!({"concurrency": 1}));
    let turn = limiter.turn(None, soon()).await.expect("a turn");
    assert!(tokio::time::timeout(Duration::from_millis(1), limiter.turn(None, soon())).await.is_err());
    assert_eq!(limiter.usage().waiting, 0);
    drop(turn);
    drop(limiter.turn(None, soon()).await.expect("a turn"));
}

/// A turn that nothing limits costs microseconds at most; a slow, loaded machine gets five times that.
#[tokio::test]
async fn a_free_turn_costs_next_to_nothing() {
    let limiter = limiter(json!({"rate": [{"requests": 10_000_000, "per_s": 10}, {"requests": 100_000_000, "per_s": 86_400}]}));
    let start = std::time::Instant::now();
    for _ in 0..20_000 {
        drop(limiter.turn(None, soon()).await.expect("a turn"));
    }
    let each = start.elapsed() / 20_000;
    assert!(each < Duration::from_micros(25), "{each:?}");
}
