/*
 * A wrapper of SoftHSM (the file REAL) whose C_Sign takes DELAY milliseconds longer. Each
 * signature adds a byte to the file SIGNATURES, and each login a byte to the file LOGINS.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GENERAL_ERROR 0x005UL

typedef unsigned long (*function)();

/* CK_FUNCTION_LIST of PKCS#11 2.40. */
enum { C_LOGIN = 18, C_SIGN = 43 };
static struct list {
    unsigned char version[2];
    function functions[68];
} *real, list;

static void count(const char *path)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    write(file, ".", 1);
    close(file);
}

static long now() /* milliseconds */
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static unsigned long log_in(unsigned long session, unsigned long user, void *pin,
                            unsigned long length)
{
    count(LOGINS);
    return real->functions[C_LOGIN](session, user, pin, length);
}

static unsigned long sign(unsigned long session, void *data, unsigned long length,
                          void *signature, unsigned long *size)
{
    if (signature != NULL) { /* NULL asks for the size only */
        count(SIGNATURES);
        for (long end = now() + DELAY; now() < end;)
            usleep(100); /* keep running code of this module */
    }
    return real->functions[C_SIGN](session, data, length, signature, size);
}

unsigned long C_GetFunctionList(struct list **found)
{
    void *library = dlopen(REAL, RTLD_NOW);
    function get_list = library ? (function)dlsym(library, "C_GetFunctionList") : NULL;
    if (get_list == NULL || get_list(&real) != 0)
        return GENERAL_ERROR;
    list = *real;
    list.functions[C_LOGIN] = log_in;
    list.functions[C_SIGN] = sign;
    *found = &list;
    return 0;
}
