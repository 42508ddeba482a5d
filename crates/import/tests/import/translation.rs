use super::{Scene, fixture, opentracker, torrust, translated};
use import::{DatabasePlace, Plan, Source};
use std::path::Path;

/// A part of a foreign configuration, the keys (with their sections) and comments that it becomes, and parts of a text that it
/// does not become.
type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

#[track_caller]
fn assert_translated(text: &str, (foreign, lines, not): &Case<'_>) {
    let mut section = "";
    let found: Vec<String> = text
        .lines()
        .map(|line| {
            section = line.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(section);
            if line.starts_with('#') { line.to_owned() } else { format!("{section}.{line}") }
        })
        .collect();
    for line in *lines {
        assert!(found.iter().any(|found| found == line), "{line:?} is not made of\n{foreign}\nbut\n{text}");
    }
    for part in *not {
        assert!(!text.contains(part), "{part:?} is made of\n{foreign}\n:\n{text}");
    }
}

const TORRUST: &[Case<'_>] = &[
    ("", &["udp.listen = [\"127.0.0.1:6969\"]", "http.listen = []"], &["[access]", "[api]", "[database]"]),
    ("core.private = true", &["access.mode = \"private\""], &[]),
    ("core.listed = true", &["access.mode = \"listed\""], &[]),
    ("core = { private = true, listed = true }", &["access.mode = \"private-listed\""], &[]),
    ("core.private = false", &["access.mode = \"public\""], &[]),
    (
        "core.announce_policy.interval = 30",
        &[
            "announce.interval_s = 60",
            "# core.announce_policy.interval: 30 is out of range, announce.interval_s is 60",
        ],
        &["peer_lifetime_s"],
    ),
    (
        "core.announce_policy.interval = 3600",
        &["announce.interval_s = 3600", "announce.peer_lifetime_s = 4020"],
        &[],
    ),
    ("core.tracker_policy.max_peer_timeout = 900", &["announce.peer_lifetime_s = 2040"], &["interval_s"]),
    (
        "[core]\nannounce_policy.interval = 120\ntracker_policy.max_peer_timeout = 900",
        &["announce.interval_s = 120", "announce.peer_lifetime_s = 900"],
        &["out of range"],
    ),
    (
        "core.announce_policy.interval = 18446744073709551615",
        &["announce.interval_s = 14400", "announce.peer_lifetime_s = 15900"],
        &[],
    ),
    (
        "core.tracker_policy.persistent_torrent_completed_stat = true",
        &["database.remember_completed = \"on\""],
        &[],
    ),
    (
        "[[udp_trackers]]\nbind_address = \"[::]:1\"\n[[udp_trackers]]\nbind_address = \"10.0.0.1:2\"",
        &["udp.listen = [\"0.0.0.0:1\", \"10.0.0.1:2\", \"[::]:1\"]"],
        &["127.0.0.1"],
    ),
    (
        "[[udp_trackers]]\n[[http_trackers]]",
        &["udp.listen = [\"0.0.0.0:6969\"]", "http.listen = [\"0.0.0.0:7070\"]"],
        &[],
    ),
    (
        "[[http_trackers]]\nbind_address = \"0.0.0.0:443\"\ntsl_config = { ssl_cert_path = \"/c\", ssl_key_path = \"/k\" }\n\
         [[http_trackers]]\nbind_address = \"0.0.0.0:444\"\ntsl_config = { ssl_cert_path = \"/d\", ssl_key_path = \"/l\" }",
        &[
            "https.listen = [\"0.0.0.0:443\", \"0.0.0.0:444\"]",
            "https.certificate_file = \"/c\"",
            "https.key_file = \"/k\"",
            "# http_trackers[1].tsl_config: all addresses have the same certificate, /c",
        ],
        &[],
    ),
    (
        "core.net = { on_reverse_proxy = true, external_ip = \"203.0.113.7\" }",
        &["proxy.header = \"x-forwarded-for\"", "proxy.trusted = [\"127.0.0.0/8\", \"::1/128\"]"],
        &["\n203"],
    ),
    ("core.net = { on_reverse_proxy = false, external_ip = \"0.0.0.0\" }", &[], &["[proxy]", "external_ip"]),
    (
        "core.private_mode.check_keys_expiration = false",
        &[
            "# core.private_mode.check_keys_expiration: the expiry of keys is always checked: keys are imported without one",
        ],
        &[],
    ),
    (
        "[http_api]\nbind_address = \"127.0.0.1:9\"\naccess_tokens = { short = \"hunter2\", ops = \"0123456789abcdef\" }",
        &["api.listen = [\"127.0.0.1:9\"]", "api.tokens = { \"ops\" = \"0123456789abcdef\" }"],
        &["hunter2"],
    ),
    (
        "http_api.tsl_config = { ssl_cert_path = \"/c\", ssl_key_path = \"/k\" }",
        &["api.certificate_file = \"/c\"", "api.key_file = \"/k\""],
        &[],
    ),
    (
        "[http_api]\nbind_address = \"0.0.0.0:9\"\n[http_api.tsl_config]\nssl_cert_path = \"/c\"",
        &[
            "# http_api.tsl_config: api.key_file: the path is missing; left out are api.certificate_file, api.key_file",
        ],
        &["[api]"],
    ),
    (
        "[[http_trackers]]\ntsl_config = {}\n[[http_trackers]]\nbind_address = \"0.0.0.0:444\"",
        &[
            "http.listen = [\"0.0.0.0:444\"]",
            "# http_trackers[0].tsl_config: TLS needs a certificate and its key",
        ],
        &["[https]"],
    ),
    (
        "health_check_api.bind_address = \"127.0.0.1:9\"",
        &["health_check_api.listen = [\"127.0.0.1:9\"]"],
        &[],
    ),
    ("logging.threshold = \"debug\"", &["log.level = \"debug\""], &[]),
    ("logging.threshold = \"off\"", &["log.level = \"error\""], &[]),
    ("logging.threshold = \"loud\"", &[], &["\nlevel ="]),
    ("core.foo = 1\nbar.baz = 2\nqux = 3", &["# core.foo: unknown", "# bar: unknown", "# qux: unknown"], &[]),
    ("\"x\\n[api]\\nlisten\" = 1", &["# x\\n[api]\\nlisten: unknown"], &["\n[api]"]),
];

