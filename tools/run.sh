#!/usr/bin/env bash
# The demo of `make run`: a server with its embedded defaults on loopback, and
# an authenticator beside it: the app where there is a display, a terminal one
# elsewhere. Ctrl-C, or closing the authenticator, ends all of it.
#
#   LISTEN=127.0.0.1:8080    where the server listens
#   DATA=.cache/demo         what it keeps; remove the folder to begin anew
#   AUTHENTICATOR=app|terminal   instead of looking for a display
set -euo pipefail
cd "$(dirname "$0")/.."

listen=${LISTEN:-127.0.0.1:8080}
data=${DATA:-.cache/demo}
user=alex@contoso.example
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then found=app; else found=terminal; fi
authenticator=${AUTHENTICATOR:-$found}
log=$data/server.log
enrolled=$data/enrolled-$authenticator # exists once this authenticator is enrolled
children=()

# stop ends what this script started, and nothing else.
stop() {
	trap - EXIT INT TERM
	for pid in "${children[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
}
trap stop EXIT
trap 'stop; exit 0' INT TERM # to be ended is no error

die() {
	echo "make run: $*" >&2
	exit 1
}

# healthy asks the server whether it is ready, without needing curl.
healthy() {
	local line
	exec 3<>"/dev/tcp/${listen%:*}/${listen##*:}" || return 1
	printf 'GET /healthz HTTP/1.0\r\nHost: %s\r\n\r\n' "$listen" >&3
	read -r -t 5 line <&3 || line=
	exec 3>&-
	[[ $line == *" 200 "* ]]
}

# taken asks whether somebody listens there already. The one who answered below
# would be another's server, while ours ends.
taken() { (exec 3<>"/dev/tcp/${listen%:*}/${listen##*:}") 2>/dev/null; }

start_server() {
	if taken; then
		die "something listens on $listen already, another demo perhaps (for another port: LISTEN=127.0.0.1:9090 make run)"
	fi
	bin/countersignd serve --demo --data "$data" --listen "$listen" 2>"$log" &
	server=$!
	children+=("$server")
	for _ in {1..150}; do
		if ! kill -0 "$server" 2>/dev/null; then
			tail -n 3 "$log" >&2
			die "the server did not start (for another port: LISTEN=127.0.0.1:9090 make run)"
		fi
		if healthy 2>/dev/null; then return; fi
		sleep 0.2
	done
	tail -n 3 "$log" >&2
	die "the server is not ready after 30 seconds; its log is $log"
}

# field takes a text member out of one line of JSON; the values here hold no
# quotes or escapes.
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$2"; }

# start_enrolment asks the server for a link and follows what becomes of it in
# the background: the link and the number go into files, the number is shown.
start_enrolment() {
	rm -f "$data/link" "$data/number"
	exec 4< <(exec bin/countersignd enrol "$user" --data "$data" --totp --json --wait 2>>"$log")
	children+=("$!")
	follow_enrolment <&4 & # ends with the process that it reads from
	exec 4<&-
	for _ in {1..100}; do
		[ -s "$data/link" ] && return
		sleep 0.1
	done
	die "the server gave no enrolment link; its log is $log"
}

follow_enrolment() {
	local line link number state
	while read -r line; do
		link=$(field link "$line")
		number=$(field number "$line")
		state=$(field state "$line")
		if [ -n "$link" ]; then write "$data/link" "$link"; fi
		if [ -n "$number" ]; then
			printf '\n  >> Type %s into the authenticator to enrol it.\n\n' "$number"
			write "$data/number" "$number"
		fi
		if [ "$state" = enrolled ]; then
			touch "$enrolled"
			printf '\n  >> Enrolled. Now sign in on http://%s/ as %s.\n\n' "$listen" "$user"
		elif [ -n "$state" ]; then
			printf '\n  >> Not enrolled (%s). End this with Ctrl-C and run it again.\n\n' "$state"
		fi
	done
}

# write makes a file appear with its content, never before it.
write() {
	printf '%s\n' "$2" >"$1.new"
	mv "$1.new" "$1"
}

run_app() {
	local link=()
	if [ ! -e "$enrolled" ]; then
		start_enrolment
		link=("$(cat "$data/link")")
	fi
	echo "Starting the app. Ctrl-C here, or closing its window, ends the demo."
	bin/countersign --data "$data/app" "${link[@]}" & # or a trap would wait for its end
	children+=("$!")
	wait "$!"
}

run_terminal() {
	local device=(bin/countersign-lab device --state "$data/device")
	if [ ! -e "$enrolled" ]; then
		start_enrolment
		echo "No display: a terminal authenticator stands in for the app."
		if [ -t 0 ]; then
			"${device[@]}" enrol "$(cat "$data/link")" --name "Demo terminal" --number -
		else # nobody can type
			"${device[@]}" enrol "$(cat "$data/link")" --name "Demo terminal" \
				--number "until [ -s '$data/number' ]; do sleep 0.1; done; cat '$data/number'"
		fi
	fi
	echo "Waiting for sign-ins. Ctrl-C ends the demo."
	"${device[@]}" run
}

case $authenticator in
app | terminal) ;;
*) die "AUTHENTICATOR is app or terminal, not $authenticator" ;;
esac
mkdir -p "$data"
chmod 700 "$data"
start_server
"run_$authenticator"
