/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code, paths that were recorded in it, and the traces that are made from them. 64-bit code.
 */
#ifndef TEST_CLUSTER_TRACE_CASES_H
#define TEST_CLUSTER_TRACE_CASES_H

#include "emul/trace.h"

struct trace_case {
    const char *name;
    const char *code; /* in hex, "ADDRESS: bytes" piece by piece */
    const char *path; /* addresses in hex, "/PORT" where DX matters; "|" before another path from the entry */
    u32 max;          /* 0: CLUSTER_NODES */
    u32 exits;        /* that taking the path would have been in it */
    const char *text;
};

static const struct trace_case trace_cases[] = {
    {
        .name = "linux-8250",
        .code = "1000: 48 8b 43 28 be 05 00 00 00 48 89 df e8 ef 1f 00 00 21 e8 39 e8 74 05 41 ff cc 75 e4 c3 "
                "2000: 0f b6 4f 10 d3 e6 03 77 08 89 f2 ec 0f b6 c0 e9 0c 10 00 00 "
                "3000: e8 01 00 00 00 cc 48 89 04 24 c3 "
                "3020: c3",
        .path =
            "200b/3fd 200c 200f 3020 1011 1013 1015 1017 101a "
            "1000 1004 1009 100c 3000 3006 300a 2000 2004 2006 2009 200b/3fd 200c 200f 3020 1011 1013 1015 1017 101a "
            "1000 1004 1009 100c 3000 3006 300a 2000 2004 2006 2009 200b/3fd 200c 200f 3020 1011 1013 1015 101c",
        .exits = 3,
        .text = " 0> strong port      200b: in al, dx                  ; port 3fd\n"
                " 1         registers 200c: movzx eax, al\n"
                " 2         jump      200f: jmp to 3\n"
                " 3         ret       3020: ret to 4\n"
                " 4         registers 1011: and eax, ebp\n"
                " 5         registers 1013: cmp eax, ebp\n"
                " 6         jump      1015: jz out\n"
                " 7         registers 1017: dec r12d\n"
                " 8         jump      101a: jnz to 9, then out\n"
                " 9>        memory    1000: mov rax, qword [rbx+28]\n"
                "10         registers 1004: mov esi, 5\n"
                "11         registers 1009: mov rdi, rbx\n"
                "12         call      100c: call to 13\n"
                "13         call      3000: call to 14\n"
                "14         memory    3006: mov qword [rsp], rax\n"
                "15         ret       300a: ret to 16\n"
                "16         memory    2000: movzx ecx, byte [rdi+10]\n"
                "17         registers 2004: shl esi, cl\n"
                "18         memory    2006: add esi, dword [rdi+8]\n"
                "19         registers 2009: mov edx, esi, then 0       ; as long as there is time\n"
                "20 instructions, 1 would exit; as far as the path was seen\n",
    },
    {
        .name = "two-callers",
        .code = "1000: ba 60 00 00 00 e8 f6 0f 00 00 ba 64 00 00 00 e8 ec 0f 00 00 ff c9 75 e8 c3 "
                "2000: ec c3",
        .path = "2000/60 2001 100a 100f 2000/64 2001 1014 1016 1000 1005 2000/60 2001 100a 100f 2000/64",
        .exits = 4,
        .text = " 0> strong port      2000: in al, dx                  ; port 60\n"
                " 1         ret       2001: ret to 2\n"
                " 2         registers 100a: mov edx, 64\n"
                " 3         call      100f: call to 4\n"
                " 4  strong port      2000: in al, dx                  ; port 64\n"
                " 5         ret       2001: ret to 6\n"
                " 6         registers 1014: dec ecx\n"
                " 7         jump      1016: jnz to 8, then out\n"
                " 8>        registers 1000: mov edx, 60\n"
                " 9         call      1005: call to 0                  ; as long as there is time\n"
                "10 instructions, 2 would exit; as far as the path was seen\n",
    },
    {
        .name = "return-to-the-callers-caller",
        .code = "1000: e8 fb 0f 00 00 e6 80 75 f7 c3 "
                "2000: e8 fb 0f 00 00 e6 81 c3 "
                "3000: ec 58 c3",
        .path = "3000/60 3001 3002 1005 1007 1000 2000 3000/60 3001 3002 1005 1007",
        .exits = 4,
        .text = " 0  strong port      3000: in al, dx                  ; port 60\n"
                " 1         stack     3001: pop rax\n"
                " 2         ret       3002: ret to 3\n"
                " 3  strong port      1005: out 80, al                 ; port 80\n"
                " 4         jump      1007: jnz to 5, then out\n"
                " 5>        call      1000: call to 6\n"
                " 6         call      2000: call to 7\n"
                " 7  strong port      3000: in al, dx                  ; port 60\n"
                " 8         stack     3001: pop rax\n"
                " 9         ret       3002: ret to 10\n"
                "10  strong port      1005: out 80, al                 ; port 80\n"
                "11 instructions, 4 would exit; as far as the path was seen\n",
    },
    {
        .name = "two-ways",
        .code = "1000: ec ff e0 "
                "1010: e6 80 eb ec "
                "1020: e6 81 eb dc",
        .path = "1000/60 1001 1010 1012 1000/60 1001 1020 1022 1000/60",
        .exits = 5,
        .text = " 0> strong port      1000: in al, dx                  ; port 60\n"
                " 1         computed  1001: jmp rax to 2 or 4\n"
                " 2> strong port      1010: out 80, al                 ; port 80\n"
                " 3         jump      1012: jmp to 0                   ; as long as there is time\n"
                " 4> strong port      1020: out 81, al                 ; port 81\n"
                " 5         jump      1022: jmp to 0                   ; as long as there is time\n"
                "6 instructions, 3 would exit; as far as the path was seen\n",
    },
    {
        .name = "two-paths",
        .code = "1000: ec a8 01 74 05 e6 80 eb f7 "
                "100a: e6 81 eb f2",
        .path = "1000/60 1001 1003 1005 1007 1000/60 | 1000/60 1001 1003 100a 100c 1000/60",
        .exits = 6,
        .text = " 0> strong port      1000: in al, dx                  ; port 60\n"
                " 1         registers 1001: test al, 1\n"
                " 2         jump      1003: jz to 5\n"
                " 3  strong port      1005: out 80, al                 ; port 80\n"
                " 4         jump      1007: jmp to 0                   ; as long as there is time\n"
                " 5> strong port      100a: out 81, al                 ; port 81\n"
                " 6         jump      100c: jmp to 0                   ; as long as there is time\n"
                "7 instructions, 3 would exit; as far as the path was seen\n",
    },
    {
        .name = "middle-of-a-loop",
        .code = "1000: ff c9 74 09 e8 f7 0f 00 00 a8 01 75 f3 c3 "
                "2000: ec c3",
        .path = "2000/60 2001 1009 100b 1000 1002 1004 2000/60 2001 1009 100b "
                "1000 1002 1004 2000/60 2001 1009 100b 1000 1002 100d",
        .exits = 3,
        .text = " 0> strong port      2000: in al, dx                  ; port 60\n"
                " 1         ret       2001: ret to 2\n"
                " 2         registers 1009: test al, 1\n"
                " 3         jump      100b: jnz to 4, then out\n"
                " 4>        registers 1000: dec ecx\n"
                " 5         jump      1002: jz out\n"
                " 6         call      1004: call to 0                  ; as long as there is time\n"
                "7 instructions, 1 would exit; as far as the path was seen\n",
    },
    {
        .name = "not-followed",
        .code = "1000: ec 74 01 f4 e6 80 75 f8 c3",
        .path = "1000/60 1001 1004 1006 1000/60 1001 1004 1006 1008",
        .exits = 4,
        .text = " 0> strong port      1000: in al, dx                  ; port 60\n"
                " 1         jump      1001: jz to 2, then out\n"
                " 2> strong port      1004: out 80, al                 ; port 80\n"
                " 3         jump      1006: jnz to 0                   ; as long as there is time\n"
                "4 instructions, 2 would exit; as far as the path was seen\n",
    },
    {
        .name = "stopped",
        .code = "1000: ec e6 80 fb e6 81",
        .path = "1000/60 1001 1003 1004",
        .exits = 2,
        .text = " 0  strong port      1000: in al, dx                  ; port 60\n"
                " 1  strong port      1001: out 80, al                 ; port 80\n"
                "2 instructions, 2 would exit; an instruction that cannot be carried: STI\n",
    },
};

#endif
