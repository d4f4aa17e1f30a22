// SPDX-License-Identifier: Apache-2.0
#include "CX86.h"
