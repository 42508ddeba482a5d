use crate::endpoint::NO_SCRAPE_URL;
use crate::error::TrackerError;
use crate::tracker_url::TrackerUrl;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    Warning,
    /// Lists of trackers do not accept the tracker, or clients cannot use it.
    Error,
}

/// The check of an address that could not be asked.
pub(super) const NO_ROUTE: &str = "route";

/// One thing that was examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub level: Level,
    /// What was examined, in one word for programs.
    pub check: &'static str,
    /// One sentence.
    pub text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
}

/// What was found at one address of a tracker, or of its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub url: String,
    /// Without one, the findings are about the name.
    pub address: Option<SocketAddr>,
    pub level: Level,
    pub elapsed_ms: u64,
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(
        url: &TrackerUrl,
        address: Option<SocketAddr>,
        elapsed: Duration,
        findings: Findings,
    ) -> Self {
        let Findings(findings) = findings;
        let level = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
        let elapsed_ms = elapsed.as_millis().try_into().unwrap_or(u64::MAX);
        Self { url: url.url().to_string(), address, level, elapsed_ms, findings }
    }

    pub(super) fn has_no_route(&self) -> bool {
        self.findings.iter().any(|finding| finding.check == NO_ROUTE)
    }
}

/// The findings so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, text: String) {
        self.0.push(Finding { level: Level::Ok, check, text, hint: None });
    }

    pub(super) fn warn(&mut self, check: &'static str, text: String, hint: &'static str) {
        self.0.push(Finding { level: Level::Warning, check, text, hint: Some(hint) });
    }

    pub(super) fn error(&mut self, check: &'static str, text: String, hint: &'static str) {
        self.0.push(Finding { level: Level::Error, check, text, hint: Some(hint) });
    }

    /// Adds the failure of a request. That this computer has no route is no fault of the tracker.
    pub(super) fn failed(&mut self, check: &'static str, error: &TrackerError) {
        if error.is_no_route() {
            let text = "this computer has no route to it".to_owned();
            return self.warn(NO_ROUTE, text, "Use -4 or -6 to check the other family only.");
        }
        self.error(check, error.line(), hint_for(error));
    }
}

/// Returns what an operator can do about the failure of a request.
pub(super) fn hint_for(error: &TrackerError) -> &'static str {
    match error {
        TrackerError::Timeout => "Does the tracker run, and does no firewall drop its packets?",
        TrackerError::Name(_) => "Check the name and its DNS records.",
        TrackerError::Connection(text) if text.contains("certificate") => {
            "Clients accept only a valid certificate of a known authority for this name, with its intermediate certificates."
        }
        TrackerError::Connection(_) => "Does the tracker listen at this address and port?",
        TrackerError::Status(_) => "Only status 200 with a bencoded dictionary is an answer.",
        error if *error == NO_SCRAPE_URL => {
            "Clients make the URL of a scrape with scrape in place of announce (BEP 48)."
        }
        TrackerError::Malformed(_) => "Clients cannot read such a response.",
        TrackerError::Refused { .. } => {
            "A public tracker serves all torrents and needs no key; for one that serves listed torrents, name one of them."
        }
        TrackerError::Overloaded { .. } => "The tracker limits requests: repeat the check later.",
    }
}