#[test]
fn a_configuration_of_torrust_is_translated_key_by_key() {
    let scene = Scene::new();
    for case in TORRUST {
        let config = scene.file("tracker.toml", format!("metadata.schema_version = \"2.0.0\"\n{}", case.0));
        assert_translated(&translated(&torrust(config, Path::new("x"))).unwrap(), case);
    }
}

#[test]
fn the_configuration_of_the_real_torrust_tracker_has_no_unknown_key() {
    let text = translated(&torrust(fixture("torrust.toml"), Path::new("x"))).unwrap();
    let lines = [
        "access.mode = \"private-listed\"",
        "announce.interval_s = 600",
        "announce.peer_lifetime_s = 1200",
        "api.tokens = { \"operations\" = \"0123456789abcdefghij\" }",
        "api.listen = [\"127.0.0.1:17212\"]",
        "health_check_api.listen = [\"127.0.0.1:17313\"]",
        "http.listen = [\"127.0.0.1:17070\"]",
        "udp.listen = [\"127.0.0.1:17969\"]",
        "database.remember_completed = \"on\"",
    ];
    assert_translated(&text, &("the fixture", &lines, &["unknown"]));
}

const OPENTRACKER: &[Case<'_>] = &[
    (
        "",
        &[
            "udp.listen = [\"0.0.0.0:6969\"]",
            "http.listen = [\"0.0.0.0:6969\"]",
            "websocket.enabled = \"off\"",
        ],
        &["[access]"],
    ),
    (
        "  listen.tcp_udp 192.0.2.1  \n# listen.udp 10.0.0.1\nlisten.udp\t192.0.2.1:80\nlisten.tcp [2001:db8::1]:7",
        &[
            "udp.listen = [\"192.0.2.1:6969\", \"192.0.2.1:80\"]",
            "http.listen = [\"192.0.2.1:6969\", \"[2001:db8::1]:7\"]",
        ],
        &["10.0.0.1"],
    ),
    ("listen.tcp_udp ::", &["http.listen = [\"0.0.0.0:6969\", \"[::]:6969\"]"], &[]),
    (
        "listen.tcp 127.0.0.1:80",
        &["udp.listen = [\"127.0.0.1:6969\"]", "http.listen = [\"127.0.0.1:80\"]"],
        &[],
    ),
    ("listen.udp 300.0.0.1", &["# listen.udp: \"300.0.0.1\" is not an address"], &[]),
    (
        "tracker.rootdir /srv/ot\naccess.whitelist allowed.txt",
        &["access.mode = \"listed\"", "access.allow_file = \"/srv/ot/allowed.txt\""],
        &["deny_file"],
    ),
    ("access.blacklist /srv/denied.txt", &["access.deny_file = \"/srv/denied.txt\""], &["mode ="]),
    (
        "access.proxy 192.0.2.9",
        &["proxy.header = \"x-forwarded-for\"", "proxy.trusted = [\"192.0.2.9\"]"],
        &[],
    ),
    (
        "access.proxy 192.0.2.9\naccess.proxy hunter\naccess.proxy 192.0.2.8/31",
        &["proxy.header = \"x-forwarded-for\"", "proxy.trusted = [\"192.0.2.9\", \"192.0.2.8/31\"]"],
        &["\"hunter\"]"],
    ),
    ("access.proxy hunter", &[], &["[proxy]"]),
    (
        "access.whitelist",
        &["access.mode = \"listed\"", "# access.whitelist: access.allow_file: the path is missing"],
        &[],
    ),
    (
        "access.stats 192.0.2.9\ntracker.user nobody\nlivesync.cluster.node_ip 192.0.2.8\nfoo bar\nbaz",
        &["# foo: unknown", "# baz: unknown", "# tracker.user: the service manager chooses the user"],
        &["192.0.2."],
    ),
];

