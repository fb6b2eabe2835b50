//! Notifies systemd of a service of `Type=notify`. Does nothing without systemd.

use sd_notify::NotifyState;

/// The server is ready.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The server is stopping.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("cannot notify systemd: {error}");
    }
}
