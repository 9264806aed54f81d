//! Microsoft Azure, as it is written.

use super::SecretRef;
use super::field::{Dict, List, table};
use super::value::{Count, Duration, FilePath, Flag, Leaf, Micros, OneOf, Text};
use crate::model::AzureAuth;

table! {
    /// Microsoft Azure: one resource group of a subscription. Regions are written as Azure writes them (`eastus`),
    /// zones as region and number (`eastus-1`). Without `zones` in an entry of `pools`, Azure chooses the zone.
    Azure {
        /// Id of the subscription.
        required subscription_id: Leaf<Text>,
        /// Name of the resource group that machines are made in.
        required resource_group: Leaf<Text>,
        /// Who the daemon is: the identity of the VM that it runs on (`managed-identity`), an application with a secret
        /// (`client-secret`), or an identity federated with a pod's (`workload-identity`).
        default("managed-identity") auth: Leaf<OneOf<AzureAuth>>,
        /// Id of the tenant. Needed for `client-secret`; for `workload-identity` that of the environment is used
        /// without it.
        optional tenant_id: Leaf<Text>,
        /// Id of the application, or of a user-assigned identity. Needed for `client-secret`; for `workload-identity`
        /// that of the environment is used without it, for `managed-identity` the system-assigned one.
        optional client_id: Leaf<Text>,
        /// Secret of the application, for `client-secret` only. Example: `{credential: azure-secret}`.
        optional client_secret: SecretRef,
        /// File with the pod's token, for `workload-identity` only. Without it that of the environment is used.
        optional token_file: Leaf<FilePath>,
        /// URL of Azure Resource Manager in place of the public cloud's, for tests.
        optional endpoint_url: Leaf<Text>,
        /// URL of the token servers in place of Azure's own, for tests.
        optional authority_url: Leaf<Text>,
        /// URL of the Retail Prices API in place of its own, for tests.
        optional prices_url: Leaf<Text>,
        /// Allow endpoints without TLS (`http://`). For tests.
        default("false") allow_http_endpoint: Leaf<Flag>,
        /// A call that takes longer is given up, from 1s to 5m. What it did is then looked up, never guessed. Half of
        /// it is for waiting whether Azure can make what it accepted.
        default("60s") call_deadline: Leaf<Duration>,
        /// A machine may be missing from listings for so long after its launch, from 0s to 10m. A lost launch is
        /// launched again only after this and the deadline have passed, and an evicted machine is given up then.
        default("30s") visibility_lag: Leaf<Duration>,
    }

    /// What a machine is launched with on Azure. Interface and disk are made with it and go with it.
    AzureLaunch {
        /// Image of the marketplace (`publisher:offer:sku:version`), or the id of an image or of a version in a
        /// gallery. Example: `Debian:debian-12:12-gen2:latest`.
        required image: Leaf<Text>,
        /// Id of the subnet of each region. Example:
        /// `{eastus: /subscriptions/.../virtualNetworks/net/subnets/workers}`.
        required subnets: Dict<Leaf<Text>>,
        /// Id of the network security group of each region. Without one that of the subnet holds.
        default("{}") security_groups: Dict<Leaf<Text>>,
        /// Ids of user-assigned identities that the machine has.
        default("[]") identities: List<Leaf<Text>>,
        /// Name of the login on the machine.
        default("spotfleet") admin_user: Leaf<Text>,
        /// Public SSH key of the login: Azure makes no Linux machine without one.
        required ssh_public_key: Leaf<Text>,
        /// Custom data, as the machine gets it, up to 65,535 bytes. Put no secrets in it. It may hold
        /// placeholders, as `user_data` of `aws`.
        optional user_data: Leaf<Text>,
        /// The same from a file. A relative path starts at the directory of the fleet file.
        optional user_data_file: Leaf<FilePath>,
        /// Kind of the system disk.
        default("StandardSSD_LRS") os_disk_type: Leaf<Text>,
        /// Size of the system disk in GiB, from 1 to 4095. Without it that of the image.
        optional os_disk_gib: Leaf<Count>,
        /// Evict a spot machine when it costs more than so many dollars an hour. Without it no machine is evicted for
        /// its price. Example: `0.09`.
        optional max_price: Leaf<Micros>,
        /// Further tags of machines, beside the labels of the fleet. Azure's rules hold: no `<>%&\?/` in names.
        default("{}") tags: Dict<Leaf<Text>>,
    }
}
