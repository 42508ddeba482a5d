//! The typed client of the management API against the real one.

use std::sync::Arc;

use client::api::v1::{BanForm, KeyForm, Order, TorrentOrUnknown};
use client::api::{ApiClient, ApiError, KeyLine};
use client::tls_config;
use futures_util::StreamExt;

use super::api::Api;
use super::{TOKEN, launch, torrent};
use crate::tracker::Tracker;

fn client_of(tracker: &Tracker, token: &str) -> ApiClient {
    let tls = Arc::new(tls_config(rustls::RootCertStore::empty()));
    ApiClient::new(&format!("http://{}", Api::of(tracker).address()), token, tls).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn lists_keys_and_bans_are_changed_and_read() {
    let tracker = launch("private-listed").start();
    let client = client_of(&tracker, TOKEN);
    run(async {
        client.add_to_whitelist(torrent(1)).await.unwrap();
        let added = client.add_lines_to_whitelist(format!("{}\nx\n", torrent(2))).await.unwrap();
        assert_eq!((added.added, added.lines.invalid_lines), (1, vec![2]));
        assert_eq!(client.get_whitelist().await.unwrap().lines().count(), 2);
        let found = client.search_whitelist(&torrent(1).to_string(), Some(1)).await.unwrap();
        assert_eq!(found.torrents, [torrent(1).to_string()]);
        client.remove_from_whitelist(torrent(1)).await.unwrap();
        assert_eq!(client.get_whitelist().await.unwrap().trim(), torrent(2).to_string());

        let form = KeyForm { seconds_valid: Some(3600), ..KeyForm::default() };
        let made = client.post_key(&form).await.unwrap();
        assert_eq!(client.get_key(&made.key).await.unwrap().key, made);
        let lines =
            client.post_keys("{\"key\":null,\"seconds_valid\":9}\n{\"key\":\"short\",\"seconds_valid\":9}\n");
        let lines = lines.await.unwrap();
        assert!(matches!(&lines[..], [KeyLine::Made(_), KeyLine::Failed(_)]), "{lines:?}");
        assert_eq!(client.get_keys(None, None).await.unwrap().len(), 2);
        assert_eq!(client.get_keys(None, Some(1)).await.unwrap().len(), 1);
        client.delete_key(&made.key).await.unwrap();
        let unknown = client.get_key(&made.key).await;
        assert!(matches!(unknown, Err(ApiError::Refused { status: 404, .. })), "{unknown:?}");

        let ban = BanForm {
            network: Some("192.0.2.0/24".to_owned()),
            reason: Some("a test".to_owned()),
            ..BanForm::default()
        };
        client.post_ban(&ban).await.unwrap();
        assert_eq!(client.get_bans().await.unwrap()[0].network, ban.network);
        client.delete_ban(None, ban.network.as_deref()).await.unwrap();
        assert_eq!(client.get_bans().await, Ok(vec![]));
    });
}

#[test]
fn figures_and_torrents_are_read() {
    let tracker = launch("public").start();
    let client = client_of(&tracker, TOKEN);
    run(async {
        let mut events = client.get_events().await.unwrap();
        for _ in 0..2 {
            let event = events.next().await.unwrap().unwrap();
            assert!(event.figures.contains_key("seeders_v4"), "{event:?}");
        }
        assert!(!client.get_metrics().await.unwrap().metrics.is_empty());
        assert!(client.get_metrics_text().await.unwrap().contains("# TYPE "));
        assert_eq!(client.get_stats().await.unwrap().torrents, 0);
        assert_eq!(client.get_torrents(Some(0), None, &[torrent(1)]).await, Ok(vec![]));
        assert_eq!(client.get_sorted_torrents(Order::InfoHash, None, Some(5)).await.unwrap().total, 0);
        let unknown = client.get_torrent(torrent(1)).await.unwrap();
        assert!(matches!(unknown, TorrentOrUnknown::Unknown(_)), "{unknown:?}");
        assert!(client.get_latency_log().await.unwrap().starts_with('#'));
        assert!(client.get_configuration().await.unwrap().is_object());
        assert_eq!(client.search_torrents("", Some(5)).await, Ok(vec![]));
        assert!(!client.get_cores().await.unwrap().is_empty());
        assert!(!client.get_health().await.unwrap().cores.is_empty());
        assert!(!client.get_token().await.unwrap().private);
        assert_eq!(client.reload().await.unwrap().changed, Vec::<String>::new());
    });
}

#[test]
fn a_wrong_token_and_a_mode_without_keys_are_typed_errors() {
    let tracker = launch("public").start();
    run(async {
        assert_eq!(client_of(&tracker, "wrong").get_bans().await, Err(ApiError::WrongToken));
        let refused = client_of(&tracker, TOKEN).get_keys(None, None).await;
        assert!(matches!(refused, Err(ApiError::Refused { status: 409, .. })), "{refused:?}");
        drop(tracker.stop());
        let gone =
            ApiClient::new("http://127.0.0.1:1", TOKEN, Arc::new(tls_config(rustls::RootCertStore::empty())));
        let gone = gone.unwrap().health_check().await;
        assert!(matches!(gone, Err(ApiError::Connection(_))), "{gone:?}");
    });
}
