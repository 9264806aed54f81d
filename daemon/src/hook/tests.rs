//! Hooks against a small server and real commands.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use policies::model::{Market, Pool};
use policies::plan::Cause;
use providers::demand::HttpEndpoint;
use secrecy::SecretString;
use tokio::sync::mpsc;

use super::*;

const NOW: Time = Time::from_millis(1_790_000_000_000);

fn drain(left: Span) -> Hook {
    Hook {
        fleet: "web".into(),
        instance: "i-1".into(),
        pool: Pool::new("aws", "us-east-1", "us-east-1a", "c6i.xlarge", Market::Spot),
        why: Cause::Surplus,
        until: NOW.plus(left),
    }
}

fn with(way: Way, timeout: Option<Span>) -> DrainHook {
    DrainHook::new(way, timeout, Arc::new(Semaphore::new(1)))
}

fn shell(script: &str, timeout: Option<Span>) -> DrainHook {
    with(Way::Command(["/bin/sh", "-c", script].map(str::to_owned).into()), timeout)
}

/// What the server got, with the token.
type Got = (Option<String>, serde_json::Value);

/// A server that answers with this status, or never; ends with the test's runtime.
async fn server(status: Option<u16>) -> (String, mpsc::Receiver<Got>) {
    let (got, gets) = mpsc::channel(4);
    let answer = move |State(got): State<mpsc::Sender<Got>>, headers: HeaderMap, body: String| async move {
        let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(headers["content-type"], "application/json");
        got.send((token, serde_json::from_str(&body).unwrap())).await.unwrap();
        match status {
            Some(status) => (StatusCode::from_u16(status).unwrap(), "sesame is what was sent"),
            None => std::future::pending().await,
        }
    };
    let router = Router::new().route("/drain", post(answer)).with_state(got);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/drain", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, gets)
}

fn http(url: &str, timeout: Option<Span>) -> DrainHook {
    let endpoint = HttpEndpoint {
        url: SecretString::from(format!("{url}?key=sesame")),
        token: Some(SecretString::from("sesame")),
        allow_http: false,
    };
    with(Way::Http(Box::new(HttpHook::new(&endpoint).unwrap())), timeout)
}

#[tokio::test]
async fn a_server_is_told_and_says_whether_the_worker_has_finished() {
    for (status, finished) in [(200, true), (204, true), (202, false)] {
        let (url, mut gets) = server(Some(status)).await;
        assert_eq!(http(&url, None).tell(&drain(Span::from_mins(1)), NOW).await, Ok(finished), "{status}");
        let (token, body) = gets.recv().await.unwrap();
        assert_eq!(token.as_deref(), Some("Bearer sesame"));
        let wanted = serde_json::json!({
            "event": "drain", "fleet": "web", "instance": "i-1", "provider": "aws", "region": "us-east-1",
            "zone": "us-east-1a", "instance_type": "c6i.xlarge", "market": "spot", "cause": "surplus",
            "pool": "aws/us-east-1/us-east-1a/c6i.xlarge/spot", "until": rfc3339(drain(Span::from_mins(1)).until),
        });
        assert_eq!(body, wanted);
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_hangs_fails_in_time_and_tells_no_secret() {
    let (url, _gets) = server(Some(500)).await;
    let refused = http(&url, None).tell(&drain(Span::from_mins(1)), NOW).await.unwrap_err();
    let (url, mut gets) = server(None).await;
    let hangs = http(&url, Some(Span::from_millis(50)));
    let drained = drain(Span::from_mins(1));
    let (hung, got) = tokio::join!(hangs.tell(&drained, NOW), gets.recv());
    assert!(got.is_some());
    let hung = hung.unwrap_err();
    assert_eq!((hung.kind, hung.code.as_str()), (FailureKind::Unavailable, "timeout"));
    let nobody = http("http://127.0.0.1:1", None).tell(&drained, NOW).await.unwrap_err();
    for failure in [refused, hung, nobody] {
        assert!(!format!("{failure} {failure:?}").contains("sesame"), "{failure:?}");
    }
    assert!(!format!("{hangs:?}").contains("sesame"));
}

#[tokio::test]
async fn a_command_is_told_by_its_environment_and_says_by_its_status_how_it_went() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("told");
    let script = format!("env | grep -v '^_=\\|^PWD=\\|^SHLVL=\\|^OLDPWD=' | sort > {}", file.display());
    let drained = drain(Span::from_mins(1));
    assert_eq!(shell(&script, None).tell(&drained, NOW).await, Ok(true));
    let told = std::fs::read_to_string(&file).unwrap();
    let names: Vec<_> = told.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| *name == "PATH" || name.starts_with("SPOTFLEET_")), "{names:?}");
    for line in ["SPOTFLEET_INSTANCE=i-1", "SPOTFLEET_CAUSE=surplus", "SPOTFLEET_FLEET=web"] {
        assert!(told.lines().any(|l| l == line), "{told}");
    }
    assert_eq!(shell("exit 75", None).tell(&drained, NOW).await, Ok(false));
    let failed = shell("exit 3", None).tell(&drained, NOW).await.unwrap_err();
    assert!(failed.to_string().contains("/bin/sh ended with 3"), "{failed}");
    let none = with(Way::Command(vec!["/no/such/program".to_owned()]), None).tell(&drained, NOW).await.unwrap_err();
    assert_eq!(none.kind, FailureKind::Invalid);
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_all_that_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("life");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    // The pipe has an end for reading as long as the command's own child lives.
    let script = format!("(exec 3<{0}; exec tail -f /dev/null) & wait", fifo.display());
    let hangs = shell(&script, Some(Span::from_millis(300)));
    let writer = fifo.clone();
    let opened = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(writer).unwrap());
    let failed = hangs.tell(&drain(Span::from_mins(1)), NOW).await.unwrap_err();
    assert_eq!(failed.code, "timeout");
    assert!(failed.to_string().contains("killed"), "{failed}");
    let pipe = opened.await.unwrap();
    // Nobody reads any more: writing fails, once the killed child is gone.
    let broken = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        loop {
            if (&pipe).write_all(b"x").is_err() {
                return true;
            }
            std::thread::yield_now();
        }
    });
    assert!(tokio::time::timeout(Duration::from_secs(30), broken).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_hook_without_a_turn_gives_up_when_its_machine_is_drained() {
    let turns = Arc::new(Semaphore::new(0));
    let hook = DrainHook::new(Way::Command(vec!["/bin/true".to_owned()]), None, turns);
    let failed = hook.tell(&drain(Span::from_millis(20)), NOW).await.unwrap_err();
    assert!(failed.to_string().contains("before it had its turn"), "{failed}");
}
