//! The log.

use super::reader::Reader;
use super::setting::plain;
use super::{log_filter, setting_parsers};
use crate::logging::LogFormat;

/// Which lines are written, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// env_logger's filter.
    pub filter: String,
    /// Text or JSON.
    pub format: LogFormat,
}

impl Log {
    pub(super) fn read(from: &mut Reader<'_>) -> Self {
        Self {
            filter: from.under("Log").read(
                plain("JETON_LOG", "info", "which log lines are written: env_logger's filter"),
                log_filter::parse,
            ),
            format: from.read(plain("JETON_LOG_FORMAT", "text", "text or json"), setting_parsers::log_format),
        }
    }
}
