use crate::declare::declare;
use primitives::SwarmFamily;

declare! {
    /// Counters besides the outcomes of requests.
    pub enum Counter {
        /// Announces that arrived on a core that does not own their torrent. 0 if steering works.
        AnnouncesOnWrongCore = "announces_on_wrong_core",
        /// Scrapes that another core had to complete.
        ScrapesRouted = "scrapes_routed",
        /// Completed events added to a swarm's download count.
        Completed = "completed",
        /// New peers that were answered but not stored because the limit on swarms was reached.
        PeersRefusedSwarms = "peers_refused_swarms",
        /// New peers not stored because the limit on peers was reached.
        PeersRefusedPeers = "peers_refused_peers",
        /// New peers not stored because the limit on the peers of one swarm was reached.
        PeersRefusedSwarmPeers = "peers_refused_swarm_peers",
        /// New peers not stored because the limit on memory was reached.
        PeersRefusedMemory = "peers_refused_memory",
        /// Peers removed because they did not announce within their lifetime.
        PeersExpired = "peers_expired",
        /// Bytes of UDP payload received.
        BytesReceived = "bytes_received" in Bytes,
        /// Bytes of UDP payload of all replies.
        BytesSent = "bytes_sent" in Bytes,
        /// Receive calls that returned at least one datagram.
        BatchesReceived = "batches_received",
        /// Replies that the kernel refused because of their destination.
        RepliesRefused = "replies_refused",
        /// Replies discarded because the send buffer stayed full.
        RepliesUnsent = "replies_unsent",
        /// Receive calls that failed.
        ReceiveErrors = "receive_errors",
        /// Turns of the cores' timers. A core whose count does not grow is stuck.
        TimerTurns = "timer_turns",
        /// Total lateness of the turns of the cores' timers, in microseconds.
        TimerLatenessUs = "timer_lateness_us" in Microseconds,
        /// HTTP connections admitted.
        HttpConnections = "http_connections",
        /// HTTP connections refused because the core had reached its limit.
        HttpRefusedFull = "http_refused_full",
        /// HTTP connections refused because the prefix of their source had reached its limit.
        HttpRefusedPrefix = "http_refused_prefix",
        /// Accept calls that failed.
        HttpAcceptErrors = "http_accept_errors",
        /// HTTP connections closed by their clients.
        HttpClosedByClient = "http_closed_by_client",
        /// HTTP connections closed after an answer that announced it.
        HttpClosedAfterAnswer = "http_closed_after_answer",
        /// HTTP connections closed because the first request was not complete in time.
        HttpClosedFirstRequest = "http_closed_first_request",
        /// HTTP connections closed because a later request was not complete in time.
        HttpClosedSlowRequest = "http_closed_slow_request",
        /// HTTP connections closed because no further request arrived in time.
        HttpClosedIdle = "http_closed_idle",
        /// HTTP connections closed because the client did not read its answer in time.
        HttpClosedSlowAnswer = "http_closed_slow_answer",
        /// HTTP connections closed because the client spoke another protocol.
        HttpClosedNotHttp = "http_closed_not_http",
        /// HTTP connections from a proxy without a valid PROXY protocol header.
        HttpClosedProxyHeader = "http_closed_proxy_header",
        /// HTTPS connections closed because of a TLS error.
        HttpClosedTls = "http_closed_tls",
        /// HTTP connections whose socket failed, or that waited too long for the owner of a torrent.
        HttpClosedBroken = "http_closed_broken",
        /// HTTP connections still open when the tracker stopped.
        HttpClosedStop = "http_closed_stop",
        /// Bytes received over HTTP connections.
        HttpBytesReceived = "http_bytes_received" in Bytes,
        /// Bytes sent over HTTP connections.
        HttpBytesSent = "http_bytes_sent" in Bytes,
        /// WebSockets closed because nothing was received from the client for too long.
        WsClosedIdle = "ws_closed_idle",
        /// WebSockets closed because the client read too slowly what is sent to it.
        WsClosedSlow = "ws_closed_slow",
        /// WebSockets closed because the client violated RFC 6455, or sent a message that is too long.
        WsClosedProtocol = "ws_closed_protocol",
        /// Offers passed on to other peers.
        WsOffersPassedOn = "ws_offers_passed_on",
        /// Offers and answers dropped because they were too long, the connection of the peer had ended or too much waited on
        /// it, or a core was too busy.
        WsSignalsDropped = "ws_signals_dropped",
        /// HTTP requests and messages routed to the owners of their torrents on other cores, counted once for each owner.
        RoutedHttpRequests = "http_errands",
        /// Requests refused because their key is missing or not valid, over any protocol.
        RefusedKeys = "refused_keys",
        /// Announces refused because of their torrent.
        RefusedTorrents = "refused_torrents",
        /// Announces refused because of their client software.
        RefusedClients = "refused_clients",
        /// HTTP requests refused because of their source address. Datagrams are dropped instead.
        RefusedNetworks = "refused_networks",
        /// Announces refused because no peer can be reached at their address, over UDP and HTTP.
        RefusedAddresses = "refused_addresses",
        /// List entries rejected because a limit was reached.
        ListedTorrentsRefused = "listed_torrents_refused",
        /// Completed events and stored counts rejected because a limit was reached.
        CompletedRefused = "completed_refused",
        /// Keys rejected because a limit was reached.
        KeysRefused = "keys_refused",
        /// Announces not accounted to their keys because the limit on sessions was reached.
        SessionReportsRefused = "session_reports_refused",
        /// Details of peers rejected because a limit was reached.
        PeerDetailsRefused = "peer_details_refused",
        /// Announces that started no forwarding of their torrent because the limit on forwarded torrents was reached.
        ForwardedTorrentsRefused = "forwarded_torrents_refused",
        /// External peers dropped because the limit on them was reached.
        ExternalPeersRefused = "external_peers_refused",
    }
}

