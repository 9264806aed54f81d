//! What Azure looks at in the body of a PUT. The names are those of the models of the official client, so that a field
//! that is misspelt or in the wrong place is refused here as it is there.

use serde_json::Value;

/// What may stand in each object of the body; lists are looked into.
const FIELDS: &[(&str, &[&str])] = &[
    ("", &["location", "zones", "tags", "identity", "properties"]),
    ("identity", &["type", "userAssignedIdentities"]),
    (
        "properties",
        &[
            "priority",
            "evictionPolicy",
            "billingProfile",
            "hardwareProfile",
            "storageProfile",
            "osProfile",
            "networkProfile",
        ],
    ),
    ("properties.billingProfile", &["maxPrice"]),
    ("properties.hardwareProfile", &["vmSize"]),
    ("properties.storageProfile", &["imageReference", "osDisk"]),
    ("properties.storageProfile.imageReference", &["id", "publisher", "offer", "sku", "version"]),
    ("properties.storageProfile.osDisk", &["name", "createOption", "deleteOption", "managedDisk", "diskSizeGB"]),
    ("properties.storageProfile.osDisk.managedDisk", &["storageAccountType"]),
    ("properties.osProfile", &["computerName", "adminUsername", "customData", "linuxConfiguration"]),
    ("properties.osProfile.linuxConfiguration", &["disablePasswordAuthentication", "ssh"]),
    ("properties.osProfile.linuxConfiguration.ssh", &["publicKeys"]),
    ("properties.osProfile.linuxConfiguration.ssh.publicKeys", &["path", "keyData"]),
    ("properties.networkProfile", &["networkApiVersion", "networkInterfaceConfigurations"]),
    ("properties.networkProfile.networkInterfaceConfigurations", &["name", "tags", "properties"]),
    (
        "properties.networkProfile.networkInterfaceConfigurations.properties",
        &["primary", "deleteOption", "ipConfigurations", "networkSecurityGroup"],
    ),
    ("properties.networkProfile.networkInterfaceConfigurations.properties.networkSecurityGroup", &["id"]),
    ("properties.networkProfile.networkInterfaceConfigurations.properties.ipConfigurations", &["name", "properties"]),
    (
        "properties.networkProfile.networkInterfaceConfigurations.properties.ipConfigurations.properties",
        &["primary", "subnet"],
    ),
    ("properties.networkProfile.networkInterfaceConfigurations.properties.ipConfigurations.properties.subnet", &["id"]),
];

/// Objects whose keys are the caller's own.
const FREE: [&str; 3] =
    ["tags", "identity.userAssignedIdentities", "properties.networkProfile.networkInterfaceConfigurations.tags"];

/// Status, code and text of what is wrong with a body; `None` when Azure takes it.
pub(super) fn complaint(body: &Value) -> Option<(u16, &'static str, String)> {
    let bad = |text: String| Some((400, "InvalidRequestContent", text));
    if let Some(path) = stray(body, "") {
        return bad(format!("Could not find member '{path}' on object of type 'VirtualMachine'"));
    }
    if body["location"].as_str().is_none_or(str::is_empty) {
        return Some((400, "LocationRequired", "The location property is required for this definition.".to_owned()));
    }
    let properties = &body["properties"];
    let spot = properties["priority"] == "Spot";
    if !spot && !properties["evictionPolicy"].is_null() {
        let code = "EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines";
        return Some((400, code, "Eviction policy can be set only on Azure Spot Virtual Machines.".to_owned()));
    }
    if !spot && !properties["billingProfile"].is_null() {
        return Some((400, "InvalidParameter", "billingProfile is for Azure Spot Virtual Machines".to_owned()));
    }
    if properties["billingProfile"]["maxPrice"].as_f64().is_some_and(|price| price <= 0.0 && price != -1.0) {
        return Some((400, "MaxPriceValueInvalid", "The max price is invalid.".to_owned()));
    }
    for required in ["/storageProfile/osDisk/createOption", "/osProfile/computerName", "/osProfile/adminUsername"] {
        if properties.pointer(required).is_none_or(Value::is_null) {
            return Some((400, "InvalidParameter", format!("Required parameter '{required}' is missing (null).")));
        }
    }
    let network = &properties["networkProfile"];
    if !matches!(network["networkApiVersion"].as_str(), Some("2020-11-01" | "2022-11-01")) {
        return bad("Error converting value to type 'NetworkApiVersion'".to_owned());
    }
    let keys = &properties["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"];
    if keys[0]["keyData"].as_str().is_none_or(str::is_empty) {
        return Some((400, "InvalidParameter", "At least one SSH key must be specified".to_owned()));
    }
    if properties["osProfile"]["customData"].as_str().is_some_and(|text| !is_base64(text)) {
        return Some((400, "InvalidParameter", "Custom data in OSProfile must be in Base64 encoding".to_owned()));
    }
    if properties["osProfile"]["computerName"].as_str().is_some_and(|name| name.len() > 64) {
        return Some((400, "InvalidParameter", "Linux host name cannot exceed 64 characters in length".to_owned()));
    }
    None
}

/// The path of a field that there is not.
fn stray(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::Object(fields) => {
            if FREE.contains(&path) {
                return None;
            }
            let known = FIELDS.iter().find(|(of, _)| *of == path).map(|(_, known)| *known).unwrap_or_default();
            fields.iter().find_map(|(name, value)| {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if known.contains(&name.as_str()) { stray(value, &inner) } else { Some(inner) }
            })
        }
        Value::Array(items) => items.iter().find_map(|item| stray(item, path)),
        _ => None,
    }
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}
