//! The alarms of `template.yaml`: what they watch, how they treat missing and late data, and what operators read
//! about them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{alarms, call_everything, document, metrics, read};

/// The operations of DynamoDB, by table.
type Calls = BTreeMap<String, BTreeSet<String>>;

/// Returns the calls of DynamoDB that functions make.
async fn made() -> Calls {
    let made = call_everything(document()).await.calls();
    let made = made.into_iter().map(|(table, operations)| {
        let operations = operations.into_iter().map(str::to_owned);
        (table, operations.collect())
    });
    made.collect()
}

/// Returns the calls of DynamoDB whose errors alarms watch.
fn watched(document: &Value) -> Calls {
    let mut watched = Calls::new();
    for metric in alarms(document).flat_map(|(_, alarm)| metrics(alarm)) {
        if metric["Namespace"] != "AWS/DynamoDB" || metric["MetricName"] != "SystemErrors" {
            continue;
        }
        let [table, operation] = ["TableName", "Operation"].map(|name| {
            let mut dimensions = metric["Dimensions"].as_array().unwrap().iter();
            &dimensions.find(|found| found["Name"] == name).unwrap()["Value"]
        });
        let operations = watched
            .entry(table["Ref"].as_str().unwrap().to_owned())
            .or_default();
        let operation = operation.as_str().unwrap().to_owned();
        assert!(
            operations.insert(operation),
            "{metric} is in the alarms twice"
        );
    }
    watched
}

#[tokio::test]
async fn alarms_watch_the_calls_of_dynamodb_that_functions_make_and_no_others() {
    assert_eq!(watched(&document()), made().await);
}

#[tokio::test]
async fn an_alarm_on_a_call_that_no_function_makes_is_reported() {
    let mut document = document();
    let metrics = &mut document["Resources"]["ContactTableErrorsAlarm"]["Properties"]["Metrics"];
    let found = metrics.as_array_mut().unwrap().iter_mut().find(|metric| {
        let metric = metric.to_string();
        metric.contains(r#""Ref":"TokensTable""#) && metric.contains("BatchGetItem")
    });
    let dimensions = &mut found.unwrap()["MetricStat"]["Metric"]["Dimensions"];
    dimensions[1]["Value"] = json!("GetItem");
    let (watched, made) = (watched(&document), made().await);
    let of_tokens = |calls: &Calls| calls["TokensTable"].clone();
    let [unmade, unwatched] = [
        &of_tokens(&watched) - &of_tokens(&made),
        &of_tokens(&made) - &of_tokens(&watched),
    ];
    assert_eq!(unmade, BTreeSet::from(["GetItem".to_owned()]));
    assert_eq!(unwatched, BTreeSet::from(["BatchGetItem".to_owned()]));
}

/// Whether an expression reads this metric only within `FILL`.
fn fills(expression: &str, metric: &str) -> bool {
    let mut uses = expression.match_indices(metric);
    let filled = uses.all(|(start, _)| expression[..start].ends_with("FILL("));
    filled && expression.contains(metric)
}

/// Without data, an alarm on DynamoDB stays in the state it is in, whatever `TreatMissingData` says.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
#[test]
fn alarms_take_missing_data_for_zero() {
    let document = document();
    for (name, alarm) in alarms(&document) {
        let queries = alarm["Properties"]["Metrics"].as_array();
        let queries = queries.unwrap_or_else(|| panic!("{name} has no expression"));
        let expression = queries[0]["Expression"].as_str().unwrap();
        let ids: Vec<_> = queries[1..]
            .iter()
            .map(|query| query["Id"].as_str().unwrap())
            .collect();
        // `SUM` of a single time series is a number, on which there can be no alarm.
        let is_filled = match &ids[..] {
            [_] => fills(expression, ids[0]),
            _ if expression == "SUM(FILL(METRICS(), 0))" => true,
            _ => ids.iter().all(|id| fills(expression, id)),
        };
        assert!(is_filled, "{name}: {expression}");
    }
}

/// `FILL` also fills the latest data points, which come late. An alarm that needed them would never fire.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
#[test]
fn alarms_fire_without_the_latest_two_data_points() {
    let document = document();
    for (name, alarm) in alarms(&document) {
        let [points, periods] = ["DatapointsToAlarm", "EvaluationPeriods"]
            .map(|property| alarm["Properties"][property].as_u64().unwrap_or_default());
        assert!(
            points >= 1 && periods >= points + 2,
            "{name}: {points} of {periods}"
        );
    }
}

#[test]
fn the_documented_cost_of_alarms_counts_their_metrics() {
    let document = document();
    let count = alarms(&document)
        .flat_map(|(_, alarm)| metrics(alarm))
        .count();
    let expected = format!("{count} alarm metrics");
    assert!(read("docs/cost.md").contains(&expected), "{expected}");
}

/// A row of the table of alarms in docs/operations.md: the section for some alarms, when they fire, and whether they
/// roll back a deployment.
struct Row<'a> {
    section: &'a str,
    fires_when: &'a str,
    rolls_back: &'a str,
}

