/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cluster as text, for tests and docs/CLUSTERS.md: a line for each instruction,
 *
 *   index, `>` where a jump of the cluster leads, `=` where it is entered if not at the top; role; carry; of traces
 *   the address; the instruction; what it would have exited on,
 *
 * and a last line that says how many there are and why not more.
 */
#ifndef TEST_CLUSTER_TEXT_H
#define TEST_CLUSTER_TEXT_H

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "emul/cluster.h"

struct text {
    char *to;
    size_t room, length;
};

static inline __attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text->to + text->length, text->room - text->length, format, list);
    va_end(list);
    if (length > 0 && (size_t)length < text->room - text->length)
        text->length += (size_t)length;
}

static inline void text_gpr(struct text *text, const struct operand *operand, u32 reg, u32 size)
{
    static const char names[8][3] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char sizes[9][2] = {[1] = "b", [2] = "w", [4] = "d"};

    if (reg >= 8)
        text_add(text, "r%u%s", reg, sizes[size]);
    else if (size == 1 && operand && operand->high8)
        text_add(text, "%ch", names[reg][0]);
    else if (size == 1)
        text_add(text, reg < 4 ? "%.1sl" : "%sl", names[reg]);
    else
        text_add(text, "%s%s", size == 8 ? "r" : size == 4 ? "e" : "", names[reg]);
}

static inline void text_memory(struct text *text, const struct insn *insn, u32 size)
{
    static const char segments[8][3] = {"es", "cs", "ss", "ds", "fs", "gs"};
    const struct memory_operand *memory = &insn->memory;
    const char *plus = "";

    text_add(text, "%s", size == 1 ? "byte " : size == 2 ? "word " : size == 4 ? "dword " : size == 8 ? "qword " : "");
    if (insn->flags & INSN_SEGMENT_PREFIX)
        text_add(text, "%s:", segments[memory->segment & 7]);
    text_add(text, "[");
    if (memory->rip_relative)
        text_add(text, "rip"), plus = "+";
    if (memory->base != REG_NONE)
        text_gpr(text, NULL, memory->base, insn->address_size), plus = "+";
    if (memory->index != REG_NONE) {
        text_add(text, "%s", plus), plus = "+";
        text_gpr(text, NULL, memory->index, insn->address_size);
        if (memory->scale > 1)
            text_add(text, "*%u", memory->scale);
    }
    if (memory->displacement < 0 && *plus)
        text_add(text, "-%llx", -(unsigned long long)memory->displacement);
    else if (memory->displacement || !*plus)
        text_add(text, "%s%llx", plus, (unsigned long long)memory->displacement);
    text_add(text, "]");
}

static inline void text_operand(struct text *text, const struct insn *insn, const struct operand *operand)
{
    static const char segments[8][3] = {"es", "cs", "ss", "ds", "fs", "gs"};

    switch (operand->kind) {
    case OPERAND_GPR:
        text_gpr(text, operand, operand->reg, operand->size);
        break;
    case OPERAND_MEMORY:
        text_memory(text, insn, operand->size);
        break;
    case OPERAND_IMMEDIATE:
        text_add(text, "%llx", (unsigned long long)insn->immediate & (~0ull >> (64 - 8 * insn->operand_size)));
        break;
    case OPERAND_SEGMENT:
        text_add(text, "%s", segments[operand->reg & 7]);
        break;
    case OPERAND_DR:
        text_add(text, "dr%u", operand->reg);
        break;
    case OPERAND_CR:
        text_add(text, "cr%u", operand->reg);
        break;
    default:
        text_add(text, "?");
        break;
    }
}

