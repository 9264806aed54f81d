//! What a machine is launched with. Plain data, the same whether or not a cloud is compiled in.

use std::collections::BTreeMap;

use policies::model::{Region, Zone};
use policies::units::Span;
use secrecy::SecretString;

/// What a machine is launched with; one variant a cloud.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaunchSpec {
    /// A simulated cloud needs nothing.
    Sim,
    /// Amazon EC2.
    Aws(AwsSpec),
    /// Google Compute Engine.
    Gcp(GcpSpec),
    /// PPIO, or Novita AI.
    Ppio(PpioSpec),
}

/// What an EC2 machine is launched with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AwsSpec {
    /// Image id.
    pub image: String,
    /// Subnet of each zone.
    pub subnets: BTreeMap<Zone, String>,
    /// Security group ids.
    pub security_groups: Vec<String>,
    /// Name of the instance profile.
    pub instance_profile: Option<String>,
    /// Name of the key pair.
    pub key_name: Option<String>,
    /// User data as the machine gets it, not encoded. At most 16 KiB (EC2's limit).
    pub user_data: Option<String>,
    /// Further tags: the fleet's labels and the operator's own.
    pub tags: BTreeMap<String, String>,
}

/// What a machine of Compute Engine is launched with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GcpSpec {
    /// The image, such as `projects/debian-cloud/global/images/family/debian-12`.
    pub image: String,
    /// Size of the boot disk in GB; `None`: that of the image.
    pub disk_gb: Option<u32>,
    /// Type of the boot disk, such as `pd-balanced`; `None`: Google's default for the machine type.
    pub disk_type: Option<String>,
    /// The network; `None`: that of the subnetwork, or `default`.
    pub network: Option<String>,
    /// Subnetwork of each region, such as `regions/us-central1/subnetworks/workers`.
    pub subnetworks: BTreeMap<Region, String>,
    /// Give the machine an address on the internet.
    pub external_ip: bool,
    /// E-mail of the service account that the machine acts as, with the scope `cloud-platform`; `None`: none.
    pub service_account: Option<String>,
    /// Network tags, for firewall rules.
    pub network_tags: Vec<String>,
    /// Run by Google's guest agent at each start.
    pub startup_script: Option<String>,
    /// Further metadata, such as `user-data` for an image with cloud-init.
    pub metadata: BTreeMap<String, String>,
    /// Google ends the machine by itself after so long, whatever becomes of us; from 30 s to 120 days. `None`: never.
    pub max_run: Option<Span>,
    /// Further labels: the fleet's and the operator's own.
    pub labels: BTreeMap<String, String>,
}

/// What a container of PPIO is launched with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PpioSpec {
    /// The container image. At most 500 characters.
    pub image: String,
    /// Size of the system disk in GB, from 10 to 6144; each product has a range of its own.
    pub rootfs_gb: u32,
    /// Id of a registry login that the account keeps, for a private image.
    pub image_auth_id: Option<String>,
    /// Ports that are mapped to the outside: `80/http`, `3306/tcp`.
    pub ports: Vec<String>,
    /// Environment of the container, beside `SPOTFLEET_FLEET`, `SPOTFLEET_POOL` and `SPOTFLEET_TOKEN`. Whoever can list
    /// instances reads it.
    pub env: BTreeMap<String, String>,
    /// The command, at most 2047 characters.
    pub command: Option<String>,
    /// In place of the image's own entry point, at most 2047 characters.
    pub entrypoint: Option<String>,
    /// The lowest CUDA version that the host must have, such as `12.4`.
    pub min_cuda: Option<String>,
    /// Id of the VPC.
    pub network_id: Option<String>,
    /// Mount points of network storages by their ids.
    pub network_storages: BTreeMap<String, String>,
}

/// An access key of AWS. Printing it shows the id only.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}
