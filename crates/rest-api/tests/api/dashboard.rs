//! The files of the dashboard, and whether what they use of the API exists.

use crate::harness::{READ_ONLY_TOKEN, TOKEN, exchange, request, start, without_body};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use metrics::Figure;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpStream;

/// Operations that the dashboard has no use for, and why.
const UNUSED: &[(&str, &str)] = &[
    ("GET /api/health_check", "for machines; the dashboard asks for the health of everything"),
    ("GET /api/v1/metrics", "for machines; the event stream has the same figures"),
    ("GET /api/v1/stats", "for machines; the event stream has the same figures"),
    ("GET /api/v1/openapi.json", "for programmers"),
    ("GET /api/v1/storage", "a part of the health"),
    ("GET /api/v1/torrents", "for programs; the sorted pages have the total, too"),
    ("GET /api/v1/denylist", "a download of the whole list, which may have millions of entries"),
    ("GET /api/v1/whitelist", "a download of the whole list, which may have millions of entries"),
    ("POST /api/v1/keys/bulk", "a million keys are made by a program"),
    ("DELETE /api/v1/keys", "a million keys are removed by a program"),
    ("POST /api/v1/key/{key_or_seconds}", "deprecated"),
];

/// Returns the files of the dashboard by the paths at which they are served.
fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let served = if name == "index.html" { "/".to_owned() } else { format!("/dashboard/{name}") };
        (served, std::fs::read_to_string(&path).unwrap())
    };
    entries.map(file).collect()
}

/// Returns the texts in single quotes of all scripts.
fn texts_of_scripts() -> Vec<String> {
    let scripts = files().into_iter().filter(|(path, _)| path.ends_with(".js"));
    let texts = |script: &str| -> Vec<String> {
        let lines = script.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.flat_map(|line| line.split('\'').skip(1).step_by(2)).map(str::to_owned).collect()
    };
    scripts.flat_map(|(_, script)| texts(&script)).collect()
}

async fn get(address: SocketAddr, path: &str, known: Option<&str>) -> Response<Incoming> {
    let mut wanted = request("GET", path);
    if let Some(known) = known {
        wanted = wanted.header("if-none-match", known);
    }
    exchange(TcpStream::connect(address).await.unwrap(), without_body(wanted)).await
}

#[tokio::test]
async fn every_file_is_served_without_a_token_and_with_a_strict_policy() {
    let api = start();
    for (path, content) in files() {
        let response = get(api.address, &path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        let header = |name| response.headers()[name].to_str().unwrap().to_owned();
        let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
            connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        assert_eq!(header("content-security-policy"), policy);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-cache");
        let content_type = match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(header("content-type"), content_type, "{path}");
        let tag = header("etag");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), content, "{path}");
        for (known, status) in [(format!("\"x\", W/{tag}"), 304), ("\"x\"".to_owned(), 200)] {
            assert_eq!(get(api.address, &path, Some(&known)).await.status(), status, "{path}");
        }
    }
}

#[tokio::test]
async fn no_response_is_taken_for_something_else_than_its_type_says() {
    let api = start();
    for path in ["/api/health_check", "/api/v1/token", "/api/v1/unknown"] {
        assert_eq!(
            get(api.address, path, None).await.headers()["x-content-type-options"],
            "nosniff",
            "{path}"
        );
    }
}

#[test]
fn no_file_has_a_secret_an_inline_script_or_style_or_anything_of_others() {
    for (path, content) in files() {
        // The name of a vocabulary, which is not fetched.
        let content = content.replace("http://www.w3.org/2000/svg", "");
        for refused in [
            TOKEN,
            READ_ONLY_TOKEN,
            "http:",
            "https:",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "localStorage",
            "document.cookie",
            "style=\"",
            "onclick=",
            "<style",
            "<script>",
            "javascript:",
            "current-password",
        ] {
            assert!(!content.contains(refused), "{path}: {refused}");
        }
    }
}

#[tokio::test]
async fn the_dashboard_uses_every_operation_that_operators_do_by_hand_and_no_other() {
    let document = start().get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let operations: BTreeSet<String> = operations.collect();
    let is_operation = |text: &&String| text.contains(" /api/");
    let used: BTreeSet<String> = texts_of_scripts().iter().filter(is_operation).cloned().collect();
    let unused: BTreeSet<String> = UNUSED.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    assert_eq!(used.union(&unused).cloned().collect::<BTreeSet<_>>(), operations);
    assert!(used.is_disjoint(&unused));
}

/// Returns whether a name fits a pattern, in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == name };
    name.strip_prefix(begin).is_some_and(|end| (0..=end.len()).any(|at| fits(rest, &end[at..])))
}

#[test]
fn every_pattern_of_figures_fits_some() {
    let names: Vec<String> = Figure::all().map(|figure| figure.name).collect();
    let script = &files()["/dashboard/figures.js"];
    let lists = script.lines().filter(|line| line.contains("line('") || line.contains("patterns: ['"));
    let texts = lists.flat_map(|line| line.split('\'').skip(1).step_by(2));
    let is_of_names =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || b"_*46".contains(&byte));
    let patterns: Vec<&str> =
        texts.filter(|text| is_of_names(text) && text.contains('_') && *text != "rates_per_s").collect();
    assert!(patterns.len() > 20, "{patterns:?}");
    for pattern in patterns {
        assert!(names.iter().any(|name| fits(pattern, name)), "{pattern}");
    }
}
