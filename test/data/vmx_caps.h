/* SPDX-License-Identifier: BSD-2-Clause */
/* Made by test/data/capture/to_c.awk from what capture.c printed. nested_*: under KVM in the rig of SPEC 12. */
#ifndef TEST_DATA_MSR_H
#define TEST_DATA_MSR_H

#include "lib/types.h"

struct captured_msr {
    u32 msr;
    u64 value;
};

static const struct captured_msr msr_core2_penryn_t9600[] = {
    {0x03a, 0x0000000000000005},
    {0x480, 0x00d810000000002b},
    {0x481, 0x0000003f00000016},
    {0x482, 0xf7f9fffe0401e172},
    {0x483, 0x0003ffff00036dff},
    {0x484, 0x00003fff000011ff},
    {0x485, 0x00000000000401e0},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x00000000000467ff},
    {0x48a, 0x0000000000000034},
    {0x48b, 0x0000004100000000},
    {0x48d, 0x0000003f00000016},
    {0x48e, 0xf7f9fffe04006172},
    {0x48f, 0x0003ffff00036dfb},
    {0x490, 0x00003fff000011fb},
};

static const struct captured_msr msr_corei5_lynnfield_750[] = {
    {0x03a, 0x0000000000000005},
    {0x480, 0x00d810000000002b},
    {0x481, 0x0000007f00000016},
    {0x482, 0xf7f9fffe0401e172},
    {0x483, 0x007fffff00036dff},
    {0x484, 0x0000ffff000011ff},
    {0x485, 0x00000000000401e0},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x00000000000067ff},
    {0x48a, 0x0000000000000034},
    {0x48b, 0x0000007f00000000},
    {0x48c, 0x00000f0106114141},
    {0x48d, 0x0000007f00000016},
    {0x48e, 0xf7f9fffe04006172},
    {0x48f, 0x007fffff00036dfb},
    {0x490, 0x0000ffff000011fb},
};

static const struct captured_msr msr_corei7_sandy_bridge_2600k[] = {
    {0x03a, 0x0000000000000005},
    {0x480, 0x00d810000000002b},
    {0x481, 0x0000007f00000016},
    {0x482, 0xf7f9fffe0401e172},
    {0x483, 0x007fffff00036dff},
    {0x484, 0x0000ffff000011ff},
    {0x485, 0x00000000000401e0},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x00000000000627ff},
    {0x48a, 0x0000000000000034},
    {0x48b, 0x000000ff00000000},
    {0x48c, 0x00000f0106114141},
    {0x48d, 0x0000007f00000016},
    {0x48e, 0xf7f9fffe04006172},
    {0x48f, 0x007fffff00036dfb},
    {0x490, 0x0000ffff000011fb},
};

static const struct captured_msr msr_corei7_haswell_4770[] = {
    {0x03a, 0x0000000000000005},
    {0x480, 0x00d810000000002b},
    {0x481, 0x0000007f00000016},
    {0x482, 0xf7f9fffe0401e172},
    {0x483, 0x007fffff00036dff},
    {0x484, 0x0000ffff000011ff},
    {0x485, 0x00000000200401e0},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x00000000001727ff},
    {0x48a, 0x0000000000000034},
    {0x48b, 0x00047fff00000000},
    {0x48c, 0x00000f0106334141},
    {0x48d, 0x0000007f00000016},
    {0x48e, 0xf7f9fffe04006172},
    {0x48f, 0x007fffff00036dfb},
    {0x490, 0x0000ffff000011fb},
};

static const struct captured_msr msr_corei7_skylake_x[] = {
    {0x03a, 0x0000000000000005},
    {0x480, 0x00d810000000002b},
    {0x481, 0x0000007f00000016},
    {0x482, 0xf7f9fffe0401e172},
    {0x483, 0x007fffff00036dff},
    {0x484, 0x0000ffff000011ff},
    {0x485, 0x00000000600401e0},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x00000000003727ff},
    {0x48a, 0x0000000000000034},
    {0x48b, 0x02177fff00000000},
    {0x48c, 0x00000f0106334141},
    {0x48d, 0x0000007f00000016},
    {0x48e, 0xf7f9fffe04006172},
    {0x48f, 0x007fffff00036dfb},
    {0x490, 0x0000ffff000011fb},
};

