#!/bin/sh
# In the Dockerfile: installs what the lock file in this folder names, and keeps only what runs.
set -eu

# No install script has to run: the engines' binaries are packages, one for each platform.
npm ci --omit=dev --ignore-scripts

# Types, sources and documents of packages; Node.js loads none of them. Licences stay.
find node_modules -type f \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' \
  -o -name '*.md' -o -name '*.c' -o -name '*.cc' -o -name '*.cpp' -o -name '*.h' \) -delete

if [ -d node_modules/lmdb ]; then
  # The platform's package has a binary for each C library, and for older versions of Node.js.
  find node_modules/@lmdb -type f -name '*.node' ! -name node.napi.glibc.node -delete
  node -e "require('lmdb').open({ path: '/tmp/try' }).close()"
fi
if [ -d node_modules/libsql ]; then
  # npm takes the binaries for both C libraries.
  rm -rf node_modules/@libsql/linux-*-musl
  node -e "new (require('libsql'))(':memory:').close()"
fi
find node_modules -type d -empty -delete
