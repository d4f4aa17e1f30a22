// SPDX-License-Identifier: Apache-2.0

/// The value itself: the testing macros take expressions apart, which values that cannot be copied do not survive.
func plain<Value>(_ value: Value) -> Value { value }
