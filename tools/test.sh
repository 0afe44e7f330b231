#!/usr/bin/env bash
# Runs the tests of every package, or those of one kind.
#
#   tools/test.sh           everything
#   tools/test.sh e2e       the end-to-end tests alone
#   tools/test.sh radius    the RADIUS tests, with the build tag radius
#
# Packages run under the race detector, but for those that draw with Fyne or
# drive whole programs: there it would compile the OpenGL binding a second
# time, and the packages below them have been raced already. The checks of types
# and of the model have one goroutine, and would only be slower.
set -euo pipefail
cd "$(dirname "$0")/.."

tags=migrated_fynedo
timeout=20m

# npm fetches the browser's driver, once for each lock file.
for lock in $(git ls-files '*package-lock.json'); do
	dir=$(dirname "$lock")
	if [ ! -d "$dir/node_modules" ] || [ "$lock" -nt "$dir/node_modules" ]; then
		PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --prefix "$dir" --no-audit --no-fund
		touch "$dir/node_modules"
	fi
done

case ${1:-all} in
e2e)
	exec go test -tags "$tags" -timeout "$timeout" -count=1 -v ./e2e/...
	;;
radius)
	exec go test -tags "$tags,radius" -timeout "$timeout" -count=1 -v ./verifier/radius/...
	;;
all) ;;
*)
	echo "tools/test.sh: no kind of test called $1 (e2e, radius)" >&2
	exit 2
	;;
esac

# A package is plain when it, or its tests, reach Fyne, or it stands in one of
# these folders.
list='{{.ImportPath}} {{join .Deps " "}} {{join .TestImports " "}} {{join .XTestImports " "}}'
mapfile -t plain < <(go list -tags "$tags" -f "$list" ./... | awk '/ fyne\.io\/fyne\// || $1 ~ /\/(e2e|model|tools)(\/|$)/ {print $1}')
mapfile -t raced < <(go list -tags "$tags" ./... | grep -vxF -f <(printf '%s\n' "${plain[@]:-none}"))

# Without the cache of results: several tests build and run the commands, which
# that cache does not see.
failed=0
if [ "${#plain[@]}" -gt 0 ]; then
	go test -count=1 -tags "$tags" -timeout "$timeout" "${plain[@]}" || failed=1
fi
go test -count=1 -race -tags "$tags" -timeout "$timeout" "${raced[@]}" || failed=1
exit "$failed"
