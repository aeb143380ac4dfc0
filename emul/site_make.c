/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/site_make.h"

#include "emul/decode.h"
#include "emul/device_apic.h"
#include "emul/quick.h"
#include "emul/remember.h"
#include "lib/string.h"

/* The bytes from `ahead` of RIP on, to the end of the page, as far as there is room. None: they are not in RAM. */
static u32 bytes_ahead(struct vcpu *v, enum code_size code_size, u32 ahead, u8 *bytes)
{
    struct place_of_code place;
    if (!remember_walk(v, code_size, ahead, &place))
        return 0;
    u32 count = (u32)min_u64(INSN_MAX - ahead, PAGE_SIZE - (place.at.at & ~PAGE_MASK));
    memcpy(bytes, place.ptr, count);
    return count;
}

/* The instruction at RIP, in RAM: looking ahead must not read a device. The next page is asked only if it has part of
 * it. */
static bool decode_ahead(struct vcpu *v, enum code_size code_size, struct insn *insn)
{
    u8 bytes[INSN_WINDOW] = {0};
    u32 count = bytes_ahead(v, code_size, 0, bytes);
    enum decode_status status = insn_decode_padded(bytes, count, code_size, insn);
    if (status != DECODE_TRUNCATED || !count || count == INSN_MAX)
        return status == DECODE_OK;
    count += bytes_ahead(v, code_size, count, bytes + count);
    return insn_decode_padded(bytes, count, code_size, insn) == DECODE_OK;
}

/* What was decoded last: recording, forming and making again all look at the same instructions. */
#define DECODED 512                  /* a power of two */
static struct insn decoded[DECODED]; /* one CPU makes one at a time */

/* 64-bit code in one page: what is there already, or decoded from these bytes. */
static bool recall_or_decode(const u8 *bytes, struct insn *known)
{
    bool there = known->length && known->code_size == CODE_64 && quick_same(bytes, known);
    return there || insn_decode_padded(bytes, INSN_MAX, CODE_64, known) == DECODE_OK;
}

/* The instruction at RIP; NULL: there is none. */
static const struct insn *decoded_at_rip(struct vcpu *v)
{
    struct insn *known = &decoded[(v->rip ^ v->rip >> 8) % DECODED];
    enum code_size code_size = vcpu_code_size(v);
    u8 bytes[INSN_WINDOW];
    bool quick = code_size == CODE_64 && quick_fetch(v, bytes);
    if (quick ? recall_or_decode(bytes, known) : decode_ahead(v, code_size, known))
        return known;
    known->length = 0;
    return NULL;
}

/* The instruction at `rip`, as a fetch by the guest would find it. A fault that it meets is not the guest's. */
static bool fetch_ahead(void *context, u64 rip, struct insn *insn)
{
    struct vcpu *v = context;
    u64 here = v->rip;
    v->rip = rip;
    const struct insn *found = decoded_at_rip(v);
    v->rip = here;
    if (found)
        *insn = *found;
    return found;
}

u32 site_code(struct vcpu *v)
{
    struct insn insn;
    u32 number = 1;
    if (!fetch_ahead(v, v->rip, &insn))
        return 0;
    for (u32 i = 0; i < insn.length; i++)
        number = number * 31 + insn.bytes[i];
    return number ? number : 1;
}

struct cluster_request site_request(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    return (struct cluster_request){
        .rip = v->rip,
        .code_size = vcpu_code_size(v),
        .max = sites->cluster_max,
        .flow = sites->flow,
        .user = access_cpl(v) != 0,
        .ports_free = site_ports_free(v),
        .policy = &v->vm->policy,
        .tracker = &sites->tracker,
        .cause = exit->cause,
        .fetch = fetch_ahead,
        .context = v,
        .slices = maker_slices(sites),
        .cs_base = site_linear_rip(v) - v->rip,
        .cs_limit = site_cs_limit(v),
        .guards = &v->vm->guards.config,
        .console = v->vm->machine->console_line,
    };
}

/*
 * The LAPIC register that the exit was about, where the instruction's access to it is no more than that: 32 bits
 * of a plain register, or a part of such that is only read.
 */
