/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/event.h"

/* SDM "Interrupt and Exception Classes": which pairs make a double fault. */
enum event_class { CLASS_BENIGN, CLASS_CONTRIBUTORY, CLASS_PAGE_FAULT, CLASS_DOUBLE_FAULT };

static enum event_class event_class(const struct event *event)
{
    if (event->type != EVENT_HARDWARE_EXCEPTION)
        return CLASS_BENIGN;
    switch (event->vector) {
    case VECTOR_DE:
    case VECTOR_TS:
    case VECTOR_NP:
    case VECTOR_SS:
    case VECTOR_GP:
    case VECTOR_CP:
        return CLASS_CONTRIBUTORY;
    case VECTOR_PF:
    case VECTOR_VE:
        return CLASS_PAGE_FAULT;
    case VECTOR_DF:
        return CLASS_DOUBLE_FAULT;
    default:
        return CLASS_BENIGN;
    }
}

enum event_outcome event_combine(const struct event *interrupted, const struct event *raised, struct event *deliver)
{
    if (!raised->valid) {
        *deliver = *interrupted;
        return interrupted->valid ? EVENT_DELIVER : EVENT_NONE;
    }
    *deliver = *raised;
    if (!interrupted->valid)
        return EVENT_DELIVER;
    enum event_class first = event_class(interrupted), second = event_class(raised);
    if (first == CLASS_BENIGN || second == CLASS_BENIGN)
        return EVENT_DELIVER;
    if (first == CLASS_DOUBLE_FAULT)
        return EVENT_SHUTDOWN;
    if (first == CLASS_CONTRIBUTORY && second == CLASS_PAGE_FAULT)
        return EVENT_DELIVER;
    *deliver = (struct event){
        .valid = true,
        .has_error_code = true,
        .vector = VECTOR_DF,
        .type = EVENT_HARDWARE_EXCEPTION,
    };
    return EVENT_DELIVER;
}

#define INFORMATION_TYPE_SHIFT 8
#define INFORMATION_TYPE 7
#define INFORMATION_ERROR_CODE BIT(11)
#define INFORMATION_VALID BIT(31)

u32 event_encode(const struct event *event)
{
    u32 information = event->vector | (u32)event->type << INFORMATION_TYPE_SHIFT;
    if (event->has_error_code)
        information |= INFORMATION_ERROR_CODE;
    return event->valid ? information | (u32)INFORMATION_VALID : 0;
}

struct event event_decode(u32 information, u32 error_code, u32 instruction_length)
{
    if (!(information & INFORMATION_VALID))
        return (struct event){.valid = false};
    return (struct event){
        .valid = true,
        .has_error_code = information & INFORMATION_ERROR_CODE,
        .vector = (u8)information,
        .type = information >> INFORMATION_TYPE_SHIFT & INFORMATION_TYPE,
        .instruction_length = (u8)instruction_length,
        .error_code = information & INFORMATION_ERROR_CODE ? error_code : 0,
    };
}
