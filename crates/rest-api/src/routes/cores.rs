use crate::app::App;
use api_contract::v1::Core;
use axum::Json;
use axum::extract::State;
use metrics::{Counter, Figure, Gauge, Statistics};
use primitives::AddressFamily;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Returns the requests of all protocols with an outcome, as the label `outcome` names it.
fn requests(statistics: &Statistics, outcome: &'static str) -> u64 {
    let has_outcome = |figure: &Figure| figure.labels.contains(&("outcome", outcome));
    statistics.figures().filter(|(figure, _)| has_outcome(figure)).map(|(_, requests)| requests).sum()
}

fn core_of(shard: u32, statistics: &Statistics) -> Core {
    let datagrams: u64 = AddressFamily::ALL.map(|family| statistics.received(family)).iter().sum();
    Core {
        shard,
        timer_turns: statistics.counter(Counter::TimerTurns),
        timer_lateness_us: statistics.counter(Counter::TimerLatenessUs),
        timer_lateness_us_max: statistics.gauge(Gauge::TimerLatenessUsMax),
        requests: datagrams + statistics.http_requests() + statistics.all_messages(),
        errors: requests(statistics, "error"),
        dropped: requests(statistics, "dropped"),
        torrents: statistics.gauge(Gauge::Torrents),
        swarms: statistics.of_all_families(Gauge::SWARMS),
        seeders: statistics.of_all_families(Gauge::SEEDERS),
        leechers: statistics.of_all_families(Gauge::LEECHERS),
        swarm_bytes: statistics.gauge(Gauge::SwarmBytes),
        access_bytes: statistics.gauge(Gauge::AccessBytes),
        http_connections: statistics.gauge(Gauge::HttpConnectionsOpen),
        ws_connections: statistics.gauge(Gauge::WsConnectionsOpen),
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_cores))
}

/// Figures of each core, in the order of their shards
#[utoipa::path(
    get, path = "/api/v1/cores", tag = "figures",
    responses((status = 200, description = "The cores", body = Vec<Core>)),
)]
async fn get_cores(State(app): State<App>) -> Json<Vec<Core>> {
    let cores = app.tracker.shards();
    Json((0..).zip(&cores).map(|(shard, statistics)| core_of(shard, statistics)).collect())
}
