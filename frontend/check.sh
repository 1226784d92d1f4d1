#!/bin/sh
# Sees that static/wallet/ is, byte for byte, what the source and the pinned packages build.
set -eu
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
npm ci --ignore-scripts --no-audit --no-fund --silent
npm run --silent types
node build.mjs "$made"
diff -r "$made" ../static/wallet || {
  echo "static/wallet/ is not what frontend/ builds: run 'npm run build' there" >&2
  exit 1
}
