/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/guest_walk.h"

/* SDM "Paging": bits that all formats of entries share. */
#define ENTRY_P BIT(0)
#define ENTRY_W BIT(1)
#define ENTRY_U BIT(2)
#define ENTRY_A BIT(5)
#define ENTRY_D BIT(6)
#define ENTRY_PS BIT(7)
#define ENTRY_XD BIT(63)
#define ENTRY_KEY_SHIFT 59
#define ENTRY_ADDRESS BITS(51, 12)

/* SDM "32-Bit Paging": a 4 MiB page has address bits 31:22 in their place and bits 39:32 in 20:13 (PSE-36). */
#define PDE_4M_LOW 0xffc00000u
#define PDE_4M_HIGH_SHIFT 13
#define PDE_4M_HIGH_COUNT 8
#define SIZE_4M (4 * MIB)

/*
 * A lost race is another CPU's store, and they do not go on for ever. Memory that is no memory (a device) can differ at
 * every read: the guest then gets a page fault that it has earned.
 */
#define WALK_TRIES 64

struct walk {
    const struct window *window;
    const struct walk_request *request;
    struct walk_result *result;
    u64 linear;
    u64 cr0, cr4, efer;
    u64 all; /* bits that all entries of the path have */
    u64 any; /* bits that one of them has */
};

static u64 read_slow(const struct window *window, u64 at, u32 size)
{
    u64 value = 0;
    window_read(window, gpa(at), &value, size);
    return value;
}

static inline u64 read_64(const struct window *window, u64 at)
{
    const volatile u64 *entry = window_ram(window, at);
    return entry ? *entry : read_slow(window, at, 8);
}

static inline u64 read_32(const struct window *window, u64 at)
{
    const volatile u32 *entry = window_ram(window, at);
    return entry ? *entry : read_slow(window, at, 4);
}

static inline void note(struct walk *walk, u64 at, u64 entry)
{
    walk->result->entries[walk->result->depth++] = (struct walk_entry){gpa(at), entry};
    walk->all &= entry;
    walk->any |= entry;
}

/* SDM "Page-Fault Exceptions": the part of the error code that describes the access, not the translation. */
static enum walk_status fault(struct walk *walk, u32 error_code)
{
    const struct walk_request *request = walk->request;
    bool nx = (walk->cr4 & CR4_PAE) && (walk->efer & EFER_NXE);
    if (request->access == WALK_WRITE)
        error_code |= WALK_ERROR_W;
    if (request->user)
        error_code |= WALK_ERROR_U;
    if (request->access == WALK_FETCH && (nx || (walk->cr4 & CR4_SMEP)))
        error_code |= WALK_ERROR_I;
    walk->result->error_code = error_code;
    return WALK_FAULT;
}

static enum walk_status leaf(struct walk *walk, u64 base, u64 size)
{
    walk->result->gpa = gpa(base | (walk->linear & (size - 1)));
    walk->result->page_size = size;
    return WALK_OK;
}

/* From the table of `level` down, with entries of 64 bits (4-level and PAE paging). `reserved`: in every entry. */
static inline enum walk_status walk_64(struct walk *walk, u64 table, unsigned level, u64 reserved)
{
    for (;; level--) {
        unsigned shift = 3 + 9 * level;
        u64 at = table + (((walk->linear >> shift) & 511) << 3);
        u64 entry = read_64(walk->window, at);
        note(walk, at, entry);
        if (!(entry & ENTRY_P))
            return fault(walk, 0);
        if (entry & reserved)
            return fault(walk, WALK_ERROR_P | WALK_ERROR_RSVD);
        table = entry & ENTRY_ADDRESS;
        if (level == 1)
            return leaf(walk, table, PAGE_SIZE);
        if (!(entry & ENTRY_PS))
            continue;
        /* Bit 12 is PAT; what lies between it and the page's address is reserved. */
        u64 size = 1ull << shift, low = (size - 1) & ~BITS(12, 0);
        if (level == 4 || (level == 3 && !walk->window->page_1g) || (entry & low))
            return fault(walk, WALK_ERROR_P | WALK_ERROR_RSVD);
        return leaf(walk, table & ~(size - 1), size);
    }
}

