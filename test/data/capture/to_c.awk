# SPDX-License-Identifier: BSD-2-Clause
# awk -v kind=msr|cpuid -f to_c.awk MODEL.txt...: the C header of what capture.c printed; a file's name is the model's.
# Leaves that read zero throughout are left out: an answer that is not in a dump is four zeros.
function start() {
    n = split(FILENAME, part, "/")
    model = part[n]
    sub(/\.txt$/, "", model)
    models[++count] = model
    printf "\nstatic const struct captured_%s %s_%s[] = {\n", kind, kind, model
}
BEGIN {
    upper = toupper(kind)
    printf "/* SPDX-License-Identifier: BSD-2-Clause */\n"
    printf "/* Made by test/data/capture/to_c.awk from what capture.c printed. nested_*: under KVM in the rig of SPEC 12. */\n"
    printf "#ifndef TEST_DATA_%s_H\n#define TEST_DATA_%s_H\n\n#include \"lib/types.h\"\n\n", upper, upper
    if (kind == "msr")
        printf "struct captured_msr {\n    u32 msr;\n    u64 value;\n};\n"
    else
        printf "struct captured_cpuid {\n    u32 leaf, subleaf, reg[4];\n};\n"
}
FNR == 1 {
    if (count)
        print "};"
    start()
}
{ sub(/\r$/, "") }
kind == "msr" && $1 == "M" { printf "    {0x%s, 0x%s},\n", $2, $3 }
kind == "cpuid" && $1 == "C" && $4 $5 $6 $7 !~ /^0+$/ {
    printf "    {0x%s, 0x%s, {0x%s, 0x%s, 0x%s, 0x%s}},\n", $2, substr($3, 7), $4, $5, $6, $7
}
END {
    print "};"
    printf "\nstatic const struct {\n    const char *model;\n    const struct captured_%s *rows;\n    u32 count;\n} captured_%ss[] = {\n", kind, kind
    for (i = 1; i <= count; i++)
        printf "    {\"%s\", %s_%s, COUNT_OF(%s_%s)},\n", models[i], kind, models[i], kind, models[i]
    printf "};\n\n#endif\n"
}
