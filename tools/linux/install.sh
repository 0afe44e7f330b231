#!/bin/sh
# Installs Countersign: the program, its menu entry and its icon. From then on
# the desktop opens countersign:// and otpauth:// links with it.
#
#   ./install.sh                      for you, into ~/.local
#   sudo ./install.sh /usr/local      for everybody
#   ./install.sh --remove [PREFIX]    removes what it installed; your accounts stay
set -eu
here=$(cd "$(dirname "$0")" && pwd)
id=org.countersign.app

remove=
if [ "${1:-}" = --remove ]; then
	remove=yes
	shift
fi
prefix=${1:-$HOME/.local}
case $prefix in
*[\"\\\$\`\&\|]*)
	echo "install.sh: $prefix has a sign in its name that a menu entry cannot hold" >&2
	exit 2
	;;
/*) ;;
*)
	echo "install.sh: $prefix is no folder by its full name (usage: ./install.sh [--remove] [PREFIX])" >&2
	exit 2
	;;
esac
share=$prefix/share
[ "$#" -gt 0 ] || share=${XDG_DATA_HOME:-$share}
program=$prefix/bin/countersign
entry=$share/applications/$id.desktop
icon=$share/icons/hicolor/512x512/apps/$id.png

if [ -n "$remove" ]; then
	rm -f "$program" "$entry" "$icon"
else
	install -D -m 0755 "$here/countersign" "$program"
	install -D -m 0644 "$here/$id.png" "$icon"
	mkdir -p "$share/applications"
	# By its full name, since ~/.local/bin is not on everybody's PATH. The
	# entry's syntax wants quotes around a name with spaces, and xdg-open
	# understands none where there is no need.
	case $program in
	*" "*) command="\"$program\"" ;;
	*) command=$program ;;
	esac
	sed "s|^Exec=countersign |Exec=$command |" "$here/$id.desktop" >"$entry"
	chmod 0644 "$entry"
fi
# Desktops that keep a list of who opens what read it from here.
if command -v update-desktop-database >/dev/null 2>&1; then
	update-desktop-database -q "$share/applications" || true
fi
if [ -n "$remove" ]; then echo "removed $program"; else echo "installed $program"; fi