static inline void text_insn(struct text *text, const struct cluster_insn *at)
{
    static const char conditions[16][4] = {"o", "no", "b", "nb", "z", "nz", "be", "nbe",
                                           "s", "ns", "p", "np", "l", "nl", "le", "nle"};
    const struct insn *insn = &at->insn;
    const char *name = op_name(insn->op), *separator = " ";
    bool conditional = insn->op == OP_JCC || insn->op == OP_SETCC || insn->op == OP_CMOVCC;
    size_t length = strlen(name) - (conditional ? 2 : 0);

    if (insn->flags & (INSN_REP | INSN_REPNE) && insn->op >= OP_MOVS && insn->op <= OP_OUTS)
        text_add(text, insn->flags & INSN_REP ? "rep " : "repne ");
    for (size_t i = 0; i < length; i++)
        text_add(text, "%c", tolower(name[i]));
    if (conditional)
        text_add(text, "%s", conditions[insn->condition]);
    if (insn->op >= OP_MOVS && insn->op <= OP_OUTS)
        text_add(text, "%s", insn->operand[0].size == 1 ? "b" : insn->operand[0].size == 2 ? "w" : "d");
    if (insn->operand[0].kind == OPERAND_RELATIVE && at->target != CLUSTER_OUT)
        text_add(text, " to %d", at->target);
    else if (insn->operand[0].kind == OPERAND_RELATIVE)
        text_add(text, " out");
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++) {
        const struct operand *operand = &insn->operand[i];
        if (operand->kind == OPERAND_NONE || operand->kind == OPERAND_RELATIVE || !operand->size)
            if (insn->op != OP_LEA || operand->kind != OPERAND_MEMORY)
                continue;
        text_add(text, "%s", separator);
        text_operand(text, insn, operand);
        separator = ", ";
    }
}

static inline void text_would(struct text *text, const struct cluster_insn *at)
{
    switch (at->would) {
    case WOULD_IO_IN:
    case WOULD_IO_OUT:
        if (at->page == CLUSTER_PORT_UNKNOWN)
            text_add(text, "some port");
        else
            text_add(text, "port %llx", (unsigned long long)at->page);
        break;
    case WOULD_APIC:
        text_add(text, "LAPIC");
        break;
    case WOULD_MMIO:
        text_add(text, "page %llx", (unsigned long long)at->page);
        break;
    case WOULD_DR:
        text_add(text, "MOV DR");
        break;
    default:
        break;
    }
    if (at->loops)
        text_add(text, at->weak ? "at most %u rounds" : "as long as there is time", CLUSTER_WEAK_ROUNDS);
}

/* Where it was seen to go, and what follows it if that is not the next line. */
static inline void text_ways(struct text *text, const struct cluster *cluster, u32 index)
{
    const struct cluster_insn *at = &cluster->at[index];
    bool goes = at->carry == CARRY_RET || at->carry == CARRY_CALL || at->carry == CARRY_COMPUTED ||
                at->insn.op == OP_JMP;
    bool last = index + 1 == cluster->count && at->next == CLUSTER_OUT;
    const char *separator = " to ";

    for (u32 way = at->way; way != CLUSTER_NO_WAY; way = cluster->way[way].other, separator = " or ")
        if (cluster->way[way].to == CLUSTER_OUT)
            text_add(text, "%sout", separator);
        else
            text_add(text, "%s%d", separator, cluster->way[way].to);
    if (goes || last || at->next == (int)index + 1)
        return;
    if (at->next == CLUSTER_OUT)
        text_add(text, ", then out");
    else
        text_add(text, ", then %d", at->next);
}

/* Writes the text to `to`. */
static inline void cluster_text(const struct cluster *cluster, char *to, size_t room)
{
    static const char roles[][7] = {"", "weak", "strong"};
    static const char carries[][10] = {"not", "registers", "memory", "jump", "port",     "debug",
                                       "rsp", "stack",     "call",   "ret",  "computed", "perform"};
    struct text text = {to, room, 0};

    for (u32 i = 0; i < cluster->count; i++) {
        const struct cluster_insn *at = &cluster->at[i];
        size_t line = text.length;
        text_add(&text, "%2u%s %-6s %-9s ", i,
                 i && i == cluster->entry ? "="
                 : at->joins              ? ">"
                                          : " ",
                 roles[at->role], carries[at->carry]);
        if (cluster->traced)
            text_add(&text, "%4llx: ", (unsigned long long)at->rip & 0xffff);
        text_insn(&text, at);
        if (cluster->traced)
            text_ways(&text, cluster, i);
        if (at->would || at->loops) {
            size_t width = text.length - line;
            text_add(&text, "%*s; ", width < 54 ? (int)(54 - width) : 1, "");
            text_would(&text, at);
        }
        text_add(&text, "\n");
    }
    text_add(&text, "%u instruction%s, %u would exit; %s", cluster->count, cluster->count == 1 ? "" : "s",
             cluster->exiting, cluster_why_text(cluster->why));
    if (cluster->why == WHY_INSTRUCTION)
        text_add(&text, ": %s", op_name(cluster->stopper));
    text_add(&text, "\n");
}

#endif