#[test]
fn a_configuration_of_opentracker_is_translated_line_by_line() {
    let scene = Scene::new();
    for case in OPENTRACKER {
        let config = scene.file("opentracker.conf", case.0);
        assert_translated(&translated(&opentracker(config)).unwrap(), case);
    }
}

#[test]
fn a_list_that_is_imported_is_not_named_in_the_configuration() {
    let scene = Scene::new();
    let list = scene.file("list", "");
    let config = scene.file("opentracker.conf", "access.whitelist /srv/allowed.txt\n");
    let source =
        Source::Opentracker { config, whitelist: Some(list.clone()), blacklist: None, statedump: Some(list) };
    let lines = ["access.mode = \"listed\"", "database.remember_completed = \"on\""];
    assert_translated(&translated(&source).unwrap(), &("a list", &lines, &["allow_file"]));
}

const AQUATIC: &[Case<'_>] = &[
    (
        "# aquatic_udp\n",
        &["udp.listen = [\"0.0.0.0:3000\"]", "http.listen = []", "websocket.enabled = \"off\""],
        &["[announce]", "unknown"],
    ),
    (
        "[protocol]\nmax_response_peers = 500",
        &["announce.numwant_max = 200", "announce.numwant_default = 200"],
        &[],
    ),
    (
        "[network]\naddress = \"[::]:1\"\nkeep_alive = false",
        &["http.listen = [\"0.0.0.0:1\", \"[::]:1\"]", "http.requests_per_connection_max = 1"],
        &[],
    ),
    (
        "[network]\naddress = \"[::]:1\"\nonly_ipv6 = true\nkeep_alive = true",
        &["http.listen = [\"[::]:1\"]"],
        &["0.0.0.0:1"],
    ),
    (
        "[network]\nkeep_alive = true\nenable_tls = true\ntls_certificate_path = \"/c\"\ntls_private_key_path = \"/k\"",
        &[
            "https.listen = [\"0.0.0.0:3000\"]",
            "https.certificate_file = \"/c\"",
            "https.key_file = \"/k\"",
            "http.listen = []",
        ],
        &[],
    ),
    (
        "[network]\nruns_behind_reverse_proxy = true\nreverse_proxy_ip_header_name = \"X-Real-IP\"",
        &["proxy.header = \"x-real-ip\""],
        &[],
    ),
    (
        "[network]\nruns_behind_reverse_proxy = true\nreverse_proxy_ip_header_name = \"CF-Connecting-IP\"\n\
         reverse_proxy_ip_header_format = \"last_address\"",
        &["# network.reverse_proxy_ip_header_format: Ringtrack has no such setting"],
        &["[proxy]", "only proxies"],
    ),
    (
        "[network]\nkeep_alive = true\nenable_tls = true",
        &["http.listen = []", "# network.tls_certificate_path: TLS needs a certificate and its key"],
        &["[https]"],
    ),
    (
        "# aquatic_ws\nprotocol.max_scrape_torrents = 70\ncleaning.max_peer_age = 3000",
        &[
            "# protocol.max_scrape_torrents: Ringtrack has no such setting",
            "# cleaning.max_peer_age: announce.peer_lifetime_s is that of UDP and HTTP",
        ],
        &["[announce]", "unknown"],
    ),
    (
        "# aquatic_udp\nprotocol.max_scrape_torrents = 70",
        &["# protocol.max_scrape_torrents: Ringtrack has no such setting"],
        &["unknown"],
    ),
    (
        "[protocol]\nmax_offers = 100\npeer_announce_interval = 90\n[cleaning]\nmax_connection_idle = 5",
        &["websocket.offers_per_announce_max = 50", "websocket.interval_s = 90", "websocket.idle_s = 10"],
        &["[announce]", "enabled"],
    ),
    (
        "# aquatic_ws\n[access_list]\nmode = \"allow\"\npath = \"/l\"",
        &["access.mode = \"listed\"", "access.allow_file = \"/l\""],
        &[],
    ),
    (
        "# aquatic_ws\n[access_list]\nmode = \"deny\"\npath = \"/l\"",
        &["access.deny_file = \"/l\""],
        &["mode ="],
    ),
    ("# aquatic_ws\n[access_list]\nmode = \"off\"", &[], &["[access]"]),
    (
        "# aquatic_ws\n[access_list]\nmode = \"deny\"\npath = \"l\"\n[privileges]\ndrop_privileges = true\nchroot_path = \"/r\"",
        &["access.deny_file = \"/r/l\""],
        &[],
    ),
    ("# aquatic_ws\nfoo = 1\nnetwork.bar = 2", &["# foo: unknown", "# network.bar: unknown"], &[]),
];

