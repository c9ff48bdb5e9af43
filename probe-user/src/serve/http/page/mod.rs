//! The page: tables that are made here for each request, which a module of JavaScript keeps up to date
//! and draws charts to. Without JavaScript it is the tables.
//!
//! Names, filters, addresses and sentences come from a configuration or from frames. They go through
//! `html!`, which escapes them, and through [`visible`], which shows control characters; the module
//! copies text, never HTML. Nothing comes from elsewhere, and nothing
//! runs that does not stand in a file of its own (Content-Security-Policy).

mod tables;

use axum::{
    Router,
    extract::State,
    http::{
        HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
    routing::get,
};
use maud::{DOCTYPE, Markup, html};
use probe_frame::visible;

use super::news::News;
use crate::{snapshot::Snapshot, text::grouped};

/// What a browser may load and run: files of this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files beside the page: path, type, content.
const FILES: [(&str, &str, &str); 3] = [
    ("/page.css", "text/css; charset=utf-8", include_str!("page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page.js")),
    ("/icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// The page and its files.
pub fn router() -> Router<News> {
    let file = |(path, kind, text)| (path, get(move || async move { answer(kind, text) }));
    FILES
        .map(file)
        .into_iter()
        .fold(Router::new().route("/", get(page)), |router, (path, handler)| {
            router.route(path, handler)
        })
}

async fn page(State(news): State<News>) -> Response {
    let Some(tick) = news.tick() else { return super::routes::not_yet() };
    match serde_json::from_str(&tick.reading.snapshot) {
        Ok(shown) => answer("text/html; charset=utf-8", document(&shown).into_string()),
        // Both are of one program.
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn answer(kind: &'static str, body: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}

/// Parts of the page: what they are called in links, their titles, and whether there is anything in
/// them.
fn parts(shown: &Snapshot) -> [(&'static str, &'static str, bool, Markup); 6] {
    let rules = &shown.rules;
    [
        ("rules", "Rules", !rules.is_empty(), tables::rules(rules)),
        ("sources", "Sources", rules.iter().any(|it| !it.top.is_empty()), tables::tops(rules)),
        (
            "distinct",
            "How many different",
            rules.iter().any(|it| !it.distinct.is_empty()),
            tables::distinct(rules),
        ),
        ("ports", "Ports", !shown.ports.is_empty(), tables::ports(&shown.ports)),
        ("losses", "Losses", true, tables::lost(&shown.lost)),
        (
            "recorders",
            "Recorders",
            !shown.recorders.is_empty(),
            tables::recorders(&shown.recorders),
        ),
    ]
}

/// The whole page. Its parts are all there always, in this order, so that the module can go through an
/// older one and a newer one side by side; what it makes itself is in elements with `data-own`.
fn document(shown: &Snapshot) -> Markup {
    let parts = parts(shown);
    let hidden = |is_there: bool| if is_there { "" } else { "none" };
    let interfaces: Vec<String> = shown.interfaces.iter().map(|name| visible(name)).collect();
    let places = if interfaces.is_empty() { "no interface".into() } else { interfaces.join(", ") };
    let hook = if shown.hook.is_empty() { String::new() } else { format!(" ({})", shown.hook) };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "probe: " (places) }
                link rel="icon" href="/icon.svg";
                link rel="stylesheet" href="/page.css";
                script type="module" src="/page.js" {}
            }
            body {
                header {
                    h1 { "probe" }
                    p { (places) (hook) }
                    p.quiet { "as of " time { (visible(&shown.time)) } }
                    p #state .state role="status" data-own="" hidden {}
                    button #pause type="button" data-own="" hidden { "Pause" }
                }
                noscript {
                    p { "These are the counts of the moment when the page was asked for. "
                        a href="/" { "Read them again" } }
                }
                nav aria-label="Parts of the page" {
                    ul {
                        @for (id, title, is_there, _) in &parts {
                            li class=(hidden(*is_there)) { a href={ "#" (id) } { (title) } }
                        }
                    }
                }
                main {
                    (figures(shown))
                    section #rates aria-labelledby="rates-title" data-own="" hidden {
                        h2 #rates-title { "Frames a second" }
                        div #chart .chart {}
                        ul #legend .legend {}
                    }
                    @for (id, title, is_there, markup) in &parts {
                        section id=(id) class=(hidden(*is_there)) aria-labelledby={ (id) "-title" } {
                            h2 id={ (id) "-title" } { (title) }
                            (markup)
                        }
                    }
                }
            }
        }
    }
}

fn figures(shown: &Snapshot) -> Markup {
    let lost: u64 = shown.lost.iter().map(|loss| loss.frames).sum();
    html! {
        dl.figures {
            div { dt { "Frames seen" } dd { (grouped(shown.seen.packets)) } }
            div { dt { "Bytes seen" } dd { (tables::bytes(shown.seen.bytes)) } }
            div { dt { "Rules" } dd { (grouped(shown.rules.len() as u64)) } }
            div { dt { "Frames lost" } dd.bad[lost > 0] { (grouped(lost)) } }
            div { dt { "Counting for" } dd { (tables::span(shown.elapsed)) } }
        }
    }
}

#[cfg(test)]
mod tests;
