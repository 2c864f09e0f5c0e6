//! For how long an answer may be believed.

use crate::world::*;

fn ttl(endpoints: impl IntoIterator<Item = Endpoint>) -> u32 {
    let world = world([pool(endpoints)], [Kind::Failover(vec![p(0)]).into()]);
    Asker::new(&world, 1).answers(16).decide().ttl_s
}

#[test]
fn what_two_failures_of_one_second_take_down_is_believed_for_two_seconds() {
    assert_eq!(ttl([up().flips_after(2_000)]), 2);
}

#[test]
fn of_all_that_is_answered_the_soonest_to_flip_decides() {
    let endpoints = [9_000, 3_500, u32::MAX].map(|ms| up().flips_after(ms));
    assert_eq!(ttl(endpoints), 4);
}

#[test]
fn what_is_not_answered_does_not_count() {
    assert_eq!(ttl([up().flips_after(9_000), down().flips_after(2_000)]), 9);
}

#[test]
fn an_answer_of_what_is_down_is_believed_until_it_could_be_up() {
    assert_eq!(ttl([down().flips_after(4_000)]), 4);
}

#[test]
fn what_nothing_watches_is_believed_for_the_longest_of_the_range() {
    assert_eq!(ttl([up().flips_after(u32::MAX)]), TTL.max_s);
}