fn aquatic(configs: &[&Path]) -> Source {
    Source::Aquatic {
        configs: configs.iter().map(|config| config.to_path_buf()).collect(),
        access_list: None,
    }
}

#[test]
fn a_configuration_of_aquatic_is_translated_key_by_key() {
    let scene = Scene::new();
    for case in AQUATIC {
        let config = scene.file("aquatic.toml", case.0);
        assert_translated(&translated(&aquatic(&[&config])).unwrap(), case);
    }
}

#[test]
fn the_default_configurations_of_all_programs_of_aquatic_become_one() {
    let [udp, http, ws] = ["aquatic_udp.toml", "aquatic_http.toml", "aquatic_ws.toml"].map(fixture);
    let text = translated(&aquatic(&[&udp, &http, &ws])).unwrap();
    let lines = [
        "udp.listen = [\"0.0.0.0:3000\"]",
        "http.listen = [\"0.0.0.0:3000\"]",
        "announce.numwant_max = 30",
        "announce.interval_s = 900",
        "announce.peer_lifetime_s = 1200",
        "connection_ids.lifetime_s = 120",
        "udp.receive_buffer_bytes = 8000000",
        "http.scrape_torrents_max = 74",
        "websocket.interval_s = 120",
        "websocket.offers_per_announce_max = 10",
    ];
    assert_translated(&text, &("the fixtures", &lines, &["unknown", "enabled"]));
    assert!(
        text.contains("aquatic_http.toml\": protocol.max_peers: announce.numwant_max is already set by"),
        "{text}"
    );
}

#[test]
fn the_first_of_several_files_decides() {
    let scene = Scene::new();
    let allow = "[access_list]\nmode = \"allow\"\npath = \"/l\"";
    let (deny, other) = (allow.replace("allow", "deny"), allow.replace("/l", "/m"));
    for (first, second, mode, is_reported) in [
        ("", allow, None, true),
        ("[access_list]\nmode = \"off\"", allow, None, true),
        (allow, "", Some("\nmode = \"listed\""), true),
        (allow, &deny, Some("\nallow_file = \"/l\""), true),
        (allow, &other, Some("\nallow_file = \"/l\""), true),
        (&deny, &deny, Some("\ndeny_file = \"/l\""), false),
    ] {
        let udp = scene.file("udp.toml", format!("# aquatic_udp\n{first}"));
        let http = scene.file("http.toml", format!("# aquatic_http\n{second}"));
        let text = translated(&aquatic(&[&udp, &http])).unwrap();
        let is_right = mode.map_or(!text.contains("[access]"), |line| text.contains(line));
        assert!(is_right, "{first} and {second} become\n{text}");
        assert_eq!(text.contains("the list of the first file applies to all"), is_reported, "{text}");
    }
    let udp = scene.file("udp.toml", "# aquatic_udp\n[cleaning]\nmax_peer_age = 2040");
    let http = scene.file("http.toml", "# aquatic_http\n[protocol]\npeer_announce_interval = 3600");
    let text = translated(&aquatic(&[&udp, &http])).unwrap();
    let lines = ["announce.peer_lifetime_s = 2040"];
    assert_translated(&text, &("a short lifetime", &lines, &["\ninterval_s"]));
    assert!(text.contains("peer_announce_interval: it is too long for announce.peer_lifetime_s"), "{text}");
}