static u64 reserved_64(const struct walk *walk, u8 physical_bits)
{
    u64 reserved = ENTRY_ADDRESS & (~0ull << physical_bits);
    return walk->efer & EFER_NXE ? reserved : reserved | ENTRY_XD;
}

/* SDM "PAE Paging": the PDPTEs are registers; bits 62:52 are reserved as those above MAXPHYADDR are. */
static enum walk_status walk_pae(struct walk *walk, struct vcpu *v, u8 physical_bits)
{
    vcpu_need(v, PART_PDPTES);
    u64 pdpte = v->pdpte[(walk->linear >> 30) & 3];
    if (!(pdpte & ENTRY_P))
        return fault(walk, 0);
    return walk_64(walk, pdpte & ENTRY_ADDRESS, 2, reserved_64(walk, physical_bits) | BITS(62, 52));
}

/* SDM "32-Bit Paging", table "Format of a 32-Bit Page-Directory Entry that Maps a 4-MByte Page": 21:(M-19) reserved. */
static enum walk_status leaf_4m(struct walk *walk, u64 entry, u8 physical_bits)
{
    unsigned width = physical_bits < 40 ? physical_bits : 40;
    u64 high = (entry >> PDE_4M_HIGH_SHIFT) & ((1u << PDE_4M_HIGH_COUNT) - 1);
    if (entry & BITS(21, width - 19))
        return fault(walk, WALK_ERROR_P | WALK_ERROR_RSVD);
    return leaf(walk, high << 32 | (entry & PDE_4M_LOW), SIZE_4M);
}

static enum walk_status walk_32(struct walk *walk, u64 cr3, u8 physical_bits)
{
    u64 at = (cr3 & 0xfffff000u) + (walk->linear >> 22) * 4;
    u64 entry = read_32(walk->window, at);
    note(walk, at, entry);
    if (!(entry & ENTRY_P))
        return fault(walk, 0);
    if ((entry & ENTRY_PS) && (walk->cr4 & CR4_PSE))
        return leaf_4m(walk, entry, physical_bits);
    at = (entry & 0xfffff000u) + ((walk->linear >> 12) & 1023) * 4;
    entry = read_32(walk->window, at);
    note(walk, at, entry);
    if (!(entry & ENTRY_P))
        return fault(walk, 0);
    return leaf(walk, entry & 0xfffff000u, PAGE_SIZE);
}

/* One walk through the tables: WALK_OK if there is a translation, whatever its permissions. */
static inline enum walk_status translate(struct walk *walk, struct vcpu *v)
{
    u8 physical_bits = walk->window->ept->config.physical_bits;
    walk->result->depth = 0;
    walk->all = ~0ull;
    walk->any = 0;
    if (walk->efer & EFER_LMA) {
        if (walk->cr4 & CR4_LA57)
            return fault(walk, 0);
        return walk_64(walk, v->cr3 & ENTRY_ADDRESS, 4, reserved_64(walk, physical_bits));
    }
    if (walk->cr4 & CR4_PAE)
        return walk_pae(walk, v, physical_bits);
    return walk_32(walk, v->cr3, physical_bits);
}

/* SDM "Determination of Access Rights", user-mode accesses. */
static bool user_allowed(const struct walk *walk, enum walk_access access)
{
    if (!(walk->all & ENTRY_U))
        return false;
    if (access == WALK_WRITE)
        return walk->all & ENTRY_W;
    return access == WALK_READ || !(walk->any & ENTRY_XD);
}

/* The same, supervisor-mode accesses: SMAP and SMEP concern user pages only. */
static bool supervisor_allowed(const struct walk *walk, struct vcpu *v, enum walk_access access)
{
    bool user_page = walk->all & ENTRY_U;
    if (access == WALK_FETCH)
        return !(walk->any & ENTRY_XD) && !(user_page && (walk->cr4 & CR4_SMEP));
    if (access == WALK_WRITE && (walk->cr0 & CR0_WP) && !(walk->all & ENTRY_W))
        return false;
    if (!user_page || !(walk->cr4 & CR4_SMAP))
        return true;
    return !walk->request->implicit && (vcpu_rflags(v) & RFLAGS_AC);
}

