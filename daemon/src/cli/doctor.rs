//! `spotfleet doctor`: what is missing in a cloud before anything is launched there.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use config::{Config, ProviderConfig};

use super::out::{Out, lines, table};
use super::{ConfigArg, Done, Fault, files};
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "ppio"))]
use crate::assemble::{AssembleError, Doctored};
use crate::http::view::{Examined, Found};

/// Looks whether a fleet file would work in its clouds, and says how to mend what would not; changes nothing.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// Which kind of cloud
    #[command(subcommand)]
    pub cloud: DoctorCloud,
}

/// The kinds of clouds that can be examined.
#[derive(Clone, Debug, Subcommand)]
pub enum DoctorCloud {
    /// Examine the accounts of kind `aws`: credentials, regions, permissions, images, networks, instance types, queues
    Aws(DoctorAwsArgs),
    /// Examine the resource groups of kind `azure`: credentials, permissions, sizes, quotas, subnets, images, prices
    Azure(DoctorAzureArgs),
    /// Examine the projects of kind `gcp`: credentials, regions and their quotas, machine types; or print a minimal role
    Gcp(DoctorGcpArgs),
    /// Examine the accounts of kinds `ppio` and `novita`: key, clusters, products, prices, what is sold out
    Ppio(DoctorPpioArgs),
}

/// Examines the accounts of kind `aws` of a fleet file, in every region that its fleets name.
///
/// Reads, and tries by dry runs: nothing is launched, ended or made. Each finding is ok, a warning, a problem, or not
/// checked, and says what to do. What cannot be asked for with the SDKs of this program (quotas, the roles of IAM) is said
/// not to be checked, with the command that does.
///
/// The exit code is 1 when there is a problem.
#[derive(Clone, Debug, Args)]
pub struct DoctorAwsArgs {
    /// The fleet file [default: that of `run`]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the minimal IAM policy of the daemon of this fleet file and examine nothing; without a file, that of a daemon
    /// with the defaults
    #[arg(long)]
    pub iam_policy: bool,
}

