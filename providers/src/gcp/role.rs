//! The permissions that the calls of the adapter need: a custom role for the daemon's account.

use serde_json::{Value, json};

/// A permission, and the calls of [`super::wire`] that need it. Sources: the custom role of karpenter-provider-gcp
/// (`karpenter-controller-role.yaml`); Compute Engine, "Create and start a Compute Engine instance" and "View the preemption
/// rate and pricing for Spot VMs".
const PERMISSIONS: &[(&str, &[&str])] = &[
    ("compute.advice.capacity", &["advice.capacity"]),
    ("compute.advice.capacityHistory", &["advice.capacity_history"]),
    ("compute.disks.create", &["instances.insert"]),
    // For images of this project. Those of Google's own projects are anybody's; others are granted there.
    ("compute.images.useReadOnly", &["instances.insert"]),
    ("compute.instances.create", &["instances.insert"]),
    ("compute.instances.delete", &["instances.delete"]),
    ("compute.instances.get", &["instances.get"]),
    ("compute.instances.list", &["instances.aggregated_list"]),
    ("compute.instances.setLabels", &["instances.insert"]),
    ("compute.instances.setMetadata", &["instances.insert"]),
    ("compute.instances.setServiceAccount", &["instances.insert"]),
    ("compute.instances.setTags", &["instances.insert"]),
    ("compute.machineTypes.get", &["types.get"]),
    ("compute.regions.get", &["regions.get"]),
    ("compute.subnetworks.use", &["instances.insert"]),
    ("compute.subnetworks.useExternalIp", &["instances.insert"]),
    ("compute.zoneOperations.get", &["operations.wait"]),
    ("compute.zoneOperations.list", &["operations.list"]),
];

/// The smallest custom role that the daemon works with, as `gcloud iam roles create --file` takes it. Machines that act as
/// a service account need `roles/iam.serviceAccountUser` on that account besides.
#[must_use]
pub fn minimal_role() -> Value {
    let permissions: Vec<&str> = PERMISSIONS.iter().map(|(permission, _)| *permission).collect();
    json!({
        "title": "spotfleet",
        "description": "Machines of spotfleet: launches, ends and lists them",
        "stage": "GA",
        "includedPermissions": permissions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_call_has_its_permission_and_none_is_left_over() {
        let source = include_str!("wire.rs");
        let clients = ["instances", "operations", "types", "regions", "advice"];
        let calls: BTreeSet<String> = clients
            .iter()
            .flat_map(|client| {
                let before = format!("self.{client}.");
                let name = |rest: &str| rest.split('(').next().unwrap_or_default().to_owned();
                source.split(&before).skip(1).map(|rest| format!("{client}.{}", name(rest))).collect::<Vec<_>>()
            })
            .collect();
        let named: BTreeSet<String> =
            PERMISSIONS.iter().flat_map(|(_, calls)| calls.iter().map(|call| (*call).to_owned())).collect();
        assert_eq!(calls, named);
        assert!(PERMISSIONS.is_sorted_by_key(|(permission, _)| permission), "in order, each once");
    }
}
