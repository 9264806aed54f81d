//! The program as a daemon: its start, its signals, its end, and what it says to the service manager.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

mod daemon_support;

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

use daemon_support::{PATIENCE, Place, get_now, output, read, spotfleet, stderr, stdout};

/// A service manager: what it is told.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn new(place: &Place) -> Self {
        let path = place.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path: path.display().to_string() }
    }

    /// Waits until it is told this.
    fn wait_for(&self, what: &str) -> String {
        let mut told = Vec::new();
        loop {
            let mut message = [0; 4_096];
            let length =
                self.socket.recv(&mut message).unwrap_or_else(|e| panic!("never told `{what}`: {e}: {told:?}"));
            let message = String::from_utf8_lossy(&message[..length]).into_owned();
            if message.contains(what) {
                return message;
            }
            told.push(message);
        }
    }
}

#[test]
fn the_service_manager_is_told_of_start_life_and_end() {
    let place = Place::new(0);
    let manager = Manager::new(&place);
    let daemon = place.run_with(&[("NOTIFY_SOCKET", &manager.path), ("WATCHDOG_USEC", "400000")]);
    let ready = manager.wait_for("READY=1");
    assert!(ready.contains("STATUS=ready"), "{ready}");
    manager.wait_for("WATCHDOG=1");
    manager.wait_for("WATCHDOG=1");
    daemon.signal("TERM");
    manager.wait_for("STOPPING=1");
    let (status, said) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{said:#?}");
}

#[test]
fn a_start_that_sees_something_wrong_is_over_all_the_same() {
    let place = Place::new(0);
    std::fs::remove_file(place.path("queue")).unwrap();
    let manager = Manager::new(&place);
    let mut daemon = place.run_with(&[("NOTIFY_SOCKET", &manager.path)]);
    let url = daemon.url();
    let ready = manager.wait_for("READY=1");
    assert!(ready.contains("STATUS=not ready: fleet web: no demand data"), "{ready}");
    let (status, body) = get_now(&format!("{url}/readyz"));
    assert_eq!(status, 503);
    assert!(body["reasons"][0].as_str().unwrap().contains("no demand data"), "{body}");
    let (status, _) = get_now(&format!("{url}/healthz"));
    assert_eq!(status, 200, "a missing queue is no reason to restart");
}

#[test]
fn a_bad_file_leaves_the_old_configuration_and_a_good_one_is_taken_whole() {
    let place = Place::new(0);
    let manager = Manager::new(&place);
    let mut daemon = place.run_with(&[("NOTIFY_SOCKET", &manager.path)]);
    let url = daemon.url();
    manager.wait_for("READY=1");
    let max = || get_now(&format!("{url}/api/v1/fleets/web")).1["max"].as_f64().unwrap();
    assert_eq!(max(), 10.0);

    place.write("fleet.yaml", &place.fleet(20, "").replace("min: 2", "min: 200"));
    daemon.signal("HUP");
    manager.wait_for("RELOADING=1");
    manager.wait_for("STATUS=reload refused");
    let said = daemon.wait_for("reload refused, the old configuration stays");
    assert!(said.contains("capacity"), "{said}");
    assert_eq!(max(), 10.0);

    place.write("fleet.yaml", &place.fleet(20, "").replace("tick: 1s", "tick: 2s"));
    daemon.signal("HUP");
    manager.wait_for("READY=1\nSTATUS=reloaded");
    daemon.wait_for("fleets.web.capacity.max: 10 -> 20");
    daemon.wait_for("takes effect at the next start: daemon.tick");
    assert_eq!(max(), 20.0);

    place.write("fleet.yaml", &place.fleet(30, "").replace("sim-a", "sim-b"));
    daemon.signal("HUP");
    daemon.wait_for("provider sim-b is new: restart the daemon");
    assert_eq!(max(), 20.0);
}

#[test]
fn stopping_changes_no_machine() {
    let place = Place::new(0);
    let mut daemon = place.run();
    daemon.wait_for("launched: ");
    daemon.wait_for("launched: ");
    daemon.signal("TERM");
    let (status, said) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("machines stay as they are")), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("draining") || line.contains("ending")), "{said:#?}");
    let kept = output(spotfleet().args(["store", "--config"]).arg(place.config()).arg("export"));
    let machines: Vec<_> = stdout(&kept).lines().filter(|l| l.starts_with("{\"machine\"")).map(str::to_owned).collect();
    assert_eq!(machines.len(), 2, "{kept:?}");
    assert!(!machines.iter().any(|l| l.contains("leaving")), "{machines:#?}");
    let check = output(spotfleet().args(["store", "check", "--config"]).arg(place.config()));
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn a_taken_port_is_named_and_nothing_is_launched() {
    let place = Place::new(0);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    place.write("fleet.yaml", &place.fleet(10, "").replace("127.0.0.1:0", &address));
    let (status, said) = place.run().ended();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    let said = said.join("\n");
    assert!(said.contains(&format!("cannot listen on {address}: the port is taken")), "{said}");
    assert!(!said.contains("launched"), "{said}");
}

