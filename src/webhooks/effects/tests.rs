use std::collections::BTreeSet;

use super::*;

#[test]
fn a_type_has_one_row_at_an_endpoint() {
    let mut seen = BTreeSet::new();
    for row in &TABLE {
        assert!(!row.types.is_empty() && !row.endpoints.is_empty() && row.since >= 1);
        for endpoint in row.endpoints {
            for kind in row.types {
                let thin = row.payload == PayloadStyle::Thin;
                let once = seen.insert((format!("{endpoint:?}"), *kind, thin));
                assert!(once, "{kind} has two rows at {endpoint:?}");
            }
        }
    }
}

#[test]
fn thin_events_are_none_of_the_endpoints_subscriptions_nor_the_reverse() {
    let thin = thin_types();
    assert!(!thin.is_empty() && thin.iter().all(|kind| kind.starts_with("v2.")));
    for endpoint in BOTH {
        assert!(types(*endpoint).iter().all(|kind| !kind.starts_with("v")));
    }
}

#[test]
fn groups_hold_every_type_once_and_no_more_than_stripe_lists_at_once() {
    for (groups, mut wanted) in [
        (type_groups(Endpoint::Platform), types(Endpoint::Platform)),
        (type_groups(Endpoint::Connect), types(Endpoint::Connect)),
        (thin_groups(), thin_types()),
    ] {
        let mut listed: Vec<_> = groups.iter().flat_map(|group| &group.types).collect();
        listed.sort();
        wanted.sort_unstable();
        assert_eq!(listed.into_iter().copied().collect::<Vec<_>>(), wanted);
        assert!(
            groups
                .iter()
                .all(|group| group.types.len() <= MAX_LISTED_TYPES)
        );
        let names: BTreeSet<_> = groups.iter().map(|group| &group.name).collect();
        assert_eq!(names.len(), groups.len());
    }
}

#[test]
fn a_new_version_leaves_the_older_groups_as_they_are() {
    const MANY: &[&str] = &[
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t", "u", "v", "w",
    ];
    let row = |types, since| EffectRow {
        types,
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since,
        apply: Apply::Each(|tx, event| Box::pin(payments::events::refund(tx, event))),
        reread: |tx, object| Box::pin(payments::events::reread_refund(tx, object)),
    };
    let shape = |rows: &[EffectRow]| {
        let groups = groups_of(rows, |row| row.is_snapshot_at(Endpoint::Connect)).into_iter();
        groups
            .map(|group| (group.name, group.types.len()))
            .collect::<Vec<_>>()
    };
    let before = shape(&[row(MANY, 1)]);
    assert_eq!(before, [("1".to_owned(), 20), ("1-2".to_owned(), 3)]);
    let after = shape(&[row(&["x"], 2), row(MANY, 1)]);
    assert_eq!(after[..2], before);
    assert_eq!(after[2], ("2".to_owned(), 1));
    assert_eq!(newest(&[row(&["x"], 2), row(MANY, 1)]), 2);
}
