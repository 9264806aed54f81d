//! The calls that only read, the termination, and the queue.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{Filter, Instance, InstanceLifecycleType, InstanceType as SdkType};
use aws_sdk_pricing::types::{Filter as PriceFilter, FilterType};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, QueueAttributeName};
use policies::model::{InstanceType, Shape, Zone};
use policies::units::Time;

use super::{Ec2, Pages, PriceList, Queue, filter, time, trouble, unreadable};
use crate::aws::QUEUE_WAIT;
use crate::aws::depth::Depth;
use crate::aws::events::SpotRequest;
use crate::aws::failure::Trouble;
use crate::aws::prices::SpotRecord;
use crate::aws::translate::{Machine, OWNER_TAG};

/// Results a page. EC2 takes 5 to 1000 for the listings used here.
const PAGE: i32 = 1_000;
/// The most that `DescribeInstanceTypes` gives on a page, and so the most types asked for at once.
const TYPES_PAGE: usize = 100;
/// The most messages SQS hands out at once.
const MESSAGES: i32 = 10;
/// A message that was handed out comes again after this time unless it is deleted by then. Long enough for the caller
/// to come back, short enough that a warning is seen again while it is worth something.
const MESSAGE_HIDDEN_S: i32 = 30;

/// What descriptions Linux prices stand under; accounts and ages of account differ.
const LINUX: [&str; 2] = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"];

