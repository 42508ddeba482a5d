//! nginx in front of the tracker, on its own host: clients connect to it, and it connects to the tracker.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::authority::Authority;
use super::host::Host;
use super::network::PROXY_NAME;
use super::process::Process;
use super::scheme::Scheme;
use super::tools::{require, require_file};
use super::tracker::Addresses;
use super::wait::wait_until;

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// How nginx names its clients to the tracker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Forwarding {
    /// In a header of each request: nginx terminates TLS.
    XForwardedFor,
    /// In another header of each request, as users of retracker do.
    XRealIp,
    /// In a header before each connection, which it forwards unchanged: the tracker terminates TLS.
    ProxyProtocol,
}

impl Forwarding {
    /// Its name in the tracker's configuration.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::XRealIp => "x-real-ip",
            Self::ProxyProtocol => "proxy-protocol",
        }
    }
}

/// A running nginx.
pub(super) struct Nginx {
    _process: Process,
}

impl Nginx {
    /// Starts nginx on `host`, with its files in `folder`, and waits until it serves.
    pub(super) fn start(
        host: &Host,
        forwarding: Forwarding,
        tracker: &Addresses,
        authority: &Authority,
        folder: &Path,
    ) -> Self {
        let (config, log) = (folder.join("nginx.conf"), folder.join("nginx.log"));
        let handing_on = match forwarding {
            Forwarding::XForwardedFor => {
                requests_handed_on(tracker.http, authority, "X-Forwarded-For $proxy_add_x_forwarded_for")
            }
            Forwarding::XRealIp => requests_handed_on(tracker.http, authority, "X-Real-IP $remote_addr"),
            Forwarding::ProxyProtocol => connections_handed_on(tracker),
        };
        std::fs::write(&config, frame(&handing_on)).expect("nginx's configuration");
        let mut command = host.command(&require("nginx"));
        command.arg("-p").arg(folder).args(["-e", "stderr", "-c"]).arg(config);
        let mut process = Process::start(command, &log);
        wait_until("nginx listens", folder, || {
            assert!(!process.has_ended(), "nginx ended at its start:\n{}", process.output());
            // Written when its sockets listen.
            folder.join("nginx.pid").is_file()
        });
        Self { _process: process }
    }

    /// The tracker's URL in a torrent.
    pub(super) fn url(scheme: Scheme) -> String {
        format!("{}://{PROXY_NAME}/announce", scheme.name())
    }
}

/// The whole configuration. Relative paths are based on the folder that nginx is started with.
fn frame(handing_on: &str) -> String {
    format!("daemon off;\nmaster_process off;\nuser root;\npid nginx.pid;\n{handing_on}")
}

/// Connections to the tracker are kept, so that several clients share one.
fn requests_handed_on(tracker: SocketAddr, authority: &Authority, client: &str) -> String {
    let Authority { certificate, key, .. } = authority;
    format!(
        "events {{}}
        http {{
            access_log off;
            client_body_temp_path temporary; proxy_temp_path temporary; fastcgi_temp_path temporary;
            uwsgi_temp_path temporary; scgi_temp_path temporary;
            upstream tracker {{ server {tracker}; keepalive 4; }}
            server {{
                listen {HTTP_PORT}; listen [::]:{HTTP_PORT};
                listen {HTTPS_PORT} ssl; listen [::]:{HTTPS_PORT} ssl;
                ssl_certificate {certificate:?}; ssl_certificate_key {key:?};
                location / {{
                    proxy_pass http://tracker;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                    proxy_set_header {client};
                }}
            }}
        }}"
    )
}

fn connections_handed_on(tracker: &Addresses) -> String {
    let Addresses { http, https, .. } = tracker;
    let module = stream_module();
    format!(
        "load_module {module:?};
        events {{}}
        stream {{
            proxy_protocol on;
            server {{ listen {HTTP_PORT}; listen [::]:{HTTP_PORT}; proxy_pass {http}; }}
            server {{ listen {HTTPS_PORT}; listen [::]:{HTTPS_PORT}; proxy_pass {https}; }}
        }}"
    )
}

fn stream_module() -> PathBuf {
    require_file("/usr/lib/nginx/modules/ngx_stream_module.so")
}
