/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/task_switch.h"

#include "emul/access.h"
#include "emul/descriptor.h"
#include "lib/string.h"
#include "vmx/control_registers.h"

/* Task-state segments in memory (SDM "Task-State Segment (TSS)", "16-Bit Task-State Segment (TSS)"). */
struct tss32 {
    u16 link, unused_link;
    u32 stacks[6]; /* ESP and SS of levels 0 to 2 */
    u32 cr3, eip, eflags;
    u32 gpr[8]; /* in the order of enum gpr */
    struct {
        u16 selector, unused;
    } segment[6]; /* in the order of enum segment_name */
    u16 ldt, unused_ldt;
    u16 trap, io_map; /* trap: bit 0 is T */
};

struct tss16 {
    u16 link;
    u16 stacks[6];
    u16 ip, flags;
    u16 gpr[8];
    u16 segment[4]; /* ES, CS, SS, DS */
    u16 ldt;
};

_Static_assert(sizeof(struct tss32) == 104 && sizeof(struct tss16) == 44, "TSS sizes");
_Static_assert(offsetof(struct tss32, cr3) == 0x1c && offsetof(struct tss32, segment) == 0x48, "32-bit TSS");
_Static_assert(offsetof(struct tss32, ldt) == 0x60 && offsetof(struct tss32, trap) == 0x64, "32-bit TSS");
_Static_assert(offsetof(struct tss16, ip) == 0x0e && offsetof(struct tss16, ldt) == 0x2a, "16-bit TSS");

/* What a switch stores into the old TSS: from the instruction pointer to the last segment register. */
#define SAVED32_FROM offsetof(struct tss32, eip)
#define SAVED32_SIZE (offsetof(struct tss32, ldt) - SAVED32_FROM)
#define SAVED16_FROM offsetof(struct tss16, ip)
#define SAVED16_SIZE (offsetof(struct tss16, ldt) - SAVED16_FROM)
#define SPAN_MAX 64 /* of access_open_linear() */
_Static_assert(SAVED32_SIZE <= SPAN_MAX && SAVED16_SIZE <= SPAN_MAX, "one span");

#define TSS_TRAP 1
#define TYPE_BYTE 5 /* of a descriptor */
#define FLAGS_DEFINED 0x003f7fd5u
#define ERROR_EXT 1u
#define DR7_LOCAL 0x155ull /* L0 to L3 and LE: cleared by each switch (SDM "Debug Control Register (DR7)") */
#define PDPTE_COUNT 4

union tss {
    struct tss32 wide;
    struct tss16 narrow;
    u8 bytes[sizeof(struct tss32)];
};

/* A switch under way. */
struct switching {
    struct vcpu *v;
    struct task_switch *task;
    u32 ext;             /* ERROR_EXT in the error code of whatever goes wrong */
    struct segment tss;  /* TR of the new task */
    bool wide, old_wide; /* 32-bit TSS */
    bool has_pdptes;
    u32 cr3;
    u64 pdpte[PDPTE_COUNT];
    /* Everything that will be touched, checked and translated before the first write. */
    struct access_span saved, link, old_type, new_type, contents[2];
};

struct task_switch task_switch_decode(u64 qualification, const struct event *vectoring, u32 instruction_length)
{
    struct task_switch task = {
        .selector = (u16)qualification,
        .source = (enum task_source)(qualification >> 30 & 3),
        .instruction_length = instruction_length,
    };
    if (task.source == TASK_GATE_IN_IDT)
        task.event = *vectoring;
    return task;
}

static bool refuse(struct switching *s, enum vector vector, u32 error_code)
{
    vcpu_raise_code(s->v, vector, error_code | s->ext);
    return false;
}

/* INT n, INT3 and INTO (not INT1) are no events from outside the program (SDM "Error Code"). */
static bool is_external(const struct event *event)
{
    return event->valid && event->type != EVENT_SOFTWARE_INTERRUPT && event->type != EVENT_SOFTWARE_EXCEPTION;
}

/* How far RIP moves before it is saved: past the instruction that caused the switch. */
static u32 return_distance(const struct task_switch *task)
{
    if (task->source != TASK_GATE_IN_IDT)
        return task->instruction_length;
    return task->event.valid && task->event.type >= EVENT_SOFTWARE_INTERRUPT ? task->event.instruction_length : 0;
}

static bool nests(const struct switching *s)
{
    return s->task->source == TASK_CALL || s->task->source == TASK_GATE_IN_IDT;
}