impl Ec2 {
    /// Every machine with this owner tag, in every state.
    pub(in crate::aws) async fn machines(&self, owner: &str) -> Result<Vec<Machine>, Trouble> {
        let mut machines = Vec::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .client
                .describe_instances()
                .filters(filter(format!("tag:{OWNER_TAG}"), [owner.to_owned()]))
                .max_results(PAGE)
                .set_next_token(pages.token.clone())
                .send()
                .await
                .map_err(trouble)?;
            for instance in page.reservations().iter().flat_map(|reservation| reservation.instances()) {
                machines.push(machine(instance)?);
            }
            if !pages.turn(page.next_token())? {
                return Ok(machines);
            }
        }
    }

    /// What machines of these types bring. A type that EC2 does not know in this region is left out.
    pub(in crate::aws) async fn shapes(&self, types: &[InstanceType]) -> Result<Vec<(InstanceType, Shape)>, Trouble> {
        let mut shapes = Vec::new();
        for chunk in types.chunks(TYPES_PAGE) {
            let mut pages = Pages::default();
            loop {
                // By filter and not by name: one unknown name would fail the whole request.
                let page = self
                    .client
                    .describe_instance_types()
                    .filters(filter("instance-type", chunk.iter().map(ToString::to_string)))
                    .set_next_token(pages.token.clone())
                    .send()
                    .await
                    .map_err(trouble)?;
                for info in page.instance_types() {
                    let Some(name) = info.instance_type() else { continue };
                    let gpus = info.gpu_info().map(|gpus| gpus.gpus()).unwrap_or_default();
                    let shape = Shape {
                        vcpus: natural(info.v_cpu_info().and_then(|v| v.default_v_cpus())),
                        gpus: gpus.iter().map(|gpu| natural(gpu.count())).sum(),
                        memory_mib: info
                            .memory_info()
                            .and_then(|memory| u64::try_from(memory.size_in_mib()?).ok())
                            .unwrap_or_default(),
                    };
                    shapes.push((InstanceType::from(name.as_str()), shape));
                }
                if !pages.turn(page.next_token())? {
                    break;
                }
            }
        }
        Ok(shapes)
    }

    /// How likely so many machines of these types together are to be had on spot in each zone of this region, from 1
    /// to 10.
    pub(in crate::aws) async fn placement_scores(
        &self,
        region: &str,
        types: &BTreeSet<InstanceType>,
        machines: i32,
    ) -> Result<BTreeMap<String, u8>, Trouble> {
        // The scores name zones by their ids, which are the same in every account; we by their names, which are not.
        let zones = self.client.describe_availability_zones().send().await.map_err(trouble)?;
        let known = zones.availability_zones().iter();
        let names: BTreeMap<&str, &str> = known.filter_map(|zone| Some((zone.zone_id()?, zone.zone_name()?))).collect();
        let mut scores = BTreeMap::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .client
                .get_spot_placement_scores()
                .set_instance_types(Some(types.iter().map(ToString::to_string).collect()))
                .target_capacity(machines)
                .single_availability_zone(true)
                .region_names(region)
                .set_next_token(pages.token.clone())
                .send()
                .await
                .map_err(trouble)?;
            for told in page.spot_placement_scores() {
                let name = told.availability_zone_id().and_then(|id| names.get(id));
                if let (Some(name), Some(score)) = (name, told.score().and_then(|score| u8::try_from(score).ok())) {
                    scores.insert((*name).to_owned(), score);
                }
            }
            if !pages.turn(page.next_token())? {
                return Ok(scores);
            }
        }
    }

    /// The current spot prices of these types in every zone of the region.
    pub(in crate::aws) async fn spot_prices(
        &self,
        types: impl Iterator<Item = &InstanceType>,
        now: Time,
    ) -> Result<Vec<SpotRecord>, Trouble> {
        // A start of now gives the price in force and no history.
        self.spot_records(types, Vec::new(), now).await
    }

    /// The spot prices of these types in these zones since then, with those in force at that time. EC2 tells 90 days.
    pub(in crate::aws) async fn spot_history(
        &self,
        types: &BTreeSet<InstanceType>,
        zones: &BTreeSet<Zone>,
        since: Time,
    ) -> Result<Vec<SpotRecord>, Trouble> {
        let zones = filter("availability-zone", zones.iter().map(ToString::to_string));
        self.spot_records(types.iter(), vec![zones], since).await
    }

    async fn spot_records(
        &self,
        types: impl Iterator<Item = &InstanceType>,
        filters: Vec<Filter>,
        since: Time,
    ) -> Result<Vec<SpotRecord>, Trouble> {
        let types: Vec<_> = types.map(|name| SdkType::from(name.as_str())).collect();
        let filters = (!filters.is_empty()).then_some(filters);
        let mut records = Vec::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .client
                .describe_spot_price_history()
                .start_time(DateTime::from_millis(since.as_millis()))
                .set_instance_types(Some(types.clone()))
                .set_filters(filters.clone())
                .set_product_descriptions(Some(LINUX.map(str::to_owned).to_vec()))
                .max_results(PAGE)
                .set_next_token(pages.token.clone())
                .send()
                .await
                .map_err(trouble)?;
            for price in page.spot_price_history() {
                if let (Some(name), Some(zone), Some(amount)) =
                    (price.instance_type(), price.availability_zone(), price.spot_price())
                {
                    records.push(SpotRecord {
                        instance_type: name.as_str().to_owned(),
                        zone: zone.to_owned(),
                        price: amount.to_owned(),
                        set_at: price.timestamp().and_then(time),
                    });
                }
            }
            if !pages.turn(page.next_token())? {
                return Ok(records);
            }
        }
    }

    /// Every spot request with this owner tag.
    pub(in crate::aws) async fn spot_requests(&self, owner: &str) -> Result<Vec<SpotRequest>, Trouble> {
        let mut requests = Vec::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .client
                .describe_spot_instance_requests()
                .filters(filter(format!("tag:{OWNER_TAG}"), [owner.to_owned()]))
                .max_results(PAGE)
                .set_next_token(pages.token.clone())
                .send()
                .await
                .map_err(trouble)?;
            for request in page.spot_instance_requests() {
                let status = request.status();
                requests.push(SpotRequest {
                    instance: request.instance_id().map(str::to_owned),
                    status: status.and_then(|status| status.code()).unwrap_or_default().to_owned(),
                    since: status.and_then(|status| status.update_time()).and_then(time),
                });
            }
            if !pages.turn(page.next_token())? {
                return Ok(requests);
            }
        }
    }

    /// Ends these machines: all of them, or none and an error.
    pub(in crate::aws) async fn terminate(&self, ids: &[String]) -> Result<(), Trouble> {
        self.client.terminate_instances().set_instance_ids(Some(ids.to_vec())).send().await.map_err(trouble)?;
        Ok(())
    }
}

