#!/usr/bin/env bash
# Runs every fuzz target for the time given (10s), one after the other, and
# goes on after a failure so that one run tells of all.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${1:-10s}
failed=0
count=0

while read -r file; do
	package=./$(dirname "$file")
	while read -r target; do
		count=$((count + 1))
		echo "== $package $target"
		go test -tags migrated_fynedo -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" "$package" </dev/null || failed=1
	done < <(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file")
done < <(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | sort)

[ "$count" -gt 0 ] || {
	echo "no fuzz target found" >&2
	exit 1
}
exit "$failed"
