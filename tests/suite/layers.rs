//! Dependencies between crates: the table of docs/ARCHITECTURE.md, checked against cargo's metadata.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The crates of the workspace on which each crate may depend.
const LAYERS: &[(&str, &[&str])] = &[
    ("primitives", &[]),
    ("prefetch", &[]),
    ("udp-protocol", &["primitives"]),
    ("http-protocol", &["primitives"]),
    ("ws-protocol", &["primitives"]),
    ("swarm", &["prefetch", "primitives"]),
    ("access", &["prefetch", "primitives"]),
    ("metrics", &["primitives"]),
    ("guard", &["primitives"]),
    (
        "engine",
        &[
            "access",
            "guard",
            "metrics",
            "primitives",
            "http-protocol",
            "udp-protocol",
            "ws-protocol",
            "swarm",
        ],
    ),
    ("udp-socket", &["primitives"]),
    ("latency", &["metrics", "primitives"]),
    ("tls", &[]),
    ("core-link", &["access", "engine", "guard", "primitives", "latency", "tls"]),
    (
        "core-loop",
        &[
            "access",
            "core-link",
            "guard",
            "metrics",
            "primitives",
            "engine",
            "http-protocol",
            "ws-protocol",
            "latency",
            "tls",
        ],
    ),
    ("worker", &["core-link", "core-loop", "guard", "metrics", "primitives", "engine", "tls", "udp-socket"]),
    ("config", &["primitives"]),
    ("database", &["primitives"]),
    (
        "control",
        &[
            "access",
            "config",
            "core-link",
            "database",
            "forwarder",
            "guard",
            "metrics",
            "primitives",
            "latency",
            "snapshot",
        ],
    ),
    ("import", &["config", "database", "primitives"]),
    ("snapshot", &["core-link", "primitives"]),
    ("forwarder", &["client", "core-link", "http-protocol", "primitives", "udp-protocol"]),
    ("api-contract", &[]),
    ("client", &["api-contract", "http-protocol", "primitives", "udp-protocol"]),
    ("rest-api", &["api-contract", "control", "guard", "metrics", "primitives", "udp-protocol"]),
    (
        "ringtrack",
        &[
            "access",
            "metrics",
            "primitives",
            "udp-protocol",
            "http-protocol",
            "ws-protocol",
            "swarm",
            "engine",
            "guard",
            "forwarder",
            "import",
            "udp-socket",
            "worker",
            "config",
            "control",
            "core-link",
            "core-loop",
            "database",
            "rest-api",
            "snapshot",
            "tls",
        ],
    ),
];

/// The external crates of the data plane, of which each is in the path of a request, and of the API's types, which a client
/// can use without a server.
const SHORT_LISTS: &[(&str, &[&str])] = &[
    ("api-contract", &["serde", "utoipa"]),
    ("primitives", &["hex", "siphasher", "thiserror", "zerocopy"]),
    ("prefetch", &[]),
    ("udp-protocol", &["zerocopy"]),
    ("http-protocol", &["httparse", "memchr", "thiserror", "zerocopy"]),
    ("ws-protocol", &["base64", "memchr", "sha1", "thiserror"]),
    ("swarm", &["fastrand", "hashbrown", "memchr", "zerocopy"]),
    ("access", &["hashbrown", "ipnet", "thiserror", "zerocopy"]),
    ("metrics", &[]),
    ("guard", &["siphasher", "thiserror"]),
    ("engine", &["fastrand", "ipnet", "siphasher", "thiserror", "zerocopy"]),
    ("udp-socket", &["libc", "socket2"]),
    ("latency", &["hdrhistogram"]),
    ("tls", &["rustls", "sha2", "thiserror"]),
    ("core-link", &["crossbeam-channel"]),
    ("core-loop", &["crossbeam-channel", "fastrand", "flate2"]),
    ("worker", &["glommio", "io-uring", "rustix", "socket2", "thiserror"]),
];

/// Crates that may contain unsafe code.
const UNSAFE_CRATES: &[&str] = &["prefetch", "udp-socket"];

fn metadata() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo knows this workspace")
}

fn crates(metadata: &Metadata) -> BTreeMap<String, &Package> {
    let packages = metadata.workspace_packages().into_iter();
    packages
        .filter(|package| package.manifest_path.as_str().contains("/crates/"))
        .map(|package| (package.name.to_string(), package))
        .collect()
}

/// Names of a package's dependencies, except those of its tests, inside or outside the workspace.
fn dependencies(package: &Package, is_internal: bool) -> BTreeSet<String> {
    let built_with = package.dependencies.iter().filter(|dependency| {
        dependency.kind != DependencyKind::Development && dependency.path.is_some() == is_internal
    });
    built_with.map(|dependency| dependency.name.clone()).collect()
}

fn assert_within(package: &Package, is_internal: bool, allowed: &[&str]) {
    let allowed: BTreeSet<String> = allowed.iter().map(ToString::to_string).collect();
    let found = dependencies(package, is_internal);
    let forbidden: Vec<_> = found.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "{} may not depend on {forbidden:?}", package.name);
}

