//! Pushes metrics to a collector by OTLP/HTTP in protobuf (opentelemetry.io/docs/specs/otlp): those of
//! `/metrics`, cumulative. A push that fails is not sent again, as the next one says all that it said.

mod message;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use axum::{
    body::{Body, to_bytes},
    http::{
        Request, StatusCode,
        header::{CONTENT_TYPE, HOST, USER_AGENT},
    },
};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use prost::Message as _;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{metrics, news::News, pushes::Pushed};
use crate::{clock, reporter, serve::otlp::Setup};
use message::Series;

/// How long a push may take (OTEL_EXPORTER_OTLP_TIMEOUT has the same default).
const PATIENCE: Duration = Duration::from_secs(10);
/// Each failure doubles the time to the next push, up to this.
const LONGEST: Duration = Duration::from_secs(300);
/// Bytes of an answer at most.
const ANSWER: usize = 64 << 10;
const PROTOBUF: &str = "application/x-protobuf";
const AGENT: &str = concat!("probe/", env!("CARGO_PKG_VERSION"));

/// Pushes as long as the process lives.
pub async fn push(news: News) {
    let mut series = None;
    let mut is_well = true;
    let mut failures = 0;
    // A reload may bring another interval and other headers.
    while let Some(setup) = news.otlp().await {
        let series = series.get_or_insert_with(|| Series::since(setup.began));
        let result = push_once(&news, &setup, series).await;
        if let Some(pushes) = news.pushes() {
            pushes.add(*result.as_ref().unwrap_or(&Pushed::Nothing));
        }
        match result {
            Ok(_) => failures = 0,
            Err(_) => failures += 1,
        }
        say(&result, &mut is_well, &setup);
        sleep(pause(setup.interval, failures)).await;
    }
}

/// The time from one push to the next, after so many failures one after the other.
fn pause(interval: Duration, failures: u32) -> Duration {
    let longest = LONGEST.max(interval);
    interval.saturating_mul(1u32.checked_shl(failures).unwrap_or(u32::MAX)).min(longest)
}

/// Says where pushes begin to fail, and where they are taken again.
fn say(result: &Result<Pushed>, is_well: &mut bool, setup: &Setup) {
    let was_well = std::mem::replace(is_well, result.is_ok());
    match result {
        Err(error) if was_well => {
            reporter::note(format_args!("OTLP: {}: {error:#}; trying again", setup.address));
        }
        Ok(_) if !was_well => {
            reporter::say(format_args!("OTLP: {} takes metrics again", setup.address));
        }
        _ => {}
    }
}

async fn push_once(news: &News, setup: &Setup, series: &mut Series) -> Result<Pushed> {
    let arrived = news.fresh().await.context("nothing was read yet")?;
    let families = metrics::families(&arrived.reading, news.pushes())?;
    let request = message::request(families, series, &setup.host, clock::now().0);
    let answer = timeout(PATIENCE, post(setup, request.encode_to_vec())).await;
    answer.unwrap_or_else(|_| Err(anyhow!("no answer")))
}

/// Sends a message on a connection of its own: pushes are seldom.
async fn post(setup: &Setup, message: Vec<u8>) -> Result<Pushed> {
    let stream = TcpStream::connect(setup.address).await?;
    let (mut requests, connection) = handshake(TokioIo::new(stream)).await?;
    // Whatever ends it, the answer says so, too.
    let connection = tokio::spawn(connection);
    let pushed = ask(&mut requests, setup, message).await;
    connection.abort();
    pushed
}

async fn ask(requests: &mut SendRequest<Body>, setup: &Setup, message: Vec<u8>) -> Result<Pushed> {
    let mut request = Request::post(&setup.path)
        .header(HOST, setup.address.to_string())
        .header(CONTENT_TYPE, PROTOBUF)
        .header(USER_AGENT, AGENT);
    for (name, value) in &setup.headers {
        request = request.header(name, value);
    }
    let answer = requests.send_request(request.body(Body::from(message))?).await?;
    match answer.status() {
        StatusCode::OK => taken(answer.into_body()).await,
        status => bail!("the collector answers {status}"),
    }
}

/// What an answer says that was taken.
async fn taken(body: Incoming) -> Result<Pushed> {
    let bytes = to_bytes(Body::new(body), ANSWER).await.context("the collector's answer")?;
    let answer = ExportMetricsServiceResponse::decode(bytes).context("the collector's answer")?;
    match answer.partial_success {
        Some(ExportMetricsPartialSuccess { rejected_data_points: 1.., .. }) => Ok(Pushed::Some),
        _ => Ok(Pushed::All),
    }
}

#[cfg(test)]
mod tests;
