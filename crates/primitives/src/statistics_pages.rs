use std::sync::Arc;

/// The tracker's statistics for browsers and programs, as they are sent: the control plane renders them, and the cores
/// share their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsPages {
    pub html: CodedPage,
    pub json: CodedPage,
    /// Value of `Content-Security-Policy` that admits the styles of the page.
    pub security_policy: &'static str,
}

/// A page in both content codings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedPage {
    pub identity: Arc<[u8]>,
    pub gzip: Arc<[u8]>,
}
