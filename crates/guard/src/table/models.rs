use super::*;
use loom::sync::Arc;
use loom::thread;

/// The time of one token.
const TOKEN: Ticks = 1_000;
const MOMENT: Moment = Moment::new(5_000_000, 1 << 20);

/// A key whose buckets are in the one set of the table.
const fn key(number: u64) -> Key {
    number << (TIME_BITS + 1)
}

fn take(table: &BucketTable, key: Key, cost: Ticks) {
    let bucket = table.find(key, MOMENT);
    table.take(key, bucket, MOMENT, cost);
}

fn ahead(table: &BucketTable, key: Key) -> Ticks {
    table.find(key, MOMENT).ahead
}

/// Examines cores of which each takes one token of its key, from a table with buckets of `present` keys. Key `n` of them has
/// taken `n` tokens.
fn examine<const CORES: usize>(
    present: u64,
    keys: [Key; CORES],
    check: impl Fn(&BucketTable) + Send + Sync + 'static,
) {
    loom::model(move || {
        let table = Arc::new(BucketTable::new(WAYS));
        (1..=present).for_each(|number| take(&table, key(number), number * TOKEN));
        let cores: Vec<_> = keys[1..]
            .iter()
            .map(|&key| {
                let table = Arc::clone(&table);
                thread::spawn(move || take(&table, key, TOKEN))
            })
            .collect();
        take(&table, keys[0], TOKEN);
        cores.into_iter().for_each(|core| core.join().expect("a core ends"));
        check(&table);
    });
}

#[test]
fn two_cores_that_begin_a_bucket_both_pay() {
    examine(0, [key(1); 2], |table| assert_eq!(ahead(table, key(1)), 2 * TOKEN));
}

#[test]
fn two_cores_that_use_a_bucket_both_pay() {
    examine(1, [key(1); 2], |table| assert_eq!(ahead(table, key(1)), 3 * TOKEN));
}

#[test]
fn of_three_cores_at_least_two_pay_and_none_pays_twice() {
    examine(1, [key(1); 3], |table| {
        let paid = ahead(table, key(1)) / TOKEN - 1;
        assert!([2, 3].contains(&paid), "{paid} tokens");
    });
}

#[test]
fn two_keys_that_begin_at_once_have_a_bucket_each() {
    examine(0, [key(1), key(2)], |table| {
        assert_eq!([key(1), key(2)].map(|key| ahead(table, key)), [TOKEN; 2]);
    });
}

/// The buckets of the keys with most tokens give way, and no other.
#[test]
fn newcomers_in_a_full_set_displace_no_bucket_with_fewer_tokens_than_theirs() {
    examine(WAYS as u64, [key(100), key(101)], |table| {
        for number in 3..=WAYS as u64 {
            assert_eq!(ahead(table, key(number)), number * TOKEN);
        }
    });
}