/* SDM "Protection Keys": whether PKRU forbids this access. Fetches and supervisor pages have no (such) key. */
static bool key_forbids(const struct walk *walk, struct vcpu *v, enum walk_access access)
{
    if (!(walk->cr4 & CR4_PKE) || !(walk->efer & EFER_LMA) || access == WALK_FETCH || !(walk->all & ENTRY_U))
        return false;
    vcpu_need(v, PART_PKRU);
    u64 entry = walk->result->entries[walk->result->depth - 1].value;
    u32 bits = (v->pkru >> (2 * ((entry >> ENTRY_KEY_SHIFT) & 15))) & 3;
    bool access_disable = bits & 1, write_disable = bits & 2;
    return access_disable || (write_disable && access == WALK_WRITE && (walk->request->user || (walk->cr0 & CR0_WP)));
}

/* XD is reserved, so it never gets here, unless EFER.NXE is set; in 32-bit paging no entry has a bit 63. */
static enum walk_status check(struct walk *walk, struct vcpu *v)
{
    enum walk_access access = walk->request->access;
    bool allowed = walk->request->user ? user_allowed(walk, access) : supervisor_allowed(walk, v, access);
    u32 key = key_forbids(walk, v, access) ? WALK_ERROR_PK : 0;
    return allowed && !key ? WALK_OK : fault(walk, WALK_ERROR_P | key);
}

/* SDM "Accessed and Dirty Flags". False: another CPU changed an entry in between, and the walk must be made again. */
static bool set_flags(struct walk *walk)
{
    struct walk_result *result = walk->result;
    u32 size = walk->cr4 & CR4_PAE ? 8 : 4;
    bool dirty = walk->request->access != WALK_WRITE || (result->entries[result->depth - 1].value & ENTRY_D);
    if ((walk->all & ENTRY_A) && dirty)
        return true;
    for (u32 i = 0; i < result->depth; i++) {
        struct walk_entry *entry = &result->entries[i];
        u64 wanted = entry->value | ENTRY_A;
        if (i == result->depth - 1 && walk->request->access == WALK_WRITE)
            wanted |= ENTRY_D;
        if (wanted == entry->value)
            continue;
        if (!window_compare_exchange(walk->window, entry->at, size, entry->value, wanted))
            return false;
        entry->value = wanted;
    }
    return true;
}

/* Directly mapped RAM. The length and not the end: one subtraction then tells whether an address is inside. */
struct piece {
    u64 start, length;
};

static inline struct piece direct_part(const struct window *window, struct range range)
{
    return (struct piece){range.start, min_u64(range.end, window->physmap.direct_end) - range.start};
}

/* The piece around `at`; one of no length if there is none. */
static __attribute__((noinline)) struct piece direct_ram(const struct window *window, u64 at)
{
    const struct range *clear = window->ept->clear, *end = clear + window->ept->clear_count;
    for (; clear != end; clear++) {
        if (at - clear->start < clear->end - clear->start && at < window->physmap.direct_end)
            return direct_part(window, *clear);
    }
    return (struct piece){0, 0};
}

/* The bits of CR4 that make a user page special for this access. */
static u64 special_for_user_pages(const struct walk_request *request)
{
    if (request->access == WALK_FETCH)
        return request->user ? 0 : CR4_SMEP;
    return request->user ? CR4_PKE : CR4_SMAP | CR4_PKE;
}

/* What the straight path keeps in registers. */
struct straight {
    u64 linear, entry, all;
    u64 need, mask;   /* (entry & mask) == need, or the entry is a matter for the full walk */
    struct piece ram; /* where the last entry was; the next is not far */
    const char *direct;
    struct walk_entry *out;
};