static bool is_wide(u32 type)
{
    return type == SYSTEM_TSS_32 || type == SYSTEM_TSS_32_BUSY;
}

/* ---- checks, in the context of the old task ---- */

/*
 * The processor made these checks before it exited; they are made again because another CPU can have changed the GDT.
 * Not the privilege checks: they concern a gate or selector that is not known any more.
 */
static bool check_descriptor(struct switching *s)
{
    u16 selector = s->task->selector;
    bool iret = s->task->source == TASK_IRET;
    enum vector vector = iret ? VECTOR_TS : VECTOR_GP;
    u64 raw;

    if ((selector & SELECTOR_LDT) || (vcpu_efer(s->v) & EFER_LMA))
        return refuse(s, vector, selector_error(selector));
    switch (descriptor_read(s->v, selector, &raw)) {
    case DESCRIPTOR_RAISED:
        return false;
    case DESCRIPTOR_OUTSIDE:
        return refuse(s, vector, selector_error(selector));
    case DESCRIPTOR_OK:
        break;
    }
    u32 type = descriptor_type(raw) ^ (iret ? SYSTEM_TYPE_BUSY : 0);
    if (descriptor_is_segment(raw) || (type != SYSTEM_TSS_16 && type != SYSTEM_TSS_32))
        return refuse(s, vector, selector_error(selector));
    if (!descriptor_present(raw))
        return refuse(s, VECTOR_NP, selector_error(selector));
    s->wide = is_wide(type);
    if (descriptor_limit(raw) < (s->wide ? sizeof(struct tss32) : sizeof(struct tss16)) - 1)
        return refuse(s, VECTOR_TS, selector_error(selector));
    s->tss = descriptor_segment(raw, selector);
    s->tss.access |= SYSTEM_TYPE_BUSY;
    return true;
}

/* Bytes of a TSS or the GDT; linear addresses have 32 bits outside IA-32e mode. */
static bool open_bytes(struct switching *s, u64 base, u32 offset, u32 size, enum access_kind kind,
                       struct access_span *span)
{
    return access_open_linear(s->v, gva((u32)(base + offset)), size, kind, true, span);
}

static bool open_type(struct switching *s, u16 selector, struct access_span *span)
{
    return open_bytes(s, s->v->gdtr.base, (selector & SELECTOR_INDEX) + TYPE_BYTE, 1, ACCESS_MODIFY, span);
}

static bool open_old(struct switching *s)
{
    const struct segment *old = vcpu_segment(s->v, SEG_TR);
    u32 from, size;

    s->old_wide = is_wide(old->access & ACCESS_TYPE);
    from = s->old_wide ? SAVED32_FROM : SAVED16_FROM;
    size = s->old_wide ? SAVED32_SIZE : SAVED16_SIZE;
    if (old->limit < from + size - 1)
        return refuse(s, VECTOR_TS, selector_error(old->selector));
    if (!open_bytes(s, old->base, from, size, ACCESS_MODIFY, &s->saved))
        return false;
    return nests(s) || open_type(s, old->selector, &s->old_type);
}

static bool open_new(struct switching *s)
{
    u32 size = s->wide ? sizeof(struct tss32) : sizeof(struct tss16);
    u32 first = size < SPAN_MAX ? size : SPAN_MAX;

    if (!open_bytes(s, s->tss.base, 0, first, ACCESS_READ, &s->contents[0]))
        return false;
    if (size > first && !open_bytes(s, s->tss.base, first, size - first, ACCESS_READ, &s->contents[1]))
        return false;
    if (nests(s) && !open_bytes(s, s->tss.base, 0, sizeof(u16), ACCESS_WRITE, &s->link))
        return false;
    return s->task->source == TASK_IRET || open_type(s, s->task->selector, &s->new_type);
}

static void read_new(struct switching *s, union tss *tss)
{
    access_get(s->v, &s->contents[0], tss->bytes);
    if (s->wide)
        access_get(s->v, &s->contents[1], tss->bytes + SPAN_MAX);
}

/* CR3 comes from a 32-bit TSS, and only with paging on. Bad PDPTEs are #GP(0), as they are for MOV to CR3. */
static bool check_paging(struct switching *s)
{
    struct vcpu *v = s->v;
    union tss tss;

    if (!s->wide || !(vcpu_cr0(v) & CR0_PG))
        return true;
    read_new(s, &tss);
    s->cr3 = tss.wide.cr3;
    s->task->flush_linear = true;
    s->has_pdptes = vcpu_cr4(v) & CR4_PAE;
    if (!s->has_pdptes)
        return true;
    window_read(&v->vm->window, gpa(s->cr3 & ~31u), s->pdpte, sizeof(s->pdpte));
    return cr_pdptes_valid(s->pdpte, v->vm->physical_bits) || refuse(s, VECTOR_GP, 0);
}

