use super::ApiError;
use super::answer::{self, Events, KeyLine};
use super::connection::{ApiClient, Payload, QueryValue, path_with};
use api_contract::v1::{
    Ack, Added, Ban, BanForm, Core, Health, Key, KeyAccount, KeyForm, Latency, ListedTorrents, Metrics,
    Order, Reloaded, Removed, RemovedKeys, Snapshot, Source, Statistics, Stats, Storage, TokenInfo,
    TorrentItem, TorrentOrUnknown, TorrentsPage, TrackerHealth, Upstream, UpstreamForm,
};
use hyper::Method;
use hyper::body::Bytes;
use primitives::InfoHash;
use serde_json::Value;
use std::collections::BTreeMap;

/// Makes a method of each route: of its method and path, its name, the values in the path, the parameters of the query, its body
/// (JSON or lines), and how its response is read.
macro_rules! routes {
    ($($method:ident $path:literal $name:ident(
        $($place:ident: $place_type:ty),*) [$($query:ident: $query_type:ty),*]
        $($payload:ident($body:ident: $body_type:ty))? -> $read:ident $answer:ty;)*) => {
        impl ApiClient {
            $(
                /// Requests the route of this name in `docs/openapi.json`:
                #[doc = concat!("`", stringify!($method), " ", $path, "`.")]
                ///
                /// # Errors
                /// If the tracker cannot be reached or refuses.
                pub async fn $name(
                    &self, $($place: $place_type,)* $($query: $query_type,)* $($body: $body_type,)?
                ) -> Result<$answer, ApiError> {
                    let places = [$((stringify!($place), $place.to_string())),*];
                    let query = [$((stringify!($query), $query.texts())),*];
                    let payload = [$(Payload::$payload($body))?].into_iter().next().unwrap_or(Payload::NONE);
                    let path = path_with($path, &places, &query);
                    answer::$read(self.send(Method::$method, &path, payload).await?).await
                }
            )*
        }

        /// Method, path, name and parameters of the query of all routes.
        #[cfg(test)]
        pub(super) const ROUTES: &[(&str, &str, &str, &[&str])] =
            &[$((stringify!($method), $path, stringify!($name), &[$(stringify!($query)),*]),)*];
    };
}

