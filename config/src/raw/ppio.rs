//! PPIO, and Novita AI with the same interface, as it is written.

use policies::units::Currency;

use super::SecretRef;
use super::field::{Dict, List, table};
use super::value::{Count, Duration, Flag, Leaf, OneOf, Text};

table! {
    /// PPIO (kind `ppio`), or Novita AI (kind `novita`): GPU containers of one account. A cluster is a region. Machines
    /// have no tags: whose they are is in their names, so do not rename them, and `daemon.owner` takes small letters,
    /// digits and dashes only.
    Ppio {
        /// Key of the account. Example: `{credential: ppio-key}`.
        required api_key: SecretRef,
        /// URL of the interface up to its version. Without it `https://api.ppio.com/gpu-instance/openapi/v1`, for
        /// `novita` `https://api.novita.ai/gpu-instance/openapi/v1`.
        optional base_url: Leaf<Text>,
        /// Currency of its prices. Without it CNY, for `novita` USD.
        optional currency: Leaf<OneOf<Currency>>,
        /// Allow a `base_url` without TLS (`http://`). For tests.
        default("false") allow_http: Leaf<Flag>,
        /// How often the list of machines is looked at for notices of a reclaim, from 1s to 10m. The notice comes an hour
        /// before.
        default("30s") watch_every: Leaf<Duration>,
        /// A call that takes longer is given up, from 1s to 5m. What it did is then looked up, never guessed.
        default("30s") call_deadline: Leaf<Duration>,
        /// A machine may be missing from listings for so long after its launch, from 0s to 10m. Not documented by PPIO. A
        /// lost launch is launched again only after this and the deadline have passed.
        default("2m") visibility_lag: Leaf<Duration>,
    }

    /// What a container is launched with on PPIO and Novita AI. It gets `SPOTFLEET_FLEET`, `SPOTFLEET_POOL` and
    /// `SPOTFLEET_TOKEN` in its environment. Labels of the fleet are not copied: there are no tags.
    PpioLaunch {
        /// The container image, up to 500 characters. Example: `registry.example.com/worker:1`.
        required image: Leaf<Text>,
        /// Size of the system disk in GB, from 10 to 6144; each product has a range of its own.
        required rootfs_gb: Leaf<Count>,
        /// Id of a registry login that the account keeps, for a private image.
        optional image_auth_id: Leaf<Text>,
        /// Ports that are mapped to the outside, at most 15. Example: `[80/http, 3306/tcp]`.
        default("[]") ports: List<Leaf<Text>>,
        /// Environment of the container, at most 97 variables. Put no secret in it: whoever can list instances reads it.
        /// Example: `{QUEUE: jobs}`.
        default("{}") env: Dict<Leaf<Text>>,
        /// The command, up to 2047 characters. It may hold placeholders, as `user_data` of `aws`. Example: `python worker.py`.
        optional command: Leaf<Text>,
        /// In place of the image's entry point, up to 2047 characters.
        optional entrypoint: Leaf<Text>,
        /// The lowest CUDA version that the host must have. Example: `'12.4'`.
        optional min_cuda: Leaf<Text>,
        /// Id of the VPC.
        optional network_id: Leaf<Text>,
        /// Mount points of network storages by their ids, at most 30. Example: `{ns-0123: /network}`.
        default("{}") network_storages: Dict<Leaf<Text>>,
    }
}
