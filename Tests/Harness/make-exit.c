// SPDX-License-Identifier: Apache-2.0
// A function for GNU make, $(exit STATUS): `make dom0` ends with the status of the script, where make itself knows only 2.
#include <stdlib.h>

/// GNU make loads only objects that have this symbol.
int plugin_is_GPL_compatible;

typedef char *(*make_function)(const char *name, unsigned int count, char **arguments);
void gmk_add_function(const char *name, make_function, unsigned int least, unsigned int most, unsigned int flags);

static char *quit(const char *name, unsigned int count, char **arguments) {
    exit(atoi(arguments[0]));
}

int exit_gmk_setup(void) {
    gmk_add_function("exit", quit, 1, 1, 0);
    return 1;
}
