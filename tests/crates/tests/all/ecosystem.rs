//! Crates that compute: random numbers, patterns, formats.
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

#[test]
fn getrandom_fills_with_different_bytes() {
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).unwrap();
        assert!(seen.insert(bytes));
    }
    let mut large = vec![0; 100_000];
    getrandom::fill(&mut large).unwrap();
    let ones: u32 = large.iter().map(|byte| byte.count_ones()).sum();
    assert!((390_000..410_000).contains(&ones), "{ones} of 800,000 bits are set");
}

#[test]
fn regex_finds_and_replaces() {
    let date = Regex::new(r"(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})").unwrap();
    let text = "from 2024-02-29 to 2025-01-01";
    let years: Vec<&str> =
        date.captures_iter(text).map(|found| found.extract::<3>().1[0]).collect();
    assert_eq!(years, ["2024", "2025"]);
    assert_eq!(date.replace_all(text, "$day.$month."), "from 29.02. to 01.01.");
    assert!(Regex::new(r"^\p{Greek}+$").unwrap().is_match("αβγ"));
    assert!(!Regex::new(r"^(a+)+$").unwrap().is_match(&format!("{}b", "a".repeat(10_000))));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    name: String,
    sizes: Vec<u64>,
    ratio: f64,
    inner: Option<Box<Record>>,
    tags: BTreeMap<String, i32>,
}

#[test]
fn serde_json_reads_what_it_wrote() {
    let inner = Record {
        name: "ü \"quoted\"\n".into(),
        sizes: vec![0, u64::MAX],
        ratio: 0.1,
        inner: None,
        tags: BTreeMap::from([("a".into(), -1)]),
    };
    let record = Record { inner: Some(Box::new(inner)), name: "outer".into(), ..empty() };
    let text = serde_json::to_string_pretty(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let wrong = serde_json::from_str::<Record>(r#"{"name": 1}"#).unwrap_err();
    assert_eq!((wrong.line(), wrong.is_data()), (1, true));
}

fn empty() -> Record {
    let (name, tags) = (String::new(), BTreeMap::new());
    Record { name, sizes: vec![], ratio: f64::MIN_POSITIVE, inner: None, tags }
}
