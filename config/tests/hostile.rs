//! A file made to hurt is refused with a clear message, in bounded time and memory.
//!
//! One test in a binary of its own: the peak memory of the process is what it measures.

use std::fmt::Write;
use std::time::Duration;

use config::{Config, MAX_FILE_BYTES, MAX_PROBLEMS, ThisHost};

/// The largest file that is parsed.
const FULL: usize = MAX_FILE_BYTES - 100;

/// Time of the processor, so that a busy machine does not matter. In a debug build the slowest takes about 1 s; without
/// the bounds some took minutes.
const MOST_TIME: Duration = Duration::from_secs(15);

/// The peak of the whole process is about 150 MB; without the bounds some took gigabytes.
const MOST_MEMORY_KIB: u64 = 400 * 1024;

/// A valid file up to the list of pools.
const HEAD: &str = "version: 1\nproviders: {sim: {types: {a: {on_demand_price: 1, spot_price: 1}}}}\nfleets:\n  \
                    - name: f\n    capacity: {max: 1}\n    pools:\n";

fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (before, name) in ('a'..='h').zip('b'..='i') {
        let _ = writeln!(bomb, "{name}: &{name} [{}]", vec![format!("*{before}"); 9].join(","));
    }
    // Each alias is small; together they are a billion values.
    let quadratic = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(30_000), "*a,".repeat(30_000));
    let mut block = String::new();
    for depth in 0..1_000 {
        let _ = writeln!(block, "{}a:", " ".repeat(depth));
    }
    let pools = |regions: usize, zones: usize, types: usize| {
        let names = |prefix: &str, n: usize| (0..n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>().join(",");
        let sold: String = (0..types).map(|i| format!("t{i}: {{on_demand_price: 1, spot_price: 1}},")).collect();
        format!(
            "version: 1\nproviders: {{sim: {{types: {{{sold}}}}}}}\nfleets:\n  - name: f\n    capacity: {{max: 1}}\n    \
             pools: [{{provider: sim, regions: [{}], zones: [{}], instance_types: [{}]}}]\n",
            names("r", regions),
            (0..regions).map(|r| names(&format!("r{r}-z"), zones)).collect::<Vec<_>>().join(","),
            names("t", types),
        )
    };
    vec![
        ("alias bomb", bomb.into_bytes(), "anchors (`&name`) and aliases (`*name`) are not supported"),
        ("quadratic aliases", quadratic.into_bytes(), "anchors (`&name`) and aliases (`*name`) are not supported"),
        ("alias of nothing", b"a: *b\n".to_vec(), "this is not YAML"),
        ("alias of itself", b"a: &a [*a]\n".to_vec(), "anchors (`&name`) and aliases (`*name`) are not supported"),
        ("unclosed brackets", "[".repeat(FULL).into_bytes(), "nested deeper than 24 levels"),
        ("unclosed braces", "{a: ".repeat(FULL / 4).into_bytes(), "nested deeper than 24 levels"),
        ("nested dashes", "- ".repeat(FULL / 2).into_bytes(), "nested deeper than 24 levels"),
        ("nested questions", "? ".repeat(FULL / 2).into_bytes(), "nested deeper than 24 levels"),
        ("deep block", block.into_bytes(), "nested deeper than 24 levels"),
        ("many items", format!("a:\n{}", "- x\n".repeat(FULL / 5)).into_bytes(), "more than 200000 keys and values"),
        ("many commas", format!("a: [{}", "x,".repeat(FULL / 2 - 4)).into_bytes(), "more than 200000 keys"),
        ("one long scalar", format!("a: {}", "x".repeat(FULL)).into_bytes(), "unknown key `a`"),
        ("one long key", format!("{}: a", "x".repeat(FULL)).into_bytes(), "not YAML"),
        ("one long quoted key", format!("? \"{}\"\n: a\n", "x".repeat(FULL - 9)).into_bytes(), "unknown key `xxxx"),
        ("a long comment", format!("# {}", "x".repeat(FULL)).into_bytes(), "the file is empty"),
        ("only line breaks", "\n".repeat(FULL).into_bytes(), "the file is empty"),
        ("only tabs", "\t".repeat(FULL).into_bytes(), "the file is empty"),
        ("many documents", "---\na\n".repeat(FULL / 6).into_bytes(), "a second document starts here"),
        (
            "many unknown keys",
            (0..60_000).map(|i| format!("k{i}: 1\n")).collect::<String>().into_bytes(),
            "unknown key",
        ),
        ("many duplicates", "a: 1\n".repeat(60_000).into_bytes(), "the key is given twice"),
        ("many wrong pools", format!("{HEAD}{}", "      - x\n".repeat(60_000)).into_bytes(), "expected a mapping"),
        (
            "many labels",
            {
                let labels: String = (0..60_000).map(|i| format!("l{i}: x,")).collect();
                format!("{HEAD}      []\n    labels: {{{labels}}}\n").into_bytes()
            },
            "labels are too many",
        ),
        ("a billion pools", pools(100, 100, 1_000).into_bytes(), "make more than 20000 in all fleets"),
        ("not UTF-8", b"version: 1\nfleets: [\xff\xfe]\n".to_vec(), "the file is not UTF-8 text"),
        ("UTF-16", b"\xff\xfev\0e\0r\0".to_vec(), "the file is not UTF-8 text"),
        ("zeroes", vec![0; FULL], "not YAML"),
        ("50 MB", vec![b'a'; 50_000_000], "the file has more than 1024 KiB"),
    ]
}

#[test]
fn what_is_made_to_hurt_is_refused_in_bounds() {
    let mut slowest = (Duration::ZERO, "");
    for (name, bytes, expected) in cases() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fleet.yaml");
        std::fs::write(&path, &bytes).unwrap();
        let started = cpu_time();
        let problems = Config::load(&path, &ThisHost).expect_err(name);
        let said = problems.to_string();
        let took = cpu_time().saturating_sub(started);
        slowest = slowest.max((took, name));
        assert!(took < MOST_TIME, "{name} took {took:?}");
        assert!(said.contains(expected), "{name}: {}", said.chars().take(2_000).collect::<String>());
        assert!(said.len() < 200_000, "{name}: {} bytes are said", said.len());
        assert!(problems.iter().count() <= MAX_PROBLEMS, "{name}");
        println!("{name}: {took:?}, {} KiB at most so far", peak_kib().unwrap_or_default());
    }
    println!("slowest: {slowest:?}");
    if let Some(peak) = peak_kib() {
        assert!(peak < MOST_MEMORY_KIB, "{peak} KiB");
    }
}

/// Time that this process has had of the processors, to a hundredth of a second; nothing where the system does not
/// tell.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // User and system time are the 14th and 15th field. The name before them, in brackets, may hold spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The most memory that this process has had, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let directory = tempfile::tempdir().unwrap();
    for (path, expected) in [
        (directory.path().to_path_buf(), "it is not a regular file"),
        (directory.path().join("missing.yaml"), "there is no such file"),
        ("/dev/zero".into(), "it is not a regular file"),
    ] {
        let problems = Config::load(&path, &ThisHost).expect_err("no file");
        assert!(problems.to_string().contains(expected), "{problems}");
    }
}