static const struct captured_msr msr_corei3_cnl[] = {
    {0x03a, 0x0000000000000005},
    {0x480, 0x00d810000000002b},
    {0x481, 0x0000007f00000016},
    {0x482, 0xf7f9fffe0401e172},
    {0x483, 0x007fffff00036dff},
    {0x484, 0x0000ffff000011ff},
    {0x485, 0x00000000600401e0},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x0000000000772fff},
    {0x48a, 0x0000000000000034},
    {0x48b, 0x02157cff00000000},
    {0x48c, 0x00000f0106334141},
    {0x48d, 0x0000007f00000016},
    {0x48e, 0xf7f9fffe04006172},
    {0x48f, 0x007fffff00036dfb},
    {0x490, 0x0000ffff000011fb},
};

static const struct captured_msr msr_tigerlake[] = {
    {0x03a, 0x0000000000000005},
    {0x480, 0x01d8100000000004},
    {0x481, 0x0000007f00000016},
    {0x482, 0xfff9fffe0401e172},
    {0x483, 0x107fffff00036dff},
    {0x484, 0x0010ffff000011ff},
    {0x485, 0x00000000600401e0},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x0000000000f72fff},
    {0x48a, 0x0000000000000034},
    {0x48b, 0x02977fff00000000},
    {0x48c, 0x00000f0106b34141},
    {0x48d, 0x0000007f00000016},
    {0x48e, 0xfff9fffe04006172},
    {0x48f, 0x107fffff00036dfb},
    {0x490, 0x0010ffff000011fb},
};

static const struct captured_msr msr_nested_skylake_x[] = {
    {0x03a, 0x0000000000100005},
    {0x480, 0x00d8100011e57ed0},
    {0x481, 0x0000007f00000016},
    {0x482, 0xf7f9fffe0401e172},
    {0x483, 0x007fffff00036dff},
    {0x484, 0x0000f3ff000011ff},
    {0x485, 0x0000000020000165},
    {0x486, 0x0000000080000021},
    {0x487, 0x00000000ffffffff},
    {0x488, 0x0000000000002000},
    {0x489, 0x0000000000332fff},
    {0x48a, 0x0000000000000032},
    {0x48b, 0x02037bff00000000},
    {0x48c, 0x00000f0106334041},
    {0x48d, 0x0000007f00000016},
    {0x48e, 0xf7f9fffe04006172},
    {0x48f, 0x007fffff00036dfb},
    {0x490, 0x0000f3ff000011fb},
};

static const struct {
    const char *model;
    const struct captured_msr *rows;
    u32 count;
} captured_msrs[] = {
    {"core2_penryn_t9600", msr_core2_penryn_t9600, COUNT_OF(msr_core2_penryn_t9600)},
    {"corei5_lynnfield_750", msr_corei5_lynnfield_750, COUNT_OF(msr_corei5_lynnfield_750)},
    {"corei7_sandy_bridge_2600k", msr_corei7_sandy_bridge_2600k, COUNT_OF(msr_corei7_sandy_bridge_2600k)},
    {"corei7_haswell_4770", msr_corei7_haswell_4770, COUNT_OF(msr_corei7_haswell_4770)},
    {"corei7_skylake_x", msr_corei7_skylake_x, COUNT_OF(msr_corei7_skylake_x)},
    {"corei3_cnl", msr_corei3_cnl, COUNT_OF(msr_corei3_cnl)},
    {"tigerlake", msr_tigerlake, COUNT_OF(msr_tigerlake)},
    {"nested_skylake_x", msr_nested_skylake_x, COUNT_OF(msr_nested_skylake_x)},
};

#endif
