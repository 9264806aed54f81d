//! What a machine is launched with. Plain data, the same whether or not a cloud is compiled in.

use std::collections::BTreeMap;

use policies::model::{Pool, Region, Token, Zone};
use policies::units::Span;
use secrecy::SecretString;

use crate::placeholder::{self, Placeholder};

/// What a machine is launched with; one variant a cloud.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaunchSpec {
    /// A simulated cloud needs nothing.
    Sim,
    /// Amazon EC2.
    Aws(AwsSpec),
    /// Microsoft Azure.
    Azure(AzureSpec),
    /// Google Compute Engine.
    Gcp(GcpSpec),
    /// PPIO, or Novita AI.
    Ppio(PpioSpec),
}

impl LaunchSpec {
    /// The texts that may hold [placeholders](crate::placeholder), each with its key in the fleet file's `launch`.
    pub fn texts(&mut self) -> Vec<(&'static str, &mut String)> {
        let one = |key: &'static str, text| Option::map(text, |text| (key, text));
        match self {
            Self::Sim => Vec::new(),
            Self::Aws(spec) => one("user_data", spec.user_data.as_mut()).into_iter().collect(),
            Self::Azure(spec) => one("user_data", spec.user_data.as_mut()).into_iter().collect(),
            Self::Gcp(spec) => {
                let script = one("startup_script", spec.startup_script.as_mut());
                script.into_iter().chain(spec.metadata.values_mut().map(|value| ("metadata", value))).collect()
            }
            Self::Ppio(spec) => {
                let command = one("command", spec.command.as_mut());
                let entrypoint = one("entrypoint", spec.entrypoint.as_mut());
                let env = spec.env.values_mut().map(|value| ("env", value));
                command.into_iter().chain(entrypoint).chain(env).collect()
            }
        }
    }

    /// What one launch is sent with: pool and token filled in. Those of the fleet file are filled in already.
    #[must_use]
    pub fn of_launch(&self, pool: &Pool, token: &Token) -> Self {
        let mut own = self.clone();
        for (_, text) in own.texts() {
            *text = placeholder::fill(text, Placeholder::Pool, &pool.to_string());
            *text = placeholder::fill(text, Placeholder::Token, token.as_str());
        }
        own
    }
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

/// What an Azure VM is launched with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AzureSpec {
    /// The image: `publisher:offer:sku:version` of the marketplace, or the id of an image or of a gallery's image
    /// version, which begins with `/`.
    pub image: String,
    /// Id of the subnet of each region. A subnet of Azure spans the zones.
    pub subnets: BTreeMap<Region, String>,
    /// Id of the network security group of each region; a region without one has that of the subnet only.
    pub security_groups: BTreeMap<Region, String>,
    /// Ids of the user-assigned identities that the machine has.
    pub identities: Vec<String>,
    /// Name of the login on the machine.
    pub admin_user: String,
    /// Public SSH key of the login. Azure makes no Linux VM without one.
    pub ssh_public_key: String,
    /// Custom data as the machine gets it, not encoded. At most 65,535 bytes (Azure's limit).
    pub user_data: Option<String>,
    /// Kind of the system disk, such as `StandardSSD_LRS`; `None`: that one.
    pub os_disk_type: Option<String>,
    /// Size of the system disk in GiB; `None`: that of the image.
    pub os_disk_gib: Option<u32>,
    /// Spot only: evict when the price exceeds so many millionths of a US dollar an hour, rounded down to five
    /// decimals; `None`: never for its price.
    pub max_price_micros: Option<u64>,
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
