//! What is answered to which request.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    extract::{RawQuery, State, rejection::StringRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use tokio_stream::{Stream, StreamExt as _, wrappers::WatchStream};

use super::{
    gate::{self, Gate},
    metrics::{self, Format},
    news::{NO_ANSWER, News},
    page,
};
use crate::serve::recorders::Refusal;

/// How many intervals, and seconds beside them, a reading may be late before the program is not well.
const LATE: (u32, Duration) = (3, Duration::from_secs(2));

/// All paths, where only who may write to a file connects.
pub fn local(news: News) -> Router {
    let paths = paths().route("/-/reload", post(reload)).route("/api/v1/record", post(record));
    paths.with_state(news)
}

/// All paths, where anybody connects.
pub fn remote(gate: Gate) -> Router {
    let news = gate.news.clone();
    let paths = paths()
        .route("/-/reload", post(refuse_reload))
        .route("/api/v1/record", post(refuse_record))
        .with_state(news);
    paths.layer(middleware::from_fn_with_state(gate, gate::guard))
}

fn paths() -> Router<News> {
    page::router()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/snapshot", get(snapshot))
        .route("/api/v1/stream", get(stream))
}

async fn metrics(State(news): State<News>, headers: HeaderMap) -> Response {
    let Some(arrived) = news.fresh().await else { return not_yet() };
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::wanted(accept);
    let encoded = metrics::encoded(&arrived.reading, news.pushes(), format);
    ([(CONTENT_TYPE, format.content_type())], encoded).into_response()
}

/// Whether counters are being read.
async fn healthz(State(news): State<News>) -> Response {
    let Some(tick) = news.tick() else { return not_yet() };
    let interval = Duration::from_secs_f64(tick.reading.interval_seconds.max(0.0));
    let (intervals, seconds) = LATE;
    let late = tick.at.elapsed();
    if late <= interval * intervals + seconds {
        return "ok\n".into_response();
    }
    let text = format!("the last reading is {:.1} s old\n", late.as_secs_f64());
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// Whether programs are attached.
async fn readyz(State(news): State<News>) -> Response {
    let Some(arrived) = news.newest() else { return not_yet() };
    let attached: u64 = arrived.reading.state.attached.iter().map(|(_, on)| on).sum();
    if attached > 0 {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "attached to no interface yet\n").into_response()
}

async fn snapshot(State(news): State<News>, headers: HeaderMap) -> Response {
    let Some(tick) = news.tick() else { return not_yet() };
    let tag = format!("\"{}\"", tick.reading.tag);
    let known =
        headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let fixed = [
        (ETAG, HeaderValue::try_from(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    if known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag || one.trim() == "*") {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (fixed, json, tick.reading.snapshot.clone()).into_response()
}

async fn stream(
    State(news): State<News>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let ticks = WatchStream::new(news.ticks()).filter_map(|tick| {
        let reading = &tick?.reading;
        let event = Event::default().event("snapshot").id(&reading.tag);
        Some(Ok(event.data(reading.snapshot.trim_end())))
    });
    Sse::new(ticks).keep_alive(KeepAlive::default())
}

async fn reload(State(news): State<News>) -> Response {
    match news.reload().await {
        Ok(()) => "reloaded\n".into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error + "\n").into_response(),
    }
}

async fn refuse_reload() -> Response {
    let text = "reloads are asked for by SIGHUP, or at a socket in the file system \
                (listen = \"unix:/PATH\")\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// Starts a recording: `rule=NAME` as the query or the body, or none of it for all recorders.
async fn record(
    State(news): State<News>,
    RawQuery(query): RawQuery,
    body: Result<String, StringRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return rejection.into_response(),
    };
    let asked = query.filter(|query| !query.is_empty()).unwrap_or(body);
    // A rule's name has no character that a form would escape.
    let rule = match asked.trim().strip_prefix("rule=") {
        Some(rule) => Some(rule.to_owned()),
        None if asked.trim().is_empty() => None,
        None => {
            return (StatusCode::BAD_REQUEST, "expected rule=NAME, or nothing\n").into_response();
        }
    };
    match news.record(rule).await {
        Some(Ok(rules)) => format!("recording {}\n", rules.join(", ")).into_response(),
        Some(Err(refusal)) => {
            let status = match &refusal {
                Refusal::Unknown(_) => StatusCode::NOT_FOUND,
                Refusal::Recording => StatusCode::CONFLICT,
                Refusal::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, format!("{refusal}\n")).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, format!("{NO_ANSWER}\n")).into_response(),
    }
}

async fn refuse_record() -> Response {
    let text = "recordings are asked for by SIGUSR2, or at a socket in the file system \
                (listen = \"unix:/PATH\")\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

pub(super) fn not_yet() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "nothing was read yet\n").into_response()
}
