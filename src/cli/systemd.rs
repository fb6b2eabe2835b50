//! Notifies systemd of a service of `Type=notify`. Does nothing without systemd.

use sd_notify::NotifyState;

/// It serves.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// It stops.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("cannot notify systemd: {error}");
    }
}
