//! The four clouds of `spotfleet demo`, with a story: a dear quarter of an hour, a wave of interruptions, a shortage.
//!
//! Names are those of the real clouds, so that the demo reads like the real thing; prices are made up, of the usual
//! size.

use policies::failure::FailureKind;
use policies::model::{Market, Pool, Shape};
use policies::units::{Currency, Share, Span, Time};

use super::{Faults, Happening, SimCloud, aws_like, azure_like, gcp_like, ppio_like};

/// The story of [`demo_world`] is over after so long; everything is as usual from then on.
pub const DEMO_CYCLE: Span = Span::from_mins(40);

/// One GPU, 4 CPUs, 16 GiB.
const ONE_GPU: Shape = Shape { vcpus: 4, gpus: 1, memory_mib: 16_384 };

/// Two GPUs, 16 CPUs, 64 GiB.
const TWO_GPUS: Shape = Shape { vcpus: 16, gpus: 2, memory_mib: 65_536 };

/// Four clouds whose time begins at `start`:
///
/// | cloud | region | types | GPUs | currency |
/// |---|---|---|---|---|
/// | `aws` | `us-east-1`, zones `us-east-1a`, `us-east-1b` | `g5.xlarge`, `g6.xlarge` | 1 | USD |
/// | `gcp` | `us-central1`, zone `us-central1-a` | `g2-standard-4` | 1 | USD |
/// | `azure` | `eastus`, zone `1` | `Standard_NC4as_T4_v3` | 1 | USD |
/// | `ppio` | `cn-south-1`, zone `cn-south-1` | `L40S.22c125g` | 2 | CNY |
///
/// Each type has a spot and an on-demand pool. Calls take up to 2 s and one in 200 loses its reply. In the story,
/// `g6.xlarge` in `us-east-1a` becomes dearer than on-demand from minute 10 to 25, `gcp` takes four machines at
/// minute 14, `azure` has no spot from minute 18 to 30 and refuses calls in minute 21, and `aws` takes three more at
/// minute 22.
#[must_use]
pub fn demo_world(start: Time, seed: u64) -> Vec<SimCloud> {
    let at = Span::from_mins;
    let calls = Faults { latency: Span::from_secs(1), lost_reply: 50, ..Faults::default() };
    let spot = |cloud: &str, region: &str, zone: &str, kind: &str| Pool::new(cloud, region, zone, kind, Market::Spot);
    let (a, b) = ("us-east-1a", "us-east-1b");

    let aws = SimCloud::new("aws", aws_like(), start, seed)
        .with_type(("us-east-1", a, "g6.xlarge"), 322_000, 804_800, 40, ONE_GPU)
        .with_type(("us-east-1", b, "g6.xlarge"), 341_000, 804_800, 40, ONE_GPU)
        .with_type(("us-east-1", a, "g5.xlarge"), 402_000, 1_006_000, 40, ONE_GPU)
        .with_type(("us-east-1", b, "g5.xlarge"), 415_000, 1_006_000, 40, ONE_GPU)
        .scripted(
            at(10),
            Happening::Price { pool: spot("aws", "us-east-1", a, "g6.xlarge"), share: Share::percent(310) },
        )
        .scripted(at(22), Happening::Interrupt { pool: spot("aws", "us-east-1", b, "g6.xlarge"), machines: 3 })
        .scripted(
            at(25),
            Happening::Price { pool: spot("aws", "us-east-1", a, "g6.xlarge"), share: Share::percent(97) },
        );
    let gcp_pool = spot("gcp", "us-central1", "us-central1-a", "g2-standard-4");
    let gcp = SimCloud::new("gcp", gcp_like(), start, seed)
        .with_type(("us-central1", "us-central1-a", "g2-standard-4"), 283_000, 706_800, 12, ONE_GPU)
        .scripted(at(14), Happening::Interrupt { pool: gcp_pool, machines: 4 });
    let azure_pool = spot("azure", "eastus", "1", "Standard_NC4as_T4_v3");
    let azure = SimCloud::new("azure", azure_like(), start, seed)
        .with_type(("eastus", "1", "Standard_NC4as_T4_v3"), 210_000, 526_000, 10, ONE_GPU)
        .scripted(at(18), Happening::Capacity { pool: azure_pool.clone(), machines: 0 })
        .scripted(at(21), Happening::Outage { region: None, kind: FailureKind::Unavailable, lasts: at(1) })
        .scripted(at(30), Happening::Capacity { pool: azure_pool, machines: 10 });
    let ppio = SimCloud::new("ppio", ppio_like(), start, seed).in_currency(Currency::Cny).with_type(
        ("cn-south-1", "cn-south-1", "L40S.22c125g"),
        4_100_000,
        8_200_000,
        6,
        TWO_GPUS,
    );
    [aws, gcp, azure, ppio]
        .into_iter()
        .map(|cloud| cloud.with_faults(calls).scripted(DEMO_CYCLE, Happening::Calm))
        .collect()
}
