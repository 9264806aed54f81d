//! What a machine is launched with. Plain data, the same whether or not a cloud is compiled in.

use std::collections::BTreeMap;

use policies::model::{Region, Zone};
use secrecy::SecretString;

/// What a machine is launched with; one variant a cloud.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaunchSpec {
    /// A simulated cloud needs nothing.
    Sim,
    /// Amazon EC2.
    Aws(AwsSpec),
    /// Microsoft Azure.
    Azure(AzureSpec),
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
    /// The image: `publisher:offer:sku:version` of the marketplace, or the id of an image or of a gallery's image version,
    /// which begins with `/`.
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
    /// Spot only: evict when the price exceeds so many millionths of a US dollar an hour, rounded down to five decimals;
    /// `None`: never for its price.
    pub max_price_micros: Option<u64>,
    /// Further tags: the fleet's labels and the operator's own.
    pub tags: BTreeMap<String, String>,
}

/// An access key of AWS. Printing it shows the id only.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}