#[test]
fn an_open_address_without_a_token_is_refused() {
    let place = Place::new(0);
    place.write("fleet.yaml", &place.fleet(10, "").replace("127.0.0.1:0", "0.0.0.0:0"));
    let (status, said) = place.run().ended();
    assert_eq!(status.code(), Some(2), "{said:#?}");
    assert!(said.join("\n").contains("token"), "{said:#?}");
}

#[test]
fn a_token_is_asked_for_and_the_client_sends_it() {
    let place = Place::new(0);
    place.write("token", "correct-horse\n");
    let token = format!("token: {{file: {}}}", place.path("token").display());
    place.write("fleet.yaml", &place.fleet(10, &token).replace("127.0.0.1:0", "0.0.0.0:0"));
    let mut daemon = place.run();
    let url = daemon.url().replace("0.0.0.0", "127.0.0.1");
    daemon.wait_for("ready");
    let refused = output(spotfleet().args(["status", "--url", &url]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("SPOTFLEET_TOKEN"), "{refused:?}");
    let given = output(spotfleet().args(["status", "--url", &url]).env("SPOTFLEET_TOKEN", "correct-horse"));
    assert!(given.status.success() && stdout(&given).contains("web"), "{given:?}");
    let given = output(spotfleet().args(["status", "--url", &url, "--token-file"]).arg(place.path("token")));
    assert!(given.status.success(), "{given:?}");
    daemon.signal("INT");
    let (status, said) = daemon.ended();
    assert_eq!(status.code(), Some(0));
    assert!(!said.join("\n").contains("correct-horse"), "a secret reached the log");
}

#[test]
fn a_store_in_use_is_named_with_its_holder() {
    let place = Place::new(0);
    let mut first = place.run();
    first.wait_for("listening");
    let (status, said) = place.run().ended();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    assert!(said.join("\n").contains("is in use by process"), "{said:#?}");
}

#[test]
fn a_store_of_a_newer_format_is_refused_and_left_alone() {
    let place = Place::new(0);
    let mut daemon = place.run();
    daemon.wait_for("launched");
    daemon.signal("TERM");
    daemon.ended();
    let format = place.path("state/format.json");
    let newer = read(&format).replace("\"format\":1", "\"format\":99").replace("\"format\": 1", "\"format\": 99");
    std::fs::write(&format, &newer).unwrap();
    let (status, said) = place.run().ended();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    let said = said.join("\n");
    assert!(said.contains("format 99") && said.contains("upgrade spotfleet"), "{said}");
    assert!(!said.contains("launched"), "{said}");
    assert_eq!(read(&format), newer);
}

#[test]
fn a_damaged_store_is_an_alarm_and_nothing_is_launched_on_a_guess() {
    let place = Place::new(0);
    place.write("fleet.yaml", &place.fleet(10, "store: redb"));
    let mut daemon = place.run();
    daemon.wait_for("launched");
    daemon.signal("TERM");
    daemon.ended();
    let engine = place.path("state/redb");
    for file in std::fs::read_dir(&engine).unwrap().map(|f| f.unwrap().path()).filter(|p| p.is_file()) {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
        std::fs::write(&file, bytes).unwrap();
    }

    let manager = Manager::new(&place);
    let mut daemon = place.run_with(&[("NOTIFY_SOCKET", &manager.path)]);
    daemon.wait_for("the store was damaged");
    manager.wait_for("READY=1");
    daemon.signal("TERM");
    let (status, said) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    // A launch of the run before may still be on its way: the settle window is waited for first.
    assert!(!said.iter().any(|line| line.contains("launched")), "{said:#?}");
}

#[test]
fn json_logs_are_one_object_a_line() {
    let place = Place::new(0);
    place.write("fleet.yaml", &place.fleet(10, "log: {format: json, level: info}"));
    let mut daemon = place.run();
    daemon.wait_for("launched");
    daemon.signal("TERM");
    let (_, said) = daemon.ended();
    assert!(said.len() > 5);
    for line in said {
        let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(value["timestamp"].is_string() && value["level"].is_string() && value["message"].is_string(), "{line}");
    }
}

#[test]
fn why_demand_cannot_be_read_is_logged_once_and_when_it_can_be_again() {
    let place = Place::new(5);
    let mut daemon = place.run();
    daemon.wait_for("ready");
    std::fs::remove_file(place.path("queue")).unwrap();
    let line = daemon.wait_for("demand cannot be read");
    assert!(line.contains("web") && line.contains("queue"), "{line}");
    place.write("queue", "7");
    daemon.wait_for("demand is read again");
    daemon.signal("TERM");
    daemon.ended();
}
