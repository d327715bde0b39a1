//! Serves the terminals.
use crate::service::{NAME, Service};
use scheme_daemon::{Attended, Resolution, endpoint, exit, serve_patient};
use std::process::ExitCode;
use std::sync::Mutex;

pub(crate) fn main() -> ExitCode {
    let service = Mutex::new(Attended::new(Service::default()));
    let served =
        endpoint(Resolution::Flat).and_then(|socket| serve_patient(&socket, NAME, &service));
    exit(NAME, served)
}
