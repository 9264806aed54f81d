//! `spotfleet explain`: why, from the running daemon or from its store.

use std::path::{Path, PathBuf};

use clap::Args;
use policies::control::Ledger;

use super::client::{DaemonArgs, NoAnswer, block_on};
use super::out::Out;
use super::{ConfigArg, Done, Fault, files};
use crate::explain::{Facts, explain as explained};
use crate::http::view::Explanation;
use crate::store;

/// Says why: a fleet's target and pools, a machine's launch and end, or an event. With what was refused, and its money.
///
/// The running daemon is asked. When none answers, its store is read; what is told is the same. Decisions are kept for
/// each machine on record, and the last thousand besides.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A fleet's name, a machine's id (or provider/region/id), or an event's number as `events` shows it
    #[arg(value_name = "FLEET|INSTANCE|EVENT")]
    pub what: String,

    /// Read the store of this fleet file, in place of asking a daemon
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Read the store in this state directory, in place of asking a daemon
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Which daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

pub(crate) fn explain(args: &ExplainArgs, out: &Out) -> Result<Done, Fault> {
    let why = match (&args.state_dir, &args.config) {
        (Some(dir), _) => stored(dir, &args.what)?,
        (None, Some(file)) => stored(&files::load(file)?.daemon.state_dir, &args.what)?,
        (None, None) => match block_on(args.daemon.get(&path_to(&args.what)?))? {
            Ok(why) => why,
            Err(NoAnswer::Nobody(text)) if args.daemon.url.is_none() => {
                let file = ConfigArg::fallback();
                if !file.exists() {
                    return Err(Fault::Failed(format!(
                        "{text}; or name a fleet file with --config, or a --state-dir, to read the store without one"
                    )));
                }
                stored(&files::load(&file)?.daemon.state_dir, &args.what)?
            }
            Err(no) => return Err(no.into()),
        },
    };
    out.value(&why, |why: &Explanation| why.text.clone())?;
    Ok(Done::Well)
}

/// The path of the API, with what the user typed escaped.
fn path_to(what: &str) -> Result<String, Fault> {
    let mut url = reqwest::Url::parse("http://daemon/api/v1/explain/").map_err(|e| Fault::doing("ask", &e))?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(what);
    }
    Ok(url.path().to_owned())
}

/// From the store of a daemon that is not running.
fn stored(state_dir: &Path, what: &str) -> Result<Explanation, Fault> {
    let records = store::command::records(state_dir).map_err(|e| Fault::doing("read the store", &e))?;
    let ledger = Ledger::replay(records);
    explained(&Facts::from(&ledger), what).map_err(|unknown| Fault::Failed(unknown.to_string()))
}
