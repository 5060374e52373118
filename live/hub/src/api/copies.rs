//! `/v1/copy`: what follows of the log, for replicas that keep a copy of it in a folder of their own. Who asks from a record on
//! has all before it on its disk, so it is an acknowledgement as well.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::task::spawn_blocking;

use super::Api;
use super::access::Need;
use super::problem::{Problem, internal};
use super::routes::{Gives, Route};
use crate::copy::{Asked, Copies, MEDIA_TYPE};
use crate::feed::Arrival;
use crate::service::Order;

const BODY_BYTES_MAX: usize = 1 << 20;

pub(super) fn routes() -> Vec<Route> {
    let summary = "What follows of the log, for a replica that keeps a copy: a line of JSON, files, and records as they are on \
                   the disk. Asking from a record on confirms those before it";
    let route =
        Route::post::<Asked, ()>("/v1/copy", Need::Operate, summary, StatusCode::OK, post(answer));
    vec![Route { gives: Gives::Text(MEDIA_TYPE), ..route }]
}

async fn answer(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let Some(copies) = api.parts().copies.clone() else {
        let hint = "declare `leader.replication` in live.yaml, the same for all replicas";
        return Err(Problem::new(StatusCode::CONFLICT, "no copies are given here", hint));
    };
    let asked: Asked = api.body(request, BODY_BYTES_MAX).await?;
    let (heard, asked) = {
        let copies = Arc::clone(&copies);
        read(move || (copies.hear(&asked), asked)).await?
    };
    let parted = heard.map_err(internal)?;
    // The desk may hold something back for what was confirmed.
    if copies.ledger().is_waited_for() {
        api.parts().feed.put_now(Arrival::Order(Order::Ask(Box::new(|_| ()))));
    }
    if parted.is_none() {
        let mut stopping = api.shared.stopping.subscribe();
        tokio::select! {
            () = copies.wait(&asked) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
    let answer = read(move || Copies::answer(&copies, &asked, parted)).await?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], answer.map_err(internal)?).into_response())
}

async fn read<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    match spawn_blocking(act).await {
        Ok(done) => Ok(done),
        Err(fault) => match fault.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(fault) => Err(internal(fault)),
        },
    }
}
