//! Why a command failed.

use std::fmt;

use crate::server::StartError;
use crate::service::Error;

/// Why a command failed, as it is printed.
#[derive(Debug)]
pub enum Failure {
    /// Printed after `error: `.
    Error(String),
    /// Somebody answered a question with no.
    Cancelled,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(text) => write!(f, "error: {text}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl Failure {
    pub fn new(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}