/* ---- the switch: nothing here can fail ---- */

static void save_wide(struct switching *s, u32 eip, u32 eflags)
{
    struct vcpu *v = s->v;
    union tss tss;

    access_get(v, &s->saved, tss.bytes + SAVED32_FROM);
    tss.wide.eip = eip;
    tss.wide.eflags = eflags;
    for (u32 i = 0; i < 8; i++)
        tss.wide.gpr[i] = (u32)v->gpr[i];
    for (u32 i = 0; i < 6; i++)
        tss.wide.segment[i].selector = v->seg[i].selector;
    access_put(v, &s->saved, tss.bytes + SAVED32_FROM);
}

static void save_narrow(struct switching *s, u32 eip, u32 eflags)
{
    struct vcpu *v = s->v;
    union tss tss;

    tss.narrow.ip = (u16)eip;
    tss.narrow.flags = (u16)eflags;
    for (u32 i = 0; i < 8; i++)
        tss.narrow.gpr[i] = (u16)v->gpr[i];
    for (u32 i = 0; i < 4; i++)
        tss.narrow.segment[i] = v->seg[i].selector;
    access_put(v, &s->saved, tss.bytes + SAVED16_FROM);
}

static void save_old(struct switching *s)
{
    u32 distance = return_distance(s->task);
    u32 eip = (u32)(s->v->rip + distance), eflags = (u32)s->v->rflags;

    if (s->task->source == TASK_IRET)
        eflags &= ~(u32)RFLAGS_NT;
    /* An instruction that completes has used its RF; an event saves what the exit has. */
    if (distance)
        eflags &= ~(u32)RFLAGS_RF;
    if (s->old_wide)
        save_wide(s, eip, eflags);
    else
        save_narrow(s, eip, eflags);
}

static void set_type(struct switching *s, const struct access_span *span, u8 clear, u8 set)
{
    for (;;) {
        u8 old = (u8)access_get_value(s->v, span), new = (u8)((old & ~clear) | set);
        if (access_exchange(s->v, span, &old, &new))
            return;
    }
}

static void mark_tasks(struct switching *s)
{
    u16 link = s->v->seg[SEG_TR].selector;

    if (nests(s))
        access_put(s->v, &s->link, &link);
    else
        set_type(s, &s->old_type, SYSTEM_TYPE_BUSY, 0);
    if (s->task->source != TASK_IRET)
        set_type(s, &s->new_type, 0, SYSTEM_TYPE_BUSY);
}

/* The new task's registers, as both forms of TSS have them. */
struct image {
    u32 eip, eflags, gpr[8];
    u16 segment[6], ldt;
    bool trap;
};

/* The upper halves that a 16-bit TSS lacks are zeros here, except in the general registers (left alone). */
static void expand(struct switching *s, const union tss *tss, struct image *image)
{
    memset(image, 0, sizeof(*image));
    if (s->wide) {
        image->eip = tss->wide.eip;
        image->eflags = tss->wide.eflags;
        memcpy(image->gpr, tss->wide.gpr, sizeof(image->gpr));
        for (u32 i = 0; i < 6; i++)
            image->segment[i] = tss->wide.segment[i].selector;
        image->ldt = tss->wide.ldt;
        image->trap = tss->wide.trap & TSS_TRAP;
        return;
    }
    image->eip = tss->narrow.ip;
    image->eflags = tss->narrow.flags;
    for (u32 i = 0; i < 8; i++)
        image->gpr[i] = (u32)(s->v->gpr[i] & 0xffff0000) | tss->narrow.gpr[i];
    for (u32 i = 0; i < 4; i++)
        image->segment[i] = tss->narrow.segment[i];
    image->ldt = tss->narrow.ldt;
}