/// Returns the rows of the table of alarms, by the name of the alarm.
fn rows(page: &str) -> BTreeMap<&str, Row<'_>> {
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let ["", first, fires_when, rolls_back, ""] = cells[..] else {
            continue;
        };
        let Some((names, link)) = first
            .strip_prefix('[')
            .and_then(|cell| cell.split_once("]("))
        else {
            continue;
        };
        let section = link.trim_end_matches(')').trim_start_matches('#');
        for name in names.split(", ").map(|name| name.trim_matches('`')) {
            let row = Row {
                section,
                fires_when,
                rolls_back,
            };
            assert!(rows.insert(name, row).is_none(), "{name} has two rows");
        }
    }
    rows
}

/// Returns the text of a section of the page, empty if there is none.
fn section<'a>(page: &'a str, anchor: &str) -> &'a str {
    let mut sections = page.split("\n#").skip(1);
    let found = sections.find(|section| {
        let title = section.lines().next().unwrap().trim_start_matches('#');
        title.trim().to_lowercase().replace(' ', "-") == anchor
    });
    found.unwrap_or_default()
}

#[test]
fn operators_can_read_what_every_alarm_means_and_what_to_do() {
    let document = document();
    let page = read("docs/operations.md");
    let rows = rows(&page);
    let preference = &document["Globals"]["Function"]["DeploymentPreference"]["Alarms"];
    for (name, alarm) in alarms(&document) {
        let properties = &alarm["Properties"];
        let row = rows.get(name.as_str());
        let row = row.unwrap_or_else(|| panic!("docs/operations.md has no row for {name}"));

        let description = properties["AlarmDescription"].as_str().unwrap();
        let link = format!("docs/operations.md#{}", row.section);
        assert!(description.ends_with(&link), "{name}: {description}");
        let text = section(&page, row.section);
        assert!(
            text.contains("\n1. "),
            "docs/operations.md does not say step by step what to do after {name}"
        );

        let number = |value: &Value| value.as_u64().unwrap();
        let period = number(&properties["Metrics"][1]["MetricStat"]["Period"]) / 60;
        let [points, periods] = ["DatapointsToAlarm", "EvaluationPeriods"]
            .map(|property| number(&properties[property]));
        let duration = match period {
            1 => format!("in {points} of {periods} minutes"),
            _ => format!("within {} minutes", period * periods),
        };
        assert!(
            row.fires_when.ends_with(&duration),
            "{name}: {:?} does not end with {duration:?}",
            row.fires_when
        );

        let reference = json!({ "Ref": name }).to_string();
        let rolls_back = preference.to_string().contains(&reference);
        let expected = if rolls_back { "yes" } else { "no" };
        assert_eq!(row.rolls_back, expected, "{name}");
    }
    let names: BTreeSet<_> = alarms(&document).map(|(name, _)| name.as_str()).collect();
    let documented: BTreeSet<_> = rows.into_keys().collect();
    assert_eq!(documented, names);
}