fn machine(instance: &Instance) -> Result<Machine, Trouble> {
    let tag = |tag: &aws_sdk_ec2::types::Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    Ok(Machine {
        id: instance.instance_id().ok_or_else(|| unreadable("a listed machine has no id"))?.to_owned(),
        state: instance.state().and_then(|s| s.name()).map(|name| name.as_str().to_owned()).unwrap_or_default(),
        zone: instance.placement().and_then(|p| p.availability_zone()).map(str::to_owned),
        instance_type: instance.instance_type().map(|name| name.as_str().to_owned()),
        spot: instance.instance_lifecycle() == Some(&InstanceLifecycleType::Spot),
        launched: instance.launch_time().and_then(time),
        tags: instance.tags().iter().filter_map(tag).collect(),
    })
}

fn natural(n: Option<i32>) -> u32 {
    n.and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
}

impl PriceList {
    /// The elements of the EC2 price list that pass these filters, each a JSON text.
    pub(in crate::aws) async fn products(&self, filters: &[(&'static str, String)]) -> Result<Vec<String>, Trouble> {
        let filters = filters
            .iter()
            .map(|(field, value)| {
                PriceFilter::builder().r#type(FilterType::TermMatch).field(*field).value(value.as_str()).build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable(&error.to_string()))?;
        let mut products = Vec::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .client
                .get_products()
                .service_code("AmazonEC2")
                .set_filters(Some(filters.clone()))
                .set_next_token(pages.token.clone())
                .send()
                .await
                .map_err(trouble)?;
            products.extend(page.price_list().iter().cloned());
            if !pages.turn(page.next_token())? {
                return Ok(products);
            }
        }
    }
}

/// A message of the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::aws) struct Message {
    /// What was sent.
    pub(in crate::aws) body: String,
    /// What deletes it.
    pub(in crate::aws) receipt: String,
}

impl Queue {
    /// The next messages; waits for one for up to [`QUEUE_WAIT`].
    pub(in crate::aws) async fn receive(&self) -> Result<Vec<Message>, Trouble> {
        let wait_s = i32::try_from(QUEUE_WAIT.as_millis() / 1_000).unwrap_or(i32::MAX);
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(MESSAGES)
            .wait_time_seconds(wait_s)
            .visibility_timeout(MESSAGE_HIDDEN_S)
            .send()
            .await
            .map_err(trouble)?;
        let message = |m: &aws_sdk_sqs::types::Message| {
            Some(Message { body: m.body().unwrap_or_default().to_owned(), receipt: m.receipt_handle()?.to_owned() })
        };
        Ok(answer.messages().iter().filter_map(message).collect())
    }

    /// Deletes messages, at most ten.
    pub(in crate::aws) async fn delete(&self, receipts: &[String]) -> Result<(), Trouble> {
        let entries = receipts
            .iter()
            .enumerate()
            .map(|(n, receipt)| {
                DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(receipt).build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable(&error.to_string()))?;
        self.client
            .delete_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(trouble)?;
        Ok(())
    }

    /// How many messages it holds. The numbers are approximate, and exact within a minute after the last change.
    pub(in crate::aws) async fn depth(&self) -> Result<Depth, Trouble> {
        let (visible, hidden) = (
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        );
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(visible.clone())
            .attribute_names(hidden.clone())
            .send()
            .await
            .map_err(trouble)?;
        let count = |name: &QueueAttributeName| {
            let value = answer.attributes().and_then(|attributes| attributes.get(name));
            value
                .and_then(|value| value.parse().ok())
                .ok_or_else(|| unreadable(&format!("the answer has no usable `{}`", name.as_str())))
        };
        Ok(Depth { visible: count(&visible)?, in_flight: count(&hidden)? })
    }
}