/* One level; the arguments are constants after inlining. `also`: more bits that must be clear. False: look closely. */
static inline __attribute__((always_inline)) bool straight_step(struct straight *s, const struct window *window,
                                                                unsigned shift, u64 also)
{
    u64 at = (s->entry & ENTRY_ADDRESS) | ((s->linear >> (shift - 3)) & 0xff8);
    if (__builtin_expect(at - s->ram.start >= s->ram.length, 0)) {
        s->ram = direct_ram(window, at);
        if (!s->ram.length)
            return false;
    }
    s->entry = *(const volatile u64 *)(s->direct + at);
    *s->out++ = (struct walk_entry){gpa(at), s->entry};
    s->all &= s->entry;
    return (s->entry & (s->mask | also)) == s->need;
}

static inline __attribute__((always_inline)) bool straight_end(const struct straight *s, struct walk_result *result,
                                                               unsigned shift)
{
    u64 size = 1ull << shift;
    result->gpa = gpa((s->entry & ENTRY_ADDRESS & ~(size - 1)) | (s->linear & (size - 1)));
    result->page_size = size;
    result->error_code = 0;
    result->depth = (u32)(s->out - result->entries);
    return true;
}

/*
 * The straight path, which nearly every walk takes: four levels, in RAM that is mapped in one piece, flags set already,
 * permitted without a second thought, 4 KiB or 2 MiB. False: nothing is decided, walk with care.
 */
static bool walk_straight(const struct vcpu *v, const struct window *window, const struct walk_request *request,
                          struct walk_result *result)
{
    u64 wrong = ENTRY_ADDRESS & (~0ull << window->ept->config.physical_bits);
    struct straight s = {.linear = request->linear.at, .entry = v->cr3, .all = ~0ull, .need = ENTRY_P | ENTRY_A};
    if (request->user)
        s.need |= ENTRY_U;
    if (request->access == WALK_WRITE)
        s.need |= ENTRY_W;
    if (request->access == WALK_FETCH || !(v->efer & EFER_NXE))
        wrong |= ENTRY_XD;
    s.mask = s.need | wrong;
    s.direct = window->physmap.direct;
    if (window->ept->clear[0].start < window->physmap.direct_end)
        s.ram = direct_part(window, window->ept->clear[0]); /* the largest comes first */
    s.out = result->entries;
    unsigned shift = 21;
    if (!straight_step(&s, window, 39, ENTRY_PS) || !straight_step(&s, window, 30, ENTRY_PS) ||
        !straight_step(&s, window, 21, 0))
        return false;
    if (!(s.entry & ENTRY_PS)) {
        shift = 12;
        if (!straight_step(&s, window, 12, 0))
            return false;
    } else if (s.entry & BITS(20, 13)) {
        return false;
    }
    if (request->access == WALK_WRITE && !(s.entry & ENTRY_D))
        return false;
    if ((s.all & ENTRY_U) && (v->cr4 & special_for_user_pages(request)))
        return false;
    return shift == 12 ? straight_end(&s, result, 12) : straight_end(&s, result, 21);
}

static enum walk_status walk_off(const struct walk_request *request, struct walk_result *result)
{
    result->gpa = gpa((u32)request->linear.at);
    result->page_size = PAGE_SIZE;
    result->error_code = result->depth = 0;
    return WALK_OK;
}

enum walk_status guest_walk(struct vcpu *v, const struct window *window, const struct walk_request *request,
                            struct walk_result *result)
{
    if (~v->have & (PART_CR3 | PART_EFER))
        vcpu_need(v, PART_CR3 | PART_EFER);
    if (!(v->cr0 & CR0_PG))
        return walk_off(request, result);
    if ((v->efer & EFER_LMA) && !(v->cr4 & CR4_LA57) && walk_straight(v, window, request, result))
        return WALK_OK;
    result->error_code = 0;
    struct walk walk = {
        .window = window,
        .request = request,
        .result = result,
        .linear = v->efer & EFER_LMA ? request->linear.at : (u32)request->linear.at,
        .cr0 = v->cr0,
        .cr4 = v->cr4,
        .efer = v->efer,
    };
    for (unsigned i = 0; i < WALK_TRIES; i++) {
        enum walk_status status = translate(&walk, v);
        if (status == WALK_OK)
            status = check(&walk, v);
        if (status != WALK_OK || request->probe || set_flags(&walk))
            return status;
    }
    return fault(&walk, 0);
}
