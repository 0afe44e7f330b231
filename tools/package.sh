#!/usr/bin/env bash
# Packages the app for one platform, into build/.
#
#   tools/package.sh linux|windows
#   tools/package.sh darwin|android|ios FYNE         FYNE: the fyne tool
#   tools/package.sh linux-folder PROGRAM FOLDER     what the package for Linux holds
#
# linux and windows are made on Linux. darwin and ios need macOS with Xcode,
# android needs Android's NDK: without them this says so and makes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
platform=${1:-}
fyne=${2:-}
tags=migrated_fynedo

die() {
	echo "tools/package.sh: $*" >&2
	exit 1
}

[ -f FyneApp.toml ] || die "FyneApp.toml is missing: it holds the app's name, id and version"

# package runs the fyne tool and moves what it made, which it leaves in the
# folder of the sources, under the app's name and that ending. The tool also
# counts its runs in FyneApp.toml; the file is given back as it was.
package() {
	local ending=$1 kept status=0
	shift
	rm -rf ./*."$ending"
	kept=$(mktemp)
	cp FyneApp.toml "$kept"
	"$fyne" package --tags "$tags" "$@" || status=$?
	cat "$kept" >FyneApp.toml
	rm "$kept"
	[ "$status" -eq 0 ] || exit "$status"
	mkdir -p build
	for made in ./*."$ending"; do
		[ -e "$made" ] || die "the fyne tool made no .$ending"
		rm -rf "build/$made"
		mv "$made" build/
		echo "made build/${made#./}"
	done
}

# linux_folder lays out what the package for Linux holds. The fyne tool would do
# it too, but with a menu entry that opens no links, and with an install command
# that does not find the icon.
linux_folder() {
	local program=$1 folder=$2
	mkdir -p "$folder"
	cp "$program" "$folder/countersign"
	cp Icon.png "$folder/org.countersign.app.png"
	cp tools/linux/install.sh tools/linux/org.countersign.app.desktop LICENSE docs/third-party.md "$folder/"
}

case $platform in
linux)
	# Built with the flags of every other build: others would compile the OpenGL
	# binding once more.
	CC=clang go build -tags "$tags" -o bin/countersign .
	rm -rf build/linux
	linux_folder bin/countersign build/linux/Countersign
	tar -C build/linux --owner=0 --group=0 -cJf build/Countersign.tar.xz Countersign
	rm -rf build/linux
	echo "made build/Countersign.tar.xz; in it is install.sh"
	;;
linux-folder)
	[ "$#" -eq 3 ] || die "usage: tools/package.sh linux-folder PROGRAM FOLDER"
	linux_folder "$2" "$3"
	;;
windows)
	# clang compiles and mingw links: mingw's own gcc takes over ten times as long.
	mkdir -p build
	GOOS=windows GOARCH=amd64 CGO_ENABLED=1 CC='clang --target=x86_64-w64-mingw32' \
		go build -tags "$tags" -o build/countersign.exe \
		-ldflags '-s -w -compressdwarf=false -H=windowsgui -extld=x86_64-w64-mingw32-gcc' .
	echo "made build/countersign.exe"
	;;
darwin)
	[ "$(uname -s)" = Darwin ] || die "the app for macOS is built on macOS with Xcode; .github/workflows/packages.yml does it"
	package app --release --target darwin
	# The tool has no place for the links that the app opens.
	plutil -insert CFBundleURLTypes -json \
		'[{"CFBundleURLName": "org.countersign.app", "CFBundleURLSchemes": ["countersign", "otpauth", "otpauth-migration"]}]' \
		build/Countersign.app/Contents/Info.plist
	;;
ios)
	[ "$(uname -s)" = Darwin ] || die "the app for iOS is built on macOS with Xcode; .github/workflows/packages.yml does it"
	# The simulator takes unsigned apps. For a phone: IOS_TARGET=ios, with a
	# signing identity in the keychain.
	package app --target "${IOS_TARGET:-iossimulator}"
	;;
android)
	[ -d "${ANDROID_NDK_HOME:-}" ] || die "the app for Android needs Android's NDK: set ANDROID_NDK_HOME; .github/workflows/packages.yml does it"
	package apk --target android
	;;
*)
	echo "usage: tools/package.sh linux|windows|darwin|android|ios [FYNE]" >&2
	exit 2
	;;
esac
