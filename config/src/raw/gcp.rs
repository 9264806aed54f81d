//! Google Compute Engine, as it is written.

use super::field::{Dict, List, table};
use super::value::{Count, Duration, FilePath, Flag, Leaf, Micros, Text};

table! {
    /// Google Compute Engine: one project. Credentials are Application Default Credentials: the file that
    /// `GOOGLE_APPLICATION_CREDENTIALS` names, that of `gcloud auth application-default login`, or the service account of
    /// the VM that the daemon runs on. `daemon.owner`, names of fleets and labels become labels of machines, which take
    /// small letters, digits, dashes and underscores only.
    Gcp {
        /// Id of the project. Example: `research-1`.
        required project: Leaf<Text>,
        /// What machine types cost on-demand, in USD an hour, by region: where the built-in table has no price, or where
        /// yours is another. A type without a price is not bought on-demand. Prices of spot are read from Google; where the
        /// account may not read them, those of the table stand in, whose age `max_price_age` does not see. Example:
        /// `{us-east4: {n2-standard-4: 0.219}}`.
        default("{}") on_demand_prices: Dict<Dict<Leaf<Micros>>>,
        /// URL of the API in place of Google's own, for tests.
        optional endpoint_url: Leaf<Text>,
        /// Allow an endpoint without TLS (`http://`). For tests.
        default("false") allow_http_endpoint: Leaf<Flag>,
        /// How often the list of machines is looked at for those that were taken, from 1s to 10m. Google tells only the
        /// machine itself, 30 seconds before.
        default("15s") watch_every: Leaf<Duration>,
        /// A call that takes longer is given up, from 1s to 5m. What it did is then looked up, never guessed. A launch is
        /// answered when its machine runs, so short ones leave launches in doubt.
        default("90s") call_deadline: Leaf<Duration>,
        /// A machine may be missing from listings for so long after its launch, from 0s to 10m. A lost launch is launched
        /// again only after this and the deadline have passed.
        default("2m") visibility_lag: Leaf<Duration>,
    }

    /// What a machine is launched with on Compute Engine. Its disk is made with it and goes with it.
    GcpLaunch {
        /// The image, or the family of images of which the newest is taken. Example:
        /// `projects/debian-cloud/global/images/family/debian-12`.
        required image: Leaf<Text>,
        /// Size of the disk in GB, from 10 to 65536. Without it that of the image.
        optional disk_gb: Leaf<Count>,
        /// Kind of the disk. Without it Google's choice for the machine type, which for some families is
        /// `hyperdisk-balanced`. Example: `pd-balanced`.
        optional disk_type: Leaf<Text>,
        /// The network. Without it that of the subnetwork, or `global/networks/default`.
        optional network: Leaf<Text>,
        /// The subnetwork of each region: of all regions of the entry, or of none. Example:
        /// `{us-central1: regions/us-central1/subnetworks/workers}`.
        default("{}") subnetworks: Dict<Leaf<Text>>,
        /// Give each machine an address on the internet. Without one it needs a NAT to reach anything outside.
        default("false") external_ip: Leaf<Flag>,
        /// E-mail of the service account that the machine acts as, with the scope `cloud-platform`. Without it the machine
        /// acts as nobody.
        optional service_account: Leaf<Text>,
        /// Network tags, for firewall rules. Example: `[worker]`.
        default("[]") network_tags: List<Leaf<Text>>,
        /// Script that Google's guest agent runs at each start, up to 256 KiB. Put no secrets in it: who can list machines
        /// reads it. It may hold placeholders, as `user_data` of `aws`.
        optional startup_script: Leaf<Text>,
        /// File with the script, in place of `startup_script`. Example: `worker.sh`.
        optional startup_script_file: Leaf<FilePath>,
        /// Further metadata, of which a value has up to 256 KiB. Put no secrets in it either. With cloud-init in the image:
        /// `{user-data: "#cloud-config\n..."}`.
        default("{}") metadata: Dict<Leaf<Text>>,
        /// Google deletes the machine by itself after so long, from 30s to 120d, also when the daemon is gone. It is then
        /// replaced like one that was taken. Example: `7d`.
        optional max_run: Leaf<Duration>,
        /// Further labels of the machine. At most 60 together with the labels of the fleet; keys must not start with
        /// `spotfleet`.
        default("{}") labels: Dict<Leaf<Text>>,
    }
}
