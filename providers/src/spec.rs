//! What a machine is launched with. Plain data, the same whether or not a cloud is compiled in.

use std::collections::BTreeMap;

use policies::model::Zone;
use secrecy::SecretString;

/// What a machine is launched with; one variant a cloud.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaunchSpec {
    /// A simulated cloud needs nothing.
    Sim,
    /// Amazon EC2.
    Aws(AwsSpec),
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

/// An access key of AWS. Printing it shows the id only.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}
