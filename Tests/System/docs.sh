#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The documentation of the guest libraries builds without a link that leads nowhere.
# Runs: host
# Limit: 300
set -eu
cd "$(dirname "$0")/../.."
Tests/Harness/make-docs
for page in GuestABI/guestabi/ownedport GuestABI/guestabi/agueststepbystep DriverKit/driverkit/frontend; do
    archive=${BUILD:-build}/docs/${page%%/*}.doccarchive
    test -s "$archive/data/documentation/${page#*/}.json" || { echo "$archive has no page ${page#*/}"; exit 1; }
done