#[test]
fn every_crate_has_its_place_in_the_layers() {
    let metadata = metadata();
    let found: BTreeSet<String> = crates(&metadata).into_keys().collect();
    let placed: BTreeSet<String> = LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, placed);
}

#[test]
fn no_crate_depends_on_a_forbidden_crate() {
    let metadata = metadata();
    let crates = crates(&metadata);
    for (name, allowed) in LAYERS {
        assert_within(crates[*name], true, allowed);
    }
}

#[test]
fn the_data_plane_and_the_api_types_use_only_their_short_lists_of_external_crates() {
    let metadata = metadata();
    let crates = crates(&metadata);
    for (name, allowed) in SHORT_LISTS {
        assert_within(crates[*name], false, allowed);
    }
}

#[test]
fn unsafe_code_is_forbidden_except_in_prefetch_and_udp_socket() {
    let metadata = metadata();
    for (name, package) in crates(&metadata) {
        let root = ["src/lib.rs", "src/main.rs"]
            .map(|file| package.manifest_path.with_file_name(file))
            .into_iter()
            .find(|file| file.exists())
            .expect("a crate has a root");
        let forbids = std::fs::read_to_string(&root).unwrap().contains("#![forbid(unsafe_code)]");
        assert_eq!(forbids, !UNSAFE_CRATES.contains(&name.as_str()), "{root}");
    }
}

#[test]
fn only_tests_can_switch_on_the_fault_for_the_simulation() {
    for (name, package) in crates(&metadata()) {
        let declared: Vec<_> = package.features.iter().collect();
        assert!(
            declared.iter().all(|(feature, enabled)| {
                enabled.iter().all(|other| !other.contains("canary"))
                    && (*feature != "canary" || name == "core-loop" && enabled.is_empty())
            }),
            "{name}: {declared:?}"
        );
        let of_others = package.dependencies.iter().flat_map(|dependency| &dependency.features);
        assert_eq!(of_others.filter(|feature| *feature == "canary").count(), 0, "{name}");
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn only_the_executor_of_the_worker_knows_glommio() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/worker/src");
    for path in files_below(&sources) {
        let knows_glommio = std::fs::read_to_string(&path).unwrap().contains("use glommio::");
        assert_eq!(knows_glommio, path.ends_with("executor.rs"), "{}", path.display());
    }
}

#[test]
fn the_api_knows_only_the_traits_of_the_control_plane() {
    for path in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/rest-api/src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let forbidden = text.split("control::").skip(1).find(|name| !name.starts_with("management"));
        assert_eq!(forbidden, None, "{}", path.display());
    }
}

type Module = Vec<String>;

/// The module of a source file; the root has no segments.
fn module_of(sources: &Path, path: &Path) -> Module {
    let relative = path.strip_prefix(sources).expect("it is below").with_extension("");
    let segments = relative.iter().map(|segment| segment.to_str().expect("UTF-8").to_owned());
    segments.filter(|segment| segment != "lib").collect()
}

/// The modules of its crate that a file imports from, re-exports included.
fn imports(module: &Module, text: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let uses = text.lines().filter_map(|line| {
        line.split_once("use ")
            .filter(|(before, _)| ["", "pub ", "pub(crate) ", "pub(super) "].contains(before))
    });
    let paths =
        uses.map(|(_, path)| path.split(['{', ';']).next().unwrap_or_default().trim_end_matches("::"));
    let resolved = paths.filter_map(|path| {
        let segments: Module = path.split("::").map(str::to_owned).collect();
        let mut full = match segments[0].as_str() {
            "crate" => segments[1..].to_vec(),
            "super" => [&module[..module.len() - 1], &segments[1..]].concat(),
            _ => [&module[..], &segments].concat(),
        };
        while !modules.contains(&full) {
            full.pop()?;
        }
        Some(full)
    });
    resolved.filter(|imported| imported != module).collect()
}

#[test]
fn the_files_of_the_data_plane_import_in_one_direction() {
    for name in ["engine", "core-loop", "worker"] {
        assert_one_direction(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../crates/{name}/src")));
    }
}

fn assert_one_direction(sources: &Path) {
    let files = files_below(sources);
    let modules: BTreeSet<Module> = files.iter().map(|path| module_of(sources, path)).collect();
    let mut left: BTreeMap<Module, BTreeSet<Module>> = files
        .iter()
        .map(|path| {
            let module = module_of(sources, path);
            let imported = imports(
                &module,
                &std::fs::read_to_string(path).expect("a source file can be read"),
                &modules,
            );
            (module, imported)
        })
        .collect();
    while let Some(done) =
        left.iter().find(|(_, imported)| imported.is_empty()).map(|(module, _)| module.clone())
    {
        left.remove(&done);
        left.values_mut().for_each(|imported| {
            imported.remove(&done);
        });
    }
    assert!(left.is_empty(), "these import each other: {left:#?}");
}
