#!/bin/sh
# Installs the system packages that a target of the Makefile needs.
#
#   tools/deps.sh GROUP...     groups: app run model test radius linux windows
#
# On Debian and its relatives it installs what is missing, and only then asks
# for the package lists. On other systems it looks for the programs and prints
# the command that installs them.
set -eu

cd "$(dirname "$0")/.."

# The servers need nothing but Go. The app is drawn with OpenGL through cgo.
app='gcc libc6-dev clang pkg-config libgl1-mesa-dev libx11-dev libxcursor-dev libxrandr-dev libxinerama-dev libxi-dev libxxf86vm-dev libwayland-dev libxkbcommon-dev'
# Software rendering, where there is no graphics card (virtual machines, Xvfb).
run='libgl1-mesa-dri'
model='spin gcc libc6-dev'
# What the tests use for real: a keyring, browsers, a screen, other people's
# authenticators, RADIUS clients and an SSH server.
test='dbus gnome-keyring xvfb xauth xclip xdotool xdg-utils desktop-file-utils imagemagick x11-utils chromium oathtool zbar-tools default-jdk-headless freeradius-utils libpam-radius-auth libpam-wrapper openssh-server openssh-client mono-mcs mono-runtime libmono-system-runtime-serialization4.0-cil'
radius='freeradius freeradius-utils eapoltest pamtester libpam-radius-auth libpam-wrapper openssh-server openssh-client openconnect ocserv openvpn slapd ldap-utils radsecproxy'
linux='xz-utils'
windows='clang gcc-mingw-w64-x86-64'

want=
for group in "$@"; do
	case $group in
	app) want="$want $app" ;;
	run) want="$want $run" ;;
	model) want="$want $model" ;;
	test)
		want="$want $test"
		# Node.js from elsewhere serves as well, and Debian's would hide it.
		command -v node >/dev/null 2>&1 || want="$want nodejs"
		command -v npm >/dev/null 2>&1 || want="$want npm"
		;;
	radius) want="$want $radius" ;;
	linux) want="$want $linux" ;;
	windows) want="$want $windows" ;;
	*)
		echo "tools/deps.sh: no group $group (app run model test radius linux windows)" >&2
		exit 2
		;;
	esac
done

# other prints the command for this system. The names are the families' own.
other() {
	echo "This system has no apt-get, so nothing was installed. Please run:" >&2
	if [ "$(uname -s)" = Darwin ]; then
		echo "  xcode-select --install" >&2
		case " $* " in *" test "* | *" model "*) echo "  brew install spin node oath-toolkit zbar freeradius-server openjdk" >&2 ;; esac
	elif command -v dnf >/dev/null 2>&1; then
		echo "  sudo dnf install gcc clang pkgconf libX11-devel libXcursor-devel libXrandr-devel libXinerama-devel libXi-devel libXxf86vm-devel mesa-libGL-devel mesa-dri-drivers wayland-devel libxkbcommon-devel" >&2
		case " $* " in *" test "*) echo "  sudo dnf install dbus-daemon gnome-keyring xorg-x11-server-Xvfb xdotool xdg-utils desktop-file-utils ImageMagick xwininfo chromium nodejs npm oathtool zbar freeradius-utils openssh-server java-latest-openjdk-devel mono-core" >&2 ;; esac
	elif command -v pacman >/dev/null 2>&1; then
		echo "  sudo pacman -S --needed gcc clang pkgconf libx11 libxcursor libxrandr libxinerama libxi libxxf86vm mesa wayland libxkbcommon" >&2
		case " $* " in *" test "*) echo "  sudo pacman -S --needed dbus gnome-keyring xorg-server-xvfb xdotool xdg-utils desktop-file-utils imagemagick xorg-xwininfo chromium nodejs npm oath-toolkit zbar freeradius openssh jdk-openjdk mono" >&2 ;; esac
	else
		echo "  (with your package manager; these are Debian's names)$want" >&2
	fi
	echo "and then the same make target with DEPS=no." >&2
	exit 1
}

command -v go >/dev/null 2>&1 || {
	echo "Go is missing. Install $(sed -n 's/^go /Go /p' go.mod) or later from https://go.dev/dl/" >&2
	exit 1
}

missing=
if command -v apt-get >/dev/null 2>&1; then
	for package in $want; do
		status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$status" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || exit 0
elif [ -n "$want" ]; then
	other "$@"
else
	exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
	root=
elif command -v sudo >/dev/null 2>&1; then
	root=sudo
else
	echo "Missing packages, and neither root nor sudo to install them. As root, run:" >&2
	echo "  apt-get update && apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "Installing Debian packages:$missing"
lock='-o DPkg::Lock::Timeout=600'
# shellcheck disable=SC2086 # lists of words, meant to be split
$root env DEBIAN_FRONTEND=noninteractive apt-get $lock -q update
# shellcheck disable=SC2086
$root env DEBIAN_FRONTEND=noninteractive apt-get $lock -q -y install --no-install-recommends $missing
