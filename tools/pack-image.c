/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pack-image PLAIN PACKED: packs a file, so that boot/unpack.c can unpack it. boot/unpack.h has the format.
 *
 * Of all ways to write the file in that format it takes the cheapest. From the end backwards: the cheapest way to write
 * what begins at a position follows from those of all later ones.
 */
#include "boot/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 4096
#define NEAR_MAX (1 << 9)
#define FAR_MAX (1 << 17)

/* A byte of a step costs room; the step itself time as well, for the sake of which a little room is given. */
#define BYTE_COST 8
#define STEP_COST 9

struct copy {
    u32 length, distance;
};

struct copies {
    struct copy *copy; /* each longer, and from farther away, than the one before */
    u32 count;
};

struct way {
    u32 copy_cost;    /* of what begins here with a copy, its step not counted; the end costs nothing */
    struct copy copy; /* that copy */
    u32 plain_cost;   /* the same with bytes that are taken over before the copy, */
    u32 plain;        /* so many of them */
    u32 cost;         /* of what begins here with a step */
    u32 taken;        /* bytes that this step takes over */
};

struct writer {
    struct packed *packed;
    u32 used; /* bytes */
};

static u32 min(u32 a, u32 b)
{
    return a < b ? a : b;
}

static u32 same_bytes(const u8 *a, const u8 *b, u32 max)
{
    u32 length = 0;
    while (length < max && a[length] == b[length])
        length++;
    return length;
}

/* For each position the copies that may stand there. Positions in `last` and `previous` count from 1; 0 is none. */
static struct copies *find_copies(const u8 *data, u32 size)
{
    struct copies *found = calloc(size + 1, sizeof(*found));
    u32 *last = calloc(65536, sizeof(*last));            /* where these two bytes stood last, */
    u32 *previous = calloc(size + 1, sizeof(*previous)); /* and before that */
    struct copy *here = calloc(LENGTH_MAX, sizeof(*here));
    for (u32 i = 0; i + COPY_MIN <= size; i++) {
        u32 max = min(size - i, LENGTH_MAX), longest = COPY_MIN - 1, count = 0, two = data[i] << 8 | data[i + 1];
        for (u32 j = last[two]; j && i + 1 - j <= FAR_MAX && longest < max; j = previous[j]) {
            if (data[j - 1 + longest] != data[i + longest])
                continue;
            u32 length = same_bytes(data + j - 1, data + i, max);
            if (length > longest)
                here[count++] = (struct copy){longest = length, i + 1 - j};
        }
        found[i] = (struct copies){malloc(count * sizeof(*here) + 1), count};
        memcpy(found[i].copy, here, count * sizeof(*here));
        previous[i + 1] = last[two];
        last[two] = i + 1;
    }
    free(previous);
    free(last);
    free(here);
    return found;
}

static u32 more_bytes(u32 count)
{
    return count < STEP_COUNT_ALL ? 0 : (count - STEP_COUNT_ALL) / 255 + 1;
}

static void choose_copy(struct way *way, const struct copies *found)
{
    u32 length = COPY_MIN;
    way->copy_cost = UINT32_MAX / 2;
    for (u32 i = 0; i < found->count; i++) {
        u32 distance = found->copy[i].distance, bytes = distance <= NEAR_MAX ? 1 : 2;
        for (; length <= found->copy[i].length; length++) {
            u32 cost = (bytes + more_bytes(length - COPY_MIN)) * BYTE_COST + way[length].cost;
            if (cost >= way->copy_cost)
                continue;
            way->copy_cost = cost;
            way->copy = (struct copy){length, distance};
        }
    }
}