declare! {
    /// Gauges: values that rise and fall.
    pub enum Gauge {
        /// Torrents that have a swarm in at least one family.
        Torrents = "torrents",
        /// Swarms of IPv4 peers.
        SwarmsV4 = "swarms_v4",
        /// Swarms of IPv6 peers.
        SwarmsV6 = "swarms_v6",
        /// Swarms of WebRTC peers.
        SwarmsWebRtc = "swarms_webrtc",
        /// Seeders at IPv4 addresses.
        SeedersV4 = "seeders_v4",
        /// Seeders at IPv6 addresses.
        SeedersV6 = "seeders_v6",
        /// Seeders reached over WebRTC.
        SeedersWebRtc = "seeders_webrtc",
        /// Leechers at IPv4 addresses.
        LeechersV4 = "leechers_v4",
        /// Leechers at IPv6 addresses.
        LeechersV6 = "leechers_v6",
        /// Leechers reached over WebRTC.
        LeechersWebRtc = "leechers_webrtc",
        /// Size of the swarms' tables and peers, in bytes.
        SwarmBytes = "swarm_bytes" in Bytes,
        /// Size of the lists, keys, sessions and details of peers, in bytes.
        AccessBytes = "access_bytes" in Bytes,
        /// Torrents that are announced to upstream trackers, or have external peers.
        ForwardedTorrents = "forwarded_torrents",
        /// Peers that upstream trackers returned.
        ExternalPeers = "external_peers",
        /// HTTP connections open at present.
        HttpConnectionsOpen = "http_connections_open",
        /// WebSockets open at present, which are HTTP connections too.
        WsConnectionsOpen = "ws_connections_open",
        /// Maximum lateness of a turn of a core's timer since its start, in microseconds.
        TimerLatenessUsMax = "timer_lateness_us_max" in Microseconds,
    }
}

impl Gauge {
    /// Swarms of each family.
    pub const SWARMS: [Self; SwarmFamily::ALL.len()] = [Self::SwarmsV4, Self::SwarmsV6, Self::SwarmsWebRtc];
    /// Seeders of each family.
    pub const SEEDERS: [Self; SwarmFamily::ALL.len()] =
        [Self::SeedersV4, Self::SeedersV6, Self::SeedersWebRtc];
    /// Leechers of each family.
    pub const LEECHERS: [Self; SwarmFamily::ALL.len()] =
        [Self::LeechersV4, Self::LeechersV6, Self::LeechersWebRtc];
}
