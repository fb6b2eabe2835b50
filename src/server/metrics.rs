//! `/metrics` on a separate address.

use actix_service::{IntoServiceFactory, boxed};
use actix_web::middleware::from_fn;
use actix_web::{App, web};

use super::bind::{Bound, Place, bind};
use super::start_error::StartError;
use crate::config::{Listen, Serving};
use crate::http::{self, AppState, OuterLayer};

/// Listens there, and serves nothing else.
///
/// # Errors
/// As [`bind`].
pub fn bind_metrics(serving: &Serving, listen: &Listen, state: web::Data<AppState>) -> Result<Bound, StartError> {
    let app = move || {
        let app = App::new()
            .app_data(state.clone())
            .wrap(from_fn(http::identify_and_log))
            .configure(http::only_metrics_routes);
        OuterLayer::new(boxed::factory(app.into_factory()))
    };
    bind(&Place::metrics(serving, listen), app)
}