static void load_control(struct switching *s)
{
    struct vcpu *v = s->v;

    v->seg[SEG_TR] = s->tss;
    v->cr0 = vcpu_cr0(v) | CR0_TS;
    v->dr7 &= ~DR7_LOCAL;
    v->interruptibility &= ~(u32)(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
    if (s->task->source == TASK_IRET)
        v->interruptibility &= ~(u32)BLOCKING_BY_NMI;
    if (s->task->event.valid && s->task->event.type == EVENT_NMI)
        v->interruptibility |= BLOCKING_BY_NMI;
    vcpu_dirty(v, PART_SEG_TR | PART_CR0 | PART_DR7 | PART_INTERRUPTIBILITY);
    if (s->task->flush_linear) {
        v->cr3 = s->cr3;
        vcpu_dirty(v, PART_CR3);
        walk_memo_begin(v, &v->vm->window);
    }
    if (s->has_pdptes) {
        memcpy(v->pdpte, s->pdpte, sizeof(v->pdpte));
        vcpu_dirty(v, PART_PDPTES);
    }
}

/*
 * All selectors are in place, no descriptor is loaded yet. Whatever check fails from here on is delivered in the new
 * task, so the registers must be ones that VM entry accepts: CS is given what its selector claims to be, SS the CPL.
 */
static void load_selectors(struct vcpu *v, const struct image *image, u32 cpl)
{
    for (u32 i = SEG_ES; i <= SEG_GS; i++)
        v->seg[i] = descriptor_null_segment(image->segment[i], 0);
    v->seg[SEG_LDTR] = descriptor_null_segment(image->ldt, 0);
    v->seg[SEG_CS].limit = 0xffff;
    v->seg[SEG_CS].access = ACCESS_P | ACCESS_S | ACCESS_TYPE_CODE | ACCESS_TYPE_WRITABLE | ACCESS_TYPE_ACCESSED |
                            cpl << ACCESS_DPL_SHIFT;
    v->seg[SEG_SS] = descriptor_null_segment((u16)((image->segment[SEG_SS] & ~SELECTOR_RPL) | cpl), cpl);
    vcpu_dirty(v, PART_SEG_ES | PART_SEG_CS | PART_SEG_SS | PART_SEG_DS | PART_SEG_FS | PART_SEG_GS | PART_SEG_LDTR);
}

static void load_registers(struct switching *s, const struct image *image)
{
    struct vcpu *v = s->v;

    v->rip = image->eip;
    v->rflags = (image->eflags & FLAGS_DEFINED) | RFLAGS_FIXED1 | (nests(s) ? RFLAGS_NT : 0);
    for (u32 i = 0; i < 8; i++)
        v->gpr[i] = image->gpr[i];
    vcpu_dirty(v, PART_RIP | PART_RSP | PART_RFLAGS);
    load_selectors(v, image, v->rflags & RFLAGS_VM ? 3 : image->segment[SEG_CS] & SELECTOR_RPL);
}

/* ---- checks of the new task's segments, in its own context ---- */

/* Reads the descriptor; whatever is wrong with the selector itself is #TS. */
static bool fetch_descriptor(struct switching *s, u16 selector, u64 *raw)
{
    switch (descriptor_read(s->v, selector, raw)) {
    case DESCRIPTOR_OK:
        return true;
    case DESCRIPTOR_OUTSIDE:
        return refuse(s, VECTOR_TS, selector_error(selector));
    case DESCRIPTOR_RAISED:
        break;
    }
    return false;
}

static bool install(struct switching *s, enum segment_name name, u16 selector, u64 raw)
{
    if (!descriptor_set_accessed(s->v, selector, raw))
        return false;
    s->v->seg[name] = descriptor_segment(raw, selector);
    vcpu_dirty(s->v, 1u << name);
    return true;
}

static bool load_ldt(struct switching *s, u16 selector)
{
    u64 raw;

    if (selector_is_null(selector))
        return true;
    if (selector & SELECTOR_LDT)
        return refuse(s, VECTOR_TS, selector_error(selector));
    if (!fetch_descriptor(s, selector, &raw))
        return false;
    if (descriptor_is_segment(raw) || descriptor_type(raw) != SYSTEM_LDT || !descriptor_present(raw))
        return refuse(s, VECTOR_TS, selector_error(selector));
    return install(s, SEG_LDTR, selector, raw);
}

/* The CPL of the new task is the RPL of its CS. */
static bool load_cs(struct switching *s, u16 selector)
{
    u32 rpl = selector & SELECTOR_RPL;
    u64 raw;

    if (selector_is_null(selector))
        return refuse(s, VECTOR_TS, selector_error(selector));
    if (!fetch_descriptor(s, selector, &raw))
        return false;
    bool conforming = descriptor_type(raw) & ACCESS_TYPE_EXPAND_DOWN;
    if (!descriptor_is_code(raw) || (conforming ? descriptor_dpl(raw) > rpl : descriptor_dpl(raw) != rpl))
        return refuse(s, VECTOR_TS, selector_error(selector));
    if (!descriptor_present(raw))
        return refuse(s, VECTOR_NP, selector_error(selector));
    return install(s, SEG_CS, selector, raw);
}

static bool judge(struct switching *s, enum segment_name name, u16 selector, u64 raw, u32 cpl)
{
    enum descriptor_verdict verdict = descriptor_judge(raw, selector, name, cpl);

    if (verdict == DESCRIPTOR_FITS)
        return true;
    enum vector absent = name == SEG_SS ? VECTOR_SS : VECTOR_NP;
    return refuse(s, verdict == DESCRIPTOR_ABSENT ? absent : VECTOR_TS, selector_error(selector));
}

static bool load_ss(struct switching *s, u16 selector, u32 cpl)
{
    u64 raw;

    if (selector_is_null(selector))
        return refuse(s, VECTOR_TS, selector_error(selector));
    if (!fetch_descriptor(s, selector, &raw))
        return false;
    return judge(s, SEG_SS, selector, raw, cpl) && install(s, SEG_SS, selector, raw);
}

static bool load_data(struct switching *s, enum segment_name name, u16 selector, u32 cpl)
{
    u64 raw;

    if (selector_is_null(selector))
        return true;
    return fetch_descriptor(s, selector, &raw) && judge(s, name, selector, raw, cpl) && install(s, name, selector, raw);
}

/* SDM "Initializing an 8086 task": selector * 16, 64 KiB, DPL 3. */
static void load_v86(struct switching *s, const struct image *image)
{
    for (u32 i = SEG_ES; i <= SEG_GS; i++)
        s->v->seg[i] = (struct segment){
            .base = (u64)image->segment[i] << 4,
            .limit = 0xffff,
            .access = ACCESS_P | ACCESS_S | ACCESS_DPL | ACCESS_TYPE_WRITABLE | ACCESS_TYPE_ACCESSED,
            .selector = image->segment[i],
        };
}

/* SDM table "Exception Conditions Checked During a Task Switch"; it leaves the order to the model. */
static bool load_segments(struct switching *s, const struct image *image)
{
    static const u8 data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};

    if (s->v->rflags & RFLAGS_VM) {
        load_v86(s, image);
        return load_ldt(s, image->ldt);
    }
    u32 cpl = image->segment[SEG_CS] & SELECTOR_RPL;
    if (!load_ldt(s, image->ldt) || !load_cs(s, image->segment[SEG_CS]) || !load_ss(s, image->segment[SEG_SS], cpl))
        return false;
    for (u32 i = 0; i < COUNT_OF(data); i++)
        if (!load_data(s, data[i], image->segment[data[i]], cpl))
            return false;
    return true;
}