/* More than STEP_COUNT_ALL bytes to take over cost one byte, and almost never two. */
static void choose_step(struct way *way, u32 rest)
{
    way->plain_cost = way->copy_cost;
    if (way[1].plain_cost + BYTE_COST <= way->plain_cost) {
        way->plain_cost = way[1].plain_cost + BYTE_COST;
        way->plain = way[1].plain + 1;
    }
    way->cost = UINT32_MAX;
    for (u32 taken = 0; taken <= min(rest, STEP_COUNT_ALL); taken++) {
        bool all = taken == STEP_COUNT_ALL;
        u32 cost = STEP_COST + (taken + all) * BYTE_COST + (all ? way[taken].plain_cost : way[taken].copy_cost);
        if (cost > way->cost)
            continue;
        way->cost = cost;
        way->taken = taken + (all ? way[taken].plain : 0);
    }
}

static struct way *cheapest(const u8 *data, u32 size)
{
    struct copies *found = find_copies(data, size);
    struct way *way = calloc(size + 1, sizeof(*way));
    way[size].cost = STEP_COST;
    for (u32 i = size; i-- > 0;) {
        choose_copy(way + i, found + i);
        choose_step(way + i, size - i);
        free(found[i].copy);
    }
    free(found);
    return way;
}

static void put(struct writer *w, u32 byte)
{
    ((u8 *)w->packed->word)[w->used++] = (u8)byte;
}

static void put_more(struct writer *w, u32 count)
{
    if (count < STEP_COUNT_ALL)
        return;
    for (count -= STEP_COUNT_ALL; count >= 255; count -= 255)
        put(w, 255);
    put(w, count);
}

/* The last step is one without a copy. */
static void put_step(struct writer *w, const u8 *plain, u32 taken, struct copy copy)
{
    u32 length = copy.length ? copy.length - COPY_MIN : 0, distance = copy.length ? copy.distance - 1 : 0;
    bool far = distance >= NEAR_MAX;
    put(w, min(taken, STEP_COUNT_ALL) << STEP_TAKEN_SHIFT | min(length, STEP_COUNT_ALL) << STEP_LENGTH_SHIFT |
               (far ? STEP_FAR : 0) | distance >> (far ? 16 : 8));
    put_more(w, taken);
    while (taken--)
        put(w, *plain++);
    if (!copy.length)
        return;
    put_more(w, length);
    put(w, distance);
    if (far)
        put(w, distance >> 8);
}

static struct packed *pack(const u8 *data, u32 size)
{
    struct way *way = cheapest(data, size);
    struct writer w = {.packed = calloc(1, sizeof(*w.packed) + size + size / 128 + 32)};
    for (u32 i = 0, end = 0; !end;) {
        u32 taken = way[i].taken;
        struct copy copy = way[i + taken].copy;
        put_step(&w, data + i, taken, copy);
        end = i + taken == size;
        i += taken + copy.length;
    }
    free(way);
    w.packed->words = (w.used + 7) / 8;
    w.packed->sum = packed_sum(w.packed);
    return w.packed;
}

static bool is_right(const struct packed *packed, const u8 *data, u32 size)
{
    u8 *out = malloc(size + 1);
    bool right = unpack(out, out + size, packed) && !memcmp(out, data, size);
    free(out);
    return right;
}

int main(int count, char **arguments)
{
    static u8 data[UNPACKED_MAX + 1];
    FILE *plain = count == 3 ? fopen(arguments[1], "rb") : NULL;
    size_t size = plain ? fread(data, 1, sizeof(data), plain) : 0;
    FILE *out = plain && size <= UNPACKED_MAX ? fopen(arguments[2], "wb") : NULL;
    if (!out) {
        fprintf(stderr, "usage: pack-image PLAIN PACKED (PLAIN at most %u bytes)\n", UNPACKED_MAX);
        return 1;
    }
    struct packed *packed = pack(data, (u32)size);
    if (!is_right(packed, data, (u32)size)) {
        fprintf(stderr, "pack-image: what was packed cannot be unpacked\n");
        return 1;
    }
    size_t bytes = sizeof(*packed) + packed->words * sizeof(packed->word[0]);
    if (fwrite(packed, 1, bytes, out) != bytes || fclose(out)) {
        perror(arguments[2]);
        return 1;
    }
    free(packed);
    return fclose(plain);
}
