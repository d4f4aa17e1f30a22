// SPDX-License-Identifier: Apache-2.0
// These functions are all inline; the compiler still sees them once by themselves.
#include "include/storage.h"
#include "include/uring.h"
