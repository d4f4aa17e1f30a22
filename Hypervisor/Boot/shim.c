#include "include/shim.h"
