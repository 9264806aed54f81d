//! PPIO and Novita AI of the fleet file.

use std::sync::Arc;

use config::{Config, Host, PpioConfig};
use policies::model::ProviderName;
use providers::ppio::{NOVITA_URL, PPIO_URL, Ppio, PpioDoctor, PpioSettings};

use super::{AssembleError, regions};

pub(super) fn cloud(
    name: &ProviderName,
    configured: &PpioConfig,
    config: &Config,
    host: &dyn Host,
) -> Result<Arc<Ppio>, AssembleError> {
    let settings = settings(name, configured, config, host)?;
    let refused = |why| AssembleError::Provider { name: name.clone(), why };
    Ok(Arc::new(Ppio::new(settings).map_err(|failure| refused(failure.to_string()))?))
}

/// The doctor of the account that [`cloud`] would use.
pub(super) fn doctor(
    name: &ProviderName,
    configured: &PpioConfig,
    config: &Config,
    host: &dyn Host,
) -> Result<PpioDoctor, AssembleError> {
    let settings = settings(name, configured, config, host)?;
    let refused = |why| AssembleError::Provider { name: name.clone(), why };
    PpioDoctor::new(settings).map_err(|failure| refused(failure.to_string()))
}

fn settings(
    name: &ProviderName,
    configured: &PpioConfig,
    config: &Config,
    host: &dyn Host,
) -> Result<PpioSettings, AssembleError> {
    let PpioConfig { api_key, base_url, novita, currency, allow_http, watch_every, call_deadline, visibility_lag } =
        configured;
    let key = api_key
        .resolve(host)
        .map_err(|error| AssembleError::Secret { what: format!("the API key of provider {name}"), error })?;
    let own = if *novita { NOVITA_URL } else { PPIO_URL };
    let mut settings = PpioSettings::new(name.clone(), &config.daemon.owner, regions(name, config), key);
    settings.base_url = base_url.clone().unwrap_or_else(|| own.to_owned());
    settings.currency = *currency;
    settings.allow_http = *allow_http;
    settings.watch_every = *watch_every;
    settings.call_deadline = *call_deadline;
    settings.visibility_lag = *visibility_lag;
    Ok(settings)
}