/// Examines the resource groups of kind `azure` of a fleet file, in every region that its fleets name.
///
/// Reads only: nothing is launched, ended or made. Azure has no dry run, so what may be done is told by the roles of the
/// identity in the resource group. What cannot be seen is said not to be checked, with the way to find out.
///
/// The exit code is 1 when there is a problem.
#[derive(Clone, Debug, Args)]
pub struct DoctorAzureArgs {
    /// The fleet file [default: that of `run`]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Examines the projects of kind `gcp` of a fleet file, in every region and zone that its fleets name.
///
/// Reads only: nothing is launched, ended or made. Compute Engine has no dry run, so whether a launch would be taken is said
/// not to be checked, and so are images, subnetworks and service accounts, with the commands that tell.
///
/// The exit code is 1 when there is a problem.
#[derive(Clone, Debug, Args)]
pub struct DoctorGcpArgs {
    /// The fleet file [default: that of `run`]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the minimal custom role of the daemon, for `gcloud iam roles create --file`, and examine nothing
    #[arg(long)]
    pub role: bool,
}

/// Examines the accounts of kinds `ppio` and `novita` of a fleet file, in every cluster that its fleets name.
///
/// Reads only: nothing is launched, ended or made. What PPIO tells nobody (limits, the balance, whether an image can be
/// pulled) is said not to be checked, with the way to find out.
///
/// The exit code is 1 when there is a problem.
#[derive(Clone, Debug, Args)]
pub struct DoctorPpioArgs {
    /// The fleet file [default: that of `run`]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

pub(crate) fn doctor(args: &DoctorArgs, out: &Out) -> Result<Done, Fault> {
    match &args.cloud {
        DoctorCloud::Aws(args) if args.iam_policy => policy(args, out),
        DoctorCloud::Aws(args) => {
            let is_aws = |provider: &ProviderConfig| matches!(provider, ProviderConfig::Aws(_));
            examine(&file(args.config.as_ref()), "`aws`", is_aws, aws, out)
        }
        DoctorCloud::Azure(args) => {
            let is_azure = |provider: &ProviderConfig| matches!(provider, ProviderConfig::Azure(_));
            examine(&file(args.config.as_ref()), "`azure`", is_azure, azure, out)
        }
        DoctorCloud::Gcp(args) if args.role => role(out),
        DoctorCloud::Gcp(args) => {
            let is_gcp = |provider: &ProviderConfig| matches!(provider, ProviderConfig::Gcp(_));
            examine(&file(args.config.as_ref()), "`gcp`", is_gcp, gcp, out)
        }
        DoctorCloud::Ppio(args) => {
            let is_ppio = |provider: &ProviderConfig| matches!(provider, ProviderConfig::Ppio(_));
            examine(&file(args.config.as_ref()), "`ppio` or `novita`", is_ppio, ppio, out)
        }
    }
}

fn file(given: Option<&PathBuf>) -> PathBuf {
    given.cloned().unwrap_or_else(ConfigArg::fallback)
}

#[cfg(not(all(feature = "aws", feature = "azure", feature = "gcp", feature = "ppio")))]
fn built_without<T>(cloud: &str) -> Result<T, Fault> {
    Err(Fault::Failed(format!("this program was built without {cloud}: build it with the default features")))
}

#[cfg(not(feature = "aws"))]
fn policy(_: &DoctorAwsArgs, _: &Out) -> Result<Done, Fault> {
    built_without("AWS")
}

#[cfg(not(feature = "aws"))]
fn aws(_: &Config) -> Result<Vec<Found>, Fault> {
    built_without("AWS")
}

#[cfg(not(feature = "azure"))]
fn azure(_: &Config) -> Result<Vec<Found>, Fault> {
    built_without("Azure")
}

#[cfg(not(feature = "gcp"))]
fn role(_: &Out) -> Result<Done, Fault> {
    built_without("Google Compute Engine")
}

#[cfg(not(feature = "gcp"))]
fn gcp(_: &Config) -> Result<Vec<Found>, Fault> {
    built_without("Google Compute Engine")
}

#[cfg(not(feature = "ppio"))]
fn ppio(_: &Config) -> Result<Vec<Found>, Fault> {
    built_without("PPIO")
}

#[cfg(feature = "aws")]
fn policy(args: &DoctorAwsArgs, out: &Out) -> Result<Done, Fault> {
    let file = file(args.config.as_ref());
    let config = if args.config.is_some() || file.exists() { Some(files::load(&file)?) } else { None };
    let policy = crate::assemble::aws_policy(config.as_ref());
    let mut text = serde_json::to_string_pretty(&policy).map_err(|e| Fault::doing("write JSON", &e))?;
    text.push('\n');
    out.text(&text)?;
    Ok(Done::Well)
}

#[cfg(feature = "aws")]
fn aws(config: &Config) -> Result<Vec<Found>, Fault> {
    findings(crate::assemble::aws_doctors(config))
}

#[cfg(feature = "azure")]
fn azure(config: &Config) -> Result<Vec<Found>, Fault> {
    findings(std::future::ready(crate::assemble::azure_doctors(config)))
}

#[cfg(feature = "gcp")]
fn role(out: &Out) -> Result<Done, Fault> {
    let role = providers::gcp::minimal_role();
    let mut text = serde_json::to_string_pretty(&role).map_err(|e| Fault::doing("write JSON", &e))?;
    text.push('\n');
    out.text(&text)?;
    Ok(Done::Well)
}

#[cfg(feature = "gcp")]
fn gcp(config: &Config) -> Result<Vec<Found>, Fault> {
    findings(crate::assemble::gcp_doctors(config))
}

#[cfg(feature = "ppio")]
fn ppio(config: &Config) -> Result<Vec<Found>, Fault> {
    findings(std::future::ready(crate::assemble::ppio_doctors(config)))
}

/// What these doctors find.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "ppio"))]
fn findings(doctors: impl Future<Output = Result<Vec<Doctored>, AssembleError>>) -> Result<Vec<Found>, Fault> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Fault::doing("start", &e))?;
    let found = runtime.block_on(async {
        let doctors = doctors.await.map_err(|e| Fault::doing("set up", &e))?;
        let mut all = Vec::new();
        for (doctor, wanted) in &doctors {
            let found = doctor.examine(wanted).await;
            all.extend(found.into_iter().map(|finding| Found::new(doctor.name(), finding)));
        }
        Ok(all)
    });
    runtime.shutdown_background();
    found
}

fn examine(
    file: &Path,
    kind: &str,
    is_meant: fn(&ProviderConfig) -> bool,
    findings: fn(&Config) -> Result<Vec<Found>, Fault>,
    out: &Out,
) -> Result<Done, Fault> {
    let config = files::load(file)?;
    if !config.providers.values().any(is_meant) {
        return Err(Fault::Usage(format!("{} names no provider of kind {kind}", file.display())));
    }
    let examined = Examined::new(findings(&config)?);
    out.value(&examined, text)?;
    // Everything is said already, on stdout.
    if examined.problems == 0 { Ok(Done::Well) } else { Err(Fault::Said) }
}

fn text(examined: &Examined) -> String {
    let Examined { findings, problems, warnings, not_checked } = examined;
    let several = findings.first().is_some_and(|first| findings.iter().any(|f| f.provider != first.provider));
    let place = |f: &Found| if several { format!("{} {}", f.provider, f.place) } else { f.place.clone() };
    let mut table = table(&["verdict", "place", "check", "about", "finding"], &[]);
    for found in findings {
        table.add_row([
            found.verdict.clone(),
            place(found),
            found.check.clone(),
            found.subject.clone(),
            found.text.clone(),
        ]);
    }
    let mut text = lines(&table);
    for verdict in ["problem", "warning", "not checked"] {
        for found in findings.iter().filter(|f| f.verdict == verdict) {
            if let Some(hint) = &found.hint {
                text.push_str(&format!("\n{verdict}: {} {} in {}\n", found.check, found.subject, place(found)));
                text.push_str(&format!("  {hint}\n"));
            }
        }
    }
    text.push_str(&format!("\n{problems} problems, {warnings} warnings, {not_checked} not checked\n"));
    text
}