/* On the new task's stack, in the width of its TSS. */
static bool push_error_code(struct switching *s)
{
    struct vcpu *v = s->v;
    u32 size = s->wide ? 4 : 2;
    u32 mask = vcpu_segment(v, SEG_SS)->access & ACCESS_DB ? 0xffffffff : 0xffff;
    u32 esp = ((u32)v->gpr[RSP] - size) & mask;

    if (!access_write(v, SEG_SS, esp, &s->task->event.error_code, size)) {
        if (v->event.vector != VECTOR_PF)
            v->event.error_code |= s->ext;
        return false;
    }
    v->gpr[RSP] = (v->gpr[RSP] & ~(u64)mask) | esp;
    return true;
}

static bool enter(struct switching *s, const struct image *image)
{
    if (!load_segments(s, image))
        return false;
    if (s->task->event.valid && s->task->event.has_error_code && !push_error_code(s))
        return false;
    if (image->eip > s->v->seg[SEG_CS].limit)
        return refuse(s, VECTOR_GP, 0);
    if (image->trap) {
        vcpu_raise(s->v, VECTOR_DB);
        s->task->debug_trap = true;
    }
    return true;
}

enum task_status task_switch_perform(struct vcpu *v, struct task_switch *task)
{
    struct switching s = {.v = v, .task = task, .ext = is_external(&task->event) ? ERROR_EXT : 0};
    struct image image;
    union tss tss;

    vcpu_need(v, PART_ALL);
    task->flush_linear = false;
    task->debug_trap = false;
    if (!check_descriptor(&s) || !open_old(&s) || !open_new(&s) || !check_paging(&s)) {
        task->flush_linear = false;
        return TASK_FAULT;
    }
    save_old(&s);
    mark_tasks(&s);
    read_new(&s, &tss);
    expand(&s, &tss, &image);
    load_control(&s);
    load_registers(&s, &image);
    return enter(&s, &image) ? TASK_DONE : TASK_FAULT;
}