static void *register_of(const struct vcpu *v, const struct cluster *cluster, const struct site_exit *exit)
{
    const struct cluster_insn *at = &cluster->at[cluster->entry];
    const struct operand *operand = &at->insn.operand[at->insn.operand[0].kind != OPERAND_MEMORY];
    u32 within = exit->detail & ~PAGE_MASK;
    if (at->carry != CARRY_MEMORY || operand->kind != OPERAND_MEMORY || !policy_is_apic(&v->vm->policy, exit->detail))
        return NULL;
    bool plain = operand->size == 4 && device_apic_is_plain(within) && within; /* at 0 it may have begun before */
    bool part = !translate_writes_memory(&at->insn) && (within & 15) + operand->size <= 4 && within;
    bool direct = exit->detail < v->vm->window.physmap.direct_end;
    return (plain || part) && direct ? v->vm->window.physmap.direct + exit->detail : NULL;
}

static bool uses_rsp(const struct cluster *cluster)
{
    for (u32 i = 0; i < cluster->count; i++)
        if (translate_uses_rsp(&cluster->at[i]))
            return true;
    return false;
}

/* Alone there is no other use of the registers that the exit took, nor a line. */
static bool is_alone(const struct cluster *cluster, const struct policy *policy, const void *register_at)
{
    const struct cluster_insn *at = &cluster->at[0];
    bool console = at->insn.op == OP_OUT && at->page == policy->console_data;
    return cluster->count == 1 && ((at->carry == CARRY_PORT && !console) || register_at);
}

/* One CPU makes one at a time. */
static struct translation made;
static u8 made_source[INSN_MAX];

/* Of the guest-physical address, or of the exit qualification (SDM "Exit Qualification for I/O Instructions"). */
static u64 expected_bits(const struct site_exit *exit, const struct translate_request *request)
{
    if (exit->cause.kind == TRACK_PAGE)
        return request->register_at ? ~0ull : PAGE_MASK;
    return request->any_port ? BITS(15, 0) : ~0ull;
}

/* Which instructions exit, and where the one is that did. */
static void note_for_report(struct translation *one, const struct cluster *cluster)
{
    for (u32 i = 0; i < cluster->count && i < 64; i++)
        one->exits |= (u64)(cluster->at[i].role != ROLE_FILLER) << i;
    for (u32 i = 0; i < cluster->entry; i++)
        one->behind += cluster->at[i].insn.length;
}

/* What `made` says besides the code, of the cluster that was formed. */
static void describe(struct vcpu *v, const struct sites *sites, const struct site_exit *exit, u64 expect_mask)
{
    const struct cluster *cluster = sites->one;
    made = (struct translation){
        .rip = site_linear_rip(v),
        .rip_offset = v->rip,
        .cs_limit = site_cs_limit(v),
        .expect = exit->detail,
        .expect_mask = expect_mask,
        .places = &places_none,
        .reason = exit->reason,
        .mode = v->seg[SEG_CS].access,
        .uses_rsp = uses_rsp(cluster),
        .ports_free = cluster->count > 1 && site_ports_free(v),
        .count = (u16)cluster->count,
        .exiting = (u16)cluster->exiting,
        .why = (u8)cluster->why,
        .stopper = (u8)cluster->stopper,
        .code_size = (u8)cluster->code_size,
        .length = cluster->at[cluster->entry].insn.length,
        .kind = cluster->at[cluster->entry].would,
        .traced = cluster->traced,
        .by_path = cluster->traced,
        .roams = sites->roams,
        .watched = sites->watch && cluster->traced,
        .promise = (u16)sites->promise,
        .checked_at = site_time(sites),
    };
    memcpy(made_source, cluster->at[cluster->entry].insn.bytes, INSN_MAX);
    made.source = made_source;
    made.source_length = made.length;
    note_for_report(&made, cluster);
}

