/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/guest.h"

#include "boot/bytes.h"
#include "boot/guest_linux_format.h"
#include "boot/guest_multiboot.h"
#include "boot/guest_place.h"

enum guest_kind guest_recognise(const u8 *bytes, u64 length)
{
    if (length >= SETUP_OFFSET(version) && load16(bytes + SETUP_OFFSET(boot_flag)) == LINUX_BOOT_FLAG &&
        load32(bytes + SETUP_OFFSET(header)) == LINUX_HEADER_MAGIC)
        return GUEST_LINUX;
    return multiboot_find_header(bytes, length) >= 0 ? GUEST_MULTIBOOT : GUEST_UNKNOWN;
}

const char *guest_status_text(enum guest_status status)
{
    switch (status) {
    case GUEST_OK:
        return "fine";
#define GUEST_STATUS(name, text)                                                                                       \
    case GUEST_##name:                                                                                                 \
        return text;
#include "boot/guest_status.def"
    }
    return "unknown status";
}

bool guest_add_step(struct guest_plan *plan, struct guest_step step)
{
    if (plan->step_count == GUEST_STEPS_MAX)
        return false;
    plan->step[plan->step_count++] = step;
    return true;
}

bool ranges_touch(struct range a, struct range b)
{
    return a.start < b.end && b.start < a.end;
}

void avoid_add(struct avoid_list *list, u64 start, u64 end)
{
    if (start < end && list->count < AVOID_MAX)
        list->range[list->count++] = (struct range){start, end};
}

void avoid_request(struct avoid_list *list, const struct guest_request *request)
{
    list->count = 0;
    for (u32 i = 0; i < request->keep_count; i++)
        avoid_add(list, request->keep[i].start, request->keep[i].end);
}

void avoid_modules(struct avoid_list *list, const struct guest_request *request)
{
    for (u32 i = 0; i < request->info->module_count; i++)
        avoid_add(list, request->info->module[i].start, request->info->module[i].end);
}

bool avoid_touches(const struct avoid_list *list, struct range range)
{
    for (u32 i = 0; i < list->count; i++)
        if (ranges_touch(list->range[i], range))
            return true;
    return false;
}

bool guest_find_area(const struct guest_request *request, const struct avoid_list *avoid, u64 size, struct range *area)
{
    u64 start;
    struct memory_search search = {
        .size = align_up(size, PAGE_SIZE),
        .alignment = PAGE_SIZE,
        .floor = PAGE_SIZE, /* not the real-mode interrupt vectors */
        .ceiling = LOW_MEMORY_END,
        .avoid = avoid->range,
        .avoid_count = avoid->count,
    };
    if (!memory_map_find_high(request->map, &search, &start)) {
        search.floor = MIB;
        search.ceiling = GUEST_MEMORY_END;
        if (!memory_map_find_high(request->map, &search, &start))
            return false;
    }
    *area = (struct range){start, start + search.size};
    return true;
}