#[test]
fn secrets_are_not_shown() {
    let into = "mysql://u:hunter2@h/d".to_owned().into();
    let plan = Plan::new(&torrust(fixture("torrust.toml"), Path::new("x")), Some(&into)).unwrap();
    let (text, shown) = (plan.text(), plan.text_without_secrets());
    assert!(text.contains("hunter2") && text.contains("0123456789abcdefghij"), "{text}");
    assert!(!shown.contains("hunter2") && !shown.contains("0123456789abcdefghij"), "{shown}");
    assert!(shown.contains("\"operations\" = \"(hidden)\"") && shown.contains("mysql://u@h"), "{shown}");
    assert_eq!(text.lines().count(), shown.lines().count());
}

#[test]
fn a_wrong_text_is_an_error_with_its_place() {
    let scene = Scene::new();
    let cases = [
        ("metadata.schema_version = \"1.0.0\"", "metadata.schema_version: expected \"2.0.0\""),
        ("\ncore.private = \"hunter2\"", "core.private: expected true or false"),
        ("\n\ncore = ", "tracker.toml:3: not valid TOML"),
        ("udp_trackers = 1", "udp_trackers: expected a list of sections"),
        (
            "[[udp_trackers]]\nbind_address = \"hunter2\"",
            "udp_trackers[0].bind_address: expected an address with a port",
        ),
        ("core.announce_policy.interval = -1", "core.announce_policy.interval: expected a number"),
        (
            "core.database.path = \"mysql://u:hunter2@h\"",
            "the URL of the database: the URL names no database",
        ),
    ];
    for (text, message) in cases {
        let config = scene.file("tracker.toml", text);
        let error = Plan::new(&Source::Torrust { config, database: None }, None).unwrap_err();
        assert!(error.is_wrong_text(), "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let config = scene.file("aquatic.toml", "log_level = \"info\"");
    let error = Plan::new(&aquatic(&[&config]), None).unwrap_err();
    assert!(error.to_string().contains("no key shows which program it is for"), "{error}");
    let config = scene.file("aquatic.toml", "# aquatic_udp\naccess_list.mode = \"whitelist\"");
    let error = Plan::new(&aquatic(&[&config]), None).unwrap_err();
    assert!(error.is_wrong_text() && error.to_string().contains("access_list.mode: expected"), "{error}");
}

#[test]
fn the_database_to_import_into_is_in_the_configuration() {
    let scene = Scene::new();
    // Without a token.
    let source = torrust(scene.file("tracker.toml", ""), Path::new("x"));
    for (into, line, has_secrets) in [
        ("sqlite:/srv/r.db", "url = \"sqlite:/srv/r.db\"", false),
        ("mysql://u:p@h/d", "url = \"mysql://u:p@h/d\"", true),
    ] {
        let plan = Plan::new(&source, Some(&into.to_owned().into())).unwrap();
        assert!(plan.text().contains(line), "{}", plan.text());
        assert_eq!(plan.has_secrets(), has_secrets);
    }
    assert!(Plan::new(&torrust(fixture("torrust.toml"), Path::new("x")), None).unwrap().has_secrets());
    for wrong in ["mysql://u:hunter2@", "mysql://u:hunter2@h", "hunter2"] {
        let error = DatabasePlace::from(wrong.to_owned()).url().unwrap_err();
        assert!(error.is_wrong_text() && !error.to_string().contains("hunter2"), "{error}");
        assert!(std::error::Error::source(&error).is_none(), "its message is complete");
    }
    let mut plan = Plan::new(&source, None).unwrap();
    plan.set_default_database(&"sqlite:/srv/r.db".to_owned().into());
    assert!(plan.text().contains("url = \"sqlite:/srv/r.db\""), "there is data: {}", plan.text());
    let mut plan = Plan::new(&opentracker(scene.file("opentracker.conf", "")), None).unwrap();
    plan.set_default_database(&"sqlite:/srv/r.db".to_owned().into());
    assert!(!plan.text().contains("url ="), "there is no data: {}", plan.text());
    let relative = Plan::new(&source, Some(&"sqlite:r.db".to_owned().into())).unwrap().text();
    let whole = std::env::current_dir().unwrap().join("r.db");
    assert!(relative.contains(&format!("url = \"sqlite:{}\"", whole.display())), "{relative}");
}
