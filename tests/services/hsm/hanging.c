/*
 * A PKCS#11 module without a token. Its C_Finalize hangs while the file GATE exists. After
 * ten seconds it stops waiting and removes the file.
 */

#include <string.h>
#include <unistd.h>

#define OK 0x000UL
#define GENERAL_ERROR 0x005UL
#define NOT_INITIALIZED 0x190UL

typedef unsigned long (*function)();

/* CK_FUNCTION_LIST of PKCS#11 2.40, only the parts needed here. */
static struct {
    unsigned char version[2];
    function functions[68];
} list = {{2, 40}, {0}};
static int is_initialized = 0;

static unsigned long fail() { return GENERAL_ERROR; }

unsigned long C_Initialize(void *arguments)
{
    is_initialized = 1;
    return OK;
}

unsigned long C_Finalize(void *reserved)
{
    if (!is_initialized)
        return NOT_INITIALIZED;
    for (int tries = 0; tries < 1000 && access(GATE, F_OK) == 0; tries++)
        usleep(10000);
    unlink(GATE);
    is_initialized = 0;
    return OK;
}

unsigned long C_GetInfo(void *info)
{
    memset(info, 0, 72); /* without the version, which is the last field */
    return OK;
}

unsigned long C_GetFunctionList(void **found)
{
    for (int at = 0; at < 68; at++)
        list.functions[at] = fail;
    list.functions[0] = C_Initialize;
    list.functions[1] = C_Finalize;
    list.functions[2] = C_GetInfo;
    *found = &list;
    return OK;
}
