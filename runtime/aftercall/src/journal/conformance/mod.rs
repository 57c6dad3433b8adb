//! What every store must do, as one suite: each case gets an empty journal and knows nothing of what is behind it.

pub(super) mod access;
pub(super) mod answers;
pub(super) mod intake;
pub(super) mod keep;
pub(super) mod lanes;
pub(super) mod list;
pub(super) mod log;
pub(super) mod plans;
pub(super) mod reads;
pub(super) mod records;
pub(super) mod support;
pub(super) mod trail;
pub(super) mod upkeep;

/// Makes one test of each case; `$with` opens an empty journal and hands it to the case.
macro_rules! suite {
    ($with:path: $($topic:ident { $($case:ident)+ })+) => {
        $(
            mod $topic {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        $with(async |journal| {
                            $crate::journal::conformance::$topic::$case(journal).await
                        })
                        .await;
                    }
                )+
            }
        )+
    };
}

/// The whole suite.
macro_rules! every_case {
    ($with:path) => {
        $crate::journal::conformance::suite! { $with:
            intake {
                the_same_event_is_taken_once
                the_same_outcome_under_another_event_is_a_repetition
                another_outcome_amends_and_reopens
                a_correction_under_the_same_key_amends
                an_amendment_under_way_is_not_lost
                a_provisional_call_waits_for_the_better_word
                a_provisional_word_that_comes_late_is_kept_aside
                the_same_outcome_confirms_a_provisional_call
                what_was_not_understood_can_be_understood_later
                an_arrival_in_trouble_fails_its_job_alone
                a_thousand_at_once
            }
            lanes {
                one_call_of_a_lane_at_a_time_in_order
                a_call_that_waits_lets_the_next_one_pass
                a_call_that_blocks_does_not
                what_waits_for_a_system_is_woken_in_order
                a_call_may_wait_for_two_systems_and_a_time
                a_finished_call_can_block_too
                a_clock_set_back_makes_no_wait_longer
                withheld_numbers_share_no_lane
                keys_that_meet_become_one_lane
                a_held_lane_is_not_merged_away
                an_amendment_brings_lanes_together
                two_workers_never_hold_one_lane
                a_ghost_is_fenced
                a_renewed_lease_holds
                a_take_over_puts_intents_in_doubt
                a_release_puts_intents_in_doubt
                a_lane_with_much_to_do_goes_to_the_back
                the_next_time_is_known
                new_work_wakes
                claims_are_bounded
            }
            plans {
                a_plan_comes_back_with_the_next_claim
                an_overtaken_plan_is_refused
                a_fenced_plan_does_not_fail_the_others
                a_time_is_booked_once
                a_released_time_is_free_again
                planning_again_replaces_what_was_not_sent
                planning_again_keeps_what_was_applied
                planning_again_leaves_doubts_alone
                an_amended_call_plans_over_what_was_applied
                an_intent_can_stand_in_the_plan
            }
            records {
                an_attempt_from_intent_to_receipt
                troubles_are_set_and_cleared
                the_next_intent_shares_the_commit
                an_unknown_write_changes_nothing
                a_final_status_has_no_time
                links_follow_the_lane
                a_person_reopens_a_dead_letter
                a_person_chooses_another_version
                a_person_waits_for_the_worker
                the_second_person_is_told
                the_ledger_keeps_the_last_value
                what_was_created_is_found
            }
            reads {
                the_call_log_filters
                the_call_log_pages
                a_call_is_found_by_its_beginning
                the_story_is_whole
                calls_come_with_their_last_plan
                counts_count
                open_writes_are_listed
            }
            log {
                the_log_filters
                the_log_finds
                the_log_counts
                the_log_pages_while_calls_arrive
            }
            answers {
                a_question_is_open_until_it_is_answered
                an_answer_makes_room_for_another_plan
                the_last_answer_counts
                an_answer_takes_the_record_that_it_led_to
                answers_follow_the_lane
                only_a_person_answers
                what_was_merged_away_is_forgotten
            }
            keep {
                turns_are_taken_once
                look_ups_are_replaced
                configs_are_kept
                people_are_found_by_their_keys
                the_newest_token_counts
                a_reload_is_asked_for_and_answered
            }
            access {
                a_name_is_taken_once
                what_changes_about_a_user_ends_their_sessions
                the_only_admin_stays_one
                a_session_is_over_in_its_time
                the_session_before_ends
                who_is_kept_out_meanwhile_does_not_come_in
                a_token_counts_until_it_ends
                tries_are_counted_before_they_are_checked
                who_succeeds_starts_anew
            }
            trail {
                what_a_person_did_is_on_the_trail
                the_trail_pages
                what_undoes_something_is_of_no_plan
                what_has_landed_is_found_by_what_is_asked
                what_gave_way_is_still_told
            }
        }
    };
}

pub(super) use every_case;
pub(super) use suite;
