/* SPDX-License-Identifier: BSD-2-Clause */
/* Accounts for several ports or registers: cache/places.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cache/translations.h"

static struct exit_places pool[PLACES_TABLES];
static struct translations translations;

static u64 in_from(u64 port)
{
    return port << 16 | 8;
}

static int begin(void **state)
{
    (void)state;
    for (u32 i = 0; i < PLACES_TABLES; i++)
        places_release(&pool[i]);
    return 0;
}

static void tables_are_given_until_there_are_none(void **state)
{
    (void)state;
    for (u32 i = 0; i < PLACES_TABLES; i++) {
        struct exit_places *taken = places_take(pool);
        assert_ptr_not_equal(taken, &places_none);
        assert_true(taken->taken);
    }
    assert_ptr_equal(places_take(pool), &places_none);
    places_release(&places_none);
    assert_ptr_equal(places_take(pool), &places_none);
    pool[7].place[3] = (struct exit_place){.where = 1, .account = {.count = 5}};
    places_release(&pool[7]);
    assert_ptr_equal(places_take(pool), &pool[7]);
    assert_int_equal(pool[7].place[3].where, PLACE_EMPTY);
    assert_int_equal(places_count(&pool[7]), 0);
}

/* What a guest is likely to reach by one instruction has places of its own. */
static void likely_places_are_apart(void **state)
{
    (void)state;
    struct exit_places *places = places_take(pool);
    for (u64 port = 0x3f8; port < 0x400; port++)
        for (u64 other = 0x3f8; other < port; other++)
            assert_ptr_not_equal(place_at(places, in_from(port)), place_at(places, in_from(other)));
    assert_ptr_not_equal(place_at(places, 0xfee000b0), place_at(places, 0xfee00380));
    assert_ptr_equal(place_at(places, in_from(0x84)), place_at(places, in_from(0x94)));
}

static void settling_gives_each_its_own(void **state)
{
    (void)state;
    struct account one = {0}, other = {0}, rest = {0};
    struct exit_places *places = places_take(pool);
    struct translation t = {
        .kind = 1, .places = places, .detail = &rest, .quick = {.count = 4, .time = 40}, .hits = 100, .time = 1000};
    *place_at(places, in_from(0x84)) = (struct exit_place){
        .where = in_from(0x84), .account = {.count = 7, .time = 70}, .detail = &one};
    *place_at(places, in_from(0x85)) = (struct exit_place){
        .where = in_from(0x85), .account = {.count = 9, .time = 90}, .detail = &other};
    assert_int_equal(translation_uses(&t), 120);
    translation_settle(&translations, &t);
    assert_int_equal(one.count, 7);
    assert_int_equal(one.time, 70);
    assert_int_equal(other.count, 9);
    assert_int_equal(other.time, 90);
    assert_int_equal(rest.count, 4);
    assert_int_equal(rest.time, 40);
    assert_int_equal(t.hits, 120);
    assert_int_equal(t.time, 1200);
    assert_int_equal(translations.quick[1], 20);
    assert_int_equal(translation_uses(&t), 120);
    struct account *served = &place_at(places, in_from(0x85))->account;
    assert_ptr_equal(places_detail_of(places, served), &other);
    assert_ptr_equal(places_detail_of(places, &rest), &rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_are_given_until_there_are_none, begin),
        cmocka_unit_test_setup(likely_places_are_apart, begin),
        cmocka_unit_test_setup(settling_gives_each_its_own, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