static bool publish(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    const struct cluster *cluster = sites->one;
    struct translate_request request = {
        .cluster = cluster,
        .console_data = v->vm->policy.console_data,
        .console_followed = v->vm->machine->console_line,
        .any_port = sites->roams && exit->cause.kind == TRACK_PORT,
        .slices = maker_slices(sites),
        .keep_after = sites->keep_after,
    };
    u32 entry;
    if (request.any_port && policy_is_plain(&v->vm->policy, (u16)exit->cause.where))
        request.usual_port = (u16)exit->cause.where;
    if (!sites->roams)
        request.register_at = register_of(v, cluster, exit);
    if (!sites->roams && exit->cause.kind == TRACK_PAGE && !policy_is_apic(&v->vm->policy, exit->detail) &&
        exit->detail < v->vm->window.physmap.direct_end)
        request.page_at = v->vm->window.physmap.direct + (exit->detail & PAGE_MASK);
    request.watch = sites->watch && cluster->traced;
    request.alone = !request.any_port && is_alone(cluster, &v->vm->policy, request.register_at);
    u8 carry = cluster->at[cluster->entry].carry;
    /* By now other code may stand there, which does not exit. */
    bool worth = carry != CARRY_NOT && cluster->exiting &&
                 (request.alone || cluster->exiting > 1 || carry != CARRY_PERFORM);
    u64 mask = expected_bits(exit, &request);
    request.any_register = mask == PAGE_MASK && policy_is_apic(&v->vm->policy, exit->detail);
    describe(v, sites, exit, mask);
    made.several = request.any_port || request.any_register;
    if (!worth || !site_note_source(v, sites, made.rip - made.rip_offset))
        return false;
    site_note_walks(v, &made, &sites->source);
    request.head = translations_head(&sites->source);
    u8 *room = translations_room(&sites->tc);
    u32 size = translate(&request, room, &entry, &made.kept);
    if (sites->choose_check)
        sites->choose_check(&made, sites->source.pages, request.alone);
    return size && translations_publish(&sites->tc, &made, &sites->source, size, entry);
}

/* Why the last attempt made nothing. */
static enum cluster_why refusal(const struct cluster *cluster)
{
    if (cluster->at[0].carry == CARRY_NOT)
        return cluster->why;
    return cluster->at[0].carry == CARRY_PERFORM ? WHY_ALONE : WHY_CODE;
}

static void form(struct sites *sites, const struct cluster_request *request)
{
    sites->one = &sites->cluster;
    cluster_form(request, &sites->cluster);
}

const struct translation *site_describe(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    struct cluster_request request = site_request(v, sites, exit);
    request.max = 1;
    form(sites, &request);
    describe(v, sites, exit, ~0ull);
    return &made;
}

/* The trace, where taking the path again it would have more exits in it than a cluster has that is formed without it.
 */
static bool make_trace(struct vcpu *v, struct sites *sites, const struct site_exit *exit, const struct path *path)
{
    struct cluster_request request = site_request(v, sites, exit);
    u32 exits = sites->grown;
    if (!exits) {
        form(sites, &request);
        sites->without = trace_exits_in(path, &sites->cluster);
    }
    request.path = path;
    sites->one = &sites->trace;
    sites->trace_of = v->rip;
    sites->trace_at = exit->cause.where;
    for (u32 max = CLUSTER_NODES; max > 1; exits = 0) {
        if (!exits) {
            exits = trace_form(&request, max, &sites->trace);
            max /= 2;
        }
        if (exits <= sites->without * trace_paths(path)) /* `without`: in the first path */
            break;
        sites->promise = exits / trace_paths(path);
        if (publish(v, sites, exit))
            return true;
    }
    sites->promise = sites->without;
    return false;
}

/* Shorter and shorter, where it is too long in bytes. */
bool site_make(struct vcpu *v, struct sites *sites, const struct site_exit *exit, const struct path *path,
               const struct translation **tried, enum cluster_why *why)
{
    struct cluster_request request = site_request(v, sites, exit);
    *tried = &made;
    sites->promise = 0;
    sites->roams &= site_may_roam(exit); /* what was made before at this address may have been for other code */
    if (path && make_trace(v, sites, exit, path))
        return true;
    for (; request.max; request.max /= 2) {
        form(sites, &request);
        if (publish(v, sites, exit))
            return true;
        if (sites->cluster.at[0].carry == CARRY_NOT)
            break;
    }
    *why = refusal(&sites->cluster);
    return false;
}
