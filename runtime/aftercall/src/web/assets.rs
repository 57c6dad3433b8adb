//! The style sheet and the script, under names that change with them, so that a browser keeps them for ever.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use sha2::{Digest as _, Sha256};

/// A file of ours.
struct Asset {
    path: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(name: &str, end: &str, kind: &'static str, text: &'static str) -> Self {
        let digest: String = Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("/assets/{name}-{digest}.{end}"), kind, text }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| Asset::new("app", "css", "text/css; charset=utf-8", include_str!("assets/app.css")));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::new("app", "js", "text/javascript; charset=utf-8", include_str!("assets/app.js")));

static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// Where the icon is.
pub(super) fn icon() -> &'static str {
    &ICON.path
}

/// Where the style sheet is.
pub(super) fn style() -> &'static str {
    &STYLE.path
}

/// Where the script is.
pub(super) fn script() -> &'static str {
    &SCRIPT.path
}

/// The routes. Nothing in them is anybody's, so whoever asks gets it.
pub(super) fn router() -> Router {
    [&STYLE, &SCRIPT, &ICON].into_iter().fold(Router::new(), |router, asset| {
        let answer = move || async move {
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text).into_response()
        };
        router.route(&asset.path, get(answer))
    })
}