routes! {
    GET "/api/health_check" health_check() [] -> json Health;
    GET "/api/v1/bans" get_bans() [] -> json Vec<Ban>;
    POST "/api/v1/bans" post_ban() [] json(form: &BanForm) -> json Ack;
    DELETE "/api/v1/bans" delete_ban() [client: Option<&str>, network: Option<&str>] -> json Ack;
    GET "/api/v1/config" get_configuration() [] -> json Value;
    GET "/api/v1/cores" get_cores() [] -> json Vec<Core>;
    GET "/api/v1/denylist" get_denylist() [] -> text String;
    POST "/api/v1/denylist" add_lines_to_denylist() [] lines(lines: impl Into<Bytes>) -> json Added;
    DELETE "/api/v1/denylist" remove_lines_from_denylist() [] lines(lines: impl Into<Bytes>) -> json Removed;
    GET "/api/v1/denylist/reload" reload_denylist() [] -> json Ack;
    GET "/api/v1/denylist/search" search_denylist() [prefix: &str, limit: Option<u64>] -> json ListedTorrents;
    POST "/api/v1/denylist/{info_hash}" add_to_denylist(info_hash: InfoHash) [] -> json Ack;
    DELETE "/api/v1/denylist/{info_hash}" remove_from_denylist(info_hash: InfoHash) [] -> json Ack;
    GET "/api/v1/events" get_events() [] -> events Events<Statistics>;
    GET "/api/v1/forwarders" get_upstreams() [] -> json Vec<Upstream>;
    POST "/api/v1/forwarders" post_upstream() [] json(form: &UpstreamForm) -> json Ack;
    DELETE "/api/v1/forwarders" delete_upstream() [name: &str] -> json Ack;
    POST "/api/v1/forwarders/resume" resume_upstream() [name: &str] -> json Ack;
    POST "/api/v1/forwarders/suspend" suspend_upstream() [name: &str] -> json Ack;
    GET "/api/v1/health" get_health() [] -> json TrackerHealth;
    GET "/api/v1/key/{key_or_seconds}" get_key(key_or_seconds: &str) [] -> json KeyAccount;
    POST "/api/v1/key/{key_or_seconds}" post_key_for_seconds(key_or_seconds: u64) [] -> json Key;
    DELETE "/api/v1/key/{key_or_seconds}" delete_key(key_or_seconds: &str) [] -> json Ack;
    POST "/api/v1/key/{key_or_seconds}/reset" reset_key(key_or_seconds: &str) [] -> json Ack;
    GET "/api/v1/keys" get_keys() [after: Option<&str>, limit: Option<u64>] -> json_lines Vec<KeyAccount>;
    POST "/api/v1/keys" post_key() [] json(form: &KeyForm) -> json Key;
    DELETE "/api/v1/keys" delete_keys() [] lines(lines: impl Into<Bytes>) -> json RemovedKeys;
    POST "/api/v1/keys/bulk" post_keys() [] lines(lines: impl Into<Bytes>) -> json_lines Vec<KeyLine>;
    GET "/api/v1/keys/reload" reload_keys() [] -> json Ack;
    GET "/api/v1/latency" get_latencies() [] -> json Vec<Latency>;
    GET "/api/v1/latency.hlog" get_latency_log() [] -> text String;
    GET "/api/v1/metrics" get_metrics() [] -> json Metrics;
    GET "/api/v1/metrics?format=prometheus" get_metrics_text() [] -> text String;
    GET "/api/v1/openapi.json" get_document() [] -> json Value;
    POST "/api/v1/reload" reload() [] -> json Reloaded;
    POST "/api/v1/snapshot" write_snapshot() [] -> json Snapshot;
    GET "/api/v1/sources" get_sources() [] -> json Vec<Source>;
    GET "/api/v1/stats" get_stats() [] -> json Stats;
    GET "/api/v1/stats?format=prometheus" get_stats_text() [] -> text String;
    GET "/api/v1/storage" get_storage() [] -> json Storage;
    GET "/api/v1/token" get_token() [] -> json TokenInfo;
    GET "/api/v1/torrent/{info_hash}" get_torrent(info_hash: InfoHash) [] -> json TorrentOrUnknown;
    DELETE "/api/v1/torrent/{info_hash}" drop_torrent(info_hash: InfoHash) [] -> json Ack;
    GET "/api/v1/torrents" get_torrents() [offset: Option<u64>, limit: Option<u64>, info_hash: &[InfoHash]] -> json Vec<TorrentItem>;
    GET "/api/v1/torrents/search" search_torrents() [prefix: &str, limit: Option<u64>] -> json Vec<TorrentItem>;
    GET "/api/v1/torrents/sorted" get_sorted_torrents() [order: Order, offset: Option<u64>, limit: Option<u64>] -> json TorrentsPage;
    GET "/api/v1/totals" get_totals() [] -> json BTreeMap<String, u64>;
    GET "/api/v1/whitelist" get_whitelist() [] -> text String;
    POST "/api/v1/whitelist" add_lines_to_whitelist() [] lines(lines: impl Into<Bytes>) -> json Added;
    DELETE "/api/v1/whitelist" remove_lines_from_whitelist() [] lines(lines: impl Into<Bytes>) -> json Removed;
    GET "/api/v1/whitelist/reload" reload_whitelist() [] -> json Ack;
    GET "/api/v1/whitelist/search" search_whitelist() [prefix: &str, limit: Option<u64>] -> json ListedTorrents;
    POST "/api/v1/whitelist/{info_hash}" add_to_whitelist(info_hash: InfoHash) [] -> json Ack;
    DELETE "/api/v1/whitelist/{info_hash}" remove_from_whitelist(info_hash: InfoHash) [] -> json Ack;
}
